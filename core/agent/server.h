/*
 * The agent itself: its loop, its listeners and connections, the session with golemfs, and all jobs.
 *
 * It owns one private directory (socket, token, spilled output) and leaves nothing outside of it. It ends when
 * told to, when the directory is gone, or when its lease, renewed by every contact, has run out: not every
 * runtime ends it with the activity (reference/agent.md, Survival).
 */
#ifndef CORE_AGENT_SERVER_H
#define CORE_AGENT_SERVER_H

#include <stdint.h>

struct server_options {
	const char *directory; /* private; holds `token` (64 hex digits) */
	uint16_t port;         /* TCP, for the websocket carrier; 0: none */
	uint32_t lease_s;
	char **greeted; /* addresses that get a packet at the start, NULL terminated */
};

/* Detaches from its caller once it listens; returns the exit status of the calling process. */
int server_main(const struct server_options *options);

#endif
