#include "tests/devnet/work_dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/mem.h"

#define NAME "golem-devnet."

/* One that is younger may have been made by another devnet that is about to lock it. */
enum { STALE_S = 60, NFTW_FDS = 16 };

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *ftw)
{
	remove(path);
	return 0;
}

/* Stays on its own filesystem: whatever may be mounted below is not emptied through it. */
static void remove_tree(const char *path)
{
	nftw(path, remove_entry, NFTW_FDS, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

static int lock_dir(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd >= 0 && !flock(fd, LOCK_EX | LOCK_NB))
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

static void remove_if_stale(const char *path)
{
	struct stat status;
	int fd = lock_dir(path);
	if (fd < 0)
		return;
	if (!fstat(fd, &status) && status.st_uid == geteuid() && time(NULL) - status.st_mtime > STALE_S)
		remove_tree(path);
	close(fd);
}

static void remove_stale(const char *parent)
{
	DIR *list = opendir(parent);
	if (!list)
		return;
	for (struct dirent *entry; (entry = readdir(list));) {
		MEM_AUTO char *path = mem_printf("%s/%s", parent, entry->d_name);
		if (!strncmp(entry->d_name, NAME, strlen(NAME)))
			remove_if_stale(path);
	}
	closedir(list);
}

int work_dir_make(struct work_dir *dir, const char *parent)
{
	const char *tmp = getenv("TMPDIR");
	const char *place = parent ? parent : tmp && *tmp ? tmp : "/tmp";
	*dir = (struct work_dir){.lock = -1};
	if (parent && mkdir(parent, 0700) && errno != EEXIST)
		return -1;
	remove_stale(place);
	char *path = mem_printf("%s/" NAME "XXXXXX", place);
	if (!mkdtemp(path)) {
		free(path);
		return -1;
	}
	dir->path = path;
	dir->lock = lock_dir(path);
	return 0;
}

void work_dir_remove(struct work_dir *dir)
{
	if (dir->path)
		remove_tree(dir->path);
	if (dir->lock >= 0)
		close(dir->lock);
	free(dir->path);
	dir->path = NULL;
}
