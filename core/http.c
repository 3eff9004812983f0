#include "core/http.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <strings.h>
#include <utlist.h>

#include "core/buf.h"
#include "core/mem.h"

enum {
	CONNECT_MS = 5000,
	BURST = 64,             /* calls at once whose memory is worth giving back */
	LULL_MS = 30,           /* after one */
	SHORT_CONNECTIONS = 16, /* for the short calls; more of them queue up */
	KEPT_CONNECTIONS = 32,  /* of the others, when nobody uses them */
	IDLE_CONNECTION_S = 45, /* yagna closes a kept one after 60 s */
	MAX_BODY = 32 << 20,
	MAX_HEAD = 256 << 10,
	REDIRECTS = 5,
};

/* Two sets of connections, so that a hundred long polls leave the short calls their own. */
struct lane {
	struct http *http;
	CURLM *multi;
	struct loop_timer *timer;
	struct socket *sockets;
};

/* A socket of curl's; the pointer is assigned to it. */
struct socket {
	struct socket *prev, *next;
	struct lane *lane;
	curl_socket_t fd;
	struct loop_watch *watch;
};

struct http {
	struct loop *loop;
	struct lane brief, lasting;
	struct http_call *calls;   /* all */
	struct http_call *ready;   /* those with something to deliver, by ready_prev, ready_next */
	struct http_call *current; /* being delivered; NULL when it was cancelled meanwhile */
	unsigned running, most;    /* calls now, and at once since memory was last given back */
	struct loop_timer *lull;
};

struct http_call {
	struct http_call *prev, *next;
	struct http_call *ready_prev, *ready_next;
	struct http *http;
	struct lane *lane;
	CURL *easy;
	struct curl_slist *headers;
	char *peer;
	struct buf request_body;
	size_t sent; /* of request_body */
	void (*data)(void *context, const void *data, size_t len);
	http_done done;
	void *context;
	struct buf body; /* collected, or not yet delivered to `data` */
	size_t head, max_body;
	bool too_large;
	struct loop_timer *stall;
	uint64_t stall_ms, heard_ms; /* the limit, and when the last bytes came */
	bool is_ready, is_over;
	CURLcode code;
};

/* Everything that belongs to curl is done in here, and nothing of the owner's: callbacks are delivered after it has
 * returned, when calls may be made and cancelled freely. */
static void deliver(struct http *http);

static void make_ready(struct http_call *call)
{
	if (call->is_ready)
		return;
	call->is_ready = true;
	DL_APPEND2(call->http->ready, call, ready_prev, ready_next);
}

static void leave_ready(struct http_call *call)
{
	if (!call->is_ready)
		return;
	call->is_ready = false;
	DL_DELETE2(call->http->ready, call, ready_prev, ready_next);
}

static void lull(void *context)
{
	struct http *http = context;

	http->lull = NULL;
	http->most = http->running;
	mem_give_back();
}

/* A thousand instances that start at once need 30 MiB for a moment, and little afterwards. */
static void expect_lull(struct http *http)
{
	if (http->most >= BURST && http->running < BURST / 4 && !http->lull)
		http->lull = loop_after(http->loop, LULL_MS, lull, http);
}

static void call_free(struct http_call *call)
{
	leave_ready(call);
	DL_DELETE(call->http->calls, call);
	call->http->running--;
	expect_lull(call->http);
	if (call->http->current == call)
		call->http->current = NULL;
	loop_cancel(&call->stall);
	curl_multi_remove_handle(call->lane->multi, call->easy);
	curl_easy_cleanup(call->easy);
	curl_slist_free_all(call->headers);
	buf_free(&call->request_body);
	buf_free(&call->body);
	free(call->peer);
	free(call);
}

/* ---- curl's side ---- */

static void collect_finished(struct lane *lane)
{
	CURLMsg *message;
	int left;

	while ((message = curl_multi_info_read(lane->multi, &left))) {
		struct http_call *call = NULL;

		if (message->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&call);
		call->code = message->data.result;
		call->is_over = true;
		make_ready(call);
	}
}

static void act(struct lane *lane, curl_socket_t fd, int events)
{
	int running;

	curl_multi_socket_action(lane->multi, fd, events, &running);
	collect_finished(lane);
	deliver(lane->http);
}

static void on_timer(void *context)
{
	struct lane *lane = context;

	lane->timer = NULL;
	act(lane, CURL_SOCKET_TIMEOUT, 0);
}

/* 0 ms stays 0: one millisecond more would be more than the whole call takes (reference/fuse.md 3.3, trap 1). */
static int set_timer(CURLM *multi, long ms, void *context)
{
	struct lane *lane = context;

	loop_cancel(&lane->timer);
	if (ms >= 0)
		lane->timer = loop_after(lane->http->loop, (uint64_t)ms, on_timer, lane);
	return 0;
}

static void on_socket(void *context, int readiness)
{
	struct socket *socket = context;

	act(socket->lane, socket->fd,
	    (readiness & LOOP_READ ? CURL_CSELECT_IN : 0) | (readiness & LOOP_WRITE ? CURL_CSELECT_OUT : 0));
}

static void socket_free(struct socket *socket)
{
	DL_DELETE(socket->lane->sockets, socket);
	loop_unwatch(&socket->watch);
	free(socket);
}

/* curl may use the number of a removed socket for the next one at once: nothing of the old one may be left. */
static int set_socket(CURL *easy, curl_socket_t fd, int what, void *context, void *assigned)
{
	struct lane *lane = context;
	struct socket *socket = assigned;

	if (what == CURL_POLL_REMOVE) {
		curl_multi_assign(lane->multi, fd, NULL);
		if (socket)
			socket_free(socket);
		return 0;
	}
	int readiness = (what & CURL_POLL_IN ? LOOP_READ : 0) | (what & CURL_POLL_OUT ? LOOP_WRITE : 0);

	if (socket) {
		loop_rewatch(socket->watch, readiness);
		return 0;
	}
	socket = mem_alloc(sizeof(*socket));
	socket->lane = lane;
	socket->fd = fd;
	DL_APPEND(lane->sockets, socket);
	socket->watch = loop_watch(lane->http->loop, fd, readiness, on_socket, socket);
	if (!socket->watch) {
		socket_free(socket);
		return -1;
	}
	curl_multi_assign(lane->multi, fd, socket);
	return 0;
}

static size_t take_head(char *data, size_t size, size_t count, void *context)
{
	struct http_call *call = context;

	(void)data;
	call->head += size * count;
	call->too_large = call->head > MAX_HEAD;
	return call->too_large ? 0 : size * count;
}

static long status_of(const struct http_call *call)
{
	long status = 0;

	curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
	return status;
}

static bool is_streamed(const struct http_call *call)
{
	return call->data && status_of(call) / 100 == 2;
}

static size_t take_body(char *data, size_t size, size_t count, void *context)
{
	struct http_call *call = context;
	size_t len = size * count;
	bool streamed = is_streamed(call);

	call->heard_ms = loop_now_ms(call->http->loop);
	if (!streamed && call->body.len + len > call->max_body) {
		call->too_large = true;
		return 0;
	}
	buf_add(&call->body, data, len);
	if (streamed)
		make_ready(call);
	return len;
}

static size_t give_body(char *out, size_t size, size_t count, void *context)
{
	struct http_call *call = context;
	size_t len = call->request_body.len - call->sent;

	if (len > size * count)
		len = size * count;
	memcpy(out, call->request_body.data + call->sent, len);
	call->sent += len;
	return len;
}

/* curl would repeat a request of any method when a kept connection dies before the answer. Refusing to give the body
 * a second time is what keeps a POST from being carried out twice. */
static int refuse_rewind(void *context, curl_off_t offset, int origin)
{
	(void)context, (void)offset, (void)origin;
	return CURL_SEEKFUNC_FAIL;
}

/* ---- the owner's side ---- */

static const struct {
	CURLcode curl;
	int code;
	bool sent; /* the request may have arrived */
} failures[] = {
	{CURLE_COULDNT_RESOLVE_PROXY, EHOSTUNREACH, false},
	{CURLE_COULDNT_RESOLVE_HOST, EHOSTUNREACH, false},
	{CURLE_COULDNT_CONNECT, EHOSTUNREACH, false},
	{CURLE_SSL_CONNECT_ERROR, EHOSTUNREACH, false},
	{CURLE_SEND_ERROR, EHOSTUNREACH, true},
	{CURLE_SEND_FAIL_REWIND, EHOSTUNREACH, true},
	{CURLE_RECV_ERROR, EHOSTUNREACH, true},
	{CURLE_GOT_NOTHING, EHOSTUNREACH, true},
	{CURLE_PARTIAL_FILE, EHOSTUNREACH, true},
	{CURLE_OPERATION_TIMEDOUT, ETIMEDOUT, true},
	{CURLE_URL_MALFORMAT, EINVAL, false},
	{CURLE_UNSUPPORTED_PROTOCOL, EINVAL, false},
};

static bool was_connected(const struct http_call *call)
{
	curl_off_t pretransfer = 0;

	curl_easy_getinfo(call->easy, CURLINFO_PRETRANSFER_TIME_T, &pretransfer);
	return pretransfer > 0;
}

static void explain(const struct http_call *call, struct http_response *response)
{
	int code = EIO;

	response->sent = true;
	for (size_t i = 0; i < sizeof(failures) / sizeof(failures[0]); i++) {
		if (failures[i].curl != call->code)
			continue;
		code = failures[i].code;
		response->sent = failures[i].sent;
	}
	if (code == ETIMEDOUT && !was_connected(call)) {
		code = EHOSTUNREACH;
		response->sent = false;
	}
	if (code == EINVAL &&
	    was_connected(call)) { /* curl calls an answer that is no HTTP an unknown protocol */
		code = EIO;
		response->sent = true;
	}
	if (call->too_large)
		err_set(&response->err, EIO, "the answer of %s is larger than %zu bytes", call->peer,
			call->head > MAX_HEAD ? (size_t)MAX_HEAD : call->max_body);
	else if (code == EHOSTUNREACH && !response->sent)
		err_set(&response->err, code, "%s does not answer (%s)", call->peer,
			curl_easy_strerror(call->code));
	else
		err_set(&response->err, code, "the connection to %s broke (%s)", call->peer,
			curl_easy_strerror(call->code));
}

static void finish(struct http_call *call)
{
	struct http_response response = {.status = (int)status_of(call)};
	char *type = NULL;

	curl_easy_getinfo(call->easy, CURLINFO_CONTENT_TYPE, &type);
	response.content_type = type ? type : "";
	response.body = buf_text(&call->body);
	response.len = call->body.len;
	if (call->code)
		explain(call, &response);
	call->done(call->context, &response);
	/* Cancelling it in there was its end already. */
	if (call->http->current == call)
		call_free(call);
}

static void deliver_one(struct http_call *call)
{
	struct http *http = call->http;

	leave_ready(call);
	http->current = call;
	if (is_streamed(call) && call->body.len) {
		BUF_AUTO struct buf piece = call->body;

		call->body = (struct buf){0};
		call->data(call->context, piece.data, piece.len);
	}
	if (http->current == call && call->is_over)
		finish(call);
	http->current = NULL;
}

static void deliver(struct http *http)
{
	while (http->ready)
		deliver_one(http->ready);
}

static void set_upload(struct http_call *call, const struct http_request *request)
{
	CURL *easy = call->easy;

	if (!strcmp(request->method, "POST") && !request->body) {
		curl_easy_setopt(easy, CURLOPT_POSTFIELDS, "");
		curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, 0L);
		return;
	}
	if (!request->body)
		return;
	buf_add(&call->request_body, request->body, request->body_len);
	curl_easy_setopt(easy, CURLOPT_POST, 1L);
	curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body_len);
	curl_easy_setopt(easy, CURLOPT_READFUNCTION, give_body);
	curl_easy_setopt(easy, CURLOPT_READDATA, call);
	curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, refuse_rewind);
}

static void add_header(struct http_call *call, const char *name, const char *value)
{
	MEM_AUTO char *line = mem_printf("%s: %s", name, value);

	call->headers = curl_slist_append(call->headers, line);
}

static void set_headers(struct http_call *call, const struct http_request *request)
{
	add_header(call, "Accept", request->accept ? request->accept : "application/json");
	call->headers = curl_slist_append(call->headers, "Expect:");
	if (request->body)
		add_header(call, "Content-Type", "application/json");
	else
		call->headers = curl_slist_append(call->headers, "Content-Type:");
	for (const char *const *line = request->headers; line && *line; line++)
		call->headers = curl_slist_append(call->headers, *line);
	curl_easy_setopt(call->easy, CURLOPT_HTTPHEADER, call->headers);
}

static void on_stall(void *context)
{
	struct http_call *call = context;
	uint64_t silent = loop_now_ms(call->http->loop) - call->heard_ms;

	call->stall = NULL;
	if (call->is_over)
		return;
	if (silent < call->stall_ms) {
		call->stall = loop_after(call->http->loop, call->stall_ms - silent, on_stall, call);
		return;
	}
	curl_multi_remove_handle(call->lane->multi, call->easy);
	call->code = CURLE_OPERATION_TIMEDOUT;
	call->is_over = true;
	make_ready(call);
	deliver(call->http);
}

/* curl's own limit for silence would wake the loop every second for each call. */
static void watch_for_stall(struct http_call *call, uint64_t ms)
{
	call->stall_ms = ms;
	call->heard_ms = loop_now_ms(call->http->loop);
	if (ms)
		call->stall = loop_after(call->http->loop, ms, on_stall, call);
}

static void set_limits(struct http_call *call, const struct http_request *request)
{
	CURL *easy = call->easy;

	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
			 (long)(request->connect_ms ? request->connect_ms : CONNECT_MS));
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)request->total_ms);
	watch_for_stall(call, request->stall_ms);
	curl_easy_setopt(easy, CURLOPT_MAXAGE_CONN, (long)IDLE_CONNECTION_S);
	curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(easy, CURLOPT_TCP_NODELAY, 1L);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
	if (request->outward) {
		curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 1L);
		curl_easy_setopt(easy, CURLOPT_MAXREDIRS, (long)REDIRECTS);
	} else {
		curl_easy_setopt(easy, CURLOPT_PROXY, "");
	}
}

struct http_call *http_send(struct http *http, const struct http_request *request, http_done done,
			    void *context)
{
	struct http_call *call = mem_alloc(sizeof(*call));
	CURL *easy = curl_easy_init();

	if (!easy) /* only without memory */
		abort();
	call->http = http;
	call->lane = request->lasting ? &http->lasting : &http->brief;
	call->easy = easy;
	call->peer = mem_strdup(request->peer);
	call->max_body = request->max_body ? request->max_body : MAX_BODY;
	call->data = request->data;
	call->done = done;
	call->context = context;
	DL_APPEND(http->calls, call);
	if (++http->running > http->most)
		http->most = http->running;
	curl_easy_setopt(easy, CURLOPT_PRIVATE, call);
	curl_easy_setopt(easy, CURLOPT_URL, request->url);
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, take_head);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, call);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, call);
	set_upload(call, request);
	set_headers(call, request);
	set_limits(call, request);
	curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method);
	curl_multi_add_handle(call->lane->multi, easy);
	return call;
}

void http_cancel(struct http_call **call)
{
	struct http_call *old = mem_move(call);

	if (old)
		call_free(old);
}

static void lane_open(struct lane *lane, struct http *http, long connections, long kept)
{
	lane->http = http;
	lane->multi = curl_multi_init();
	if (!lane->multi)
		abort();
	curl_multi_setopt(lane->multi, CURLMOPT_SOCKETFUNCTION, set_socket);
	curl_multi_setopt(lane->multi, CURLMOPT_SOCKETDATA, lane);
	curl_multi_setopt(lane->multi, CURLMOPT_TIMERFUNCTION, set_timer);
	curl_multi_setopt(lane->multi, CURLMOPT_TIMERDATA, lane);
	curl_multi_setopt(lane->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
	curl_multi_setopt(lane->multi, CURLMOPT_MAX_HOST_CONNECTIONS, connections);
	curl_multi_setopt(lane->multi, CURLMOPT_MAXCONNECTS, kept);
}

static void lane_close(struct lane *lane)
{
	curl_multi_cleanup(lane->multi);
	loop_cancel(&lane->timer);
	while (lane->sockets)
		socket_free(lane->sockets);
}

struct http *http_new(struct loop *loop)
{
	struct http *http = mem_alloc(sizeof(*http));

	curl_global_init(CURL_GLOBAL_DEFAULT);
	http->loop = loop;
	lane_open(&http->brief, http, SHORT_CONNECTIONS, SHORT_CONNECTIONS);
	lane_open(&http->lasting, http, 0, KEPT_CONNECTIONS);
	return http;
}

void http_free(struct http *http)
{
	if (!http)
		return;
	while (http->calls)
		call_free(http->calls);
	loop_cancel(&http->lull);
	lane_close(&http->brief);
	lane_close(&http->lasting);
	curl_global_cleanup();
	free(http);
}

void http_escape(struct buf *out, const char *text)
{
	char *escaped = curl_easy_escape(NULL, text, 0);

	if (escaped)
		buf_adds(out, escaped);
	curl_free(escaped);
}
