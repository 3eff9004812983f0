/*
 * run: what is written between open and close is one command. It is queued at the last close, or when the writer
 * reads its number back; shells cut their output into writes as they like, so no write can mean an end.
 */
#include "fs/class.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "core/command.h"
#include "core/err.h"

enum { RUN_MAX = 16 << 20, RUN_QUOTE = 120 };

static int run_refuse(struct handle *handle, const struct err *err)
{
	BUF_AUTO struct buf written = {0};

	buf_adds(&written, "run: ");
	buf_add(&written, buf_text(&handle->bytes),
		handle->bytes.len < RUN_QUOTE ? handle->bytes.len : RUN_QUOTE);
	obj_refuse(handle->node->obj, handle->pid, buf_text(&written), err);
	return err->code;
}

/* A backend gives the command to an instance that is free. */
static struct obj *run_where(struct obj *obj)
{
	return obj->kind == OBJ_BACKEND ? command_pool(backend_of(obj)) : obj;
}

static int run_queue(struct handle *handle)
{
	struct err err = {0};
	struct command *command;
	int code = 0;

	if (handle->bytes.len == 0)
		return 0;
	command = command_queue(run_where(handle->node->obj), handle->bytes.data, handle->bytes.len, &err);
	if (command)
		handle_made(handle, command_obj(command)->name);
	else
		code = run_refuse(handle, &err);
	buf_clear(&handle->bytes);
	handle->collecting = false;
	return code;
}

static void run_write(struct handle *handle, fuse_req_t req, const char *data, size_t size, off_t offset)
{
	struct err err = {0};
	int code;

	/* The descriptor may have read a number before: its next command begins wherever it stands now. */
	if (!handle->collecting)
		handle->base = offset;
	handle->collecting = handle->wrote = true;
	if (handle->flags & O_APPEND)
		offset = handle->base + (off_t)handle->bytes.len;
	code = offset < handle->base ? EINVAL
				     : handle_place(handle, data, size, offset - handle->base, RUN_MAX);
	if (!code) {
		fuse_reply_write(req, size);
		return;
	}
	err_set(&err, code,
		code == EINVAL ? "written before the beginning of the command"
			       : "a command has at most 16 MiB");
	fuse_reply_err(req, run_refuse(handle, &err));
}

static bool run_read(struct handle *handle, const struct read *read)
{
	int code;

	if (!handle->wrote)
		return class_read_shot(handle, read);
	code = run_queue(handle);
	if (code)
		return class_reply_error(read->req, code);
	return handle_read_answer(handle, read->req, read->size, read->offset);
}

static int run_truncate(struct node *node, struct handle *handle, off_t size, pid_t pid)
{
	return handle && handle->collecting ? handle_resize(handle, size, RUN_MAX) : 0;
}

static void run_close(struct handle *handle)
{
	run_queue(handle);
}

const struct file_class class_run = {
	.word = "run",
	.mode = S_IFREG | 0644,
	.size = class_shot_size,
	.read = run_read,
	.write = run_write,
	.truncate = run_truncate,
	.close = run_close,
	.help = true,
};
