#include "tests/devnet/websocket.h"

#include <string.h>
#include <wslay/wslay.h>

#include "core/mem.h"
#include "tests/devnet/connection.h"
#include "tests/devnet/devnet.h"

/* reference/yagna-api.md 6.4; a client that was sent a Close has 5 s to hang up. */
enum { PING_MS = 5000, SILENCE_MS = 10000, CLOSE_MS = 5000, CODE_NONE = 1005, CODE_PROTOCOL = 1002 };

struct websocket {
	struct connection *connection;
	const struct websocket_manner *manner;
	void *context;
	wslay_frame_context_ptr frames;
	struct buf *in; /* what the library reads from, during websocket_feed() */
	struct buf out; /* what it writes to, during a send */
	size_t in_used;
	struct buf message; /* of the frame under way */
	uint8_t opcode;     /* of that frame */
	uint64_t heard_ms;
	struct loop_timer *beat;
	bool ending; /* nothing is sent or told any more, but for `gone` */
};

static ssize_t give(uint8_t *data, size_t len, int flags, void *context)
{
	struct websocket *websocket = context;
	size_t left = websocket->in->len - websocket->in_used;
	size_t take = left < len ? left : len;
	memcpy(data, websocket->in->data + websocket->in_used, take);
	websocket->in_used += take;
	return take ? (ssize_t)take : -1;
}

static ssize_t take(const uint8_t *data, size_t len, int flags, void *context)
{
	struct websocket *websocket = context;
	buf_add(&websocket->out, data, len);
	return (ssize_t)len;
}

static int no_mask(uint8_t *buf, size_t len, void *context)
{
	return -1; /* a server masks nothing */
}

struct websocket *websocket_new(struct connection *connection)
{
	static const struct wslay_frame_callbacks callbacks = {
		.send_callback = take, .recv_callback = give, .genmask_callback = no_mask};
	struct websocket *websocket = mem_alloc(sizeof(*websocket));
	websocket->connection = connection;
	if (wslay_frame_context_init(&websocket->frames, &callbacks, websocket)) {
		fprintf(stderr, "golem-devnet: out of memory\n");
		abort();
	}
	return websocket;
}

/* One whole frame. */
static void send_frame(struct websocket *websocket, uint8_t opcode, const void *data, size_t len)
{
	struct wslay_frame_iocb frame = {
		.fin = 1, .opcode = opcode, .payload_length = len, .data = data, .data_length = len};
	buf_clear(&websocket->out);
	if (wslay_frame_send(websocket->frames, &frame) == (ssize_t)len)
		connection_write(websocket->connection, websocket->out.data, websocket->out.len);
}

void websocket_gone(struct websocket *websocket)
{
	loop_cancel(&websocket->beat);
	if (websocket->manner && websocket->manner->gone)
		websocket->manner->gone(websocket, websocket->context);
	wslay_frame_context_free(websocket->frames);
	buf_free(&websocket->out);
	buf_free(&websocket->message);
	free(websocket);
}

void websocket_mute(struct websocket *websocket)
{
	websocket->ending = true;
	loop_cancel(&websocket->beat);
}

void websocket_end(struct websocket *websocket)
{
	websocket->ending = true;
	connection_drop(websocket->connection);
}

static void on_close_late(void *context)
{
	struct websocket *websocket = context;
	websocket->beat = NULL;
	connection_drop(websocket->connection);
}

void websocket_close(struct websocket *websocket, unsigned code, const char *reason)
{
	uint8_t payload[125] = {(uint8_t)(code >> 8), (uint8_t)code};
	size_t len = strnlen(reason, sizeof(payload) - 2);
	if (websocket->ending)
		return;
	memcpy(payload + 2, reason, len);
	send_frame(websocket, WSLAY_CONNECTION_CLOSE, payload, len + 2);
	websocket->ending = true;
	loop_cancel(&websocket->beat);
	websocket->beat = loop_after(websocket->connection->devnet->loop, CLOSE_MS, on_close_late, websocket);
}

void websocket_send(struct websocket *websocket, const void *data, size_t len)
{
	if (!websocket->ending)
		send_frame(websocket, WSLAY_BINARY_FRAME, data, len);
}

size_t websocket_queued(const struct websocket *websocket)
{
	return websocket->connection->queued;
}

void websocket_pause(struct websocket *websocket, bool paused)
{
	connection_pause(websocket->connection, paused);
}

static void on_beat(void *context)
{
	struct websocket *websocket = context;
	struct loop *loop = websocket->connection->devnet->loop;
	websocket->beat = NULL;
	if (loop_now_ms(loop) - websocket->heard_ms > SILENCE_MS) {
		websocket_end(websocket);
		return;
	}
	send_frame(websocket, WSLAY_PING, "", 0);
	websocket->beat = loop_after(loop, PING_MS, on_beat, websocket);
}

void websocket_begin(struct websocket *websocket, const struct websocket_manner *manner, void *context)
{
	struct loop *loop = websocket->connection->devnet->loop;
	websocket->manner = manner;
	websocket->context = context;
	websocket->heard_ms = loop_now_ms(loop);
	if (manner->heartbeat)
		websocket->beat = loop_after(loop, PING_MS, on_beat, websocket);
}

static void refuse_frame(struct websocket *websocket, unsigned code, const char *reason)
{
	if (code)
		websocket_close(websocket, code, reason ? reason : "");
	else
		websocket_end(websocket);
}

static void on_close_frame(struct websocket *websocket)
{
	const struct websocket_manner *manner = websocket->manner;
	const struct buf *message = &websocket->message;
	const unsigned char *data = (const unsigned char *)buf_text(message);
	unsigned code = message->len >= 2 ? (unsigned)(data[0] << 8 | data[1]) : CODE_NONE;
	MEM_AUTO char *reason = mem_strdup(message->len > 2 ? (const char *)data + 2 : "");
	if (manner->echo_close)
		send_frame(websocket, WSLAY_CONNECTION_CLOSE, data, message->len);
	websocket->ending = true;
	if (manner->close)
		manner->close(websocket, websocket->context, code, reason);
	if (manner->echo_close)
		connection_finish(websocket->connection);
}

static void on_frame(struct websocket *websocket)
{
	const struct websocket_manner *manner = websocket->manner;
	const struct buf *message = &websocket->message;
	switch (websocket->opcode) {
	case WSLAY_PING:
		send_frame(websocket, WSLAY_PONG, buf_text(message), message->len);
		break;
	case WSLAY_CONNECTION_CLOSE:
		on_close_frame(websocket);
		break;
	case WSLAY_TEXT_FRAME:
	case WSLAY_BINARY_FRAME:
		if (manner->message)
			manner->message(websocket, websocket->context, websocket->opcode == WSLAY_TEXT_FRAME,
					buf_text(message), message->len);
		break;
	default:
		break;
	}
}

/* Refuses what the framework does not take; false: the frame is not for us. */
static bool check_frame(struct websocket *websocket, const struct wslay_frame_iocb *frame)
{
	const struct websocket_manner *manner = websocket->manner;
	bool control = wslay_is_ctrl_frame(frame->opcode);
	if (!control && (!frame->fin || frame->opcode == WSLAY_CONTINUATION_FRAME))
		refuse_frame(websocket, manner->fragment_code, manner->fragment_reason);
	else if (frame->payload_length > WEBSOCKET_MESSAGE_MAX)
		refuse_frame(websocket, manner->oversize_code, manner->oversize_reason);
	else if (!frame->mask)
		refuse_frame(websocket, CODE_PROTOCOL, "");
	else
		return true;
	return false;
}

/* One step of the library: a piece of a frame. False when there is no more to read. */
static bool receive(struct websocket *websocket)
{
	struct wslay_frame_iocb frame = {0};
	size_t before = websocket->in_used;
	ssize_t got = wslay_frame_recv(websocket->frames, &frame);
	if (got == WSLAY_ERR_WANT_READ)
		return websocket->in_used > before;
	if (got < 0) {
		refuse_frame(websocket, CODE_PROTOCOL, "");
		return false;
	}
	if (!check_frame(websocket, &frame))
		return false;
	websocket->opcode = frame.opcode;
	buf_add(&websocket->message, frame.data, frame.data_length);
	if (websocket->message.len < frame.payload_length)
		return true;
	on_frame(websocket);
	buf_clear(&websocket->message);
	return true;
}

void websocket_feed(struct websocket *websocket, struct buf *in)
{
	websocket->heard_ms = loop_now_ms(websocket->connection->devnet->loop);
	websocket->in = in;
	websocket->in_used = 0;
	while (!websocket->ending && !websocket->connection->closing && receive(websocket))
		;
	size_t used = websocket->ending ? in->len : websocket->in_used;
	websocket->in = NULL;
	buf_drop(in, used < in->len ? used : in->len);
}
