/*
 * The agent and golemfs's end of its conversation, over both carriers, with messages that change places and
 * connections that are cut: every byte, exit and order has to come out as if the line were perfect.
 */
#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <poll.h>

#include "core/agent/delivery.h"
#include "core/agent/envelope.h"
#include "core/agent/link.h"
#include "core/mem.h"

enum { COMMANDS = 400, SESSION_BYTE = 7, TOKEN_BYTE = 9 };

struct outcome {
	struct buf output[2];
	bool over;
	struct agent_link_exit exit;
};

struct bench {
	char directory[64], program[128];
	struct agent_link *link;
	struct outcome outcomes[COMMANDS + 1];
	unsigned over;
	int line; /* of the attached carrier, or -1 */
	struct buf in;
	unsigned seed;
};

static unsigned pick(struct bench *bench, unsigned below)
{
	bench->seed = bench->seed * 1103515245 + 12345;
	return (bench->seed >> 8) % below;
}

static void on_output(void *context, uint32_t command, int stream, const void *data, size_t len)
{
	struct bench *bench = context;

	buf_add(&bench->outcomes[command].output[stream - 1], data, len);
}

static void on_dropped(void *context, uint32_t command, int stream, uint64_t bytes)
{
	(void)context;
	fprintf(stderr, "command %u lost %llu bytes of stream %d\n", command, (unsigned long long)bytes,
		stream);
	abort();
}

static void on_exited(void *context, uint32_t command, const struct agent_link_exit *exit)
{
	struct bench *bench = context;

	assert(!bench->outcomes[command].over);
	bench->outcomes[command].over = true;
	bench->outcomes[command].exit = *exit;
	bench->over++;
}

static void on_input_room(void *context, uint32_t command, size_t room, bool closed)
{
	(void)context, (void)command, (void)room, (void)closed;
}

static void on_shut(void *context, uint32_t channel)
{
	(void)context, (void)channel;
}

/* Runs the delivery as an instance would, and learns the directory it prints. */
static void deliver(struct bench *bench, bool octal)
{
	uint8_t token[AGENT_TOKEN_SIZE], session[AGENT_SESSION_SIZE];
	struct delivery delivery = {.token = token, .lease_s = 60, .greeted = "127.0.0.1", .octal = octal};
	MEM_AUTO char *name = mem_printf(".golemfs-test-%d", (int)getpid());
	static const struct agent_link_events events = {on_output, on_dropped, on_exited, on_input_room,
							on_shut};
	MEM_AUTO char *directory = NULL;
	char **arguments, said[128];
	int pair[2], status;
	ssize_t n;
	pid_t pid;

	memset(token, TOKEN_BYTE, sizeof token);
	memset(session, SESSION_BYTE, sizeof session);
	delivery.name = name;
	arguments = delivery_arguments(&delivery);
	assert(pipe(pair) == 0);
	pid = fork();
	if (pid == 0) {
		char *argv[16] = {"sh"};

		for (unsigned i = 0; arguments[i]; i++)
			argv[i + 1] = arguments[i];
		dup2(pair[1], 1);
		execv("/bin/sh", argv);
		_exit(127);
	}
	close(pair[1]);
	n = read(pair[0], said, sizeof said);
	close(pair[0]);
	assert(waitpid(pid, &status, 0) == pid && status == 0 && n > 0);
	assert(delivery_read(said, (size_t)n, &directory) == DELIVERY_DONE);
	snprintf(bench->directory, sizeof bench->directory, "%s", directory);
	snprintf(bench->program, sizeof bench->program, "%s/agent", bench->directory);
	bench->link = agent_link_new(token, session, &events, bench);
	bench->line = -1;
	delivery_free(arguments);
}

static void receive(struct bench *bench)
{
	BUF_AUTO struct buf why = {0};
	size_t used;

	if (agent_link_receive(bench->link, bench->in.data, bench->in.len, &used, &why) < 0) {
		fprintf(stderr, "refused: %s\n", buf_text(&why));
		abort();
	}
	buf_drop(&bench->in, used);
}

/* The requests carrier: one `agent call`, whose text is read back. */
static void call(struct bench *bench, uint32_t hold_ms)
{
	BUF_AUTO struct buf out = {0};
	BUF_AUTO struct buf text = {0};
	BUF_AUTO struct buf part = {0};
	char session[2 * AGENT_SESSION_SIZE + 1], data[65536];
	int pair[2], status;
	ssize_t n;
	pid_t pid;

	for (unsigned i = 0; i < AGENT_SESSION_SIZE; i++)
		snprintf(session + 2 * i, 3, "%02x", SESSION_BYTE);
	agent_link_compose_call(bench->link, &out, 60000, hold_ms, 5);
	envelope_base64(&part, out.data, out.len);
	assert(pipe(pair) == 0);
	pid = fork();
	if (pid == 0) {
		dup2(pair[1], 1);
		close(pair[0]);
		execl(bench->program, "agent", "call", bench->directory, session, part.data, NULL);
		_exit(127);
	}
	close(pair[1]);
	while ((n = read(pair[0], data, sizeof data)) > 0)
		buf_add(&text, data, (size_t)n);
	close(pair[0]);
	assert(waitpid(pid, &status, 0) == pid);
	if (status)
		fprintf(stderr, "the call ended with %#x after %zu bytes\n", status, text.len);
	assert(status == 0 && envelope_read(&bench->in, text.data, text.len) == 0);
	receive(bench);
}

static void attach(struct bench *bench)
{
	BUF_AUTO struct buf out = {0};
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	snprintf(address.sun_path, sizeof address.sun_path, "%s/socket", bench->directory);
	bench->line = socket(AF_UNIX, SOCK_STREAM, 0);
	assert(bench->line >= 0 && connect(bench->line, (void *)&address, sizeof address) == 0);
	buf_free(&bench->in);
	agent_link_compose_hello(bench->link, &out);
	assert(send(bench->line, out.data, out.len, MSG_NOSIGNAL) == (ssize_t)out.len);
}

static void detach(struct bench *bench)
{
	close(bench->line);
	bench->line = -1;
	buf_free(&bench->in);
}

/* Sends what there is to say, the messages in any order, and hears what comes within a moment. */
static void exchange(struct bench *bench, int patience_ms)
{
	struct pollfd polled = {.fd = bench->line, .events = POLLIN};
	struct buf messages[16] = {0};
	unsigned n = 0;
	char data[65536];
	ssize_t got;

	while (n < 16 && agent_link_compose_message(bench->link, &messages[n]))
		n++;
	while (n) {
		unsigned which = pick(bench, n);

		send(bench->line, messages[which].data, messages[which].len, MSG_NOSIGNAL);
		buf_free(&messages[which]);
		messages[which] = messages[--n];
		messages[n] = (struct buf){0};
	}
	if (poll(&polled, 1, patience_ms) == 1 && (got = recv(bench->line, data, sizeof data, 0)) > 0) {
		buf_add(&bench->in, data, (size_t)got);
		receive(bench);
	}
}

static void start(struct bench *bench, uint32_t id)
{
	MEM_AUTO char *text = NULL;
	static const char *const templates[] = {
		"printf %%d-%1$u-; cat; exit $((%1$u %% 200))",
		"echo out %1$u; echo err %1$u >&2; exit $((%1$u %% 200))",
		"head -c $((%1$u * 997)) /dev/zero; exit $((%1$u %% 200))",
		"echo 'message 1 2'; echo '\nmessage 0'; kill -TERM $$",
	};
	char *argv[] = {"/bin/sh", "-c", NULL, NULL};
	struct agent_link_program program = {
		.flags = AGENT_START_STDIN, .output_bound = 64 << 20, .directory = "", .argv = argv};
	char input[3000];

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	text = mem_printf(templates[id % 4], id);
#pragma GCC diagnostic pop
	argv[2] = text;
	assert(agent_link_start(bench->link, id, &program) == 0);
	memset(input, 'a' + (int)(id % 26), sizeof input);
	if (id % 4 == 0)
		assert(agent_link_input(bench->link, id, input, id * 7, true) == id * 7);
}

static void check_text(const struct buf *got, const char *expected)
{
	assert(got->len == strlen(expected) && memcmp(buf_text(got), expected, got->len) == 0);
}

static void check(struct bench *bench, uint32_t id)
{
	struct outcome *outcome = &bench->outcomes[id];
	MEM_AUTO char *out = NULL, *err = NULL;

	if (id % 4 == 0) {
		out = mem_printf("0-%u-", id);
		assert(outcome->output[0].len == strlen(out) + id * 7 &&
		       memcmp(outcome->output[0].data, out, strlen(out)) == 0);
	} else if (id % 4 == 1) {
		out = mem_printf("out %u\n", id);
		err = mem_printf("err %u\n", id);
		check_text(&outcome->output[0], out);
		check_text(&outcome->output[1], err);
	} else if (id % 4 == 2) {
		assert(outcome->output[0].len == (size_t)id * 997);
	}
	if (id % 4 == 3) {
		assert(outcome->exit.kind == AGENT_SIGNALED && outcome->exit.value == SIGTERM);
	} else {
		assert(outcome->exit.kind == AGENT_EXITED && outcome->exit.value == id % 200);
	}
	buf_free(&outcome->output[0]);
	buf_free(&outcome->output[1]);
}

static void nothing_is_lost_or_doubled_when_carriers_change(struct bench *bench)
{
	uint32_t started = 0;

	for (unsigned turn = 0; bench->over < COMMANDS; turn++) {
		assert(turn < 100000);
		for (unsigned n = pick(bench, 4); n && started < COMMANDS; n--)
			start(bench, ++started);
		if (pick(bench, 10) == 0 && bench->line >= 0)
			detach(bench);
		else if (pick(bench, 5) == 0 && bench->line < 0)
			attach(bench);
		if (bench->line >= 0)
			exchange(bench, (int)pick(bench, 5));
		else
			call(bench, pick(bench, 20));
	}
	for (uint32_t id = 1; id <= COMMANDS; id++)
		check(bench, id);
}

/* --- channels ----------------------------------------------------------------------------------------------------- */

enum { CHANNELS = 60 };

struct flow {
	struct buf sent, heard;
	size_t given;
	bool shut, ended, reset, finished;
	uint64_t allowed;
};
static struct flow flows[CHANNELS];
static unsigned flows_ended;

static void flow_output(void *context, uint32_t channel, int stream, const void *data, size_t len)
{
	struct bench *bench = context;
	struct flow *flow = &flows[channel & 0xff];

	assert(stream == 1 && !flow->shut);
	buf_add(&flow->heard, data, len);
	assert(flow->heard.len <= flow->allowed);
	if (flow->allowed < flow->heard.len + AGENT_CHANNEL_WINDOW)
		flow->allowed = flow->heard.len + AGENT_CHANNEL_WINDOW + pick(bench, 50000);
	agent_link_allow(bench->link, channel, flow->allowed);
}

static void flow_exited(void *context, uint32_t channel, const struct agent_link_exit *exit)
{
	struct flow *flow = &flows[channel & 0xff];

	assert(!flow->ended);
	flow->ended = true;
	flow->reset = exit->kind != AGENT_EXITED;
	flows_ended++;
}

static void flow_shut(void *context, uint32_t channel)
{
	(void)context;
	flows[channel & 0xff].shut = true;
}

static const struct agent_link_events flow_events = {flow_output, on_dropped, flow_exited, on_input_room,
						     flow_shut};

/* A server that sends everything back and then closes, in a process of its own. */
static pid_t echo(uint16_t *port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t len = sizeof address;
	int listener = socket(AF_INET, SOCK_STREAM, 0), fd;
	static char data[65536];
	pid_t pid;

	assert(bind(listener, (void *)&address, len) == 0 && listen(listener, 128) == 0);
	getsockname(listener, (void *)&address, &len);
	*port = ntohs(address.sin_port);
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		signal(SIGCHLD, SIG_IGN);
		while ((fd = accept(listener, NULL, NULL)) >= 0) {
			ssize_t n;

			if (fork() == 0) {
				while ((n = read(fd, data, sizeof data)) > 0)
					for (ssize_t done = 0, m; done < n; done += m)
						if ((m = write(fd, data + done, (size_t)(n - done))) < 0)
							_exit(1);
				_exit(0);
			}
			close(fd);
		}
		_exit(0);
	}
	close(listener);
	return pid;
}

static void feed(struct bench *bench, unsigned i)
{
	struct flow *flow = &flows[i];
	uint32_t id = AGENT_CHANNEL | 0x100 | i;
	size_t left = flow->sent.len - flow->given, part = pick(bench, 90000);

	if (flow->finished || flow->ended)
		return;
	if (i % 7 == 6 && flow->given > flow->sent.len / 2) {
		agent_link_kill(bench->link, id, SIGKILL, 0);
		flow->finished = true;
		return;
	}
	part = part < left ? part : left;
	flow->given += agent_link_input(bench->link, id, flow->sent.data + flow->given, part, false);
	if (flow->given == flow->sent.len) {
		agent_link_input(bench->link, id, NULL, 0, true);
		flow->finished = true;
	}
}

static void open_flow(struct bench *bench, unsigned i, uint16_t port)
{
	struct flow *flow = &flows[i];

	for (unsigned n = pick(bench, 60000) * (i % 5 + 1); n; n--)
		buf_addc(&flow->sent, (char)pick(bench, 256));
	flow->allowed = AGENT_CHANNEL_WINDOW;
	agent_link_open(bench->link, AGENT_CHANNEL | 0x100 | i, "127.0.0.1", port, false);
}

static void channels_are_exact_over_swapped_messages_and_cut_lines(struct bench *bench)
{
	uint16_t port;
	pid_t server = echo(&port);
	unsigned opened = 0;

	agent_link_on_channels(bench->link, &flow_events, bench);
	memset(flows, 0, sizeof flows);
	flows_ended = 0;
	for (unsigned turn = 0; flows_ended < CHANNELS; turn++) {
		assert(turn < 100000);
		if (opened < CHANNELS && pick(bench, 3) == 0) {
			open_flow(bench, opened, opened == 5 ? 1 : port);
			opened++;
		}
		for (unsigned i = 0; i < opened; i++)
			if (pick(bench, 4) == 0)
				feed(bench, i);
		if (pick(bench, 25) == 0 && bench->line >= 0)
			detach(bench);
		else if (pick(bench, 4) == 0 && bench->line < 0)
			attach(bench);
		if (bench->line >= 0)
			exchange(bench, (int)pick(bench, 3));
		else
			call(bench, pick(bench, 10));
	}
	for (unsigned i = 0; i < CHANNELS; i++) {
		struct flow *flow = &flows[i];

		assert(flow->reset == (i == 5) || i % 7 == 6);
		if (!flow->reset)
			assert(flow->shut && flow->heard.len == flow->sent.len);
		assert(flow->heard.len <= flow->sent.len);
		assert(!flow->heard.len || memcmp(flow->heard.data, flow->sent.data, flow->heard.len) == 0);
		buf_free(&flow->sent);
		buf_free(&flow->heard);
	}
	kill(server, SIGKILL);
	waitpid(server, NULL, 0);
}

static void a_kill_ends_the_whole_group(struct bench *bench)
{
	char *argv[] = {"/bin/sh", "-c", "trap '' TERM; echo deaf; sleep 1000 & sleep 1000", NULL};
	struct agent_link_program program = {.output_bound = 1 << 20, .directory = "/", .argv = argv};

	memset(bench->outcomes, 0, sizeof bench->outcomes);
	bench->over = 0;
	assert(agent_link_start(bench->link, 1, &program) == 0);
	while (!bench->outcomes[1].output[0].len)
		call(bench, 200);
	agent_link_kill(bench->link, 1, SIGTERM, 50);
	while (!bench->over)
		call(bench, 200);
	assert(bench->outcomes[1].exit.kind == AGENT_SIGNALED && bench->outcomes[1].exit.value == SIGKILL);
	buf_free(&bench->outcomes[1].output[0]);
}

static void an_unknown_program_says_why(struct bench *bench)
{
	char *argv[] = {"/no/such/program", NULL};
	struct agent_link_program program = {.output_bound = 1 << 20, .directory = "", .argv = argv};

	bench->over = 0;
	assert(agent_link_start(bench->link, 2, &program) == 0);
	while (!bench->over)
		call(bench, 200);
	assert(bench->outcomes[2].exit.kind == AGENT_NOT_RUN && bench->outcomes[2].exit.value == ENOENT);
}

static void a_quit_leaves_nothing(struct bench *bench)
{
	agent_link_quit(bench->link);
	call(bench, 0);
	for (unsigned i = 0; i < 500 && access(bench->directory, F_OK) == 0; i++)
		poll(NULL, 0, 10);
	assert(access(bench->directory, F_OK) < 0);
}

static void conversation(bool octal)
{
	static struct bench bench;

	memset(&bench, 0, sizeof bench);
	bench.seed = octal ? 2 : 1;
	deliver(&bench, octal);
	nothing_is_lost_or_doubled_when_carriers_change(&bench);
	channels_are_exact_over_swapped_messages_and_cut_lines(&bench);
	if (bench.line >= 0)
		detach(&bench);
	a_kill_ends_the_whole_group(&bench);
	an_unknown_program_says_why(&bench);
	a_quit_leaves_nothing(&bench);
	agent_link_free(bench.link);
	buf_free(&bench.in);
}

int main(void)
{
	if (!delivery_available()) {
		fputs("golemfs was built without an agent\n", stderr);
		return 1;
	}
	signal(SIGPIPE, SIG_IGN);
	conversation(false);
	conversation(true);
	return 0;
}
