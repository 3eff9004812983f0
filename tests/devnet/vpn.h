/*
 * The private networks as packets see them: who is plugged in, whom each knows, and where a frame goes.
 *
 * A port is one machine's cable: an instance's, or the requestor's own in one of its networks. A port belongs to a
 * node and is in any number of networks, each with a map from address to node. A frame goes to the first of its
 * sender's networks whose map has the address, and there to the port that the node has registered; all else is dropped
 * without a word. So it is with a real yagna (reference/yagna-api.md 6.2, 6.3), including that a node has one port in
 * a network: a second one registers in vain and gets nothing.
 *
 * The module owns the ports; cables stay their makers', who keep them open until vpn_port_free().
 */
#ifndef DEVNET_VPN_H
#define DEVNET_VPN_H

#include <stdbool.h>
#include <stdint.h>

struct devnet;
struct provider;
struct vpn;
struct vpn_port;

/* Addresses are IPv4, in network order. Node ids are compared without regard to case. */
struct vpn_port *vpn_port_new(struct vpn *vpn, const char *node);
/* Of an instance: its frames get nowhere while the provider is not reachable, and it learns who sends to it. */
struct vpn_port *vpn_port_of_provider(struct vpn *vpn, const struct provider *provider);
void vpn_port_join(struct vpn_port *port, const char *network);
/* One entry of the map, which must be of a network it has joined; an address that is there stays as it is. */
void vpn_port_know(struct vpn_port *port, const char *network, uint32_t ip, const char *node);
/* Plugs it in: from now on frames come and go, and announcements reach it. */
void vpn_port_open(struct vpn_port *port, int cable);
void vpn_port_free(struct vpn_port *port); /* takes NULL */

/* What the requestor's daemon tells all that are plugged into the network. */
void vpn_announce(struct vpn *vpn, const char *network, uint32_t ip, const char *node);
void vpn_retract(struct vpn *vpn, const char *network, const char *node);

#endif
