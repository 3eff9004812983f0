/*
 * The deploy command: the task package is taken from the cache or downloaded, its hash compared, and the machine made
 * from it. A package that is no squashfs stands for the host's own programs.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utlist.h>

#include "core/mem.h"
#include "tests/devnet/digest.h"
#include "tests/devnet/exe_unit.h"
#include "tests/devnet/image.h"
#include "tests/devnet/ip.h"
#include "tests/devnet/vpn.h"

enum { HASH_DIGITS = 56, VOLUMES_MAX = 64, HOSTS_MAX = 256, NETWORKS_MAX = 64 };

struct deployment {
	struct batch *batch;
	struct fetch *fetch;
	char *part, *path; /* of the image file; NULL: none */
	char hash[HASH_DIGITS + 1];
	int fd;
};

static const char *const usual_volumes[] = {"/golem/input", "/golem/output", "/golem/work",
					    "/golem/resource"};

void deployment_cancel(struct deployment *deployment)
{
	if (!deployment)
		return;
	fetch_cancel(deployment->fetch);
	if (deployment->fd >= 0)
		close(deployment->fd);
	if (deployment->part)
		unlink(deployment->part);
	free(deployment->part);
	free(deployment->path);
	free(deployment);
}

/* Consumes the message. */
static void finish(struct deployment *deployment, int code, char *message)
{
	struct batch *batch = deployment->batch;
	batch->deployment = NULL;
	deployment_cancel(deployment);
	batch_command_end(batch, code, message);
}

static void print_volumes(struct machine *machine, struct buf *out)
{
	buf_adds(out, "{\"valid\":{\"Ok\":\"ok\"},\"startMode\":\"empty\",\"vols\":[");
	for (char **volume = machine->volumes; *volume; volume++) {
		BUF_AUTO struct buf name = {0};
		buf_printf(&name, "vol-%s", *volume + 1);
		for (char *at = name.data; *at; at++)
			if (*at == '/')
				*at = '_';
		buf_adds(out, volume == machine->volumes ? "{\"name\":" : ",{\"name\":");
		capture_print_string(name.data, name.len, out);
		buf_adds(out, ",\"path\":");
		capture_print_string(*volume, strlen(*volume), out);
		buf_addc(out, '}');
	}
	buf_adds(out, "]}\n");
}

static void on_ready(void *context, const char *error)
{
	struct machine *machine = context;
	struct batch *batch = machine->unit ? machine->unit->worker : NULL;
	if (!batch || !batch->deployment)
		return;
	BUF_AUTO struct buf text = {0};
	machine->up = !error;
	if (error) {
		finish(batch->deployment, -1, mem_printf(EXE_LOCAL "Command error: %s", error));
		return;
	}
	print_volumes(machine, &text);
	machine->unit->image = true;
	batch_output(batch, false, text.data, text.len);
	finish(batch->deployment, 0, NULL);
}

static void on_exited(void *context, uint64_t run, int code)
{
	struct machine *machine = context;
	struct batch *batch = machine->unit ? batch_running(machine->unit, run) : NULL;
	if (batch)
		batch_program_exited(batch, code);
}

static void on_refused(void *context, uint64_t run, int error)
{
	struct machine *machine = context;
	struct batch *batch = machine->unit ? batch_running(machine->unit, run) : NULL;
	if (batch)
		batch_command_end(batch, -1,
				  mem_printf("IO error: %s (os error %d)", strerror(error), error));
}

static void free_later(void *context)
{
	struct machine *machine = context;
	machine_drop(machine);
}

static void on_gone(void *context)
{
	struct machine *machine = context;
	struct exe_unit *unit = machine->unit;
	if (unit) {
		unit->cpu_past += sandbox_cpu(machine->sandbox);
		unit->machine = NULL;
		if (unit->worker && unit->worker->run)
			batch_program_exited(unit->worker, -1);
	}
	machine->unit = NULL;
	machine->over = true;
	loop_defer(machine->loop, free_later, machine);
}

static bool good_path(const char *path)
{
	size_t len = strlen(path);
	return path[0] == '/' && len > 1 && len < 512 && !strstr(path, "/../") && !strstr(path, "//") &&
	       strcmp(path + len - (len >= 3 ? 3 : len), "/..") != 0;
}

static void add_volume(struct machine *machine, unsigned *count, const char *path)
{
	for (unsigned i = 0; i < *count; i++)
		if (strcmp(machine->volumes[i], path) == 0)
			return;
	if (*count < VOLUMES_MAX)
		machine->volumes[(*count)++] = mem_strdup(path);
}

/* The first of the asked volumes that is no good path, or NULL. */
static const char *collect_volumes(struct machine *machine, char *const *of_image, const cJSON *asked)
{
	unsigned count = 0;
	const cJSON *item;
	machine->volumes = mem_alloc(sizeof(*machine->volumes) * (VOLUMES_MAX + 1));
	for (unsigned i = 0; !*of_image && i < sizeof(usual_volumes) / sizeof(*usual_volumes); i++)
		add_volume(machine, &count, usual_volumes[i]);
	for (; *of_image; of_image++)
		if (good_path(*of_image))
			add_volume(machine, &count, *of_image);
	cJSON_ArrayForEach (item, asked) {
		const char *path = item->string ? item->string : item->valuestring;
		if (!good_path(path))
			return path;
		add_volume(machine, &count, path);
	}
	return NULL;
}

static bool good_host(const char *text)
{
	return *text && strlen(text) < 256 && !text[strcspn(text, " \t\r\n#")];
}

static unsigned collect_hosts(const cJSON *asked, struct sandbox_host *hosts)
{
	unsigned count = 0;
	const cJSON *item;
	cJSON_ArrayForEach (item, asked)
		if (count < HOSTS_MAX && good_host(item->string) && good_host(item->valuestring))
			hosts[count++] = (struct sandbox_host){item->string, item->valuestring};
	return count;
}

static const cJSON *asked(const struct deployment *deployment, const char *name)
{
	struct batch *batch = deployment->batch;
	return cJSON_GetObjectItemCaseSensitive(batch->script->commands[batch->index].body, name);
}

static bool read_ip4(const char *text, uint32_t *value)
{
	struct ip ip;
	if (!ip_parse(text, &ip) || ip.v6)
		return false;
	memcpy(value, ip.bytes, sizeof(*value));
	return true;
}

static const char *text_of(const cJSON *object, const char *name)
{
	return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));
}

/* False when an address is none. */
static bool join(struct vpn_port *port, const cJSON *network, struct nic_address *address)
{
	const char *id = text_of(network, "id");
	struct ip_net range;
	const cJSON *node;
	uint32_t ip;
	if (!read_ip4(text_of(network, "nodeIp"), &address->ip) ||
	    ip_net_parse(text_of(network, "ip"), text_of(network, "mask"), &range) != IP_OK || range.ip.v6)
		return false;
	address->prefix = range.prefix;
	vpn_port_join(port, id);
	cJSON_ArrayForEach (node, cJSON_GetObjectItemCaseSensitive(network, "nodes"))
		if (read_ip4(node->string, &ip))
			vpn_port_know(port, id, ip, node->valuestring);
	return true;
}

/* The networks of the order: their number and the instance's addresses; -1 when one cannot be joined. */
static int join_networks(struct machine *machine, const cJSON *networks, struct nic_address *addresses)
{
	struct devnet *devnet = machine->unit->devnet;
	const cJSON *network;
	int count = 0;
	if (!cJSON_GetArraySize(networks))
		return 0;
	machine->port = vpn_port_of_provider(devnet->vpn, machine->unit->agreement->provider);
	cJSON_ArrayForEach (network, networks) {
		if (count == NETWORKS_MAX || !join(machine->port, network, &addresses[count]))
			return -1;
		nets_joined(devnet, text_of(network, "id"));
		count++;
	}
	return count;
}

static struct machine *machine_new(struct exe_unit *unit)
{
	struct machine *machine = mem_alloc(sizeof(*machine));
	machine->list = unit->machines;
	machine->loop = unit->devnet->loop;
	machine->unit = unit;
	DL_APPEND(*machine->list, machine);
	return machine;
}

static void start_machine(struct deployment *deployment, struct machine *machine, const char *image)
{
	struct exe_unit *unit = deployment->batch->unit;
	struct sandbox_host hosts[HOSTS_MAX];
	struct nic_address addresses[NETWORKS_MAX];
	char name[64], box[16];
	const char *hostname = cJSON_GetStringValue(asked(deployment, "hostname"));
	int joined = join_networks(machine, asked(deployment, "net"), addresses);
	if (joined < 0) {
		machine_drop(machine);
		finish(deployment, -1, mem_strdup(EXE_LOCAL "Net error: invalid IP address syntax"));
		return;
	}
	snprintf(name, sizeof(name), "%.12s-%u", unit->id, ++unit->deployments);
	snprintf(box, sizeof(box), "%.12s", unit->id);
	struct sandbox_spec spec = {
		.name = name,
		.scratch = unit->devnet->work_dir,
		.image = image,
		.hostname = hostname && good_host(hostname) && strlen(hostname) < 64 ? hostname : box,
		.hosts = hosts,
		.host_count = collect_hosts(asked(deployment, "hosts"), hosts),
		.addresses = addresses,
		.address_count = (unsigned)joined,
		.volumes = (const char *const *)machine->volumes};
	struct sandbox_events events = {on_ready, on_exited, on_refused, on_gone, machine};
	machine->sandbox = sandbox_start(machine->loop, &spec, &events);
	unit->machine = machine;
	if (machine->sandbox)
		return;
	char *message = mem_printf("IO error: %s (os error %d)", strerror(errno), errno);
	unit->machine = NULL;
	machine_drop(machine);
	finish(deployment, -1, message);
}

static void build(struct deployment *deployment)
{
	struct exe_unit *unit = deployment->batch->unit;
	struct image_about about = {0};
	const char *own = unit->agreement->provider->runtime_root;
	const char *file = deployment->path && image_is_squashfs(deployment->path) ? deployment->path : own;
	if (file)
		image_read(file, &about);
	else
		about = (struct image_about){.volumes = mem_alloc(sizeof(char *)),
					     .directory = mem_strdup("/golem/work")};
	struct machine *machine = machine_new(unit);
	machine->env = mem_move(&about.env);
	machine->directory = mem_move(&about.directory);
	const char *bad = collect_volumes(machine, about.volumes, asked(deployment, "volumes"));
	image_about_free(&about);
	if (!bad) {
		start_machine(deployment, machine, file);
		return;
	}
	char *message = mem_printf(EXE_LOCAL "Command error: invalid volume path: %s", bad);
	machine_drop(machine);
	finish(deployment, -1, message);
}

static void tell_cached(struct deployment *deployment)
{
	if (cJSON_IsObject(asked(deployment, "progress")))
		stream_event(deployment->batch, deployment->batch->index,
			     "{\"progress\":{\"step\":[0,1],\"message\":\"Deployed image from cache\","
			     "\"progress\":[0,null],\"unit\":\"Bytes\"}}");
}

static void on_image(void *context, const char *error)
{
	struct deployment *deployment = context;
	char hash[DIGEST_HEX_MAX] = "";
	deployment->fetch = NULL;
	if (error) {
		finish(deployment, -1, mem_printf(EXE_LOCAL "Transfer error: %s", error));
		return;
	}
	if (!digest_file_hex(DIGEST_SHA3_224, deployment->part, hash) ||
	    strcmp(hash, deployment->hash) != 0) {
		finish(deployment, -1,
		       mem_printf(EXE_LOCAL
				  "Transfer error: Incorrect hash provided or downloaded image is corrupted: "
				  "calculated hash %s differs from the expected one %s",
				  hash, deployment->hash));
		return;
	}
	if (rename(deployment->part, deployment->path)) {
		finish(deployment, -1, mem_printf("IO error: %s (os error %d)", strerror(errno), errno));
		return;
	}
	build(deployment);
}

static void download(struct deployment *deployment, const char *url)
{
	struct exe_unit *unit = deployment->batch->unit;
	deployment->part = mem_printf("%s.%s.part", deployment->path, deployment->batch->id);
	deployment->fd = open(deployment->part, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (deployment->fd < 0)
		finish(deployment, -1, mem_printf("IO error: %s (os error %d)", strerror(errno), errno));
	else
		deployment->fetch = fetch_get(unit->fetches, url, deployment->fd, on_image, deployment);
}

/* "hash:sha3:HEX:URL", as in "hash://sha3:HEX:URL". */
static const char *read_package(const char *package, char hash[HASH_DIGITS + 1])
{
	static const char *const prefixes[] = {"hash:sha3:", "hash://sha3:", NULL};
	for (const char *const *prefix = prefixes; *prefix; prefix++) {
		size_t len = strlen(*prefix);
		const char *colon = strncmp(package, *prefix, len) ? NULL : strchr(package + len, ':');
		if (!colon || colon - package - (long)len != HASH_DIGITS)
			continue;
		snprintf(hash, HASH_DIGITS + 1, "%s", package + len);
		return strspn(hash, "0123456789abcdefABCDEF") == HASH_DIGITS ? colon + 1 : NULL;
	}
	return NULL;
}

void deployment_begin(struct batch *batch)
{
	struct exe_unit *unit = batch->unit;
	const char *package = cJSON_GetStringValue(
		cJSON_GetObjectItemCaseSensitive(unit->agreement->demand, "golem.srv.comp.task_package"));
	struct deployment *deployment = mem_alloc(sizeof(*deployment));
	*deployment = (struct deployment){.batch = batch, .fd = -1};
	batch->deployment = deployment;
	if (!package) {
		build(deployment);
		return;
	}
	const char *url = read_package(package, deployment->hash);
	if (!url) {
		finish(deployment, -1,
		       mem_printf(EXE_LOCAL "Transfer error: Invalid package format: %s", package));
		return;
	}
	deployment->path = mem_printf("%s/image-%s", unit->devnet->work_dir, deployment->hash);
	if (access(deployment->path, R_OK)) {
		download(deployment, url);
		return;
	}
	tell_cached(deployment);
	build(deployment);
}
