/*
 * The bytes below serde.c: a JSON reader that stops at the same byte, and with the same words, as serde_json.
 *
 * Every function returns false when the text is refused; *why then holds the reason. A refusal that has no
 * position of its own (scan_custom) gets that of the structure around it, where there is one.
 */
#ifndef DEVNET_SERDE_SCAN_H
#define DEVNET_SERDE_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/buf.h"

enum { SCAN_DEPTH = 128 };

struct scan {
	const char *text;
	size_t len, at;
	unsigned depth; /* structures that may still be entered */
	struct buf *why;
	bool failed, placed;
};

enum scan_number_kind { SCAN_UNSIGNED, SCAN_NEGATIVE, SCAN_FLOAT };
struct scan_number {
	enum scan_number_kind kind;
	uint64_t magnitude;
	double value;
};

char scan_peek(struct scan *scan); /* the next byte after white space, 0 at the end */
bool scan_failed(const struct scan *scan);

/* Refuse: at the last byte read, at the one ahead, or without a position. All return false. */
bool scan_fail(struct scan *scan, const char *format, ...) __attribute__((format(printf, 2, 3)));
bool scan_fail_ahead(struct scan *scan, const char *what);
bool scan_custom(struct scan *scan, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* "invalid type: …, expected …" of whatever comes next. */
bool scan_wrong_type(struct scan *scan, const char *expected);

bool scan_need_value(struct scan *scan);
bool scan_word(struct scan *scan, const char *word); /* null, true, false */
bool scan_number(struct scan *scan, struct scan_number *number);
void scan_show_number(const struct scan_number *number, struct buf *out);
bool scan_string(struct scan *scan, struct buf *out);
bool scan_colon(struct scan *scan);
/* Any value; with `bounded` depth counts and text must be UTF-8, without, it is only passed over. */
bool scan_skip(struct scan *scan, bool bounded);

bool scan_enter(struct scan *scan); /* '{' or '[' */
bool scan_next_key(struct scan *scan, bool first, bool *more);
bool scan_next_item(struct scan *scan, bool first, bool *more);
/* After the last member, or after a failure (`good` false): gives a refusal its position. */
bool scan_leave(struct scan *scan, char open, bool good);
bool scan_end(struct scan *scan); /* nothing but white space is left */

#endif
