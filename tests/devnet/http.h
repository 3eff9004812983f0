/*
 * HTTP/1.1 requests, read from bytes as they come. Pure: no sockets, so that the fuzzer can have it.
 *
 * A parser of our own because the oddities of the real server's wire are the subject here
 * (reference/yagna-api.md 1.3): heads up to 128 KiB, chunked bodies, absolute targets, HTTP/1.0, a body limit
 * that is reported rather than enforced by closing.
 */
#ifndef DEVNET_HTTP_H
#define DEVNET_HTTP_H

#include <stdbool.h>
#include <stddef.h>

#include "core/buf.h"

enum {
	HTTP_HEAD_MAX = 128 * 1024,
	HTTP_HEADERS_MAX = 96,
	HTTP_BODY_KEEP = 2 * 1024 * 1024, /* what the server's JSON reader takes */
	HTTP_BODY_MAX = 64 * 1024 * 1024  /* what is read (and counted) at all */
};

struct http_header {
	char *name; /* lower case */
	char *value;
};

struct http_request {
	char *method;
	char *target;   /* path and query, an absolute form already cut */
	unsigned minor; /* HTTP/1.minor */
	struct http_header headers[HTTP_HEADERS_MAX];
	unsigned header_count;
	struct buf body;  /* its first HTTP_BODY_KEEP bytes */
	size_t body_size; /* all of it */
	bool sized;       /* the size was announced by content-length */
	bool has_body;    /* a body was announced, even an empty one */
	bool expects;     /* Expect: 100-continue */
	bool keep_alive;
};

enum http_state { HTTP_HEAD, HTTP_BODY, HTTP_DONE, HTTP_BAD, HTTP_TOO_LARGE };

struct http_parser {
	enum http_state state;
	struct http_request *request;
	bool chunked;
	size_t left; /* of the body, or of this chunk */
	int chunk_step;
	size_t head_seen; /* of the head, already searched for its end; of a chunk's line, its bytes so far */
};

/* The parser fills *request, which is empty or cleared. */
void http_begin(struct http_parser *parser, struct http_request *request);
/* Takes what it can from the data and says how much; the state tells what is next. Nothing is taken of an
 * unfinished head: give the same bytes again with more behind them. */
size_t http_feed(struct http_parser *parser, const char *data, size_t len);
void http_clear(struct http_request *request);

const char *http_header(const struct http_request *request,
			const char *lower_case_name); /* first one, or NULL */
/* Whether a comma separated header value has this token, any letter case. */
bool http_has_token(const char *value, const char *token);

/* Decodes %XX in place; '+' becomes a blank if `plus`. The bytes of `keep` stay encoded. */
void http_decode(char *text, bool plus, const char *keep);
const char *http_reason(int status);

#endif
