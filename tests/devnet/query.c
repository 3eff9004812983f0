/* Path, query and the readers of query values, with the words of the server's framework (serde_urlencoded and
 * Rust's number parsers). */
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <strings.h>

#include "core/mem.h"
#include "tests/devnet/devnet.h"
#include "tests/devnet/exchange_impl.h"
#include "tests/devnet/serde.h"

/* What no Duration can hold: the handler panics and the connection is closed (reference/yagna-api.md 1.3). */
static const double impossible_s = 1.8446744073709552e19;

static void add_query(struct exchange *exchange, const char *pair, size_t len)
{
	if (!len || exchange->query_count == EXCHANGE_QUERIES_MAX)
		return;
	MEM_AUTO char *text = mem_printf("%.*s", (int)len, pair);
	char *equals = strchr(text, '=');
	if (equals)
		*equals++ = 0;
	struct exchange_query *query = &exchange->queries[exchange->query_count++];
	query->name = mem_strdup(text);
	query->raw = mem_strdup(equals ? equals : "");
	query->value = mem_strdup(query->raw);
	http_decode(query->name, true, "");
	http_decode(query->value, true, "");
}

void exchange_parse_target(struct exchange *exchange)
{
	const char *target = exchange->request.target;
	size_t path = strcspn(target, "?#");
	exchange->path = mem_printf("%.*s", (int)path, target);
	/* The framework decodes before it routes, but never makes a new separator. */
	http_decode(exchange->path, false, "%/+");
	const char *query = target[path] == '?' ? target + path + 1 : "";
	while (*query && *query != '#') {
		size_t len = strcspn(query, "&#");
		add_query(exchange, query, len);
		query += len;
		if (*query == '&')
			query++;
	}
}

static const struct exchange_query *find(struct exchange *exchange, const char *name)
{
	for (unsigned i = 0; i < exchange->query_count; i++)
		if (!strcmp(exchange->queries[i].name, name))
			return &exchange->queries[i];
	return NULL;
}

const char *exchange_query(struct exchange *exchange, const char *name)
{
	const struct exchange_query *query = find(exchange, name);
	return query ? query->value : NULL;
}

const char *exchange_query_raw(struct exchange *exchange, const char *name)
{
	const struct exchange_query *query = find(exchange, name);
	return query ? query->raw : NULL;
}

void exchange_refuse_query(struct exchange *exchange, const char *format, ...)
{
	char *text = NULL;
	va_list args;
	va_start(args, format);
	int len = vasprintf(&text, format, args);
	va_end(args);
	exchange_reply_text(exchange, 400, "Query deserialize error: %s", len < 0 ? "" : text);
	if (len >= 0)
		free(text);
}

bool exchange_query_text(struct exchange *exchange, const char *name, const char **value)
{
	const struct exchange_query *first = find(exchange, name);
	if (!first)
		return true;
	for (const struct exchange_query *q = first + 1; q < exchange->queries + exchange->query_count; q++)
		if (!strcmp(q->name, name)) {
			exchange_refuse_query(exchange, "duplicate field `%s`", name);
			return false;
		}
	*value = first->value;
	return true;
}

/* Rust's f32 and f64 take no hexadecimal, no blanks and no "nan(…)", which strtod() does. */
static bool parse_float(const char *text, double *value)
{
	const char *digits = text + (*text == '+' || *text == '-');
	static const char *const words[] = {"inf", "infinity", "nan"};
	bool word = false;
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		word |= !strcasecmp(digits, words[i]);
	if (!word && (!*digits || digits[strspn(digits, "0123456789.eE+-")]))
		return false;
	char *end;
	*value = strtod(text, &end);
	return end != text && !*end;
}

bool exchange_query_float(struct exchange *exchange, const char *name, double *value)
{
	const char *text = NULL;
	if (!exchange_query_text(exchange, name, &text))
		return false;
	if (!text)
		return true;
	double number = 0;
	if (!*text || !parse_float(text, &number)) {
		exchange_refuse_query(exchange, "%s",
				      *text ? "invalid float literal"
					    : "cannot parse float from empty string");
		return false;
	}
	if (!strcmp(name, "timeout")) {
		bool below = isnan(number) || number < 0;
		if (number >= impossible_s || (below && !exchange_is_market(exchange))) {
			exchange_hang_up(exchange);
			return false;
		}
		if (below)
			number = 0;
	}
	*value = number;
	return true;
}

/* NULL, or Rust's words. */
static const char *check_integer(const char *text, bool is_signed)
{
	bool minus = is_signed && *text == '-';
	const char *digits = text + (minus || *text == '+');
	if (!*text)
		return "cannot parse integer from empty string";
	if (!*digits || digits[strspn(digits, "0123456789")])
		return "invalid digit found in string";
	digits += strspn(digits, "0");
	size_t len = strlen(digits);
	const char *limit = minus ? "2147483648" : is_signed ? "2147483647" : "4294967295";
	if (len > 10 || (len == 10 && strcmp(digits, limit) > 0))
		return minus ? "number too small to fit in target type"
			     : "number too large to fit in target type";
	return NULL;
}

static const char *query_integer(struct exchange *exchange, const char *name, bool is_signed)
{
	const char *text = NULL;
	if (!exchange_query_text(exchange, name, &text))
		return NULL;
	const char *why = text ? check_integer(text, is_signed) : NULL;
	if (!why)
		return text ? text : "";
	exchange_refuse_query(exchange, "%s", why);
	return NULL;
}

bool exchange_query_int(struct exchange *exchange, const char *name, long *value)
{
	const char *text = query_integer(exchange, name, true);
	if (text && *text)
		*value = strtol(text, NULL, 10);
	return text;
}

bool exchange_query_uint(struct exchange *exchange, const char *name, unsigned long *value)
{
	const char *text = query_integer(exchange, name, false);
	if (text && *text)
		*value = strtoul(text, NULL, 10);
	return text;
}

bool exchange_query_time(struct exchange *exchange, const char *name, struct timespec *value)
{
	const char *text = NULL;
	if (!exchange_query_text(exchange, name, &text))
		return false;
	const char *why = text ? serde_parse_time(text) : NULL;
	if (why) {
		exchange_refuse_query(exchange, "%s", why);
		return false;
	}
	if (text)
		wire_parse_time(text, value);
	return true;
}
