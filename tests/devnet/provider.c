#include "tests/devnet/provider.h"

#include <math.h>
#include <strings.h>
#include <utlist.h>

#include "core/json.h"
#include "core/mem.h"
#include "tests/devnet/digest.h"

enum { WHY_SIZE = 200, IDLE_LIMIT_S = 90, ACCEPT_LIMIT_S = 240, REJECTS_EVERY = 8 };

/* What can be told of a provider, beside its prices and limits in struct provider. */
struct machine {
	double cores, threads, mem_gib, storage_gib;
	const char *subnet;
	const char *runtime;
};

static const struct {
	const char *name;
	double cpu_per_hour, env_per_hour; /* GLM */
	double threads, mem_gib, storage_gib;
} catalogue[] = {
	{"almond", 0.072, 0.036, 2, 4, 20}, {"birch", 0.080, 0.030, 4, 8, 40},
	{"cedar", 0.060, 0.048, 2, 2, 10},  {"dogwood", 0.090, 0.024, 8, 16, 80},
	{"elder", 0.066, 0.042, 4, 4, 20},  {"fir", 0.100, 0.020, 16, 32, 160},
	{"gorse", 0.054, 0.054, 2, 4, 20},  {"hazel", 0.084, 0.036, 6, 12, 60},
};
enum { CATALOGUE = sizeof(catalogue) / sizeof(*catalogue) };

struct provider *provider_find(struct devnet *devnet, const char *name_or_id)
{
	struct provider *provider;
	LL_FOREACH (devnet->providers, provider)
		if (!strcmp(provider->name, name_or_id) || !strcasecmp(provider->node_id, name_or_id))
			return provider;
	return NULL;
}

unsigned provider_count(const struct devnet *devnet)
{
	unsigned count;
	struct provider *provider;
	LL_COUNT(devnet->providers, provider, count);
	return count;
}

/* The same name is the same node in every run. */
static void make_node_id(const char *name, char out[43])
{
	char hex[DIGEST_HEX_MAX];
	MEM_AUTO char *seed = mem_printf("golem-devnet provider %s", name);
	digest_hex(DIGEST_SHA1, seed, strlen(seed), hex);
	snprintf(out, 43, "0x%.40s", hex);
}

static void add_strings(cJSON *properties, const char *key, const char *const *values, int count)
{
	cJSON_AddItemToObject(properties, key, cJSON_CreateStringArray(values, count));
}

/* A float of the real server keeps its ".0", which cJSON drops. */
static cJSON *coefficient(double value)
{
	MEM_AUTO char *text = mem_printf("%.1f", value);
	return value == floor(value) ? cJSON_CreateRaw(text) : cJSON_CreateNumber(value);
}

static void add_prices(cJSON *properties, const struct provider *provider)
{
	static const char *const vector[] = {"golem.usage.cpu_sec", "golem.usage.duration_sec"};
	double values[] = {provider->per_cpu_second, provider->per_second, provider->start_price};
	cJSON *coeffs = cJSON_CreateArray();
	for (size_t i = 0; i < 3; i++)
		cJSON_AddItemToArray(coeffs, coefficient(values[i]));
	cJSON_AddStringToObject(properties, "golem.com.pricing.model", "linear");
	cJSON_AddItemToObject(properties, "golem.com.pricing.model.linear.coeffs", coeffs);
	add_strings(properties, "golem.com.usage.vector", vector, 2);
}

static void add_payment(cJSON *properties, const struct provider *provider, const char *platform)
{
	MEM_AUTO char *own = mem_printf("golem.com.payment.platform.%s.address", platform);
	cJSON_AddNumberToObject(properties, "golem.com.payment.debit-notes.accept-timeout?",
				provider->accept_limit_s);
	cJSON_AddStringToObject(properties, "golem.com.payment.platform.erc20-holesky-tglm.address",
				provider->node_id);
	cJSON_AddStringToObject(properties, own, provider->node_id);
	cJSON_AddNumberToObject(properties, "golem.com.payment.protocol.version", 3);
}

static void add_scheme(cJSON *properties)
{
	cJSON_AddStringToObject(properties, "golem.com.scheme", "payu");
	cJSON_AddItemToObject(properties, "golem.com.scheme.payu", cJSON_CreateObject());
	cJSON_AddNumberToObject(properties, "golem.com.scheme.payu.debit-note.interval-sec?", 120);
	cJSON_AddNumberToObject(properties, "golem.com.scheme.payu.payment-timeout-sec?", 120);
}

static void add_machine(cJSON *properties, const struct machine *machine)
{
	cJSON_AddStringToObject(properties, "golem.inf.cpu.architecture", "x86_64");
	cJSON_AddNumberToObject(properties, "golem.inf.cpu.cores", machine->cores);
	cJSON_AddNumberToObject(properties, "golem.inf.cpu.threads", machine->threads);
	cJSON_AddNumberToObject(properties, "golem.inf.mem.gib", machine->mem_gib);
	cJSON_AddNumberToObject(properties, "golem.inf.storage.gib", machine->storage_gib);
}

static void add_runtime(cJSON *properties, const struct machine *machine)
{
	static const char *const capabilities[] = {"vpn", "manifest-support"};
	add_strings(properties, "golem.runtime.capabilities", capabilities, 2);
	cJSON_AddStringToObject(properties, "golem.runtime.name", machine->runtime);
	cJSON_AddStringToObject(properties, "golem.runtime.version", "0.5.3");
	cJSON_AddTrueToObject(properties, "golem.srv.caps.multi-activity");
	cJSON_AddTrueToObject(properties, "golem.srv.caps.payload-manifest");
}

/* Member for member in the order of a real Initial proposal (sorted). */
static void make_offer(struct devnet *devnet, struct provider *provider, const struct machine *machine)
{
	static const char *const protocols[] = {"http", "https", "gftp"};
	cJSON *properties = cJSON_CreateObject();
	cJSON_AddTrueToObject(properties, "golem.activity.caps.deploy.report-progress");
	add_strings(properties, "golem.activity.caps.transfer.protocol", protocols, 3);
	cJSON_AddTrueToObject(properties, "golem.activity.caps.transfer.report-progress");
	add_payment(properties, provider, devnet->platform);
	add_prices(properties, provider);
	add_scheme(properties);
	add_machine(properties, machine);
	cJSON_AddStringToObject(properties, "golem.node.debug.subnet", machine->subnet);
	cJSON_AddStringToObject(properties, "golem.node.id.name", provider->name);
	cJSON_AddTrueToObject(properties, "golem.node.net.is-public");
	add_runtime(properties, machine);
	cJSON_Delete(provider->offer_properties);
	provider->offer_properties = properties;
	struct timespec now = wire_now();
	free(provider->offer_constraints);
	provider->offer_constraints =
		mem_printf("(&\n  (golem.srv.comp.expiration>%lld)\n  (golem.node.debug.subnet=%s)\n)",
			   (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000, machine->subnet);
}

static struct provider *add(struct devnet *devnet, const char *name)
{
	struct provider *provider = mem_alloc(sizeof(*provider));
	provider->name = mem_strdup(name);
	make_node_id(name, provider->node_id);
	provider->max_agreements = 1;
	provider->reachable = true;
	provider->idle_limit_s = IDLE_LIMIT_S;
	provider->accept_limit_s = ACCEPT_LIMIT_S;
	LL_APPEND(devnet->providers, provider);
	return provider;
}

void provider_make(struct devnet *devnet, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		unsigned row = i % CATALOGUE;
		MEM_AUTO char *name = i < CATALOGUE
					      ? mem_strdup(catalogue[row].name)
					      : mem_printf("%s-%u", catalogue[row].name, i / CATALOGUE + 1);
		struct provider *provider = add(devnet, name);
		struct machine machine = {.cores = catalogue[row].threads,
					  .threads = catalogue[row].threads,
					  .mem_gib = catalogue[row].mem_gib,
					  .storage_gib = catalogue[row].storage_gib,
					  .subnet = devnet->subnet,
					  .runtime = "vm"};
		provider->per_cpu_second = catalogue[row].cpu_per_hour / 3600;
		provider->per_second = catalogue[row].env_per_hour / 3600;
		provider->rejects = i % REJECTS_EVERY == REJECTS_EVERY - 2;
		make_offer(devnet, provider, &machine);
	}
}

void provider_free_all(struct devnet *devnet)
{
	struct provider *provider, *next;
	LL_FOREACH_SAFE (devnet->providers, provider, next) {
		free(provider->name);
		free(provider->offer_constraints);
		free(provider->runtime_root);
		cJSON_Delete(provider->offer_properties);
		free(provider);
	}
	devnet->providers = NULL;
}

static double property(const struct provider *provider, const char *key, double fallback)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(provider->offer_properties, key);
	return cJSON_IsNumber(item) ? item->valuedouble : fallback;
}

static const char *text_property(const struct provider *provider, const char *key, const char *fallback)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(provider->offer_properties, key);
	return cJSON_IsString(item) ? item->valuestring : fallback;
}

cJSON *provider_show(const struct provider *provider)
{
	cJSON *row = cJSON_CreateObject();
	cJSON_AddStringToObject(row, "name", provider->name);
	cJSON_AddStringToObject(row, "node_id", provider->node_id);
	cJSON_AddStringToObject(row, "subnet", text_property(provider, "golem.node.debug.subnet", ""));
	cJSON_AddStringToObject(row, "runtime", text_property(provider, "golem.runtime.name", ""));
	cJSON_AddNumberToObject(row, "threads", property(provider, "golem.inf.cpu.threads", 0));
	cJSON_AddNumberToObject(row, "mem_gib", property(provider, "golem.inf.mem.gib", 0));
	cJSON_AddNumberToObject(row, "storage_gib", property(provider, "golem.inf.storage.gib", 0));
	cJSON_AddNumberToObject(row, "env_per_hour", provider->per_second * 3600);
	cJSON_AddNumberToObject(row, "cpu_per_hour", provider->per_cpu_second * 3600);
	cJSON_AddNumberToObject(row, "start_price", provider->start_price);
	cJSON_AddNumberToObject(row, "max_agreements", provider->max_agreements);
	cJSON_AddBoolToObject(row, "reachable", provider->reachable);
	cJSON_AddBoolToObject(row, "rejects", provider->rejects);
	cJSON_AddNumberToObject(row, "idle_limit_s", provider->idle_limit_s);
	cJSON_AddNumberToObject(row, "accept_limit_s", provider->accept_limit_s);
	if (provider->runtime_root)
		cJSON_AddStringToObject(row, "runtime_root", provider->runtime_root);
	return row;
}

static double price(const cJSON *from, const char *key, double fallback, struct err *err)
{
	double value = json_number_or(from, key, fallback, err);
	if (!err->code && (value < 0 || value > 1e6))
		err_set(err, EINVAL, "%s is a price from 0 to 1000000 GLM", key);
	return value;
}

static unsigned count_of(const cJSON *from, const char *key, unsigned fallback, struct err *err)
{
	return (unsigned)json_integer_or(from, key, 0, 1000000000, fallback, err);
}

/* Reads everything into copies, so that a wrong member changes nothing. */
static void read_provider(struct provider *to, struct machine *machine, const cJSON *from, struct err *err)
{
	to->per_second = price(from, "env_per_hour", to->per_second * 3600, err) / 3600;
	to->per_cpu_second = price(from, "cpu_per_hour", to->per_cpu_second * 3600, err) / 3600;
	to->start_price = price(from, "start_price", to->start_price, err);
	to->max_agreements = count_of(from, "max_agreements", to->max_agreements, err);
	to->reachable = json_bool_or(from, "reachable", to->reachable, err);
	to->rejects = json_bool_or(from, "rejects", to->rejects, err);
	to->idle_limit_s = count_of(from, "idle_limit_s", to->idle_limit_s, err);
	to->accept_limit_s = count_of(from, "accept_limit_s", to->accept_limit_s, err);
	machine->threads = json_number_or(from, "threads", machine->threads, err);
	machine->cores = machine->threads;
	machine->mem_gib = json_number_or(from, "mem_gib", machine->mem_gib, err);
	machine->storage_gib = json_number_or(from, "storage_gib", machine->storage_gib, err);
	machine->subnet = json_string_or(from, "subnet", machine->subnet, err);
	machine->runtime = json_string_or(from, "runtime", machine->runtime, err);
}

static bool name_allowed(const char *name)
{
	size_t len = strlen(name);
	return len && len < 64 &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == len;
}

struct provider *provider_set(struct devnet *devnet, const cJSON *description, char *why)
{
	struct err err = {0};
	if (!cJSON_IsObject(description))
		err_set(&err, EINVAL, "a provider is a JSON object");
	const char *name = err.code ? "" : json_string(description, "name", &err);
	if (!err.code && !name_allowed(name))
		err_set(&err, EINVAL, "a provider's name is letters, digits, '.', '_' and '-', at most 63");
	struct provider *old = provider_find(devnet, name);
	if (!err.code && !old && provider_count(devnet) >= PROVIDERS_MAX)
		err_set(&err, ENOSPC, "there are %d providers already", PROVIDERS_MAX);
	struct provider fresh = {.max_agreements = 1,
				 .reachable = true,
				 .idle_limit_s = IDLE_LIMIT_S,
				 .accept_limit_s = ACCEPT_LIMIT_S,
				 .per_second = 1e-5,
				 .per_cpu_second = 2e-5};
	struct provider read = old ? *old : fresh;
	MEM_AUTO char *subnet = mem_strdup(text_property(&read, "golem.node.debug.subnet", devnet->subnet));
	MEM_AUTO char *runtime = mem_strdup(text_property(&read, "golem.runtime.name", "vm"));
	struct machine machine = {.threads = property(&read, "golem.inf.cpu.threads", 2),
				  .mem_gib = property(&read, "golem.inf.mem.gib", 4),
				  .storage_gib = property(&read, "golem.inf.storage.gib", 20),
				  .subnet = subnet,
				  .runtime = runtime};
	const char *root = NULL;
	if (!err.code) {
		read_provider(&read, &machine, description, &err);
		root = json_string_or(description, "runtime_root", read.runtime_root, &err);
	}
	if (err.code) {
		snprintf(why, WHY_SIZE, "%.*s", WHY_SIZE - 1, err.text);
		return NULL;
	}
	struct provider *provider = old ? old : add(devnet, name);
	char *new_root = root ? mem_strdup(root) : NULL;
	free(provider->runtime_root);
	read.next = provider->next;
	read.name = provider->name;
	memcpy(read.node_id, provider->node_id, sizeof(read.node_id));
	read.runtime_root = new_root;
	*provider = read;
	make_offer(devnet, provider, &machine);
	return provider;
}
