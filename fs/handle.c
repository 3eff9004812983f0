#include "fs/handle.h"

#include <utlist.h>

#include "core/mem.h"
#include "fs/class.h"
#include "fs/park.h"

struct handle *handle_open(struct node *node, int flags, pid_t pid)
{
	struct fs *fs = node->fs;
	struct handle *handle = mem_alloc(sizeof *handle);

	handle->fs = fs;
	handle->node = node;
	handle->number = ++fs->last_handle;
	handle->flags = flags;
	handle->pid = pid;
	handle->answer_base = -1;
	DL_APPEND(node->handles, handle);
	HASH_ADD(hh, fs->handles, number, sizeof handle->number, handle);
	return handle;
}

struct handle *handle_by_number(struct fs *fs, uint64_t number)
{
	struct handle *handle;

	HASH_FIND(hh, fs->handles, &number, sizeof number, handle);
	return handle;
}

void handle_close(struct handle *handle)
{
	struct node *node = handle->node;

	park_drop(handle);
	if (node->row->class->close)
		node->row->class->close(handle);
	HASH_DEL(handle->fs->handles, handle);
	DL_DELETE(node->handles, handle);
	if (handle->poll)
		fuse_pollhandle_destroy(handle->poll);
	shot_unref(handle->shot);
	buf_free(&handle->bytes);
	buf_free(&handle->answer);
	free(handle);
	node_settle(node);
}

void handles_free(struct fs *fs)
{
	struct handle *handle, *next;

	HASH_ITER (hh, fs->handles, handle, next)
		handle_close(handle);
}

void handle_made(struct handle *handle, const char *name)
{
	if (handle->answer_base >= 0) {
		buf_clear(&handle->answer);
		handle->answer_base = -1;
	}
	buf_printf(&handle->answer, "%s\n", name);
}

bool handle_read_answer(struct handle *handle, fuse_req_t req, size_t size, off_t offset)
{
	if (handle->answer_base < 0)
		handle->answer_base = offset;
	/* Before the first asked byte is only somebody who has rewound. */
	if (offset < handle->answer_base)
		handle->answer_base = 0;
	return class_reply_slice(req, buf_text(&handle->answer), handle->answer.len, size,
				 offset - handle->answer_base);
}

int handle_resize(struct handle *handle, off_t size, size_t max)
{
	struct buf *bytes = &handle->bytes;

	if (size < 0 || (uint64_t)size > max)
		return EFBIG;
	if ((size_t)size < bytes->len) {
		bytes->len = (size_t)size;
		bytes->data[bytes->len] = '\0';
	} else if ((size_t)size > bytes->len) {
		MEM_AUTO char *zeros = mem_alloc((size_t)size - bytes->len);

		buf_add(bytes, zeros, (size_t)size - bytes->len);
	}
	return 0;
}

int handle_place(struct handle *handle, const char *data, size_t size, off_t offset, size_t max)
{
	struct buf *bytes = &handle->bytes;
	size_t end;
	int code;

	if (offset < 0 || (uint64_t)offset > max || size > max - (size_t)offset)
		return EFBIG;
	end = (size_t)offset + size;
	code = (size_t)offset > bytes->len ? handle_resize(handle, offset, max) : 0;
	if (code)
		return code;
	if (end <= bytes->len) {
		memcpy(bytes->data + offset, data, size);
		return 0;
	}
	bytes->len = (size_t)offset;
	buf_add(bytes, data, size);
	return 0;
}
