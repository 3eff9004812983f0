#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utlist.h>

#include "core/agent/link.h"
#include "core/forward_impl.h"
#include "core/mem.h"

enum {
	PIECE = 59000,          /* read at once: a message towards the agent */
	WINDOW_MAX = 1 << 20,   /* of one connection, each way */
	WINDOWS_MAX = 48 << 20, /* of all of them: with a thousand it is less than 64 KiB each */
	UDP_WINDOW = 256 << 10, /* datagrams that cannot be passed on are dropped, never kept */
	FLOW_SILENCE_MS = 60000,
	DATAGRAM_HEAD = 2,
};

static void local_ready(void *context, int readiness);

static struct golem *golem_of(const struct forward_connection *connection)
{
	return connection->forward->obj->golem;
}

static struct forward_connection *connection_of(struct golem *golem, uint32_t channel)
{
	struct forward_connection *connection;

	HASH_FIND(hh, golem->forwarded, &channel, sizeof(channel), connection);
	return connection;
}

/* What one connection may have under way in a direction, with as many as there are now. */
static size_t share(struct golem *golem)
{
	size_t each = WINDOWS_MAX / (HASH_COUNT(golem->forwarded) + 1);

	if (each > WINDOW_MAX)
		return WINDOW_MAX;
	return each > AGENT_CHANNEL_WINDOW ? each : AGENT_CHANNEL_WINDOW;
}

static size_t room(struct forward_connection *connection)
{
	struct agent_link *link = connection->instance->line ? line_link(connection->instance->line) : NULL;
	size_t free_bytes = link ? agent_link_input_room(link, connection->channel) : 0,
	       under_way = AGENT_INPUT_WINDOW - free_bytes, most = share(golem_of(connection));

	return free_bytes && under_way < most ? most - under_way : 0;
}

static void watch_again(struct forward_connection *connection)
{
	if (connection->fd < 0)
		return;
	loop_rewatch(connection->watch, (!connection->read_over && room(connection) ? LOOP_READ : 0) |
						(connection->out.len ? LOOP_WRITE : 0));
}

/* --- the end --------------------------------------------------------------------------------------------------- */

static void let_go(struct forward_connection *connection)
{
	struct forward *forward = connection->forward;

	HASH_DEL(golem_of(connection)->forwarded, connection);
	DL_DELETE(forward->connections, connection);
	forward->count--;
	loop_unwatch(&connection->watch);
	loop_cancel(&connection->silence);
	if (connection->fd >= 0)
		close(connection->fd);
	buf_free(&connection->out);
	obj_unref(&connection->instance->obj);
	free(connection);
}

/* The program at this end is told that it was no orderly end. */
static void reset(struct forward_connection *connection)
{
	struct linger linger = {.l_onoff = 1};

	if (connection->fd >= 0)
		setsockopt(connection->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	let_go(connection);
}

void forward_close(struct forward_connection *connection)
{
	struct agent_link *link = forward_link(connection->instance);

	if (link && !connection->ended)
		agent_link_kill(link, connection->channel, 9, 0);
	reset(connection);
}

/* --- from the machine ------------------------------------------------------------------------------------------ */

/* It may send more when all it has sent is passed on; a window that was used up grows. */
static void allow(struct forward_connection *connection)
{
	struct agent_link *link;
	size_t most = share(golem_of(connection));

	if (connection->out.len || connection->limit - connection->received > connection->window / 2)
		return;
	connection->window = 2 * connection->window < most ? 2 * connection->window : most;
	connection->limit = connection->received + connection->window;
	link = forward_link(connection->instance);
	if (link)
		agent_link_allow(link, connection->channel, connection->limit);
}

/* False: the connection is gone. */
static bool pass_on(struct forward_connection *connection)
{
	size_t done = 0;

	while (done < connection->out.len) {
		ssize_t n = send(connection->fd, connection->out.data + done, connection->out.len - done,
				 MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno != EAGAIN) {
			forward_close(connection);
			return false;
		}
		if (n < 0)
			break;
		done += (size_t)n;
	}
	buf_drop(&connection->out, done);
	if (!connection->out.len) {
		buf_free(&connection->out);
		if (connection->ended) {
			let_go(connection);
			return false;
		}
		if (connection->shut)
			shutdown(connection->fd, SHUT_WR);
		else
			allow(connection);
	}
	return true;
}

static void pass_datagrams(struct forward_connection *connection)
{
	struct buf *out = &connection->out;
	size_t at = 0;

	while (out->len - at >= DATAGRAM_HEAD) {
		size_t len = (uint8_t)out->data[at] | (size_t)(uint8_t)out->data[at + 1] << 8;

		if (out->len - at - DATAGRAM_HEAD < len)
			break;
		sendto(connection->forward->fd, out->data + at + DATAGRAM_HEAD, len,
		       MSG_DONTWAIT | MSG_NOSIGNAL, (void *)&connection->peer, sizeof(connection->peer));
		at += DATAGRAM_HEAD + len;
	}
	buf_drop(out, at);
	connection->limit = connection->received + UDP_WINDOW;
	agent_link_allow(forward_link(connection->instance), connection->channel, connection->limit);
}

static void heard_output(void *context, uint32_t channel, int stream, const void *data, size_t len)
{
	struct forward_connection *connection = connection_of(context, channel);

	if (!connection)
		return;
	connection->received += len;
	connection->forward->in += len;
	if (connection->received >
	    connection->limit) { /* an agent that does not keep to it would fill our memory */
		forward_close(connection);
		return;
	}
	buf_add(&connection->out, data, len);
	if (connection->fd < 0)
		pass_datagrams(connection);
	else if (pass_on(connection))
		watch_again(connection);
}

static void heard_dropped(void *context, uint32_t channel, int stream, uint64_t bytes)
{
	/* A channel drops nothing. */
}

static void heard_shut(void *context, uint32_t channel)
{
	struct forward_connection *connection = connection_of(context, channel);

	if (!connection || connection->fd < 0 || connection->shut)
		return;
	connection->shut = true;
	if (!connection->out.len)
		shutdown(connection->fd, SHUT_WR);
}

static void heard_exit(void *context, uint32_t channel, const struct agent_link_exit *exit)
{
	struct forward_connection *connection = connection_of(context, channel);

	if (!connection)
		return;
	connection->ended = true;
	if (exit->kind != AGENT_EXITED)
		reset(connection);
	else if (!connection->out.len)
		let_go(connection);
}

static void heard_input_room(void *context, uint32_t channel, size_t free_bytes, bool closed)
{
	struct forward_connection *connection = connection_of(context, channel);

	if (connection)
		watch_again(connection);
}

/* --- to the machine -------------------------------------------------------------------------------------------- */

static void read_local(struct forward_connection *connection)
{
	static char data[PIECE];
	struct agent_link *link = forward_link(connection->instance);
	size_t want = room(connection);
	ssize_t n;

	if (!link || !want || connection->read_over)
		return;
	n = recv(connection->fd, data, want < PIECE ? want : PIECE, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0) {
		forward_close(connection);
		return;
	}
	connection->read_over = n == 0;
	connection->forward->out += (uint64_t)n;
	agent_link_input(link, connection->channel, data, (size_t)n, n == 0);
	watch_again(connection);
}

static void local_ready(void *context, int readiness)
{
	struct forward_connection *connection = context;
	bool reset_by_peer = false;
	int error = 0;
	socklen_t len = sizeof(error);

	if (readiness & LOOP_WRITE && connection->out.len) {
		if (!pass_on(connection))
			return;
		watch_again(connection);
	}
	/* Both bits without our asking tell of an error: the descriptor has it. */
	if (getsockopt(connection->fd, SOL_SOCKET, SO_ERROR, &error, &len) == 0 && error)
		reset_by_peer = true;
	if (reset_by_peer)
		forward_close(connection);
	else if (readiness & LOOP_READ)
		read_local(connection);
}

static void flow_over(void *context)
{
	struct forward_connection *connection = context;

	connection->silence = NULL;
	forward_close(connection);
}

void forward_give(struct forward_connection *connection, const void *datagram, size_t len)
{
	struct agent_link *link = forward_link(connection->instance);
	struct loop *loop = golem_of(connection)->loop;

	loop_cancel(&connection->silence);
	connection->silence = loop_after(loop, FLOW_SILENCE_MS, flow_over, connection);
	if (!link || len > AGENT_DATAGRAM_MAX || room(connection) < len)
		return;
	connection->forward->out += len;
	agent_link_input(link, connection->channel, datagram, len, false);
}

/* --- the beginning --------------------------------------------------------------------------------------------- */

struct agent_link *forward_link(struct instance *instance)
{
	struct agent_link *link = instance->line ? line_link(instance->line) : NULL;

	if (link)
		line_speak(instance->line);
	return link;
}

struct forward_connection *forward_open(struct forward *forward, struct instance *instance,
					const char *address, int fd)
{
	static const struct agent_link_events events = {heard_output, heard_dropped, heard_exit,
							heard_input_room, heard_shut};
	struct golem *golem = forward->obj->golem;
	struct agent_link *link = forward_link(instance);
	struct forward_connection *connection;

	if (!link)
		return NULL;
	connection = mem_alloc(sizeof(*connection));
	connection->channel = AGENT_CHANNEL | ++golem->last_channel;
	connection->forward = forward;
	connection->instance = instance;
	obj_ref(&instance->obj);
	connection->fd = fd;
	connection->window = AGENT_CHANNEL_WINDOW;
	connection->limit = AGENT_CHANNEL_WINDOW;
	HASH_ADD(hh, golem->forwarded, channel, sizeof(connection->channel), connection);
	DL_APPEND(forward->connections, connection);
	forward->count++;
	agent_link_on_channels(link, &events, golem);
	agent_link_open(link, connection->channel, address, forward->port, forward->datagrams);
	if (fd >= 0)
		connection->watch = loop_watch(golem->loop, fd, LOOP_READ, local_ready, connection);
	return connection;
}
