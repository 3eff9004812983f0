/*
 * One HTTP exchange of the devnet: a request, and the answer it gets now or later.
 *
 * The server (server.h) parses, checks the key, finds the route (route.h), lets the fault table (fault.h)
 * have its way, and hands the exchange to one handler. The handler answers exactly once, in the call or from
 * the loop later on (long polls keep the pointer). Wire facts: reference/yagna-api.md 1.2 to 1.4.
 */
#ifndef DEVNET_EXCHANGE_H
#define DEVNET_EXCHANGE_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <time.h>

struct devnet;
struct exchange;
struct serde_type;

typedef void (*exchange_call)(struct exchange *exchange, void *context);

struct devnet *exchange_devnet(struct exchange *exchange);
const char *exchange_identity(struct exchange *exchange); /* node id bound to the key, 0x… */
const char *exchange_method(struct exchange *exchange);
const char *exchange_header(struct exchange *exchange, const char *lower_case_name); /* or NULL */

/* The n-th {} of the route's pattern, percent-decoded. */
const char *exchange_part(struct exchange *exchange, unsigned n);
/* Raw query value (percent-decoded), or NULL. */
const char *exchange_query(struct exchange *exchange, const char *name);
/* Read a query value as the server's framework does; on failure the exchange has been answered (400 text, or
 * the closed connection of an impossible timeout) and false is returned. Absent: *value is left as it is. */
bool exchange_query_float(struct exchange *exchange, const char *name, double *value);
bool exchange_query_int(struct exchange *exchange, const char *name, long *value);
bool exchange_query_uint(struct exchange *exchange, const char *name, unsigned long *value);
/* The same for text and for times (a time is stored only when it is a right one); a value given twice is
 * refused. */
bool exchange_query_text(struct exchange *exchange, const char *name, const char **value);
bool exchange_query_time(struct exchange *exchange, const char *name, struct timespec *value);
/* Still encoded, for fields that the server reads without a copy and so refuses when they are encoded. */
const char *exchange_query_raw(struct exchange *exchange, const char *name);
/* 400 "Query deserialize error: …"; consumes the exchange. */
void exchange_refuse_query(struct exchange *exchange, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

const char *exchange_body(struct exchange *exchange, size_t *len);
/* The body as JSON, owned by the exchange; NULL when the exchange has been answered (content type, size,
 * syntax), with the words of the API the path belongs to. */
const cJSON *exchange_json(struct exchange *exchange);
/* The same, checked against a type first (serde.h): "Json deserialize error: …". */
const cJSON *exchange_json_as(struct exchange *exchange, const struct serde_type *type);

/* Answers. Each consumes the exchange: the pointer is dead afterwards. */
void exchange_reply_json(struct exchange *exchange, int status, cJSON *body /* consumed */);
void exchange_reply_json_text(struct exchange *exchange, int status, const char *json);
void exchange_reply_message(struct exchange *exchange, int status, const char *format, ...)
	__attribute__((format(printf, 3, 4))); /* {"message":"…"} */
void exchange_reply_null_message(struct exchange *exchange, int status);
void exchange_reply_text(struct exchange *exchange, int status, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void exchange_reply_typed(struct exchange *exchange, int status, const char *content_type, const char *body,
			  size_t len);
void exchange_reply_empty(struct exchange *exchange, int status);
void exchange_hang_up(struct exchange *exchange); /* closes the connection without any answer */
/* Extra answer header, before replying. */
void exchange_set_header(struct exchange *exchange, const char *name, const char *value);

/* Long polls: calls `timeout` after `seconds` unless answered before; `gone` when the client has hung up (the
 * exchange is freed after it returns; NULL: just forget). Both may be set again. */
void exchange_wait(struct exchange *exchange, double seconds, exchange_call timeout, exchange_call gone,
		   void *context);

/* Streams: head at once, then one HTTP chunk per call; ends only by exchange_stream_end/abort or the client. */
void exchange_stream_begin(struct exchange *exchange, const char *content_type, exchange_call gone,
			   void *context);
void exchange_stream_chunk(struct exchange *exchange, const void *data, size_t len);
void exchange_stream_end(struct exchange *exchange);
void exchange_stream_abort(struct exchange *exchange); /* breaks off in the middle of the body */

/* Websockets: true if the request asks for an upgrade. exchange_upgrade answers 101 and hands the connection
 * over to websocket.h; protocol may be NULL. */
struct websocket;
bool exchange_wants_websocket(struct exchange *exchange);
struct websocket *exchange_upgrade(struct exchange *exchange, const char *protocol);

#endif
