#include "fs/daemonise.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A parent that hears nothing has a child that died. */
static void parent_wait(int fd)
{
	char text[ERR_TEXT_MAX + 1] = "";
	size_t len = 0;
	ssize_t got;

	while (len < sizeof text - 1 && (got = read(fd, text + len, sizeof text - 1 - len)) != 0) {
		if (got < 0 && errno != EINTR)
			break;
		len += got > 0 ? (size_t)got : 0;
	}
	text[len] = '\0';
	if (strcmp(text, "\n") == 0)
		_exit(EXIT_SUCCESS);
	fprintf(stderr, "golemfs: %s\n", len ? text : "it ended before it was mounted");
	_exit(EXIT_FAILURE);
}

int daemonise(void)
{
	int pipes[2];
	pid_t pid;

	if (pipe2(pipes, O_CLOEXEC) < 0)
		return -1;
	pid = fork();
	if (pid > 0) {
		close(pipes[1]);
		parent_wait(pipes[0]);
	}
	close(pipes[0]);
	if (pid < 0) {
		close(pipes[1]);
		return -1;
	}
	setsid();
	return pipes[1];
}

static void leave_terminal(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (int fd = 0; null >= 0 && fd <= 2; fd++)
		dup2(null, fd);
	if (null > 2)
		close(null);
}

void daemonise_report(int fd, const struct err *err)
{
	if (err)
		(void)!write(fd, err->text, strlen(err->text));
	else
		(void)!write(fd, "\n", 1);
	close(fd);
	if (!err)
		leave_terminal();
}
