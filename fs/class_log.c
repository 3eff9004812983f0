/*
 * log: grows, ends with EOF, so that `tail -f`, `wc` and `cp` see no surprise. pipe: the same bytes, but its read
 * waits at the end until there is more or the object has ended. Both read at the offset asked for: a byte log only
 * grows, so one descriptor always sees one text.
 */
#include "fs/class.h"

#include <sys/stat.h>

#include "core/bytelog.h"
#include "fs/park.h"

static struct bytelog *log_of(struct node *node)
{
	return node->row->log(node->obj);
}

static uint64_t log_size(struct node *node)
{
	return bytelog_size(log_of(node));
}

static ssize_t log_fetch(struct handle *handle, const struct read *read, char **data)
{
	ssize_t got;

	*data = fs_scratch(handle->fs, read->size + 1); /* never NULL */
	got = read->offset < 0
		      ? 0
		      : bytelog_read(log_of(handle->node), (uint64_t)read->offset, *data, read->size);
	if (got > 0)
		handle->seen = (uint64_t)read->offset + (uint64_t)got;
	handle->at_end = got < (ssize_t)read->size;
	return got;
}

static bool log_read(struct handle *handle, const struct read *read)
{
	char *data;
	ssize_t got = log_fetch(handle, read, &data);

	if (got < 0)
		return class_reply_error(read->req, (int)-got);
	fuse_reply_buf(read->req, data, (size_t)got);
	return true;
}

static bool log_news(struct handle *handle)
{
	return !handle->at_end || bytelog_size(log_of(handle->node)) > handle->seen;
}

/* The outputs of a command end after `exit` is set; a directory's events end with the directory. */
static bool pipe_ended(struct handle *handle)
{
	struct node *node = handle->node;
	bool finished = bytelog_ended(log_of(node)) && obj_ended(node->obj);

	return handle->fs->leaving || node_dead(node) || finished;
}

static bool pipe_read(struct handle *handle, const struct read *read)
{
	char *data;
	ssize_t got = log_fetch(handle, read, &data);

	if (got < 0)
		return class_reply_error(read->req, (int)-got);
	if (got == 0 && read->size > 0 && !pipe_ended(handle))
		return false;
	fuse_reply_buf(read->req, data, (size_t)got);
	return true;
}

static bool pipe_news(struct handle *handle)
{
	return bytelog_size(log_of(handle->node)) > handle->seen || pipe_ended(handle);
}

const struct file_class class_log = {
	.word = "log",
	.mode = S_IFREG | 0444,
	.size = log_size,
	.read = log_read,
	.news = log_news,
};

const struct file_class class_pipe = {
	.word = "stream",
	.mode = S_IFREG | 0444,
	.size = log_size,
	.read = pipe_read,
	.news = pipe_news,
};
