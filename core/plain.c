/*
 * Commands by plain requests, one at a time per instance (reference/yagna-api.md 5.4 to 5.8).
 *
 * A run is two requests: the script, and a poll that waits for its only command. The poll's answer is the truth: it
 * holds the exit code and the whole output. Beside it a stream shows output while the command runs. A stream has no
 * replay and no offsets, so it is opened the moment the script is accepted, before a process can have come up on the
 * other side, and never a second time: what it has shown has to be the beginning of what the poll brings, and when it
 * is not (it came too late, or yagna dropped a piece), the log is replaced by the truth and an event says so to those
 * who followed.
 */
#include <stdlib.h>
#include <string.h>

#include "core/batch.h"
#include "core/mem.h"
#include "core/rental.h"
#include "core/root.h"
#include "core/script.h"

enum { RETRY_MS = 1000 };

struct run {
	struct instance *instance;
	struct command *command; /* held */
	struct batch *batch;
	bool accepted;
	struct yagna_call *stream;
	struct loop_timer *retry, *limit;
	bool aborting; /* the machine is being made anew because of it */
};

static void send_script(void *context);

static struct yagna *yagna_of(const struct run *run)
{
	return run->instance->obj.golem->yagna;
}

void plain_drop(struct instance *instance)
{
	struct run *run = mem_move(&instance->run);

	if (!run)
		return;
	batch_drop(&run->batch);
	yagna_cancel(&run->stream);
	loop_cancel(&run->retry);
	loop_cancel(&run->limit);
	instance->running = NULL;
	obj_unref(&run->command->obj);
	free(run);
}

/* Ends the command and makes room for the next one. */
static void finish(struct run *run, enum command_state state, int exit, const char *message)
{
	struct instance *instance = run->instance;

	command_end(run->command, state, exit, message);
	plain_drop(instance);
	deploy_idle(instance);
	carrier_next(instance);
}

/* --- the result -------------------------------------------------------------------------------------------- */

/* Whether `shown` bytes of the log are what the truth begins with. */
static bool agrees(struct bytelog *log, const struct yagna_bytes *truth)
{
	char part[16384];
	uint64_t offset = bytelog_first(log);

	if (bytelog_size(log) > truth->len)
		return false;
	while (offset < bytelog_size(log)) {
		ssize_t got = bytelog_read(log, offset, part, sizeof(part));

		if (got <= 0 || memcmp(part, truth->data + offset, (size_t)got) != 0)
			return false;
		offset += (uint64_t)got;
	}
	return true;
}

static void settle_output(struct command *command, int stream, const struct yagna_bytes *truth)
{
	struct bytelog *log;

	if (!truth->len && !command->output[stream])
		return;
	log = command_output(command, stream);
	if (agrees(log, truth))
		bytelog_append(log, truth->data + bytelog_size(log), truth->len - bytelog_size(log));
	else
		command_replace_output(command, stream, truth);
	obj_changed(&command->obj, ASPECT_OUTPUT);
}

static bool program_ended(const struct yagna_result *result)
{
	return result->ok || strncmp(result->message, "ExeScript command exited with code", 34) == 0;
}

/* Refused before anything of it was executed: an adopted instance may still be at an earlier run's command. */
static bool busy(const struct yagna_result *result)
{
	return !result->ok && strncmp(result->message, "Local service error: State error: Busy", 38) == 0;
}

static void got_result(struct run *run, const struct yagna_result *result)
{
	struct command *command = run->command;
	/* Killed by a signal, which the provider does not name: nearly always 9. */
	int exit = result->exit_code < 0 ? 137 : result->exit_code & 255;

	settle_output(command, 0, &result->out);
	settle_output(command, 1, &result->err);
	if (busy(result) && !run->aborting)
		run->retry = loop_after(run->instance->obj.golem->loop, RETRY_MS, send_script, run);
	else if (run->aborting)
		command_end(command, COMMAND_ABORTED, command->reason == REASON_TIMEOUT ? 124 : 137, NULL);
	else if (program_ended(result))
		finish(run, COMMAND_DONE, exit, NULL);
	else
		finish(run, COMMAND_FAILED, 255, result->message);
}

static void finished(void *context, const struct yagna_result *results, unsigned count)
{
	struct run *run = context;

	run->batch = NULL;
	got_result(run, &results[0]);
}

static void lost(void *context, const char *why)
{
	struct run *run = context;

	run->batch = NULL;
	rental_lost(run->instance, why); /* run is gone */
}

/* --- the stream -------------------------------------------------------------------------------------------- */

static void streamed(void *context, const struct yagna_stream_event *event)
{
	struct run *run = context;

	if (event->kind ==
	    YAGNA_FINISHED) { /* nothing comes after it, and an open stream slows others down */
		yagna_cancel(&run->stream);
		return;
	}
	if (event->kind != YAGNA_STDOUT && event->kind != YAGNA_STDERR)
		return;
	bytelog_append(command_output(run->command, event->kind == YAGNA_STDERR), event->output.data,
		       event->output.len);
	obj_changed(&run->command->obj, ASPECT_OUTPUT);
}

static void stream_ended(void *context, const struct yagna_failure *failure)
{
	struct run *run = context;

	run->stream = NULL; /* a second one would leave a gap: the rest comes with the result */
}

/* --- the script -------------------------------------------------------------------------------------------- */

static void make_anew(struct instance *instance)
{
	deploy_again(instance,
		     "a running command was aborted, which without an agent needs a fresh machine: its files "
		     "are gone");
}

static void timed_out(void *context)
{
	struct run *run = context;

	run->limit = NULL;
	command_blame(run->command, REASON_TIMEOUT);
	plain_abort(run->instance);
}

static void refused(void *context, const struct yagna_failure *failure)
{
	struct run *run = context;
	struct instance *instance = run->instance;

	run->batch = NULL;
	if (!failure->unsure && !run->aborting) {
		finish(run, COMMAND_FAILED, 255, failure->err.text);
		return;
	}
	/* It may run, and nobody knows its number: only a fresh machine is sure. */
	command_blame(run->command, REASON_LOST);
	command_end(run->command, COMMAND_FAILED, 255, failure->err.text);
	plain_drop(instance);
	deploy_again(instance, "a command was lost on its way");
}

static void accepted(void *context, const char *id)
{
	struct run *run = context;

	run->accepted = true;
	if (run->aborting)
		make_anew(run->instance);
	else
		run->stream =
			yagna_stream(yagna_of(run), run->instance->activity, id, streamed, stream_ended, run);
}

static void send_script(void *context)
{
	MEM_AUTO char *env = NULL;
	static const struct batch_events events = {accepted, finished, refused, lost};
	struct run *run = context;
	struct instance *instance = run->instance;
	struct script_place place = {env = command_env(run->command),
				     command_setting(run->command, SET_WORKDIR)};
	cJSON *script = script_run(run->command->text, run->command->len, &place);

	run->retry = NULL;
	run->accepted = false;
	yagna_cancel(&run->stream);
	run->batch = batch_run(yagna_of(run), instance->obj.golem->loop, instance->activity, script, 0,
			       &events, run);
	cJSON_Delete(script);
}

void plain_next(struct instance *instance)
{
	struct command *command = instance->queue;
	uint64_t limit;
	struct run *run;

	if (instance->running || instance->run || !command)
		return;
	loop_cancel(&instance->limit);
	run = mem_alloc(sizeof(*run));
	run->instance = instance;
	run->command = command;
	instance->run = run;
	instance->running = command;
	command_begin(command); /* out of the queue, whose hold becomes ours */
	if (command->tty || input_wanted(command)) {
		finish(run, COMMAND_FAILED, 126,
		       "without an agent on the machine there is neither stdin nor terminal");
		return;
	}
	send_script(run);
	limit = command_limit_ms(command);
	if (limit)
		run->limit = loop_after(instance->obj.golem->loop, limit, timed_out, run);
}

/* --- abort ------------------------------------------------------------------------------------------------- */

void plain_abort(struct instance *instance)
{
	struct run *run = instance->run;

	if (!run || run->aborting)
		return;
	run->aborting = true;
	yagna_cancel(&run->stream); /* what it has shown is kept, the rest comes with the result */
	loop_cancel(&run->limit);
	if (run->accepted) /* else once it is accepted: behind it, a fresh machine would execute it */
		make_anew(instance);
}

void plain_machine_gone(struct instance *instance)
{
	struct run *run = instance->run;

	if (!run)
		return;
	if (run->command->state == COMMAND_RUNNING)
		command_end(run->command, COMMAND_ABORTED, run->command->reason == REASON_TIMEOUT ? 124 : 137,
			    NULL);
	plain_drop(instance);
}
