#include "tests/devnet/tunnel.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utlist.h>

#include "core/mem.h"
#include "tests/devnet/devnet.h"
#include "tests/devnet/exchange.h"
#include "tests/devnet/fault.h"
#include "tests/devnet/websocket.h"

/* Seconds without an answer until the daemon gives a connection up. */
static const double connect_timeout = 5.0;

enum {
	PIECE_MAX = 64 * 1024,
	TURN_PIECES = 16, /* read before others get their turn */
	LATE_TURNS = 3,   /* of the loop, for which a message is late at most: others may be read meanwhile */
	OVERTAKERS_MAX = 3, /* and so many may be before it */
	PROBES = 4 /* keep-alive probes within the silence that ends a connection; looks at it as well */
};

/* A message on its way to the instance. */
struct message {
	struct message *prev, *next;
	size_t len, sent;
	char data[];
};

struct tunnel {
	struct tunnel *prev, *next;
	struct tunnel **list; /* NULL: the network is gone, or the tunnel is over */
	struct devnet *devnet;
	struct stack *stack;
	struct exchange *exchange;   /* while it is being opened */
	struct websocket *websocket; /* afterwards */
	struct sockaddr_in target;
	int socket;
	struct loop_watch *watch;
	struct loop_timer *patience; /* with an instance that has gone silent, or has closed */
	struct message *queue, *overtaken;
	struct loop_timer *late;
	size_t queued;
	unsigned overtakers; /* that may still pass */
	unsigned late_turns;
	bool finished; /* the instance has closed its side */
	bool mute;     /* by a fault: nothing passes any more */
};

/* ---- its end -------------------------------------------------------------------------------------------- */

static void forget_messages(struct tunnel *tunnel)
{
	struct message *message, *next;
	DL_FOREACH_SAFE (tunnel->queue, message, next)
		free(message);
	free(tunnel->overtaken);
	tunnel->queue = tunnel->overtaken = NULL;
	tunnel->queued = 0;
	loop_cancel(&tunnel->late);
}

/* The instance hears nothing of it: in repair mode the kernel forgets a connection without a packet. */
static void drop_socket(struct tunnel *tunnel)
{
	int yes = 1;
	loop_unwatch(&tunnel->watch);
	if (tunnel->socket < 0)
		return;
	setsockopt(tunnel->socket, IPPROTO_TCP, TCP_REPAIR, &yes, sizeof(yes));
	close(tunnel->socket);
	tunnel->socket = -1;
}

/* Nothing happens in it any more; its websocket may still be there. */
static void shut(struct tunnel *tunnel)
{
	if (tunnel->list)
		DL_DELETE(*tunnel->list, tunnel);
	tunnel->list = NULL;
	if (tunnel->stack)
		stack_forget(tunnel->stack, tunnel);
	tunnel->stack = NULL;
	loop_cancel(&tunnel->patience);
	forget_messages(tunnel);
	drop_socket(tunnel);
}

static void tunnel_free(struct tunnel *tunnel)
{
	shut(tunnel);
	free(tunnel);
}

/* Without a Close frame; the websocket's `gone` frees the tunnel. */
static void break_off(struct tunnel *tunnel)
{
	shut(tunnel);
	websocket_end(tunnel->websocket);
}

void tunnel_end_all(struct tunnel **list)
{
	while (*list) {
		struct tunnel *tunnel = *list;
		struct exchange *exchange = tunnel->exchange;
		if (!exchange) {
			break_off(tunnel);
			continue;
		}
		tunnel_free(tunnel);
		exchange_reply_message(exchange, 500, "Cancelled");
	}
}

/* ---- towards the instance ------------------------------------------------------------------------------- */

static void write_queue(struct tunnel *tunnel)
{
	struct message *message = tunnel->queue;
	while (message && tunnel->socket >= 0) {
		ssize_t sent = send(tunnel->socket, message->data + message->sent,
				    message->len - message->sent, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0)
			break; /* full, or broken: reading tells */
		message->sent += (size_t)sent;
		tunnel->queued -= (size_t)sent;
		if (message->sent < message->len)
			continue;
		DL_DELETE(tunnel->queue, message);
		free(message);
		message = tunnel->queue;
	}
	if (tunnel->watch)
		loop_rewatch(tunnel->watch,
			     (tunnel->finished ? 0 : LOOP_READ) | (tunnel->queue ? LOOP_WRITE : 0));
}

static void release(struct tunnel *tunnel)
{
	struct message *message = mem_move(&tunnel->overtaken);
	loop_cancel(&tunnel->late);
	if (message)
		DL_APPEND(tunnel->queue, message);
}

static void on_late(void *context)
{
	struct tunnel *tunnel = context;
	tunnel->late = NULL;
	if (--tunnel->late_turns) {
		tunnel->late = loop_after(tunnel->devnet->loop, 0, on_late, tunnel);
		return;
	}
	release(tunnel);
	write_queue(tunnel);
}

static bool by_chance(struct devnet *devnet)
{
	if (fault_hits(devnet, "keep-order", NULL))
		return false;
	return fault_hits(devnet, "swap", NULL) || rand_r(&devnet->swap_seed) < devnet->swap_rate * RAND_MAX;
}

/* The real daemon hands each message to a task of its own, and one that sleeps on is passed by those behind. Alone on
 * its way a message cannot be overtaken. */
static void put_in_order(struct tunnel *tunnel, struct message *message)
{
	if (tunnel->overtaken) {
		DL_APPEND(tunnel->queue, message);
		if (--tunnel->overtakers == 0)
			release(tunnel);
	} else if (by_chance(tunnel->devnet)) {
		tunnel->overtaken = message;
		tunnel->overtakers = 1 + (unsigned)rand_r(&tunnel->devnet->swap_seed) % OVERTAKERS_MAX;
		tunnel->late_turns = LATE_TURNS;
		tunnel->late = loop_after(tunnel->devnet->loop, 0, on_late, tunnel);
	} else {
		DL_APPEND(tunnel->queue, message);
	}
}

/* Faults of either direction; true when the bytes go nowhere. */
static bool spoilt(struct tunnel *tunnel)
{
	if (!tunnel->mute && fault_hits(tunnel->devnet, "cut-websocket", NULL)) {
		break_off(tunnel);
		return true;
	}
	if (!tunnel->mute && fault_hits(tunnel->devnet, "silent-websocket", NULL)) {
		tunnel->mute = true;
		websocket_mute(tunnel->websocket);
	}
	return tunnel->mute;
}

static void on_message(struct websocket *websocket, void *context, bool text, const void *data, size_t len)
{
	struct tunnel *tunnel = context;
	if (!len || spoilt(tunnel))
		return;
	if (tunnel->finished || tunnel->queued + len > TUNNEL_QUEUE_MAX) {
		break_off(tunnel);
		return;
	}
	struct message *message = mem_alloc(sizeof(*message) + len);
	message->len = len;
	memcpy(message->data, data, len);
	tunnel->queued += len;
	put_in_order(tunnel, message);
	write_queue(tunnel);
}

static void on_close(struct websocket *websocket, void *context, unsigned code, const char *reason)
{
	struct tunnel *tunnel = context;
	release(tunnel);
	write_queue(tunnel);
	shut(tunnel);
}

static void on_gone(struct websocket *websocket, void *context)
{
	tunnel_free(context);
}

static const struct websocket_manner manner = {
	.heartbeat = true, .echo_close = true, .message = on_message, .close = on_close, .gone = on_gone};

/* ---- from the instance ---------------------------------------------------------------------------------- */

static void on_patience_over(void *context)
{
	struct tunnel *tunnel = context;
	tunnel->patience = NULL;
	break_off(tunnel);
}

/* Ends it when no packet of the instance has come for too long, although it was asked for one. */
static void look_for_life(void *context)
{
	struct tunnel *tunnel = context;
	struct tcp_info info;
	socklen_t len = sizeof(info);
	unsigned silence = tunnel->devnet->latencies.vpn_silence_ms;
	tunnel->patience = NULL;
	if (getsockopt(tunnel->socket, IPPROTO_TCP, TCP_INFO, &info, &len) == 0 &&
	    info.tcpi_last_ack_recv >= silence)
		break_off(tunnel);
	else
		tunnel->patience = loop_after(tunnel->devnet->loop, silence / PROBES, look_for_life, tunnel);
}

/* The websocket stays open and pinging for a while, as if nothing had happened. */
static void finish(struct tunnel *tunnel)
{
	tunnel->finished = true;
	loop_cancel(&tunnel->patience);
	tunnel->patience = loop_after(tunnel->devnet->loop, tunnel->devnet->latencies.vpn_fin_ms,
				      on_patience_over, tunnel);
}

static void take_pieces(struct tunnel *tunnel)
{
	char piece[PIECE_MAX];
	for (unsigned turn = 0; turn < TURN_PIECES; turn++) {
		ssize_t got = recv(tunnel->socket, piece, sizeof(piece), MSG_DONTWAIT);
		if (got == 0) {
			finish(tunnel);
			return;
		}
		if (got < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (got < 0) {
			break_off(tunnel);
			return;
		}
		if (!spoilt(tunnel))
			websocket_send(tunnel->websocket, piece, (size_t)got);
		if (tunnel->socket < 0)
			return;
	}
}

static void on_socket(void *context, int readiness)
{
	struct tunnel *tunnel = context;
	if (readiness & LOOP_READ && !tunnel->finished)
		take_pieces(tunnel);
	if (tunnel->watch)
		write_queue(tunnel);
}

/* ---- opening it ----------------------------------------------------------------------------------------- */

static void carry(struct tunnel *tunnel)
{
	struct exchange *exchange = tunnel->exchange;
	unsigned silence = tunnel->devnet->latencies.vpn_silence_ms;
	tunnel->exchange = NULL;
	if (!exchange_wants_websocket(exchange)) {
		tunnel_free(tunnel);
		exchange_reply_message(exchange, 400, "WebSocket upgrade is expected");
		return;
	}
	tunnel->websocket = exchange_upgrade(exchange, NULL);
	websocket_begin(tunnel->websocket, &manner, tunnel);
	tunnel->watch = loop_watch(tunnel->devnet->loop, tunnel->socket, LOOP_READ, on_socket, tunnel);
	tunnel->patience = loop_after(tunnel->devnet->loop, silence / PROBES, look_for_life, tunnel);
}

static void on_made(void *context, int fd);

/* ARP has given up, the daemon's own stack would go on. */
static void try_again(struct tunnel *tunnel)
{
	drop_socket(tunnel);
	stack_ask(tunnel->stack, on_made, tunnel);
}

static void on_connected(void *context, int readiness)
{
	struct tunnel *tunnel = context;
	struct exchange *exchange = tunnel->exchange;
	int error = 0;
	socklen_t len = sizeof(error);
	getsockopt(tunnel->socket, SOL_SOCKET, SO_ERROR, &error, &len);
	loop_unwatch(&tunnel->watch);
	if (!error) {
		carry(tunnel);
	} else if (error == ECONNREFUSED) {
		tunnel_free(tunnel);
		exchange_reply_message(exchange, 400, "Socket closed");
	} else if (error == EHOSTUNREACH) {
		try_again(tunnel);
	} /* anything else looks like silence from here */
}

static void prepare(int fd, unsigned silence_ms)
{
	int yes = 1, idle = (int)(silence_ms / PROBES / 1000);
	idle = idle > 0 ? idle : 1;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &yes, sizeof(yes));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &idle, sizeof(idle));
}

static void on_made(void *context, int fd)
{
	struct tunnel *tunnel = context;
	if (fd < 0)
		return;
	tunnel->socket = fd;
	prepare(fd, tunnel->devnet->latencies.vpn_silence_ms);
	if (connect(fd, (const struct sockaddr *)&tunnel->target, sizeof(tunnel->target)) == 0 ||
	    errno == EINPROGRESS)
		tunnel->watch = loop_watch(tunnel->devnet->loop, fd, LOOP_WRITE, on_connected, tunnel);
}

static void nobody_answers(struct exchange *exchange, void *context)
{
	tunnel_free(context);
	exchange_reply_empty(exchange, 504);
}

static void caller_is_gone(struct exchange *exchange, void *context)
{
	tunnel_free(context);
}

void tunnel_open(struct exchange *exchange, struct stack *stack, uint32_t ip, uint16_t port,
		 struct tunnel **list)
{
	struct tunnel *tunnel = mem_alloc(sizeof(*tunnel));
	*tunnel = (struct tunnel){
		.list = list,
		.devnet = exchange_devnet(exchange),
		.stack = stack,
		.exchange = exchange,
		.target = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {.s_addr = ip}},
		.socket = -1};
	DL_APPEND(*list, tunnel);
	exchange_wait(exchange, connect_timeout, nobody_answers, caller_is_gone, tunnel);
	if (stack)
		stack_ask(stack, on_made, tunnel);
}
