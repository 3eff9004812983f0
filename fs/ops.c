#include "fs/ops.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/stat.h>

#include "core/mem.h"
#include "fs/class.h"
#include "fs/park.h"

enum { PROTOCOL_WITH_EPOCHS = 44, WRITE_MAX = 128 << 10, READ_MAX = 1 << 20 };

static const double root_attr_seconds = 0.02;

struct fs *ops_fs(fuse_req_t req)
{
	return *(struct fs **)fuse_req_userdata(req);
}

/* Kept until invalidated (change.c), once the kernel surely has the inode; before that an invalidation could
 * overtake the reply that makes it, and would be lost. What never changes may be kept at once. */
double ops_attr_timeout(struct node *node)
{
	const struct row *row = node->row;
	bool fixed = row->class->help || (row->dir && !row->dir->child && !row->dir->item);

	if (row->flags & ROW_FRESH || S_ISLNK(row->class->mode))
		return 0;
	if (!fixed && !node->known)
		return 0;
	node->cached = true;
	/* Every path leads through the root, and who asks whether the mount lives asks it: kept so briefly that a
	 * dead mount does not look alive, and long enough to cost nothing. */
	return row == &tree_root ? root_attr_seconds : OPS_FOREVER;
}

static void op_init(void *context, struct fuse_conn_info *conn)
{
	struct fs *fs = *(struct fs **)context;

	conn->want &=
		~(unsigned)(FUSE_CAP_SPLICE_READ | FUSE_CAP_SPLICE_WRITE | FUSE_CAP_SPLICE_MOVE |
			    FUSE_CAP_READDIRPLUS | FUSE_CAP_READDIRPLUS_AUTO | FUSE_CAP_WRITEBACK_CACHE |
			    FUSE_CAP_CACHE_SYMLINKS | FUSE_CAP_FLOCK_LOCKS | FUSE_CAP_POSIX_LOCKS);
	conn->max_readahead = 0;
	conn->max_write = WRITE_MAX;
	fs->epochs = conn->proto_major == 7 && conn->proto_minor >= PROTOCOL_WITH_EPOCHS;
}

static void op_forget(fuse_req_t req, fuse_ino_t ino, uint64_t count)
{
	struct node *node = node_by_ino(ops_fs(req), ino);

	if (node)
		node_forget(node, count);
	fuse_reply_none(req);
}

static void op_forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *forgets)
{
	for (size_t i = 0; i < count; i++) {
		struct node *node = node_by_ino(ops_fs(req), forgets[i].ino);

		if (node)
			node_forget(node, forgets[i].nlookup);
	}
	fuse_reply_none(req);
}

static void reply_attr(fuse_req_t req, struct node *node)
{
	struct stat stat;
	double timeout;

	node->known = true;
	timeout = ops_attr_timeout(node);
	node_stat(node, &stat);
	fuse_reply_attr(req, &stat, timeout);
}

static void op_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct node *node = node_by_ino(ops_fs(req), ino);

	if (node)
		reply_attr(req, node);
	else
		fuse_reply_err(req, ESTALE);
}

/* 0 or an errno. Modes of directories and times are accepted and ignored: `mkdir -m`, `touch`, `cp -p`. */
static int set_attributes(fuse_req_t req, struct node *node, const struct stat *attr, int set,
			  struct fuse_file_info *fi)
{
	const struct file_class *class = node->row->class;

	if (set & FUSE_SET_ATTR_MODE && !node->row->dir)
		return EPERM;
	if (set & FUSE_SET_ATTR_UID && attr->st_uid != node->fs->uid)
		return EPERM;
	if (set & FUSE_SET_ATTR_GID && attr->st_gid != node->fs->gid)
		return EPERM;
	if (!(set & FUSE_SET_ATTR_SIZE))
		return 0;
	if (!class->write)
		return EACCES;
	return class->truncate ? class->truncate(node, fi ? handle_by_number(node->fs, fi->fh) : NULL,
						 attr->st_size, fuse_req_ctx(req)->pid)
			       : 0;
}

static void op_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *attr, int set, struct fuse_file_info *fi)
{
	struct node *node = node_by_ino(ops_fs(req), ino);
	int code = node ? set_attributes(req, node, attr, set, fi) : ESTALE;

	if (code)
		fuse_reply_err(req, code);
	else
		reply_attr(req, node);
}

static void op_readlink(fuse_req_t req, fuse_ino_t ino)
{
	struct node *node = node_by_ino(ops_fs(req), ino);
	struct shot *shot;
	char target[256];

	if (!node || !S_ISLNK(node->row->class->mode)) {
		fuse_reply_err(req, node ? EINVAL : ESTALE);
		return;
	}
	shot = node_shot(node);
	snprintf(target, sizeof target, "%.*s", (int)shot->len, shot->data);
	shot_unref(shot);
	if (target[0])
		fuse_reply_readlink(req, target);
	else
		fuse_reply_err(req, ENOENT);
}

/* Root passes every mode bit, so the row is asked here too. */
static int may_open(struct node *node, int flags)
{
	const struct file_class *class = node->row->class;

	if (node->row->dir)
		return EISDIR;
	if (S_ISLNK(class->mode))
		return ELOOP;
	if (node_dead(node))
		return ENOENT;
	if ((flags & O_ACCMODE) != O_RDONLY && !(class->mode & 0200))
		return EACCES;
	return (flags & O_ACCMODE) != O_RDONLY && node->fs->leaving ? ESHUTDOWN : 0;
}

/* A row may have its own reasons, which `error` then tells. */
static int row_refuses(struct node *node, pid_t pid)
{
	const struct row *row = node->row;
	MEM_AUTO char *what = NULL;
	struct err err = {0};

	if (!row->may || !row->may(node->obj, node->at, &err))
		return 0;
	what = mem_printf("open %s %u", row->name, (unsigned)(node->at & 0xffff));
	obj_refuse(node->obj, pid, what, &err);
	return err.code;
}

static void op_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct node *node = node_by_ino(ops_fs(req), ino);
	int code = node ? may_open(node, fi->flags) : ESTALE;
	struct handle *handle;

	if (!code)
		code = row_refuses(node, fuse_req_ctx(req)->pid);
	if (code) {
		fuse_reply_err(req, code);
		return;
	}
	node->known = true;
	handle = handle_open(node, fi->flags, fuse_req_ctx(req)->pid);
	if (node->row->class->open)
		node->row->class->open(handle);
	fi->fh = handle->number;
	fi->direct_io = 1;
	fi->noflush = 1;
	/* The opener is gone: RELEASE will never come. */
	if (fuse_reply_open(req, fi) == -ENOENT)
		handle_close(handle);
}

void ops_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct handle *handle = handle_by_number(ops_fs(req), fi->fh);

	if (handle)
		handle_close(handle);
	fuse_reply_err(req, 0);
}

static void op_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, struct fuse_file_info *fi)
{
	struct handle *handle = handle_by_number(ops_fs(req), fi->fh);
	struct read read = {.req = req, .size = size < READ_MAX ? size : READ_MAX, .offset = offset};

	if (!handle || !handle->node->row->class->read) {
		fuse_reply_err(req, EBADF);
		return;
	}
	handle->flags = (handle->flags & ~O_NONBLOCK) | (fi->flags & O_NONBLOCK);
	if (!handle->node->row->class->read(handle, &read))
		park_read(handle, &read);
}

static void op_write(fuse_req_t req, fuse_ino_t ino, const char *data, size_t size, off_t offset,
		     struct fuse_file_info *fi)
{
	struct handle *handle = handle_by_number(ops_fs(req), fi->fh);

	if (!handle || !handle->node->row->class->write || (handle->flags & O_ACCMODE) == O_RDONLY) {
		fuse_reply_err(req, EBADF);
		return;
	}
	handle->pid = fuse_req_ctx(req)->pid;
	handle->flags = (handle->flags & ~O_NONBLOCK) | (fi->flags & O_NONBLOCK);
	handle->node->row->class->write(handle, req, data, size, offset);
}

static void op_fsync(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi)
{
	fuse_reply_err(req, 0);
}

static void op_poll(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi, struct fuse_pollhandle *poll)
{
	struct handle *handle = handle_by_number(ops_fs(req), fi->fh);
	const struct file_class *class = handle ? handle->node->row->class : NULL;
	unsigned events = class && class->room && !class->room(handle) ? 0 : POLLOUT;

	/* Every request brings a new one; the last is the one that will be waited on. */
	if (handle && handle->poll)
		fuse_pollhandle_destroy(handle->poll);
	if (handle)
		handle->poll = poll;
	else if (poll)
		fuse_pollhandle_destroy(poll);
	if (!class || !class->news)
		events |= POLLIN;
	else if (class->news(handle))
		events |= POLLIN | POLLPRI;
	fuse_reply_poll(req, events);
}

static void op_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
		      struct fuse_file_info *fi)
{
	fuse_reply_err(req, EPERM);
}

static void op_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, dev_t rdev)
{
	fuse_reply_err(req, EPERM);
}

static void op_symlink(fuse_req_t req, const char *link, fuse_ino_t parent, const char *name)
{
	fuse_reply_err(req, EPERM);
}

static void op_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t parent, const char *name)
{
	fuse_reply_err(req, EPERM);
}

static void op_rename(fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t to, const char *as,
		      unsigned flags)
{
	fuse_reply_err(req, EPERM);
}

static void op_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	fuse_reply_err(req, EPERM);
}

/* What is missing answers ENOSYS once, and the kernel stops asking: xattrs, ioctl, lseek, access, locks. */
const struct fuse_lowlevel_ops ops = {
	.init = op_init,
	.lookup = ops_lookup,
	.forget = op_forget,
	.forget_multi = op_forget_multi,
	.getattr = op_getattr,
	.setattr = op_setattr,
	.readlink = op_readlink,
	.mkdir = ops_mkdir,
	.rmdir = ops_rmdir,
	.mknod = op_mknod,
	.create = op_create,
	.symlink = op_symlink,
	.link = op_link,
	.rename = op_rename,
	.unlink = op_unlink,
	.open = op_open,
	.read = op_read,
	.write = op_write,
	.fsync = op_fsync,
	.release = ops_release,
	.poll = op_poll,
	.opendir = ops_opendir,
	.readdir = ops_readdir,
	.releasedir = ops_release,
	.fsyncdir = op_fsync,
};
