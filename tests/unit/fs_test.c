/* The file side without a kernel: what each class of file does, and that nothing of the kernel's is trusted. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <uv.h>

#include "core/buf.h"
#include "core/mem.h"
#include "core/obj.h"
#include "fs/help.h"
#include "tests/unit/fake_kernel.h"
#include "tests/unit/fake_model.h"

#define I "backends/b/instances/i"

static struct obj *at(struct kernel *kernel, const char *backend, const char *instance, const char *command)
{
	struct obj *obj = obj_find(golem_root(kernel_golem(kernel)), backend);

	if (obj && instance)
		obj = obj_find(obj, instance);
	if (obj && command)
		obj = obj_find(obj, command);
	return obj;
}

static struct kernel *with_instance(void)
{
	struct kernel *kernel = kernel_new();

	assert(kernel_mkdir(kernel, "backends", "b") == 0);
	assert(kernel_mkdir(kernel, "backends/b/instances", "i") == 0);
	return kernel;
}

static bool says(const char *text, const char *what)
{
	return text && strstr(text, what);
}

/* --- names ------------------------------------------------------------------------------------------------- */

static void names_are_checked(void)
{
	struct kernel *kernel = kernel_new();
	char name[5001];

	memset(name, 'x', sizeof name);
	name[5000] = '\0';
	assert(kernel_lookup(kernel, name) == -ENAMETOOLONG);
	assert(kernel_mkdir(kernel, "backends", name) == -ENAMETOOLONG);
	name[64] = '\0';
	assert(kernel_mkdir(kernel, "backends", name) == -ENAMETOOLONG);
	name[63] = '\0';
	assert(kernel_mkdir(kernel, "backends", name) == 0);
	assert(kernel_mkdir(kernel, "backends", name) == -EEXIST);
	assert(kernel_mkdir(kernel, "backends", "a\nb") == -EINVAL);
	assert(kernel_mkdir(kernel, "backends", ".swp") == -EINVAL);
	assert(kernel_mkdir(kernel, "backends", "ctl") != 0);
	assert(kernel_mkdir(kernel, "", "x") == -EPERM);
	assert(kernel_rmdir(kernel, "", "backends") == -EPERM);
	assert(kernel_rmdir(kernel, "backends", "nobody") == -ENOENT);
	assert(kernel_lookup(kernel, "nobody") == -ENOENT);
	assert(says(kernel_cat(kernel, "error"), "mkdir ctl"));
	kernel_free(kernel);
}

static void a_removed_name_is_gone_at_once(void)
{
	struct kernel *kernel = with_instance();
	int64_t open = kernel_open(kernel, "backends/b/state", O_RDONLY);
	int64_t ctl = kernel_open(kernel, "backends/b/ctl", O_WRONLY);
	int64_t ino = kernel_lookup(kernel, "backends/b");

	assert(kernel_rmdir(kernel, "backends", "b") == 0);
	assert(kernel_lookup(kernel, "backends/b") == -ENOENT);
	assert(kernel_call(kernel, FUSE_LOOKUP, (uint64_t)ino, "state", 6).code == ENOENT);
	assert(kernel_write(kernel, ctl, "scan\n") == -ENODEV);
	assert(kernel_close(kernel, open) == 0 && kernel_close(kernel, ctl) == 0);
	kernel_free(kernel);
}

/* --- control lines ----------------------------------------------------------------------------------------- */

static void lines_are_done_or_refused_one_by_one(void)
{
	struct kernel *kernel = kernel_new();
	int64_t ctl = kernel_open(kernel, "backends/ctl", O_WRONLY);

	assert(kernel_write(kernel, ctl, "create a\n\n \ncreate c subnet=x\r\nfrobnicate\ncreate d\n") == 31);
	assert(at(kernel, "a", NULL, NULL) && at(kernel, "c", NULL, NULL) && !at(kernel, "d", NULL, NULL));
	assert(kernel_write(kernel, ctl, "create d\n") == -EINVAL); /* poisoned */
	assert(!at(kernel, "d", NULL, NULL));
	kernel_close(kernel, ctl);
	assert(says(kernel_cat(kernel, "error"), "unknown verb \"frobnicate\""));
	assert(kernel_echo(kernel, "backends/ctl", "create a") == -EEXIST);
	assert(kernel_echo(kernel, "backends/ctl", "create e frob=1") == -EINVAL);
	assert(kernel_echo(kernel, "backends/ctl", "create") == -EINVAL);
	assert(kernel_echo(kernel, "backends/ctl", "destroy a b") == -EINVAL);
	assert(kernel_echo(kernel, "backends/ctl", "create 'e") == -EINVAL);
	assert(kernel_echo(kernel, "backends/ctl", "destroy a") == 0);
	assert(!at(kernel, "a", NULL, NULL));
	kernel_free(kernel);
}

static void the_tail_of_a_longer_write_waits(void)
{
	struct kernel *kernel = kernel_new();
	int64_t ctl = kernel_open(kernel, "backends/ctl", O_WRONLY);

	assert(kernel_write(kernel, ctl, "create a\ncrea") == 13);
	assert(kernel_write(kernel, ctl, "te b\ncreate c") == 13);
	assert(at(kernel, "b", NULL, NULL) && !at(kernel, "c", NULL, NULL));
	kernel_close(kernel, ctl);
	assert(at(kernel, "c", NULL, NULL));
	kernel_free(kernel);
}

static void a_write_without_a_newline_is_one_line(void)
{
	struct kernel *kernel = kernel_new();
	int64_t ctl = kernel_open(kernel, "backends/ctl", O_WRONLY);

	assert(kernel_write(kernel, ctl, "create a") == 8);
	assert(at(kernel, "a", NULL, NULL));
	assert(kernel_write(kernel, ctl, "b\n") == -EINVAL);
	kernel_close(kernel, ctl);
	kernel_free(kernel);
}

static void long_and_binary_lines_are_refused(void)
{
	struct kernel *kernel = kernel_new();
	int64_t ctl = kernel_open(kernel, "backends/ctl", O_WRONLY);
	MEM_AUTO char *text = mem_alloc(100001);
	struct reply reply;

	memset(text, 'x', 100000);
	assert(kernel_write(kernel, ctl, text) == -EINVAL);
	kernel_close(kernel, ctl);
	ctl = kernel_open(kernel, "backends/ctl", O_WRONLY);
	text[0] = '\n';
	assert(kernel_write(kernel, ctl, text) == 1);
	assert(kernel_write(kernel, ctl, text + 1) == -EINVAL);
	kernel_close(kernel, ctl);
	ctl = kernel_open(kernel, "backends/ctl", O_WRONLY);
	reply = kernel_reply(kernel, kernel_send_write(kernel, ctl, "create a\0b\n", 11, 0));
	assert(reply.code == EINVAL && !at(kernel, "a", NULL, NULL));
	kernel_close(kernel, ctl);
	kernel_free(kernel);
}

static void the_writer_reads_the_name_made(void)
{
	struct kernel *kernel = with_instance();
	int64_t ctl = kernel_open(kernel, "backends/b/instances/ctl", O_RDWR);
	struct reply reply;

	assert(kernel_write(kernel, ctl, "create\ncreate two\n") == 18);
	reply = kernel_reply(kernel, kernel_send_read(kernel, ctl, 100, 18, 0));
	assert(reply.len == 6 && memcmp(reply.data, "0\ntwo\n", 6) == 0);
	assert(kernel_reply(kernel, kernel_send_read(kernel, ctl, 100, 24, 0)).len == 0);
	assert(kernel_write(kernel, ctl, "create count=2\n") == 15);
	reply = kernel_reply(kernel, kernel_send_read(kernel, ctl, 100, 99, 0));
	assert(reply.len == 4 && memcmp(reply.data, "1\n2\n", 4) == 0);
	kernel_close(kernel, ctl);
	assert(says(kernel_cat(kernel, "backends/b/instances/ctl"), "create [NAME]"));
	kernel_free(kernel);
}

static void a_create_of_many_is_whole(void)
{
	struct kernel *kernel = with_instance();
	struct obj *backend = at(kernel, "b", NULL, NULL);

	assert(kernel_mkdir(kernel, "backends/b/instances", "2") == 0);
	assert(kernel_echo(kernel, "backends/b/instances/ctl", "create count=4") == -EEXIST);
	assert(obj_count(backend) == 2);
	kernel_free(kernel);
}

/* --- writes that take their time --------------------------------------------------------------------------- */

static void a_write_waits_for_its_answer(void)
{
	struct kernel *kernel = with_instance();
	int64_t ctl = kernel_open(kernel, "backends/b/ctl", O_WRONLY);
	uint64_t write = kernel_send_write(kernel, ctl, "start\nscan\n", 11, 0);
	struct reply reply;

	assert(!kernel_reply(kernel, write).there);
	assert(strcmp(kernel_cat(kernel, "backends/b/state"), "starting\n") == 0);
	fake_accept(at(kernel, "b", NULL, NULL));
	kernel_turn(kernel);
	reply = kernel_reply(kernel, write);
	assert(reply.code == 0 && ((const struct fuse_write_out *)reply.data)->size == 11);
	write = kernel_send_write(kernel, ctl, "start\n", 6, 0);
	fake_refuse(at(kernel, "b", NULL, NULL), EDQUOT, "too dear");
	kernel_turn(kernel);
	assert(kernel_reply(kernel, write).code == EDQUOT);
	kernel_close(kernel, ctl);
	assert(says(kernel_cat(kernel, "backends/b/error"), "too dear"));
	kernel_free(kernel);
}

static void an_interrupted_write_succeeds_once(void)
{
	struct kernel *kernel = with_instance();
	int64_t ctl = kernel_open(kernel, "backends/b/ctl", O_WRONLY);
	uint64_t write = kernel_send_write(kernel, ctl, "start\nscan\n", 11, 0);
	struct reply reply;

	kernel_interrupt(kernel, write);
	kernel_turn(kernel);
	reply = kernel_reply(kernel, write);
	assert(reply.code == 0 && ((const struct fuse_write_out *)reply.data)->size == 6);
	fake_refuse(at(kernel, "b", NULL, NULL), EIO, "later");
	assert(kernel_close(kernel, ctl) == 0);
	assert(says(kernel_cat(kernel, "error"), "later"));
	kernel_free(kernel);
}

static void a_write_waits_five_seconds_at_most(void)
{
	struct kernel *kernel = with_instance();
	int64_t ctl = kernel_open(kernel, "backends/b/ctl", O_WRONLY);
	uint64_t write = kernel_send_write(kernel, ctl, "start\n", 6, 0);
	uint64_t begin = uv_hrtime();
	struct reply reply;

	do {
		kernel_turn(kernel);
		reply = kernel_reply(kernel, write);
	} while (!reply.there && uv_hrtime() - begin < 7000000000u && poll(NULL, 0, 20) == 0);
	assert(reply.there && reply.code == 0);
	assert(uv_hrtime() - begin > 4000000000u && uv_hrtime() - begin < 6000000000u);
	kernel_close(kernel, ctl);
	kernel_free(kernel);
}

/* --- settings and payloads --------------------------------------------------------------------------------- */

static void settings_are_lines(void)
{
	struct kernel *kernel = with_instance();

	assert(kernel_echo(kernel, "backends/b/config/min_mem_gib", "12.5") == 0);
	assert(strcmp(kernel_cat(kernel, "backends/b/config/min_mem_gib"), "12.5\n") == 0);
	assert(kernel_size(kernel, "backends/b/config/min_mem_gib") == 5);
	assert(kernel_echo(kernel, "backends/b/config/min_mem_gib", "lots") == -EINVAL);
	assert(says(kernel_cat(kernel, "backends/b/error"), "config/min_mem_gib lots"));
	assert(kernel_echo(kernel, "backends/b/config/min_mem_gib", "") == 0);
	assert(strcmp(kernel_cat(kernel, "backends/b/config/min_mem_gib"), "0.5\n") == 0);
	assert(kernel_echo(kernel, "backends/b/ctl", "set min_mem_gib 2") == 0);
	assert(strcmp(kernel_cat(kernel, "backends/b/config/min_mem_gib"), "2\n") == 0);
	assert(kernel_echo(kernel, "backends/b/ctl", "set nothing 2") == -EINVAL);
	kernel_free(kernel);
}

static void payloads_are_bytes_taken_at_the_close(void)
{
	struct kernel *kernel = with_instance();
	int64_t setup = kernel_open(kernel, "backends/b/config/setup", O_RDWR | O_TRUNC);

	assert(kernel_write(kernel, setup, "echo one\n") == 9);
	assert(kernel_write(kernel, setup, "echo two\n") == 9);
	assert(strcmp(kernel_cat(kernel, "backends/b/config/setup"), "") == 0);
	assert(kernel_reply(kernel, kernel_send_read(kernel, setup, 100, 5, 0)).len == 13);
	kernel_close(kernel, setup);
	assert(strcmp(kernel_cat(kernel, "backends/b/config/setup"), "echo one\necho two\n") == 0);
	setup = kernel_open(kernel, "backends/b/config/setup", O_WRONLY);
	kernel_reply(kernel, kernel_send_write(kernel, setup, "ECHO", 4, 9));
	kernel_close(kernel, setup);
	assert(strcmp(kernel_cat(kernel, "backends/b/config/setup"), "echo one\nECHO two\n") == 0);
	setup = kernel_open(kernel, "backends/b/config/setup", O_WRONLY);
	assert(kernel_reply(kernel, kernel_send_write(kernel, setup, "x", 1, UINT64_C(1) << 62)).code ==
	       EFBIG);
	kernel_close(kernel, setup);
	kernel_free(kernel);
}

/* --- run --------------------------------------------------------------------------------------------------- */

static void writes_between_open_and_close_are_one_command(void)
{
	struct kernel *kernel = with_instance();
	int64_t run = kernel_open(kernel, I "/run", O_WRONLY | O_TRUNC);

	assert(kernel_lookup(kernel, I "/last") == -ENOENT);
	assert(kernel_write(kernel, run, "echo a\n") == 7 && kernel_write(kernel, run, "echo b\n") == 7);
	assert(!at(kernel, "b", "i", "1"));
	kernel_close(kernel, run);
	assert(strcmp(kernel_cat(kernel, I "/commands/1/cmdline"), "echo a\necho b\n") == 0);
	assert(kernel_lookup(kernel, I "/last") > 0);
	run = kernel_open(kernel, I "/run", O_WRONLY | O_TRUNC);
	kernel_close(kernel, run);
	assert(obj_count(at(kernel, "b", "i", NULL)) == 1);
	kernel_free(kernel);
}

static void the_writer_of_run_reads_its_number(void)
{
	struct kernel *kernel = with_instance();
	int64_t run = kernel_open(kernel, I "/run", O_RDWR);
	struct reply reply;

	assert(kernel_write(kernel, run, "make\n") == 5);
	reply = kernel_reply(kernel, kernel_send_read(kernel, run, 100, 5, 0));
	assert(reply.len == 2 && memcmp(reply.data, "1\n", 2) == 0);
	reply = kernel_reply(kernel, kernel_send_write(kernel, run, "test\n", 5, 7));
	assert(reply.code == 0);
	reply = kernel_reply(kernel, kernel_send_read(kernel, run, 100, 12, 0));
	assert(reply.len == 2 && memcmp(reply.data, "2\n", 2) == 0);
	kernel_close(kernel, run);
	assert(obj_count(at(kernel, "b", "i", NULL)) == 2);
	assert(strcmp(kernel_cat(kernel, I "/commands/2/cmdline"), "test\n") == 0);
	kernel_free(kernel);
}

static void a_refused_command_tells_its_reader(void)
{
	struct kernel *kernel = with_instance();
	int64_t run = kernel_open(kernel, I "/run", O_RDWR);

	assert(kernel_echo(kernel, I "/ctl", "stop") == 0);
	assert(kernel_write(kernel, run, "make\n") == 5);
	assert(kernel_reply(kernel, kernel_send_read(kernel, run, 100, 5, 0)).code == EBUSY);
	kernel_close(kernel, run);
	assert(says(kernel_cat(kernel, I "/error"), "run: make"));
	kernel_free(kernel);
}

/* --- readers that wait ------------------------------------------------------------------------------------- */

static void wait_gives_the_state_or_the_errno(void)
{
	struct kernel *kernel = with_instance();
	struct obj *backend = at(kernel, "b", NULL, NULL);
	int64_t wait = kernel_open(kernel, "backends/b/wait", O_RDONLY);
	uint64_t read;
	struct reply reply;

	fake_state(backend, "starting", false, false, 0);
	read = kernel_send_read(kernel, wait, 100, 0, 0);
	assert(!kernel_reply(kernel, read).there);
	fake_state(backend, "ready", true, false, 0);
	kernel_turn(kernel);
	reply = kernel_reply(kernel, read);
	assert(reply.len == 6 && memcmp(reply.data, "ready\n", 6) == 0);
	assert(kernel_reply(kernel, kernel_send_read(kernel, wait, 100, 6, 0)).len == 0);
	fake_state(backend, "error", true, false, ETIMEDOUT);
	assert(kernel_reply(kernel, kernel_send_read(kernel, wait, 100, 0, 0)).code == ETIMEDOUT);
	fake_state(backend, "starting", false, false, 0);
	read = kernel_send_read(kernel, wait, 100, 0, 0);
	fake_cancel(backend);
	kernel_turn(kernel);
	assert(kernel_reply(kernel, read).code == ECANCELED);
	assert(kernel_reply(kernel, kernel_send_read(kernel, wait, 100, 0, O_NONBLOCK)).code == EAGAIN);
	read = kernel_send_read(kernel, wait, 100, 0, 0);
	kernel_rmdir(kernel, "backends", "b");
	kernel_turn(kernel);
	assert(kernel_reply(kernel, read).code == ECANCELED);
	kernel_close(kernel, wait);
	kernel_free(kernel);
}

static void plural_waits_give_lines(void)
{
	struct kernel *kernel = with_instance();
	int64_t wait, any;
	uint64_t waiting, first;
	struct reply reply;

	assert(kernel_mkdir(kernel, "backends/b/instances", "k") == 0);
	fake_state(at(kernel, "b", "i", NULL), "deploying", false, false, 0);
	fake_state(at(kernel, "b", "k", NULL), "deploying", false, false, 0);
	wait = kernel_open(kernel, "backends/b/instances/wait", O_RDONLY);
	any = kernel_open(kernel, "backends/b/instances/any", O_RDONLY);
	waiting = kernel_send_read(kernel, wait, 100, 0, 0);
	first = kernel_send_read(kernel, any, 100, 0, 0);
	fake_state(at(kernel, "b", "i", NULL), "stopped", true, true, 0);
	kernel_turn(kernel);
	assert(!kernel_reply(kernel, waiting).there);
	reply = kernel_reply(kernel, first);
	assert(reply.len == 10 && memcmp(reply.data, "i stopped\n", 10) == 0);
	fake_state(at(kernel, "b", "k", NULL), "error", true, false, EIO);
	kernel_turn(kernel);
	reply = kernel_reply(kernel, waiting);
	assert(reply.len == 18 && memcmp(reply.data, "i stopped\nk error\n", 18) == 0);
	assert(kernel_reply(kernel, kernel_send_read(kernel, wait, 100, 18, 0)).code == EIO);
	kernel_close(kernel, wait);
	kernel_close(kernel, any);
	kernel_free(kernel);
}

static void pipes_end_with_the_command(void)
{
	struct kernel *kernel = with_instance();
	struct obj *command;
	int64_t pipe, wait;
	uint64_t read, waiting;
	struct reply reply;

	assert(kernel_echo(kernel, I "/run", "make") == 0);
	command = at(kernel, "b", "i", "1");
	pipe = kernel_open(kernel, I "/commands/1/stdout_pipe", O_RDONLY);
	wait = kernel_open(kernel, I "/commands/1/wait", O_RDONLY);
	read = kernel_send_read(kernel, pipe, 100, 0, 0);
	waiting = kernel_send_read(kernel, wait, 100, 0, 0);
	assert(!kernel_reply(kernel, read).there);
	fake_output(command, "one\n");
	kernel_turn(kernel);
	reply = kernel_reply(kernel, read);
	assert(reply.len == 4 && !kernel_reply(kernel, waiting).there);
	assert(kernel_size(kernel, I "/commands/1/stdout") == 4);
	read = kernel_send_read(kernel, pipe, 100, 4, 0);
	fake_finish(command, 3);
	kernel_turn(kernel);
	reply = kernel_reply(kernel, read);
	assert(reply.there && reply.code == 0 && reply.len == 0);
	reply = kernel_reply(kernel, waiting);
	assert(reply.len == 2 && memcmp(reply.data, "3\n", 2) == 0);
	kernel_close(kernel, pipe);
	kernel_close(kernel, wait);
	kernel_free(kernel);
}

static void an_interrupt_ends_the_waiting_only(void)
{
	struct kernel *kernel = with_instance();
	int64_t pipe = kernel_open(kernel, "events_pipe", O_RDONLY);
	uint64_t size = (uint64_t)kernel_size(kernel, "events");
	uint64_t read = kernel_send_read(kernel, pipe, 4096, size, 0), other;

	other = kernel_send_read(kernel, pipe, 4096, size, 0);
	kernel_interrupt(kernel, read);
	assert(kernel_reply(kernel, read).code == EINTR);
	assert(!kernel_reply(kernel, other).there);
	assert(kernel_mkdir(kernel, "backends", "c") == 0);
	kernel_turn(kernel);
	assert(kernel_reply(kernel, other).len > 20);
	/* The INTERRUPT of a request that has been answered already. */
	kernel_interrupt(kernel, other);
	read = kernel_send_read(kernel, pipe, 4096, 1 << 20, 0);
	kernel_close(kernel, pipe);
	assert(kernel_reply(kernel, read).code == EINTR);
	kernel_free(kernel);
}

/* --- the rest ---------------------------------------------------------------------------------------------- */

static void abort_and_hold_act(void)
{
	struct kernel *kernel = with_instance();
	struct obj *backend = at(kernel, "b", NULL, NULL);
	int64_t hold = kernel_open(kernel, "backends/b/hold", O_RDONLY);
	int64_t second = kernel_open(kernel, "backends/b/hold", O_RDONLY);
	int64_t abort = kernel_open(kernel, "backends/b/abort", O_WRONLY | O_TRUNC);

	assert(fake_aborts(backend) == 1);
	kernel_close(kernel, abort);
	abort = kernel_open(kernel, "backends/b/abort", O_WRONLY);
	assert(fake_aborts(backend) == 1 && kernel_write(kernel, abort, "x") == 1 &&
	       fake_aborts(backend) == 2);
	kernel_close(kernel, abort);
	kernel_close(kernel, hold);
	assert(fake_let_go(backend) == 0);
	kernel_close(kernel, second);
	assert(fake_let_go(backend) == 1);
	kernel_free(kernel);
}

static struct obj *with_stdin(struct kernel *kernel, size_t room)
{
	assert(kernel_mkdir(kernel, I "/commands", "c") == 0);
	fake_room(at(kernel, "b", "i", "c"), room);
	return at(kernel, "b", "i", "c");
}

static uint32_t written(struct kernel *kernel, uint64_t write)
{
	struct reply reply = kernel_reply(kernel, write);

	assert(reply.there && !reply.code);
	return ((const struct fuse_write_out *)reply.data)->size;
}

static void a_write_to_a_full_stdin_waits(void)
{
	struct kernel *kernel = with_instance();
	struct obj *command = with_stdin(kernel, 5);
	int64_t handle = kernel_open(kernel, I "/commands/c/stdin", O_WRONLY);
	uint64_t write = kernel_send_write(kernel, handle, "hello world", 11, 0);
	unsigned writers;
	size_t len;

	assert(!kernel_reply(kernel, write).there);
	fake_room(command, 2);
	kernel_turn(kernel);
	assert(!kernel_reply(kernel, write).there);
	fake_room(command, 100);
	kernel_turn(kernel);
	assert(written(kernel, write) == 11);
	assert(strcmp(fake_input(command, &len, &writers), "hello world") == 0 && writers == 1);
	fake_finish(command, 0);
	assert(kernel_write(kernel, handle, "more") == -EPIPE);
	kernel_close(kernel, handle);
	fake_input(command, &len, &writers);
	assert(writers == 0);
	kernel_free(kernel);
}

static void a_waiting_write_ends_with_a_signal_or_the_command(void)
{
	struct kernel *kernel = with_instance();
	struct obj *command = with_stdin(kernel, 3);
	int64_t handle = kernel_open(kernel, I "/commands/c/stdin", O_WRONLY);
	int64_t other = kernel_open(kernel, I "/commands/c/stdin", O_WRONLY | O_NONBLOCK);
	uint64_t write = kernel_send_write(kernel, handle, "abcdef", 6, 0);

	kernel_interrupt(kernel, write);
	assert(written(kernel, write) == 3);
	write = kernel_send_write(kernel, handle, "def", 3, 3);
	kernel_interrupt(kernel, write);
	assert(kernel_reply(kernel, write).code == EINTR);
	assert(kernel_write(kernel, other, "x") == -EAGAIN);
	write = kernel_send_write(kernel, handle, "def", 3, 3);
	fake_finish(command, 0);
	kernel_turn(kernel);
	assert(kernel_reply(kernel, write).code == EPIPE);
	kernel_close(kernel, handle);
	kernel_close(kernel, other);
	kernel_free(kernel);
}

static void each_look_up_of_stdin_is_an_inode_of_its_own(void)
{
	struct kernel *kernel = with_instance();

	with_stdin(kernel, 1);
	assert(kernel_lookup(kernel, I "/commands/c/stdin") != kernel_lookup(kernel, I "/commands/c/stdin"));
	assert(kernel_lookup(kernel, I "/commands/c/env") == kernel_lookup(kernel, I "/commands/c/env"));
	kernel_free(kernel);
}

static void a_backend_has_commands_of_its_own(void)
{
	struct kernel *kernel = with_instance();

	assert(kernel_lookup(kernel, "backends/b/last") == -ENOENT);
	assert(kernel_echo(kernel, "backends/b/run", "make") == 0);
	assert(strcmp(kernel_cat(kernel, "backends/b/commands/1/cmdline"), "make\n") == 0);
	assert(kernel_lookup(kernel, "backends/b/last") > 0);
	assert(obj_count(at(kernel, "b", "i", NULL)) == 0);
	kernel_free(kernel);
}

static void values_cannot_be_written(void)
{
	struct kernel *kernel = with_instance();

	assert(kernel_open(kernel, "backends/b/state", O_WRONLY) == -EACCES);
	assert(kernel_open(kernel, "events", O_RDWR) == -EACCES);
	assert(kernel_open(kernel, "backends", O_RDONLY) == -EISDIR);
	kernel_free(kernel);
}

static void a_reader_sees_one_moment(void)
{
	struct kernel *kernel = with_instance();
	struct obj *backend = at(kernel, "b", NULL, NULL);
	int64_t state = kernel_open(kernel, "backends/b/state", O_RDONLY);
	struct reply reply = kernel_reply(kernel, kernel_send_read(kernel, state, 3, 0, 0));

	assert(memcmp(reply.data, "ini", 3) == 0);
	fake_state(backend, "ready", true, false, 0);
	reply = kernel_reply(kernel, kernel_send_read(kernel, state, 100, 3, 0));
	assert(reply.len == 5 && memcmp(reply.data, "tial\n", 5) == 0);
	reply = kernel_reply(kernel, kernel_send_read(kernel, state, 100, 0, 0));
	assert(reply.len == 6 && memcmp(reply.data, "ready\n", 6) == 0);
	assert(kernel_reply(kernel, kernel_send_read(kernel, state, 100, INT64_MAX, 0)).len == 0);
	kernel_close(kernel, state);
	kernel_free(kernel);
}

static void a_change_makes_attributes_stale_and_wakes_pollers(void)
{
	struct kernel *kernel = with_instance();
	int64_t state = kernel_open(kernel, "backends/b/state", O_RDONLY);
	int64_t ino = kernel_lookup(kernel, "backends/b/state");
	struct fuse_poll_in poll_in = {
		.fh = (uint64_t)state, .kh = 7, .flags = FUSE_POLL_SCHEDULE_NOTIFY, .events = POLLPRI};
	struct reply reply;
	unsigned stale;

	kernel_size(kernel, "backends/b/state");
	reply = kernel_reply(kernel, kernel_send_read(kernel, state, 100, 0, 0));
	reply = kernel_call(kernel, FUSE_POLL, (uint64_t)ino, &poll_in, sizeof poll_in);
	assert(reply.code == 0 &&
	       !(((const struct fuse_poll_out *)reply.data)->revents & (POLLIN | POLLPRI)));
	assert(kernel_notices(kernel, FUSE_NOTIFY_POLL) == 0);
	stale = kernel_notices(kernel, FUSE_NOTIFY_INVAL_INODE);
	fake_state(at(kernel, "b", NULL, NULL), "ready", true, false, 0);
	kernel_turn(kernel);
	assert(kernel_notices(kernel, FUSE_NOTIFY_POLL) == 1);
	assert(kernel_notices(kernel, FUSE_NOTIFY_INVAL_INODE) > stale);
	reply = kernel_call(kernel, FUSE_POLL, (uint64_t)ino, &poll_in, sizeof poll_in);
	assert(((const struct fuse_poll_out *)reply.data)->revents & POLLPRI);
	kernel_close(kernel, state);
	kernel_free(kernel);
}

static void listings_are_of_one_moment(void)
{
	struct kernel *kernel = with_instance();
	uint64_t ino = (uint64_t)kernel_lookup(kernel, "backends/b/instances");
	struct fuse_open_in open = {0};
	struct reply reply = kernel_call(kernel, FUSE_OPENDIR, ino, &open, sizeof open);
	struct fuse_read_in read = {.fh = ((const struct fuse_open_out *)reply.data)->fh, .size = 64};
	unsigned entries = 0;

	for (;;) {
		const struct fuse_dirent *entry;

		reply = kernel_call(kernel, FUSE_READDIR, ino, &read, sizeof read);
		assert(reply.code == 0);
		if (reply.len == 0)
			break;
		for (size_t at_byte = 0; at_byte < reply.len; at_byte += FUSE_DIRENT_SIZE(entry)) {
			entry = (const struct fuse_dirent *)(reply.data + at_byte);
			read.offset = entry->off;
			entries++;
			assert(memcmp(entry->name, "wait", 4) != 0);
		}
		/* Not seen any more by this listing. */
		kernel_echo(kernel, "backends/b/instances/ctl", "create");
	}
	assert(entries == 4); /* . .. ctl i */
	read.offset = 5;
	assert(kernel_call(kernel, FUSE_READDIR, ino, &read, sizeof read).code == 0);
	kernel_free(kernel);
}

static void forgetting_gives_memory_back(void)
{
	struct kernel *kernel = with_instance();
	uint64_t ino = (uint64_t)kernel_lookup(kernel, "backends/b/state");
	struct fuse_forget_in forget = {.nlookup = 1};
	struct fuse_getattr_in attr = {0};

	kernel_send(kernel, FUSE_FORGET, ino, &forget, sizeof forget);
	assert(kernel_call(kernel, FUSE_GETATTR, ino, &attr, sizeof attr).code == ESTALE);
	forget.nlookup = UINT64_MAX;
	kernel_send(kernel, FUSE_FORGET, FUSE_ROOT_ID, &forget, sizeof forget);
	assert((uint64_t)kernel_lookup(kernel, "backends/b/state") != ino);
	kernel_free(kernel);
}

static void garbage_is_survived(void)
{
	struct kernel *kernel = with_instance();
	struct fuse_read_in read = {.fh = UINT64_MAX, .size = 10};
	struct fuse_write_in write = {.fh = 12345, .size = 0};

	assert(kernel_call(kernel, 4000, 1, "abc", 3).code == ENOSYS);
	assert(kernel_call(kernel, FUSE_READ, 1, &read, sizeof read).code == EBADF);
	assert(kernel_call(kernel, FUSE_READDIR, 1, &read, sizeof read).code == EBADF);
	assert(kernel_call(kernel, FUSE_WRITE, 1, &write, sizeof write).code == EBADF);
	assert(kernel_call(kernel, FUSE_READLINK, 1, NULL, 0).code == EINVAL);
	assert(kernel_call(kernel, FUSE_LOOKUP, 99999, "x", 2).code == ESTALE);
	assert(kernel_call(kernel, FUSE_UNLINK, 1, "README", 7).code == EPERM);
	assert(says(kernel_cat(kernel, "README"), "backends/"));
	kernel_free(kernel);
}

static void every_row_is_in_the_reference(void)
{
	BUF_AUTO struct buf text = {0};

	help_reference(&text);
	assert(says(buf_text(&text), "`stdout_pipe`") &&
	       says(buf_text(&text), "`create NAME [KEY=VALUE]...`"));
	assert(says(buf_text(&text), "`min_mem_gib`"));
}

int main(void)
{
	names_are_checked();
	a_removed_name_is_gone_at_once();
	lines_are_done_or_refused_one_by_one();
	the_tail_of_a_longer_write_waits();
	a_write_without_a_newline_is_one_line();
	long_and_binary_lines_are_refused();
	the_writer_reads_the_name_made();
	a_create_of_many_is_whole();
	a_write_waits_for_its_answer();
	an_interrupted_write_succeeds_once();
	a_write_waits_five_seconds_at_most();
	settings_are_lines();
	payloads_are_bytes_taken_at_the_close();
	writes_between_open_and_close_are_one_command();
	the_writer_of_run_reads_its_number();
	a_refused_command_tells_its_reader();
	wait_gives_the_state_or_the_errno();
	plural_waits_give_lines();
	pipes_end_with_the_command();
	an_interrupt_ends_the_waiting_only();
	abort_and_hold_act();
	a_write_to_a_full_stdin_waits();
	a_waiting_write_ends_with_a_signal_or_the_command();
	each_look_up_of_stdin_is_an_inode_of_its_own();
	a_backend_has_commands_of_its_own();
	values_cannot_be_written();
	a_reader_sees_one_moment();
	a_change_makes_attributes_stale_and_wakes_pollers();
	listings_are_of_one_moment();
	forgetting_gives_memory_back();
	garbage_is_survived();
	every_row_is_in_the_reference();
	return 0;
}
