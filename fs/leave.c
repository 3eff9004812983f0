#include "fs/leave.h"

#include <signal.h>
#include <stdlib.h>

#include "core/mem.h"
#include "fs/park.h"

static const int signals[] = {SIGTERM, SIGINT, SIGHUP};
enum { SIGNALS = sizeof signals / sizeof *signals };

struct leave {
	struct fs *fs;
	bool keep;
	bool finished;
	struct loop_signal *watch[SIGNALS];
};

static void left(void *context)
{
	struct leave *leave = context;

	leave->finished = true;
	loop_stop(leave->fs->loop);
}

void leave_begin(void *context)
{
	struct leave *leave = context;

	if (leave->fs->leaving)
		return;
	leave->fs->leaving = true;
	park_retry_all(leave->fs);
	golem_leave(leave->fs->golem, leave->keep, left, leave);
}

static void on_signal(void *context)
{
	struct leave *leave = context;

	if (leave->fs->leaving)
		loop_stop(leave->fs->loop);
	else
		leave_begin(leave);
}

struct leave *leave_new(struct fs *fs, bool keep)
{
	struct leave *leave = mem_alloc(sizeof *leave);

	leave->fs = fs;
	leave->keep = keep;
	for (unsigned i = 0; i < SIGNALS; i++)
		leave->watch[i] = loop_on_signal(fs->loop, signals[i], on_signal, leave);
	signal(SIGPIPE, SIG_IGN);
	return leave;
}

int leave_exit_code(const struct leave *leave)
{
	return leave->finished ? EXIT_SUCCESS : EXIT_FAILURE;
}

void leave_free(struct leave *leave)
{
	if (!leave)
		return;
	for (unsigned i = 0; i < SIGNALS; i++)
		loop_off_signal(&leave->watch[i]);
	free(leave);
}
