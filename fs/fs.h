/*
 * The file side: one context for one mount. Owns the nodes the kernel knows and the open handles; borrows the loop, the golem and libfuse's session.
 */
#ifndef FS_FS_H
#define FS_FS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <fuse_lowlevel.h>

#include "core/golem.h"
#include "core/loop.h"

struct anchor;
struct handle;
struct node;

struct fs {
	struct loop *loop;
	struct golem *golem;
	struct fuse_session *session; /* NULL before session_new() and after it has ended */
	int device;                   /* the descriptor of the session */

	struct node *nodes;     /* by inode number */
	struct anchor *anchors; /* by object */
	struct handle *handles; /* by number */
	uint64_t last_ino;      /* never reused, so a stale number is simply unknown */
	uint64_t last_handle;

	uid_t uid;
	gid_t gid;
	bool epochs;  /* the kernel can forget all names at once, without a lock (protocol 7.44) */
	bool leaving; /* nobody waits any more */
	char *scratch;
	size_t scratch_size;
};

struct fs *fs_new(struct loop *loop, struct golem *golem);
void fs_free(struct fs *fs);
/* Bytes to read a log into; good until the next call. */
char *fs_scratch(struct fs *fs, size_t size);

#endif
