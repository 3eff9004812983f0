#include "core/agent/call.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/agent/envelope.h"
#include "core/agent/frame.h"
#include "core/agent/token.h"

enum { CALL_MALFORMED = 64, CALL_NO_AGENT = 69, CALL_CUT_SHORT = 70, ANSWER_S = 60 };

static int connect_agent(const char *directory)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "socket"};
	struct timeval patience = {.tv_sec = ANSWER_S};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd >= 0 && (chdir(directory) < 0 || connect(fd, (void *)&address, sizeof address) < 0)) {
		close(fd);
		return -1;
	}
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	return fd;
}

static int add_hello(struct buf *out, const char *session)
{
	static const char digits[] = "0123456789abcdef";
	uint8_t secret[AGENT_TOKEN_SIZE + AGENT_SESSION_SIZE];
	size_t begin;

	if (token_read(secret) < 0 || strlen(session) != 2 * AGENT_SESSION_SIZE)
		return -1;
	for (unsigned i = 0; i < 2 * AGENT_SESSION_SIZE; i++) {
		const char *digit = memchr(digits, session[i], 16);
		uint8_t *byte = &secret[AGENT_TOKEN_SIZE + i / 2];

		if (!digit)
			return -1;
		*byte = (uint8_t)(*byte << 4 | (digit - digits));
	}
	begin = frame_begin_message(out, 0, 0);
	frame_add(out, 0, AGENT_HELLO, 0, secret, sizeof secret, NULL, 0);
	frame_end_message(out, begin);
	return 0;
}

static int send_all(int fd, const struct buf *out)
{
	size_t done = 0;

	while (done < out->len) {
		ssize_t n = send(fd, out->data + done, out->len - done, MSG_NOSIGNAL);

		if (n < 0 && errno != EINTR)
			return -1;
		done += n > 0 ? (size_t)n : 0;
	}
	return 0;
}

/* A poll's answer is the only message with a BEAT in this conversation: it is the last one. */
static bool is_last(const char *message, size_t len)
{
	struct frame_view view = frame_view_of(message + AGENT_HEAD_SIZE, len - AGENT_HEAD_SIZE);
	struct frame frame;

	while (frame_next(&view, &frame))
		if (frame.type == AGENT_BEAT || frame.type == AGENT_REFUSED)
			return true;
	return false;
}

static int receive_answers(int fd, struct buf *text)
{
	BUF_AUTO struct buf in = {0};
	struct frame_message message;
	static char data[64 << 10];

	for (;;) {
		ssize_t n;

		while (frame_peek_message(in.data, in.len, &message) == 1) {
			bool last = is_last(in.data, message.size);

			envelope_write(text, in.data, message.size);
			buf_drop(&in, message.size);
			if (last)
				return 0;
		}
		n = recv(fd, data, sizeof data, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -1;
		buf_add(&in, data, (size_t)n);
	}
}

static void print(const struct buf *text)
{
	for (size_t done = 0; done < text->len;) {
		ssize_t n = write(1, text->data + done, text->len - done);

		if (n < 0 && errno != EINTR)
			return;
		done += n > 0 ? (size_t)n : 0;
	}
}

int call_main(const char *directory, const char *session, char **parts)
{
	BUF_AUTO struct buf out = {0};
	BUF_AUTO struct buf text = {0};
	int fd = connect_agent(directory);

	if (fd < 0)
		return CALL_NO_AGENT;
	if (add_hello(&out, session) < 0)
		return CALL_MALFORMED;
	for (; *parts; parts++)
		if (envelope_unbase64(&out, *parts, strlen(*parts)) < 0)
			return CALL_MALFORMED;
	if (send_all(fd, &out) < 0 || receive_answers(fd, &text) < 0)
		return CALL_CUT_SHORT;
	print(&text);
	return 0;
}
