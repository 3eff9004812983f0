/*
 * wait: its read waits until nothing is under way any more. In a plural directory `wait` waits for all, `any` for
 * the first that has ended; they give a line `name state` each, and then the errno of the first failure.
 */
#include "fs/class.h"

#include <sys/stat.h>

#include "core/mem.h"
#include "fs/park.h"

/* Keeps what the wait has given, for the reads behind it, and answers this one. */
static bool wait_give(struct handle *handle, const struct read *read, const struct buf *text, int late_error)
{
	shot_unref(handle->shot);
	handle->shot = mem_alloc(sizeof *handle->shot + text->len);
	handle->shot->refs = 1;
	handle->shot->len = text->len;
	if (text->len)
		memcpy(handle->shot->data, text->data, text->len);
	handle->late_error = late_error;
	if (!text->len && late_error)
		return class_reply_error(read->req, late_error);
	return class_reply_slice(read->req, handle->shot->data, handle->shot->len, read->size, read->offset);
}

static bool wait_behind(struct handle *handle, const struct read *read)
{
	if ((uint64_t)read->offset >= handle->shot->len && handle->late_error)
		return class_reply_error(read->req, handle->late_error);
	return class_reply_slice(read->req, handle->shot->data, handle->shot->len, read->size, read->offset);
}

/* The step that was waited for has been cut short, though the object may be at rest or at a new step already. */
static bool wait_cut(struct handle *handle, const struct read *read)
{
	return node_dead(handle->node) || (read->waited && handle->node->obj->cancels != read->cancels);
}

static bool wait_read(struct handle *handle, const struct read *read)
{
	struct obj *obj = handle->node->obj;
	const struct row *row = handle->node->row;
	BUF_AUTO struct buf text = {0};
	struct err err = {0};
	/* What always has a result gives it, however it came about. */
	bool result = row->show != tree_show_state;

	if (read->offset > 0 && handle->shot)
		return wait_behind(handle, read);
	if (!result && wait_cut(handle, read))
		return class_reply_error(read->req, ECANCELED);
	if (result ? !obj_ended(obj) : !obj_settled(obj))
		return handle->fs->leaving || node_dead(handle->node)
			       ? class_reply_error(read->req, ECANCELED)
			       : false;
	obj_outcome(obj, &err);
	if (err.code && !result)
		return class_reply_error(read->req, err.code);
	row->show(obj, row, &text);
	return wait_give(handle, read, &text, 0);
}

static void line_of(const struct obj *obj, struct buf *text)
{
	buf_printf(text, "%s %s\n", obj->name, obj_state(obj));
}

static bool plural_over(struct handle *handle, const struct read *read)
{
	return handle->fs->leaving || node_dead(handle->node);
}

static bool wait_all_read(struct handle *handle, const struct read *read)
{
	BUF_AUTO struct buf text = {0};
	int first = 0;

	if (read->offset > 0 && handle->shot)
		return wait_behind(handle, read);
	for (struct obj *child = obj_first(handle->node->obj); child; child = obj_next(child)) {
		struct err err = {0};

		if (!obj_settled(child))
			return plural_over(handle, read) ? class_reply_error(read->req, ECANCELED) : false;
		obj_outcome(child, &err);
		line_of(child, &text);
		first = first ? first : err.code;
	}
	return wait_give(handle, read, &text, first);
}

static bool wait_any_read(struct handle *handle, const struct read *read)
{
	BUF_AUTO struct buf text = {0};

	if (read->offset > 0 && handle->shot)
		return wait_behind(handle, read);
	for (struct obj *child = obj_first(handle->node->obj); child; child = obj_next(child)) {
		if (obj_ended(child))
			line_of(child, &text);
	}
	if (!text.len && obj_count(handle->node->obj) > 0)
		return plural_over(handle, read) ? class_reply_error(read->req, ECANCELED) : false;
	return wait_give(handle, read, &text, 0);
}

static bool wait_news(struct handle *handle)
{
	return handle->node->row->show != tree_show_state ? obj_ended(handle->node->obj)
							  : obj_settled(handle->node->obj);
}

static bool wait_all_news(struct handle *handle)
{
	for (struct obj *child = obj_first(handle->node->obj); child; child = obj_next(child)) {
		if (!obj_settled(child))
			return false;
	}
	return true;
}

static bool wait_any_news(struct handle *handle)
{
	for (struct obj *child = obj_first(handle->node->obj); child; child = obj_next(child)) {
		if (obj_ended(child))
			return true;
	}
	return obj_count(handle->node->obj) == 0;
}

const struct file_class class_wait = {
	.word = "wait", .mode = S_IFREG | 0444, .read = wait_read, .news = wait_news};
const struct file_class class_wait_all = {
	.word = "wait", .mode = S_IFREG | 0444, .read = wait_all_read, .news = wait_all_news};
const struct file_class class_wait_any = {
	.word = "wait", .mode = S_IFREG | 0444, .read = wait_any_read, .news = wait_any_news};
