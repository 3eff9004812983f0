#include "tests/devnet/server.h"

#include <utlist.h>

#include "core/mem.h"
#include "tests/devnet/connection.h"
#include "tests/devnet/devnet.h"

/* Times of the real server: keep-alive (reference/yagna-api.md 8.1), and how long a client may take to hang up
 * after the last answer. */
enum { IDLE_MS = 60000, LINGER_MS = 2000, BACKLOG = 512, READ_SIZE = 65536, PIPELINE_MAX = 256 * 1024 };

struct server {
	struct devnet *devnet;
	uv_tcp_t *listener; /* NULL while down */
	struct connection *connections;
	struct loop_timer *up;
	char *host;
	unsigned port;
	char scratch[READ_SIZE];
};

struct write {
	uv_write_t request;
	struct connection *connection;
	size_t len;
	char data[];
};

static void on_closed(uv_handle_t *handle)
{
	struct connection *connection = handle->data;
	if (connection->exchange)
		exchange_gone(connection->exchange);
	if (connection->websocket)
		websocket_gone(connection->websocket);
	http_clear(&connection->request);
	buf_free(&connection->in);
	free(connection);
}

void connection_drop(struct connection *connection)
{
	if (connection->closing)
		return;
	connection->closing = true;
	loop_cancel(&connection->idle);
	DL_DELETE(connection->server->connections, connection);
	uv_close((uv_handle_t *)&connection->tcp, on_closed);
}

static void on_idle(void *context)
{
	struct connection *connection = context;
	connection->idle = NULL;
	connection_drop(connection);
}

static void set_idle(struct connection *connection, unsigned ms)
{
	loop_cancel(&connection->idle);
	connection->idle = loop_after(connection->devnet->loop, ms, on_idle, connection);
}

static void on_written(uv_write_t *request, int status)
{
	struct write *write = (struct write *)request;
	struct connection *connection = write->connection;
	connection->queued -= write->len;
	if (status < 0)
		connection_drop(connection);
	free(write);
}

void connection_write(struct connection *connection, const void *data, size_t len)
{
	if (connection->closing || connection->draining || !len)
		return;
	uv_stream_t *stream = (uv_stream_t *)&connection->tcp;
	size_t sent = 0;
	if (!connection->queued) {
		uv_buf_t piece = uv_buf_init((char *)data, (unsigned)len);
		int wrote = uv_try_write(stream, &piece, 1);
		if (wrote >= 0)
			sent = (size_t)wrote;
		else if (wrote != UV_EAGAIN)
			return connection_drop(connection);
	}
	if (sent == len)
		return;
	if (connection->queued + len - sent > CONNECTION_QUEUE_MAX)
		return connection_drop(connection);
	struct write *write = mem_alloc(sizeof(*write) + len - sent);
	write->connection = connection;
	write->len = len - sent;
	memcpy(write->data, (const char *)data + sent, write->len);
	connection->queued += write->len;
	uv_buf_t piece = uv_buf_init(write->data, (unsigned)write->len);
	if (uv_write(&write->request, stream, &piece, 1, on_written) < 0) {
		connection->queued -= write->len;
		free(write);
		connection_drop(connection);
	}
}

static void on_shut(uv_shutdown_t *request, int status)
{
	free(request);
}

/* The client may still be sending; closing under it would reset the connection and lose the answer. */
void connection_finish(struct connection *connection)
{
	if (connection->closing || connection->draining)
		return;
	connection->draining = true;
	buf_free(&connection->in);
	connection_pause(connection, false);
	set_idle(connection, LINGER_MS);
	uv_shutdown_t *request = mem_alloc(sizeof(*request));
	if (uv_shutdown(request, (uv_stream_t *)&connection->tcp, on_shut) < 0) {
		free(request);
		connection_drop(connection);
	}
}

static void refuse(struct connection *connection, int status)
{
	char date[64];
	time_t now = wire_now().tv_sec;
	struct tm parts;
	strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&now, &parts));
	MEM_AUTO char *answer =
		mem_printf("HTTP/1.1 %d %s\r\ncontent-length: 0\r\nconnection: close\r\ndate: %s\r\n\r\n",
			   status, http_reason(status), date);
	connection_write(connection, answer, strlen(answer));
	connection_finish(connection);
}

static void handle(struct connection *connection)
{
	loop_cancel(&connection->idle);
	connection->exchange = exchange_new(connection, &connection->request);
	connection->continued = false;
	http_begin(&connection->parser, &connection->request);
	exchange_dispatch(connection->exchange);
}

static void parse(struct connection *connection)
{
	struct http_parser *parser = &connection->parser;
	size_t used = http_feed(parser, connection->in.data, connection->in.len);
	buf_drop(&connection->in, used);
	switch (parser->state) {
	case HTTP_BODY:
		if (connection->request.expects && !connection->continued) {
			connection->continued = true;
			connection_write(connection, "HTTP/1.1 100 Continue\r\n\r\n", 25);
		}
		break;
	case HTTP_DONE:
		handle(connection);
		break;
	case HTTP_BAD:
		refuse(connection, 400);
		break;
	case HTTP_TOO_LARGE:
		refuse(connection, parser->request->method ? 413 : 431);
		break;
	case HTTP_HEAD:
		break;
	}
}

/* Requests one after another, until one has to wait for its answer or bytes run out. */
static void work(struct connection *connection)
{
	if (connection->working)
		return;
	connection->working = true;
	while (!connection->closing && !connection->draining && !connection->exchange && connection->in.len) {
		size_t before = connection->in.len;
		if (connection->websocket)
			websocket_feed(connection->websocket, &connection->in);
		else
			parse(connection);
		if (connection->in.len == before)
			break;
	}
	connection->working = false;
	if (!connection->closing && !connection->draining && connection->exchange)
		connection_pause(connection, connection->in.len > PIPELINE_MAX);
}

static void on_alloc(uv_handle_t *handle, size_t size, uv_buf_t *buf)
{
	struct connection *connection = handle->data;
	*buf = uv_buf_init(connection->server->scratch, READ_SIZE);
}

static void on_read(uv_stream_t *stream, ssize_t got, const uv_buf_t *buf)
{
	struct connection *connection = stream->data;
	if (got < 0)
		return connection_drop(connection);
	if (!got || connection->draining)
		return;
	buf_add(&connection->in, buf->base, (size_t)got);
	work(connection);
}

void connection_pause(struct connection *connection, bool paused)
{
	if (connection->closing || connection->paused == paused)
		return;
	connection->paused = paused;
	if (paused)
		uv_read_stop((uv_stream_t *)&connection->tcp);
	else
		uv_read_start((uv_stream_t *)&connection->tcp, on_alloc, on_read);
}

static void go_on(void *context)
{
	struct connection *connection = context;
	connection->idle = NULL;
	set_idle(connection, IDLE_MS);
	work(connection);
}

void connection_next(struct connection *connection, bool keep_alive)
{
	connection->exchange = NULL;
	if (connection->closing || connection->draining)
		return;
	if (!keep_alive)
		return connection_finish(connection);
	connection_pause(connection, false);
	set_idle(connection, IDLE_MS);
	if (connection->working || !connection->in.len)
		return;
	/* Answered from elsewhere in the loop: what is pipelined behind starts from the loop too. */
	loop_cancel(&connection->idle);
	connection->idle = loop_after(connection->devnet->loop, 0, go_on, connection);
}

static void on_connection(uv_stream_t *stream, int status)
{
	struct server *server = stream->data;
	if (status < 0)
		return;
	struct connection *connection = mem_alloc(sizeof(*connection));
	connection->server = server;
	connection->devnet = server->devnet;
	connection->tcp.data = connection;
	connection->paused = true;
	http_begin(&connection->parser, &connection->request);
	uv_tcp_init(loop_uv(server->devnet->loop), &connection->tcp);
	DL_APPEND(server->connections, connection);
	if (uv_accept(stream, (uv_stream_t *)&connection->tcp) < 0)
		return connection_drop(connection);
	uv_tcp_nodelay(&connection->tcp, 1);
	set_idle(connection, IDLE_MS);
	connection_pause(connection, false);
}

static void on_listener_closed(uv_handle_t *handle)
{
	free(handle);
}

static void unlisten(struct server *server)
{
	if (server->listener)
		uv_close((uv_handle_t *)server->listener, on_listener_closed);
	server->listener = NULL;
}

static int listen_on(struct server *server)
{
	struct sockaddr_in address;
	int failed = uv_ip4_addr(server->host, (int)server->port, &address);
	if (failed)
		return failed;
	server->listener = mem_alloc(sizeof(*server->listener));
	server->listener->data = server;
	uv_tcp_init(loop_uv(server->devnet->loop), server->listener);
	failed = uv_tcp_bind(server->listener, (struct sockaddr *)&address, 0);
	if (!failed)
		failed = uv_listen((uv_stream_t *)server->listener, BACKLOG, on_connection);
	int len = sizeof(address);
	if (!failed)
		failed = uv_tcp_getsockname(server->listener, (struct sockaddr *)&address, &len);
	if (failed)
		unlisten(server);
	else
		server->port = ntohs(address.sin_port);
	return failed;
}

struct server *server_new(struct devnet *devnet, const char *host, unsigned port, char *why)
{
	struct server *server = mem_alloc(sizeof(*server));
	server->devnet = devnet;
	server->host = mem_strdup(host);
	server->port = port;
	int failed = listen_on(server);
	if (!failed)
		return server;
	snprintf(why, 200, "cannot listen on %s:%u: %s", host, port, uv_strerror(failed));
	server_free(server);
	return NULL;
}

static void drop_all(struct server *server)
{
	struct connection *connection, *next;
	DL_FOREACH_SAFE (server->connections, connection, next)
		connection_drop(connection);
}

void server_free(struct server *server)
{
	if (!server)
		return;
	loop_cancel(&server->up);
	unlisten(server);
	drop_all(server);
	free(server->host);
	free(server);
}

unsigned server_port(const struct server *server)
{
	return server->port;
}

const char *server_host(const struct server *server)
{
	return server->host;
}

static void come_up(void *context)
{
	struct server *server = context;
	server->up = NULL;
	int failed = listen_on(server);
	if (failed)
		fprintf(stderr, "golem-devnet: cannot listen on %s:%u again: %s\n", server->host,
			server->port, uv_strerror(failed));
}

void server_restart(struct server *server, unsigned down_ms)
{
	drop_all(server);
	unlisten(server);
	loop_cancel(&server->up);
	server->up = loop_after(server->devnet->loop, down_ms, come_up, server);
}
