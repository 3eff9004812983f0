/* The websocket client: bytes both ways, ends of every kind, and closing from anywhere. */
#include "core/ws.h"

#include <assert.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/mem.h"
#include "tests/unit/bridge.h"
#include "tests/unit/check.h"

enum { MESSAGE = 60000, MESSAGES = 40 };

static struct loop *loop;
static struct ws_hub *hub;
static struct bridge *bridge;
static struct ws *ws;
static struct buf heard;
static unsigned said, want, opens, ends, close_when_heard, close_when_opened;
static int end_code;

static void stop(void *context)
{
	(void)context;
	loop_stop(loop);
}

static void on_opened(void *context)
{
	opens++;
	if (close_when_opened) {
		ws_close(&ws);
		loop_after(loop, 50, stop, NULL);
		return;
	}
	ws_want_write(ws);
}

static void on_received(void *context, const void *data, size_t len)
{
	buf_add(&heard, data, len);
	if (close_when_heard) {
		ws_close(&ws);
		loop_after(loop, 50, stop, NULL);
	} else if (heard.len == (size_t)want * MESSAGE) {
		loop_stop(loop);
	}
}

static void on_writable(void *context, struct buf *message)
{
	BUF_AUTO struct buf bytes = {0};

	if (said == want)
		return;
	for (unsigned i = 0; i < MESSAGE; i++)
		buf_addc(&bytes, (char)(said * 31 + i));
	buf_add(message, bytes.data, bytes.len);
	said++;
}

static void on_closed(void *context, const struct err *err)
{
	ends++;
	end_code = err->code;
	ws = NULL;
	loop_stop(loop);
}

static const struct ws_events events = {on_opened, on_received, on_writable, on_closed};

/* A server that sends everything back, in a process of its own. */
static pid_t echo(unsigned *port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t len = sizeof address;
	int listener = socket(AF_INET, SOCK_STREAM, 0), fd;
	static char data[65536];
	pid_t pid;

	assert(bind(listener, (void *)&address, len) == 0 && listen(listener, 8) == 0);
	getsockname(listener, (void *)&address, &len);
	*port = ntohs(address.sin_port);
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(1);
		close(2); /* who reads our output waits for its end */
		while ((fd = accept(listener, NULL, NULL)) >= 0) {
			if (fork() == 0) {
				ssize_t n;

				while ((n = read(fd, data, sizeof data)) > 0)
					for (ssize_t done = 0; done < n;)
						done += write(fd, data + done, (size_t)(n - done));
				_exit(0);
			}
			close(fd);
		}
		_exit(0);
	}
	close(listener);
	return pid;
}

static unsigned echo_port;

static void begin(void)
{
	struct err err = {0};
	struct bridge_options options = {.port = echo_port};

	said = want = opens = ends = close_when_heard = close_when_opened = 0;
	end_code = 0;
	loop = loop_new();
	hub = ws_hub_new(loop, &err);
	CHECK_TEXT(err.text, "");
	bridge = bridge_new(loop, &options);
}

static void end(void)
{
	ws_close(&ws);
	ws_hub_free(hub);
	bridge_free(bridge);
	buf_free(&heard);
	loop_free(loop);
}

static void open_to(unsigned port)
{
	MEM_AUTO char *url = mem_printf("ws://127.0.0.1:%u/net-api/v1/net/a/tcp/192.168.0.2/80", port);
	struct err err = {0};

	ws = ws_open(hub, url, "key", &events, NULL, &err);
	CHECK_TEXT(err.text, "");
}

static void bytes_go_both_ways_and_come_back_the_same(void)
{
	bool same = true;

	begin();
	want = MESSAGES;
	open_to(bridge_port(bridge));
	loop_run(loop);
	CHECK(opens == 1 && ends == 0 && heard.len == MESSAGES * MESSAGE);
	for (unsigned n = 0; n < MESSAGES; n++)
		for (unsigned i = 0; i < MESSAGE; i++)
			same &= heard.data[n * MESSAGE + i] == (char)(n * 31 + i);
	CHECK(same);
	CHECK(bridge_messages(bridge) == MESSAGES);
	end();
}

static void a_port_without_a_server_is_told_from_the_loop(void)
{
	begin();
	open_to(1);
	CHECK(ends == 0);
	loop_run(loop);
	CHECK(opens == 0 && ends == 1 && end_code == EHOSTUNREACH);
	end();
}

static void cut(void *context)
{
	if (opens)
		bridge_cut(bridge);
	else
		loop_after(loop, 10, cut, NULL);
}

static void a_connection_that_ends_is_told_once(void)
{
	begin();
	open_to(bridge_port(bridge));
	loop_after(loop, 0, cut, NULL);
	loop_run(loop);
	CHECK(opens == 1 && ends == 1 && end_code == ECONNRESET);
	end();
}

static void an_owner_may_close_when_it_opens(void)
{
	begin();
	close_when_opened = 1;
	open_to(bridge_port(bridge));
	loop_run(loop);
	CHECK(opens == 1 && ends == 0 && !ws);
	end();
}

static void an_owner_may_close_while_it_hears(void)
{
	begin();
	close_when_heard = 1;
	want = 3;
	open_to(bridge_port(bridge));
	loop_run(loop);
	CHECK(opens == 1 && ends == 0 && heard.len > 0 && heard.len < 3 * MESSAGE);
	end();
}

static void an_owner_may_close_before_it_opens(void)
{
	begin();
	open_to(bridge_port(bridge));
	ws_close(&ws);
	loop_after(loop, 100, stop, NULL);
	loop_run(loop);
	CHECK(opens == 0 && ends == 0);
	end();
}

static void resume(void *context)
{
	CHECK(heard.len == 0);
	ws_pause(ws, false);
}

static void pause_soon(void *context)
{
	if (!opens) {
		loop_after(loop, 1, pause_soon, NULL);
		return;
	}
	ws_pause(ws, true);
	want = 5;
	ws_want_write(ws);
	loop_after(loop, 100, resume, NULL);
}

static void a_paused_connection_gives_nothing(void)
{
	begin();
	open_to(bridge_port(bridge));
	loop_after(loop, 1, pause_soon, NULL);
	loop_run(loop);
	CHECK(heard.len == 5 * MESSAGE);
	end();
}

static void what_is_no_websocket_url_is_refused_with_a_sentence(void)
{
	struct err err = {0};

	begin();
	CHECK(!ws_open(hub, "http://127.0.0.1/", "key", &events, NULL, &err) && err.code == EINVAL);
	CHECK(!ws_open(hub, "ws://", "key", &events, NULL, &err) && err.code == EINVAL);
	end();
}

static void a_hub_may_end_with_open_connections(void)
{
	begin();
	want = 20;
	open_to(bridge_port(bridge));
	loop_after(loop, 20, stop, NULL);
	loop_run(loop);
	ws_hub_free(hub);
	ws = NULL;
	hub = NULL;
	end();
}

int main(void)
{
	pid_t pid;

	signal(SIGPIPE, SIG_IGN);
	signal(SIGCHLD, SIG_IGN);
	pid = echo(&echo_port);
	TEST(bytes_go_both_ways_and_come_back_the_same);
	TEST(a_port_without_a_server_is_told_from_the_loop);
	TEST(a_connection_that_ends_is_told_once);
	TEST(an_owner_may_close_when_it_opens);
	TEST(an_owner_may_close_while_it_hears);
	TEST(an_owner_may_close_before_it_opens);
	TEST(a_paused_connection_gives_nothing);
	TEST(what_is_no_websocket_url_is_refused_with_a_sentence);
	TEST(a_hub_may_end_with_open_connections);
	kill(pid, SIGTERM);
	return check_end();
}
