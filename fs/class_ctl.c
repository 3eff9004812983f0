/*
 * ctl and setting: files that take lines, each a request that is done or refused as a whole (design 2.1, rule 4).
 *
 * A WRITE carries its lines through one after the other and is answered when the last one is: with its size, with
 * the bytes of those done before a refused one, or with the errno. It waits 5 s at most, and a signal ends its
 * waiting, but never with EINTR: callers would send again what has been handed to core.
 */
#include "fs/class.h"

#include <sys/stat.h>

#include "core/mem.h"
#include "core/order.h"
#include "core/text.h"

enum { LINE_MAX_BYTES = 4096, WRITE_LIMIT_MS = 5000 };

/* One WRITE on its way. */
struct writer {
	struct handle *handle;
	fuse_req_t req;
	struct buf text; /* the tail carried over from the last write, and this one */
	size_t carried;  /* bytes of that tail */
	size_t position; /* everything before is done */
	size_t next;     /* behind the line that is under way */
	bool whole;      /* it has no newline at all: it is one line */
	bool calling;    /* inside the verb: an answer must not continue, its caller does */
	struct order *order;
	struct loop_timer *limit;
	int code; /* of a refused line */
};

static void line_of_ctl(struct node *node, const char *line, size_t len, struct order *order);
static void line_of_setting(struct node *node, const char *line, size_t len, struct order *order);

static void call_verb(struct node *node, struct text_words *words, struct order *order)
{
	const char *name = words->word[0];
	unsigned count = words->count - 1;
	const struct verb *verb = node->row->verbs;

	while (verb->name && strcmp(verb->name, name) != 0)
		verb++;
	if (!verb->name)
		order_refusef(order, EINVAL, "unknown verb \"%s\": cat %s shows the verbs", name,
			      node->row->name);
	else if (count < verb->min)
		order_refusef(order, EINVAL, "%s: too few arguments: %s %s", name, name, verb->usage);
	else if (count > verb->max)
		order_refusef(order, EINVAL, "%s: too many arguments: \"%s\"", name,
			      words->word[verb->max + 1]);
	else
		verb->call(node->obj, words->word, count, order);
}

static void line_of_ctl(struct node *node, const char *line, size_t len, struct order *order)
{
	TEXT_WORDS_AUTO struct text_words words = {0};
	struct err err = {0};

	if (text_words(line, len, &words, &err) < 0)
		order_refuse(order, &err);
	else if (words.count == 0)
		order_accept(order, NULL);
	else if (node->row->take && words.count > 1)
		order_refusef(order, EINVAL, "one word is a line here: \"%s\" is too much", words.word[1]);
	else if (node->row->take)
		node->row->take(node->obj, words.word[0], order);
	else
		call_verb(node, &words, order);
}

static void line_of_setting(struct node *node, const char *line, size_t len, struct order *order)
{
	struct err err = {0};

	if (memchr(line, '\0', len))
		order_refusef(order, EINVAL, "%s: a NUL byte in the value", node->row->name);
	else if (node->row->set(node->obj, node->row, line, len, &err) < 0)
		order_refuse(order, &err);
	else
		order_accept(order, NULL);
}

/* The line as `error` will show it. */
static char *line_written(struct node *node, const char *line, size_t len)
{
	BUF_AUTO struct buf text = {0};

	if (node->row->set)
		buf_printf(&text, "%s%s ", node->row->setting ? "config/" : "", node->row->name);
	buf_add(&text, line, len);
	return buf_take(&text);
}

static void line_call(struct node *node, const char *line, size_t len, struct order *order)
{
	if (len && line[len - 1] == '\r')
		len--;
	if (len > LINE_MAX_BYTES)
		order_refusef(order, EINVAL, "a line has at most %d bytes, this one has %zu", LINE_MAX_BYTES,
			      len);
	else if (node_dead(node))
		order_refusef(order, ENODEV, "it has been destroyed");
	else if (node->row->set)
		line_of_setting(node, line, len, order);
	else
		line_of_ctl(node, line, len, order);
}

static struct order *line_order(struct handle *handle, const char *line, size_t len, order_answer answer,
				void *context)
{
	MEM_AUTO char *written =
		line_written(handle->node, line, len < LINE_MAX_BYTES ? len : LINE_MAX_BYTES);

	return order_new(handle->node->obj, handle->pid, written ? written : "", answer, context);
}

static void writer_free(struct writer *writer)
{
	loop_cancel(&writer->limit);
	loop_forget(writer->handle->fs->loop, writer);
	writer->handle->writer = NULL;
	buf_free(&writer->text);
	free(writer);
}

static void writer_reply(void *context)
{
	struct writer *writer = context;
	fuse_req_t req = writer->req;
	size_t done = writer->position > writer->carried ? writer->position - writer->carried : 0;
	int code = writer->code;

	writer->handle->poison = code;
	/* Short counts: callers send the rest again, and the poisoned descriptor tells them the errno then. */
	if (code && !done)
		fuse_reply_err(req, code);
	else
		fuse_reply_write(req, done);
	writer_free(writer);
}

/* Deferred, so that everybody has been told what has changed before the writer can look. */
static void writer_finish(struct writer *writer)
{
	loop_cancel(&writer->limit);
	loop_defer(writer->handle->fs->loop, writer_reply, writer);
}

/* Finds the line at the position; false: there is none, and what is left has been put aside. */
static bool writer_line(struct writer *writer, size_t *len)
{
	const char *text = writer->text.data + writer->position;
	size_t left = writer->text.len - writer->position;
	const char *newline = left ? memchr(text, '\n', left) : NULL;

	*len = newline ? (size_t)(newline - text) : left;
	writer->next = writer->position + *len + (newline != NULL);
	if (newline || (writer->whole && left))
		return true;
	if (left > LINE_MAX_BYTES) /* will be refused as a line */
		return true;
	buf_add(&writer->handle->bytes, text, left);
	writer->position = writer->next;
	return false;
}

static void writer_answer(void *context, const struct err *err, const char *made);

/* Goes on line by line until one is not answered at once. */
static void writer_step(struct writer *writer)
{
	struct handle *handle = writer->handle;
	size_t len;

	while (!writer->code && writer_line(writer, &len)) {
		const char *line = writer->text.data + writer->position;

		writer->order = line_order(handle, line, len, writer_answer, writer);
		writer->calling = true;
		line_call(handle->node, line, len, writer->order);
		writer->calling = false;
		if (writer->order)
			return;
	}
	writer_finish(writer);
}

static void writer_answer(void *context, const struct err *err, const char *made)
{
	struct writer *writer = context;

	writer->order = NULL;
	if (err) {
		writer->code = err->code ? err->code : EIO;
	} else {
		writer->position = writer->next;
		if (made)
			handle_made(writer->handle, made);
	}
	if (!writer->calling)
		writer_step(writer);
}

/* The line goes on without its writer; `error` and `wait` tell the rest. */
static void writer_detach(struct writer *writer)
{
	if (!writer->order)
		return;
	order_detach(writer->order);
	writer->order = NULL;
	writer->position = writer->next;
	writer_finish(writer);
}

static void writer_late(void *context)
{
	struct writer *writer = context;

	writer->limit = NULL;
	writer_detach(writer);
}

static void writer_interrupted(fuse_req_t req, void *context)
{
	writer_detach(context);
}

static int write_refused(struct handle *handle)
{
	struct err err = {0};

	if (handle->poison)
		return handle->poison;
	if (!handle->unterminated)
		return handle->writer ? EAGAIN : 0;
	err_set(&err, EINVAL, "more bytes after a line without a newline: one line is one write");
	obj_refuse(handle->node->obj, handle->pid, handle->node->row->name, &err);
	handle->poison = EINVAL;
	return EINVAL;
}

static void lines_write(struct handle *handle, fuse_req_t req, const char *data, size_t size, off_t offset)
{
	int code = write_refused(handle);
	struct writer *writer;

	if (code) {
		fuse_reply_err(req, code);
		return;
	}
	writer = mem_alloc(sizeof *writer);
	writer->handle = handle;
	writer->req = req;
	writer->carried = handle->bytes.len;
	writer->whole = !handle->bytes.len && !memchr(data, '\n', size);
	writer->text = handle->bytes;
	handle->bytes = (struct buf){0};
	buf_add(&writer->text, data, size);
	handle->writer = writer;
	handle->wrote = true;
	handle->unterminated = writer->whole;
	writer->limit = loop_after(handle->fs->loop, WRITE_LIMIT_MS, writer_late, writer);
	/* Before anything can be answered: registered later it would be called with libfuse's lock held. */
	if (!fuse_req_interrupted(req))
		fuse_req_interrupt_func(req, writer_interrupted, writer);
	writer_step(writer);
}

static bool lines_read(struct handle *handle, const struct read *read)
{
	if (handle->wrote && !handle->node->row->set)
		return handle_read_answer(handle, read->req, read->size, read->offset);
	return class_read_shot(handle, read);
}

static void nobody_asks(void *context, const struct err *err, const char *made)
{
}

/* The unfinished line is taken now; a refusal of it can only go into `error`. */
static void lines_close(struct handle *handle)
{
	struct order *order;

	if (handle->writer) {
		fuse_req_t req = handle->writer->req;

		if (handle->writer->order)
			order_detach(handle->writer->order);
		writer_free(handle->writer);
		fuse_reply_err(req, EINTR);
	}
	if (!handle->bytes.len || handle->poison)
		return;
	order = line_order(handle, handle->bytes.data, handle->bytes.len, nobody_asks, NULL);
	line_call(handle->node, handle->bytes.data, handle->bytes.len, order);
}

const struct file_class class_ctl = {
	.word = "control",
	.mode = S_IFREG | 0644,
	.size = class_shot_size,
	.read = lines_read,
	.write = lines_write,
	.close = lines_close,
	.help = true,
};

const struct file_class class_setting = {
	.word = "setting",
	.mode = S_IFREG | 0644,
	.size = class_shot_size,
	.read = lines_read,
	.write = lines_write,
	.close = lines_close,
};

const struct file_class class_table = {
	.word = "table",
	.mode = S_IFREG | 0644,
	.size = class_shot_size,
	.read = lines_read,
	.write = lines_write,
	.close = lines_close,
};
