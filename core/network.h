/*
 * Private networks (reference/yagna-api.md 6, design 2.7): a range of addresses in which each instance has one, and
 * which this machine, the client, belongs to or not.
 *
 * A network is a child of golem_networks(). It owns the network in yagna and the nodes there, and goes on by itself
 * until yagna knows what it should: what yagna forgets in a restart is made again. Being outside a network is golemfs'
 * own word; yagna would connect all the same.
 */
#ifndef CORE_NETWORK_H
#define CORE_NETWORK_H

#include "core/buf.h"
#include "core/golem.h"
#include "core/order.h"

struct network;
struct instance;

/* The directory of all of them, beside that of the backends. */
struct obj *golem_networks(struct golem *golem);

/* cidr NULL: a range that is free among yagna's networks and this machine's routes. In memory at once; `order` (NULL:
 * mkdir) is answered when yagna has made it, or could not. EINVAL, EEXIST; NULL has answered no order. */
struct network *network_create(struct golem *golem, const char *name, const char *cidr, bool client,
			       struct order *order, struct err *err);
struct network *network_of(struct obj *obj); /* obj must be a network */
struct obj *network_obj(struct network *network);
/* By name, or by yagna's id; NULL: there is none. */
struct network *network_find(struct golem *golem, const char *name);

/* EBUSY while instances are in it; `force` takes it from them first. `order` may be NULL; -1 has answered no order. */
int network_destroy(struct network *network, bool force, struct order *order, struct err *err);
/* Asks yagna anew and repairs what differs. */
void network_refresh(struct network *network, struct order *order);
void networks_refresh(struct golem *golem, struct order *order);
/* yes or no. */
int network_set_client(struct network *network, const char *value, size_t len, struct err *err);

bool network_has_client(const struct network *network);
void network_render_id(struct network *network, struct buf *out);
void network_render_cidr(struct network *network, struct buf *out);
void network_render_owner(struct network *network, struct buf *out);
void network_render_age(struct network *network, struct buf *out); /* seconds since yagna was asked */

/* The instances in it, by address; 0 from the last on. */
uint32_t network_next_address(const struct network *network, uint32_t address);
struct instance *network_instance(const struct network *network, uint32_t address);

/* The websocket URLs of a port, a line for each instance. ENETUNREACH where the client is not in the network. */
int network_urls(struct network *network, unsigned port, struct buf *out, struct err *err);

/* --- an instance in its networks, by position in the order of the configuration ------------------------------ */

unsigned membership_count(const struct instance *instance);
/* NULL: there is none at this position, or not any more. */
struct network *membership_network(const struct instance *instance, unsigned position);
/* Appends the addresses of the clients, by spaces. */
void membership_clients(const struct instance *instance, struct buf *out);
uint32_t membership_address(const struct instance *instance, unsigned position); /* 0: none yet */
/* The position of a network by its name, its id, or the position itself as text. -1: not there. */
int membership_find(const struct instance *instance, const char *name);
/* The websocket URL of a port of the instance through the network at this position, without newline. ENETUNREACH with
 * "client not connected to network NAME"; EHOSTUNREACH when the instance is gone, or not there yet. */
int membership_url(const struct instance *instance, unsigned position, unsigned port, struct buf *url,
		   struct err *err);
/* The same through the first of its networks that has the client in it; ENETUNREACH: none has. What golemfs itself
 * connects through. */
int network_url(struct instance *instance, unsigned port, struct buf *url, struct err *err);

#endif
