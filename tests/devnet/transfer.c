/* The transfer command: between the machine's volumes and HTTP, or inside the machine (reference/yagna-api.md 5.5). */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <strings.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/mem.h"
#include "tests/devnet/exe_unit.h"

enum { COPY_PIECE = 1 << 20 };

struct transfer {
	struct batch *batch;
	struct fetch *fetch;
	struct loop_timer *timer;
	int from, to;
};

void transfer_cancel(struct transfer *transfer)
{
	if (!transfer)
		return;
	fetch_cancel(transfer->fetch);
	loop_cancel(&transfer->timer);
	if (transfer->from >= 0)
		close(transfer->from);
	if (transfer->to >= 0)
		close(transfer->to);
	free(transfer);
}

static void finish(struct transfer *transfer, const char *error)
{
	struct batch *batch = transfer->batch;
	char *message = error ? mem_printf(EXE_LOCAL "Transfer error: %s", error) : NULL;
	batch->transfer = NULL;
	transfer_cancel(transfer);
	batch_command_end(batch, message ? -1 : 0, message);
}

static void finish_errno(struct transfer *transfer)
{
	MEM_AUTO char *text = mem_printf("IO error: %s (os error %d)", strerror(errno), errno);
	finish(transfer, text);
}

static int open_in(int root, const char *path, int flags)
{
	struct open_how how = {.flags = (unsigned)flags | O_CLOEXEC,
			       .mode = flags & O_CREAT ? 0644 : 0,
			       .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
	return (int)syscall(SYS_openat2, root, path, &how, sizeof(how));
}

/* Makes the directories that lead to the file; their own failures show when the file is opened. */
static void make_parents(int root, const char *path)
{
	MEM_AUTO char *part = mem_strdup(path);
	for (char *slash = strchr(part + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		char *name = strrchr(part, '/');
		*name = '\0';
		int parent = open_in(root, *part ? part : "/", O_PATH | O_DIRECTORY);
		if (parent >= 0) {
			mkdirat(parent, name + 1, 0755);
			close(parent);
		}
		*name = '/';
		*slash = '/';
	}
}

static bool in_volume(const struct machine *machine, const char *path)
{
	for (char **volume = machine->volumes; *volume; volume++) {
		size_t len = strlen(*volume);
		if (strncmp(path, *volume, len) == 0 && (path[len] == '/' || !path[len]))
			return true;
	}
	return false;
}

/* False after the transfer has been finished, and freed, with the reason. */
static bool open_container(struct transfer *transfer, const char *path, bool write)
{
	struct machine *machine = transfer->batch->unit->machine;
	if (!machine || !machine->up || !in_volume(machine, path)) {
		MEM_AUTO char *text = mem_printf("IO error: path not found in container: %s", path);
		finish(transfer, text);
		return false;
	}
	int root = sandbox_root(machine->sandbox);
	if (write)
		make_parents(root, path);
	int fd = open_in(root, path, write ? O_RDWR | O_CREAT | O_TRUNC | O_NONBLOCK : O_RDONLY | O_NONBLOCK);
	if (fd < 0) {
		finish_errno(transfer);
		return false;
	}
	*(write ? &transfer->to : &transfer->from) = fd;
	return true;
}

/* A piece per turn of the loop. */
static void copy(void *context)
{
	struct transfer *transfer = context;
	MEM_AUTO char *data = mem_alloc(COPY_PIECE);
	transfer->timer = NULL;
	ssize_t got = read(transfer->from, data, COPY_PIECE);
	for (ssize_t done = 0, put; done < got; done += put)
		if ((put = write(transfer->to, data + done, (size_t)(got - done))) < 0) {
			finish_errno(transfer);
			return;
		}
	if (got < 0)
		finish_errno(transfer);
	else if (got == 0)
		finish(transfer, NULL);
	else
		transfer->timer = loop_after(transfer->batch->unit->devnet->loop, 0, copy, transfer);
}

static void on_fetched(void *context, const char *error)
{
	struct transfer *transfer = context;
	transfer->fetch = NULL;
	finish(transfer, error);
}

static const char *text_of(const struct batch *batch, const char *name)
{
	return cJSON_GetStringValue(
		cJSON_GetObjectItemCaseSensitive(batch->script->commands[batch->index].body, name));
}

enum scheme { CONTAINER, HTTP, GFTP, OTHER };

/* A URL without scheme is a path in the container. */
static enum scheme read_scheme(const char *url, const char **path)
{
	static const struct {
		const char *prefix;
		enum scheme scheme;
	} schemes[] = {{"container:", CONTAINER}, {"http://", HTTP}, {"https://", HTTP}, {"gftp:", GFTP}};
	*path = url;
	for (unsigned i = 0; i < sizeof(schemes) / sizeof(*schemes); i++) {
		size_t len = strlen(schemes[i].prefix);
		if (strncasecmp(url, schemes[i].prefix, len) == 0) {
			if (schemes[i].scheme == CONTAINER)
				*path = url + len;
			return schemes[i].scheme;
		}
	}
	return strstr(url, "://") ? OTHER : CONTAINER;
}

/* True after the transfer has been finished because it cannot be done. */
static bool refused(struct transfer *transfer, enum scheme scheme, const char *url)
{
	MEM_AUTO char *text = NULL;
	if (scheme == GFTP)
		text = mem_strdup("GSB error: GSB failure: empty response from remote service");
	else if (scheme == OTHER)
		text = mem_printf("Unsupported scheme: %.*s", (int)strcspn(url, ":"), url);
	if (text)
		finish(transfer, text);
	return text;
}

void transfer_begin(struct batch *batch)
{
	const char *from = text_of(batch, "from"), *to = text_of(batch, "to"), *source, *target;
	enum scheme source_scheme = read_scheme(from, &source), target_scheme = read_scheme(to, &target);
	struct fetches *fetches = batch->unit->fetches;
	struct transfer *transfer = mem_alloc(sizeof(*transfer));
	*transfer = (struct transfer){.batch = batch, .from = -1, .to = -1};
	batch->transfer = transfer;
	if (!batch->unit->image) {
		batch->transfer = NULL;
		transfer_cancel(transfer);
		batch_command_end(batch, -1, mem_strdup("task package (image) path was not provided"));
		return;
	}
	if (refused(transfer, source_scheme, from) || refused(transfer, target_scheme, to))
		return;
	if (source_scheme == CONTAINER && !open_container(transfer, source, false))
		return;
	if (target_scheme == CONTAINER && !open_container(transfer, target, true))
		return;
	if (source_scheme == CONTAINER && target_scheme == CONTAINER)
		copy(transfer);
	else if (source_scheme == HTTP && target_scheme == CONTAINER)
		transfer->fetch = fetch_get(fetches, from, transfer->to, on_fetched, transfer);
	else if (source_scheme == CONTAINER)
		transfer->fetch = fetch_put(fetches, to, transfer->from, on_fetched, transfer);
	else
		finish(transfer, "Unsupported scheme: http");
}
