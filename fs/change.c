#include "fs/change.h"

#include <unistd.h>
#include <utlist.h>

#include "fs/class.h"
#include "fs/park.h"

/* FUSE_NOTIFY_INC_EPOCH of the kernel's fuse.h, protocol 7.44; libfuse 3.14 does not know it yet. */
enum { NOTIFY_INC_EPOCH = 8 };

/* Attributes only: the one invalidation that takes no lock a caller may hold (reference/fuse.md 2.4). */
static void forget_attributes(struct node *node)
{
	if (!node->cached || !node->fs->session)
		return;
	node->cached = false;
	fuse_lowlevel_notify_inval_inode(node->fs->session, node->ino, -1, 0);
}

/* All cached names are asked for again. No lock is taken, unlike with notify_inval_entry. */
static void forget_names(struct fs *fs)
{
	struct {
		uint32_t len;
		int32_t code;
		uint64_t unique;
	} notice = {sizeof notice, NOTIFY_INC_EPOCH, 0};

	if (fs->epochs && write(fs->device, &notice, sizeof notice) < 0)
		fs->epochs = false; /* names made from now on are not cached */
}

static void wake(struct node *node)
{
	struct handle *handle, *next;

	DL_FOREACH_SAFE (node->handles, handle, next) {
		if (handle->poll && handle->fs->session) {
			fuse_lowlevel_notify_poll(handle->poll);
			fuse_pollhandle_destroy(handle->poll);
			handle->poll = NULL;
		}
		park_retry(handle);
	}
}

static void node_changed(struct node *node, enum obj_aspect aspect)
{
	if (node->row->aspect == aspect)
		forget_attributes(node);
	/* A stream of an aspect also ends, and ends are states. */
	if (node->row->aspect == aspect || aspect == ASPECT_STATE)
		wake(node);
}

/* `wait` above looks at what is below. */
static void wake_above(struct fs *fs, struct obj *obj)
{
	for (obj = obj->parent; obj; obj = obj->parent) {
		struct node *node;

		DL_FOREACH (node_first_of(fs, obj), node) {
			if (node->row->aspect == ASPECT_STATE)
				wake(node);
		}
	}
}

static void changed(void *context, struct obj *obj, enum obj_aspect aspect)
{
	struct fs *fs = context;
	struct node *node;

	DL_FOREACH (node_first_of(fs, obj), node)
		node_changed(node, aspect);
	if (aspect == ASPECT_STATE)
		wake_above(fs, obj);
}

static void removed(void *context, struct obj *obj)
{
	struct fs *fs = context;
	struct node *node;

	forget_names(fs);
	DL_FOREACH (node_first_of(fs, obj), node) {
		forget_attributes(node);
		wake(node);
	}
	wake_above(fs, obj);
	park_retry_all(fs);
}

void change_observe(struct fs *fs)
{
	struct obj_observer observer = {.changed = changed, .removed = removed, .context = fs};

	golem_observe(fs->golem, &observer);
}
