/*
 * Nodes: what the kernel has an inode number for. A node is an object, a row and an item; the same three are
 * always the same node (but for ROW_APART), and it is gone when the kernel has forgotten it and no handle is open.
 */
#ifndef FS_NODE_H
#define FS_NODE_H

#include <uthash.h>

#include "fs/fs.h"
#include "fs/tree.h"

/* A rendering, shared by the node and the handles that read it. */
struct shot {
	unsigned refs;
	size_t len;
	char data[];
};

struct node {
	struct fs *fs;
	uint64_t ino;
	const struct row *row;
	struct obj *obj;
	uint64_t at; /* the item it is, or is below (tree.h) */
	uint64_t lookups;
	bool known;  /* the kernel surely has the inode: an invalidation will not miss it */
	bool cached; /* attributes were given for long since the last invalidation */
	struct shot *shot;
	uint64_t shot_count; /* obj->changes[].count it was made at */
	struct handle *handles;
	struct node *prev, *next; /* of the same object */
	UT_hash_handle hh;
};

struct node *node_root(struct fs *fs);
/* Made when missing; the caller either counts a look-up or opens it, or calls node_settle(). */
struct node *node_get(struct fs *fs, struct obj *obj, const struct row *row, uint64_t at);
/* One more of the same pair, with an inode of its own (ROW_APART). */
struct node *node_apart(struct fs *fs, struct obj *obj, const struct row *row);
struct node *node_by_ino(struct fs *fs, fuse_ino_t ino);    /* NULL: forgotten */
struct node *node_first_of(struct fs *fs, struct obj *obj); /* NULL when the kernel knows none */
void node_forget(struct node *node, uint64_t lookups);
void node_settle(struct node *node); /* frees it when nobody needs it any more */
void nodes_free(struct fs *fs);

bool node_dead(const struct node *node); /* its name, or that of a directory above it, is gone */
void node_stat(struct node *node, struct stat *stat);
/* A number that stays the same over forgetting, for st_ino and d_ino. */
uint64_t node_stable_ino(const struct obj *obj, const struct row *row, uint64_t at);

/* The rendering now; the reference is the caller's. */
struct shot *node_shot(struct node *node);
struct shot *shot_ref(struct shot *shot);
void shot_unref(struct shot *shot); /* takes NULL */

#endif
