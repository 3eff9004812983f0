/*
 * payload: a value that is a file of bytes. Each descriptor has its own copy to write in, with offsets and
 * truncation as usual; it is taken as a whole at the last close (RELEASE, never FLUSH: bash flushes first).
 */
#include "fs/class.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "core/err.h"
#include "core/mem.h"

enum { PAYLOAD_MAX = 1 << 20 };

static int payload_take(struct node *node, const struct buf *bytes, pid_t pid)
{
	const struct row *row = node->row;
	struct err err = {0};
	MEM_AUTO char *written = NULL;

	if (row->set(node->obj, row, buf_text(bytes), bytes->len, &err) == 0)
		return 0;
	written = mem_printf("%s%s (%zu bytes)", row->setting ? "config/" : "", row->name, bytes->len);
	obj_refuse(node->obj, pid, written, &err);
	return err.code;
}

static void payload_open(struct handle *handle)
{
	struct shot *shot;

	if ((handle->flags & O_ACCMODE) == O_RDONLY)
		return;
	handle->collecting = (handle->flags & O_TRUNC) != 0;
	if (handle->collecting)
		return;
	shot = node_shot(handle->node);
	buf_add(&handle->bytes, shot->data, shot->len);
	shot_unref(shot);
}

static bool payload_read(struct handle *handle, const struct read *read)
{
	if (!handle->collecting)
		return class_read_shot(handle, read);
	return class_reply_slice(read->req, buf_text(&handle->bytes), handle->bytes.len, read->size,
				 read->offset);
}

static void payload_write(struct handle *handle, fuse_req_t req, const char *data, size_t size, off_t offset)
{
	int code = handle_place(handle, data, size,
				handle->flags & O_APPEND ? (off_t)handle->bytes.len : offset, PAYLOAD_MAX);

	if (code) {
		fuse_reply_err(req, code);
		return;
	}
	handle->collecting = true;
	fuse_reply_write(req, size);
}

static int payload_truncate(struct node *node, struct handle *handle, off_t size, pid_t pid)
{
	struct shot *shot;
	BUF_AUTO struct buf bytes = {0};

	if (handle) {
		handle->collecting = true;
		return handle_resize(handle, size, PAYLOAD_MAX);
	}
	shot = node_shot(node);
	buf_add(&bytes, shot->data, (uint64_t)size < shot->len ? (size_t)size : shot->len);
	shot_unref(shot);
	return payload_take(node, &bytes, pid);
}

static void payload_close(struct handle *handle)
{
	if (handle->collecting)
		payload_take(handle->node, &handle->bytes, handle->pid);
}

const struct file_class class_payload = {
	.word = "bytes",
	.mode = S_IFREG | 0644,
	.size = class_shot_size,
	.open = payload_open,
	.read = payload_read,
	.write = payload_write,
	.truncate = payload_truncate,
	.close = payload_close,
};
