#include "fs/mount.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <spawn.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <uv.h>

#include "core/buf.h"
#include "core/mem.h"

extern char **environ;

struct mount {
	char *path;
	int id; /* in the mount table; 0: not found, nothing to watch */
	int fd;
	uv_poll_t *poll;
	loop_call gone;
	void *context;
};

/* Undoes the octal escapes of the mount table. */
static void unescape(char *text)
{
	char *out = text;

	for (; *text; text++, out++) {
		unsigned code;

		if (text[0] == '\\' && sscanf(text + 1, "%3o", &code) == 1) {
			*out = (char)code;
			text += 3;
		} else {
			*out = *text;
		}
	}
	*out = '\0';
}

struct entry {
	int id;
	char path[PATH_MAX];
	char type[64];
};

static bool entry_parse(const char *line, struct entry *entry)
{
	const char *separator = strstr(line, " - ");

	if (!separator || sscanf(line, "%d %*d %*s %*s %4095s", &entry->id, entry->path) != 2 ||
	    sscanf(separator, " - %63s", entry->type) != 1)
		return false;
	unescape(entry->path);
	return true;
}

typedef bool (*entry_match)(const struct entry *entry, const void *context);

/* The last entry that matches (mounts cover earlier ones), or id 0. */
static struct entry table_find(entry_match match, const void *context)
{
	struct entry found = {0}, entry;
	FILE *table = fopen("/proc/self/mountinfo", "re");
	MEM_AUTO char *line = NULL;
	size_t size = 0;

	while (table && getline(&line, &size, table) > 0) {
		if (entry_parse(line, &entry) && match(&entry, context))
			found = entry;
	}
	if (table)
		fclose(table);
	return found;
}

static bool match_path(const struct entry *entry, const void *path)
{
	return strcmp(entry->path, path) == 0;
}

static bool match_id(const struct entry *entry, const void *id)
{
	return entry->id == *(const int *)id;
}

/* Users may not umount themselves; the setuid helper of FUSE does it for them. */
static void detach(const char *path)
{
	char *const argv[] = {"fusermount3", "-u", "-z", "-q", (char *)path, NULL};
	pid_t pid;

	if (umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) == 0)
		return;
	if (posix_spawnp(&pid, argv[0], NULL, NULL, argv, environ) == 0)
		waitpid(pid, NULL, 0);
}

static int clear_dead(const char *path, struct err *err)
{
	struct entry entry = table_find(match_path, path);

	if (!entry.id || strcmp(entry.type, "fuse.golemfs") != 0)
		return err_set(err, ENOTCONN, "%s is a dead mount of %s: unmount it first", path,
			       entry.id ? entry.type : "something else");
	detach(path);
	return 0;
}

/* The path as the mount table has it, without asking the mount point itself, which may be dead. */
static char *absolute(const char *mountpoint)
{
	MEM_AUTO char *copy = mem_strdup(mountpoint);
	MEM_AUTO char *parent = NULL;
	size_t len = strlen(copy);
	char *slash;

	while (len > 1 && copy[len - 1] == '/')
		copy[--len] = '\0';
	slash = strrchr(copy, '/');
	if (strcmp(copy, "/") == 0 || strcmp(slash ? slash + 1 : copy, ".") == 0 ||
	    strcmp(slash ? slash + 1 : copy, "..") == 0)
		return realpath(copy, NULL);
	if (slash)
		*slash = '\0';
	parent = realpath(!slash ? "." : slash == copy ? "/" : copy, NULL);
	if (!parent)
		return NULL;
	return mem_printf("%s/%s", strcmp(parent, "/") ? parent : "", slash ? slash + 1 : copy);
}

/* Attributes may still come from the kernel's cache; a listing never does. */
static bool is_dead(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return errno == ENOTCONN || errno == ECONNABORTED;
	close(fd);
	return false;
}

int mount_prepare(const char *mountpoint, char **path, struct err *err)
{
	struct stat stat;
	char *resolved;

	*path = absolute(mountpoint);
	if (!*path)
		return err_set(err, errno, "%s: %s", mountpoint, strerror(errno));
	if (lstat(*path, &stat) < 0 && errno == ENOENT)
		mkdir(*path, 0700);
	for (int tries = 0; is_dead(*path); tries++) {
		if (tries == 8)
			return err_set(err, ENOTCONN, "%s: a dead mount that cannot be cleared", *path);
		if (clear_dead(*path, err) < 0)
			return -1;
	}
	resolved = realpath(*path, NULL);
	if (!resolved)
		return err_set(err, errno, "%s: %s", *path, strerror(errno));
	free(*path);
	*path = resolved;
	if (lstat(*path, &stat) < 0 || !S_ISDIR(stat.st_mode))
		return err_set(err, ENOTDIR, "%s is not a directory", *path);
	return 0;
}

/* The table is readable at any time; a change shows as priority and error (man 5 proc, mountinfo). */
static void on_table(uv_poll_t *poll, int status, int events)
{
	struct mount *mount = poll->data;

	if (!mount->id || table_find(match_id, &mount->id).id)
		return;
	mount->id = 0;
	mount->gone(mount->context);
}

struct mount *mount_watch(struct loop *loop, const char *path, loop_call gone, void *context)
{
	struct mount *mount = mem_alloc(sizeof *mount);

	mount->path = mem_strdup(path);
	mount->id = table_find(match_path, path).id;
	mount->gone = gone;
	mount->context = context;
	mount->fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	if (mount->fd < 0)
		return mount;
	mount->poll = mem_alloc(sizeof *mount->poll);
	mount->poll->data = mount;
	uv_poll_init(loop_uv(loop), mount->poll, mount->fd);
	uv_poll_start(mount->poll, UV_PRIORITIZED, on_table);
	return mount;
}

bool mount_there(const struct mount *mount)
{
	return mount && mount->id && table_find(match_id, &mount->id).id;
}

void mount_clear(struct mount *mount)
{
	if (mount_there(mount))
		detach(mount->path);
}

static void on_closed(uv_handle_t *handle)
{
	free(handle);
}

void mount_free(struct mount *mount)
{
	if (!mount)
		return;
	if (mount->poll)
		uv_close((uv_handle_t *)mount->poll, on_closed);
	if (mount->fd >= 0)
		close(mount->fd);
	free(mount->path);
	free(mount);
}
