#include "tests/devnet/namespace.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

pid_t namespace_fork(unsigned long namespaces)
{
	if (namespaces && geteuid() != 0)
		namespaces |= CLONE_NEWUSER;
	return (pid_t)syscall(SYS_clone, namespaces | SIGCHLD, NULL, NULL, NULL, NULL);
}

static int write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	size_t len = strlen(text);
	ssize_t done = write(fd, text, len);
	close(fd);
	return done == (ssize_t)len ? 0 : -1;
}

/* Allowed to everybody for exactly one id each. */
int namespace_map_user(unsigned uid, unsigned gid)
{
	char map[64];
	if (write_text("/proc/self/setgroups", "deny"))
		return -1;
	snprintf(map, sizeof(map), "0 %u 1\n", gid);
	if (write_text("/proc/self/gid_map", map))
		return -1;
	snprintf(map, sizeof(map), "0 %u 1\n", uid);
	return write_text("/proc/self/uid_map", map);
}

void namespace_lead_nowhere(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	for (int fd = STDIN_FILENO; null >= 0 && fd <= STDERR_FILENO; fd++)
		dup2(null, fd);
	if (null > STDERR_FILENO)
		close(null);
}

void namespace_keep(int *socket, int *other)
{
	int kept = fcntl(*socket, F_DUPFD_CLOEXEC, 5);
	int second = *other < 0 ? -1 : fcntl(*other, F_DUPFD_CLOEXEC, 5);
	dup3(kept, 3, O_CLOEXEC);
	*socket = 3;
	if (second >= 0)
		*other = dup3(second, 4, O_CLOEXEC);
	syscall(SYS_close_range, second >= 0 ? 5u : 4u, ~0u, 0u);
	namespace_lead_nowhere();
}

int namespace_send(int socket, const void *data, size_t len, const int *fds, unsigned count)
{
	union {
		struct cmsghdr head;
		char space[CMSG_SPACE(sizeof(int) * NAMESPACE_FDS_MAX)];
	} control = {0};
	struct iovec part = {(void *)data, len};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
	if (count) {
		message.msg_control = &control;
		message.msg_controllen = CMSG_SPACE(sizeof(int) * count);
		control.head.cmsg_level = SOL_SOCKET;
		control.head.cmsg_type = SCM_RIGHTS;
		control.head.cmsg_len = CMSG_LEN(sizeof(int) * count);
		memcpy(CMSG_DATA(&control.head), fds, sizeof(int) * count);
	}
	ssize_t sent;
	do
		sent = sendmsg(socket, &message, MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	return sent == (ssize_t)len ? 0 : -1;
}

ssize_t namespace_receive(int socket, void *data, size_t len, int *fds, unsigned *count, int flags)
{
	union {
		struct cmsghdr head;
		char space[CMSG_SPACE(sizeof(int) * NAMESPACE_FDS_MAX)];
	} control = {0};
	struct iovec part = {data, len};
	struct msghdr message = {.msg_iov = &part,
				 .msg_iovlen = 1,
				 .msg_control = &control,
				 .msg_controllen = sizeof(control.space)};
	ssize_t got;
	do
		got = recvmsg(socket, &message, flags | MSG_CMSG_CLOEXEC);
	while (got < 0 && errno == EINTR);
	unsigned most = *count;
	*count = 0;
	struct cmsghdr *head = got > 0 ? CMSG_FIRSTHDR(&message) : NULL;
	if (!head || head->cmsg_type != SCM_RIGHTS)
		return got;
	unsigned came = (unsigned)((head->cmsg_len - CMSG_LEN(0)) / sizeof(int));
	for (unsigned i = 0; i < came; i++) {
		int fd;
		memcpy(&fd, CMSG_DATA(head) + i * sizeof(int), sizeof(int));
		if (i < most)
			fds[(*count)++] = fd;
		else
			close(fd);
	}
	return got;
}
