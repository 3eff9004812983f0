/*
 * A connection, as server.c, exchange.c and websocket.c share it; nobody else includes this.
 */
#ifndef DEVNET_CONNECTION_H
#define DEVNET_CONNECTION_H

#include <uv.h>

#include "core/buf.h"
#include "core/loop.h"
#include "tests/devnet/http.h"

struct connection;
struct devnet;
struct exchange;
struct server;
struct websocket;

enum { CONNECTION_QUEUE_MAX = 256 * 1024 * 1024 /* unsent bytes after which a client is dropped */ };

struct connection {
	uv_tcp_t tcp;
	struct server *server;
	struct devnet *devnet;
	struct connection *prev, *next;
	struct buf in;
	struct http_parser parser;
	struct http_request request;
	struct exchange *exchange;   /* the one that is handled now */
	struct websocket *websocket; /* what the connection has become */
	struct loop_timer *idle;
	size_t queued;  /* bytes not yet taken by the kernel */
	bool working;   /* inside connection_work() */
	bool continued; /* 100 Continue has been sent for this request */
	bool paused;    /* not reading */
	bool draining;  /* answered for the last time: reads and forgets until the client hangs up */
	bool closing;
};

void connection_write(struct connection *connection, const void *data, size_t len);
/* Ends it now; whoever uses it is told when the loop has closed it. */
void connection_drop(struct connection *connection);
/* Sends what is queued, then ends it in an orderly way. */
void connection_finish(struct connection *connection);
/* The exchange has been answered: goes on with the next request. */
void connection_next(struct connection *connection, bool keep_alive);
void connection_pause(struct connection *connection, bool paused);

/* exchange.c */
struct exchange *exchange_new(struct connection *connection, struct http_request *request /* taken */);
void exchange_dispatch(struct exchange *exchange);
void exchange_gone(struct exchange *exchange);

/* websocket.c */
struct websocket *websocket_new(struct connection *connection);
void websocket_feed(struct websocket *websocket, struct buf *in); /* takes what it can */
void websocket_gone(struct websocket *websocket);

#endif
