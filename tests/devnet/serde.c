#include "tests/devnet/serde.h"

#include <inttypes.h>

#include "core/mem.h"
#include "tests/devnet/serde_scan.h"

/* The types: what a value of each kind may be. The scanner (serde_scan.c) knows only bytes. */

enum { FIELDS_MAX = 64 };

const struct serde_type serde_any = {.kind = SERDE_ANY, .expected = "any valid JSON value"};
const struct serde_type serde_string = {.kind = SERDE_STRING, .expected = "a string"};
const struct serde_type serde_bool = {.kind = SERDE_BOOL, .expected = "a boolean"};
const struct serde_type serde_u64 = {.kind = SERDE_UNSIGNED, .expected = "u64", .limit = UINT64_MAX};
const struct serde_type serde_u32 = {.kind = SERDE_UNSIGNED, .expected = "u32", .limit = UINT32_MAX};
const struct serde_type serde_u16 = {.kind = SERDE_UNSIGNED, .expected = "u16", .limit = UINT16_MAX};
const struct serde_type serde_i64 = {.kind = SERDE_SIGNED, .expected = "i64", .limit = INT64_MAX};
const struct serde_type serde_i32 = {.kind = SERDE_SIGNED, .expected = "i32", .limit = INT32_MAX};
const struct serde_type serde_f64 = {.kind = SERDE_FLOAT, .expected = "f64"};
const struct serde_type serde_f32 = {.kind = SERDE_FLOAT, .expected = "f32"};
const struct serde_type serde_decimal = {.kind = SERDE_DECIMAL,
					 .expected = "a number or formatted decimal string",
					 .parse = serde_parse_decimal};
const struct serde_type serde_time = {.kind = SERDE_PARSED,
				      .expected = "an RFC 3339 formatted date and time string",
				      .parse = serde_parse_time};
const struct serde_type serde_strings = {.kind = SERDE_LIST, .expected = "a sequence", .item = &serde_string};

static bool check(struct scan *scan, const struct serde_type *type);

static bool check_number(struct scan *scan, const struct serde_type *type)
{
	struct scan_number number;
	if (!scan_number(scan, &number))
		return false;
	bool fits = true;
	if (number.kind == SCAN_FLOAT)
		fits = type->kind == SERDE_FLOAT || type->kind == SERDE_DECIMAL;
	else if (type->kind == SERDE_UNSIGNED)
		fits = number.kind == SCAN_UNSIGNED && number.magnitude <= type->limit;
	else if (type->kind == SERDE_SIGNED)
		fits = number.magnitude <= type->limit + (number.kind == SCAN_NEGATIVE);
	if (fits)
		return true;
	struct buf shown BUF_AUTO = {0};
	scan_show_number(&number, &shown);
	return scan_fail(scan, "invalid %s: %s, expected %s", number.kind == SCAN_FLOAT ? "type" : "value",
			 buf_text(&shown), type->expected);
}

static bool check_text(struct scan *scan, const struct serde_type *type)
{
	struct buf text BUF_AUTO = {0};
	if (!scan_string(scan, &text))
		return false;
	const char *why = type->parse ? type->parse(buf_text(&text)) : NULL;
	return why ? scan_fail(scan, "%s", why) : true;
}

/* The names are those of `variants`, or of `fields`. */
static bool refuse_variant(struct scan *scan, const struct serde_type *type, const char *name)
{
	struct buf names BUF_AUTO = {0};
	unsigned count = 0;
	while (type->variants ? type->variants[count] != NULL : type->fields[count].name != NULL)
		count++;
	for (unsigned i = 0; i < count; i++)
		buf_printf(&names, "%s`%s`",
			   !i           ? ""
			   : count == 2 ? " or "
					: ", ",
			   type->variants ? type->variants[i] : type->fields[i].name);
	return scan_fail(scan, "unknown variant `%s`, expected %s%s", name, count > 2 ? "one of " : "",
			 buf_text(&names));
}

static bool check_variant(struct scan *scan, const struct serde_type *type)
{
	struct buf text BUF_AUTO = {0};
	if (!scan_string(scan, &text))
		return false;
	for (const char *const *variant = type->variants; *variant; variant++)
		if (!strcmp(*variant, buf_text(&text)))
			return true;
	return refuse_variant(scan, type, buf_text(&text));
}

static bool check_field(struct scan *scan, const struct serde_field *field)
{
	if ((field->flags & SERDE_OPTIONAL) && scan_peek(scan) == 'n')
		return scan_word(scan, "null");
	return check(scan, field->type);
}

static const struct serde_field *find_field(const struct serde_type *type, const char *name, unsigned *index)
{
	*index = 0;
	for (const struct serde_field *field = type->fields; field->name; field++, (*index)++)
		if (!strcmp(field->name, name))
			return field;
	return NULL;
}

static bool check_member(struct scan *scan, const struct serde_type *type, uint64_t *seen)
{
	struct buf name BUF_AUTO = {0};
	unsigned index;
	if (!scan_string(scan, &name))
		return false;
	const struct serde_field *field = find_field(type, buf_text(&name), &index);
	if (!field)
		return scan_colon(scan) && scan_skip(scan, type->kind == SERDE_FLAT);
	if (*seen & (UINT64_C(1) << index))
		return scan_custom(scan, "duplicate field `%s`", field->name);
	*seen |= UINT64_C(1) << index;
	return scan_colon(scan) && check_field(scan, field);
}

static bool check_members(struct scan *scan, const struct serde_type *type)
{
	uint64_t seen = 0;
	bool more = true;
	for (bool first = true; scan_next_key(scan, first, &more) && more; first = false)
		if (!check_member(scan, type, &seen))
			return false;
	if (scan_failed(scan))
		return false;
	unsigned index = 0;
	for (const struct serde_field *field = type->fields; field->name; field++, index++)
		if (!(seen & (UINT64_C(1) << index)) && !field->flags)
			return scan_custom(scan, "missing field `%s`", field->name);
	return true;
}

static bool check_elements(struct scan *scan, const struct serde_type *type)
{
	unsigned count = 0, index = 0;
	bool more = true;
	while (type->fields[count].name)
		count++;
	for (; index < count; index++) {
		const struct serde_field *field = &type->fields[index];
		if (more && !scan_next_item(scan, !index, &more))
			return false;
		if (more ? !check_field(scan, field) : !(field->flags & SERDE_DEFAULTED))
			return more ? false
				    : scan_custom(scan, "invalid length %u, expected %s with %u element%s",
						  index, type->expected, count, count == 1 ? "" : "s");
	}
	return true;
}

static bool check_struct(struct scan *scan, const struct serde_type *type)
{
	char open = scan_peek(scan);
	if (open != '{' && (open != '[' || type->kind == SERDE_FLAT))
		return scan_wrong_type(scan, type->expected);
	if (!scan_enter(scan))
		return false;
	bool good = open == '{' ? check_members(scan, type) : check_elements(scan, type);
	return scan_leave(scan, open, good);
}

static bool check_items(struct scan *scan, const struct serde_type *type)
{
	bool more = true;
	for (bool first = true; scan_next_item(scan, first, &more) && more; first = false)
		if (!check(scan, type->item))
			return false;
	return !scan_failed(scan);
}

static bool check_pairs(struct scan *scan, const struct serde_type *type)
{
	bool more = true;
	for (bool first = true; scan_next_key(scan, first, &more) && more; first = false) {
		struct buf name BUF_AUTO = {0};
		if (!scan_string(scan, &name) || !scan_colon(scan) || !check(scan, type->item))
			return false;
	}
	return !scan_failed(scan);
}

static bool check_many(struct scan *scan, const struct serde_type *type)
{
	char open = scan_peek(scan);
	if (open != (type->kind == SERDE_LIST ? '[' : '{'))
		return scan_wrong_type(scan, type->expected);
	if (!scan_enter(scan))
		return false;
	bool good = type->kind == SERDE_LIST ? check_items(scan, type) : check_pairs(scan, type);
	return scan_leave(scan, open, good);
}

static bool check_tagged(struct scan *scan, const struct serde_type *type)
{
	struct buf name BUF_AUTO = {0};
	unsigned index;
	bool object = scan_peek(scan) == '{';
	if (object ? !scan_enter(scan) : scan_peek(scan) != '"')
		return scan_failed(scan) ? false : scan_fail_ahead(scan, "expected value");
	if (scan_peek(scan) != '"')
		return scan_wrong_type(scan, "variant identifier");
	if (!scan_string(scan, &name))
		return false;
	const struct serde_field *field = find_field(type, buf_text(&name), &index);
	if (!field)
		return refuse_variant(scan, type, buf_text(&name));
	if (!object)
		return scan_custom(scan, "invalid type: unit variant, expected struct variant");
	if (!scan_colon(scan) || !check_field(scan, field))
		return false;
	if (scan_peek(scan) == '}')
		return scan_leave(scan, '{', true);
	return scan_fail(scan, scan->at < scan->len ? "expected value" : "EOF while parsing an object");
}

/* The real server keeps the value and tries one type after another; so no position is left to tell. */
static bool check_untagged(struct scan *scan, const struct serde_type *type)
{
	struct scan copy = *scan;
	if (!scan_skip(scan, true))
		return false;
	for (const struct serde_type *const *one = type->alternatives; *one; one++) {
		struct buf ignored BUF_AUTO = {0};
		struct scan attempt = copy;
		attempt.why = &ignored;
		if (check(&attempt, *one))
			return true;
	}
	return scan_custom(scan, "data did not match any variant of untagged enum %s", type->expected);
}

static bool is_number_start(char c)
{
	return c == '-' || (c >= '0' && c <= '9');
}

static bool check(struct scan *scan, const struct serde_type *type)
{
	if (!scan_need_value(scan))
		return false;
	char c = scan_peek(scan);
	switch (type->kind) {
	case SERDE_ANY:
		return scan_skip(scan, true);
	case SERDE_STRING:
	case SERDE_PARSED:
		return c == '"' ? check_text(scan, type) : scan_wrong_type(scan, type->expected);
	case SERDE_BOOL:
		return c == 't'   ? scan_word(scan, "true")
		       : c == 'f' ? scan_word(scan, "false")
				  : scan_wrong_type(scan, type->expected);
	case SERDE_DECIMAL:
		if (c == '"')
			return check_text(scan, type);
		/* fall through */
	case SERDE_UNSIGNED:
	case SERDE_SIGNED:
	case SERDE_FLOAT:
		return is_number_start(c) ? check_number(scan, type) : scan_wrong_type(scan, type->expected);
	case SERDE_VARIANT:
		return c == '"' ? check_variant(scan, type) : scan_fail_ahead(scan, "expected value");
	case SERDE_STRUCT:
	case SERDE_FLAT:
		return check_struct(scan, type);
	case SERDE_LIST:
	case SERDE_MAP:
		return check_many(scan, type);
	case SERDE_TAGGED:
		return check_tagged(scan, type);
	case SERDE_UNTAGGED:
		return check_untagged(scan, type);
	}
	return false;
}

bool serde_check(const struct serde_type *type, const char *json, size_t len, struct buf *why)
{
	struct scan scan = {.text = json, .len = len, .depth = SCAN_DEPTH, .why = why};
	return check(&scan, type) && scan_end(&scan);
}

const char *serde_parse_decimal(const char *text)
{
	const char *p = text + (*text == '+' || *text == '-');
	size_t whole = strspn(p, "0123456789");
	p += whole;
	size_t fraction = *p == '.' ? strspn(p + 1, "0123456789") : 0;
	if (*p == '.')
		p += fraction + 1;
	if (!*text)
		return "Failed to parse empty string";
	if ((*p == 'e' || *p == 'E') && whole + fraction) {
		p += 1 + (p[1] == '+' || p[1] == '-');
		size_t digits = strspn(p, "0123456789");
		p += digits ? digits : strlen(p) + 1 - 1;
		return !digits || *p ? "invalid digit found in string" : NULL;
	}
	return whole + fraction && !*p ? NULL : "invalid digit found in string";
}

/* One row per piece of "2026-01-01T10:00:00". */
static const struct {
	unsigned digits;
	int min, max;
	const char *before;
} time_pieces[] = {{4, 0, 9999, ""},  {2, 1, 12, "-"}, {2, 1, 31, "-"},
		   {2, 0, 23, "Tt "}, {2, 0, 59, ":"}, {2, 0, 60, ":"}};

static const char *parse_piece(const char **text, unsigned n, int *value)
{
	if (*time_pieces[n].before) {
		if (!**text)
			return "premature end of input";
		if (!strchr(time_pieces[n].before, **text))
			return "input contains invalid characters";
		(*text)++;
	}
	*value = 0;
	for (unsigned i = 0; i < time_pieces[n].digits; i++, (*text)++) {
		if (!**text)
			return "premature end of input";
		if (**text < '0' || **text > '9')
			return "input contains invalid characters";
		*value = *value * 10 + (**text - '0');
	}
	return *value < time_pieces[n].min || *value > time_pieces[n].max ? "input is out of range" : NULL;
}

static const char *parse_offset(const char *p)
{
	if (!*p)
		return "premature end of input";
	if (*p == 'Z' || *p == 'z')
		return p[1] ? "trailing input" : NULL;
	if (*p != '+' && *p != '-')
		return "input contains invalid characters";
	for (unsigned i = 1; i < 6; i++) {
		if (!p[i])
			return "premature end of input";
		if (i == 3 ? p[i] != ':' : (p[i] < '0' || p[i] > '9'))
			return "input contains invalid characters";
	}
	if (p[4] > '5')
		return "input is out of range";
	return p[6] ? "trailing input" : NULL;
}

const char *serde_parse_time(const char *text)
{
	static const int days[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	int value[6] = {0};
	for (unsigned n = 0; n < 6; n++) {
		const char *why = parse_piece(&text, n, &value[n]);
		if (why)
			return why;
	}
	bool leap = value[0] % 4 == 0 && (value[0] % 100 || value[0] % 400 == 0);
	if (value[2] > days[value[1] - 1] || (value[1] == 2 && value[2] == 29 && !leap))
		return "input is out of range";
	if (*text == '.') {
		size_t digits = strspn(++text, "0123456789");
		if (!digits)
			return *text ? "input contains invalid characters" : "premature end of input";
		text += digits;
	}
	return parse_offset(text);
}
