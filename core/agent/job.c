#include "core/agent/job.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/agent/channel.h"
#include "core/mem.h"

extern char **environ;

enum { READ_SIZE = 64 << 10, DRAIN_MAX = 8 << 20, ARGUMENTS_MAX = 32768 };

struct rlimit job_descriptors;

static uint64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

uint64_t job_now_ms(void)
{
	return now_us() / 1000;
}

/* START, taken apart; the texts point into its payload. */
struct start {
	uint32_t flags, argc, envc;
	uint16_t rows, columns;
	uint64_t bound;
	const char *directory;
	const char **argv, **env;
};

/* A variable of the agent's own environment that the command does not set itself; shells differ in which of two
 * they believe. */
static bool is_inherited(const struct start *start, const char *variable)
{
	size_t name = strcspn(variable, "=") + 1;

	for (uint32_t i = 0; i < start->envc; i++)
		if (start->env[i] && strncmp(start->env[i], variable, name) == 0)
			return false;
	return true;
}

static int start_parse(struct start *start, struct frame_view view)
{
	size_t own = 0, count;

	start->flags = frame_take32(&view);
	start->rows = frame_take16(&view);
	start->columns = frame_take16(&view);
	start->argc = frame_take32(&view);
	start->envc = frame_take32(&view);
	start->bound = frame_take64(&view);
	start->directory = frame_take_text(&view);
	if (view.bad || !start->argc || start->argc > ARGUMENTS_MAX || start->envc > ARGUMENTS_MAX)
		return -1;
	while (environ[own])
		own++;
	start->argv = mem_alloc((start->argc + 1) * sizeof *start->argv);
	start->env = mem_alloc((own + start->envc + 1) * sizeof *start->env);
	for (uint32_t i = 0; i < start->argc; i++)
		start->argv[i] = frame_take_text(&view);
	for (uint32_t i = 0; i < start->envc; i++)
		start->env[i] = frame_take_text(&view);
	count = start->envc;
	for (size_t i = 0; i < own; i++)
		if (is_inherited(start, environ[i]))
			start->env[count++] = environ[i];
	return view.bad ? -1 : 0;
}

struct ends {
	int child[3], own[3]; /* by descriptor number as the command sees it */
};

static void close_all(int *fds, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (fds[i] >= 0)
			close(fds[i]);
}

static int open_pipe(int *reads, int *writes)
{
	int pair[2];

	if (pipe2(pair, O_CLOEXEC) < 0)
		return -1;
	*reads = pair[0];
	*writes = pair[1];
	return 0;
}

static int open_terminal(struct ends *ends, const struct start *start)
{
	struct winsize size = {.ws_row = start->rows, .ws_col = start->columns};
	char name[32] = "/dev/pts/";
	unsigned number, unlocked = 0, digits = 0, at = 9;
	int master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);

	if (master < 0)
		return -1;
	ends->own[1] = master;
	if (ioctl(master, TIOCSPTLCK, &unlocked) < 0 || ioctl(master, TIOCGPTN, &number) < 0)
		return -1;
	for (unsigned rest = number; digits++, rest /= 10;)
		;
	for (unsigned i = digits; i--; number /= 10)
		name[at + i] = (char)('0' + number % 10);
	if (start->rows)
		ioctl(master, TIOCSWINSZ, &size);
	ends->child[0] = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
	ends->own[0] = fcntl(master, F_DUPFD_CLOEXEC, 3);
	return ends->child[0] < 0 || ends->own[0] < 0 ? -1 : 0;
}

static int open_ends(struct ends *ends, const struct start *start)
{
	memset(ends, -1, sizeof *ends);
	if (start->flags & AGENT_START_TTY)
		return open_terminal(ends, start);
	if (open_pipe(&ends->own[1], &ends->child[1]) < 0 || open_pipe(&ends->own[2], &ends->child[2]) < 0)
		return -1;
	if (start->flags & AGENT_START_STDIN)
		return open_pipe(&ends->child[0], &ends->own[0]);
	ends->child[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
	return ends->child[0] < 0 ? -1 : 0;
}

/* Runs in the memory of the agent, which stands still meanwhile: only system calls, and nothing is kept. */
static void become(const struct start *start, const struct ends *ends, volatile int *failure)
{
	bool tty = start->flags & AGENT_START_TTY;
	sigset_t none;

	setsid();
	prctl(PR_SET_PDEATHSIG,
	      SIGKILL); /* an agent that is killed takes its commands along: nobody else knows them */
	for (int fd = 0; fd < 3; fd++)
		if (dup2(ends->child[tty ? 0 : fd], fd) < 0)
			goto failed;
	if (tty)
		ioctl(0, TIOCSCTTY, 0);
	if (start->directory[0] && chdir(start->directory) < 0)
		goto failed;
	for (int signum = 1; signum < NSIG; signum++) /* what the agent ignores, a command need not */
		signal(signum, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	execvpe(start->argv[0], (char *const *)start->argv, (char *const *)start->env);
failed:
	*failure = errno;
	_exit(127);
}

static pid_t spawn(const struct start *start, const struct ends *ends)
{
	volatile int failure = 0;
	pid_t pid = vfork();

	if (pid == 0)
		become(start, ends, &failure);
	if (pid > 0 && failure) {
		waitpid(pid, NULL, 0);
		errno = failure;
		return -1;
	}
	return pid;
}

static void take_ends(struct job *job, struct ends *ends)
{
	job->input = ends->own[0];
	job->output[JOB_STDOUT] = ends->own[1];
	job->output[JOB_STDERR] = ends->own[2];
	for (unsigned i = 0; i < 3; i++) {
		if (ends->own[i] >= 0)
			fcntl(ends->own[i], F_SETFL, fcntl(ends->own[i], F_GETFL) | O_NONBLOCK);
		ends->own[i] = -1;
	}
}

void job_end(struct job *job, enum agent_exit_kind kind, uint32_t value)
{
	job->exit_kind = kind;
	job->exit_value = value;
	job->lasted_us = now_us() - job->began_us;
	job->output_ms = job_now_ms();
	job->pid = 0;
	job->kill_at_ms = 0;
	job->ended = true;
}

struct job *job_start(uint32_t id, struct frame_view payload, int directory)
{
	struct start start = {0};
	struct ends ends;
	struct job *job = NULL;
	pid_t pid = -1;

	memset(&ends, -1, sizeof ends);
	if (start_parse(&start, payload) < 0)
		goto out;
	job = mem_alloc(sizeof *job);
	*job = (struct job){.id = id, .input = -1, .output = {-1, -1}, .tty = start.flags & AGENT_START_TTY};
	for (unsigned i = 0; i < JOB_STREAMS; i++)
		ring_init(&job->rings[i], directory, id, i + 1, start.bound);
	job->began_us = now_us();
	if (start.flags & (AGENT_START_TCP | AGENT_START_UDP)) {
		channel_open(job, start.argv[0], start.rows, start.flags & AGENT_START_UDP);
		goto out;
	}
	if (open_ends(&ends, &start) == 0)
		pid = spawn(&start, &ends);
	if (pid < 0) {
		job_end(job, AGENT_NOT_RUN, (uint32_t)errno);
	} else {
		job->pid = pid;
		take_ends(job, &ends);
	}
out:
	close_all(ends.own, 3);
	close_all(ends.child, 3);
	free(start.argv);
	free(start.env);
	return job;
}

void job_free(struct job *job)
{
	close_all(&job->input, 1);
	close_all(job->output, JOB_STREAMS);
	for (unsigned i = 0; i < JOB_STREAMS; i++)
		ring_free(&job->rings[i]);
	buf_free(&job->queued);
	free(job);
}

void job_close_input(struct job *job)
{
	close_all(&job->input, 1);
	job->input = -1;
	job->taken += job->queued.len;
	buf_free(&job->queued);
}

void job_feed(struct job *job, const void *data, size_t len, bool end)
{
	static const char end_of_file = 4; /* what a terminal takes for the end of a file */

	if (job->input < 0) {
		job->taken += len;
		return;
	}
	if (job->datagrams) {
		channel_send(job, data, len);
		return;
	}
	if (len)
		buf_add(&job->queued, data, len);
	if (end && job->tty)
		buf_add(&job->queued, &end_of_file, 1);
	else if (end)
		job->input_ends = true;
	job_write_input(job);
}

void job_write_input(struct job *job)
{
	size_t done = 0;

	while (job->input >= 0 && done < job->queued.len) {
		ssize_t n = write(job->input, job->queued.data + done, job->queued.len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno != EAGAIN) {
			job_close_input(job);
			if (job->channel)
				channel_end(job, (uint32_t)errno);
			return;
		}
		if (n <= 0)
			break;
		done += (size_t)n;
	}
	job->taken += done;
	buf_drop(&job->queued, done);
	if (!job->queued.len)
		buf_free(&job->queued);
	if (job->queued.len || !job->input_ends || job->input < 0)
		return;
	if (job->channel)
		channel_shut(job);
	else
		job_close_input(job);
}

bool job_read_output(struct job *job, unsigned stream)
{
	static char data[READ_SIZE];
	ssize_t n;

	if (job->output[stream] < 0)
		return false;
	if (job->channel)
		return channel_read(job);
	do
		n = read(job->output[stream], data, sizeof data);
	while (n < 0 && errno == EINTR);
	if (n < 0 && errno == EAGAIN)
		return false;
	if (n <= 0) {
		close(job->output[stream]);
		job->output[stream] = -1;
		return true;
	}
	ring_add(&job->rings[stream], data, (size_t)n);
	job->output_ms = job_now_ms();
	return true;
}

void job_kill(struct job *job, int signum, uint32_t grace_ms)
{
	if (job->channel)
		channel_end(job, ECONNRESET);
	if (!job->pid)
		return;
	kill(-job->pid, signum);
	if (grace_ms && !job->kill_at_ms)
		job->kill_at_ms = job_now_ms() + grace_ms;
}

void job_resize(struct job *job, uint16_t rows, uint16_t columns)
{
	struct winsize size = {.ws_row = rows, .ws_col = columns};

	if (job->tty && job->output[JOB_STDOUT] >= 0)
		ioctl(job->output[JOB_STDOUT], TIOCSWINSZ, &size);
}

static uint64_t microseconds(struct timeval time)
{
	return (uint64_t)time.tv_sec * 1000000 + (uint64_t)time.tv_usec;
}

void job_reaped(struct job *job, int status, const struct rusage *usage)
{
	job->user_us = microseconds(usage->ru_utime);
	job->system_us = microseconds(usage->ru_stime);
	job->max_rss_kb = (uint32_t)usage->ru_maxrss;
	for (unsigned i = 0; i < JOB_STREAMS; i++) {
		/* What the process has written is in the pipe by now; a background child may go on writing for ever. */
		for (size_t drained = 0; drained < DRAIN_MAX && job_read_output(job, i); drained += READ_SIZE)
			;
		close_all(&job->output[i], 1);
		job->output[i] = -1;
	}
	job_close_input(job);
	job_end(job, WIFSIGNALED(status) ? AGENT_SIGNALED : AGENT_EXITED,
		(uint32_t)(WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status)));
}
