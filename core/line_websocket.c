#include "core/line_websocket.h"

#include <string.h>

#include "core/mem.h"

enum {
	TICK_MS = 5000,
	DEAD_MS = 15000,   /* without a word of the agent, which beats after 5 s of silence */
	BEAT_MS = 10000,   /* of our own silence: the lease is renewed, and a flood waits for who listens */
	BACK_OFF_MS = 250, /* doubled each time it comes to nothing */
	BACK_OFF_MAX_MS = 30000,
};

struct line_websocket {
	struct line_websocket_options options;
	struct ws *ws; /* NULL: none */
	struct loop_timer *again, *tick;
	uint64_t back_off_ms, heard_ms, spoke_ms;
	struct buf in, url; /* of the connection */
	bool greeted, attached;
};

static void open_now(void *context);

static uint64_t now(const struct line_websocket *websocket)
{
	return loop_now_ms(websocket->options.loop);
}

static void again_later(struct line_websocket *websocket)
{
	loop_cancel(&websocket->again);
	websocket->again = loop_after(websocket->options.loop, websocket->back_off_ms, open_now, websocket);
	websocket->back_off_ms *= 2;
	if (websocket->back_off_ms > BACK_OFF_MAX_MS)
		websocket->back_off_ms = BACK_OFF_MAX_MS;
}

/* The connection is no more. `changed` comes last: the carrier may be dropped in it. */
static void lost(struct line_websocket *websocket)
{
	bool attached = websocket->attached;

	ws_close(&websocket->ws);
	loop_cancel(&websocket->tick);
	buf_free(&websocket->in);
	websocket->greeted = websocket->attached = false;
	agent_link_detach(websocket->options.link);
	again_later(websocket);
	if (attached)
		websocket->options.changed(websocket->options.context, false);
}

static void tick(void *context)
{
	struct line_websocket *websocket = context;

	websocket->tick = NULL;
	if (now(websocket) - websocket->heard_ms >= DEAD_MS) {
		lost(websocket);
		return;
	}
	if (websocket->attached && now(websocket) - websocket->spoke_ms >= BEAT_MS)
		ws_want_write(websocket->ws);
	websocket->tick = loop_after(websocket->options.loop, TICK_MS, tick, websocket);
}

static void on_opened(void *context)
{
	struct line_websocket *websocket = context;

	websocket->heard_ms = websocket->spoke_ms = now(websocket);
	ws_want_write(websocket->ws);
}

static void on_writable(void *context, struct buf *message)
{
	struct line_websocket *websocket = context;
	BUF_AUTO struct buf out = {0};

	if (!websocket->greeted)
		agent_link_compose_hello(websocket->options.link, &out);
	else if (websocket->attached && !agent_link_compose_message(websocket->options.link, &out) &&
		 now(websocket) - websocket->spoke_ms >= BEAT_MS)
		agent_link_compose_beat(websocket->options.link, &out);
	websocket->greeted = true;
	if (!out.len)
		return;
	websocket->spoke_ms = now(websocket);
	buf_add(message, out.data, out.len);
}

static void take_in(struct line_websocket *websocket)
{
	struct agent_link *link = websocket->options.link;
	BUF_AUTO struct buf why = {0};
	size_t used;
	int result = agent_link_receive(link, websocket->in.data, websocket->in.len, &used, &why);

	if (used)
		buf_drop(&websocket->in, used);
	if (result < 0 || agent_link_has_left(link)) {
		lost(websocket);
		return;
	}
	if (!used)
		return;
	ws_want_write(
		websocket->ws); /* output is acknowledged at once (reference/agent.md, The 40 ms rule) */
	if (!websocket->attached && agent_link_is_attached(link)) {
		websocket->attached = true;
		websocket->back_off_ms = BACK_OFF_MS;
		websocket->options.changed(websocket->options.context, true);
	}
}

static void on_received(void *context, const void *data, size_t len)
{
	struct line_websocket *websocket = context;

	websocket->heard_ms = now(websocket);
	buf_add(&websocket->in, data, len);
	take_in(websocket);
}

static void on_closed(void *context, const struct err *err)
{
	struct line_websocket *websocket = context;

	websocket->ws = NULL;
	lost(websocket);
}

static void open_now(void *context)
{
	static const struct ws_events events = {on_opened, on_received, on_writable, on_closed};
	struct line_websocket *websocket = context;
	const struct line_websocket_options *options = &websocket->options;
	struct err err = {0};

	websocket->again = NULL;
	buf_clear(&websocket->url);
	if (options->url(options->context, &websocket->url, &err) == 0)
		websocket->ws = ws_open(options->hub, buf_text(&websocket->url), options->appkey, &events,
					websocket, &err);
	if (!websocket->ws) {
		again_later(websocket);
		return;
	}
	websocket->heard_ms = now(websocket);
	loop_cancel(&websocket->tick);
	websocket->tick = loop_after(options->loop, TICK_MS, tick, websocket);
}

struct line_websocket *line_websocket_new(const struct line_websocket_options *options)
{
	struct line_websocket *websocket = mem_alloc(sizeof(*websocket));

	websocket->options = *options;
	websocket->back_off_ms = BACK_OFF_MS;
	line_websocket_look(websocket);
	return websocket;
}

void line_websocket_drop(struct line_websocket **slot)
{
	struct line_websocket *websocket = mem_move(slot);

	if (!websocket)
		return;
	ws_close(&websocket->ws);
	loop_cancel(&websocket->again);
	loop_cancel(&websocket->tick);
	buf_free(&websocket->in);
	buf_free(&websocket->url);
	free(websocket);
}

bool line_websocket_is_attached(const struct line_websocket *websocket)
{
	return websocket && websocket->attached;
}

void line_websocket_speak(struct line_websocket *websocket)
{
	ws_want_write(websocket->ws);
}

void line_websocket_look(struct line_websocket *websocket)
{
	BUF_AUTO struct buf url = {0};
	struct err err = {0};

	if (websocket->ws) {
		if (websocket->options.url(websocket->options.context, &url, &err) < 0 ||
		    strcmp(buf_text(&url), buf_text(&websocket->url)) != 0)
			lost(websocket);
		return;
	}
	loop_cancel(&websocket->again);
	websocket->again = loop_after(websocket->options.loop, 0, open_now, websocket);
}
