/*
 * Event streams of a batch (reference/yagna-api.md 5.7): no replay, no end, ids that count per connection; an event
 * that follows another closely is held back; after the death of their source ":ping" at once, then at multiples of
 * 15 s from the opening.
 */
#include <utlist.h>

#include "core/mem.h"
#include "tests/devnet/exchange.h"
#include "tests/devnet/exe_unit.h"

enum { PING_MS = 15000, HELD_MAX = 64 << 20 };

/* An event that waits, as the chunk it will be. */
struct held {
	struct held *next;
	size_t len;
	char text[];
};

struct stream {
	struct stream *next;
	struct batch *batch; /* NULL: nothing will come any more */
	struct exchange *exchange;
	struct loop *loop;
	struct loop_timer *timer; /* the next flush, or the next ping */
	struct held *held;
	size_t held_bytes;
	unsigned long id;
	uint64_t opened, sent; /* ms; sent 0: nothing yet */
};

static void free_held(struct stream *stream)
{
	struct held *one, *next;
	LL_FOREACH_SAFE (stream->held, one, next) {
		LL_DELETE(stream->held, one);
		free(one);
	}
	stream->held_bytes = 0;
}

static void on_gone(struct exchange *exchange, void *context)
{
	struct stream *stream = context;
	(void)exchange;
	if (stream->batch)
		LL_DELETE(stream->batch->streams, stream);
	loop_cancel(&stream->timer);
	free_held(stream);
	free(stream);
}

static void ping(void *context)
{
	struct stream *stream = context;
	uint64_t age = loop_now_ms(stream->loop) - stream->opened;
	stream->timer = loop_after(stream->loop, PING_MS - age % PING_MS, ping, stream);
	exchange_stream_chunk(stream->exchange, ":ping\n", 6);
}

static void flush(struct stream *stream)
{
	struct held *one, *next;
	LL_FOREACH_SAFE (stream->held, one, next) {
		LL_DELETE(stream->held, one);
		exchange_stream_chunk(stream->exchange, one->text, one->len);
		free(one);
	}
	stream->held_bytes = 0;
	stream->sent = loop_now_ms(stream->loop);
}

static void on_flush(void *context)
{
	struct stream *stream = context;
	stream->timer = NULL;
	flush(stream);
}

void stream_open(struct exchange *exchange, struct batch *batch)
{
	struct stream *stream = mem_alloc(sizeof(*stream));
	struct loop *loop = exchange_devnet(exchange)->loop;
	*stream = (struct stream){
		.batch = batch, .exchange = exchange, .loop = loop, .opened = loop_now_ms(loop)};
	exchange_stream_begin(exchange, "text/event-stream", on_gone, stream);
	if (batch)
		LL_PREPEND(batch->streams, stream);
	else
		ping(stream);
}

static uint64_t held_until(const struct stream *stream)
{
	unsigned hold = stream->batch->unit->devnet->latencies.stream_hold_ms;
	return stream->sent ? stream->sent + hold : 0;
}

static void give(struct stream *stream, const char *body)
{
	BUF_AUTO struct buf text = {0};
	buf_printf(&text, "event: runtime\ndata: %s\nid: %lu\n\n", body, stream->id++);
	uint64_t now = loop_now_ms(stream->loop), until = held_until(stream);
	if (until <= now || stream->held_bytes + text.len > HELD_MAX) {
		loop_cancel(&stream->timer);
		flush(stream);
		exchange_stream_chunk(stream->exchange, text.data, text.len);
		return;
	}
	struct held *held = mem_alloc(sizeof(*held) + text.len);
	held->len = text.len;
	memcpy(held->text, text.data, text.len);
	LL_APPEND(stream->held, held);
	stream->held_bytes += text.len;
	if (!stream->timer)
		stream->timer = loop_after(stream->loop, until - now, on_flush, stream);
}

void stream_event(struct batch *batch, unsigned index, const char *kind)
{
	struct stream *stream, *next;
	struct timespec now = wire_now();
	char stamp[40];
	if (!batch->streams)
		return;
	wire_time(stamp, &now, 9);
	stamp[strcspn(stamp, "Z")] = '\0';
	BUF_AUTO struct buf body = {0};
	buf_printf(&body, "{\"batch_id\":\"%s\",\"index\":%u,\"timestamp\":\"%s\",\"kind\":%s}", batch->id,
		   index, stamp, kind);
	LL_FOREACH_SAFE (batch->streams, stream, next)
		give(stream, buf_text(&body));
}

void stream_lost(struct batch *batch)
{
	struct stream *stream, *next;
	LL_FOREACH_SAFE (batch->streams, stream, next) {
		LL_DELETE(batch->streams, stream);
		stream->batch = NULL;
		loop_cancel(&stream->timer);
		flush(stream);
		ping(stream);
	}
}

uint64_t stream_hold(const struct batch *batch)
{
	const struct stream *stream;
	uint64_t until = 0;
	LL_FOREACH (batch->streams, stream)
		if (held_until(stream) > until)
			until = held_until(stream);
	uint64_t now = loop_now_ms(batch->unit->devnet->loop);
	return until > now ? until - now : 0;
}
