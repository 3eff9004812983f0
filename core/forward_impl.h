/*
 * What the halves of forward.h share: forward.c has the ports, forward_flow.c the bytes of their connections.
 */
#ifndef CORE_FORWARD_IMPL_H
#define CORE_FORWARD_IMPL_H

#include <netinet/in.h>
#include <uthash.h>

#include "core/forward.h"
#include "core/line.h"
#include "core/model.h"

struct forward_connection;

struct forward {
	struct forward *prev, *next;
	struct obj *obj; /* holds this */
	uint16_t local_port, port;
	char *node; /* an address, or the name of an instance; NULL: the instance itself */
	bool datagrams;
	int fd;
	struct loop_watch *watch;
	struct forward_connection *connections;
	unsigned count;
	uint64_t in, out; /* bytes from, and to, the machines */
};

/* One accepted connection, or the datagrams of one sender. */
struct forward_connection {
	UT_hash_handle hh; /* golem->forwarded, by channel */
	uint32_t channel;
	struct forward_connection *prev, *next; /* of the forward */
	struct forward *forward;
	struct instance *instance; /* held */
	int fd;                    /* -1: datagrams go through the port's own socket */
	struct sockaddr_in peer;
	struct loop_watch *watch;
	struct loop_timer *silence;      /* datagrams: until the flow is over */
	struct buf out;                  /* towards this machine */
	uint64_t received, limit, given; /* limit: what the machine may send; given: to the machine */
	size_t window;
	bool read_over, shut, ended;
};

/* The agent's link of an instance, and that it has been given something to say; NULL: there is none at present. */
struct agent_link *forward_link(struct instance *instance);

/* forward_flow.c: `fd` becomes the connection's, -1 for datagrams. NULL: the machine cannot be reached now. */
struct forward_connection *forward_open(struct forward *forward, struct instance *instance,
					const char *address, int fd);
/* What a datagram's sender says. */
void forward_give(struct forward_connection *connection, const void *datagram, size_t len);
void forward_close(struct forward_connection *connection);

#endif
