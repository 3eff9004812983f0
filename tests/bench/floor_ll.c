/*
 * The least a low-level FUSE daemon can be: one thread, one directory, one file whose names and attributes are not
 * cached. The floor that opening, reading and closing a state file is measured against.
 *
 * usage: floor_ll MOUNTPOINT      the file is MOUNTPOINT/state; ends at the unmount
 */
#include <errno.h>
#include <fuse_lowlevel.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum { INO_FILE = 2 };
static const char content[] = "ready\n";

static struct stat attributes(fuse_ino_t ino)
{
	if (ino == INO_FILE)
		return (struct stat){.st_ino = ino,
				     .st_mode = S_IFREG | 0444,
				     .st_nlink = 1,
				     .st_size = sizeof content - 1};
	return (struct stat){.st_ino = ino, .st_mode = S_IFDIR | 0755, .st_nlink = 2};
}

static void floor_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct fuse_entry_param entry = {.ino = INO_FILE, .attr = attributes(INO_FILE)};

	if (parent != FUSE_ROOT_ID || strcmp(name, "state") != 0)
		fuse_reply_err(req, ENOENT);
	else
		fuse_reply_entry(req, &entry);
}

static void floor_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info)
{
	struct stat stat = attributes(ino);

	fuse_reply_attr(req, &stat, 0);
}

static void floor_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info)
{
	info->direct_io = 1;
	info->noflush = 1;
	fuse_reply_open(req, info);
}

static void floor_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, struct fuse_file_info *info)
{
	size_t len = sizeof content - 1;

	if (offset < 0 || (size_t)offset >= len)
		fuse_reply_buf(req, NULL, 0);
	else
		fuse_reply_buf(req, content + offset,
			       size < len - (size_t)offset ? size : len - (size_t)offset);
}

static const struct fuse_lowlevel_ops operations = {
	.lookup = floor_lookup, .getattr = floor_getattr, .open = floor_open, .read = floor_read};

int main(int argc, char **argv)
{
	char *words[] = {argv[0], NULL};
	struct fuse_args args = FUSE_ARGS_INIT(1, words);
	struct fuse_session *session;
	int status = 1;

	if (argc != 2)
		return fprintf(stderr, "usage: floor_ll MOUNTPOINT\n"), 2;
	session = fuse_session_new(&args, &operations, sizeof operations, NULL);
	if (!session || fuse_set_signal_handlers(session) != 0)
		return 1;
	if (fuse_session_mount(session, argv[1]) == 0) {
		status = fuse_session_loop(session) < 0;
		fuse_session_unmount(session);
	}
	fuse_remove_signal_handlers(session);
	fuse_session_destroy(session);
	return status;
}
