/*
 * The websocket as carrier of a line (docs/agent-protocol.md): one connection to the agent's port, made again with
 * back-off when it ends, beaten to know that it lives.
 *
 * It owns the connection, never the link. While it is attached the line sends no requests at all.
 */
#ifndef CORE_LINE_WEBSOCKET_H
#define CORE_LINE_WEBSOCKET_H

#include "core/agent/link.h"
#include "core/err.h"
#include "core/loop.h"
#include "core/ws.h"

struct line_websocket;

struct line_websocket_options {
	struct loop *loop;
	struct ws_hub *hub;
	const char *appkey; /* outlives the carrier */
	struct agent_link *link;
	/* Fills the URL of the agent's port; -1: there is no way at present (line_websocket_look() when there may be). */
	int (*url)(void *context, struct buf *url, struct err *err);
	/* The agent is reached from now on, or not any more: requests go on. */
	void (*changed)(void *context, bool attached);
	void *context;
};

struct line_websocket *line_websocket_new(const struct line_websocket_options *options);
/* Takes NULL, sets NULL. The agent learns of it as it beats. */
void line_websocket_drop(struct line_websocket **websocket);
bool line_websocket_is_attached(const struct line_websocket *websocket); /* takes NULL */
void line_websocket_speak(struct line_websocket *websocket);             /* the link has something to say */
void line_websocket_look(struct line_websocket *websocket); /* the way may be there now, or another one */

#endif
