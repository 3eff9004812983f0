#include "core/agent/conn.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/agent/job.h"
#include "core/mem.h"

enum { READ_SIZE = 64 << 10 };

struct conn *conn_new(int fd)
{
	struct conn *conn = mem_alloc(sizeof *conn);

	conn->fd = fd;
	conn->heard_ms = conn->spoke_ms = job_now_ms();
	return conn;
}

void conn_free(struct conn *conn)
{
	close(conn->fd);
	buf_free(&conn->in);
	buf_free(&conn->out);
	buf_free(&conn->poll);
	free(conn);
}

void conn_read(struct conn *conn)
{
	static char data[READ_SIZE];
	ssize_t n;

	do
		n = recv(conn->fd, data, sizeof data, MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n > 0) {
		conn->heard_ms = job_now_ms();
		if (!conn->closing)
			buf_add(&conn->in, data, (size_t)n);
	} else if (n == 0 || errno != EAGAIN) {
		conn->dead = true;
	}
}

void conn_write(struct conn *conn)
{
	size_t done = 0;

	while (done < conn->out.len) {
		ssize_t n = send(conn->fd, conn->out.data + done, conn->out.len - done,
				 MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno != EAGAIN)
			conn->dead = true;
		if (n <= 0)
			break;
		done += (size_t)n;
		conn->spoke_ms = job_now_ms();
	}
	buf_drop(&conn->out, done);
	if (!conn->out.len) {
		buf_free(&conn->out);
		conn->dead |= conn->closing;
	}
}

void conn_refuse(struct conn *conn, const char *sentence)
{
	size_t begin = frame_begin_message(&conn->out, 0, 0);

	frame_add(&conn->out, 0, AGENT_REFUSED, 0, NULL, 0, sentence, strlen(sentence));
	frame_end_message(&conn->out, begin);
	conn->closing = true;
	conn->attached = false;
	buf_free(&conn->in);
	buf_free(&conn->poll);
}
