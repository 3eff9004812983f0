/*
 * Process 1 of a sandbox: starts programs on request, reaps, reports. Its memory is a copy of the devnet's, so it
 * touches nothing of that but its own arguments, and never returns.
 */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/devnet/namespace.h"
#include "tests/devnet/sandbox_inside.h"

enum { RUNS_MAX = 4096, STRINGS_MAX = 1 << 20 };

struct running {
	pid_t pid;
	uint64_t run;
};

struct init {
	int socket;
	int signals;
	bool isolated;
	struct running *running;
	unsigned count, room;
};

/* A program as it came over the socket, its strings mapped. */
struct program {
	char *strings;
	size_t size;
	const char *path, *directory;
	char **argv, **env;
};

static void report(struct init *init, enum sandbox_word word, uint64_t run, int value)
{
	struct sandbox_report said = {.word = word, .value = value, .run = run};
	namespace_send(init->socket, &said, sizeof(said), NULL, 0);
}

/* The n strings from *at on as a list that ends with NULL; NULL when there are not as many. */
static char **take_strings(char **at, const char *end, uint32_t n)
{
	char **list = n < STRINGS_MAX ? calloc(n + 1, sizeof(*list)) : NULL;
	for (uint32_t i = 0; list && i < n; i++) {
		char *stop = *at < end ? memchr(*at, '\0', (size_t)(end - *at)) : NULL;
		if (!stop) {
			free(list);
			return NULL;
		}
		list[i] = *at;
		*at = stop + 1;
	}
	return list;
}

static int program_read(struct program *program, int file, const struct sandbox_order *order)
{
	struct stat about;
	if (fstat(file, &about) || (uint64_t)about.st_size < order->size || !order->size)
		return -1;
	program->size = order->size;
	program->strings = mmap(NULL, order->size, PROT_READ | PROT_WRITE, MAP_PRIVATE, file, 0);
	if (program->strings == MAP_FAILED) {
		program->strings = NULL;
		return -1;
	}
	char *at = program->strings, *end = at + order->size;
	char **names = take_strings(&at, end, 2);
	if (names) {
		program->path = names[0];
		program->directory = names[1];
		program->argv = take_strings(&at, end, order->argc);
		program->env = take_strings(&at, end, order->envc);
	}
	free(names);
	return program->argv && program->env ? 0 : -1;
}

static void program_free(struct program *program)
{
	free(program->argv);
	free(program->env);
	if (program->strings)
		munmap(program->strings, program->size);
}

/* In the child, which shares our memory until it has become the program: only system calls. */
static int become(const struct program *program, const int *fds)
{
	setsid();
	if (chdir(program->directory))
		errno = 0; /* it stays in the root, as the init does */
	if (dup2(fds[0], STDOUT_FILENO) < 0 || dup2(fds[1], STDERR_FILENO) < 0)
		return errno;
	for (int number = 1; number < NSIG; number++)
		if (number != SIGKILL && number != SIGSTOP)
			signal(number, SIG_DFL);
	sigset_t none;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	execvpe(program->path, program->argv, program->env);
	return errno;
}

static pid_t start(const struct program *program, const int *fds, int *error)
{
	char **own = environ;
	volatile int failure = 0;
	environ = program->env; /* whose PATH is searched */
	pid_t child = vfork();
	if (child == 0) {
		failure = become(program, fds);
		_exit(127);
	}
	*error = child < 0 ? errno : failure;
	environ = own;
	if (child > 0 && *error) {
		while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
			continue;
		child = -1;
	}
	return child;
}

/* What the runtime of the recorded providers, a shell, says about a program that cannot be started. */
static const struct {
	int error;
	bool path; /* with a slash in its name */
	int code;
	const char *text;
} complaints[] = {
	{ENOENT, true, 127, "sh: line 1: %1$s: No such file or directory\n"},
	{ENOENT, false, 127, "sh: line 1: exec: %1$s: not found\n"},
	{ENOTDIR, true, 126, "sh: line 1: %1$s: Not a directory\n"},
	{EISDIR, true, 126,
	 "sh: line 1: %1$s: Is a directory\nsh: line 1: exec: %1$s: cannot execute: Is a directory\n"},
	{EACCES, true, 126,
	 "sh: line 1: %1$s: Permission denied\nsh: line 1: exec: %1$s: cannot execute: Permission denied\n"},
	{EACCES, false, 127, "sh: line 1: exec: %1$s: not found\n"},
	{ENOEXEC, true, 126, "sh: line 1: %1$s: cannot execute binary file: Exec format error\n"},
	{0, false, 0, NULL},
};

/* True when the shell would have started and complained; false: the start itself fails with the errno. */
static bool complain(const char *path, int error, int fd, int *code)
{
	struct stat about;
	if (error == EACCES && strchr(path, '/') && stat(path, &about) == 0 && S_ISDIR(about.st_mode))
		error = EISDIR;
	for (unsigned i = 0; complaints[i].text; i++) {
		if (complaints[i].error != error || complaints[i].path != !!strchr(path, '/'))
			continue;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		dprintf(fd, complaints[i].text, path);
#pragma GCC diagnostic pop
		*code = complaints[i].code;
		return true;
	}
	return false;
}

static void remember(struct init *init, pid_t pid, uint64_t run)
{
	if (init->count == init->room) {
		init->room = init->room ? init->room * 2 : 16;
		init->running = realloc(init->running, init->room * sizeof(*init->running));
		if (!init->running)
			_exit(1);
	}
	init->running[init->count++] = (struct running){pid, run};
}

static void obey(struct init *init, const struct sandbox_order *order, const int *fds)
{
	struct program program = {0};
	int error = 0, code = 0;
	if (init->count >= RUNS_MAX) {
		report(init, SANDBOX_REFUSED, order->run, EAGAIN);
	} else if (program_read(&program, fds[0], order)) {
		report(init, SANDBOX_REFUSED, order->run, EINVAL);
	} else {
		if (!init->isolated) /* the root is the directory we are in */
			program.directory += strspn(program.directory, "/");
		pid_t child = start(&program, fds + 1, &error);
		if (child > 0)
			remember(init, child, order->run);
		else if (complain(program.path, error, fds[2], &code))
			report(init, SANDBOX_EXITED, order->run, code);
		else
			report(init, SANDBOX_REFUSED, order->run, error);
	}
	program_free(&program);
}

/* False when the devnet is gone. */
static bool take_order(struct init *init)
{
	struct sandbox_order order;
	int fds[SANDBOX_ORDER_FDS];
	unsigned count = SANDBOX_ORDER_FDS;
	ssize_t got = namespace_receive(init->socket, &order, sizeof(order), fds, &count, 0);
	if (got == (ssize_t)sizeof(order) && count == SANDBOX_ORDER_FDS)
		obey(init, &order, fds);
	for (unsigned i = 0; i < count; i++)
		close(fds[i]);
	return got > 0;
}

static void reap(struct init *init)
{
	struct signalfd_siginfo seen;
	int status;
	pid_t pid;
	while (read(init->signals, &seen, sizeof(seen)) > 0)
		continue;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		for (unsigned i = 0; i < init->count; i++) {
			if (init->running[i].pid != pid)
				continue;
			report(init, SANDBOX_EXITED, init->running[i].run,
			       WIFEXITED(status) ? WEXITSTATUS(status) : -1);
			init->running[i] = init->running[--init->count];
			break;
		}
	}
}

/* What `ps` inside shows of us: not the devnet's command line, which may hold its key. */
static void forget_arguments(void)
{
	char stat[2048];
	unsigned long first = 0, last = 0;
	int fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
	ssize_t len = fd < 0 ? -1 : read(fd, stat, sizeof(stat) - 1);
	if (fd >= 0)
		close(fd);
	prctl(PR_SET_NAME, "init");
	if (len <= 0)
		return;
	stat[len] = '\0';
	char *at = strrchr(stat, ')');
	/* the state is field 3, the ends of the arguments are fields 48 and 49 */
	for (int field = 2; at && field < 48; field++)
		at = strchr(at + 1, ' ');
	if (!at || sscanf(at, " %lu %lu", &first, &last) != 2 || last <= first + 5)
		return;
	memset((void *)first, 0, last - first);
	memcpy((void *)first, "init", 5);
}

static void block_signals(void)
{
	sigset_t all;
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	for (int number = 1; number < NSIG; number++)
		if (number != SIGKILL && number != SIGSTOP)
			signal(number, SIG_DFL);
}

static int child_signals(void)
{
	sigset_t child;
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	return signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void say_ready(struct init *init, const char *why, int cable)
{
	struct sandbox_report said = {.word = why ? SANDBOX_FAILED : SANDBOX_READY};
	int root = why ? -1 : open(init->isolated ? "/" : ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int fds[SANDBOX_READY_FDS] = {root, cable};
	if (why)
		snprintf(said.text, sizeof(said.text), "%s", why);
	namespace_send(init->socket, &said, sizeof(said), fds,
		       root < 0    ? 0u
		       : cable < 0 ? 1u
				   : (unsigned)SANDBOX_READY_FDS);
	if (root >= 0)
		close(root);
	if (cable >= 0)
		close(cable);
}

/* Without a pid namespace the descendants, all of them ours by subreaping, are killed one by one. */
static void kill_descendants(void)
{
	char path[64], list[4096];
	snprintf(path, sizeof(path), "/proc/self/task/%d/children", getpid());
	for (;;) {
		int fd = open(path, O_RDONLY | O_CLOEXEC);
		ssize_t len = fd < 0 ? 0 : read(fd, list, sizeof(list) - 1);
		if (fd >= 0)
			close(fd);
		list[len > 0 ? len : 0] = '\0';
		for (char *at = list; *at; at += strspn(at, " "))
			kill((pid_t)strtol(at, &at, 10), SIGKILL);
		if (waitpid(-1, NULL, 0) < 0 && errno == ECHILD)
			return;
	}
}

static void remove_plain(const char *directory)
{
	pid_t child = chdir("/") ? -1 : vfork();
	if (child == 0) {
		execlp("rm", "rm", "-rf", "--one-file-system", directory, (char *)NULL);
		_exit(127);
	}
	if (child > 0)
		waitpid(child, NULL, 0);
}

static void serve(struct init *init)
{
	struct pollfd watched[2] = {{.fd = init->socket, .events = POLLIN},
				    {.fd = init->signals, .events = POLLIN}};
	for (bool open = true; open;) {
		if (poll(watched, 2, -1) < 0 && errno != EINTR)
			return;
		if (watched[1].revents)
			reap(init);
		if (watched[0].revents)
			open = take_order(init);
	}
}

void sandbox_init(struct sandbox_inside *inside)
{
	char why[200];
	struct init init = {.isolated = inside->isolated};
	block_signals();
	namespace_keep(&inside->socket, &inside->image);
	init.socket = inside->socket;
	init.signals = child_signals();
	forget_arguments();
	if (inside->isolated)
		prctl(PR_SET_PDEATHSIG, SIGKILL);
	else
		prctl(PR_SET_CHILD_SUBREAPER, 1);
	if (sandbox_build(inside, why, sizeof(why)) == 0) {
		if (inside->image >= 0)
			close(inside->image);
		namespace_lead_nowhere(); /* the same device, by the name it has inside */
		say_ready(&init, NULL, inside->cable);
		serve(&init);
	} else {
		say_ready(&init, why, -1);
	}
	if (!inside->isolated) {
		kill_descendants();
		remove_plain(inside->plain);
	}
	_exit(0);
}
