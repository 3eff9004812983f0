/*
 * What yagna's TCP route does, on a port of 127.0.0.1: a websocket whose binary messages are the bytes of a TCP (or
 * unix) connection, with its oddities: whole messages may change places on their way in, and no close is passed on.
 */
#ifndef UNIT_BRIDGE_H
#define UNIT_BRIDGE_H

#include "core/loop.h"

struct bridge;

struct bridge_options {
	const char *path; /* of a unix socket to connect to; NULL: `port` on 127.0.0.1 */
	unsigned port;
	unsigned swap; /* up to so many messages wait for each other; 0: order is kept */
};

struct bridge *bridge_new(struct loop *loop, const struct bridge_options *options);
void bridge_free(struct bridge *bridge);
unsigned bridge_port(const struct bridge *bridge);
/* Ends every websocket without a Close; the other side sees nothing of it. */
void bridge_cut(struct bridge *bridge);
/* Takes everything in and gives nothing on: a silent death. */
void bridge_silence(struct bridge *bridge, bool silent);
unsigned bridge_messages(const struct bridge *bridge); /* that came in */

#endif
