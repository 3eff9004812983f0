#include "core/forward.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utlist.h>

#include "core/forward_impl.h"
#include "core/instance.h"
#include "core/mem.h"
#include "core/membership.h"
#include "core/range.h"
#include "core/text.h"

enum { PORT_MAX = 65535, BACKLOG = 1024, ACCEPTS = 64 /* in one turn */ };

static struct forward **list_of(struct obj *obj)
{
	return obj->kind == OBJ_INSTANCE ? &instance_of(obj)->forwards : &network_of(obj)->forwards;
}

/* --- whom it leads to ------------------------------------------------------------------------------------------ */

/* The node of a network, by address or by its instance's name; 0: there is none. */
static uint32_t node_address(const struct network *network, const char *node)
{
	uint32_t wanted = 0;
	struct err err;

	if (range_parse_address(&wanted, node, &err) < 0)
		wanted = 0;
	for (uint32_t at = network_next_address(network, 0); at; at = network_next_address(network, at))
		if (at == wanted || (!wanted && strcmp(network_instance(network, at)->obj.name, node) == 0))
			return at;
	return 0;
}

static bool is_address(const char *text)
{
	struct in6_addr address;

	return inet_pton(AF_INET, text, &address) == 1 || inet_pton(AF_INET6, text, &address) == 1;
}

/* Who carries a new connection, and what the agent there connects to. NULL: nobody at present. */
static struct instance *target(struct forward *forward, char address[RANGE_TEXT])
{
	uint32_t node;

	if (forward->obj->kind == OBJ_INSTANCE)
		return instance_of(forward->obj);
	node = node_address(network_of(forward->obj), forward->node);
	if (!node)
		return NULL;
	range_print_address(node, address);
	return network_instance(network_of(forward->obj), node);
}

static struct forward_connection *connect_through(struct forward *forward, int fd)
{
	char address[RANGE_TEXT];
	struct instance *instance = target(forward, address);
	const char *to = address;

	if (!instance)
		return NULL;
	if (forward->obj->kind == OBJ_INSTANCE)
		to = forward->node ? forward->node : "127.0.0.1";
	return forward_open(forward, instance, to, fd);
}

/* --- the listener ---------------------------------------------------------------------------------------------- */

static void refuse(int fd)
{
	struct linger linger = {.l_onoff = 1};

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	close(fd);
}

static void accept_ready(void *context, int readiness)
{
	struct forward *forward = context;
	int on = 1;

	for (unsigned i = 0; i < ACCEPTS; i++) {
		int fd = accept4(forward->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd < 0)
			break;
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		if (!connect_through(forward, fd))
			refuse(fd);
	}
}

static struct forward_connection *flow_of(struct forward *forward, const struct sockaddr_in *peer)
{
	struct forward_connection *connection;

	DL_FOREACH (forward->connections, connection)
		if (connection->peer.sin_port == peer->sin_port &&
		    connection->peer.sin_addr.s_addr == peer->sin_addr.s_addr)
			return connection;
	connection = connect_through(forward, -1);
	if (connection)
		connection->peer = *peer;
	return connection;
}

static void datagram_ready(void *context, int readiness)
{
	struct forward *forward = context;
	static char data[PORT_MAX + 1];

	for (unsigned i = 0; i < ACCEPTS; i++) {
		struct sockaddr_in peer;
		socklen_t len = sizeof(peer);
		ssize_t n = recvfrom(forward->fd, data, sizeof(data), MSG_DONTWAIT, (void *)&peer, &len);
		struct forward_connection *connection;

		if (n < 0)
			break;
		connection = flow_of(forward, &peer);
		if (connection)
			forward_give(connection, data, (size_t)n);
	}
}

static int listen_local(struct forward *forward, struct err *err)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t len = sizeof(address);
	int on = 1, type = forward->datagrams ? SOCK_DGRAM : SOCK_STREAM;

	address.sin_port = htons(forward->local_port);
	forward->fd = socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (forward->fd < 0)
		return err_set(err, errno, "port %u: %s", forward->local_port, strerror(errno));
	if (!forward->datagrams)
		setsockopt(forward->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(forward->fd, (void *)&address, sizeof(address)) < 0 ||
	    (!forward->datagrams && listen(forward->fd, BACKLOG) < 0)) {
		err_set(err, errno, "port %u of this machine: %s", forward->local_port, strerror(errno));
		close(forward->fd);
		return -1;
	}
	getsockname(forward->fd, (void *)&address, &len);
	forward->local_port = ntohs(address.sin_port);
	return 0;
}

static void forward_free(struct forward *forward)
{
	struct forward **list = list_of(forward->obj);

	while (forward->connections)
		forward_close(forward->connections);
	loop_unwatch(&forward->watch);
	close(forward->fd);
	DL_DELETE(*list, forward);
	free(forward->node);
	free(forward);
}

void forward_end(struct obj *obj)
{
	struct forward **list = list_of(obj);

	while (*list)
		forward_free(*list);
}

/* --- lines ----------------------------------------------------------------------------------------------------- */

static int parse_port(const char *text, uint64_t least, uint16_t *port, struct err *err)
{
	uint64_t number;

	if (text_integer(text, least, PORT_MAX, &number, NULL))
		return err_set(err, EINVAL, "\"%s\" is no port", text);
	*port = (uint16_t)number;
	return 0;
}

static int check_node(struct obj *obj, const char *node, struct err *err)
{
	if (obj->kind == OBJ_INSTANCE)
		return !node || is_address(node)
			       ? 0
			       : err_set(err, EINVAL, "\"%s\" is no address: an IP is", node);
	if (!node)
		return err_set(err, EINVAL, "of a network it is LOCALPORT:NODE:PORT");
	if (!node_address(network_of(obj), node))
		return err_set(err, ENOENT, "\"%s\" is nobody in this network", node);
	return 0;
}

static int parse(struct forward *forward, char *text, struct err *err)
{
	char *slash = strrchr(text, '/'), *first = strchr(text, ':'), *last = strrchr(text, ':');

	if (slash && strcmp(slash, "/udp") != 0 && strcmp(slash, "/tcp") != 0)
		return err_set(err, EINVAL, "\"%s\" is neither /tcp nor /udp", slash);
	if (!first)
		return err_set(err, EINVAL, "\"%s\" is not LOCALPORT:PORT, LOCALPORT:NODE:PORT or -LOCALPORT",
			       text);
	forward->datagrams = slash && slash[1] == 'u';
	if (slash)
		*slash = 0;
	*first = *last = 0;
	if (first != last)
		forward->node = mem_strdup(strcmp(first + 1, "localhost") == 0 ? "127.0.0.1" : first + 1);
	if (parse_port(text, 0, &forward->local_port, err) < 0 ||
	    parse_port(last + 1, 1, &forward->port, err) < 0)
		return -1;
	return check_node(forward->obj, forward->node, err);
}

static void end_one(struct obj *obj, const char *text, struct order *order)
{
	struct forward *forward;
	struct err err = {0};
	uint16_t port = 0;

	if (parse_port(text, 1, &port, &err) < 0) {
		order_refuse(order, &err);
		return;
	}
	DL_FOREACH (*list_of(obj), forward)
		if (forward->local_port == port)
			break;
	if (!forward) {
		order_refusef(order, ENOENT, "port %u is not forwarded here", port);
		return;
	}
	forward_free(forward);
	obj_changed(obj, ASPECT_STATE);
	order_accept(order, NULL);
}

static void begin_one(struct obj *obj, const char *text, struct order *order)
{
	struct forward *forward = mem_alloc(sizeof(*forward));
	MEM_AUTO char *copy = mem_strdup(text), *made = NULL;
	struct err err = {0};

	forward->obj = obj;
	if (parse(forward, copy, &err) < 0 || listen_local(forward, &err) < 0) {
		free(forward->node);
		free(forward);
		order_refuse(order, &err);
		return;
	}
	forward->watch = loop_watch(obj->golem->loop, forward->fd, LOOP_READ,
				    forward->datagrams ? datagram_ready : accept_ready, forward);
	DL_APPEND(*list_of(obj), forward);
	obj_changed(obj, ASPECT_STATE);
	made = mem_printf("%u", forward->local_port);
	order_accept(order, made);
}

void forward_take(struct obj *obj, const char *text, struct order *order)
{
	if (text[0] == '-')
		end_one(obj, text + 1, order);
	else if (obj->removed || (obj->kind == OBJ_INSTANCE && instance_of(obj)->state >= INSTANCE_STOPPING))
		order_refusef(order, EBUSY, "it is %s", obj_state(obj));
	else
		begin_one(obj, text, order);
}

void forward_render(struct obj *obj, struct buf *out)
{
	struct forward *forward;

	buf_adds(out, "#port\ttarget\tconnections\tin\tout\tcarrier\n");
	DL_FOREACH (*list_of(obj), forward) {
		char address[RANGE_TEXT];
		struct instance *instance = target(forward, address);
		const char *node = forward->node ? forward->node : "127.0.0.1";

		buf_printf(out, "%u\t%s:%u%s\t%u\t%llu\t%llu\t%s\n", forward->local_port, node, forward->port,
			   forward->datagrams ? "/udp" : "", forward->count, (unsigned long long)forward->in,
			   (unsigned long long)forward->out,
			   instance ? line_carrier(instance->line) : "none");
	}
}
