#include "core/ws.h"

#include <curl/curl.h>
#include <libwebsockets.h>
#include <sys/socket.h>
#include <utlist.h>
#include <uv.h>

#include "core/mem.h"

enum {
	READ_BUFFER = 64 << 10,    /* of the context: what one turn takes from one connection */
	RECEIVE_BUFFER = 16 << 10, /* of each connection: with a thousand of them it counts */
	CONNECT_S = 10,
	DESCRIPTORS = 8192,
};

struct ws_hub {
	struct loop *loop;
	struct lws_context *lws;
	struct ws *connections;
};

struct ws {
	struct ws *prev, *next;
	struct ws_hub *hub;
	struct lws *wsi; /* NULL before and after its life */
	struct ws_events events;
	void *context;
	char *authorization;
	bool opening; /* inside the call that makes it: its owner does not know it yet */
	bool opened, closing;
};

static void forget(struct ws *ws)
{
	DL_DELETE(ws->hub->connections, ws);
	loop_forget(ws->hub->loop, ws);
	free(ws->authorization);
	free(ws);
}

/* The end as libwebsockets tells it. An owner who has closed hears nothing. */
static void ended(struct ws *ws, const char *why)
{
	struct err err;

	if (ws->wsi)
		lws_set_wsi_user(ws->wsi, NULL); /* nothing that it says later on is for us */
	ws->wsi = NULL;
	if (ws->opening)
		return;
	if (!ws->closing) {
		err_set(&err, ws->opened ? ECONNRESET : EHOSTUNREACH, "the websocket %s%s%s",
			ws->opened ? "has ended" : "was not opened", why ? ": " : "", why ? why : "");
		ws->events.closed(ws->context, &err);
	}
	forget(ws);
}

static int write_message(struct ws *ws)
{
	BUF_AUTO struct buf message = {0};
	static const char headroom[LWS_PRE];
	int sent;

	buf_add(&message, headroom, sizeof headroom);
	ws->events.writable(ws->context, &message);
	if (ws->closing)
		return -1;
	if (message.len == sizeof headroom)
		return 0;
	sent = lws_write(ws->wsi, (unsigned char *)message.data + LWS_PRE, message.len - LWS_PRE,
			 LWS_WRITE_BINARY);
	if (sent < 0)
		return -1;
	lws_callback_on_writable(ws->wsi);
	return 0;
}

static int add_authorization(struct ws *ws, unsigned char **at, unsigned char *end)
{
	return lws_add_http_header_by_name(ws->wsi, (const unsigned char *)"authorization:",
					   (const unsigned char *)ws->authorization,
					   (int)strlen(ws->authorization), at, end)
		       ? -1
		       : 0;
}

static int on_event(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len)
{
	struct ws *ws = user;

	if (!ws)
		return 0;
	switch (reason) {
	case LWS_CALLBACK_CLIENT_APPEND_HANDSHAKE_HEADER:
		ws->wsi = wsi;
		return add_authorization(ws, in, *(unsigned char **)in + len);
	case LWS_CALLBACK_CLIENT_ESTABLISHED:
		ws->opened = true;
		if (ws->closing)
			return -1;
		ws->events.opened(ws->context);
		break;
	case LWS_CALLBACK_CLIENT_RECEIVE:
		if (!ws->closing)
			ws->events.received(ws->context, in, len);
		break;
	case LWS_CALLBACK_CLIENT_WRITEABLE:
		return ws->closing ? -1 : write_message(ws);
	case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
		ended(ws, in);
		return 0;
	case LWS_CALLBACK_CLIENT_CLOSED:
	case LWS_CALLBACK_WSI_DESTROY: /* of one that never was connected it is the only word */
		ended(ws, NULL);
		return 0;
	default:
		return 0;
	}
	/* A callback may have closed: libwebsockets then ends the connection and reports it. */
	return ws->closing ? -1 : 0;
}

static const struct lws_protocols protocols[] = {
	{.name = "tcp", .callback = on_event, .rx_buffer_size = RECEIVE_BUFFER},
	{0},
};

static void quiet(int level, const char *line)
{
	(void)level, (void)line;
}

struct ws_hub *ws_hub_new(struct loop *loop, struct err *err)
{
	struct ws_hub *hub = mem_alloc(sizeof *hub);
	void *loops[] = {loop_uv(loop)};
	struct lws_context_creation_info info = {
		.port = CONTEXT_PORT_NO_LISTEN,
		.protocols = protocols,
		.gid = (gid_t)-1,
		.uid = (uid_t)-1,
		.options = LWS_SERVER_OPTION_LIBUV | LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT,
		.foreign_loops = loops,
		.timeout_secs = CONNECT_S,
		.fd_limit_per_thread = DESCRIPTORS,
		.pt_serv_buf_size = READ_BUFFER,
	};

	lws_set_log_level(0, quiet);
	hub->loop = loop;
	hub->lws = lws_create_context(&info);
	if (!hub->lws) {
		err_set(err, ENOSYS,
			"websockets are not there: is the package libwebsockets-evlib-uv installed?");
		free(hub);
		return NULL;
	}
	return hub;
}

static void end_now(void *context)
{
	struct ws *ws = context;

	/* What libwebsockets still holds for the socket would keep it from closing. */
	shutdown(lws_get_socket_fd(ws->wsi), SHUT_RDWR);
	lws_set_timeout(ws->wsi, PENDING_TIMEOUT_USER_OK, LWS_TO_KILL_SYNC);
}

void ws_hub_free(struct ws_hub *hub)
{
	struct ws *ws, *next;

	if (!hub)
		return;
	DL_FOREACH_SAFE (hub->connections, ws, next) {
		ws->closing = true;
		if (ws->wsi)
			end_now(ws);
	}
	for (unsigned turn = 0; turn < 5; turn++)
		uv_run(loop_uv(hub->loop), UV_RUN_NOWAIT);
	/* Twice: the first call begins closing, which takes turns of the foreign loop (reference/fuse.md 3.3). */
	lws_context_destroy(hub->lws);
	for (unsigned turn = 0; turn < 5; turn++)
		uv_run(loop_uv(hub->loop), UV_RUN_NOWAIT);
	lws_context_destroy(hub->lws);
	while (hub->connections)
		forget(hub->connections);
	free(hub);
}

struct address {
	char *scheme, *host, *port, *path;
};

static void address_free(struct address *address)
{
	curl_free(address->scheme);
	curl_free(address->host);
	curl_free(address->port);
	curl_free(address->path);
}

/* libcurl's parser wants a scheme that it knows: ws and http differ in nothing else. */
static int parse_url(const char *url, struct address *address, struct err *err)
{
	CURLU *parser = curl_url();
	MEM_AUTO char *known = NULL;
	int result = -1;

	if (strncmp(url, "ws", 2) == 0)
		known = mem_printf("http%s", url + 2);
	if (!parser || !known || curl_url_set(parser, CURLUPART_URL, known, 0) ||
	    curl_url_get(parser, CURLUPART_SCHEME, &address->scheme, 0) ||
	    curl_url_get(parser, CURLUPART_HOST, &address->host, 0) ||
	    curl_url_get(parser, CURLUPART_PORT, &address->port, CURLU_DEFAULT_PORT) ||
	    curl_url_get(parser, CURLUPART_PATH, &address->path, 0))
		err_set(err, EINVAL, "\"%s\" is no websocket URL", url);
	else
		result = 0;
	curl_url_cleanup(parser);
	return result;
}

static void failed_at_once(void *context)
{
	ended(context, "no connection");
}

/* An IPv6 host stands in brackets in an URL, and without them in the resolver. */
static char *bare_host(const char *host)
{
	size_t len = strlen(host);

	return host[0] == '[' ? mem_printf("%.*s", (int)len - 2, host + 1) : mem_strdup(host);
}

struct ws *ws_open(struct ws_hub *hub, const char *url, const char *appkey, const struct ws_events *events,
		   void *context, struct err *err)
{
	struct address address = {0};
	MEM_AUTO char *host = NULL, *with_port = NULL;
	struct lws_client_connect_info info = {0};
	struct ws *ws = NULL;

	if (parse_url(url, &address, err) < 0)
		goto out;
	host = bare_host(address.host);
	with_port = mem_printf("%s:%s", address.host, address.port);
	ws = mem_alloc(sizeof *ws);
	ws->hub = hub;
	ws->events = *events;
	ws->context = context;
	ws->authorization = mem_printf("Bearer %s", appkey);
	DL_APPEND(hub->connections, ws);
	info.context = hub->lws;
	info.address = host;
	info.port = atoi(address.port);
	info.path = address.path;
	info.host = with_port;
	info.ssl_connection = strcmp(address.scheme, "https") == 0 ? LCCSCF_USE_SSL : 0;
	info.local_protocol_name = protocols[0].name;
	info.ietf_version_or_minus_one = -1;
	info.userdata = ws;
	info.pwsi = &ws->wsi;
	/* A failure within the call is told from the loop, as all ends are. */
	ws->opening = true;
	if (!lws_client_connect_via_info(&info))
		ws->wsi = NULL;
	ws->opening = false;
	if (!ws->wsi)
		loop_defer(hub->loop, failed_at_once, ws);
out:
	address_free(&address);
	return ws;
}

void ws_want_write(struct ws *ws)
{
	if (ws->opened && ws->wsi)
		lws_callback_on_writable(ws->wsi);
}

void ws_pause(struct ws *ws, bool paused)
{
	if (ws->wsi)
		lws_rx_flow_control(ws->wsi, !paused);
}

void ws_close(struct ws **slot)
{
	struct ws *ws = *slot;

	*slot = NULL;
	if (!ws)
		return;
	ws->closing = true;
	/* Without a close frame: yagna passes none on to the instance anyway, and sending one may take for ever. Not
	 * from inside its own callbacks, and not by its timers, which a foreign loop sleeps through. */
	if (ws->wsi)
		loop_defer(ws->hub->loop, end_now, ws);
	else
		forget(ws);
}
