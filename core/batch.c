#include "core/batch.h"

#include <stdlib.h>
#include <string.h>

#include "core/mem.h"

enum { POLL_S = 25, READ_TRIES = 8, RETRY_MS = 1000 };

struct batch {
	struct yagna *yagna;
	struct loop *loop;
	struct batch_events events;
	void *context;
	struct yagna_call *call;
	struct loop_timer *retry;
	char *activity, *id;
	int command;
	unsigned tries;
	struct yagna_failure failure; /* of a script that was not taken */
};

static void poll_result(void *context);

void batch_drop(struct batch **slot)
{
	struct batch *batch = mem_move(slot);

	if (!batch)
		return;
	yagna_cancel(&batch->call);
	loop_cancel(&batch->retry);
	free(batch->activity);
	free(batch->id);
	free(batch);
}

static void lose(struct batch *batch, const char *why)
{
	struct batch_events events = batch->events;
	void *context = batch->context;
	MEM_AUTO char *kept = mem_strdup(why);

	batch_drop(&batch);
	events.lost(context, kept);
}

static void state_answered(void *context, const struct yagna_failure *failure,
			   const struct yagna_activity_state *state)
{
	struct batch *batch = context;

	batch->call = NULL;
	if (!failure && strcmp(state->state, "Terminated") == 0)
		lose(batch, *state->reason ? state->reason : "the machine has ended");
	else if (batch->tries > READ_TRIES)
		lose(batch, "the provider does not answer");
	else
		batch->retry = loop_after(batch->loop, RETRY_MS, poll_result, batch);
}

static void finish(struct batch *batch, const struct yagna_result *results, unsigned count)
{
	struct batch_events events = batch->events;
	void *context = batch->context;

	batch_drop(&batch);
	events.finished(context, results, count);
}

static void result_answered(void *context, const struct yagna_failure *failure,
			    const struct yagna_result *results, unsigned count)
{
	struct batch *batch = context;

	batch->call = NULL;
	if (failure && failure->status == 408) {
		batch->tries = 0;
		poll_result(batch);
	} else if (failure || !count) {
		/* A yagna that is away says nothing about the machine: only answers count. */
		batch->tries += !failure || failure->err.code != EHOSTUNREACH || failure->status != 0;
		batch->call = yagna_activity_state(batch->yagna, batch->activity, state_answered, batch);
	} else {
		finish(batch, results, count);
	}
}

static void poll_result(void *context)
{
	struct batch *batch = context;

	batch->retry = NULL;
	batch->call = yagna_results(batch->yagna, batch->activity, batch->id, batch->command, POLL_S,
				    result_answered, batch);
}

static void refuse(struct batch *batch, const struct yagna_failure *failure)
{
	struct batch_events events = batch->events;
	void *context = batch->context;

	batch_drop(&batch);
	events.refused(context, failure);
}

static void state_after_refusal(void *context, const struct yagna_failure *failure,
				const struct yagna_activity_state *state)
{
	struct batch *batch = context;
	struct yagna_failure refusal = batch->failure;

	batch->call = NULL;
	if (!failure && strcmp(state->state, "Terminated") == 0)
		lose(batch, *state->reason ? state->reason : "the machine has ended");
	else
		refuse(batch, &refusal);
}

static void accepted(void *context, const struct yagna_failure *failure, const char *id)
{
	struct batch *batch = context;
	struct batch_events events = batch->events;

	batch->call = NULL;
	if (failure && failure->status == 500) {
		/* The machine may be gone, which only its state tells (5.10). */
		batch->failure = *failure;
		batch->call = yagna_activity_state(batch->yagna, batch->activity, state_after_refusal, batch);
		return;
	}
	if (failure) {
		refuse(batch, failure);
		return;
	}
	batch->id = mem_strdup(id);
	poll_result(batch);
	if (events.accepted)
		events.accepted(batch->context, batch->id); /* may drop the batch */
}

struct batch *batch_run(struct yagna *yagna, struct loop *loop, const char *activity, const cJSON *script,
			int command, const struct batch_events *events, void *context)
{
	struct batch *batch = mem_alloc(sizeof(*batch));

	batch->yagna = yagna;
	batch->loop = loop;
	batch->events = *events;
	batch->context = context;
	batch->activity = mem_strdup(activity);
	batch->command = command;
	batch->call = yagna_exec(yagna, activity, script, accepted, batch);
	return batch;
}
