#include "tests/devnet/vpn.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <uthash.h>
#include <utlist.h>

#include "core/mem.h"
#include "tests/devnet/devnet.h"
#include "tests/devnet/frame.h"
#include "tests/devnet/nic.h"

/* Frames taken from one cable before the others get their turn; what a machine may learn by itself. */
enum { TURN_FRAMES = 64, LEARNED_MAX = 4096 };

struct entry {
	uint32_t ip;
	char *node;
	UT_hash_handle hh;
};

/* A port's part in one network. */
struct membership {
	struct membership *next;
	struct vpn_port *port;
	char *network;
	char *key; /* network and node, by which a frame finds it */
	struct entry *map;
	bool registered;
	UT_hash_handle hh;
};

struct vpn_port {
	struct vpn *vpn;
	struct vpn_port *prev, *next;
	char *node;
	const struct provider *provider; /* NULL: the requestor */
	struct membership *memberships;
	struct loop_watch *watch;
	int cable;
};

struct vpn {
	struct devnet *devnet;
	struct vpn_port *ports;
	struct membership *registered; /* by key */
};

static char *make_key(const char *network, const char *node)
{
	char *key = mem_printf("%s %s", network, node);
	for (char *at = key + strlen(network); *at; at++)
		*at = (char)tolower((unsigned char)*at);
	return key;
}

static struct membership *membership_of(struct vpn_port *port, const char *network)
{
	struct membership *one;
	LL_FOREACH (port->memberships, one)
		if (strcmp(one->network, network) == 0)
			return one;
	return NULL;
}

static const char *look_up(const struct membership *in, uint32_t ip)
{
	struct entry *entry;
	HASH_FIND(hh, in->map, &ip, sizeof(ip), entry);
	return entry ? entry->node : NULL;
}

static void know(struct membership *in, uint32_t ip, const char *node)
{
	if (!ip || look_up(in, ip))
		return;
	struct entry *entry = mem_alloc(sizeof(*entry));
	entry->ip = ip;
	entry->node = mem_strdup(node);
	HASH_ADD(hh, in->map, ip, sizeof(ip), entry);
}

static void forget(struct membership *in, struct entry *entry)
{
	HASH_DEL(in->map, entry);
	free(entry->node);
	free(entry);
}

/* ---- frames --------------------------------------------------------------------------------------------- */

static bool cut_off(const struct vpn_port *port)
{
	return port->provider && !port->provider->reachable;
}

/* Whether the frame gets there. The requestor takes only what comes from nodes it has in its network; a machine learns
 * from the frame who is there. */
static bool accepts(struct membership *in, const struct vpn_port *from, uint32_t ip)
{
	const char *known = look_up(in, ip);
	if (cut_off(in->port))
		return false;
	if (!in->port->provider)
		return known && strcasecmp(known, from->node) == 0;
	if (!known && HASH_COUNT(in->map) < LEARNED_MAX)
		know(in, ip, from->node);
	return true;
}

static void forward(struct vpn_port *port, const uint8_t *frame, size_t len)
{
	struct frame_ends ends;
	struct membership *in, *there;
	if (cut_off(port) || !frame_read(frame, len, &ends))
		return;
	LL_FOREACH (port->memberships, in) {
		const char *node = look_up(in, ends.to);
		if (!node)
			continue;
		MEM_AUTO char *key = make_key(in->network, node);
		HASH_FIND_STR(port->vpn->registered, key, there);
		/* a full queue on the other side loses the frame, as any network does */
		if (there && there->port != port && accepts(there, port, ends.from))
			send(there->port->cable, frame, len, MSG_DONTWAIT | MSG_NOSIGNAL);
		return;
	}
}

static void on_frames(void *context, int readiness)
{
	struct vpn_port *port = context;
	uint8_t frame[NIC_FRAME_MAX];
	for (unsigned turn = 0; turn < TURN_FRAMES; turn++) {
		ssize_t got = recv(port->cable, frame, sizeof(frame), MSG_DONTWAIT | MSG_TRUNC);
		if (got > 0 && (size_t)got <= sizeof(frame))
			forward(port, frame, (size_t)got);
		else if (got < 0 && errno == EAGAIN)
			break;
		else if (got < 0 && errno != EINTR) { /* the machine is gone */
			loop_unwatch(&port->watch);
			break;
		}
	}
	if (port->watch)
		loop_rewatch(port->watch, LOOP_READ);
}

/* ---- ports ---------------------------------------------------------------------------------------------- */

struct vpn_port *vpn_port_new(struct vpn *vpn, const char *node)
{
	struct vpn_port *port = mem_alloc(sizeof(*port));
	port->vpn = vpn;
	port->node = mem_strdup(node);
	port->cable = -1;
	DL_APPEND(vpn->ports, port);
	return port;
}

struct vpn_port *vpn_port_of_provider(struct vpn *vpn, const struct provider *provider)
{
	struct vpn_port *port = vpn_port_new(vpn, provider->node_id);
	port->provider = provider;
	return port;
}

void vpn_port_join(struct vpn_port *port, const char *network)
{
	if (membership_of(port, network))
		return;
	struct membership *in = mem_alloc(sizeof(*in));
	in->port = port;
	in->network = mem_strdup(network);
	in->key = make_key(network, port->node);
	LL_APPEND(port->memberships, in);
}

void vpn_port_know(struct vpn_port *port, const char *network, uint32_t ip, const char *node)
{
	struct membership *in = membership_of(port, network);
	if (in)
		know(in, ip, node);
}

void vpn_port_open(struct vpn_port *port, int cable)
{
	struct membership *in, *taken;
	if (port->watch)
		return;
	port->cable = cable;
	port->watch = loop_watch(port->vpn->devnet->loop, cable, LOOP_READ, on_frames, port);
	LL_FOREACH (port->memberships, in) {
		HASH_FIND_STR(port->vpn->registered, in->key, taken);
		if (taken)
			continue; /* the second of its node: nothing will reach it */
		HASH_ADD_KEYPTR(hh, port->vpn->registered, in->key, strlen(in->key), in);
		in->registered = true;
	}
}

static void leave(struct vpn_port *port, struct membership *in)
{
	struct entry *entry, *next;
	if (in->registered)
		HASH_DEL(port->vpn->registered, in);
	HASH_ITER (hh, in->map, entry, next)
		forget(in, entry);
	LL_DELETE(port->memberships, in);
	free(in->network);
	free(in->key);
	free(in);
}

void vpn_port_free(struct vpn_port *port)
{
	if (!port)
		return;
	loop_unwatch(&port->watch);
	while (port->memberships)
		leave(port, port->memberships);
	DL_DELETE(port->vpn->ports, port);
	free(port->node);
	free(port);
}

/* ---- announcements -------------------------------------------------------------------------------------- */

void vpn_announce(struct vpn *vpn, const char *network, uint32_t ip, const char *node)
{
	struct membership *in, *next;
	HASH_ITER (hh, vpn->registered, in, next)
		if (strcmp(in->network, network) == 0)
			know(in, ip, node);
}

void vpn_retract(struct vpn *vpn, const char *network, const char *node)
{
	struct membership *in, *next_in;
	struct entry *entry, *next;
	HASH_ITER (hh, vpn->registered, in, next_in)
		if (strcmp(in->network, network) == 0)
			HASH_ITER (hh, in->map, entry, next)
				if (strcasecmp(entry->node, node) == 0)
					forget(in, entry);
}

struct vpn *vpn_new(struct devnet *devnet)
{
	struct vpn *vpn = mem_alloc(sizeof(*vpn));
	vpn->devnet = devnet;
	return vpn;
}

void vpn_free(struct vpn *vpn)
{
	if (!vpn)
		return;
	while (vpn->ports)
		vpn_port_free(vpn->ports);
	free(vpn);
}
