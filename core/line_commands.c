/* The commands on an instance's line: what the agent is asked for them, and what it tells of them. */
#include "core/line_impl.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>

#include "core/mem.h"
#include "core/record.h"
#include "core/rental.h"
#include "core/script.h"
#include "core/timefmt.h"

enum { KNOWN = 2 /* calls after which the agent may know a command */ };
/* What the agent keeps of an output that nobody fetches; less where the command keeps less. */
static const uint64_t output_bound = (uint64_t)256 << 20;

static int start(struct line *line, struct command *command);

/* --- what the agent tells ------------------------------------------------------------------------------------ */

static struct carried *carried_of(struct line *line, uint32_t id)
{
	struct carried *carried;

	HASH_FIND(hh, line->carried, &id, sizeof(id), carried);
	return carried;
}

/* Takes the command off the line; the caller gets its hold. */
static struct command *unload(struct line *line, struct carried *carried)
{
	struct command *command = carried->command;

	loop_cancel(&carried->limit);
	HASH_DEL(line->carried, carried);
	free(carried);
	return command;
}

struct command *line_unload(struct line *line)
{
	return line && line->carried ? unload(line, line->carried) : NULL;
}

static void heard_output(void *context, uint32_t id, int stream, const void *data, size_t len)
{
	struct line *line = context;
	struct carried *carried = carried_of(line, id);

	line->news_ms = loop_now_ms(line_loop(line));
	if (!carried)
		return;
	bytelog_append(command_output(carried->command, stream - 1), data, len);
	obj_changed(&carried->command->obj, ASPECT_OUTPUT);
}

static void heard_dropped(void *context, uint32_t id, int stream, uint64_t bytes)
{
	struct line *line = context;
	struct carried *carried = carried_of(line, id);

	if (carried)
		bytelog_skip(command_output(carried->command, stream - 1), bytes);
	if (carried)
		obj_changed(&carried->command->obj, ASPECT_OUTPUT);
}

static void heard_exit(void *context, uint32_t id, const struct agent_link_exit *exit)
{
	struct line *line = context;
	struct carried *carried = carried_of(line, id);
	struct instance *instance = line->instance;
	struct command *command;

	line->news_ms = loop_now_ms(line_loop(line));
	if (!carried)
		return;
	/* An agent keeps an exit until it is forgotten, and what is forgotten is in no record: it never heard of it. */
	if (carried->adopted && exit->kind == AGENT_NOT_RUN && exit->value == ESRCH) {
		carried->adopted = false;
		start(line, carried->command);
		line_call_soon(line);
		return;
	}
	command = unload(line, carried);
	command_exited(command, exit);
	obj_unref(&command->obj);
	deploy_idle(instance);
	carrier_next(instance);
}

static void heard_input_room(void *context, uint32_t id, size_t room, bool closed)
{
	struct line *line = context;
	struct carried *carried = carried_of(line, id);

	if (!carried)
		return;
	if (closed)
		input_over(carried->command);
	else if (room)
		input_flow(carried->command);
}

const struct agent_link_events line_events = {heard_output, heard_dropped, heard_exit, heard_input_room,
					      NULL};

void line_lose(struct line *line, bool spare, const char *why)
{
	struct carried *carried, *next;

	HASH_ITER (hh, line->carried, carried, next) {
		struct command *command = carried->command;

		if (spare && carried->calls < KNOWN && !command->input)
			continue;
		unload(line, carried);
		command_blame(command, REASON_LOST);
		command_end(command, COMMAND_FAILED, 255, why);
		obj_unref(&command->obj);
	}
}

void line_called(struct line *line)
{
	struct carried *carried, *next;

	HASH_ITER (hh, line->carried, carried, next)
		carried->calls++;
}

void line_known(struct line *line)
{
	struct carried *carried, *next;

	HASH_ITER (hh, line->carried, carried, next)
		carried->calls = KNOWN;
}

/* --- what it is asked -------------------------------------------------------------------------------------------- */

static void timed_out(void *context)
{
	struct carried *carried = context;

	carried->limit = NULL;
	command_blame(carried->command, REASON_TIMEOUT);
	carrier_abort(carried->command);
}

static void load(struct line *line, struct command *command)
{
	struct carried *carried = mem_alloc(sizeof(*carried));
	struct timespec now = timefmt_now();
	uint64_t limit = command_limit_ms(command);
	int64_t ran = command->started.tv_sec ? timefmt_ms_between(&command->started, &now) : 0;

	carried->id = command->number;
	carried->line = line;
	carried->command = command;
	carried->calls = line_is_attached(line) ? KNOWN : 0;
	obj_ref(&command->obj);
	HASH_ADD(hh, line->carried, id, sizeof(carried->id), carried);
	if (limit)
		carried->limit = loop_after(line_loop(line), ran < (int64_t)limit ? limit - (uint64_t)ran : 0,
					    timed_out, carried);
}

static int start(struct line *line, struct command *command)
{
	MEM_AUTO char *env = command_env(command);
	struct script_place place = {env, command_setting(command, SET_WORKDIR)};
	struct script_program text;
	uint64_t bound = command_output_limit(command);
	struct agent_link_program program = {
		.flags = (command->tty ? AGENT_START_TTY : 0) |
			 (input_wanted(command) ? AGENT_START_STDIN : 0),
		.rows = command->rows,
		.columns = command->columns,
		.output_bound = bound < output_bound ? bound : output_bound,
	};
	int error;

	script_program(&text, command->text, command->len, &place);
	program.directory = text.directory;
	program.argv = text.argv;
	program.environment = text.environment;
	error = agent_link_start(line->link, command->number, &program);
	script_program_free(&text);
	return error;
}

void line_start_again(struct line *line)
{
	struct carried *carried, *next;

	HASH_ITER (hh, line->carried, carried, next) {
		carried->calls = 0;
		start(line, carried->command);
	}
	if (line->carried)
		line_call_soon(line);
}

int line_start(struct line *line, struct command *command)
{
	int error = start(line, command);

	if (error)
		return error;
	load(line, command);
	record_start(command);
	line->news_ms = loop_now_ms(line_loop(line));
	line_call_soon(line);
	input_started(command);
	return 0;
}

size_t line_input_room(const struct line *line, const struct command *command)
{
	return line && line->link ? agent_link_input_room(line->link, command->number) : 0;
}

size_t line_input(struct line *line, struct command *command, const void *data, size_t len, bool end)
{
	size_t taken;

	if (!line || !line->link || !carried_of(line, command->number))
		return 0;
	taken = agent_link_input(line->link, command->number, data, len, end);
	if (taken || end) {
		line->news_ms = loop_now_ms(line_loop(line));
		line_call_soon(line);
	}
	return taken;
}

void line_resize(struct line *line, struct command *command)
{
	if (!line || !line->link || !carried_of(line, command->number))
		return;
	agent_link_resize(line->link, command->number, command->rows, command->columns);
	line_call_soon(line);
}

void line_kill(struct line *line, struct command *command, int signum, unsigned grace_ms)
{
	if (!line || !line->link || !carried_of(line, command->number))
		return;
	agent_link_kill(line->link, command->number, signum, grace_ms);
	line->news_ms = loop_now_ms(line_loop(line));
	line_call_soon(line);
}

unsigned line_running(const struct line *line)
{
	return line ? HASH_COUNT(line->carried) : 0;
}

void line_each(struct line *line, void (*call)(struct command *command, void *context), void *context)
{
	struct carried *carried, *next;

	if (!line)
		return;
	HASH_ITER (hh, line->carried, carried, next)
		call(carried->command, context);
}

/* --- after a crash ----------------------------------------------------------------------------------------------- */

/* Nobody has its stdin open any more: the last close was golemfs' end. */
static void take_up(struct instance *instance, struct command *command)
{
	struct line *line = instance->line;
	struct carried *carried;

	load(line, command);
	carried = carried_of(line, command->number);
	carried->calls = KNOWN;
	carried->adopted = true;
	agent_link_watch(line->link, command->number, 0, 0);
	agent_link_input(line->link, command->number, NULL, 0, true);
}

/* Without an agent that is known nobody can say what became of them. */
static void give_up(struct instance *instance, struct command *command)
{
	command_blame(command, REASON_LOST);
	command_end(command, COMMAND_FAILED, 255, "golemfs has lost its agent");
}

void line_replay(struct line *line, bool known)
{
	record_replay(line->instance, known ? take_up : give_up);
}
