#include "core/agent/link.h"

#include <errno.h>
#include <string.h>
#include <uthash.h>
#include <utlist.h>

#include "core/agent/frame.h"
#include "core/mem.h"

/* One ordered message: its serial is its place, its bytes are made once and may be sent on several carriers. */
struct orders {
	struct orders *prev, *next;
	uint32_t serial;
	bool sent;   /* on the present connection */
	bool urgent; /* more than FORGET, which travels along with something else */
	struct buf bytes;
};

struct watched {
	UT_hash_handle hh;
	uint32_t id, serial; /* of the order that starts it */
	uint64_t received[2], acknowledged[2];
	uint64_t given, taken; /* bytes of stdin */
	bool input_closed;
};

struct agent_link {
	uint8_t greeting[AGENT_TOKEN_SIZE + AGENT_SESSION_SIZE];
	struct listener {
		struct agent_link_events events;
		void *context;
	} commands, channels;
	struct orders *orders; /* not acknowledged, oldest first */
	uint32_t next_serial;
	struct buf open; /* frames of the message that is still being filled */
	bool open_urgent;
	struct watched *watched;
	bool attached; /* WELCOME has come on this connection */
	bool left;     /* GOODBYE has */
	size_t flying; /* bytes of orders sent on this connection and not acknowledged */
};

struct agent_link *agent_link_new(const uint8_t token[AGENT_TOKEN_SIZE],
				  const uint8_t session[AGENT_SESSION_SIZE],
				  const struct agent_link_events *events, void *context)
{
	struct agent_link *link = mem_alloc(sizeof *link);

	memcpy(link->greeting, token, AGENT_TOKEN_SIZE);
	memcpy(link->greeting + AGENT_TOKEN_SIZE, session, AGENT_SESSION_SIZE);
	link->commands = (struct listener){*events, context};
	link->next_serial = 1;
	return link;
}

void agent_link_on_channels(struct agent_link *link, const struct agent_link_events *events, void *context)
{
	link->channels = (struct listener){*events, context};
}

static const struct listener *listener_of(const struct agent_link *link, uint32_t id)
{
	return id & AGENT_CHANNEL && link->channels.events.exited ? &link->channels : &link->commands;
}

static void drop_orders(struct agent_link *link, struct orders *orders)
{
	DL_DELETE(link->orders, orders);
	buf_free(&orders->bytes);
	free(orders);
}

static void unwatch(struct agent_link *link, struct watched *watched)
{
	HASH_DEL(link->watched, watched);
	free(watched);
}

void agent_link_free(struct agent_link *link)
{
	static const struct agent_link_exit reset = {.kind = AGENT_NOT_RUN, .value = ECONNRESET};
	struct watched *watched, *next;

	if (!link)
		return;
	while (link->orders)
		drop_orders(link, link->orders);
	HASH_ITER (hh, link->watched, watched, next) {
		uint32_t id = watched->id;

		unwatch(link, watched);
		if (id & AGENT_CHANNEL)
			listener_of(link, id)->events.exited(listener_of(link, id)->context, id, &reset);
	}
	buf_free(&link->open);
	free(link);
}

static struct watched *watched_of(struct agent_link *link, uint32_t command)
{
	struct watched *watched;

	HASH_FIND(hh, link->watched, &command, sizeof command, watched);
	return watched;
}

/* --- orders ----------------------------------------------------------------------------------------------------- */

static void close_message(struct agent_link *link)
{
	struct orders *orders;
	size_t begin;

	if (!link->open.len)
		return;
	orders = mem_alloc(sizeof *orders);
	orders->serial = link->next_serial++;
	begin = frame_begin_message(&orders->bytes, orders->serial, 0);
	buf_add(&orders->bytes, link->open.data, link->open.len);
	frame_end_message(&orders->bytes, begin);
	orders->urgent = link->open_urgent;
	link->open_urgent = false;
	DL_APPEND(link->orders, orders);
	buf_free(&link->open);
}

/* Frames longer than a message are cut into parts; what cannot follow in the same message begins the next. */
static void add_order(struct agent_link *link, uint32_t command, uint8_t type, uint8_t flags,
		      const void *data, size_t len)
{
	const size_t most = AGENT_WEBSOCKET_MESSAGE_MAX - AGENT_HEAD_SIZE - AGENT_FRAME_SIZE;
	const char *at = data;

	do {
		size_t part = len < most ? len : most;
		bool more = part < len;

		if (link->open.len && link->open.len + AGENT_FRAME_SIZE + part > most)
			close_message(link);
		frame_add(&link->open, command, type, more ? AGENT_MORE : flags, NULL, 0, at, part);
		link->open_urgent |= type != AGENT_FORGET;
		at += part;
		len -= part;
	} while (len);
}

void agent_link_watch(struct agent_link *link, uint32_t command, uint64_t out, uint64_t err)
{
	struct watched *watched = watched_of(link, command);

	if (!watched) {
		watched = mem_alloc(sizeof *watched);
		watched->id = command;
		HASH_ADD(hh, link->watched, id, sizeof watched->id, watched);
	}
	watched->received[0] = watched->acknowledged[0] = out;
	watched->received[1] = watched->acknowledged[1] = err;
}

static uint32_t add_texts(struct buf *out, char *const *texts)
{
	uint32_t count = 0;

	for (; texts && texts[count]; count++)
		buf_add(out, texts[count], strlen(texts[count]) + 1);
	return count;
}

int agent_link_start(struct agent_link *link, uint32_t command, const struct agent_link_program *program)
{
	BUF_AUTO struct buf head = {0};
	BUF_AUTO struct buf texts = {0};
	uint32_t argc, envc;

	buf_add(&texts, program->directory, strlen(program->directory) + 1);
	argc = add_texts(&texts, program->argv);
	envc = add_texts(&texts, program->environment);
	if (AGENT_START_HEAD + texts.len > AGENT_START_MAX)
		return E2BIG;
	frame_put32(&head, program->flags);
	frame_put16(&head, program->rows);
	frame_put16(&head, program->columns);
	frame_put32(&head, argc);
	frame_put32(&head, envc);
	frame_put64(&head, program->output_bound);
	buf_add(&head, texts.data, texts.len);
	add_order(link, command, AGENT_START, 0, head.data, head.len);
	agent_link_watch(link, command, 0, 0);
	watched_of(link, command)->serial = link->next_serial;
	return 0;
}

void agent_link_open(struct agent_link *link, uint32_t channel, const char *address, uint16_t port,
		     bool datagrams)
{
	char *argv[] = {(char *)address, NULL};
	struct agent_link_program program = {
		.flags = AGENT_START_STDIN | (datagrams ? AGENT_START_UDP : AGENT_START_TCP),
		.rows = port,
		.output_bound = 2 * AGENT_OUTPUT_WINDOW,
		.directory = "",
		.argv = argv,
	};

	agent_link_start(link, channel, &program);
	agent_link_allow(link, channel, AGENT_CHANNEL_WINDOW);
	watched_of(link, channel)->acknowledged[1] = AGENT_CHANNEL_WINDOW;
}

/* A channel has no stderr: its place is the limit's. */
void agent_link_allow(struct agent_link *link, uint32_t channel, uint64_t limit)
{
	struct watched *watched = watched_of(link, channel);

	if (watched && limit > watched->received[1])
		watched->received[1] = limit;
}

size_t agent_link_input_room(struct agent_link *link, uint32_t command)
{
	struct watched *watched = watched_of(link, command);

	return watched ? AGENT_INPUT_WINDOW - (size_t)(watched->given - watched->taken) : 0;
}

size_t agent_link_input(struct agent_link *link, uint32_t command, const void *data, size_t len, bool end)
{
	const size_t piece = AGENT_WEBSOCKET_MESSAGE_MAX - AGENT_HEAD_SIZE - AGENT_FRAME_SIZE;
	struct watched *watched = watched_of(link, command);
	size_t room = agent_link_input_room(link, command), taken = len < room ? len : room;

	if (!watched)
		return len;
	for (size_t done = 0; done < taken || (end && taken == len); done += piece) {
		size_t part = taken - done < piece ? taken - done : piece;
		bool last = end && taken == len && done + part == taken;

		add_order(link, command, AGENT_STDIN, last ? AGENT_END : 0, (const char *)data + done, part);
		if (last)
			break;
	}
	watched->given += taken;
	return taken;
}

void agent_link_kill(struct agent_link *link, uint32_t command, int signum, uint32_t grace_ms)
{
	BUF_AUTO struct buf payload = {0};

	frame_put32(&payload, (uint32_t)signum);
	frame_put32(&payload, grace_ms);
	add_order(link, command, AGENT_KILL, 0, payload.data, payload.len);
}

void agent_link_resize(struct agent_link *link, uint32_t command, uint16_t rows, uint16_t columns)
{
	BUF_AUTO struct buf payload = {0};

	frame_put16(&payload, rows);
	frame_put16(&payload, columns);
	add_order(link, command, AGENT_WINSIZE, 0, payload.data, payload.len);
}

void agent_link_quit(struct agent_link *link)
{
	add_order(link, 0, AGENT_QUIT, 0, NULL, 0);
}

bool agent_link_has_orders(const struct agent_link *link)
{
	if (link->open_urgent)
		return true;
	for (const struct orders *orders = link->orders; orders; orders = orders->next)
		if (!orders->sent && orders->urgent)
			return true;
	return false;
}

unsigned agent_link_commands(const struct agent_link *link)
{
	return HASH_COUNT(link->watched);
}

/* --- what the carriers send ------------------------------------------------------------------------------------- */

/* Asks for the commands whose start the agent has read by then, which is up to the order `heard`. */
static void add_poll(struct agent_link *link, struct buf *out, uint32_t heard, uint32_t hold_ms,
		     uint32_t quiet_ms)
{
	BUF_AUTO struct buf payload = {0};
	struct watched *watched, *next;
	size_t begin;

	frame_put32(&payload, hold_ms);
	frame_put32(&payload, quiet_ms);
	HASH_ITER (hh, link->watched, watched, next) {
		if ((int32_t)(watched->serial - heard) > 0)
			continue;
		frame_put32(&payload, watched->id);
		frame_put64(&payload, watched->received[0]);
		frame_put64(&payload, watched->received[1]);
	}
	begin = frame_begin_message(out, 0, 0);
	frame_add(out, 0, AGENT_POLL, 0, NULL, 0, payload.data, payload.len);
	frame_end_message(out, begin);
}

void agent_link_compose_call(struct agent_link *link, struct buf *out, size_t most, uint32_t hold_ms,
			     uint32_t quiet_ms)
{
	uint32_t heard;

	close_message(link);
	heard = link->next_serial - 1;
	for (struct orders *orders = link->orders; orders; orders = orders->next) {
		if (out->len && out->len + orders->bytes.len > most) {
			heard = orders->serial - 1;
			break;
		}
		buf_add(out, orders->bytes.data, orders->bytes.len);
		orders->sent = true;
	}
	add_poll(link, out, heard, hold_ms, quiet_ms);
}

void agent_link_compose_hello(struct agent_link *link, struct buf *out)
{
	size_t begin = frame_begin_message(out, 0, 0);

	frame_add(out, 0, AGENT_HELLO, AGENT_ATTACH, link->greeting, sizeof link->greeting, NULL, 0);
	frame_end_message(out, begin);
	agent_link_detach(link);
}

void agent_link_compose_beat(struct agent_link *link, struct buf *out)
{
	size_t begin = frame_begin_message(out, 0, 0);

	frame_add(out, 0, AGENT_BEAT, 0, NULL, 0, NULL, 0);
	frame_end_message(out, begin);
}

bool agent_link_is_attached(const struct agent_link *link)
{
	return link->attached;
}

bool agent_link_has_left(const struct agent_link *link)
{
	return link->left;
}

void agent_link_detach(struct agent_link *link)
{
	link->attached = link->left = false;
	link->flying = 0;
	for (struct orders *orders = link->orders; orders; orders = orders->next)
		orders->sent = false;
}

static void add_acknowledgements(struct agent_link *link, struct buf *out)
{
	struct watched *watched, *next;
	size_t begin = 0;
	bool begun = false;

	HASH_ITER (hh, link->watched, watched, next) {
		BUF_AUTO struct buf payload = {0};

		if (memcmp(watched->received, watched->acknowledged, sizeof watched->received) == 0)
			continue;
		if (out->len > AGENT_WEBSOCKET_MESSAGE_MAX / 2)
			break;
		if (!begun)
			begin = frame_begin_message(out, 0, 0);
		begun = true;
		frame_put64(&payload, watched->received[0]);
		frame_put64(&payload, watched->received[1]);
		frame_add(out, watched->id, AGENT_ACK, 0, NULL, 0, payload.data, payload.len);
		memcpy(watched->acknowledged, watched->received, sizeof watched->received);
	}
	if (begun)
		frame_end_message(out, begin);
}

bool agent_link_compose_message(struct agent_link *link, struct buf *out)
{
	if (!link->attached)
		return false;
	close_message(link);
	add_acknowledgements(link, out);
	for (struct orders *orders = link->orders; orders; orders = orders->next) {
		if (orders->sent)
			continue;
		if (out->len + orders->bytes.len > AGENT_WEBSOCKET_MESSAGE_MAX ||
		    link->flying + orders->bytes.len > AGENT_ORDER_WINDOW)
			break;
		buf_add(out, orders->bytes.data, orders->bytes.len);
		orders->sent = true;
		link->flying += orders->bytes.len;
	}
	return out->len > 0;
}

/* --- what the agent says ---------------------------------------------------------------------------------------- */

static void acknowledged(struct agent_link *link, uint32_t serial)
{
	while (link->orders && (int32_t)(link->orders->serial - serial) <= 0) {
		size_t len = link->orders->sent ? link->orders->bytes.len : 0;

		link->flying -= len < link->flying ? len : link->flying;
		drop_orders(link, link->orders);
	}
}

static void welcome(struct agent_link *link, struct frame *frame)
{
	uint32_t next = frame_take32(&frame->payload);

	if (frame->payload.bad)
		return;
	acknowledged(link, next - 1);
	link->attached = true;
}

static void output(struct agent_link *link, struct watched *watched, struct frame *frame)
{
	const struct listener *listener = listener_of(link, watched->id);
	int stream = frame->type == AGENT_STDOUT ? 0 : 1;
	uint64_t offset = frame_take64(&frame->payload), known = watched->received[stream];
	size_t len = frame_left(&frame->payload);

	/* Asked for twice: the part that is known already is passed over. A gap is the agent's mistake: asked again. */
	if (frame->payload.bad || offset > known || offset + len <= known ||
	    (stream == 1 && watched->id & AGENT_CHANNEL))
		return;
	watched->received[stream] = offset + len;
	listener->events.output(listener->context, watched->id, stream + 1,
				frame->payload.at + (known - offset), len - (size_t)(known - offset));
}

static void dropped(struct agent_link *link, struct watched *watched, struct frame *frame)
{
	const struct listener *listener = listener_of(link, watched->id);
	uint8_t stream = frame_take8(&frame->payload);
	uint64_t kept = frame_take64(&frame->payload), known;

	if (frame->payload.bad || stream < 1 || stream > 2 || watched->id & AGENT_CHANNEL)
		return;
	known = watched->received[stream - 1];
	if (kept <= known || kept > INT64_MAX / 2)
		return;
	watched->received[stream - 1] = kept;
	listener->events.dropped(listener->context, watched->id, stream, kept - known);
}

static void exited(struct agent_link *link, struct watched *watched, struct frame *frame)
{
	const struct listener *listener = listener_of(link, watched->id);
	struct frame_view *view = &frame->payload;
	struct agent_link_exit exit;
	uint64_t ends[2];
	uint32_t id = watched->id;

	exit.kind = frame_take32(view);
	exit.value = frame_take32(view);
	ends[0] = frame_take64(view);
	ends[1] = frame_take64(view);
	exit.user_us = frame_take64(view);
	exit.system_us = frame_take64(view);
	exit.max_rss_kb = frame_take32(view);
	exit.lasted_us = frame_take64(view);
	/* An exit that comes before all output is no end: the next poll asks for the rest, and for the exit again. */
	if (view->bad || watched->received[0] < ends[0] || watched->received[1] < ends[1])
		return;
	unwatch(link, watched);
	add_order(link, id, AGENT_FORGET, 0, NULL, 0);
	listener->events.exited(listener->context, id, &exit);
}

static void credit(struct agent_link *link, struct watched *watched, struct frame *frame)
{
	const struct listener *listener = listener_of(link, watched->id);
	uint64_t taken = frame_take64(&frame->payload);
	bool closed = frame_take8(&frame->payload);

	if (frame->payload.bad || taken > watched->given || taken < watched->taken)
		return;
	watched->taken = taken;
	watched->input_closed = closed;
	listener->events.input_room(listener->context, watched->id, agent_link_input_room(link, watched->id),
				    closed);
}

static void shut(struct agent_link *link, struct watched *watched, struct frame *frame)
{
	const struct listener *listener = listener_of(link, watched->id);
	uint64_t end = frame_take64(&frame->payload);

	if (!frame->payload.bad && watched->id & AGENT_CHANNEL && watched->received[0] == end)
		listener->events.shut(listener->context, watched->id);
}

static void take_frame(struct agent_link *link, struct frame *frame)
{
	static void (*const takers[])(struct agent_link *, struct watched *, struct frame *) = {
		[AGENT_STDOUT] = output, [AGENT_STDERR] = output, [AGENT_DROPPED] = dropped,
		[AGENT_EXIT] = exited,   [AGENT_CREDIT] = credit, [AGENT_SHUT] = shut,
	};
	struct watched *watched = watched_of(link, frame->channel);

	if (frame->type == AGENT_WELCOME)
		welcome(link, frame);
	else if (frame->type == AGENT_GOODBYE)
		link->left = true;
	else if (watched && frame->type < sizeof takers / sizeof *takers && takers[frame->type])
		takers[frame->type](link, watched, frame);
}

static int take_message(struct agent_link *link, const char *data, const struct frame_message *message,
			struct buf *why)
{
	struct frame_view view = frame_view_of(data + AGENT_HEAD_SIZE, message->size - AGENT_HEAD_SIZE);
	struct frame frame;

	while (frame_next(&view, &frame)) {
		if (frame.type == AGENT_REFUSED) {
			buf_add(why, frame.payload.at, frame_left(&frame.payload));
			return -1;
		}
		take_frame(link, &frame);
	}
	acknowledged(link, message->ack);
	return view.bad ? -1 : 0;
}

int agent_link_receive(struct agent_link *link, const void *data, size_t len, size_t *used, struct buf *why)
{
	struct frame_message message;
	int whole;

	*used = 0;
	while ((whole = frame_peek_message((const char *)data + *used, len - *used, &message)) == 1) {
		if (take_message(link, (const char *)data + *used, &message, why) < 0)
			return -1;
		*used += message.size;
	}
	return whole;
}
