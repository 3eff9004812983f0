/*
 * Messages and frames as bytes: written into a buf, read from a bounded view. Used by both ends; owns nothing.
 */
#ifndef CORE_AGENT_FRAME_H
#define CORE_AGENT_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/agent/protocol.h"
#include "core/buf.h"

void frame_put16(struct buf *out, uint16_t value);
void frame_put32(struct buf *out, uint32_t value);
void frame_put64(struct buf *out, uint64_t value);

/* A message is begun, frames are added, and it is ended by writing its size into its head. `begin` returns the
 * offset of the message in `out`, for frame_end_message(). */
size_t frame_begin_message(struct buf *out, uint32_t serial, uint32_t ack);
void frame_end_message(struct buf *out, size_t begin);
/* A frame with its payload in up to two pieces (an offset and bytes, say). */
void frame_add(struct buf *out, uint32_t channel, uint8_t type, uint8_t flags, const void *head,
	       size_t head_len, const void *data, size_t len);

struct frame_message {
	uint32_t size, serial, ack;
};

/* 1: a whole message stands at the beginning; 0: more bytes are needed; -1: this is no message of this protocol. */
int frame_peek_message(const void *data, size_t len, struct frame_message *message);

/* A view of bytes being read; every take beyond the end sets `bad` and gives zeros. */
struct frame_view {
	const uint8_t *at, *end;
	bool bad;
};

struct frame {
	uint32_t channel;
	uint8_t type, flags;
	struct frame_view payload;
};

struct frame_view frame_view_of(const void *data, size_t len);
uint8_t frame_take8(struct frame_view *view);
uint16_t frame_take16(struct frame_view *view);
uint32_t frame_take32(struct frame_view *view);
uint64_t frame_take64(struct frame_view *view);
const void *frame_take(struct frame_view *view, size_t len); /* NULL when there are fewer */
const char *frame_take_text(struct frame_view *view);        /* to the next NUL; NULL when there is none */
size_t frame_left(const struct frame_view *view);

/* The frames of a message (head excluded): true with the next one; false at the end, or with view->bad. */
bool frame_next(struct frame_view *view, struct frame *frame);

#endif
