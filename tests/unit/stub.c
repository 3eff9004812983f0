#include "tests/unit/stub.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utlist.h>

#include "core/buf.h"
#include "core/mem.h"

struct stub_peer {
	struct stub_peer *prev, *next;
	struct stub *stub;
	int fd;
	unsigned number;
	struct loop_watch *watch;
	struct buf in;
	bool gone; /* hung up inside the handler */
};

struct stub {
	struct loop *loop;
	stub_handler handler;
	int fd;
	struct loop_watch *watch;
	struct stub_peer *peers;
	unsigned count;
	char url[40];
};

static void peer_free(struct stub_peer *peer)
{
	DL_DELETE(peer->stub->peers, peer);
	loop_unwatch(&peer->watch);
	close(peer->fd);
	buf_free(&peer->in);
	free(peer);
}

/* The length of the first request in the buffer, 0 while it is not whole; ends its head with a NUL. */
static size_t whole_request(struct buf *in, size_t *head)
{
	char *end = in->len ? strstr(in->data, "\r\n\r\n") : NULL;

	if (!end)
		return 0;
	const char *length = strcasestr(in->data, "\r\nContent-Length:");
	size_t body = length && length < end ? strtoul(length + 17, NULL, 10) : 0;

	*head = (size_t)(end - in->data) + 4;
	return in->len >= *head + body ? *head + body : 0;
}

static void handle_requests(struct stub_peer *peer)
{
	size_t len, head;

	while (!peer->gone && (len = whole_request(&peer->in, &head))) {
		MEM_AUTO char *text = mem_alloc(len + 2);
		MEM_AUTO char *body = mem_alloc(len - head + 1);

		memcpy(text, peer->in.data, head - 2);
		memcpy(body, peer->in.data + head, len - head);
		MEM_AUTO char *line = mem_strdup(text);

		line[strcspn(line, "\r")] = '\0';
		buf_drop(&peer->in, len);
		struct stub_request request = {
			.line = line, .head = text, .body = body, .connection = peer->number};

		peer->stub->handler(peer, &request);
	}
}

static void on_bytes(void *context, int readiness)
{
	struct stub_peer *peer = context;
	char piece[4096];
	ssize_t got = read(peer->fd, piece, sizeof(piece));

	(void)readiness;
	if (got > 0) {
		buf_add(&peer->in, piece, (size_t)got);
		handle_requests(peer);
	}
	if (got <= 0 || peer->gone)
		peer_free(peer);
}

static void on_connection(void *context, int readiness)
{
	struct stub *stub = context;
	int fd = accept(stub->fd, NULL, NULL);

	(void)readiness;
	if (fd < 0)
		return;
	struct stub_peer *peer = mem_alloc(sizeof(*peer));

	peer->stub = stub;
	peer->fd = fd;
	peer->number = ++stub->count;
	DL_APPEND(stub->peers, peer);
	peer->watch = loop_watch(stub->loop, fd, LOOP_READ, on_bytes, peer);
}

struct stub *stub_new(struct loop *loop, stub_handler handler)
{
	struct stub *stub = mem_alloc(sizeof(*stub));
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(address);

	stub->loop = loop;
	stub->handler = handler;
	stub->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(stub->fd, (struct sockaddr *)&address, size) || listen(stub->fd, 64) ||
	    getsockname(stub->fd, (struct sockaddr *)&address, &size))
		abort();
	snprintf(stub->url, sizeof(stub->url), "http://127.0.0.1:%u", (unsigned)ntohs(address.sin_port));
	stub->watch = loop_watch(loop, stub->fd, LOOP_READ, on_connection, stub);
	return stub;
}

void stub_free(struct stub *stub)
{
	while (stub->peers)
		peer_free(stub->peers);
	loop_unwatch(&stub->watch);
	close(stub->fd);
	free(stub);
}

const char *stub_url(const struct stub *stub)
{
	return stub->url;
}

void stub_raw(struct stub_peer *peer, const char *bytes, size_t len)
{
	while (len) {
		ssize_t sent = send(peer->fd, bytes, len, MSG_NOSIGNAL);

		if (sent <= 0)
			return;
		bytes += sent;
		len -= (size_t)sent;
	}
}

void stub_reply(struct stub_peer *peer, int status, const char *body)
{
	BUF_AUTO struct buf out = {0};

	buf_printf(&out, "HTTP/1.1 %d X\r\ncontent-length: %zu\r\ncontent-type: application/json\r\n\r\n%s",
		   status, strlen(body), body);
	stub_raw(peer, out.data, out.len);
}

/* Takes effect at once for the client; the memory goes when the handler has returned, or with the stub. */
void stub_hang_up(struct stub_peer *peer)
{
	shutdown(peer->fd, SHUT_RDWR);
	peer->gone = true;
}
