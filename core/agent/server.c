#include "core/agent/server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/agent/agent.h"
#include "core/agent/token.h"
#include "core/mem.h"

enum {
	CONNS_MAX = 32,
	BEAT_MS = 5000,      /* of silence on the attached connection */
	TRUST_MS = 10000,    /* to say HELLO */
	DIRECTORY_MS = 5000, /* between two looks whether the directory is still there */
	LISTENING_MS =
		30000, /* golemfs was heard so lately: a flood waits for it rather than being dropped */
	LISTENERS = 2,
};

struct server {
	struct agent agent;
	const struct server_options *options;
	int listeners[LISTENERS]; /* unix, TCP or -1 */
	int children;             /* signalfd of SIGCHLD */
	struct pollfd *polled;
	size_t polled_cap;
};

struct job *agent_job(struct agent *agent, uint32_t id)
{
	struct job *job = agent->jobs;

	while (job && job->id != id)
		job = job->next;
	return job;
}

static int listen_unix(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "socket"};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd >= 0 && (bind(fd, (void *)&address, sizeof address) < 0 || listen(fd, 16) < 0)) {
		close(fd);
		return -1;
	}
	return fd;
}

static int listen_tcp(uint16_t port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), on = 1;

	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (bind(fd, (void *)&address, sizeof address) < 0 || listen(fd, 16) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static void accept_conn(struct server *server, int listener)
{
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK), on = 1;
	unsigned count = 0;
	struct conn *conn;

	if (fd < 0)
		return;
	for (conn = server->agent.conns; conn; conn = conn->next)
		count++;
	if (count >= CONNS_MAX) {
		close(fd);
		return;
	}
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	conn = conn_new(fd);
	conn->next = server->agent.conns;
	server->agent.conns = conn;
}

static void sweep_conns(struct agent *agent)
{
	struct conn **link = &agent->conns;

	while (*link) {
		struct conn *conn = *link;

		if (!conn->dead) {
			link = &conn->next;
			continue;
		}
		*link = conn->next;
		conn_free(conn);
	}
}

static void reap_children(struct server *server)
{
	struct signalfd_siginfo info;
	struct rusage usage;
	int status;
	pid_t pid;

	while (read(server->children, &info, sizeof info) == sizeof info)
		;
	while ((pid = wait4(-1, &status, WNOHANG, &usage)) > 0)
		for (struct job *job = server->agent.jobs; job; job = job->next)
			if (job->pid == pid)
				job_reaped(job, status, &usage);
}

/* `then` may lie after `now`, which was read at the beginning of the turn. */
static uint64_t elapsed(uint64_t now, uint64_t then)
{
	return now > then ? now - then : 0;
}

/* --- what is waited for ------------------------------------------------------------------------------------- */

static size_t watch(struct server *server, size_t at, int fd, short events)
{
	if (at == server->polled_cap) {
		server->polled_cap = server->polled_cap ? 2 * server->polled_cap : 16;
		server->polled = mem_resize(server->polled, server->polled_cap * sizeof *server->polled);
	}
	server->polled[at] = (struct pollfd){.fd = fd, .events = events};
	return at + 1;
}

/* While golemfs listens, a command whose output is kept up to the bound waits, as it would for a slow terminal. */
static bool may_write(const struct server *server, const struct job *job, unsigned stream, uint64_t now)
{
	if (job->channel) /* never more than golemfs takes, and nothing dropped */
		return ring_end(&job->rings[stream]) < job->limit;
	return !ring_is_full(&job->rings[stream]) || elapsed(now, server->agent.contact_ms) > LISTENING_MS;
}

/* The order of the entries is the order in which serve() takes them apart again. */
static size_t watch_all(struct server *server, uint64_t now)
{
	size_t n = watch(server, 0, server->children, POLLIN);

	for (unsigned i = 0; i < LISTENERS; i++)
		n = watch(server, n, server->listeners[i], POLLIN);
	for (struct conn *conn = server->agent.conns; conn; conn = conn->next)
		n = watch(server, n, conn->fd, (short)(POLLIN | (conn->out.len ? POLLOUT : 0)));
	for (struct job *job = server->agent.jobs; job; job = job->next) {
		n = watch(server, n, job->queued.len ? job->input : -1, POLLOUT);
		for (unsigned i = 0; i < JOB_STREAMS; i++)
			n = watch(server, n, may_write(server, job, i, now) ? job->output[i] : -1, POLLIN);
	}
	return n;
}

static void take_jobs(struct server *server, const struct pollfd *polled)
{
	for (struct job *job = server->agent.jobs; job; job = job->next) {
		if (polled++->revents)
			job_write_input(job);
		for (unsigned i = 0; i < JOB_STREAMS; i++)
			if (polled++->revents)
				job_read_output(job, i);
	}
}

static void take_conns(struct server *server, const struct pollfd *polled)
{
	for (struct conn *conn = server->agent.conns; conn; conn = conn->next, polled++) {
		if (polled->revents & (POLLIN | POLLHUP | POLLERR))
			conn_read(conn);
		if (polled->revents & POLLOUT)
			conn_write(conn);
	}
}

/* --- time --------------------------------------------------------------------------------------------------- */

static void sooner(int *wait, uint64_t at, uint64_t now)
{
	int ms = at <= now ? 0 : at - now > 60000 ? 60000 : (int)(at - now);

	if (*wait < 0 || ms < *wait)
		*wait = ms;
}

static void kill_overdue(struct agent *agent, int *wait, uint64_t now)
{
	for (struct job *job = agent->jobs; job; job = job->next) {
		if (job->kill_at_ms && job->kill_at_ms <= now) {
			job->kill_at_ms = 0;
			job_kill(job, SIGKILL, 0);
		}
		if (job->kill_at_ms)
			sooner(wait, job->kill_at_ms, now);
	}
}

static void tend_conns(struct agent *agent, int *wait, uint64_t now)
{
	for (struct conn *conn = agent->conns; conn; conn = conn->next) {
		int patience;

		receive_messages(agent, conn);
		patience = report_poll(agent, conn, now);
		if (patience >= 0)
			sooner(wait, now + (uint64_t)patience, now);
		if (!conn->trusted && elapsed(now, conn->heard_ms) >= TRUST_MS)
			conn->dead = true;
		if (!conn->trusted)
			sooner(wait, conn->heard_ms + TRUST_MS, now);
		if (!conn->attached)
			continue;
		report_push(agent, conn);
		if (elapsed(now, conn->spoke_ms) >= BEAT_MS)
			report_beat(agent, conn);
		sooner(wait, conn->spoke_ms + BEAT_MS, now);
	}
}

static bool is_over(const struct server *server, uint64_t now)
{
	const struct agent *agent = &server->agent;
	struct stat named, open;

	if (agent->quitting || elapsed(now, agent->contact_ms) >= (uint64_t)agent->lease_s * 1000)
		return true;
	return stat(server->options->directory, &named) < 0 || fstat(agent->directory, &open) < 0 ||
	       named.st_ino != open.st_ino || named.st_dev != open.st_dev;
}

static void serve(struct server *server)
{
	uint64_t now = job_now_ms(), look_at = now + DIRECTORY_MS;
	int wait = 0;

	server->agent.contact_ms = now;
	for (;;) {
		size_t n = watch_all(server, now), first_conn = 1 + LISTENERS, conns = 0;
		int ready = poll(server->polled, (nfds_t)n, wait);

		now = job_now_ms();
		if (ready > 0) {
			for (struct conn *conn = server->agent.conns; conn; conn = conn->next)
				conns++;
			take_jobs(server, server->polled + first_conn + conns);
			take_conns(server, server->polled + first_conn);
			if (server->polled[0].revents)
				reap_children(server);
			for (unsigned i = 0; i < LISTENERS; i++)
				if (server->polled[1 + i].revents)
					accept_conn(server, server->listeners[i]);
		}
		wait = -1;
		tend_conns(&server->agent, &wait, now);
		kill_overdue(&server->agent, &wait, now);
		sweep_conns(&server->agent);
		if (server->agent.quitting || now >= look_at) {
			if (is_over(server, now))
				return;
			look_at = now + DIRECTORY_MS;
		}
		sooner(&wait, look_at, now);
	}
}

/* --- begin and end -------------------------------------------------------------------------------------------- */

static void end(struct server *server)
{
	for (struct job *job = server->agent.jobs; job; job = job->next)
		job_kill(job, SIGKILL, 0);
	for (struct conn *conn = server->agent.conns; conn; conn = conn->next)
		if (conn->attached)
			report_goodbye(&server->agent, conn);
	unlinkat(server->agent.directory, "socket", 0);
	unlinkat(server->agent.directory, "token", 0);
	unlinkat(server->agent.directory, "agent", 0);
	rmdir(server->options->directory);
}

/* Two forks and a session of its own: the run that started the agent ends, and nothing of its pipes stays open. */
static bool detach(void)
{
	int null;

	if (fork() != 0)
		return false;
	setsid();
	if (fork() != 0)
		_exit(0);
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	for (int fd = 0; fd < 3; fd++)
		dup2(null, fd);
	return true;
}

/* A machine that was made anew may have another hardware address, which the client's stack learns only from a packet
 * of the instance: without one, connections to it end in 504 (reference/agent.md, Traps). */
static void greet(char **addresses)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	for (; fd >= 0 && *addresses; addresses++) {
		struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(9 /* discard */)};

		if (inet_pton(AF_INET, *addresses, &address.sin_addr) == 1)
			sendto(fd, "", 1, MSG_DONTWAIT, (void *)&address, sizeof address);
	}
	if (fd >= 0)
		close(fd);
}

static bool prepare(struct server *server)
{
	struct agent *agent = &server->agent;
	int home = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct rlimit all;
	sigset_t children;

	agent->directory = open(server->options->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (agent->directory < 0 || fchdir(agent->directory) < 0 || token_read(agent->token) < 0)
		return false;
	agent->lease_s = server->options->lease_s;
	receive_forget_session(agent);
	getrlimit(RLIMIT_NOFILE, &job_descriptors);
	all = job_descriptors;
	all.rlim_cur = all.rlim_max;
	setrlimit(RLIMIT_NOFILE, &all);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	sigemptyset(&children);
	sigaddset(&children, SIGCHLD);
	sigprocmask(SIG_BLOCK, &children, NULL);
	server->children = signalfd(-1, &children, SFD_CLOEXEC | SFD_NONBLOCK);
	server->listeners[0] = listen_unix();
	/* Commands begin where the image wants them to, not among the agent's files. */
	if (home < 0 || fchdir(home) < 0)
		return false;
	close(home);
	server->listeners[1] = server->options->port ? listen_tcp(server->options->port) : -1;
	/* A port that somebody else has costs the websocket, not the agent. */
	return server->children >= 0 && server->listeners[0] >= 0;
}

int server_main(const struct server_options *options)
{
	static struct server server;

	server.options = options;
	if (!prepare(&server))
		return 1;
	if (!detach())
		return 0;
	greet(options->greeted);
	serve(&server);
	end(&server);
	return 0;
}
