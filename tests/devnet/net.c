/*
 * The net API: private networks, the daemon's own addresses in them, and who is known to be where.
 * Facts: reference/yagna-api.md 6.1 to 6.4; networks live in memory and a restart of the daemon forgets them.
 */
#include <errno.h>
#include <uthash.h>
#include <utlist.h>

#include "core/mem.h"
#include "tests/devnet/devnet.h"
#include "tests/devnet/exchange.h"
#include "tests/devnet/ip.h"
#include "tests/devnet/route.h"
#include "tests/devnet/serde.h"
#include "tests/devnet/stack.h"
#include "tests/devnet/tunnel.h"
#include "tests/devnet/vpn.h"

struct address {
	struct address *next;
	struct ip ip;
};

struct member {
	struct member *next;
	char *id; /* whatever the client said: the daemon does not check it */
	struct ip ip;
};

struct network {
	char id[33];
	char owner[43];
	struct ip_net range;
	struct ip gateway;
	struct address *addresses; /* the daemon's own, in order of assignment */
	struct member *members;    /* sorted by id, then ip */
	struct stack *stack;       /* the daemon's own end; NULL: not needed yet */
	struct vpn_port *port;     /* of the stack */
	struct tunnel *tunnels;
	struct nets *nets;
	bool stack_dead; /* an IPv6 target makes the real stack panic; the network answers nothing afterwards
			  */
	UT_hash_handle hh;
};

struct nets {
	struct devnet *devnet;
	struct network *networks; /* by id */
};

static const char address_syntax[] = "Invalid IP address: invalid IP address syntax";

/* ---- a network
 * ---------------------------------------------------------------------------------------------- */

static void add_address(struct network *network, const struct ip *ip)
{
	struct address *address;
	LL_FOREACH (network->addresses, address)
		if (ip_equal(&address->ip, ip))
			return;
	address = mem_alloc(sizeof *address);
	address->ip = *ip;
	LL_APPEND(network->addresses, address);
}

static int member_order(const struct member *a, const struct member *b)
{
	int order = strcmp(a->id, b->id);
	return order ? order : ip_compare(&a->ip, &b->ip);
}

/* An address that somebody has stays his; the daemon says nothing about it. */
static void add_member(struct network *network, const char *id, const struct ip *ip)
{
	struct member *member;
	LL_FOREACH (network->members, member)
		if (ip_equal(&member->ip, ip))
			return;
	member = mem_alloc(sizeof *member);
	member->id = mem_strdup(id);
	member->ip = *ip;
	LL_INSERT_INORDER(network->members, member, member_order);
}

static void remove_member(struct network *network, struct member *member)
{
	LL_DELETE(network->members, member);
	free(member->id);
	free(member);
}

/* Pulled out first: what the kernel says of the sockets reaches nobody. */
static void stop_stack(struct network *network)
{
	vpn_port_free(network->port);
	network->port = NULL;
	tunnel_end_all(&network->tunnels);
	stack_free(network->stack);
	network->stack = NULL;
}

static void network_free(struct nets *nets, struct network *network)
{
	struct address *address, *next_address;
	struct member *member, *next_member;
	HASH_DEL(nets->networks, network);
	stop_stack(network);
	LL_FOREACH_SAFE (network->addresses, address, next_address)
		free(address);
	LL_FOREACH_SAFE (network->members, member, next_member)
		remove_member(network, member);
	free(network);
}

static uint32_t ip4(const struct ip *ip)
{
	uint32_t value;
	memcpy(&value, ip->bytes, sizeof(value));
	return value;
}

static struct nic_address nic_address_of(const struct network *network, const struct ip *ip)
{
	return (struct nic_address){ip4(ip), network->range.prefix};
}

static void on_stack_up(void *context, int cable)
{
	struct network *network = context;
	vpn_port_open(network->port, cable);
}

/* The daemon's own end of the network, made when there is somebody to talk to. It has no address but in IPv4. */
static void start_stack(struct network *network)
{
	struct devnet *devnet = network->nets->devnet;
	struct member *member;
	struct address *address;
	if (network->stack || network->stack_dead || network->range.ip.v6)
		return;
	struct nic_address own = nic_address_of(network, &network->addresses->ip);
	network->stack = stack_new(devnet->loop, &own, &(struct stack_events){on_stack_up, network});
	if (!network->stack)
		return;
	LL_FOREACH (network->addresses->next, address) {
		own = nic_address_of(network, &address->ip);
		stack_add(network->stack, &own);
	}
	network->port = vpn_port_new(devnet->vpn, network->owner);
	vpn_port_join(network->port, network->id);
	LL_FOREACH (network->members, member)
		vpn_port_know(network->port, network->id, ip4(&member->ip), member->id);
}

void nets_joined(struct devnet *devnet, const char *id)
{
	struct network *network;
	HASH_FIND_STR(devnet->nets->networks, id, network);
	if (network)
		start_stack(network);
}

static bool is_own(const struct network *network, const struct ip *ip)
{
	struct address *address;
	LL_FOREACH (network->addresses, address)
		if (ip_equal(&address->ip, ip))
			return true;
	return false;
}

static cJSON *network_json(const struct network *network)
{
	char ip[IP_TEXT_MAX], mask[IP_TEXT_MAX], gateway[IP_TEXT_MAX];
	struct ip bits;
	ip_net_mask(&network->range, &bits);
	ip_net_print(&network->range, ip);
	ip_print(&bits, mask);
	ip_print(&network->gateway, gateway);
	cJSON *json = cJSON_CreateObject();
	cJSON_AddStringToObject(json, "id", network->id);
	cJSON_AddStringToObject(json, "ip", ip);
	cJSON_AddStringToObject(json, "mask", mask);
	cJSON_AddStringToObject(json, "gateway", gateway);
	return json;
}

/* ---- finding it
 * --------------------------------------------------------------------------------------------- */

static bool owns_any(struct nets *nets, const char *identity)
{
	for (struct network *network = nets->networks; network; network = network->hh.next)
		if (strcmp(network->owner, identity) == 0)
			return true;
	return false;
}

/* The network of the path, or NULL when the exchange has been answered. */
static struct network *own_network(struct exchange *exchange)
{
	struct nets *nets = exchange_devnet(exchange)->nets;
	const char *identity = exchange_identity(exchange);
	struct network *network;
	HASH_FIND_STR(nets->networks, exchange_part(exchange, 0), network);
	if (network && strcmp(network->owner, identity) == 0)
		return network;
	if (owns_any(nets, identity))
		exchange_reply_empty(exchange, 403);
	else
		exchange_reply_message(exchange, 404, "Network not found");
	return NULL;
}

/* The same, for what the network's stack would have to answer. */
static struct network *live_network(struct exchange *exchange)
{
	struct network *network = own_network(exchange);
	if (!network || !network->stack_dead)
		return network;
	exchange_reply_message(exchange, 400, "VPN communication error: MailboxError(Mailbox has closed)");
	return NULL;
}

static void reply_null(struct exchange *exchange)
{
	exchange_reply_json_text(exchange, 200, "null");
}

/* ---- networks
 * ----------------------------------------------------------------------------------------------- */

static int network_order(const struct network *a, const struct network *b)
{
	return strcmp(a->id, b->id);
}

static void list_networks(struct exchange *exchange)
{
	struct nets *nets = exchange_devnet(exchange)->nets;
	cJSON *list = cJSON_CreateArray();
	HASH_SORT(nets->networks, network_order);
	for (struct network *network = nets->networks; network; network = network->hh.next)
		if (strcmp(network->owner, exchange_identity(exchange)) == 0)
			cJSON_AddItemToArray(list, network_json(network));
	exchange_reply_json(exchange, 200, list);
}

/* Range and gateway as asked for; false when the exchange has been answered. */
static bool read_range(struct exchange *exchange, const char *const *values, struct ip_net *range,
		       struct ip *gateway)
{
	const char *ip = values[0], *mask = values[1], *given_gateway = values[2];
	switch (ip_net_parse(ip, mask, range)) {
	case IP_BAD_ADDRESS:
		exchange_reply_message(exchange, 400, "%s", address_syntax);
		return false;
	case IP_BAD_MASK:
		exchange_reply_message(exchange, 400, "Invalid IP address: invalid IPv4 address syntax");
		return false;
	case IP_BAD_NET:
		exchange_reply_message(exchange, 400, "Invalid network IP address: %s", ip);
		return false;
	case IP_OK:
		break;
	}
	ip_net_first_host(range, gateway);
	if (given_gateway && !ip_parse(given_gateway, gateway)) {
		exchange_reply_message(exchange, 400, "%s", address_syntax);
		return false;
	}
	return true;
}

static const struct serde_field new_network_fields[] = {{"ip", &serde_string, 0},
							{"mask", &serde_string, SERDE_OPTIONAL},
							{"gateway", &serde_string, SERDE_OPTIONAL},
							{NULL, NULL, 0}};
static const struct serde_type new_network = {SERDE_STRUCT, "struct NewNetwork",
					      .fields = new_network_fields};
static const struct serde_field new_address_fields[] = {{"ip", &serde_string, 0}, {NULL, NULL, 0}};
static const struct serde_type new_address = {SERDE_STRUCT, "struct Address", .fields = new_address_fields};
static const struct serde_field new_node_fields[] = {
	{"id", &serde_string, 0}, {"ip", &serde_string, 0}, {NULL, NULL, 0}};
static const struct serde_type new_node = {SERDE_STRUCT, "struct Node", .fields = new_node_fields};

enum { BODY_FIELDS_MAX = 3 };

/* The body's strings in the order of the type's fields, NULL where absent or null. False: answered. A struct
 * may also come as a list of all its fields. */
static bool read_strings(struct exchange *exchange, const struct serde_type *type,
			 const char *values[BODY_FIELDS_MAX])
{
	const cJSON *body = exchange_json_as(exchange, type);
	if (!body)
		return false;
	for (int i = 0; i < BODY_FIELDS_MAX && type->fields[i].name; i++) {
		const cJSON *value = cJSON_IsArray(body)
					     ? cJSON_GetArrayItem(body, i)
					     : cJSON_GetObjectItemCaseSensitive(body, type->fields[i].name);
		values[i] = cJSON_GetStringValue(value);
	}
	return true;
}

static void create_network(struct exchange *exchange)
{
	struct nets *nets = exchange_devnet(exchange)->nets;
	const char *values[BODY_FIELDS_MAX] = {0};
	struct ip_net range;
	struct ip gateway, own;
	if (!read_strings(exchange, &new_network, values) || !read_range(exchange, values, &range, &gateway))
		return;
	struct network *network = mem_alloc(sizeof *network);
	wire_hex_id(network->id, 32);
	snprintf(network->owner, sizeof network->owner, "%s", exchange_identity(exchange));
	network->range = range;
	network->gateway = gateway;
	network->nets = nets;
	ip_net_first_host(&range, &own);
	add_address(network, &own);
	HASH_ADD_STR(nets->networks, id, network);
	exchange_reply_json(exchange, 200, network_json(network));
}

static void get_network(struct exchange *exchange)
{
	struct network *network = own_network(exchange);
	if (network)
		exchange_reply_json(exchange, 200, network_json(network));
}

static void delete_network(struct exchange *exchange)
{
	struct network *network = own_network(exchange);
	if (!network)
		return;
	network_free(exchange_devnet(exchange)->nets, network);
	reply_null(exchange);
}

/* ---- addresses and nodes
 * ------------------------------------------------------------------------------------ */

static void list_addresses(struct exchange *exchange)
{
	struct network *network = live_network(exchange);
	if (!network)
		return;
	cJSON *list = cJSON_CreateArray();
	struct address *address;
	LL_FOREACH (network->addresses, address) {
		struct ip_net shown = {address->ip, network->range.prefix};
		char text[IP_TEXT_MAX];
		ip_net_print(&shown, text);
		cJSON *entry = cJSON_CreateObject();
		cJSON_AddStringToObject(entry, "ip", text);
		cJSON_AddItemToArray(list, entry);
	}
	exchange_reply_json(exchange, 200, list);
}

static void reply_not_allowed(struct exchange *exchange, const struct ip *ip)
{
	char text[IP_TEXT_MAX];
	ip_print(ip, text);
	exchange_reply_message(exchange, 400, "IP address not allowed: %s", text);
}

static void post_address(struct exchange *exchange)
{
	const char *values[BODY_FIELDS_MAX] = {0};
	struct ip ip;
	if (!read_strings(exchange, &new_address, values))
		return;
	struct network *network = live_network(exchange);
	if (!network)
		return;
	if (!ip_parse(values[0], &ip)) {
		exchange_reply_message(exchange, 400, "%s", address_syntax);
	} else if (!ip_net_contains(&network->range, &ip)) {
		char text[IP_TEXT_MAX];
		ip_print(&ip, text);
		exchange_reply_message(exchange, 400, "Network not found for IP address: %s", text);
	} else if (!ip_allowed(&ip)) {
		reply_not_allowed(exchange, &ip);
	} else {
		if (!is_own(network, &ip) && network->stack && !ip.v6) {
			struct nic_address own = nic_address_of(network, &ip);
			stack_add(network->stack, &own);
		}
		add_address(network, &ip);
		reply_null(exchange);
	}
}

static void list_nodes(struct exchange *exchange)
{
	struct network *network = live_network(exchange);
	if (!network)
		return;
	cJSON *list = cJSON_CreateArray();
	struct member *member;
	LL_FOREACH (network->members, member) {
		char text[IP_TEXT_MAX];
		ip_print(&member->ip, text);
		cJSON *entry = cJSON_CreateObject();
		cJSON_AddStringToObject(entry, "id", member->id);
		cJSON_AddStringToObject(entry, "ip", text);
		cJSON_AddItemToArray(list, entry);
	}
	exchange_reply_json(exchange, 200, list);
}

static void post_node(struct exchange *exchange)
{
	const char *values[BODY_FIELDS_MAX] = {0};
	struct ip ip;
	if (!read_strings(exchange, &new_node, values))
		return;
	struct network *network = live_network(exchange);
	if (!network)
		return;
	if (!ip_parse(values[1], &ip)) {
		exchange_reply_message(exchange, 400, "%s", address_syntax);
	} else if (!ip_allowed(&ip)) {
		reply_not_allowed(exchange, &ip);
	} else if (!ip_net_contains(&network->range, &ip)) {
		char text[IP_TEXT_MAX];
		ip_print(&ip, text);
		exchange_reply_message(exchange, 400, "Invalid network IP address: %s", text);
	} else {
		add_member(network, values[0], &ip);
		if (!ip.v6)
			vpn_announce(exchange_devnet(exchange)->vpn, network->id, ip4(&ip), values[0]);
		reply_null(exchange);
	}
}

static void delete_node(struct exchange *exchange)
{
	struct network *network = live_network(exchange);
	if (!network)
		return;
	struct member *member, *next;
	LL_FOREACH_SAFE (network->members, member, next)
		if (strcmp(member->id, exchange_part(exchange, 1)) == 0)
			remove_member(network, member);
	vpn_retract(exchange_devnet(exchange)->vpn, network->id, exchange_part(exchange, 1));
	reply_null(exchange);
}

/* ---- connections
 * -------------------------------------------------------------------------------------------- */

/* As the framework reads a u16 out of a path: a sign is fine, blanks and other text are not. */
static bool parse_port(const char *text, unsigned *port)
{
	const char *digits = *text == '+' ? text + 1 : text;
	if (*digits < '0' || *digits > '9')
		return false;
	char *end;
	errno = 0;
	unsigned long value = strtoul(digits, &end, 10);
	*port = (unsigned)value;
	return errno == 0 && *end == '\0' && value <= UINT16_MAX;
}

/* Frames to an address without a known endpoint are dropped silently: only the timeout ends the waiting. The
 * request need not be a websocket one for that. The daemon does not find itself either. */
static void dial(struct exchange *exchange, struct network *network, const struct ip *ip, uint16_t port)
{
	start_stack(network);
	tunnel_open(exchange, is_own(network, ip) ? NULL : network->stack, ip4(ip), port, &network->tunnels);
}

static void connect_tcp(struct exchange *exchange)
{
	unsigned port;
	struct ip ip;
	if (!parse_port(exchange_part(exchange, 2), &port)) {
		exchange_reply_text(exchange, 404, "can not parse \"%s\" to a u16",
				    exchange_part(exchange, 2));
		return;
	}
	struct network *network = live_network(exchange);
	if (!network)
		return;
	if (!ip_parse(exchange_part(exchange, 1), &ip)) {
		exchange_reply_message(exchange, 400, "%s", address_syntax);
	} else if (!ip_allowed(&ip)) {
		reply_not_allowed(exchange, &ip);
	} else if (ip.v6) {
		network->stack_dead = true;
		stop_stack(network);
		live_network(exchange);
	} else if (port == 0) {
		exchange_reply_message(exchange, 400, "Connection error: unaddressable destination");
	} else {
		dial(exchange, network, &ip, (uint16_t)port);
	}
}

/* The relay as the recorded daemon saw it. */
static void get_status(struct exchange *exchange)
{
	cJSON *json = cJSON_CreateObject();
	cJSON_AddStringToObject(json, "nodeId", exchange_identity(exchange));
	cJSON_AddStringToObject(json, "listenIp", "127.0.0.1:11500");
	cJSON_AddStringToObject(json, "publicIp", "127.0.0.1:11500");
	cJSON_AddNumberToObject(json, "sessions", 3);
	exchange_reply_json(exchange, 200, json);
}

/* ---- life
 * --------------------------------------------------------------------------------------------------- */

struct nets *nets_new(struct devnet *devnet)
{
	struct nets *nets = mem_alloc(sizeof *nets);
	nets->devnet = devnet;
	return nets;
}

static void forget_all(struct nets *nets)
{
	struct network *network, *next;
	HASH_ITER (hh, nets->networks, network, next)
		network_free(nets, network);
}

void nets_forget(struct devnet *devnet)
{
	forget_all(devnet->nets);
}

void nets_free(struct nets *nets)
{
	if (!nets)
		return;
	forget_all(nets);
	free(nets);
}

/* Two prefixes, the same handlers. */
#define NET_ROUTES(prefix)                                                                                   \
	{"GET", prefix "/net", list_networks}, {"POST", prefix "/net", create_network},                      \
		{"GET", prefix "/net/{}", get_network}, {"DELETE", prefix "/net/{}", delete_network},        \
		{"GET", prefix "/net/{}/addresses", list_addresses},                                         \
		{"POST", prefix "/net/{}/addresses", post_address},                                          \
		{"GET", prefix "/net/{}/nodes", list_nodes}, {"POST", prefix "/net/{}/nodes", post_node},    \
		{"DELETE", prefix "/net/{}/nodes/{}", delete_node},                                          \
	{                                                                                                    \
		"GET", prefix "/net/{}/tcp/{}/{}", connect_tcp                                               \
	}

const struct route net_routes[] = {
	{"GET", "/net-api/v2/net/status", get_status},
	NET_ROUTES("/net-api/v1"),
	NET_ROUTES("/net-api/v2/vpn"),
	{NULL, NULL, NULL},
};
