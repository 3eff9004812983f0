/*
 * Which way the commands of an instance reach its machine: the line to its agent (line.h), where there is one, else
 * plain requests (plain.c).
 */
#include <signal.h>

#include "core/line.h"
#include "core/rental.h"

enum { GRACE_MS = 5000 /* between SIGTERM and SIGKILL, for a program that cleans up after itself */ };

static void start_on_line(struct instance *instance)
{
	while (instance->queue) {
		struct command *command = instance->queue;
		int error;

		loop_cancel(&instance->limit);
		command_begin(command); /* out of the queue, whose hold becomes ours */
		error = line_start(instance->line, command);
		if (error)
			command_end(command, COMMAND_FAILED, 126,
				    "the command is too long for a program's arguments");
		obj_unref(&command->obj);
	}
}

void carrier_next(struct instance *instance)
{
	if (instance->step != RENTAL_READY || instance->ending)
		return;
	if (line_is_open(instance->line))
		start_on_line(instance);
	else if (!line_is_coming(instance->line))
		plain_next(instance);
}

bool carrier_is_busy(const struct instance *instance)
{
	return instance->running || line_running(instance->line);
}

void carrier_abort(struct command *command)
{
	struct instance *instance = command->instance;

	if (command == instance->running)
		plain_abort(instance);
	else
		line_kill(instance->line, command, SIGTERM, GRACE_MS);
	line_kill(instance->line, command, SIGCONT, 0); /* a stopped one takes no other signal before */
}

bool carrier_signal(struct command *command, int signum)
{
	if (command == command->instance->running)
		return false;
	line_kill(command->instance->line, command, signum, 0);
	return true;
}

static void abort_one(struct command *command, void *reason)
{
	command_abort_for(command, *(enum reason *)reason);
}

void carrier_abort_all(struct instance *instance, enum reason reason)
{
	line_each(instance->line, abort_one, &reason);
	if (instance->running)
		command_abort_for(instance->running, reason);
}

struct command *carrier_unload(struct instance *instance)
{
	struct command *command = instance->running;

	if (!command)
		return line_unload(instance->line);
	obj_ref(&command->obj);
	plain_drop(instance);
	return command;
}
