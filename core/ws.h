/*
 * Websocket client connections on the loop (libwebsockets with its libuv plug-in, loop foreign to it).
 *
 * Binary messages only, as yagna's TCP route speaks them (reference/yagna-api.md 6.4): one unfragmented message of at
 * most 60,000 bytes each way out, any segmentation in. Sending is by pulling: the owner says that it has something, is
 * asked when the line takes it, and so never queues. libwebsockets answers the daemon's pings by itself as long as
 * the loop turns.
 */
#ifndef CORE_WS_H
#define CORE_WS_H

#include "core/buf.h"
#include "core/err.h"
#include "core/loop.h"

struct ws_hub; /* libwebsockets' context: one for the process */
struct ws;

struct ws_events {
	void (*opened)(void *context);
	/* A piece of the incoming bytes; message boundaries mean nothing on this route. */
	void (*received)(void *context, const void *data, size_t len);
	/* Fill one message; empty: nothing to say after all. */
	void (*writable)(void *context, struct buf *message);
	/* The end, whoever wanted it, except after ws_close(): the ws is gone when this returns. `err` tells why:
	 * EHOSTUNREACH (never opened), ECONNRESET (ended later). */
	void (*closed)(void *context, const struct err *err);
};

/* NULL with a sentence: the plug-in is missing (package libwebsockets-evlib-uv). */
struct ws_hub *ws_hub_new(struct loop *loop, struct err *err);
/* Every ws must have been closed; turns the loop a few times. */
void ws_hub_free(struct ws_hub *hub);

/* `url` is ws:// or wss://; the key goes into the Authorization header. NULL with a sentence for an URL that is none; all
 * other failures are told by closed(), from the loop. */
struct ws *ws_open(struct ws_hub *hub, const char *url, const char *appkey, const struct ws_events *events,
		   void *context, struct err *err);
void ws_want_write(struct ws *ws);
/* Stops (or goes on) taking bytes in: the back pressure towards the daemon. */
void ws_pause(struct ws *ws, bool paused);
/* Ends and forgets the connection; no event follows. */
void ws_close(struct ws **ws);

#endif
