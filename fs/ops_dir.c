/* Requests about names and listings. */
#include "fs/ops.h"

#include <sys/stat.h>

#include <linux/fuse.h>

#include "core/mem.h"
#include "fs/class.h"

/* A name that may cease to exist is kept only where the kernel can be told without a lock; names of rows live as
 * long as the directory they are in, and that is asked for first. */
static double entry_timeout(struct node *node, const struct node *parent)
{
	if (S_ISLNK(node->row->class->mode) || node->row->flags & ROW_APART ||
	    node->row == parent->row->dir->item)
		return 0;
	return node->row == parent->row->dir->child && !node->fs->epochs ? 0 : OPS_FOREVER;
}

static void reply_entry(fuse_req_t req, struct node *node, const struct node *parent)
{
	struct fuse_entry_param entry = {
		.ino = node->ino,
		.attr_timeout = ops_attr_timeout(node),
		.entry_timeout = entry_timeout(node, parent),
	};

	node_stat(node, &entry.attr);
	node->lookups++;
	if (fuse_reply_entry(req, &entry) == -ENOENT)
		node_forget(node, 1);
}

/* A link that leads nowhere at the moment is not there. */
static bool is_there(struct obj *obj, const struct row *row, uint64_t at)
{
	BUF_AUTO struct buf target = {0};

	if (S_ISLNK(row->class->mode) && row->show_at)
		row->show_at(obj, at, &target);
	else if (S_ISLNK(row->class->mode))
		row->show(obj, row, &target);
	return !S_ISLNK(row->class->mode) || target.len;
}

/* What a name is in a directory; NULL: nothing. */
static struct node *child_node(struct node *parent, const char *name)
{
	const struct dir *dir = parent->row->dir;
	const struct row *row = dir_find(dir, name);
	struct obj *child;
	uint64_t item;

	if (row && !is_there(parent->obj, row, parent->at))
		return NULL;
	if (row && row->flags & ROW_APART)
		return node_apart(parent->fs, parent->obj, row);
	if (row)
		return node_get(parent->fs, row->of ? row->of(parent->obj) : parent->obj, row, parent->at);
	if (dir->item && dir->find(parent->obj, parent->at, name, &item))
		return node_get(parent->fs, parent->obj, dir->item, item);
	child = dir->child ? obj_find(parent->obj, name) : NULL;
	return child ? node_get(parent->fs, child, dir->child, 0) : NULL;
}

/* The directory of a request by its number; NULL, with an errno. */
static struct node *parent_of(fuse_req_t req, fuse_ino_t ino, const char *name, int *code)
{
	struct node *node = node_by_ino(ops_fs(req), ino);

	*code = !node                         ? ESTALE
		: !node->row->dir             ? ENOTDIR
		: node_dead(node)             ? ENOENT
		: strlen(name) > OPS_NAME_MAX ? ENAMETOOLONG
					      : 0;
	return *code ? NULL : node;
}

void ops_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	int code;
	struct node *dir = parent_of(req, parent, name, &code);
	struct node *node = dir ? child_node(dir, name) : NULL;

	if (node)
		reply_entry(req, node, dir);
	else
		fuse_reply_err(req, code ? code : ENOENT);
}

static int refuse(fuse_req_t req, struct node *dir, const char *what, const char *name, const struct err *err)
{
	MEM_AUTO char *written = mem_printf("%s %s", what, name);

	obj_refuse(dir->obj, fuse_req_ctx(req)->pid, written, err);
	return fuse_reply_err(req, err->code);
}

void ops_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
	struct err err = {0};
	int code;
	struct node *dir = parent_of(req, parent, name, &code);
	struct node *node;

	if (code == 0 && !dir->row->dir->make)
		code = EPERM;
	if (code == 0 && ops_fs(req)->leaving)
		code = ESHUTDOWN;
	if (code) {
		fuse_reply_err(req, code);
		return;
	}
	if (dir->row->dir->make(dir->obj, name, &err) < 0) {
		refuse(req, dir, "mkdir", name, &err);
		return;
	}
	node = child_node(dir, name);
	if (node)
		reply_entry(req, node, dir);
	else
		fuse_reply_err(req, EIO);
}

void ops_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct err err = {0};
	int code;
	struct node *dir = parent_of(req, parent, name, &code);
	struct obj *child = dir && dir->row->dir->child ? obj_find(dir->obj, name) : NULL;

	if (code == 0 && !child)
		code = dir_find(dir->row->dir, name) ? EPERM : ENOENT;
	if (code == 0 && !dir->row->dir->drop)
		code = EPERM;
	if (code)
		fuse_reply_err(req, code);
	else if (dir->row->dir->drop(child, &err) < 0)
		refuse(req, dir, "rmdir", name, &err);
	else
		fuse_reply_err(req, 0);
}

static void list_add(struct buf *list, const char *name, const struct obj *obj, const struct row *row,
		     uint64_t at)
{
	struct stat stat = {.st_ino = node_stable_ino(obj, row, at), .st_mode = row->class->mode};
	size_t size = fuse_add_direntry(NULL, NULL, 0, name, NULL, 0);
	MEM_AUTO char *entry = mem_alloc(size);

	fuse_add_direntry(NULL, entry, size, name, &stat, (off_t)(list->len + size));
	buf_add(list, entry, size);
}

static void list_items(struct node *node, struct buf *list)
{
	const struct dir *dir = node->row->dir;
	BUF_AUTO struct buf name = {0};
	uint64_t cursor = 0, item = 0;

	if (!dir->item || !dir->each)
		return;
	for (; dir->each(node->obj, &cursor, &item, &name); buf_clear(&name))
		list_add(list, buf_text(&name), node->obj, dir->item, item);
}

/* The whole listing of one moment, so that offsets stay good whatever happens meanwhile. */
static void list_make(struct node *node, struct buf *list)
{
	const struct dir *dir = node->row->dir;

	buf_clear(list);
	if (node_dead(node))
		return;
	list_add(list, ".", node->obj, node->row, node->at);
	list_add(list, "..", node->obj, node->row, node->at);
	for (const struct row *row = dir_next(dir, NULL); row; row = dir_next(dir, row)) {
		if (row->flags & ROW_UNLISTED || !is_there(node->obj, row, node->at))
			continue;
		list_add(list, row->name, row->of ? row->of(node->obj) : node->obj, row, node->at);
	}
	list_items(node, list);
	for (struct obj *child = dir->child ? obj_first(node->obj) : NULL; child; child = obj_next(child))
		list_add(list, child->name, child, dir->child, 0);
}

void ops_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct node *node = node_by_ino(ops_fs(req), ino);
	struct handle *handle;

	if (!node || !node->row->dir) {
		fuse_reply_err(req, node ? ENOTDIR : ESTALE);
		return;
	}
	handle = handle_open(node, fi->flags, fuse_req_ctx(req)->pid);
	fi->fh = handle->number;
	if (fuse_reply_open(req, fi) == -ENOENT)
		handle_close(handle);
}

/* The end of the last whole entry that fits; `offset` must be where one begins. */
static size_t list_slice(const struct buf *list, size_t offset, size_t size)
{
	size_t end = offset;

	while (end < list->len) {
		const struct fuse_dirent *entry = (const struct fuse_dirent *)(list->data + end);
		size_t next = end + FUSE_DIRENT_SIZE(entry);

		if (next - offset > size)
			break;
		end = next;
	}
	return end;
}

/* Offsets come from the caller (seekdir): those inside an entry move to the next one. */
static size_t list_align(const struct buf *list, off_t offset)
{
	size_t begin = 0;

	while (begin < list->len && begin < (uint64_t)offset)
		begin += FUSE_DIRENT_SIZE((const struct fuse_dirent *)(list->data + begin));
	return begin;
}

void ops_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, struct fuse_file_info *fi)
{
	struct handle *handle = handle_by_number(ops_fs(req), fi->fh);
	size_t begin, end;

	if (!handle || !handle->node->row->dir) {
		fuse_reply_err(req, EBADF);
		return;
	}
	if (offset == 0)
		list_make(handle->node, &handle->bytes);
	begin = list_align(&handle->bytes, offset);
	end = list_slice(&handle->bytes, begin, size);
	fuse_reply_buf(req, handle->bytes.data ? handle->bytes.data + begin : NULL, end - begin);
}
