#include "tests/devnet/exchange.h"

#include <math.h>
#include <stdarg.h>

#include "core/mem.h"
#include "tests/devnet/devnet.h"
#include "tests/devnet/digest.h"
#include "tests/devnet/exchange_impl.h"
#include "tests/devnet/websocket.h"

static const char vary[] = "vary: Origin, Access-Control-Request-Method, Access-Control-Request-Headers\r\n";
/* RFC 6455 1.3 */
static const char websocket_guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
static const double longest_wait_s = 1e9;

struct exchange *exchange_new(struct connection *connection, struct http_request *request)
{
	struct exchange *exchange = mem_alloc(sizeof(*exchange));
	exchange->devnet = connection->devnet;
	exchange->connection = connection;
	exchange->request = *request;
	memset(request, 0, sizeof(*request));
	exchange_parse_target(exchange);
	return exchange;
}

void exchange_free(struct exchange *exchange)
{
	loop_cancel(&exchange->timer);
	http_clear(&exchange->request);
	free(exchange->path);
	for (unsigned i = 0; i < EXCHANGE_PARTS_MAX; i++)
		free(exchange->parts[i]);
	for (unsigned i = 0; i < exchange->query_count; i++) {
		free(exchange->queries[i].name);
		free(exchange->queries[i].value);
		free(exchange->queries[i].raw);
	}
	cJSON_Delete(exchange->json);
	buf_free(&exchange->headers);
	free(exchange);
}

/* The client has hung up, or was dropped. */
void exchange_gone(struct exchange *exchange)
{
	loop_cancel(&exchange->timer);
	if (exchange->gone)
		exchange->gone(exchange, exchange->context);
	exchange_free(exchange);
}

/* Ends the exchange; the connection goes on with the next one or ends. */
static void end(struct exchange *exchange, bool keep_alive)
{
	struct connection *connection = exchange->connection;
	exchange_free(exchange);
	connection_next(connection, keep_alive);
}

struct devnet *exchange_devnet(struct exchange *exchange)
{
	return exchange->devnet;
}

const char *exchange_identity(struct exchange *exchange)
{
	return exchange->devnet->identity;
}

const char *exchange_method(struct exchange *exchange)
{
	return exchange->request.method;
}

const char *exchange_header(struct exchange *exchange, const char *lower_case_name)
{
	return http_header(&exchange->request, lower_case_name);
}

const char *exchange_part(struct exchange *exchange, unsigned n)
{
	return n < EXCHANGE_PARTS_MAX ? exchange->parts[n] : NULL;
}

bool exchange_is_market(const struct exchange *exchange)
{
	return !strncmp(exchange->path, "/market-api/", 12);
}

/* A request for an upgrade stays one for its answer (reference/yagna-api.md 1.3, end). */
static bool asks_upgrade(const struct exchange *exchange)
{
	const char *connection = http_header(&exchange->request, "connection");
	return connection && !strcasecmp(connection, "upgrade");
}

static void add_connection(const struct exchange *exchange, struct buf *out)
{
	if (asks_upgrade(exchange))
		buf_adds(out, "connection: upgrade\r\n");
	else if (!exchange->request.keep_alive && exchange->request.minor)
		buf_adds(out, "connection: close\r\n");
	else if (exchange->request.keep_alive && !exchange->request.minor)
		buf_adds(out, "connection: keep-alive\r\n");
}

static void add_date(struct buf *out)
{
	char text[64];
	time_t now = wire_now().tv_sec;
	struct tm parts;
	strftime(text, sizeof(text), "date: %a, %d %b %Y %H:%M:%S GMT\r\n", gmtime_r(&now, &parts));
	buf_adds(out, text);
}

void exchange_head(struct exchange *exchange, struct buf *out, int status, const char *type,
		   const char *length)
{
	buf_printf(out, "HTTP/1.%u %d %s\r\n", exchange->request.minor, status, http_reason(status));
	buf_adds(out, length);
	add_connection(exchange, out);
	if (!exchange->open)
		buf_adds(out, vary);
	if (type)
		buf_printf(out, "content-type: %s\r\n", type);
	buf_add(out, exchange->headers.data, exchange->headers.len);
	add_date(out);
}

void exchange_send(struct exchange *exchange, int status, const char *type, const void *body, size_t len)
{
	if (!exchange->honest && spoil_answer(exchange))
		return;
	struct buf out BUF_AUTO = {0};
	char length[48];
	snprintf(length, sizeof(length), "content-length: %zu\r\n", len);
	exchange_head(exchange, &out, status, type, status == 204 ? "" : length);
	buf_adds(&out, "\r\n");
	if (status != 204)
		buf_add(&out, body, len);
	connection_write(exchange->connection, out.data, out.len);
	end(exchange, exchange->request.keep_alive && !asks_upgrade(exchange));
}

void exchange_reply_json(struct exchange *exchange, int status, cJSON *body)
{
	MEM_AUTO char *text = cJSON_PrintUnformatted(body);
	cJSON_Delete(body);
	exchange_reply_json_text(exchange, status, text ? text : "null");
}

void exchange_reply_json_text(struct exchange *exchange, int status, const char *json)
{
	exchange_send(exchange, status, "application/json", json, strlen(json));
}

void exchange_reply_message(struct exchange *exchange, int status, const char *format, ...)
{
	char *text = NULL;
	va_list args;
	va_start(args, format);
	int len = vasprintf(&text, format, args);
	va_end(args);
	cJSON *body = cJSON_CreateObject();
	cJSON_AddStringToObject(body, "message", len < 0 ? "" : text);
	if (len >= 0)
		free(text);
	exchange_reply_json(exchange, status, body);
}

void exchange_reply_null_message(struct exchange *exchange, int status)
{
	exchange_reply_json_text(exchange, status, "{\"message\":null}");
}

void exchange_reply_text(struct exchange *exchange, int status, const char *format, ...)
{
	char *text = NULL;
	va_list args;
	va_start(args, format);
	int len = vasprintf(&text, format, args);
	va_end(args);
	exchange_send(exchange, status, "text/plain; charset=utf-8", len < 0 ? "" : text,
		      len < 0 ? 0 : (size_t)len);
	if (len >= 0)
		free(text);
}

void exchange_reply_typed(struct exchange *exchange, int status, const char *content_type, const char *body,
			  size_t len)
{
	exchange_send(exchange, status, content_type, body, len);
}

void exchange_reply_empty(struct exchange *exchange, int status)
{
	exchange_send(exchange, status, NULL, "", 0);
}

void exchange_hang_up(struct exchange *exchange)
{
	struct connection *connection = exchange->connection;
	exchange_free(exchange);
	connection->exchange = NULL;
	connection_drop(connection);
}

void exchange_set_header(struct exchange *exchange, const char *name, const char *value)
{
	buf_printf(&exchange->headers, "%s: %s\r\n", name, value);
}

static void on_timeout(void *context)
{
	struct exchange *exchange = context;
	exchange->timer = NULL;
	exchange->timeout(exchange, exchange->context);
}

void exchange_wait(struct exchange *exchange, double seconds, exchange_call timeout, exchange_call gone,
		   void *context)
{
	loop_cancel(&exchange->timer);
	exchange->timeout = timeout;
	exchange->gone = gone;
	exchange->context = context;
	if (!timeout)
		return;
	double bounded = seconds > 0 ? (seconds < longest_wait_s ? seconds : longest_wait_s) : 0;
	uint64_t ms = (uint64_t)ceil(bounded * 1000);
	exchange->timer = loop_after(exchange->devnet->loop, ms, on_timeout, exchange);
}

void exchange_stream_begin(struct exchange *exchange, const char *content_type, exchange_call gone,
			   void *context)
{
	exchange_wait(exchange, 0, NULL, gone, context);
	exchange->streaming = true;
	struct buf out BUF_AUTO = {0};
	exchange_head(exchange, &out, 200, content_type, "transfer-encoding: chunked\r\n");
	buf_adds(&out, "\r\n");
	connection_write(exchange->connection, out.data, out.len);
}

void exchange_stream_chunk(struct exchange *exchange, const void *data, size_t len)
{
	if (!len || spoil_stream(exchange))
		return;
	struct buf out BUF_AUTO = {0};
	buf_printf(&out, "%zx\r\n", len);
	buf_add(&out, data, len);
	buf_adds(&out, "\r\n");
	connection_write(exchange->connection, out.data, out.len);
}

void exchange_stream_end(struct exchange *exchange)
{
	connection_write(exchange->connection, "0\r\n\r\n", 5);
	end(exchange, exchange->request.keep_alive);
}

void exchange_stream_abort(struct exchange *exchange)
{
	exchange_hang_up(exchange);
}

bool exchange_wants_websocket(struct exchange *exchange)
{
	const char *version = exchange_header(exchange, "sec-websocket-version");
	return http_has_token(exchange_header(exchange, "connection"), "upgrade") &&
	       http_has_token(exchange_header(exchange, "upgrade"), "websocket") && version &&
	       !strcmp(version, "13") && exchange_header(exchange, "sec-websocket-key");
}

static char *accept_key(struct exchange *exchange)
{
	unsigned char digest[DIGEST_MAX];
	struct digest *sha1 = digest_begin(DIGEST_SHA1);
	const char *key = exchange_header(exchange, "sec-websocket-key");
	digest_add(sha1, key, strlen(key));
	digest_add(sha1, websocket_guid, sizeof(websocket_guid) - 1);
	return digest_base64(digest, digest_end(sha1, digest));
}

struct websocket *exchange_upgrade(struct exchange *exchange, const char *protocol)
{
	struct connection *connection = exchange->connection;
	MEM_AUTO char *key = accept_key(exchange);
	struct buf out BUF_AUTO = {0};
	buf_printf(&out,
		   "HTTP/1.1 101 %s\r\nconnection: upgrade\r\nsec-websocket-accept: %s\r\nupgrade: "
		   "websocket\r\n",
		   http_reason(101), key);
	if (protocol)
		buf_printf(&out, "sec-websocket-protocol: %s\r\n", protocol);
	buf_adds(&out, vary);
	add_date(&out);
	buf_adds(&out, "\r\n");
	connection_write(connection, out.data, out.len);
	exchange_free(exchange);
	connection->exchange = NULL;
	loop_cancel(&connection->idle);
	connection->websocket = websocket_new(connection);
	connection_pause(connection, false);
	return connection->websocket;
}
