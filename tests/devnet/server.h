/*
 * The devnet's HTTP server: connections on libuv, one exchange at a time each (pipelined requests wait), the key,
 * the routes, the faults. Owns every connection, exchange and websocket.
 */
#ifndef DEVNET_SERVER_H
#define DEVNET_SERVER_H

#include <stdbool.h>

struct devnet;
struct server;

/* Listens on 127.0.0.1-like `host`; port 0 picks one. NULL with a sentence in why[200]. */
struct server *server_new(struct devnet *devnet, const char *host, unsigned port, char *why);
void server_free(
	struct server *server); /* drops every connection; the loop must run once more to free them */

unsigned server_port(const struct server *server);
const char *server_host(const struct server *server);

/* A daemon that restarts: every connection is dropped, new ones are refused for `down_ms`. */
void server_restart(struct server *server, unsigned down_ms);

#endif
