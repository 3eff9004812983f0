/*
 * Ports of this machine that lead into instances (design 2.7): each is a listener on 127.0.0.1 whose connections are
 * channels of the line to an instance's agent (docs/agent-protocol.md), over whichever carrier the line has. Exact in both
 * directions, with half-close and back pressure; a connection ends when its machine does, the port stays.
 *
 * Owns the listeners and what of their connections has not been passed on yet.
 */
#ifndef CORE_FORWARD_H
#define CORE_FORWARD_H

#include "core/buf.h"
#include "core/order.h"

/* `obj` is an instance or a network. LOCALPORT:PORT (an instance), LOCALPORT:NODE:PORT, each with /udp for datagrams, or
 * -LOCALPORT; local port 0 picks one, which is what the order has made. EINVAL, ENOENT, EADDRINUSE, EACCES, EBUSY (it has
 * ended). */
void forward_take(struct obj *obj, const char *text, struct order *order);
/* One row per port: port, target, connections, bytes in and out, carrier. */
void forward_render(struct obj *obj, struct buf *out);
/* For core: closes all ports of the object, and their connections. */
void forward_end(struct obj *obj);

#endif
