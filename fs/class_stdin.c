/*
 * stdin: the one file whose write may wait (design 2.6). What the command's pipe does not take yet parks the WRITE; with
 * O_NONBLOCK it is EAGAIN, a signal ends the waiting with a short count or EINTR, and whoever writes behind the end of
 * the command gets EPIPE. Each descriptor is a writer, and the last close is end-of-file.
 */
#include "fs/class.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "core/command.h"
#include "core/mem.h"

/* A WRITE that waits: what of it has not been taken. */
struct feed {
	fuse_req_t req;
	struct buf rest;
	size_t taken;
};

static struct command *command_at(struct handle *handle)
{
	return command_of(handle->node->obj);
}

static bool is_writer(const struct handle *handle)
{
	return (handle->flags & O_ACCMODE) != O_RDONLY;
}

static void feed_free(struct handle *handle)
{
	buf_free(&handle->feed->rest);
	free(mem_move(&handle->feed));
}

/* What was taken cannot be given back: it is the short count, and the errno is that of the next write. */
static void reply(fuse_req_t req, size_t taken, int code)
{
	if (taken)
		fuse_reply_write(req, taken);
	else
		fuse_reply_err(req, code);
}

static void feed_end(struct handle *handle, int code)
{
	fuse_req_t req = handle->feed->req;
	size_t taken = handle->feed->taken;

	feed_free(handle);
	reply(req, taken, code);
}

static void feed_interrupted(fuse_req_t req, void *context)
{
	feed_end(context, EINTR);
}

static void stdin_open(struct handle *handle)
{
	if (is_writer(handle))
		command_input_open(command_at(handle));
}

static void stdin_close(struct handle *handle)
{
	if (handle->feed)
		feed_end(handle, EINTR);
	if (is_writer(handle))
		command_input_close(command_at(handle));
}

static ssize_t give(struct handle *handle, const char *data, size_t size)
{
	if (handle->fs->leaving || node_dead(handle->node))
		return -EPIPE;
	return command_input(command_at(handle), data, size);
}

static void feed_begin(struct handle *handle, fuse_req_t req, const char *data, size_t size, size_t taken)
{
	struct feed *feed = mem_alloc(sizeof *feed);

	feed->req = req;
	feed->taken = taken;
	buf_add(&feed->rest, data, size);
	handle->feed = feed;
	fuse_req_interrupt_func(req, feed_interrupted, handle);
}

static void stdin_write(struct handle *handle, fuse_req_t req, const char *data, size_t size, off_t offset)
{
	ssize_t taken;

	if (!size || handle->feed) {
		reply(req, 0, size ? EAGAIN : 0);
		return;
	}
	taken = give(handle, data, size);
	if (taken < 0)
		fuse_reply_err(req, (int)-taken);
	else if ((size_t)taken == size)
		fuse_reply_write(req, size);
	else if (handle->flags & O_NONBLOCK)
		reply(req, (size_t)taken, EAGAIN);
	/* An INTERRUPT that came before its request: registering now would call back with libfuse's lock held. */
	else if (fuse_req_interrupted(req))
		reply(req, (size_t)taken, EINTR);
	else
		feed_begin(handle, req, data + taken, size - (size_t)taken, (size_t)taken);
}

static void stdin_resume(struct handle *handle)
{
	struct feed *feed = handle->feed;
	ssize_t taken;

	if (!feed)
		return;
	taken = give(handle, feed->rest.data, feed->rest.len);
	if (taken < 0) {
		feed_end(handle, (int)-taken);
		return;
	}
	feed->taken += (size_t)taken;
	buf_drop(&feed->rest, (size_t)taken);
	if (!feed->rest.len)
		feed_end(handle, 0);
}

static int stdin_truncate(struct node *node, struct handle *handle, off_t size, pid_t pid)
{
	return 0;
}

static bool stdin_room(struct handle *handle)
{
	return !handle->feed && command_input_room(command_at(handle));
}

const struct file_class class_stdin = {
	.word = "stdin",
	.mode = S_IFREG | 0644,
	.size = class_shot_size,
	.open = stdin_open,
	.read = class_read_shot,
	.write = stdin_write,
	.truncate = stdin_truncate,
	.close = stdin_close,
	.resume = stdin_resume,
	.room = stdin_room,
	.help = true,
};
