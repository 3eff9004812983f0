/*
 * Capturing a program's output: which bytes of it are kept, in which form they are shown in results and events
 * (reference/yagna-api.md 5.5 "capture", 5.6, 5.7).
 */
#ifndef DEVNET_CAPTURE_H
#define DEVNET_CAPTURE_H

#include <stdbool.h>
#include <stddef.h>

#include "core/buf.h"

enum capture_mode { CAPTURE_NONE, CAPTURE_AT_END, CAPTURE_STREAM };
enum capture_part { CAPTURE_ALL, CAPTURE_HEAD, CAPTURE_TAIL, CAPTURE_HEAD_TAIL };

/* What a script asks for. */
struct capture {
	enum capture_mode mode;
	enum capture_part part;
	size_t limit; /* of the part; with CAPTURE_STREAM, where part is CAPTURE_ALL or CAPTURE_HEAD */
	bool bytes;   /* shown as a list of numbers instead of text */
};

/* What has been kept so far; zeroed is empty. More than CAPTURE_BYTES_MAX is not kept of any output. */
enum { CAPTURE_BYTES_MAX = 256 << 20 };

struct captured {
	struct buf head, tail;
};

/* Keeps what is asked for. Returns how many of the bytes, from the first on, a stream shows. */
size_t capture_add(const struct capture *capture, struct captured *captured, const void *data, size_t len);
void captured_free(struct captured *captured);

/* As a member of a result: null when empty; text whose bytes are no UTF-8 as Latin-1 as a whole. */
void capture_print(const struct capture *capture, const struct captured *captured, struct buf *out);
/* As the value of an event: each piece of text is decoded by itself, U+FFFD for what is no UTF-8. */
void capture_print_event(const struct capture *capture, const void *data, size_t len, struct buf *out);

/* A JSON string with quotes; the bytes must be UTF-8. */
void capture_print_string(const void *data, size_t len, struct buf *out);
bool capture_is_utf8(const void *data, size_t len);

#endif
