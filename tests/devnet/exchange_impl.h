/*
 * The inside of an exchange, shared by exchange.c, query.c, body.c and spoil.c only.
 */
#ifndef DEVNET_EXCHANGE_IMPL_H
#define DEVNET_EXCHANGE_IMPL_H

#include "core/buf.h"
#include "core/loop.h"
#include "tests/devnet/connection.h"
#include "tests/devnet/exchange.h"
#include "tests/devnet/route.h"

enum { EXCHANGE_PARTS_MAX = 6, EXCHANGE_QUERIES_MAX = 64 };

struct exchange_query {
	char *name;
	char *value; /* decoded */
	char *raw;
};

struct exchange {
	struct devnet *devnet;
	struct connection *connection;
	struct http_request request;
	char *path; /* as the routes see it */
	const struct route *route;
	char *parts[EXCHANGE_PARTS_MAX];
	struct exchange_query queries[EXCHANGE_QUERIES_MAX];
	unsigned query_count;
	cJSON *json;
	struct buf headers; /* extra ones, ready lines */
	struct loop_timer *timer;
	exchange_call timeout, gone;
	void *context;
	bool streaming;
	bool open;   /* answered before the layer that adds `vary` */
	bool honest; /* the answer is a fault already: not spoiled again */
};

/* Head and body as they are; the exchange is dead afterwards. type may be NULL (no content-type). */
void exchange_send(struct exchange *exchange, int status, const char *type, const void *body, size_t len);
/* The head of an answer without the empty line, which the caller adds. */
void exchange_head(struct exchange *exchange, struct buf *out, int status, const char *type,
		   const char *length);
void exchange_free(struct exchange *exchange);
/* True when the request has been read by the market API, which words its errors in JSON. */
bool exchange_is_market(const struct exchange *exchange);

/* query.c */
void exchange_parse_target(struct exchange *exchange);

/* spoil.c: the HTTP faults. Each returns true when it has taken the exchange over. */
bool spoil_request(struct exchange *exchange, exchange_call go_on);
bool spoil_answer(struct exchange *exchange);
bool spoil_stream(struct exchange *exchange);

#endif
