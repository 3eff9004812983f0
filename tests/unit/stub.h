/*
 * An HTTP server for unit tests, on the loop of the test: every request goes to one handler, which answers at once,
 * later, wrongly or not at all.
 */
#ifndef UNIT_STUB_H
#define UNIT_STUB_H

#include "core/loop.h"

#include <stddef.h>

struct stub;
struct stub_peer; /* one connection; dead once it was hung up, or its client is gone */

struct stub_request {
	const char *line; /* "GET /me HTTP/1.1" */
	const char *head; /* all of it, that line included */
	const char *body;
	unsigned connection; /* counted from 1 */
};

typedef void (*stub_handler)(struct stub_peer *peer, const struct stub_request *request);

struct stub *stub_new(struct loop *loop, stub_handler handler);
void stub_free(struct stub *stub);
const char *stub_url(const struct stub *stub); /* http://127.0.0.1:PORT */
void stub_reply(struct stub_peer *peer, int status, const char *body);
void stub_raw(struct stub_peer *peer, const char *bytes, size_t len);
void stub_hang_up(struct stub_peer *peer);

#endif
