#include "core/agent/channel.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { READ_SIZE = 64 << 10 };

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

static socklen_t parse(union address *address, const char *text, uint16_t port)
{
	memset(address, 0, sizeof *address);
	if (inet_pton(AF_INET, text, &address->v4.sin_addr) == 1) {
		address->v4.sin_family = AF_INET;
		address->v4.sin_port = htons(port);
		return sizeof address->v4;
	}
	if (inet_pton(AF_INET6, text, &address->v6.sin6_addr) == 1) {
		address->v6.sin6_family = AF_INET6;
		address->v6.sin6_port = htons(port);
		return sizeof address->v6;
	}
	return 0;
}

static void close_one(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void channel_end(struct job *job, uint32_t error)
{
	struct linger linger = {.l_onoff = 1};

	if (job->ended)
		return;
	if (error && job->output[JOB_STDOUT] >= 0)
		setsockopt(job->output[JOB_STDOUT], SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
	job_close_input(job);
	close_one(&job->output[JOB_STDOUT]);
	job_end(job, error ? AGENT_NOT_RUN : AGENT_EXITED, error);
}

void channel_open(struct job *job, const char *address, uint16_t port, bool datagrams)
{
	union address to;
	socklen_t len = parse(&to, address, port);
	int fd, on = 1;

	job->channel = true;
	job->datagrams = datagrams;
	job->limit = AGENT_CHANNEL_WINDOW;
	if (!len) {
		channel_end(job, EADDRNOTAVAIL);
		return;
	}
	fd = socket(to.any.sa_family, (datagrams ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC | SOCK_NONBLOCK,
		    0);
	job->input = fd;
	job->output[JOB_STDOUT] = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 3);
	if (job->output[JOB_STDOUT] < 0 || (connect(fd, &to.any, len) < 0 && errno != EINPROGRESS)) {
		channel_end(job, (uint32_t)errno);
		return;
	}
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

/* What the kernel does not take is lost, as datagrams are. */
void channel_send(struct job *job, const void *datagram, size_t len)
{
	job->taken += len;
	if (len)
		send(job->input, datagram, len, MSG_DONTWAIT | MSG_NOSIGNAL);
}

void channel_shut(struct job *job)
{
	shutdown(job->input, SHUT_WR);
	job_close_input(job);
	if (job->output[JOB_STDOUT] < 0)
		channel_end(job, 0);
}

bool channel_read(struct job *job)
{
	static char data[2 + READ_SIZE];
	ssize_t n = recv(job->output[JOB_STDOUT], data + 2, READ_SIZE, MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR || job->datagrams)) /* an ICMP error ends no flow */
		return false;
	if (n < 0) {
		channel_end(job, (uint32_t)errno);
		return true;
	}
	job->output_ms = job_now_ms();
	if (job->datagrams) {
		data[0] = (char)n;
		data[1] = (char)(n >> 8);
		ring_add(&job->rings[JOB_STDOUT], data, (size_t)n + 2);
	} else if (n) {
		ring_add(&job->rings[JOB_STDOUT], data + 2, (size_t)n);
	} else {
		close_one(&job->output[JOB_STDOUT]);
		if (job->input < 0)
			channel_end(job, 0);
	}
	return true;
}
