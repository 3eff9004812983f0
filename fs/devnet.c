#include "fs/devnet.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/buf.h"
#include "core/mem.h"
#include "core/text.h"

enum { START_LIMIT_MS = 10000, STOP_LIMIT_MS = 3000 };

/* Beside golemfs, where the build puts it, or in PATH. */
static char *find_program(void)
{
	static const char *const places[] = {"golem-devnet", "../tests/devnet/golem-devnet"};
	char self[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", self, sizeof self - 1);
	char *slash;

	self[len > 0 ? len : 0] = '\0';
	slash = strrchr(self, '/');
	for (unsigned i = 0; slash && i < sizeof places / sizeof *places; i++) {
		char *path = mem_printf("%.*s/%s", (int)(slash - self), self, places[i]);

		if (access(path, X_OK) == 0)
			return path;
		free(path);
	}
	return mem_strdup("golem-devnet");
}

static char *random_key(struct err *err)
{
	unsigned char bytes[16];
	BUF_AUTO struct buf key = {0};

	if (getrandom(bytes, sizeof bytes, 0) != sizeof bytes) {
		err_set(err, errno, "no random bytes: %s", strerror(errno));
		return NULL;
	}
	for (unsigned i = 0; i < sizeof bytes; i++)
		buf_printf(&key, "%02x", bytes[i]);
	return buf_take(&key);
}

/* In the child: dies with its parent, whatever that dies of. */
static void child(char **argv, int out, pid_t parent)
{
	sigset_t none;

	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		_exit(1);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	dup2(out, STDOUT_FILENO);
	execvp(argv[0], argv);
	_exit(errno == ENOENT ? 127 : 126);
}

/* The first line of its output, within the limit. */
static void first_line(int fd, struct buf *line)
{
	struct pollfd ready = {.fd = fd, .events = POLLIN};
	char c;

	while (poll(&ready, 1, START_LIMIT_MS) == 1 && read(fd, &c, 1) == 1 && c != '\n' && line->len < 4096)
		buf_addc(line, c);
}

static int listening(struct devnet *devnet, const char *program, const struct buf *line, struct err *err)
{
	static const char prefix[] = "listening on ";
	int status = 0;

	if (strncmp(buf_text(line), prefix, sizeof prefix - 1) == 0) {
		devnet->url = mem_strdup(buf_text(line) + sizeof prefix - 1);
		return 0;
	}
	kill(devnet->pid, SIGKILL);
	waitpid(devnet->pid, &status, 0);
	devnet->pid = 0;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		return err_set(err, ENOENT,
			       "there is no program %s: --devnet needs it beside golemfs or in PATH",
			       program);
	return err_set(err, EIO, "%s did not start", program);
}

/* argv from the fixed words and the user's. */
static char **arguments(const char *program, const char *key, const struct text_words *words)
{
	const char *fixed[] = {program, "--listen", "127.0.0.1:0", "--appkey", key};
	enum { FIXED = sizeof fixed / sizeof *fixed };
	char **argv = mem_alloc((FIXED + words->count + 1) * sizeof *argv);

	memcpy(argv, fixed, sizeof fixed);
	if (words->count)
		memcpy(argv + FIXED, words->word, words->count * sizeof *argv);
	return argv;
}

int devnet_start(struct devnet *devnet, const char *words, struct err *err)
{
	TEXT_WORDS_AUTO struct text_words split = {0};
	MEM_AUTO char *program = find_program();
	MEM_AUTO char **argv = NULL;
	BUF_AUTO struct buf line = {0};
	pid_t parent = getpid();
	int pipes[2], failed;

	*devnet = (struct devnet){0};
	if (text_words(words, strlen(words), &split, err) < 0 || !(devnet->appkey = random_key(err)))
		return -1;
	if (pipe2(pipes, O_CLOEXEC) < 0)
		return err_set(err, errno, "no pipe: %s", strerror(errno));
	argv = arguments(program, devnet->appkey, &split);
	devnet->pid = fork();
	if (devnet->pid == 0)
		child(argv, pipes[1], parent);
	close(pipes[1]);
	if (devnet->pid > 0)
		first_line(pipes[0], &line);
	/* Kept open: what it says later must not kill it. */
	failed = devnet->pid > 0 ? listening(devnet, program, &line, err)
				 : err_set(err, errno, "no process for %s: %s", program, strerror(errno));
	if (failed)
		close(pipes[0]);
	return failed;
}

void devnet_stop(struct devnet *devnet)
{
	struct pollfd ended = {.events = POLLIN};

	if (devnet->pid > 0) {
		ended.fd = (int)syscall(SYS_pidfd_open, devnet->pid, 0);
		kill(devnet->pid, SIGTERM);
		if (ended.fd < 0 || poll(&ended, 1, STOP_LIMIT_MS) < 1)
			kill(devnet->pid, SIGKILL);
		waitpid(devnet->pid, NULL, 0);
		if (ended.fd >= 0)
			close(ended.fd);
	}
	free(devnet->url);
	free(devnet->appkey);
	*devnet = (struct devnet){0};
}
