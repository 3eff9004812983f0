#include "tests/devnet/serde_scan.h"

#include <math.h>
#include <stdarg.h>

#include "core/mem.h"

enum { SHOWN_DIGITS = 17 };

static void place(struct scan *scan, size_t index)
{
	size_t line = 1, column = 0;
	for (size_t i = 0; i < index; i++) {
		column++;
		if (scan->text[i] == '\n') {
			line++;
			column = 0;
		}
	}
	buf_printf(scan->why, " at line %zu column %zu", line, column);
	scan->placed = true;
}

static bool __attribute__((format(printf, 2, 0))) set(struct scan *scan, const char *format, va_list args)
{
	char *text = NULL;
	int len = vasprintf(&text, format, args);
	scan->failed = true;
	if (len >= 0) {
		buf_adds(scan->why, text);
		free(text);
	}
	return false;
}

bool scan_fail(struct scan *scan, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	set(scan, format, args);
	va_end(args);
	place(scan, scan->at);
	return false;
}

bool scan_custom(struct scan *scan, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	set(scan, format, args);
	va_end(args);
	return false;
}

bool scan_fail_ahead(struct scan *scan, const char *what)
{
	scan_custom(scan, "%s", what);
	place(scan, scan->at < scan->len ? scan->at + 1 : scan->len);
	return false;
}

bool scan_failed(const struct scan *scan)
{
	return scan->failed;
}

static bool at_end(const struct scan *scan)
{
	return scan->at >= scan->len;
}

static char byte(const struct scan *scan)
{
	return at_end(scan) ? 0 : scan->text[scan->at];
}

char scan_peek(struct scan *scan)
{
	while (!at_end(scan) && memchr(" \n\t\r", scan->text[scan->at], 4))
		scan->at++;
	return byte(scan);
}

bool scan_need_value(struct scan *scan)
{
	scan_peek(scan);
	return at_end(scan) ? scan_fail_ahead(scan, "EOF while parsing a value") : true;
}

bool scan_word(struct scan *scan, const char *word)
{
	for (scan->at++, word++; *word; word++) {
		if (at_end(scan))
			return scan_fail(scan, "EOF while parsing a value");
		if (scan->text[scan->at++] != *word)
			return scan_fail(scan, "expected ident");
	}
	return true;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool scan_whole(struct scan *scan)
{
	if (at_end(scan))
		return scan_fail(scan, "EOF while parsing a value");
	char first = scan->text[scan->at++];
	if (!is_digit(first))
		return scan_fail(scan, "invalid number");
	if (first == '0')
		return is_digit(byte(scan)) ? scan_fail_ahead(scan, "invalid number") : true;
	while (is_digit(byte(scan)))
		scan->at++;
	return true;
}

static bool scan_fraction(struct scan *scan)
{
	scan->at++;
	if (!is_digit(byte(scan)))
		return scan_fail_ahead(scan, at_end(scan) ? "EOF while parsing a value" : "invalid number");
	while (is_digit(byte(scan)))
		scan->at++;
	return true;
}

static bool scan_exponent(struct scan *scan)
{
	scan->at++;
	if (byte(scan) == '+' || byte(scan) == '-')
		scan->at++;
	if (at_end(scan))
		return scan_fail(scan, "EOF while parsing a value");
	if (!is_digit(scan->text[scan->at++]))
		return scan_fail(scan, "invalid number");
	while (is_digit(byte(scan)))
		scan->at++;
	return true;
}

static void read_whole(struct scan_number *number, const char *text, bool minus)
{
	number->kind = minus ? SCAN_NEGATIVE : SCAN_UNSIGNED;
	for (number->magnitude = 0; is_digit(*text); text++) {
		uint64_t digit = (uint64_t)(*text - '0');
		if (number->magnitude > (UINT64_MAX - digit) / 10) {
			number->kind = SCAN_FLOAT;
			return;
		}
		number->magnitude = number->magnitude * 10 + digit;
	}
	if (minus && (!number->magnitude || number->magnitude > (uint64_t)INT64_MAX + 1))
		number->kind = SCAN_FLOAT;
}

bool scan_number(struct scan *scan, struct scan_number *number)
{
	size_t begin = scan->at;
	bool minus = byte(scan) == '-';
	scan->at += minus;
	bool whole = true;
	if (!scan_whole(scan))
		return false;
	if (byte(scan) == '.') {
		whole = false;
		if (!scan_fraction(scan))
			return false;
	}
	if (byte(scan) == 'e' || byte(scan) == 'E') {
		whole = false;
		if (!scan_exponent(scan))
			return false;
	}
	MEM_AUTO char *text = mem_printf("%.*s", (int)(scan->at - begin), scan->text + begin);
	number->kind = SCAN_FLOAT;
	number->value = strtod(text, NULL);
	if (whole)
		read_whole(number, text + minus, minus);
	return isinf(number->value) ? scan_fail(scan, "number out of range") : true;
}

/* The shortest digits that read back as the same number, never with an exponent. */
void scan_show_number(const struct scan_number *number, struct buf *out)
{
	char text[400];
	if (number->kind != SCAN_FLOAT) {
		buf_printf(out, "integer `%s%llu`", number->kind == SCAN_NEGATIVE ? "-" : "",
			   (unsigned long long)number->magnitude);
		return;
	}
	for (int digits = 1; digits <= SHOWN_DIGITS + 300; digits++) {
		snprintf(text, sizeof(text), "%.*f", digits, number->value);
		if (strtod(text, NULL) == number->value)
			break;
	}
	buf_printf(out, "floating point `%s`", text);
}

static int hex(char c)
{
	const char *digits = "0123456789abcdef";
	const char *found = c ? strchr(digits, c >= 'A' && c <= 'F' ? c + 32 : c) : NULL;
	return found ? (int)(found - digits) : -1;
}

static bool scan_hex(struct scan *scan, unsigned *value)
{
	*value = 0;
	if (scan->len - scan->at < 4) {
		scan->at = scan->len;
		return scan_fail(scan, "EOF while parsing a string");
	}
	bool good = true;
	for (unsigned i = 0; i < 4; i++) {
		int digit = hex(scan->text[scan->at++]);
		good &= digit >= 0;
		*value = *value * 16 + (unsigned)(digit & 15);
	}
	return good ? true : scan_fail(scan, "invalid escape");
}

static void add_utf8(struct buf *out, unsigned code)
{
	if (code < 0x80) {
		buf_addc(out, (char)code);
	} else if (code < 0x800) {
		buf_addc(out, (char)(0xc0 | code >> 6));
		buf_addc(out, (char)(0x80 | (code & 0x3f)));
	} else if (code < 0x10000) {
		buf_addc(out, (char)(0xe0 | code >> 12));
		buf_addc(out, (char)(0x80 | (code >> 6 & 0x3f)));
		buf_addc(out, (char)(0x80 | (code & 0x3f)));
	} else {
		buf_addc(out, (char)(0xf0 | code >> 18));
		buf_addc(out, (char)(0x80 | (code >> 12 & 0x3f)));
		buf_addc(out, (char)(0x80 | (code >> 6 & 0x3f)));
		buf_addc(out, (char)(0x80 | (code & 0x3f)));
	}
}

static bool scan_unicode(struct scan *scan, struct buf *out)
{
	unsigned high, low;
	if (!scan_hex(scan, &high))
		return false;
	if (high >= 0xdc00 && high <= 0xdfff)
		return scan_fail(scan, "lone leading surrogate in hex escape");
	if (high < 0xd800 || high > 0xdbff) {
		add_utf8(out, high);
		return true;
	}
	for (const char *c = "\\u"; *c; c++) {
		if (at_end(scan))
			return scan_fail(scan, "EOF while parsing a string");
		if (scan->text[scan->at++] != *c)
			return scan_fail(scan, "unexpected end of hex escape");
	}
	if (!scan_hex(scan, &low))
		return false;
	if (low < 0xdc00 || low > 0xdfff)
		return scan_fail(scan, "lone leading surrogate in hex escape");
	add_utf8(out, 0x10000 + ((high - 0xd800) << 10 | (low - 0xdc00)));
	return true;
}

static bool scan_escape(struct scan *scan, struct buf *out)
{
	static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
	if (at_end(scan))
		return scan_fail(scan, "EOF while parsing a string");
	char c = scan->text[scan->at++];
	if (c == 'u')
		return scan_unicode(scan, out);
	const char *found = c ? strchr(names, c) : NULL;
	if (!found)
		return scan_fail(scan, "invalid escape");
	buf_addc(out, values[found - names]);
	return true;
}

static unsigned utf8_length(const unsigned char *s, size_t left)
{
	static const struct {
		unsigned char first, last, low, high;
		unsigned length;
	} rows[] = {{0x00, 0x7f, 0, 0xff, 1},    {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
		    {0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
		    {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4}};
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		if (*s < rows[i].first || *s > rows[i].last)
			continue;
		bool good = left >= rows[i].length &&
			    (rows[i].length < 2 || (s[1] >= rows[i].low && s[1] <= rows[i].high));
		for (unsigned n = 2; good && n < rows[i].length; n++)
			good = s[n] >= 0x80 && s[n] <= 0xbf;
		return good ? rows[i].length : 0;
	}
	return 0;
}

static bool is_utf8(const struct buf *text)
{
	const unsigned char *s = (const unsigned char *)text->data;
	for (size_t left = text->len; left;) {
		unsigned length = utf8_length(s, left);
		if (!length)
			return false;
		s += length;
		left -= length;
	}
	return true;
}

static bool scan_text(struct scan *scan, struct buf *out, bool check_utf8)
{
	scan->at++;
	for (;;) {
		size_t begin = scan->at;
		while (!at_end(scan) && byte(scan) != '"' && byte(scan) != '\\' &&
		       (unsigned char)byte(scan) >= 0x20)
			scan->at++;
		buf_add(out, scan->text + begin, scan->at - begin);
		if (at_end(scan))
			return scan_fail(scan, "EOF while parsing a string");
		char c = scan->text[scan->at++];
		if (c == '"')
			break;
		if (c != '\\')
			return scan_fail(scan,
					 "control character (\\u0000-\\u001F) found while parsing a string");
		if (!scan_escape(scan, out))
			return false;
	}
	return check_utf8 && !is_utf8(out) ? scan_fail(scan, "invalid unicode code point") : true;
}

bool scan_string(struct scan *scan, struct buf *out)
{
	return scan_text(scan, out, true);
}

/* As Rust's {:?} shows a text. */
static void show_text(const struct buf *text, struct buf *out)
{
	buf_addc(out, '"');
	for (size_t i = 0; i < text->len; i++) {
		unsigned char c = (unsigned char)text->data[i];
		if (c == '"' || c == '\\')
			buf_printf(out, "\\%c", c);
		else if (c == '\n' || c == '\r' || c == '\t' || !c)
			buf_printf(out, "\\%c", c == '\n' ? 'n' : c == '\r' ? 'r' : c == '\t' ? 't' : '0');
		else if (c < 0x20 || c == 0x7f)
			buf_printf(out, "\\u{%x}", c);
		else
			buf_addc(out, (char)c);
	}
	buf_addc(out, '"');
}

static bool show_next(struct scan *scan, struct buf *out)
{
	struct buf text BUF_AUTO = {0};
	struct scan_number number;
	switch (byte(scan)) {
	case 'n':
		buf_adds(out, "null");
		return scan_word(scan, "null");
	case 't':
		buf_adds(out, "boolean `true`");
		return scan_word(scan, "true");
	case 'f':
		buf_adds(out, "boolean `false`");
		return scan_word(scan, "false");
	case '[':
		buf_adds(out, "sequence");
		return true;
	case '{':
		buf_adds(out, "map");
		return true;
	case '"':
		if (!scan_string(scan, &text))
			return false;
		buf_adds(out, "string ");
		show_text(&text, out);
		return true;
	default:
		if (byte(scan) != '-' && !is_digit(byte(scan)))
			return scan_fail_ahead(scan, "expected value");
		if (!scan_number(scan, &number))
			return false;
		scan_show_number(&number, out);
		return true;
	}
}

bool scan_wrong_type(struct scan *scan, const char *expected)
{
	struct buf shown BUF_AUTO = {0};
	if (!show_next(scan, &shown))
		return false;
	return scan_fail(scan, "invalid type: %s, expected %s", buf_text(&shown), expected);
}

bool scan_colon(struct scan *scan)
{
	if (scan_peek(scan) == ':') {
		scan->at++;
		return true;
	}
	return scan_fail_ahead(scan, at_end(scan) ? "EOF while parsing an object" : "expected `:`");
}

bool scan_enter(struct scan *scan)
{
	if (!--scan->depth)
		return scan_fail_ahead(scan, "recursion limit exceeded");
	scan->at++;
	return true;
}

static bool next(struct scan *scan, bool first, bool *more, char close, const char *end, const char *comma)
{
	char c = scan_peek(scan);
	*more = false;
	if (at_end(scan))
		return scan_fail_ahead(scan, end);
	if (c == close)
		return true;
	if (!first) {
		if (c != ',')
			return scan_fail_ahead(scan, comma);
		scan->at++;
		if (scan_peek(scan) == close && !at_end(scan))
			return scan_fail_ahead(scan, "trailing comma");
		if (at_end(scan))
			return scan_fail_ahead(scan, "EOF while parsing a value");
	}
	*more = true;
	return true;
}

bool scan_next_key(struct scan *scan, bool first, bool *more)
{
	if (!next(scan, first, more, '}', "EOF while parsing an object", "expected `,` or `}`"))
		return false;
	return !*more || byte(scan) == '"' ? true : scan_fail_ahead(scan, "key must be a string");
}

bool scan_next_item(struct scan *scan, bool first, bool *more)
{
	return next(scan, first, more, ']', "EOF while parsing a list", "expected `,` or `]`");
}

bool scan_leave(struct scan *scan, char open, bool good)
{
	char close = open == '{' ? '}' : ']';
	scan->depth++;
	if (scan_peek(scan) == close)
		scan->at++;
	else if (good)
		return scan_fail_ahead(scan, at_end(scan)        ? open == '{' ? "EOF while parsing an object"
									       : "EOF while parsing a list"
					     : byte(scan) == ',' ? "trailing comma"
								 : "trailing characters");
	if (scan->failed && !scan->placed)
		place(scan, scan->at);
	return good;
}

bool scan_end(struct scan *scan)
{
	scan_peek(scan);
	return at_end(scan) ? true : scan_fail_ahead(scan, "trailing characters");
}

static bool skip_scalar(struct scan *scan, bool check_utf8)
{
	struct scan_number number;
	struct buf text BUF_AUTO = {0};
	switch (byte(scan)) {
	case 'n':
		return scan_word(scan, "null");
	case 't':
		return scan_word(scan, "true");
	case 'f':
		return scan_word(scan, "false");
	case '"':
		return scan_text(scan, &text, check_utf8);
	default:
		if (byte(scan) != '-' && !is_digit(byte(scan)))
			return scan_fail_ahead(scan, "expected value");
		return scan_number(scan, &number);
	}
}

/* Goes to the next value inside the innermost open structure, closing those that end. */
static bool skip_to_next(struct scan *scan, struct buf *open, bool first, bool bounded)
{
	while (open->len) {
		bool more;
		bool object = open->data[open->len - 1] == '{';
		if (!(object ? scan_next_key(scan, first, &more) : scan_next_item(scan, first, &more)))
			return false;
		if (more) {
			struct buf name BUF_AUTO = {0};
			return !object || (scan_text(scan, &name, bounded) && scan_colon(scan));
		}
		scan->at++;
		open->len--;
		first = false;
	}
	return true;
}

bool scan_skip(struct scan *scan, bool bounded)
{
	struct buf open BUF_AUTO = {0};
	unsigned depth = scan->depth;
	do {
		if (!scan_need_value(scan))
			return false;
		char c = byte(scan);
		bool enters = c == '{' || c == '[';
		if (enters) {
			if (bounded && depth <= open.len + 1)
				return scan_fail_ahead(scan, "recursion limit exceeded");
			buf_addc(&open, c);
			scan->at++;
		} else if (!skip_scalar(scan, bounded)) {
			return false;
		}
		if (!skip_to_next(scan, &open, enters, bounded))
			return false;
	} while (open.len);
	return true;
}
