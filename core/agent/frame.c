#include "core/agent/frame.h"

#include <string.h>

static void put(struct buf *out, uint64_t value, unsigned bytes)
{
	uint8_t raw[8];

	for (unsigned i = 0; i < bytes; i++)
		raw[i] = (uint8_t)(value >> (8 * i));
	buf_add(out, raw, bytes);
}

static uint64_t take(struct frame_view *view, unsigned bytes)
{
	const uint8_t *raw = frame_take(view, bytes);
	uint64_t value = 0;

	for (unsigned i = 0; raw && i < bytes; i++)
		value |= (uint64_t)raw[i] << (8 * i);
	return value;
}

void frame_put16(struct buf *out, uint16_t value)
{
	put(out, value, 2);
}

void frame_put32(struct buf *out, uint32_t value)
{
	put(out, value, 4);
}

void frame_put64(struct buf *out, uint64_t value)
{
	put(out, value, 8);
}

size_t frame_begin_message(struct buf *out, uint32_t serial, uint32_t ack)
{
	size_t begin = out->len;

	frame_put32(out, 0);
	frame_put32(out, AGENT_VERSION);
	frame_put32(out, serial);
	frame_put32(out, ack);
	return begin;
}

void frame_end_message(struct buf *out, size_t begin)
{
	size_t size = out->len - begin;

	for (unsigned i = 0; i < 4; i++)
		out->data[begin + i] = (char)(size >> (8 * i));
}

void frame_add(struct buf *out, uint32_t channel, uint8_t type, uint8_t flags, const void *head,
	       size_t head_len, const void *data, size_t len)
{
	frame_put32(out, channel);
	frame_put32(out, (uint32_t)(head_len + len));
	frame_put32(out, (uint32_t)type | (uint32_t)flags << 8);
	if (head_len)
		buf_add(out, head, head_len);
	if (len)
		buf_add(out, data, len);
}

int frame_peek_message(const void *data, size_t len, struct frame_message *message)
{
	struct frame_view view = frame_view_of(data, len);
	uint32_t version;

	if (len < AGENT_HEAD_SIZE)
		return 0;
	message->size = frame_take32(&view);
	version = frame_take32(&view);
	message->serial = frame_take32(&view);
	message->ack = frame_take32(&view);
	if (version != AGENT_VERSION || message->size < AGENT_HEAD_SIZE || message->size > AGENT_MESSAGE_MAX)
		return -1;
	return len >= message->size;
}

struct frame_view frame_view_of(const void *data, size_t len)
{
	return (struct frame_view){.at = data, .end = (const uint8_t *)data + len};
}

uint8_t frame_take8(struct frame_view *view)
{
	return (uint8_t)take(view, 1);
}

uint16_t frame_take16(struct frame_view *view)
{
	return (uint16_t)take(view, 2);
}

uint32_t frame_take32(struct frame_view *view)
{
	return (uint32_t)take(view, 4);
}

uint64_t frame_take64(struct frame_view *view)
{
	return take(view, 8);
}

size_t frame_left(const struct frame_view *view)
{
	return (size_t)(view->end - view->at);
}

const void *frame_take(struct frame_view *view, size_t len)
{
	const void *data = view->at;

	if (frame_left(view) < len) {
		view->bad = true;
		view->at = view->end;
		return NULL;
	}
	view->at += len;
	return data;
}

const char *frame_take_text(struct frame_view *view)
{
	const char *text = (const char *)view->at;
	const uint8_t *end = memchr(view->at, 0, frame_left(view));

	if (!end) {
		view->bad = true;
		view->at = view->end;
		return NULL;
	}
	view->at = end + 1;
	return text;
}

bool frame_next(struct frame_view *view, struct frame *frame)
{
	uint32_t length, kind;

	if (!frame_left(view))
		return false;
	frame->channel = frame_take32(view);
	length = frame_take32(view);
	kind = frame_take32(view);
	frame->type = (uint8_t)kind;
	frame->flags = (uint8_t)(kind >> 8);
	if (view->bad || kind >> 16 || frame_left(view) < length) {
		view->bad = true;
		return false;
	}
	frame->payload = frame_view_of(view->at, length);
	view->at += length;
	return true;
}
