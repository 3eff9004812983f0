#include "core/sse.h"

#include <stdbool.h>

#include "core/buf.h"
#include "core/mem.h"

struct sse {
	struct sse_handler handler;
	struct buf line; /* the beginning of a line whose end has not come yet */
	struct buf name, data;
	bool after_cr;
	bool feeding, freed; /* freed inside a handler: released when sse_feed() has come to its end */
};

struct sse *sse_new(const struct sse_handler *handler)
{
	struct sse *sse = mem_alloc(sizeof(*sse));

	sse->handler = *handler;
	return sse;
}

void sse_free(struct sse *sse)
{
	if (!sse)
		return;
	sse->freed = true;
	if (sse->feeding)
		return;
	buf_free(&sse->line);
	buf_free(&sse->name);
	buf_free(&sse->data);
	free(sse);
}

/* An empty line ends the event; one without data is none. */
static void dispatch(struct sse *sse)
{
	BUF_AUTO struct buf name = sse->name;
	BUF_AUTO struct buf data = sse->data;

	sse->name = (struct buf){0};
	sse->data = (struct buf){0};
	if (!data.len)
		return;
	data.data[--data.len] = '\0'; /* the newline after the last line */
	sse->handler.event(sse->handler.context, buf_text(&name), data.data, data.len);
}

static void take_field(struct sse *sse, const char *line, size_t len)
{
	const char *colon = memchr(line, ':', len);
	size_t name_len = colon ? (size_t)(colon - line) : len;
	const char *value = colon ? colon + 1 : line + len;
	size_t value_len = (size_t)(line + len - value);

	if (value_len && *value == ' ')
		value++, value_len--;
	if (name_len == 4 && !memcmp(line, "data", 4)) {
		buf_add(&sse->data, value, value_len);
		buf_addc(&sse->data, '\n');
	} else if (name_len == 5 && !memcmp(line, "event", 5)) {
		buf_clear(&sse->name);
		buf_add(&sse->name, value, value_len);
	}
}

static void end_line(struct sse *sse)
{
	BUF_AUTO struct buf line = sse->line;

	sse->line = (struct buf){0};
	if (!line.len)
		dispatch(sse);
	else if (line.data[0] == ':')
		sse->handler.comment(sse->handler.context, line.data + 1);
	else
		take_field(sse, line.data, line.len);
}

/* Takes up to and including the next line end; returns the number of bytes used. */
static size_t take_piece(struct sse *sse, const char *data, size_t len)
{
	size_t used = 0;

	if (sse->after_cr && *data == '\n')
		used = 1; /* the second half of a CR LF */
	sse->after_cr = false;
	size_t start = used;

	while (used < len && data[used] != '\n' && data[used] != '\r')
		used++;
	buf_add(&sse->line, data + start, used - start);
	if (used == len)
		return used;
	sse->after_cr = data[used] == '\r';
	end_line(sse);
	return used + 1;
}

int sse_feed(struct sse *sse, const void *data, size_t len, struct err *err)
{
	const char *at = data;
	int result = 0;

	sse->feeding = true;
	while (len && !sse->freed && !result) {
		size_t used = take_piece(sse, at, len);

		at += used;
		len -= used;
		if (sse->line.len > SSE_MAX_EVENT || sse->data.len > SSE_MAX_EVENT)
			result = err_set(err, EIO, "an event of more than %d bytes", SSE_MAX_EVENT);
	}
	sse->feeding = false;
	if (!sse->freed)
		return result;
	sse_free(sse);
	return 1;
}
