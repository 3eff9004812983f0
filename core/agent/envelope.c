#include "core/agent/envelope.h"

#include <string.h>

#include "core/agent/frame.h"

static const char base64_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char hex_digits[] = "0123456789abcdef";

void envelope_base64(struct buf *out, const void *data, size_t len)
{
	const uint8_t *in = data;

	for (size_t i = 0; i < len; i += 3) {
		size_t left = len - i;
		uint32_t bits = (uint32_t)in[i] << 16 | (uint32_t)(left > 1 ? in[i + 1] : 0) << 8 |
				(uint32_t)(left > 2 ? in[i + 2] : 0);
		char quad[4] = {base64_digits[bits >> 18], base64_digits[bits >> 12 & 63],
				left > 1 ? base64_digits[bits >> 6 & 63] : '=',
				left > 2 ? base64_digits[bits & 63] : '='};

		buf_add(out, quad, sizeof quad);
	}
}

static int base64_value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

int envelope_unbase64(struct buf *out, const char *text, size_t len)
{
	if (len % 4)
		return -1;
	for (size_t i = 0; i < len; i += 4) {
		unsigned padding = i + 4 < len ? 0 : text[i + 2] == '=' ? 2 : text[i + 3] == '=';
		uint32_t bits = 0;
		char bytes[3];

		for (unsigned k = 0; k < 4; k++) {
			int value = k < 4 - padding ? base64_value(text[i + k]) : text[i + k] == '=' ? 0 : -1;

			if (value < 0)
				return -1;
			bits = bits << 6 | (uint32_t)value;
		}
		for (unsigned k = 0; k < 3; k++)
			bytes[k] = (char)(bits >> (16 - 8 * k));
		buf_add(out, bytes, 3 - padding);
	}
	return 0;
}

/* Length of the UTF-8 character at `at`, 0 when there is none (overlong, surrogate, cut off, or NUL). */
static size_t character(const uint8_t *at, size_t len)
{
	static const uint32_t least[] = {0, 1, 0x80, 0x800, 0x10000};
	size_t size = at[0] < 0x80       ? 1
		      : at[0] >> 5 == 6  ? 2
		      : at[0] >> 4 == 14 ? 3
		      : at[0] >> 3 == 30 ? 4
					 : 0;
	uint32_t code = size == 1 ? at[0] : at[0] & (0x7f >> size);

	if (!size || size > len)
		return 0;
	for (size_t i = 1; i < size; i++) {
		if (at[i] >> 6 != 2)
			return 0;
		code = code << 6 | (at[i] & 63);
	}
	return code < least[size] || code > 0x10ffff || code >> 11 == 0x1b ? 0 : size;
}

static int is_text(const uint8_t *data, size_t len)
{
	for (size_t i = 0, n; i < len; i += n)
		if (!(n = character(data + i, len - i)))
			return 0;
	return 1;
}

static void put_number(struct buf *out, uint64_t number)
{
	char digits[20];
	unsigned at = sizeof digits;

	do
		digits[--at] = (char)('0' + number % 10);
	while (number /= 10);
	buf_add(out, digits + at, sizeof digits - at);
}

static void put_hex(struct buf *out, const uint8_t *data, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		buf_addc(out, hex_digits[data[i] >> 4]);
		buf_addc(out, hex_digits[data[i] & 15]);
	}
	if (!len)
		buf_addc(out, '-');
}

static int is_output(uint8_t type)
{
	return type == AGENT_STDOUT || type == AGENT_STDERR;
}

static void write_frame(struct buf *out, const struct frame *frame)
{
	const uint8_t *data = frame->payload.at;
	size_t len = frame_left(&frame->payload), head = is_output(frame->type) && len > 8 ? 8 : len;
	int text = is_text(data + head, len - head);
	uint64_t numbers[] = {frame->channel, frame->type, frame->flags};

	for (unsigned i = 0; i < 3; i++) {
		put_number(out, numbers[i]);
		buf_addc(out, ' ');
	}
	put_hex(out, data, head);
	buf_adds(out, text ? " t " : " b ");
	put_number(out, text ? len - head : (len - head + 2) / 3 * 4);
	buf_addc(out, '\n');
	if (text)
		buf_add(out, data + head, len - head);
	else
		envelope_base64(out, data + head, len - head);
	buf_addc(out, '\n');
}

void envelope_write(struct buf *out, const void *message, size_t len)
{
	struct frame_message head;
	struct frame_view view =
		frame_view_of((const char *)message + AGENT_HEAD_SIZE, len - AGENT_HEAD_SIZE);
	struct frame frame;

	if (frame_peek_message(message, len, &head) != 1)
		return;
	buf_adds(out, "message ");
	put_number(out, head.serial);
	buf_addc(out, ' ');
	put_number(out, head.ack);
	buf_addc(out, '\n');
	while (frame_next(&view, &frame))
		write_frame(out, &frame);
}

/* --- reading -------------------------------------------------------------------------------------------------- */

struct reader {
	const char *at, *end;
};

static int read_number(struct reader *reader, uint64_t most, uint64_t *number)
{
	const char *begin = reader->at;

	*number = 0;
	for (; reader->at < reader->end && *reader->at >= '0' && *reader->at <= '9'; reader->at++) {
		*number = *number * 10 + (uint64_t)(*reader->at - '0');
		if (*number > most)
			return -1;
	}
	return reader->at == begin ? -1 : 0;
}

static int read_char(struct reader *reader, char c)
{
	if (reader->at == reader->end || *reader->at != c)
		return -1;
	reader->at++;
	return 0;
}

static int read_hex(struct reader *reader, struct buf *out)
{
	if (read_char(reader, '-') == 0)
		return 0;
	while (reader->end - reader->at >= 2 && *reader->at != ' ') {
		const char *high = memchr(hex_digits, reader->at[0], 16),
			   *low = memchr(hex_digits, reader->at[1], 16);

		if (!high || !low)
			return -1;
		buf_addc(out, (char)((high - hex_digits) << 4 | (low - hex_digits)));
		reader->at += 2;
	}
	return 0;
}

static int read_frame(struct reader *reader, struct buf *out)
{
	static const uint64_t most[] = {UINT32_MAX, UINT8_MAX, UINT8_MAX};
	BUF_AUTO struct buf payload = {0};
	uint64_t numbers[3], length;
	int text;

	for (unsigned i = 0; i < 3; i++)
		if (read_number(reader, most[i], &numbers[i]) < 0 || read_char(reader, ' ') < 0)
			return -1;
	if (read_hex(reader, &payload) < 0 || read_char(reader, ' ') < 0)
		return -1;
	text = read_char(reader, 't') == 0;
	if ((!text && read_char(reader, 'b') < 0) || read_char(reader, ' ') < 0 ||
	    read_number(reader, 2 * AGENT_MESSAGE_MAX, &length) < 0 || read_char(reader, '\n') < 0 ||
	    length > (uint64_t)(reader->end - reader->at))
		return -1;
	if (text)
		buf_add(&payload, reader->at, length);
	else if (envelope_unbase64(&payload, reader->at, length) < 0)
		return -1;
	reader->at += length;
	if (read_char(reader, '\n') < 0)
		return -1;
	frame_add(out, (uint32_t)numbers[0], (uint8_t)numbers[1], (uint8_t)numbers[2], NULL, 0, payload.data,
		  payload.len);
	return 0;
}

static int read_message(struct reader *reader, struct buf *out)
{
	static const char word[] = "message ";
	uint64_t serial, ack;
	size_t begin;

	for (const char *letter = word; *letter; letter++)
		if (read_char(reader, *letter) < 0)
			return -1;
	if (read_number(reader, UINT32_MAX, &serial) < 0 || read_char(reader, ' ') < 0 ||
	    read_number(reader, UINT32_MAX, &ack) < 0 || read_char(reader, '\n') < 0)
		return -1;
	begin = frame_begin_message(out, (uint32_t)serial, (uint32_t)ack);
	/* A frame begins with a digit: the next message does not. */
	while (reader->at < reader->end && *reader->at != word[0])
		if (read_frame(reader, out) < 0 || out->len - begin > AGENT_MESSAGE_MAX)
			return -1;
	frame_end_message(out, begin);
	return 0;
}

int envelope_read(struct buf *out, const char *text, size_t len)
{
	struct reader reader = {text, text + len};

	while (reader.at < reader.end)
		if (read_message(&reader, out) < 0)
			return -1;
	return 0;
}
