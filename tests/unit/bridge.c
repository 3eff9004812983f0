#include "tests/unit/bridge.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <libwebsockets.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <utlist.h>
#include <uv.h>

#include "core/buf.h"
#include "core/mem.h"

enum { SWAP_MAX = 32, READ_SIZE = 64 << 10, OUT_MAX = 4 << 20 };

/* One websocket and the connection behind it. The latter outlives the former as a ghost: nobody tells it. */
struct crossing {
	struct crossing *prev, *next;
	struct bridge *bridge;
	struct lws *wsi;
	int fd;
	struct loop_watch *watch;
	struct buf message; /* from the websocket, still in pieces */
	struct buf waiting[SWAP_MAX];
	unsigned waits;
	struct loop_timer *late;
	struct buf in;  /* to the socket */
	struct buf out; /* to the websocket */
};

struct bridge {
	struct loop *loop;
	struct bridge_options options;
	struct lws_context *lws;
	struct crossing *crossings;
	unsigned port, seed, messages;
	bool silent;
};

static void flush(struct crossing *crossing)
{
	while (crossing->in.len) {
		ssize_t n = send(crossing->fd, crossing->in.data, crossing->in.len, MSG_NOSIGNAL);

		if (n <= 0)
			break;
		buf_drop(&crossing->in, (size_t)n);
	}
	loop_rewatch(crossing->watch, LOOP_READ | (crossing->in.len ? LOOP_WRITE : 0));
}

static void pass_one(struct crossing *crossing)
{
	struct bridge *bridge = crossing->bridge;
	unsigned which = (bridge->seed = bridge->seed * 1103515245 + 12345) / 65536 % crossing->waits;
	struct buf *last = &crossing->waiting[--crossing->waits];

	buf_add(&crossing->in, crossing->waiting[which].data, crossing->waiting[which].len);
	buf_free(&crossing->waiting[which]);
	crossing->waiting[which] = *last;
	*last = (struct buf){0};
}

static void pass_all(void *context)
{
	struct crossing *crossing = context;

	crossing->late = NULL;
	while (crossing->waits)
		pass_one(crossing);
	flush(crossing);
}

static void arrived(struct crossing *crossing)
{
	struct bridge *bridge = crossing->bridge;

	bridge->messages++;
	if (bridge->silent) {
		buf_free(&crossing->message);
		return;
	}
	crossing->waiting[crossing->waits++] = crossing->message;
	crossing->message = (struct buf){0};
	if (crossing->waits > bridge->options.swap || crossing->waits == SWAP_MAX)
		pass_one(crossing);
	if (crossing->waits && !crossing->late)
		crossing->late = loop_after(bridge->loop, 1, pass_all, crossing);
	flush(crossing);
}

static void ready(void *context, int readiness)
{
	struct crossing *crossing = context;
	static char data[READ_SIZE];
	ssize_t n;

	if (crossing->in.len)
		flush(crossing);
	if (!(readiness & LOOP_READ))
		return;
	n = recv(crossing->fd, data, sizeof data, MSG_DONTWAIT);
	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0 || crossing->out.len > OUT_MAX) { /* the websocket stays open, and silent */
		loop_unwatch(&crossing->watch);
		return;
	}
	if (crossing->bridge->silent)
		return;
	buf_add(&crossing->out, data, (size_t)n);
	if (crossing->wsi)
		lws_callback_on_writable(crossing->wsi);
}

static int connect_behind(const struct bridge_options *options)
{
	struct sockaddr_un local = {.sun_family = AF_UNIX};
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	int fd = socket(options->path ? AF_UNIX : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), failed;

	address.sin_port = htons((uint16_t)options->port);
	if (options->path)
		strncpy(local.sun_path, options->path, sizeof local.sun_path - 1);
	failed = options->path ? connect(fd, (void *)&local, sizeof local)
			       : connect(fd, (void *)&address, sizeof address);
	if (failed) {
		close(fd);
		return -1;
	}
	fcntl(fd, F_SETFL, O_NONBLOCK);
	return fd;
}

static int cross(struct bridge *bridge, struct lws *wsi, struct crossing **slot)
{
	struct crossing *crossing;
	int fd = connect_behind(&bridge->options);

	if (fd < 0)
		return -1;
	crossing = mem_alloc(sizeof *crossing);
	crossing->bridge = bridge;
	crossing->wsi = wsi;
	crossing->fd = fd;
	crossing->watch = loop_watch(bridge->loop, fd, LOOP_READ, ready, crossing);
	DL_APPEND(bridge->crossings, crossing);
	*slot = crossing;
	return 0;
}

static int give(struct crossing *crossing)
{
	size_t part = crossing->out.len < 1180 ? crossing->out.len : crossing->out.len < 32768 ? 1180 : 32768;
	struct buf message = {0};
	static const char headroom[LWS_PRE];
	int sent;

	if (!part)
		return 0;
	buf_add(&message, headroom, sizeof headroom);
	buf_add(&message, crossing->out.data, part);
	sent = lws_write(crossing->wsi, (unsigned char *)message.data + LWS_PRE, part, LWS_WRITE_BINARY);
	buf_free(&message);
	buf_drop(&crossing->out, part);
	lws_callback_on_writable(crossing->wsi);
	return sent < 0 ? -1 : 0;
}

static int on_event(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len)
{
	struct crossing **slot = user, *crossing = slot ? *slot : NULL;

	if (reason == LWS_CALLBACK_ESTABLISHED)
		return cross(lws_context_user(lws_get_context(wsi)), wsi, slot);
	if (!crossing)
		return 0;
	if (reason == LWS_CALLBACK_RECEIVE) {
		buf_add(&crossing->message, in, len);
		if (lws_is_final_fragment(wsi) && !lws_remaining_packet_payload(wsi))
			arrived(crossing);
	} else if (reason == LWS_CALLBACK_SERVER_WRITEABLE) {
		return crossing->bridge->silent ? 0 : give(crossing);
	} else if (reason == LWS_CALLBACK_CLOSED) {
		crossing->wsi = NULL;
	}
	return 0;
}

static const struct lws_protocols protocols[] = {
	{.name = "tcp",
	 .callback = on_event,
	 .per_session_data_size = sizeof(struct crossing *),
	 .rx_buffer_size = 65536},
	{0},
};

struct bridge *bridge_new(struct loop *loop, const struct bridge_options *options)
{
	struct bridge *bridge = mem_alloc(sizeof *bridge);
	void *loops[] = {loop_uv(loop)};
	struct lws_context_creation_info info = {
		.options = LWS_SERVER_OPTION_LIBUV | LWS_SERVER_OPTION_EXPLICIT_VHOSTS,
		.foreign_loops = loops,
		.gid = (gid_t)-1,
		.uid = (uid_t)-1,
		.user = bridge,
		.pt_serv_buf_size = 65536,
		.iface = "lo",
		.protocols = protocols,
	};
	struct lws_vhost *vhost;

	lws_set_log_level(0, NULL);
	bridge->loop = loop;
	bridge->options = *options;
	bridge->lws = lws_create_context(&info);
	assert(bridge->lws);
	vhost = lws_create_vhost(bridge->lws, &info);
	assert(vhost);
	bridge->port = (unsigned)lws_get_vhost_listen_port(vhost);
	return bridge;
}

static void crossing_free(struct crossing *crossing)
{
	DL_DELETE(crossing->bridge->crossings, crossing);
	loop_unwatch(&crossing->watch);
	loop_cancel(&crossing->late);
	close(crossing->fd);
	for (unsigned i = 0; i < crossing->waits; i++)
		buf_free(&crossing->waiting[i]);
	buf_free(&crossing->message);
	buf_free(&crossing->in);
	buf_free(&crossing->out);
	free(crossing);
}

void bridge_free(struct bridge *bridge)
{
	bridge_cut(bridge);
	lws_context_destroy(bridge->lws);
	for (unsigned turn = 0; turn < 5; turn++)
		uv_run(loop_uv(bridge->loop), UV_RUN_NOWAIT);
	lws_context_destroy(bridge->lws);
	while (bridge->crossings)
		crossing_free(bridge->crossings);
	free(bridge);
}

unsigned bridge_port(const struct bridge *bridge)
{
	return bridge->port;
}

void bridge_cut(struct bridge *bridge)
{
	struct crossing *crossing;

	DL_FOREACH (bridge->crossings, crossing)
		if (crossing->wsi)
			lws_set_timeout(crossing->wsi, PENDING_TIMEOUT_USER_OK, LWS_TO_KILL_SYNC);
}

void bridge_silence(struct bridge *bridge, bool silent)
{
	bridge->silent = silent;
}

unsigned bridge_messages(const struct bridge *bridge)
{
	return bridge->messages;
}
