/* Requests as bytes: whole, in pieces, pipelined, and those that are none. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "core/mem.h"
#include "tests/devnet/http.h"

/* Feeds `step` bytes more each time, as a slow client would send them. Returns what was used. */
static size_t feed_by(struct http_parser *parser, const char *text, size_t len, size_t step)
{
	size_t used = 0;
	for (size_t end = step; used < len && parser->state < HTTP_DONE; end += step) {
		size_t limit = end < len ? end : len;
		used += http_feed(parser, text + used, limit - used);
		if (limit == len)
			break;
	}
	return used;
}

static void check(const char *text, enum http_state state, const char *method, const char *target,
		  const char *body, size_t left)
{
	for (size_t step = 1; step <= strlen(text) + 1; step += step < 8 ? 1 : 17) {
		struct http_request request = {0};
		struct http_parser parser;
		http_begin(&parser, &request);
		size_t used = feed_by(&parser, text, strlen(text), step);
		assert(parser.state == state);
		if (state == HTTP_DONE) {
			assert(used + left >= strlen(text) && used <= strlen(text));
			assert(!strcmp(request.method, method) && !strcmp(request.target, target));
			assert(!strcmp(buf_text(&request.body), body));
		}
		http_clear(&request);
	}
	printf("ok %.40s\n", strtok(strdupa(text), "\r\n"));
}

static void decoding_makes_no_new_separator(void)
{
	char path[] = "/%6de%2f%zz%4";
	http_decode(path, false, "%/+");
	assert(!strcmp(path, "/me%2f%zz%4"));
	char query[] = "a+b%2Bc%00";
	http_decode(query, true, "");
	assert(!strcmp(query, "a b+c%00"));
}

static void tokens_are_found_in_lists(void)
{
	assert(http_has_token("keep-alive, Upgrade", "upgrade"));
	assert(!http_has_token("upgraded", "upgrade"));
	assert(!http_has_token(NULL, "upgrade"));
}

int main(void)
{
	check("GET /me HTTP/1.1\r\nHost: x\r\n\r\n", HTTP_DONE, "GET", "/me", "", 0);
	check("\r\nGET /me HTTP/1.0\nHost: x\n\n", HTTP_DONE, "GET", "/me", "", 0);
	check("get http://127.0.0.1:1/me?a=b HTTP/1.1\r\n\r\n", HTTP_DONE, "get", "/me?a=b", "", 0);
	check("POST /a HTTP/1.1\r\nContent-Length: 3\r\n\r\nabcGET", HTTP_DONE, "POST", "/a", "abc", 3);
	check("POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
	      HTTP_DONE, "POST", "/a", "abcde", 0);
	check("POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", HTTP_BAD, NULL, NULL, NULL, 0);
	check("POST /a HTTP/1.1\r\nContent-Length: -3\r\n\r\n", HTTP_BAD, NULL, NULL, NULL, 0);
	check("POST /a HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n", HTTP_TOO_LARGE, NULL, NULL, NULL, 0);
	check("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", HTTP_BAD, NULL, NULL, NULL, 0);
	check("\x16\x03\x01\x02", HTTP_BAD, NULL, NULL, NULL, 0);
	check("GET /me HTTP/1.1\r\nno colon\r\n\r\n", HTTP_BAD, NULL, NULL, NULL, 0);
	check("GET /me HTTP/1.1\r\nHost: x\r\n", HTTP_HEAD, NULL, NULL, NULL, 0);
	decoding_makes_no_new_separator();
	tokens_are_found_in_lists();
	return 0;
}
