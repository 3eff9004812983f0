#include "tests/devnet/capture.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

static size_t room(const struct buf *kept, size_t limit)
{
	if (limit > CAPTURE_BYTES_MAX)
		limit = CAPTURE_BYTES_MAX;
	return kept->len < limit ? limit - kept->len : 0;
}

static size_t add_head(struct buf *kept, size_t limit, const char *data, size_t len)
{
	size_t left = room(kept, limit);
	size_t taken = len < left ? len : left;
	buf_add(kept, data, taken);
	return taken;
}

/* The buffer may grow to twice the limit before its start is let go: each byte is moved once. */
static void add_tail(struct buf *kept, size_t limit, const char *data, size_t len)
{
	if (limit > CAPTURE_BYTES_MAX)
		limit = CAPTURE_BYTES_MAX;
	if (len > limit) {
		data += len - limit;
		len = limit;
	}
	buf_add(kept, data, len);
	if (kept->len > 2 * limit)
		buf_drop(kept, kept->len - limit);
}

static size_t head_limit(const struct capture *capture)
{
	switch (capture->part) {
	case CAPTURE_HEAD:
		return capture->limit;
	case CAPTURE_HEAD_TAIL:
		return capture->limit / 2;
	case CAPTURE_TAIL:
		return 0;
	case CAPTURE_ALL:
		break;
	}
	return SIZE_MAX;
}

static size_t tail_limit(const struct capture *capture)
{
	if (capture->part == CAPTURE_TAIL)
		return capture->limit;
	return capture->part == CAPTURE_HEAD_TAIL ? capture->limit - capture->limit / 2 : 0;
}

size_t capture_add(const struct capture *capture, struct captured *captured, const void *data, size_t len)
{
	if (capture->mode == CAPTURE_NONE)
		return 0;
	size_t first = add_head(&captured->head, head_limit(capture), data, len);
	if (tail_limit(capture))
		add_tail(&captured->tail, tail_limit(capture), (const char *)data + first, len - first);
	return capture->mode == CAPTURE_STREAM ? first : 0;
}

void captured_free(struct captured *captured)
{
	buf_free(&captured->head);
	buf_free(&captured->tail);
}

/* Length of the UTF-8 sequence at `at`, or 0; *bad is how many bytes a decoder replaces by one U+FFFD. */
static size_t sequence(const unsigned char *at, const unsigned char *end, size_t *bad)
{
	static const struct {
		unsigned char from, to, length, low, high; /* low, high: of the second byte */
	} rows[] = {{0x00, 0x7f, 1, 0, 0},       {0xc2, 0xdf, 2, 0x80, 0xbf}, {0xe0, 0xe0, 3, 0xa0, 0xbf},
		    {0xe1, 0xec, 3, 0x80, 0xbf}, {0xed, 0xed, 3, 0x80, 0x9f}, {0xee, 0xef, 3, 0x80, 0xbf},
		    {0xf0, 0xf0, 4, 0x90, 0xbf}, {0xf1, 0xf3, 4, 0x80, 0xbf}, {0xf4, 0xf4, 4, 0x80, 0x8f}};
	*bad = 1;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		if (*at < rows[i].from || *at > rows[i].to)
			continue;
		for (size_t n = 1; n < rows[i].length; n++) {
			unsigned char low = n == 1 ? rows[i].low : 0x80, high = n == 1 ? rows[i].high : 0xbf;
			*bad = n;
			if (at + n >= end || at[n] < low || at[n] > high)
				return 0;
		}
		return rows[i].length;
	}
	return 0;
}

bool capture_is_utf8(const void *data, size_t len)
{
	const unsigned char *at = data, *end = at + len;
	for (size_t bad, one; at < end; at += one) {
		one = sequence(at, end, &bad);
		if (!one)
			return false;
	}
	return true;
}

static void print_ascii(unsigned char c, struct buf *out)
{
	static const char plain[] = "\b\t\n\f\r\"\\", letters[] = "btnfr\"\\";
	const char *found = c ? strchr(plain, c) : NULL;
	if (found) {
		buf_addc(out, '\\');
		buf_addc(out, letters[found - plain]);
	} else if (c < 0x20) {
		buf_printf(out, "\\u%04x", c);
	} else {
		buf_addc(out, (char)c);
	}
}

void capture_print_string(const void *data, size_t len, struct buf *out)
{
	const unsigned char *at = data, *end = at + len;
	buf_addc(out, '"');
	for (const unsigned char *start = at; at < end; start = at) {
		while (at < end && *at >= 0x20 && *at != '"' && *at != '\\')
			at++;
		buf_add(out, start, (size_t)(at - start));
		if (at < end)
			print_ascii(*at++, out);
	}
	buf_addc(out, '"');
}

static void print_latin1(const struct buf *part, struct buf *text)
{
	for (size_t i = 0; i < part->len; i++) {
		unsigned char c = (unsigned char)part->data[i];
		if (c < 0x80) {
			buf_addc(text, (char)c);
		} else {
			buf_addc(text, (char)(0xc0 | c >> 6));
			buf_addc(text, (char)(0x80 | (c & 0x3f)));
		}
	}
}

static void print_numbers(const void *data, size_t len, struct buf *out)
{
	const unsigned char *at = data;
	buf_addc(out, '[');
	for (size_t i = 0; i < len; i++) {
		char digits[5], *first = digits + sizeof(digits);
		unsigned value = at[i];
		do
			*--first = (char)('0' + value % 10);
		while (value /= 10);
		if (i)
			*--first = ',';
		buf_add(out, first, (size_t)(digits + sizeof(digits) - first));
	}
	buf_addc(out, ']');
}

void capture_print(const struct capture *capture, const struct captured *captured, struct buf *out)
{
	size_t most = tail_limit(capture);
	size_t tail = captured->tail.len < most ? captured->tail.len : most;
	BUF_AUTO struct buf kept = {0}, text = {0};
	buf_add(&kept, captured->head.data, captured->head.len);
	if (tail)
		buf_add(&kept, captured->tail.data + captured->tail.len - tail, tail);
	if (!kept.len)
		buf_adds(out, "null");
	else if (capture->bytes)
		print_numbers(kept.data, kept.len, out);
	else if (capture_is_utf8(kept.data, kept.len))
		capture_print_string(kept.data, kept.len, out);
	else {
		print_latin1(&kept, &text);
		capture_print_string(text.data, text.len, out);
	}
}

void capture_print_event(const struct capture *capture, const void *data, size_t len, struct buf *out)
{
	if (capture->bytes) {
		print_numbers(data, len, out);
		return;
	}
	const unsigned char *at = data, *end = at + len;
	BUF_AUTO struct buf text = {0};
	for (size_t bad, one; at < end; at += one ? one : bad) {
		one = sequence(at, end, &bad);
		if (one)
			buf_add(&text, at, one);
		else
			buf_adds(&text, "\xef\xbf\xbd");
	}
	capture_print_string(text.data, text.len, out);
}
