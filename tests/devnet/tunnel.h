/*
 * A TCP connection into a private network, carried as a websocket: GET …/net/{id}/tcp/{ip}/{port}.
 *
 * The connection is opened first, from the requestor's stack; the upgrade is answered when it stands. Behaviour, with
 * its oddities, is that of reference/yagna-api.md 6.4: messages of the client may overtake each other, no close is
 * passed on to the instance, nothing pushes back. What waits for the instance is bounded by TUNNEL_QUEUE_MAX all the
 * same: who lets more pile up loses the connection.
 *
 * A tunnel owns its exchange, then its websocket, and the socket; it ends by itself.
 */
#ifndef DEVNET_TUNNEL_H
#define DEVNET_TUNNEL_H

#include <stdint.h>

#include "tests/devnet/stack.h"

struct exchange;
struct tunnel;

enum { TUNNEL_QUEUE_MAX = 256 * 1024 * 1024 };

/* Answers the exchange sooner or later; never sooner than 5 s when nobody answers in the network. stack NULL: nobody
 * does. The list is of all that are to be ended with the network. */
void tunnel_open(struct exchange *exchange, struct stack *stack, uint32_t ip, uint16_t port,
		 struct tunnel **list);
/* The network is gone: what is carried ends without a word, what is being opened is answered "Cancelled". */
void tunnel_end_all(struct tunnel **list);

#endif
