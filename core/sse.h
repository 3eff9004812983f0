/*
 * Incremental reader of text/event-stream (reference/yagna-api.md 5.7): bytes in, events and comments out.
 */
#ifndef CORE_SSE_H
#define CORE_SSE_H

#include <stddef.h>

#include "core/err.h"

struct sse;

enum { SSE_MAX_EVENT = 16 << 20 }; /* bytes of one event's data, and of one line */

struct sse_handler {
	void (*event)(void *context, const char *name, const char *data, size_t len); /* name "" when none */
	void (*comment)(void *context, const char *text); /* a line that begins with a colon, without it */
	void *context;
};

struct sse *sse_new(const struct sse_handler *handler);
void sse_free(struct sse *sse); /* allowed inside a handler */
/* 0; 1 when a handler has freed the reader; or -1 with EIO when a line or an event is too long: the reader is of no
 * use then. */
int sse_feed(struct sse *sse, const void *data, size_t len, struct err *err);

#endif
