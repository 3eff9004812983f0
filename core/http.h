/*
 * The HTTP client on the loop (curl). Short calls share a few keep-alive connections; a call marked `lasting` (long
 * poll, stream, anything that may wait for the market or a provider) never waits behind others for a connection.
 *
 * Callbacks always come from the loop, never from within http_send() or http_cancel(), so no caller meets its own
 * completion before it has stored the call (reference/fuse.md 3.3, trap 11).
 */
#ifndef CORE_HTTP_H
#define CORE_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/err.h"
#include "core/loop.h"

struct http;
struct http_call;

struct http_request {
	const char *method;         /* "GET" */
	const char *url;            /* http or https */
	const char *peer;           /* who is asked, for sentences: "yagna" */
	const char *const *headers; /* "Name: value", ends with NULL; may be NULL */
	const char *accept;         /* sent exactly as it is; NULL: application/json */
	const void *body;           /* sent as application/json; NULL: none */
	size_t body_len;
	uint64_t connect_ms; /* 0: 5 s */
	uint64_t total_ms;   /* until the end of the answer; 0: no limit */
	uint64_t stall_ms;   /* without one byte for so long it is ETIMEDOUT; 0: may be silent */
	size_t max_body;     /* more is EIO; 0: 32 MiB; with `data` there is no limit */
	bool lasting;
	bool outward; /* leaves this machine: proxies of the environment and redirects count */
	/* Gets the body of a 2xx answer piece by piece instead of its being collected; may cancel the call. */
	void (*data)(void *context, const void *data, size_t len);
};

struct http_response {
	int status;               /* 0 when no answer came */
	const char *content_type; /* "" when none */
	const char *body;         /* NUL terminated; valid during the callback */
	size_t len;
	/* code 0 whenever there is a whole answer, whatever its status. EHOSTUNREACH: no connection, or it broke;
	 * ETIMEDOUT; EIO: not HTTP, or too large. */
	struct err err;
	bool sent; /* on failure: the request may have reached the peer and may have been carried out */
};

typedef void (*http_done)(void *context, const struct http_response *response);

struct http *http_new(struct loop *loop);
void http_free(struct http *http); /* forgets what is under way; no callback comes any more */

/* Copies what it needs. `done` is called once unless the call is cancelled before. A GET is repeated when a kept
 * connection turns out dead before any answer; a request with a body never is. */
struct http_call *http_send(struct http *http, const struct http_request *request, http_done done,
			    void *context);
/* No callback comes any more; takes NULL and sets it to NULL. Allowed anywhere. In `done` the call is already over
 * and the pointer dead: set it to NULL there. */
void http_cancel(struct http_call **call);

/* Percent-encodes one query value or path part; appended to out. */
struct buf;
void http_escape(struct buf *out, const char *text);

#endif
