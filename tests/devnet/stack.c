#include "tests/devnet/stack.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utlist.h>

#include "core/mem.h"
#include "tests/devnet/namespace.h"

/* To the process: an address to add, or none: a socket is wanted. From it: what it made comes as descriptor. */
struct order {
	bool add;
	struct nic_address address;
};

struct answer {
	bool up;        /* the first one: the interface is there */
	char text[200]; /* why there is no descriptor */
};

struct ask {
	struct ask *prev, *next;
	stack_socket got; /* NULL: not wanted any more */
	void *context;
};

struct stack {
	struct loop *loop;
	struct stack_events events;
	struct loop_watch *watch;
	struct ask *asks; /* in order; answers come in the same */
	pid_t pid;
	int socket, cable;
};

/* ---- inside --------------------------------------------------------------------------------------------- */

static void answer(int socket, const struct answer *said, int fd)
{
	namespace_send(socket, said, sizeof(*said), &fd, fd >= 0);
	if (fd >= 0)
		close(fd);
}

static void serve(int socket_fd)
{
	struct order order;
	unsigned count;
	while (count = 0,
	       namespace_receive(socket_fd, &order, sizeof(order), NULL, &count, 0) == sizeof(order)) {
		struct answer said = {0};
		if (order.add)
			nic_add(&order.address);
		else
			answer(socket_fd, &said,
			       socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
	}
}

static void live(int socket, const struct nic_address *own, unsigned uid, unsigned gid)
{
	struct answer said = {.up = true};
	const char *what = "mapping the user";
	int none = -1, cable = -1;
	sigset_t all;
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	namespace_keep(&socket, &none);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_NAME, "stack");
	if (!uid || !namespace_map_user(uid, gid))
		cable = nic_make(own, 1, &what);
	if (cable < 0)
		snprintf(said.text, sizeof(said.text), "%s: %s", what, strerror(errno));
	answer(socket, &said, cable);
	serve(socket);
	_exit(0);
}

/* ---- outside -------------------------------------------------------------------------------------------- */

static void complain(const char *why)
{
	static bool told;
	if (!told)
		fprintf(stderr, "golem-devnet: no private network reaches the requestor: %s\n", why);
	told = true;
}

static void hear_up(struct stack *stack, struct answer *said, int cable)
{
	said->text[sizeof(said->text) - 1] = '\0';
	stack->cable = cable;
	if (cable >= 0)
		stack->events.up(stack->events.context, cable);
	else
		complain(said->text);
}

static void hear_socket(struct stack *stack, int fd)
{
	struct ask *ask = stack->asks;
	if (ask) {
		struct ask done = *ask;
		DL_DELETE(stack->asks, ask);
		free(ask);
		if (done.got) {
			done.got(done.context, fd);
			return;
		}
	}
	if (fd >= 0)
		close(fd);
}

static void on_answer(void *context, int readiness)
{
	struct stack *stack = context;
	struct answer said;
	int fd = -1;
	unsigned count = 1;
	ssize_t got = namespace_receive(stack->socket, &said, sizeof(said), &fd, &count, MSG_DONTWAIT);
	if (got < 0)
		return;
	if (got != (ssize_t)sizeof(said))
		loop_unwatch(&stack->watch);
	else if (said.up)
		hear_up(stack, &said, fd);
	else
		hear_socket(stack, fd);
}

struct stack *stack_new(struct loop *loop, const struct nic_address *own, const struct stack_events *events)
{
	int pair[2];
	unsigned uid = geteuid(), gid = getegid();
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return NULL;
	pid_t pid = namespace_fork(CLONE_NEWNET);
	if (pid == 0)
		live(pair[1], own, uid, gid);
	close(pair[1]);
	if (pid < 0) {
		complain(strerror(errno));
		close(pair[0]);
		return NULL;
	}
	struct stack *stack = mem_alloc(sizeof(*stack));
	*stack = (struct stack){.loop = loop, .events = *events, .pid = pid, .socket = pair[0], .cable = -1};
	stack->watch = loop_watch(loop, stack->socket, LOOP_READ, on_answer, stack);
	return stack;
}

void stack_ask(struct stack *stack, stack_socket got, void *context)
{
	const struct order order = {0};
	if (!stack->watch || namespace_send(stack->socket, &order, sizeof(order), NULL, 0))
		return;
	struct ask *ask = mem_alloc(sizeof(*ask));
	ask->got = got;
	ask->context = context;
	DL_APPEND(stack->asks, ask);
}

void stack_forget(struct stack *stack, void *context)
{
	struct ask *ask;
	DL_FOREACH (stack->asks, ask)
		if (ask->context == context)
			ask->got = NULL;
}

void stack_add(struct stack *stack, const struct nic_address *own)
{
	const struct order order = {.add = true, .address = *own};
	namespace_send(stack->socket, &order, sizeof(order), NULL, 0);
}

void stack_free(struct stack *stack)
{
	struct ask *ask, *next;
	if (!stack)
		return;
	loop_unwatch(&stack->watch);
	kill(stack->pid, SIGKILL);
	while (waitpid(stack->pid, NULL, 0) < 0 && errno == EINTR)
		continue;
	close(stack->socket);
	if (stack->cable >= 0)
		close(stack->cable);
	DL_FOREACH_SAFE (stack->asks, ask, next)
		free(ask);
	free(stack);
}
