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

#include "core/mem.h"
#include "core/rental.h"
#include "core/root.h"
#include "core/script.h"

enum { POLL_S = 25, READ_TRIES = 8, RETRY_MS = 1000 };

struct run {
	struct instance *instance;
	struct command *command; /* held */
	struct yagna_call *call; /* exec, then the poll */
	struct yagna_call *stream;
	struct loop_timer *retry, *limit;
	char *batch;
	unsigned tries;
	bool aborting; /* the machine is being made anew because of it */
};

static void poll_result(void *context);
static void send_script(void *context);

static struct yagna *yagna_of(const struct run *run)
{
	return run->instance->obj.golem->yagna;
}

void carrier_drop(struct instance *instance)
{
	struct run *run = mem_move(&instance->run);

	if (!run)
		return;
	yagna_cancel(&run->call);
	yagna_cancel(&run->stream);
	loop_cancel(&run->retry);
	loop_cancel(&run->limit);
	instance->running = NULL;
	obj_unref(&run->command->obj);
	free(run->batch);
	free(run);
}

/* Ends the command and makes room for the next one. */
static void finish(struct run *run, enum command_state state, int exit, const char *message)
{
	struct instance *instance = run->instance;

	command_end(run->command, state, exit, message);
	carrier_drop(instance);
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

static void state_answered(void *context, const struct yagna_failure *failure,
			   const struct yagna_activity_state *state)
{
	struct run *run = context;

	run->call = NULL;
	if (!failure && strcmp(state->state, "Terminated") == 0) {
		rental_lost(run->instance, *state->reason ? state->reason : "the machine has ended");
		return; /* run is gone */
	}
	if (run->tries > READ_TRIES) {
		rental_lost(run->instance, "the provider does not answer");
		return;
	}
	run->retry = loop_after(run->instance->obj.golem->loop, RETRY_MS, poll_result, run);
}

static void result_answered(void *context, const struct yagna_failure *failure,
			    const struct yagna_result *results, unsigned count)
{
	struct run *run = context;

	run->call = NULL;
	if (failure && failure->status == 408) {
		run->tries = 0;
		poll_result(run);
	} else if (failure || !count) {
		run->tries += !failure || failure->err.code != EHOSTUNREACH || failure->status != 0;
		run->call = yagna_activity_state(yagna_of(run), run->instance->activity, state_answered, run);
	} else {
		got_result(run, &results[0]);
	}
}

static void poll_result(void *context)
{
	struct run *run = context;

	run->retry = NULL;
	run->call = yagna_results(yagna_of(run), run->instance->activity, run->batch, 0, POLL_S,
				  result_answered, run);
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
	carrier_abort(run->instance);
}

static void accepted(void *context, const struct yagna_failure *failure, const char *batch)
{
	struct run *run = context;

	run->call = NULL;
	if (failure &&
	    (failure->unsure ||
	     run->aborting)) { /* it may run, and nobody knows its number: only a fresh machine is sure */
		struct instance *instance = run->instance;

		command_blame(run->command, REASON_LOST);
		command_end(run->command, COMMAND_FAILED, 255, failure->err.text);
		carrier_drop(instance);
		deploy_again(instance, "a command was lost on its way");
		return;
	}
	if (failure) {
		finish(run, COMMAND_FAILED, 255, failure->err.text);
		return;
	}
	run->batch = mem_strdup(batch);
	poll_result(run);
	if (run->aborting)
		make_anew(run->instance);
	else
		run->stream = yagna_stream(yagna_of(run), run->instance->activity, batch, streamed,
					   stream_ended, run);
}

static void send_script(void *context)
{
	struct run *run = context;
	struct instance *instance = run->instance;
	struct script_place place = {instance_text(instance, SET_ENV), instance_text(instance, SET_WORKDIR)};
	cJSON *script = script_run(run->command->text, run->command->len, &place);

	run->retry = NULL;
	yagna_cancel(&run->stream);
	free(mem_move(&run->batch));
	run->call = yagna_exec(yagna_of(run), instance->activity, script, accepted, run);
	cJSON_Delete(script);
}

void carrier_next(struct instance *instance)
{
	uint64_t limit = setting_ms(instance_text(instance, SET_COMMAND_TIMEOUT));
	struct command *command = instance->queue;
	struct run *run;

	if (instance->step != RENTAL_READY || instance->running || instance->run || !command ||
	    instance->ending)
		return;
	loop_cancel(&instance->limit);
	run = mem_alloc(sizeof(*run));
	run->instance = instance;
	run->command = command;
	instance->run = run;
	instance->running = command;
	command_begin(command); /* out of the queue, whose hold becomes ours */
	send_script(run);
	if (limit)
		run->limit = loop_after(instance->obj.golem->loop, limit, timed_out, run);
}

/* --- abort ------------------------------------------------------------------------------------------------- */

void carrier_abort(struct instance *instance)
{
	struct run *run = instance->run;

	if (!run || run->aborting)
		return;
	run->aborting = true;
	yagna_cancel(&run->stream); /* what it has shown is kept, the rest comes with the result */
	loop_cancel(&run->limit);
	if (run->batch) /* else once it is accepted: behind it, a fresh machine would execute it */
		make_anew(instance);
}

void carrier_machine_gone(struct instance *instance)
{
	struct run *run = instance->run;

	if (!run)
		return;
	if (run->command->state == COMMAND_RUNNING)
		command_end(run->command, COMMAND_ABORTED, run->command->reason == REASON_TIMEOUT ? 124 : 137,
			    NULL);
	carrier_drop(instance);
}
