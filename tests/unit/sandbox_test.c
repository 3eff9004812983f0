/* A sandbox isolates what runs in it, reports exactly how it ended, and leaves nothing behind. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/loop.h"
#include "core/mem.h"
#include "tests/devnet/sandbox.h"

struct machine {
	struct loop *loop;
	struct sandbox *sandbox;
	char scratch[64];
	bool ready, gone;
	uint64_t run;
	int code, error;
	bool over;
};

static void on_ready(void *context, const char *error)
{
	struct machine *machine = context;
	if (error)
		fprintf(stderr, "not ready: %s\n", error);
	assert(!error);
	machine->ready = true;
	loop_stop(machine->loop);
}

static void on_exited(void *context, uint64_t run, int code)
{
	struct machine *machine = context;
	assert(run == machine->run);
	machine->code = code;
	machine->over = true;
	loop_stop(machine->loop);
}

static void on_refused(void *context, uint64_t run, int error)
{
	struct machine *machine = context;
	machine->error = error;
	on_exited(context, run, -1);
}

static void on_gone(void *context)
{
	struct machine *machine = context;
	machine->gone = true;
	loop_stop(machine->loop);
}

static const char *const volumes[] = {"/golem/work", "/golem/output", NULL};
static const struct sandbox_host hosts[] = {{"peer", "10.0.0.9"}};

static void machine_start(struct machine *machine, const char *name, const char *image)
{
	*machine = (struct machine){.loop = loop_new(), .scratch = "/tmp/sandbox-test-XXXXXX"};
	assert(machine->loop && mkdtemp(machine->scratch));
	struct sandbox_spec spec = {.name = name,
				    .scratch = machine->scratch,
				    .image = image,
				    .hosts = hosts,
				    .host_count = 1,
				    .volumes = volumes};
	struct sandbox_events events = {on_ready, on_exited, on_refused, on_gone, machine};
	machine->sandbox = sandbox_start(machine->loop, &spec, &events);
	assert(machine->sandbox);
	loop_run(machine->loop);
	assert(machine->ready);
}

static void machine_end(struct machine *machine)
{
	sandbox_free(machine->sandbox);
	loop_free(machine->loop);
	assert(rmdir(machine->scratch) == 0);
}

/* Runs argv, gives its output and its code. */
static int run(struct machine *machine, const char *const *argv, char *out, size_t size)
{
	int file = memfd_create("out", MFD_CLOEXEC);
	struct sandbox_program program = {
		.path = argv[0], .argv = argv, .directory = "/golem/work", .out = file, .err = file};
	machine->over = false;
	machine->error = 0;
	machine->run = sandbox_run(machine->sandbox, &program);
	assert(machine->run);
	while (!machine->over)
		loop_run(machine->loop);
	ssize_t len = pread(file, out, size - 1, 0);
	out[len > 0 ? len : 0] = '\0';
	close(file);
	return machine->code;
}

static int shell(struct machine *machine, const char *text, char *out, size_t size)
{
	return run(machine, (const char *const[]){"/bin/sh", "-c", text, NULL}, out, size);
}

static void expect(struct machine *machine, const char *text, int code, const char *output)
{
	char out[4096];
	int got = shell(machine, text, out, sizeof(out));
	if (got != code || (output && strcmp(out, output)) != 0)
		fprintf(stderr, "%s: code %d, output %s\n", text, got, out);
	assert(got == code && (!output || strcmp(out, output) == 0));
}

static void test_isolation(struct machine *machine)
{
	char out[4096];
	expect(machine, "hostname", 0, "box\n");
	expect(machine, "pwd", 0, "/golem/work\n");
	expect(machine, "cat /etc/hostname; grep peer /etc/hosts", 0, "box\n10.0.0.9\tpeer\n");
	expect(machine, "ls -A /home /root /tmp | grep -v :", 0, "\n\n");
	expect(machine, "ps -e -o comm= | grep -c .", 0, NULL);
	expect(machine, "tr '\\0' ' ' < /proc/1/cmdline | sed 's/ *$//'", 0, "init");
	expect(machine, "test -e /proc/sys/kernel && ! (echo x > /proc/sys/kernel/hostname) 2>/dev/null", 0,
	       "");
	expect(machine, "mknod /tmp/disk b 8 0 2>/dev/null", 1, "");
	expect(machine, "mount -t tmpfs x /mnt 2>/dev/null && echo mounted; true", 0, "");
	expect(machine, "rm -rf /etc/passwd /tmp/x; test -e /etc/passwd || echo gone", 0, "gone\n");
	if (geteuid() == 0) /* else files of the host's root are nobody's inside */
		expect(machine, "rm -rf /usr/share/doc; ls /usr/share/doc 2>/dev/null", 2, "");
	assert(access("/etc/passwd", F_OK) == 0 && access("/usr/share/doc", F_OK) == 0);
	expect(machine, "cat /proc/net/dev | grep -c :", 0, "1\n");
	shell(machine, "ls / | tr '\\n' ' '", out, sizeof(out));
	assert(!strstr(out, "work ") && strstr(out, "golem "));
}

static void test_ends(struct machine *machine)
{
	char out[4096];
	expect(machine, "exit 3", 3, "");
	expect(machine, "kill -9 $$", -1, "");
	assert(run(machine, (const char *const[]){"/no/such", NULL}, out, sizeof(out)) == 127);
	assert(strcmp(out, "sh: line 1: /no/such: No such file or directory\n") == 0);
	assert(run(machine, (const char *const[]){"nothing-of-that-name", NULL}, out, sizeof(out)) == 127);
	assert(strcmp(out, "sh: line 1: exec: nothing-of-that-name: not found\n") == 0);
	assert(run(machine, (const char *const[]){"echo", "hi", NULL}, out, sizeof(out)) == 0);
	assert(strcmp(out, "hi\n") == 0);
	MEM_AUTO char *big = mem_alloc(200001);
	memset(big, 'x', 200000);
	assert(run(machine, (const char *const[]){"/bin/true", big, NULL}, out, sizeof(out)) == -1);
	assert(machine->error == E2BIG);
}

static void test_orphans_are_reaped(struct machine *machine)
{
	expect(machine, "(setsid sleep 0.05 >/dev/null 2>&1 &) ; exit 0", 0, "");
	expect(machine, "sleep 0.2; ps -e -o stat= | grep -c Z", 1, "0\n");
}

static void test_root_is_reachable(struct machine *machine)
{
	expect(machine, "echo inside > ../output/file", 0, "");
	int fd = openat(sandbox_root(machine->sandbox), "golem/output/file", O_RDONLY | O_CLOEXEC);
	char text[16] = "";
	assert(fd >= 0 && read(fd, text, sizeof(text) - 1) == 7 && strcmp(text, "inside\n") == 0);
	close(fd);
}

static void test_speed(struct machine *machine)
{
	char out[64];
	struct timespec begin, end;
	clock_gettime(CLOCK_MONOTONIC, &begin);
	for (int i = 0; i < 50; i++)
		assert(run(machine, (const char *const[]){"/bin/true", NULL}, out, sizeof(out)) == 0);
	clock_gettime(CLOCK_MONOTONIC, &end);
	double ms = (double)(end.tv_sec - begin.tv_sec) * 1e3 + (double)(end.tv_nsec - begin.tv_nsec) / 1e6;
	printf("/bin/true: %.2f ms each\n", ms / 50);
}

static void test_kill(struct machine *machine)
{
	int file = open("/dev/null", O_WRONLY | O_CLOEXEC);
	const char *const argv[] = {"sleep", "1000", NULL};
	struct sandbox_program program = {.path = "/bin/sleep", .argv = argv, .out = file, .err = file};
	machine->run = sandbox_run(machine->sandbox, &program);
	sandbox_kill(machine->sandbox);
	while (!machine->gone)
		loop_run(machine->loop);
	assert(sandbox_root(machine->sandbox) == -1 && !sandbox_run(machine->sandbox, &program));
	close(file);
}

/* An image with a shell and nothing else of the host. */
static void test_image(void)
{
	struct machine machine;
	char directory[] = "/tmp/sandbox-image-XXXXXX", image[64];
	assert(mkdtemp(directory) && setenv("AT", directory, 1) == 0);
	assert(system("mkdir -p $AT/root/bin && cp /bin/sh /bin/cat $AT/root/bin && echo mark > "
		      "$AT/root/mark && "
		      "ldd /bin/sh /bin/cat | grep -o '/[^ :]*' | sort -u | xargs cp -L --parents -t "
		      "$AT/root && "
		      "mksquashfs $AT/root $AT/image.gvmi -no-progress -quiet >/dev/null") == 0);
	snprintf(image, sizeof(image), "%s/image.gvmi", directory);
	machine_start(&machine, "imaged", image);
	expect(&machine, "cat /mark", 0, "mark\n");
	expect(&machine, "test -e /usr/share || echo own; echo x > /mark; cat /mark", 0, "own\nx\n");
	expect(&machine, "echo /bin/*", 0, "/bin/cat /bin/sh\n");
	machine_end(&machine);
	assert(system("rm -rf $AT") == 0);
}

/* The devnet dies without a word: init and everything under it goes too. */
static void test_death_of_the_devnet(void)
{
	int tell[2];
	pid_t init = 0;
	char byte;
	assert(pipe(tell) == 0);
	pid_t child = fork();
	if (child == 0) {
		struct machine machine;
		machine_start(&machine, "orphan", NULL);
		int err = open("/dev/null", O_WRONLY | O_CLOEXEC);
		const char *const argv[] = {"sleep", "1000", NULL};
		struct sandbox_program program = {.path = "sleep", .argv = argv, .out = tell[1], .err = err};
		assert(sandbox_run(machine.sandbox, &program));
		assert(rmdir(machine.scratch) == 0 || errno == ENOTEMPTY);
		init = sandbox_pid(machine.sandbox);
		assert(write(tell[1], &init, sizeof(init)) == sizeof(init));
		raise(SIGKILL);
	}
	close(tell[1]);
	assert(read(tell[0], &init, sizeof(init)) == sizeof(init));
	assert(waitpid(child, NULL, 0) == child);
	/* the sleeping program holds the pipe: its end is the end of everything */
	alarm(5);
	assert(read(tell[0], &byte, 1) == 0);
	alarm(0);
	close(tell[0]);
}

int main(void)
{
	struct machine machine;
	machine_start(&machine, "box", NULL);
	if (sandbox_isolated(machine.sandbox)) {
		test_isolation(&machine);
		test_orphans_are_reaped(&machine);
		test_image();
	}
	test_ends(&machine);
	test_root_is_reachable(&machine);
	test_speed(&machine);
	test_kill(&machine);
	machine_end(&machine);
	test_death_of_the_devnet();
	return 0;
}
