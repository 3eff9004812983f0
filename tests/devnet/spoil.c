/* The HTTP faults at work: one row per point, before the handler or at its answer. */
#include <string.h>

#include "core/mem.h"
#include "tests/devnet/devnet.h"
#include "tests/devnet/exchange_impl.h"
#include "tests/devnet/fault.h"

typedef void (*spoil_call)(struct exchange *exchange, const struct fault *fault);

struct spoil {
	const char *point;
	spoil_call apply;
};

static const struct fault *hit(struct exchange *exchange, const char *point)
{
	if (!exchange->route || !strncmp(exchange->route->pattern, "/devnet/", 8))
		return NULL; /* what sets the faults stays sound */
	return fault_hit_route(exchange->devnet, point, exchange->request.method, exchange->route->pattern);
}

static void drop(struct exchange *exchange, const struct fault *fault)
{
	exchange_hang_up(exchange);
}

static void hang(struct exchange *exchange, const struct fault *fault)
{
	exchange_wait(exchange, 0, NULL, NULL, NULL);
}

static void refuse(struct exchange *exchange, const struct fault *fault)
{
	exchange->honest = true;
	if (*fault->body || !*fault->message)
		exchange_send(exchange, fault->status, fault->type, fault->body, strlen(fault->body));
	else
		exchange_reply_message(exchange, fault->status, "%s", fault->message);
}

static const struct spoil before[] = {
	{"drop-before", drop},
	{"hang", hang},
	{"refuse", refuse},
};

bool spoil_request(struct exchange *exchange, exchange_call go_on)
{
	for (size_t i = 0; i < sizeof(before) / sizeof(*before); i++) {
		const struct fault *fault = hit(exchange, before[i].point);
		if (fault) {
			before[i].apply(exchange, fault);
			return true;
		}
	}
	const struct fault *delay = hit(exchange, "delay");
	if (delay)
		exchange_wait(exchange, delay->delay_ms / 1000.0, go_on, NULL, NULL);
	return delay;
}

/* Raw bytes instead of an answer, then the end of the connection. */
static void finish_with(struct exchange *exchange, const struct buf *bytes)
{
	struct connection *connection = exchange->connection;
	connection_write(connection, bytes->data, bytes->len);
	exchange_free(exchange);
	connection_next(connection, false);
}

static void garbage(struct exchange *exchange, const struct fault *fault)
{
	struct buf out BUF_AUTO = {0};
	for (unsigned i = 0; i < 256; i++)
		buf_addc(&out, (char)(i * 7 + 3));
	finish_with(exchange, &out);
}

static void truncate_answer(struct exchange *exchange, const struct fault *fault)
{
	struct buf out BUF_AUTO = {0};
	exchange_head(exchange, &out, 200, "application/json", "content-length: 1000\r\n");
	buf_adds(&out, "\r\n[{\"eventType\":\"Propos");
	finish_with(exchange, &out);
}

static void send_text(struct exchange *exchange, const struct buf *body)
{
	exchange->honest = true;
	exchange_send(exchange, 200, "application/json", buf_text(body), body->len);
}

static void wrong_type(struct exchange *exchange, const struct fault *fault)
{
	static const char text[] = "{\"proposalId\":[1,{}],\"eventDate\":-1,\"id\":null,\"message\":{}}";
	struct buf body BUF_AUTO = {0};
	buf_adds(&body, text);
	send_text(exchange, &body);
}

static void huge(struct exchange *exchange, const struct fault *fault)
{
	struct buf body BUF_AUTO = {0};
	MEM_AUTO char *filling = mem_alloc(fault->size + 1);
	memset(filling, 'x', fault->size);
	buf_addc(&body, '"');
	buf_add(&body, filling, fault->size);
	buf_addc(&body, '"');
	send_text(exchange, &body);
}

static void deep(struct exchange *exchange, const struct fault *fault)
{
	struct buf body BUF_AUTO = {0};
	for (size_t i = 0; i < fault->size; i++)
		buf_addc(&body, '[');
	for (size_t i = 0; i < fault->size; i++)
		buf_addc(&body, ']');
	send_text(exchange, &body);
}

static const struct spoil after[] = {
	{"drop-after", drop},       {"garbage", garbage}, {"truncate", truncate_answer},
	{"wrong-type", wrong_type}, {"huge", huge},       {"deep", deep},
};

bool spoil_answer(struct exchange *exchange)
{
	for (size_t i = 0; i < sizeof(after) / sizeof(*after); i++) {
		const struct fault *fault = hit(exchange, after[i].point);
		if (fault) {
			after[i].apply(exchange, fault);
			return true;
		}
	}
	return false;
}

/* The stream's owner keeps its pointer until it hears that the client has gone. */
bool spoil_stream(struct exchange *exchange)
{
	if (!hit(exchange, "cut-stream"))
		return false;
	connection_drop(exchange->connection);
	return true;
}
