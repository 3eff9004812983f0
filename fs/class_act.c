/*
 * The files whose opening or writing is the whole act. abort: any write, and an opening that truncates. hold: while
 * it is open the object lives; its last closing ends it, which no kill -9 can prevent.
 */
#include "fs/class.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "core/obj.h"

static void abort_open(struct handle *handle)
{
	if (handle->flags & O_TRUNC)
		obj_abort(handle->node->obj);
}

static void abort_write(struct handle *handle, fuse_req_t req, const char *data, size_t size, off_t offset)
{
	obj_abort(handle->node->obj);
	fuse_reply_write(req, size);
}

static int abort_truncate(struct node *node, struct handle *handle, off_t size, pid_t pid)
{
	obj_abort(node->obj);
	return 0;
}

static void hold_open(struct handle *handle)
{
	obj_hold(handle->node->obj);
}

static void hold_close(struct handle *handle)
{
	obj_unhold(handle->node->obj);
}

const struct file_class class_abort = {
	.word = "abort",
	.mode = S_IFREG | 0644,
	.size = class_shot_size,
	.open = abort_open,
	.read = class_read_shot,
	.write = abort_write,
	.truncate = abort_truncate,
	.help = true,
};

const struct file_class class_hold = {
	.word = "hold",
	.mode = S_IFREG | 0444,
	.size = class_shot_size,
	.open = hold_open,
	.read = class_read_shot,
	.close = hold_close,
	.help = true,
};
