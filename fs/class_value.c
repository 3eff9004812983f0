/* value: one value or table, a snapshot for each descriptor. text: the same, but of bytes that are taken as they are. */
#include "fs/class.h"

#include <sys/stat.h>

bool class_reply_slice(fuse_req_t req, const char *data, size_t len, size_t size, off_t offset)
{
	if (offset < 0 || (uint64_t)offset >= len)
		fuse_reply_buf(req, NULL, 0);
	else
		fuse_reply_buf(req, data + offset, len - (size_t)offset < size ? len - (size_t)offset : size);
	return true;
}

bool class_reply_error(fuse_req_t req, int code)
{
	fuse_reply_err(req, code);
	return true;
}

bool class_read_shot(struct handle *handle, const struct read *read)
{
	if (read->offset == 0 || !handle->shot) {
		shot_unref(handle->shot);
		handle->shot = node_shot(handle->node);
		handle->seen = handle->node->obj->changes[handle->node->row->aspect].count;
	}
	handle->at_end = (uint64_t)read->offset + read->size > handle->shot->len;
	return class_reply_slice(read->req, handle->shot->data, handle->shot->len, read->size, read->offset);
}

uint64_t class_shot_size(struct node *node)
{
	struct shot *shot = node_shot(node);
	uint64_t len = shot->len;

	shot_unref(shot);
	return len;
}

/* What is left to read is news too: busybox's read polls before every byte it takes. */
static bool value_news(struct handle *handle)
{
	struct node *node = handle->node;

	return !handle->at_end || handle->seen != node->obj->changes[node->row->aspect].count;
}

const struct file_class class_value = {
	.word = "value",
	.mode = S_IFREG | 0444,
	.size = class_shot_size,
	.read = class_read_shot,
	.news = value_news,
};

const struct file_class class_text = {
	.word = "text",
	.mode = S_IFREG | 0444,
	.size = class_shot_size,
	.read = class_read_shot,
	.help = true,
};
