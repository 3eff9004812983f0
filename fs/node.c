#include "fs/node.h"

#include <sys/stat.h>
#include <utlist.h>

#include "core/mem.h"
#include "fs/class.h"

/* The nodes of one object, so that a change finds them and a pair is never made twice. */
struct anchor {
	struct obj *obj;
	struct node *nodes;
	UT_hash_handle hh;
};

static struct anchor *anchor_of(struct fs *fs, struct obj *obj, bool make)
{
	struct anchor *anchor;

	HASH_FIND_PTR(fs->anchors, &obj, anchor);
	if (!anchor && make) {
		anchor = mem_alloc(sizeof *anchor);
		anchor->obj = obj_ref(obj);
		HASH_ADD_PTR(fs->anchors, obj, anchor);
	}
	return anchor;
}

static struct node *node_make(struct fs *fs, struct anchor *anchor, const struct row *row, uint64_t at)
{
	struct node *node = mem_alloc(sizeof *node);

	node->fs = fs;
	node->obj = anchor->obj;
	node->row = row;
	node->at = at;
	node->ino = row == &tree_root ? FUSE_ROOT_ID : ++fs->last_ino;
	DL_APPEND(anchor->nodes, node);
	HASH_ADD(hh, fs->nodes, ino, sizeof node->ino, node);
	return node;
}

struct node *node_get(struct fs *fs, struct obj *obj, const struct row *row, uint64_t at)
{
	struct anchor *anchor = anchor_of(fs, obj, true);
	struct node *node;

	DL_FOREACH (anchor->nodes, node) {
		if (node->row == row && node->at == at)
			return node;
	}
	return node_make(fs, anchor, row, at);
}

struct node *node_apart(struct fs *fs, struct obj *obj, const struct row *row)
{
	return node_make(fs, anchor_of(fs, obj, true), row, 0);
}

struct node *node_root(struct fs *fs)
{
	return node_get(fs, golem_root(fs->golem), &tree_root, 0);
}

struct node *node_by_ino(struct fs *fs, fuse_ino_t ino)
{
	uint64_t key = ino;
	struct node *node;

	if (ino == FUSE_ROOT_ID)
		return node_root(fs);
	HASH_FIND(hh, fs->nodes, &key, sizeof key, node);
	return node;
}

struct node *node_first_of(struct fs *fs, struct obj *obj)
{
	struct anchor *anchor = anchor_of(fs, obj, false);

	return anchor ? anchor->nodes : NULL;
}

static void node_free(struct node *node)
{
	struct fs *fs = node->fs;
	struct anchor *anchor = anchor_of(fs, node->obj, false);

	HASH_DEL(fs->nodes, node);
	DL_DELETE(anchor->nodes, node);
	shot_unref(node->shot);
	free(node);
	if (anchor->nodes)
		return;
	HASH_DEL(fs->anchors, anchor);
	obj_unref(anchor->obj);
	free(anchor);
}

void node_settle(struct node *node)
{
	if (!node->lookups && !node->handles && node->ino != FUSE_ROOT_ID)
		node_free(node);
}

void node_forget(struct node *node, uint64_t lookups)
{
	node->lookups -= lookups < node->lookups ? lookups : node->lookups;
	node_settle(node);
}

void nodes_free(struct fs *fs)
{
	struct node *node, *next;

	HASH_ITER (hh, fs->nodes, node, next)
		node_free(node);
}

bool node_dead(const struct node *node)
{
	for (const struct obj *obj = node->obj; obj; obj = obj->parent) {
		if (obj->removed)
			return true;
	}
	return false;
}

static uint64_t mix(uint64_t hash, const void *data, size_t len)
{
	const unsigned char *byte = data;

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ byte[i]) * 1099511628211u;
	return hash;
}

/* FNV-1a over what names the thing and when it was born: a name used again is another file. */
uint64_t node_stable_ino(const struct obj *obj, const struct row *row, uint64_t at)
{
	uint64_t hash = 14695981039346656037u;

	if (row == &tree_root)
		return FUSE_ROOT_ID;
	for (; obj; obj = obj->parent) {
		if (obj->name)
			hash = mix(hash, obj->name, strlen(obj->name) + 1);
		hash = mix(hash, &obj->born, sizeof obj->born);
	}
	hash = mix(hash, row->name, strlen(row->name));
	hash = at ? mix(hash, &at, sizeof at) : hash;
	return hash > FUSE_ROOT_ID ? hash : hash + 2;
}

static nlink_t item_links(struct node *node)
{
	const struct dir *dir = node->row->dir;
	BUF_AUTO struct buf name = {0};
	uint64_t cursor = 0, item = 0;
	nlink_t links = 0;

	if (!dir->item || !dir->each || !S_ISDIR(dir->item->class->mode))
		return 0;
	while (dir->each(node->obj, &cursor, &item, &name))
		links++;
	return links;
}

static nlink_t dir_links(struct node *node)
{
	const struct dir *dir = node->row->dir;
	nlink_t links = 2;

	for (const struct row *row = dir_next(dir, NULL); row; row = dir_next(dir, row))
		links += S_ISDIR(row->class->mode);
	return links + (dir->child ? obj_count(node->obj) : 0) + item_links(node);
}

static struct timespec node_time(struct node *node)
{
	const struct row *row = node->row;
	const struct obj_change *change = &node->obj->changes[row->aspect];
	/* What a directory of named rows, and a help, shows never changes. */
	bool fixed = row->class->help || (row->dir && !row->dir->child && !row->dir->item);

	return fixed || !change->time.tv_sec ? node->obj->born : change->time;
}

void node_stat(struct node *node, struct stat *stat)
{
	const struct file_class *class = node->row->class;

	*stat = (struct stat){
		.st_ino = node_stable_ino(node->obj, node->row, node->at),
		.st_mode = class->mode,
		.st_nlink = node_dead(node)  ? 0
			    : node->row->dir ? dir_links(node)
					     : 1,
		.st_uid = node->fs->uid,
		.st_gid = node->fs->gid,
		.st_size = class->size ? (off_t) class->size(node) : 0,
		.st_blksize = 4096,
		.st_mtim = node_time(node),
	};
	stat->st_blocks = (stat->st_size + 511) / 512;
	stat->st_atim = stat->st_ctim = stat->st_mtim;
}

struct shot *shot_ref(struct shot *shot)
{
	shot->refs++;
	return shot;
}

void shot_unref(struct shot *shot)
{
	if (shot && --shot->refs == 0)
		free(shot);
}

struct shot *node_shot(struct node *node)
{
	const struct row *row = node->row;
	uint64_t count = row->class->help ? 0 : node->obj->changes[row->aspect].count;
	BUF_AUTO struct buf text = {0};

	if (node->shot && node->shot_count == count && !(row->flags & ROW_FRESH))
		return shot_ref(node->shot);
	if (row->show_at)
		row->show_at(node->obj, node->at, &text);
	else
		row->show(node->obj, row, &text);
	shot_unref(node->shot);
	node->shot = mem_alloc(sizeof *node->shot + text.len);
	node->shot->refs = 1;
	node->shot->len = text.len;
	if (text.len)
		memcpy(node->shot->data, text.data, text.len);
	node->shot_count = count;
	return shot_ref(node->shot);
}
