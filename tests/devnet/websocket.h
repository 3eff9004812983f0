/*
 * The server's end of a websocket, after exchange_upgrade(). Frames by libwslay; one message is one
 * unfragmented frame of at most 64 KiB, as yagna's framework has it (reference/yagna-api.md 6.4, 7.2).
 */
#ifndef DEVNET_WEBSOCKET_H
#define DEVNET_WEBSOCKET_H

#include <stdbool.h>
#include <stddef.h>

struct websocket;

enum { WEBSOCKET_MESSAGE_MAX = 64 * 1024, WEBSOCKET_QUEUE_MAX = 256 * 1024 * 1024 };

/* What one service does where services differ, and what it wants to hear. Functions may be NULL. */
struct websocket_manner {
	bool heartbeat;  /* ping every 5 s, end after 10 s without any frame */
	bool echo_close; /* answer the client's Close and end; else a Close is only told */
	/* What a continuation, an oversized frame gets: a Close with that code, or 0: the connection just
	 * ends. */
	unsigned fragment_code, oversize_code;
	const char *fragment_reason, *oversize_reason;
	/* A whole message; data is valid during the call. */
	void (*message)(struct websocket *websocket, void *context, bool text, const void *data, size_t len);
	/* The client's Close frame (code 1005: none given). */
	void (*close)(struct websocket *websocket, void *context, unsigned code, const char *reason);
	/* The connection is gone, whoever ended it; the pointer is dead afterwards. Always the last call,
	 * made from the loop and never inside a call of this header. */
	void (*gone)(struct websocket *websocket, void *context);
};

/* Once, right after exchange_upgrade(). The manner must stay valid as long as the websocket. */
void websocket_begin(struct websocket *websocket, const struct websocket_manner *manner, void *context);

/* A binary message of any length up to the client's taste. Dropped when the websocket is ending. A client
 * that lets more than WEBSOCKET_QUEUE_MAX pile up loses its connection. */
void websocket_send(struct websocket *websocket, const void *data, size_t len);
size_t websocket_queued(const struct websocket *websocket);     /* bytes not yet taken by the kernel */
void websocket_pause(struct websocket *websocket, bool paused); /* stops reading from the client */

/* Nothing is sent, answered or told any more, but for `gone`: it looks as if the path had died. */
void websocket_mute(struct websocket *websocket);

/* A Close frame; the connection stays until the client hangs up (5 s at most). */
void websocket_close(struct websocket *websocket, unsigned code, const char *reason);
void websocket_end(struct websocket *websocket); /* ends the connection without a Close frame */

#endif
