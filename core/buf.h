/*
 * Growable bytes. A zeroed struct buf is an empty one; buf_free() makes it empty again.
 */
#ifndef CORE_BUF_H
#define CORE_BUF_H

#include <stddef.h>
#include <stdbool.h>

struct buf {
	char *data; /* NUL terminated whenever not NULL */
	size_t len; /* bytes, without that NUL */
	size_t cap;
};

void buf_add(struct buf *buf, const void *data, size_t len);
void buf_adds(struct buf *buf, const char *text);
void buf_addc(struct buf *buf, char c);
void buf_printf(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3), nonnull(2)));
/* Appends text from outside without its control characters (design 2.1, rule 11); bytes >= 0x80 pass. */
void buf_add_clean(struct buf *buf, const char *text);
void buf_drop(struct buf *buf, size_t len); /* forgets the first len bytes */
void buf_clear(struct buf *buf);            /* keeps the memory */
void buf_free(struct buf *buf);
const char *buf_text(const struct buf *buf); /* "" when empty */
char *buf_take(struct buf *buf);             /* the bytes, now the caller's to free; the buf is empty */

#define BUF_AUTO __attribute__((cleanup(buf_free)))

#endif
