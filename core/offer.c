#include "core/offer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"

/* --- prices ------------------------------------------------------------------------------------------------ */

static enum payment_counter counter_of(const char *name)
{
	if (strcmp(name, "golem.usage.duration_sec") == 0)
		return PAYMENT_SECONDS;
	if (strcmp(name, "golem.usage.cpu_sec") == 0)
		return PAYMENT_CPU_SECONDS;
	return PAYMENT_OTHER;
}

static const cJSON *property(const cJSON *properties, const char *key)
{
	return cJSON_GetObjectItemCaseSensitive(properties, key);
}

static const char *property_text(const cJSON *properties, const char *key)
{
	const cJSON *item = property(properties, key);

	return cJSON_IsString(item) && item->valuestring ? item->valuestring : "";
}

static double property_number(const cJSON *properties, const char *key)
{
	const cJSON *item = property(properties, key);

	return cJSON_IsNumber(item) && isfinite(item->valuedouble) ? item->valuedouble : 0;
}

static int add_counter(struct price *price, const cJSON *name, const cJSON *coefficient, struct err *err)
{
	unsigned i = price->counters;

	if (!cJSON_IsString(name) || !name->valuestring || !cJSON_IsNumber(coefficient) ||
	    !(coefficient->valuedouble >= 0) || !isfinite(coefficient->valuedouble))
		return err_set(err, EIO, "price: the offer's coefficients are not understood");
	price->counter[i] = counter_of(name->valuestring);
	price->coefficient[i] = coefficient->valuedouble;
	if (price->counter[i] == PAYMENT_OTHER && coefficient->valuedouble > 0)
		return err_set(err, EIO, "price: it also charges for %.60s", name->valuestring);
	if (price->counter[i] == PAYMENT_SECONDS)
		price->env_per_hour += coefficient->valuedouble * 3600;
	if (price->counter[i] == PAYMENT_CPU_SECONDS)
		price->cpu_per_hour += coefficient->valuedouble * 3600;
	price->counters++;
	return 0;
}

int price_read(struct price *price, const cJSON *properties, struct err *err)
{
	const cJSON *vector = property(properties, "golem.com.usage.vector");
	const cJSON *coeffs = property(properties, "golem.com.pricing.model.linear.coeffs");
	const cJSON *name, *coefficient;
	int counters = cJSON_GetArraySize(vector);

	memset(price, 0, sizeof(*price));
	if (strcmp(property_text(properties, "golem.com.pricing.model"), "linear") != 0)
		return err_set(err, EIO, "price: the pricing model is not linear");
	if (!cJSON_IsArray(vector) || !cJSON_IsArray(coeffs) || counters > OFFER_COUNTERS_MAX ||
	    cJSON_GetArraySize(coeffs) != counters + 1)
		return err_set(err, EIO, "price: the offer's coefficients are not understood");
	coefficient = coeffs->child;
	cJSON_ArrayForEach (name, vector) {
		if (add_counter(price, name, coefficient, err))
			return -1;
		coefficient = coefficient->next;
	}
	if (!cJSON_IsNumber(coefficient) || !(coefficient->valuedouble >= 0) ||
	    !isfinite(coefficient->valuedouble))
		return err_set(err, EIO, "price: the offer's start price is not understood");
	price->start = coefficient->valuedouble;
	return 0;
}

double price_per_hour(const struct price *price, double threads)
{
	return price->env_per_hour + price->cpu_per_hour * threads;
}

/* --- what the backend wants -------------------------------------------------------------------------------- */

/* 0 or -1 with the sentence for `why`. Ceilings are compared with the offer's floats: a limit that equals a price
 * in decimals must hold, so the last bits of the double are forgiven. */
static int under(double price, const char *ceiling, const char *what, struct err *err)
{
	double limit;

	if (!*ceiling)
		return 0;
	limit = setting_number(ceiling);
	if (price <= limit + limit * 1e-9)
		return 0;
	return err_set(err, EDQUOT, "price: %s %.6g is above %s", what, price, ceiling);
}

static int check_price(const struct offer *offer, const struct values *values, struct err *err)
{
	const struct price *price = &offer->price;

	if (under(offer->glm_per_hour, values_text(values, NULL, SET_MAX_GLM_PER_HOUR), "per hour", err) ||
	    under(price->start, values_text(values, NULL, SET_MAX_START_PRICE), "start", err) ||
	    under(price->cpu_per_hour, values_text(values, NULL, SET_MAX_CPU_PER_HOUR_PRICE), "cpu per hour",
		  err) ||
	    under(price->env_per_hour, values_text(values, NULL, SET_MAX_ENV_PER_HOUR_PRICE), "env per hour",
		  err))
		return -1;
	return 0;
}

static int check_filter(const struct offer *offer, const struct values *values, struct err *err)
{
	const char *with = values_text(values, NULL, SET_WITH_PROVIDERS);
	const char *without = values_text(values, NULL, SET_WITHOUT_PROVIDERS);

	if (setting_lists_provider(without, offer->provider, offer->name))
		return err_set(err, EINVAL, "filter: in without_providers");
	if (*with && !setting_lists_provider(with, offer->provider, offer->name))
		return err_set(err, EINVAL, "filter: not in with_providers");
	return 0;
}

static int check_platform(const cJSON *properties, const char *platform, struct err *err)
{
	BUF_AUTO struct buf key = {0};

	if (!platform)
		return 0;
	buf_printf(&key, "golem.com.payment.platform.%s.address", platform);
	if (!property(properties, buf_text(&key)))
		return err_set(err, EINVAL, "filter: it cannot be paid on %s", platform);
	return 0;
}

/* --- the table --------------------------------------------------------------------------------------------- */

static void set_text(char **field, const char *text)
{
	free(*field);
	*field = text ? mem_strdup(text) : NULL;
}

void offer_set(struct offer *offer, enum offer_status status, const char *why)
{
	offer->status = status;
	set_text(&offer->why, why);
}

void offer_drop_proposals(struct offer *offer)
{
	set_text(&offer->proposal, NULL);
	set_text(&offer->counter, NULL);
	set_text(&offer->draft, NULL);
}

struct offer *offer_find(struct offer *offers, const char *provider)
{
	struct offer *offer;

	HASH_FIND_STR(offers, provider, offer);
	return offer;
}

static void read_machine(struct offer *offer, const cJSON *properties, double threads)
{
	BUF_AUTO struct buf name = {0};
	double timeout;

	buf_add_clean(&name, property_text(properties, "golem.node.id.name"));
	set_text(&offer->name, buf_text(&name));
	offer->cores = property_number(properties, "golem.inf.cpu.cores");
	offer->threads = property_number(properties, "golem.inf.cpu.threads");
	offer->mem_gib = property_number(properties, "golem.inf.mem.gib");
	offer->storage_gib = property_number(properties, "golem.inf.storage.gib");
	timeout = property_number(properties, "golem.com.payment.debit-notes.accept-timeout?");
	offer->accept_timeout_s = timeout > 0 && timeout < 86400 ? (int)timeout : 0;
	offer->glm_per_hour = price_per_hour(&offer->price, threads);
}

struct offer *offer_learn(struct offer **offers, const char *provider, const cJSON *properties,
			  const struct values *values, const char *platform)
{
	struct offer *offer = offer_find(*offers, provider);
	struct err err = {0};

	if (!offer) {
		offer = mem_alloc(sizeof(*offer));
		offer->provider = mem_strdup(provider);
		HASH_ADD_KEYPTR(hh, *offers, offer->provider, strlen(offer->provider), offer);
	}
	price_read(&offer->price, properties, &err);
	read_machine(offer, properties, setting_number(values_text(values, NULL, SET_MIN_CPU_THREADS)));
	if (!err.code && !check_platform(properties, platform, &err) && !check_filter(offer, values, &err))
		check_price(offer, values, &err);
	if (err.code)
		offer_set(offer, OFFER_UNWANTED, err.text);
	else if (offer->status == OFFER_UNWANTED || offer->status == OFFER_REJECTED)
		offer_set(offer, OFFER_OPEN, NULL);
	else if (offer->status == OFFER_FAILED)
		offer->status = OFFER_OPEN; /* with its `why`, and not before its time */
	return offer;
}

void offers_free(struct offer **offers)
{
	struct offer *offer, *next;

	HASH_ITER (hh, *offers, offer, next) {
		HASH_DEL(*offers, offer);
		yagna_cancel(&offer->call);
		offer_drop_proposals(offer);
		free(offer->provider);
		free(offer->name);
		free(offer->why);
		free(offer);
	}
}

/* An hour and the start price: what the shortest usual rental costs. */
static bool cheaper(const struct offer *a, const struct offer *b)
{
	return a->glm_per_hour + a->price.start < b->glm_per_hour + b->price.start;
}

struct offer *offer_cheapest(struct offer *offers, enum offer_status status, uint64_t now_ms)
{
	struct offer *best = NULL;

	for (struct offer *offer = offers; offer; offer = offer->hh.next) {
		if (offer->status != status || offer->not_before_ms > now_ms || offer->barred)
			continue;
		if (status == OFFER_OPEN && !offer->proposal)
			continue;
		if (!best || cheaper(offer, best))
			best = offer;
	}
	return best;
}

unsigned offers_count(struct offer *offers, enum offer_status status)
{
	unsigned count = 0;

	for (struct offer *offer = offers; offer; offer = offer->hh.next)
		count += offer->status == status && !offer->barred;
	return count;
}

void offers_render(struct offer *offers, struct buf *out)
{
	static const char *const words[] = {
		[OFFER_OPEN] = "open",     [OFFER_COUNTERED] = "asked",   [OFFER_DRAFT] = "agreeable",
		[OFFER_TAKEN] = "taken",   [OFFER_UNWANTED] = "unwanted", [OFFER_REJECTED] = "rejected",
		[OFFER_FAILED] = "failed",
	};

	buf_adds(out, "#provider\tname\tglm_per_hour\tstart_price\tcpu\tmem_gib\tstorage_gib\tstatus\twhy\n");
	for (struct offer *offer = offers; offer; offer = offer->hh.next)
		buf_printf(out, "%s\t%s\t%.9g\t%.9g\t%g\t%g\t%g\t%s\t%s\n", offer->provider, offer->name,
			   offer->glm_per_hour, offer->price.start, offer->threads, offer->mem_gib,
			   offer->storage_gib, words[offer->status], offer->why ? offer->why : "");
}
