/*
 * The outside of a sandbox: makes the init in its namespaces, speaks with it, and sees its end by a pid descriptor.
 */
#include "tests/devnet/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/mem.h"
#include "tests/devnet/namespace.h"
#include "tests/devnet/sandbox_inside.h"

struct sandbox {
	struct loop *loop;
	struct sandbox_events events;
	struct loop_watch *socket_watch, *end_watch;
	pid_t pid;
	int socket, end; /* the pid descriptor */
	int root, cable;
	uint64_t runs;
	bool isolated, ended, killed;
	double cpu; /* last value read */
};

static const char *const default_env[] = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
					  "HOME=/root", "LANG=C.UTF-8", NULL};

/* The child's copy of the devnet never leaves this function. */
static pid_t make_init(struct sandbox_inside *inside)
{
	unsigned long namespaces = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET;
	static bool told;
	inside->isolated = true;
	pid_t pid = namespace_fork(namespaces);
	if (pid < 0 && errno != EAGAIN && errno != ENOMEM) {
		if (!told)
			fprintf(stderr,
				"golem-devnet: the kernel refuses namespaces (%s): instances are plain "
				"directories\n",
				strerror(errno));
		told = true;
		inside->isolated = false;
		snprintf(inside->plain, sizeof(inside->plain), "%s/%s", inside->spec->scratch,
			 inside->spec->name);
		if (mkdir(inside->plain, 0700) && errno != EEXIST)
			return -1;
		pid = namespace_fork(0);
	}
	if (pid == 0)
		sandbox_init(inside);
	return pid;
}

static void close_all(int *fds, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		if (fds[i] >= 0)
			close(fds[i]);
}

static void forget_root(struct sandbox *sandbox)
{
	close_all(&sandbox->root, 1);
	sandbox->root = -1;
}

static void hear(struct sandbox *sandbox, const struct sandbox_report *said, int root, int cable)
{
	const struct sandbox_events *events = &sandbox->events;
	switch ((enum sandbox_word)said->word) {
	case SANDBOX_READY:
		sandbox->root = root;
		sandbox->cable = cable;
		events->ready(events->context, NULL);
		return;
	case SANDBOX_FAILED:
		events->ready(events->context, said->text);
		break;
	case SANDBOX_EXITED:
		events->exited(events->context, said->run, said->value);
		break;
	case SANDBOX_REFUSED:
		events->refused(events->context, said->run, said->value);
		break;
	}
	close_all((int[]){root, cable}, SANDBOX_READY_FDS);
}

static void on_socket(void *context, int readiness)
{
	struct sandbox *sandbox = context;
	(void)readiness;
	while (sandbox->socket_watch) {
		struct sandbox_report said;
		int fds[SANDBOX_READY_FDS] = {-1, -1};
		unsigned count = SANDBOX_READY_FDS;
		ssize_t got =
			namespace_receive(sandbox->socket, &said, sizeof(said), fds, &count, MSG_DONTWAIT);
		if (got < 0)
			return;
		if (got != (ssize_t)sizeof(said)) { /* its end, which the pid descriptor tells */
			loop_unwatch(&sandbox->socket_watch);
			return;
		}
		said.text[sizeof(said.text) - 1] = '\0';
		hear(sandbox, &said, fds[0], fds[1]);
	}
}

static void on_end(void *context, int readiness)
{
	struct sandbox *sandbox = context;
	(void)readiness;
	if (waitpid(sandbox->pid, NULL, WNOHANG) == 0)
		return;
	on_socket(sandbox, LOOP_READ); /* what it said before */
	loop_unwatch(&sandbox->end_watch);
	loop_unwatch(&sandbox->socket_watch);
	forget_root(sandbox);
	sandbox->ended = true;
	sandbox->events.gone(sandbox->events.context);
}

struct sandbox *sandbox_start(struct loop *loop, const struct sandbox_spec *spec,
			      const struct sandbox_events *events)
{
	int pair[2] = {-1, -1}, image = -1, end = -1;
	pid_t pid = -1;
	struct sandbox *sandbox = NULL;
	if (spec->image && (image = open(spec->image, O_RDONLY | O_CLOEXEC)) < 0)
		return NULL;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		goto out;
	struct sandbox_inside inside = {.spec = spec,
					.socket = pair[1],
					.image = image,
					.cable = -1,
					.uid = geteuid(),
					.gid = getegid(),
					.unprivileged = geteuid() != 0};
	pid = make_init(&inside);
	if (pid < 0)
		goto out;
	end = (int)syscall(SYS_pidfd_open, pid, 0);
	if (end < 0) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		goto out;
	}
	sandbox = mem_alloc(sizeof(*sandbox));
	*sandbox = (struct sandbox){.loop = loop,
				    .events = *events,
				    .pid = pid,
				    .socket = pair[0],
				    .end = end,
				    .root = -1,
				    .cable = -1,
				    .isolated = inside.isolated};
	pair[0] = -1;
	fcntl(end, F_SETFD, FD_CLOEXEC);
	sandbox->socket_watch = loop_watch(loop, sandbox->socket, LOOP_READ, on_socket, sandbox);
	sandbox->end_watch = loop_watch(loop, end, LOOP_READ, on_end, sandbox);
out:
	close_all((int[]){pair[0], pair[1], image}, 3);
	return sandbox;
}

static size_t list_size(const char *const *list, uint32_t *count)
{
	size_t size = 0;
	for (*count = 0; list[*count]; ++*count)
		size += strlen(list[*count]) + 1;
	return size;
}

static char *put_list(char *at, const char *const *list)
{
	for (; *list; list++)
		at = stpcpy(at, *list) + 1;
	return at;
}

/* A memory file with the program's strings, or -1 with errno. */
static int write_program(const struct sandbox_program *program, struct sandbox_order *order)
{
	const char *const *env = program->env ? program->env : default_env;
	const char *const names[] = {program->path, program->directory ? program->directory : "/", NULL};
	uint32_t count;
	order->size = list_size(names, &count) + list_size(program->argv, &order->argc) +
		      list_size(env, &order->envc);
	int file = memfd_create("program", MFD_CLOEXEC);
	if (file < 0)
		return -1;
	char *strings = ftruncate(file, (off_t)order->size) == 0
				? mmap(NULL, order->size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0)
				: MAP_FAILED;
	if (strings == MAP_FAILED) {
		close(file);
		return -1;
	}
	put_list(put_list(put_list(strings, names), program->argv), env);
	munmap(strings, order->size);
	return file;
}

uint64_t sandbox_run(struct sandbox *sandbox, const struct sandbox_program *program)
{
	struct sandbox_order order = {.run = ++sandbox->runs};
	if (sandbox->ended || sandbox->killed || sandbox->root < 0) {
		errno = ESRCH;
		return 0;
	}
	int file = write_program(program, &order);
	if (file < 0)
		return 0;
	int fds[SANDBOX_ORDER_FDS] = {file, program->out, program->err};
	int sent = namespace_send(sandbox->socket, &order, sizeof(order), fds, SANDBOX_ORDER_FDS);
	int saved = errno;
	close(file);
	errno = saved;
	return sent ? 0 : order.run;
}

/* A plain directory's init ends by itself when the socket closes, after it has killed and removed everything. */
void sandbox_kill(struct sandbox *sandbox)
{
	if (sandbox->ended || sandbox->killed)
		return;
	sandbox_cpu(sandbox);
	sandbox->killed = true;
	if (sandbox->isolated)
		kill(sandbox->pid, SIGKILL);
	else
		shutdown(sandbox->socket, SHUT_WR);
}

void sandbox_free(struct sandbox *sandbox)
{
	if (!sandbox)
		return;
	sandbox_kill(sandbox);
	loop_unwatch(&sandbox->socket_watch);
	loop_unwatch(&sandbox->end_watch);
	forget_root(sandbox);
	close_all((int[]){sandbox->cable, sandbox->socket}, 2);
	if (!sandbox->ended)
		waitpid(sandbox->pid, NULL, 0);
	close(sandbox->end);
	free(sandbox);
}

int sandbox_root(const struct sandbox *sandbox)
{
	return sandbox->root;
}

int sandbox_cable(const struct sandbox *sandbox)
{
	return sandbox->cable;
}

bool sandbox_isolated(const struct sandbox *sandbox)
{
	return sandbox->isolated;
}

pid_t sandbox_pid(const struct sandbox *sandbox)
{
	return sandbox->pid;
}

static ssize_t read_small(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t len = fd < 0 ? -1 : read(fd, text, size - 1);
	if (fd >= 0)
		close(fd);
	text[len > 0 ? len : 0] = '\0';
	return len;
}

/* Ticks of the process, of the children it has reaped, and of those that live. */
static unsigned long ticks(pid_t pid, int depth)
{
	char path[64], text[4096];
	unsigned long own[4] = {0};
	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	if (read_small(path, text, sizeof(text)) <= 0)
		return 0;
	char *at = strrchr(text, ')');
	for (int field = 2; at && field < 14; field++) /* utime stime cutime cstime: 14 to 17 */
		at = strchr(at + 1, ' ');
	if (!at || sscanf(at, " %lu %lu %lu %lu", own, own + 1, own + 2, own + 3) != 4)
		return 0;
	unsigned long sum = own[0] + own[1] + own[2] + own[3];
	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", pid, pid);
	if (depth <= 0 || read_small(path, text, sizeof(text)) <= 0)
		return sum;
	for (at = text; *at; at += strspn(at, " ")) {
		long child = strtol(at, &at, 10);
		if (child > 0)
			sum += ticks((pid_t)child, depth - 1);
	}
	return sum;
}

double sandbox_cpu(struct sandbox *sandbox)
{
	if (!sandbox->ended && !sandbox->killed) {
		double now = (double)ticks(sandbox->pid, 16) / (double)sysconf(_SC_CLK_TCK);
		/* between a child's death and its reaping its time is in neither place */
		sandbox->cpu = now > sandbox->cpu ? now : sandbox->cpu;
	}
	return sandbox->cpu;
}
