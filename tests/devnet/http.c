#include "tests/devnet/http.h"

#include <ctype.h>
#include <strings.h>

#include "core/mem.h"

enum { CHUNK_SIZE_DIGITS = 8, CHUNK_LINE_MAX = 4096 };
enum chunk_step { CHUNK_SIZE, CHUNK_EXTENSION, CHUNK_SIZE_LF, CHUNK_DATA, CHUNK_CR, CHUNK_LF, CHUNK_TRAILER };

static bool is_token_char(unsigned char c)
{
	return isalnum(c) || (c && strchr("!#$%&'*+-.^_`|~", c));
}

static bool is_value_char(unsigned char c)
{
	return c == '\t' || (c >= 0x20 && c != 0x7f);
}

const char *http_header(const struct http_request *request, const char *lower_case_name)
{
	for (unsigned i = 0; i < request->header_count; i++)
		if (!strcmp(request->headers[i].name, lower_case_name))
			return request->headers[i].value;
	return NULL;
}

bool http_has_token(const char *value, const char *token)
{
	size_t len = strlen(token);
	while (value && *value) {
		value += strspn(value, " \t,");
		size_t word = strcspn(value, ",");
		size_t end = word;
		while (end && (value[end - 1] == ' ' || value[end - 1] == '\t'))
			end--;
		if (end == len && !strncasecmp(value, token, len))
			return true;
		value += word;
	}
	return false;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

void http_decode(char *text, bool plus, const char *keep)
{
	char *out = text;
	while (*text) {
		int high = *text == '%' ? hex_digit(text[1]) : -1;
		int low = high >= 0 ? hex_digit(text[2]) : -1;
		char c = (char)(high * 16 + low);
		if (low >= 0 && c && !strchr(keep, c)) {
			*out++ = c;
			text += 3;
		} else {
			*out++ = plus && *text == '+' ? ' ' : *text;
			text++;
		}
	}
	*out = 0;
}

const char *http_reason(int status)
{
	static const struct {
		int status;
		const char *reason;
	} reasons[] = {{101, "Switching Protocols"},
		       {200, "OK"},
		       {201, "Created"},
		       {204, "No Content"},
		       {400, "Bad Request"},
		       {401, "Unauthorized"},
		       {403, "Forbidden"},
		       {404, "Not Found"},
		       {408, "Request Timeout"},
		       {409, "Conflict"},
		       {410, "Gone"},
		       {413, "Payload Too Large"},
		       {429, "Too Many Requests"},
		       {431, "Request Header Fields Too Large"},
		       {500, "Internal Server Error"},
		       {501, "Not Implemented"},
		       {502, "Bad Gateway"},
		       {503, "Service Unavailable"},
		       {504, "Gateway Timeout"}};
	for (size_t i = 0; i < sizeof(reasons) / sizeof(*reasons); i++)
		if (reasons[i].status == status)
			return reasons[i].reason;
	return "Unknown";
}

void http_clear(struct http_request *request)
{
	free(request->method);
	free(request->target);
	for (unsigned i = 0; i < request->header_count; i++) {
		free(request->headers[i].name);
		free(request->headers[i].value);
	}
	buf_free(&request->body);
	memset(request, 0, sizeof(*request));
}

void http_begin(struct http_parser *parser, struct http_request *request)
{
	memset(parser, 0, sizeof(*parser));
	parser->request = request;
}

static char *text_of(const char *begin, const char *end)
{
	char *text = mem_alloc((size_t)(end - begin) + 1);
	memcpy(text, begin, (size_t)(end - begin));
	return text;
}

/* "http://host:port/path" is read as "/path"; "*" (OPTIONS) stays. */
static char *target_of(const char *begin, const char *end)
{
	MEM_AUTO char *whole = text_of(begin, end);
	char *scheme = strstr(whole, "://");
	if (*whole == '/' || !scheme)
		return mem_move(&whole);
	char *path = scheme + 3 + strcspn(scheme + 3, "/?");
	return mem_printf("%s%s", *path == '/' ? "" : "/", path);
}

static bool parse_request_line(struct http_request *request, const char *line, const char *end)
{
	const char *p = line;
	while (p < end && is_token_char((unsigned char)*p))
		p++;
	if (p == line || p == end || *p != ' ')
		return false;
	const char *target = p + 1;
	const char *stop = target;
	while (stop < end && (unsigned char)*stop > 0x20 && *stop != 0x7f)
		stop++;
	if (stop == target || end - stop != 9 || memcmp(stop, " HTTP/1.", 8) ||
	    (stop[8] != '0' && stop[8] != '1'))
		return false;
	request->method = text_of(line, p);
	request->target = target_of(target, stop);
	request->minor = stop[8] == '1';
	return *request->target == '/' || !strcmp(request->target, "*");
}

static bool parse_header(struct http_request *request, const char *line, const char *end)
{
	const char *colon = line;
	while (colon < end && is_token_char((unsigned char)*colon))
		colon++;
	if (colon == line || colon == end || *colon != ':' || request->header_count == HTTP_HEADERS_MAX)
		return false;
	const char *value = colon + 1;
	while (value < end && (*value == ' ' || *value == '\t'))
		value++;
	while (end > value && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	for (const char *p = value; p < end; p++)
		if (!is_value_char((unsigned char)*p))
			return false;
	struct http_header *header = &request->headers[request->header_count++];
	header->name = text_of(line, colon);
	header->value = text_of(value, end);
	for (char *c = header->name; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	return true;
}

static bool parse_length(const char *value, size_t *length)
{
	size_t n = 0;
	if (!*value)
		return false;
	for (; *value; value++) {
		if (!isdigit((unsigned char)*value) || n > (size_t)HTTP_BODY_MAX * 1000)
			return false;
		n = n * 10 + (size_t)(*value - '0');
	}
	*length = n;
	return true;
}

/* What the head says about the body and about the connection. */
static enum http_state frame(struct http_parser *parser)
{
	struct http_request *request = parser->request;
	const char *connection = http_header(request, "connection");
	const char *length = http_header(request, "content-length");
	request->keep_alive = request->minor ? !http_has_token(connection, "close")
					     : http_has_token(connection, "keep-alive");
	request->expects = http_has_token(http_header(request, "expect"), "100-continue");
	parser->chunked = http_has_token(http_header(request, "transfer-encoding"), "chunked");
	if (length && !parse_length(length, &parser->left))
		return HTTP_BAD;
	request->sized = length && !parser->chunked;
	request->has_body = length || parser->chunked;
	if (parser->chunked)
		parser->left = 0;
	if (request->sized)
		request->body_size = parser->left;
	if (parser->left > HTTP_BODY_MAX)
		return HTTP_TOO_LARGE;
	return parser->chunked || parser->left ? HTTP_BODY : HTTP_DONE;
}

static bool parse_lines(struct http_request *request, const char *data, const char *end)
{
	bool first = true;
	while (data < end) {
		const char *line_end = memchr(data, '\n', (size_t)(end - data));
		const char *stop = line_end > data && line_end[-1] == '\r' ? line_end - 1 : line_end;
		if (stop == data)
			return !first;
		if (!(first ? parse_request_line(request, data, stop) : parse_header(request, data, stop)))
			return false;
		first = false;
		data = line_end + 1;
	}
	return false;
}

/* The end of the head: an empty line. NULL: not there yet. */
static const char *find_end(const char *data, size_t len, size_t from)
{
	const char *end = data + len;
	const char *p = data + from;
	while ((p = memchr(p, '\n', (size_t)(end - p)))) {
		p++;
		if (p < end && *p == '\n')
			return p + 1;
		if (p + 1 < end && p[0] == '\r' && p[1] == '\n')
			return p + 2;
		if (p == end)
			break;
	}
	return NULL;
}

/* Nonsense is refused at its first bytes, not after 128 KiB of it. */
static bool hopeless(const char *data, size_t len)
{
	for (size_t i = 0; i < len && data[i] != ' '; i++)
		if (!is_token_char((unsigned char)data[i]))
			return true;
	return false;
}

static size_t feed_head(struct http_parser *parser, const char *data, size_t len)
{
	size_t blank = 0;
	while (blank < len && (data[blank] == '\r' || data[blank] == '\n'))
		blank++;
	if (blank) /* empty lines before a request are allowed */
		return blank;
	const char *end = find_end(data, len, parser->head_seen);
	if (!end) {
		parser->head_seen = len > 3 ? len - 3 : 0;
		if (hopeless(data, len))
			parser->state = HTTP_BAD;
		else if (len >= HTTP_HEAD_MAX)
			parser->state = HTTP_TOO_LARGE;
		return 0;
	}
	parser->head_seen = 0;
	parser->state = parse_lines(parser->request, data, end) ? frame(parser) : HTTP_BAD;
	return (size_t)(end - data);
}

static void keep(struct http_parser *parser, const char *data, size_t len)
{
	struct buf *body = &parser->request->body;
	size_t room = HTTP_BODY_KEEP - body->len;
	buf_add(body, data, len < room ? len : room);
	if (!parser->request->sized)
		parser->request->body_size += len;
}

static size_t feed_sized(struct http_parser *parser, const char *data, size_t len)
{
	size_t take = len < parser->left ? len : parser->left;
	keep(parser, data, take);
	parser->left -= take;
	if (!parser->left)
		parser->state = HTTP_DONE;
	return take;
}

/* One byte of a chunk's frame; the head_seen counter bounds the length of its lines. */
static bool chunk_byte(struct http_parser *parser, char c)
{
	int digit = hex_digit(c);
	switch ((enum chunk_step)parser->chunk_step) {
	case CHUNK_SIZE:
		if (digit >= 0) {
			parser->left = parser->left * 16 + (size_t)digit;
			return ++parser->head_seen <= CHUNK_SIZE_DIGITS;
		}
		if (!parser->head_seen)
			return false;
		parser->head_seen = 0;
		parser->chunk_step = c == '\r' ? CHUNK_SIZE_LF : CHUNK_EXTENSION;
		return c == '\r' || c == ';' || c == ' ' || c == '\t';
	case CHUNK_EXTENSION:
		if (c == '\r')
			parser->chunk_step = CHUNK_SIZE_LF;
		return c != '\n' && ++parser->head_seen < CHUNK_LINE_MAX;
	case CHUNK_SIZE_LF:
		parser->head_seen = 0;
		parser->chunk_step = parser->left ? CHUNK_DATA : CHUNK_TRAILER;
		return c == '\n' && parser->request->body_size + parser->left <= HTTP_BODY_MAX;
	case CHUNK_CR:
		parser->chunk_step = CHUNK_LF;
		return c == '\r';
	case CHUNK_LF:
		parser->chunk_step = CHUNK_SIZE;
		return c == '\n';
	case CHUNK_TRAILER: /* only the empty one: the real server reads no trailers */
		if (c == '\n' && parser->head_seen)
			parser->state = HTTP_DONE;
		return (c == '\r' && !parser->head_seen++) || parser->state == HTTP_DONE;
	case CHUNK_DATA:
		break;
	}
	return false;
}

static size_t feed_chunked(struct http_parser *parser, const char *data, size_t len)
{
	size_t used = 0;
	while (used < len && parser->state == HTTP_BODY) {
		if (parser->chunk_step == CHUNK_DATA) {
			size_t take = len - used < parser->left ? len - used : parser->left;
			keep(parser, data + used, take);
			used += take;
			parser->left -= take;
			if (!parser->left)
				parser->chunk_step = CHUNK_CR;
		} else if (!chunk_byte(parser, data[used++])) {
			parser->state = HTTP_BAD;
		}
	}
	return used;
}

size_t http_feed(struct http_parser *parser, const char *data, size_t len)
{
	size_t used = 0;
	while (used < len) {
		size_t took = 0;
		if (parser->state == HTTP_HEAD)
			took = feed_head(parser, data + used, len - used);
		else if (parser->state == HTTP_BODY)
			took = parser->chunked ? feed_chunked(parser, data + used, len - used)
					       : feed_sized(parser, data + used, len - used);
		if (!took)
			break;
		used += took;
	}
	return used;
}
