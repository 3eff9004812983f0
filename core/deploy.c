/* The activity of an instance and the machine in it: made, made anew, wound up (see rental.h). */
#include <stdlib.h>
#include <string.h>

#include "core/json.h"
#include "core/line.h"
#include "core/market.h"
#include "core/mem.h"
#include "core/rental.h"
#include "core/script.h"
#include "core/timefmt.h"

enum {
	CREATE_S =
		60, /* the default of 5 s destroys what a slow provider has begun (reference/yagna-api.md 5.2) */
	CREATE_TRIES = 3,
	RESULTS_S = 25,
	READ_TRIES = 6,
	DESTROY_S = 8,
	TEARDOWN_MS = 10000,
	ACTIVITY_MS = 5000,
	LOG_MAX = 4000, /* bytes of a failed batch's output that go into the event */
};

static void poll_results(void *context);
static void batch_accepted(void *context, const struct yagna_failure *failure, const char *batch);

static struct yagna *yagna_of(const struct instance *instance)
{
	return instance->obj.golem->yagna;
}

static void replace(char **field, const char *text)
{
	free(*field);
	*field = text ? mem_strdup(text) : NULL;
}

static cJSON *about(const struct instance *instance, const char *message)
{
	cJSON *extra = cJSON_CreateObject();

	cJSON_AddStringToObject(extra, "provider", instance->provider);
	cJSON_AddStringToObject(extra, "name", instance->provider_name);
	if (instance->activity)
		cJSON_AddStringToObject(extra, "activity", instance->activity);
	if (message)
		cJSON_AddStringToObject(extra, "message", message);
	return extra;
}

static struct script_place place_of(const struct instance *instance)
{
	return (struct script_place){instance_text(instance, SET_ENV), instance_text(instance, SET_WORKDIR)};
}

/* --- failure ----------------------------------------------------------------------------------------------- */

/* The one activityDeployError (or activityInitError) of an instance: whatever comes later finds it ending. `extra`
 * is consumed. */
static void failed(struct instance *instance, const char *event, const char *stage, const char *message,
		   cJSON *extra)
{
	BUF_AUTO struct buf clean = {0};
	struct err err;

	buf_add_clean(&clean, message);
	if (!extra)
		extra = about(instance, buf_text(&clean));
	cJSON_AddStringToObject(extra, "stage", stage);
	obj_event(&instance->obj, event, extra);
	err_set(&err, EIO, "%s failed: %s", stage, buf_text(&clean));
	obj_refuse(&instance->obj, 0, stage, &err);
	command_end_all(instance, COMMAND_FAILED, REASON_INSTANCE, 255, err.text);
	rental_end(instance, INSTANCE_ERROR, &err);
}

static void add_log(struct buf *out, const char *word, const struct yagna_bytes *bytes)
{
	size_t skip = bytes->len > LOG_MAX ? bytes->len - LOG_MAX : 0;

	if (!bytes->len)
		return;
	buf_printf(out, "%s: ", word);
	for (size_t i = skip; i < bytes->len; i++) /* a NUL or a broken byte would cut or spoil the line */
		buf_addc(out, bytes->data[i] == '\n' || (unsigned char)bytes->data[i] >= ' ' ? bytes->data[i]
											     : ' ');
	if (bytes->data[bytes->len - 1] != '\n')
		buf_addc(out, '\n');
}

static enum script_stage stage_of(const struct instance *instance, int index)
{
	return index >= 0 && index < STAGES ? instance->stages[index] : STAGE_DEPLOY;
}

static const char *stage_name(const struct instance *instance, int index)
{
	return script_stage_name(stage_of(instance, index));
}

static cJSON *log_of(const struct instance *instance, const struct yagna_result *results, unsigned count)
{
	cJSON *log = cJSON_CreateArray();

	for (unsigned i = 0; i < count; i++) {
		BUF_AUTO struct buf line = {0};

		buf_printf(&line, "%s %s", stage_name(instance, (int)results[i].index),
			   results[i].ok ? "ok" : "failed");
		if (*results[i].message)
			buf_printf(&line, " %s", results[i].message);
		buf_addc(&line, '\n');
		add_log(&line, "stdout", &results[i].out);
		add_log(&line, "stderr", &results[i].err);
		for (size_t at = 0; at < line.len; at++)
			if (line.data[at] == '\n')
				line.data[at] = at + 1 == line.len ? ' ' : ';';
		cJSON_AddItemToArray(log, cJSON_CreateString(buf_text(&line)));
	}
	return log;
}

static void deploy_failed(struct instance *instance, int index, const char *message,
			  const struct yagna_result *results, unsigned count)
{
	BUF_AUTO struct buf clean = {0};
	cJSON *extra;

	buf_add_clean(&clean, *message ? message : "no reason given");
	extra = about(instance, buf_text(&clean));
	cJSON_AddItemToObject(extra, "log", log_of(instance, results, count));
	failed(instance, "activityDeployError", stage_name(instance, index), buf_text(&clean), extra);
}

static void deploy_timed_out(void *context)
{
	struct instance *instance = context;
	BUF_AUTO struct buf text = {0};

	instance->limit = NULL;
	buf_printf(&text, "not ready within deploy_timeout (%s s)",
		   instance_text(instance, SET_DEPLOY_TIMEOUT));
	yagna_cancel(&instance->call);
	if (instance->step == RENTAL_ACTIVITY)
		failed(instance, "activityInitError", "activity", buf_text(&text), NULL);
	else
		deploy_failed(instance, instance->batch_index, buf_text(&text), NULL, 0);
	outcome_set(&instance->outcome,
		    &(struct err){.code = ETIMEDOUT, .text = "not ready within deploy_timeout"});
}

static void limit_deploy(struct instance *instance)
{
	uint64_t limit = setting_ms(instance_text(instance, SET_DEPLOY_TIMEOUT));

	loop_cancel(&instance->limit);
	if (limit)
		instance->limit = loop_after(instance->obj.golem->loop, limit, deploy_timed_out, instance);
}

/* --- the machine ------------------------------------------------------------------------------------------- */

static void state_answered(void *context, const struct yagna_failure *failure,
			   const struct yagna_activity_state *state)
{
	struct instance *instance = context;

	instance->call = NULL;
	if (!failure && strcmp(state->state, "Terminated") == 0) {
		deploy_failed(instance, instance->batch_index,
			      *state->reason ? state->reason : "the machine has ended", NULL, 0);
		return;
	}
	instance->again = loop_after(instance->obj.golem->loop, 1000, poll_results, instance);
}

static void results_failed(struct instance *instance, const struct yagna_failure *failure)
{
	if (failure->status == 408) {
		poll_results(instance);
		return;
	}
	if (failure->err.code == EHOSTUNREACH || ++instance->tries < READ_TRIES)
		instance->call = yagna_activity_state(yagna_of(instance), instance->activity, state_answered,
						      instance);
	else
		deploy_failed(instance, instance->batch_index, failure->err.text, NULL, 0);
}

/* The machine is made, and nothing else runs on it: now the agent may be asked for, or sent once more. */
static void machine_made(struct instance *instance)
{
	if (instance->line)
		line_begin(instance->line, deploy_ready);
	else
		deploy_ready(instance);
}

static void send_script(struct instance *instance, cJSON *script /* consumed */)
{
	instance->batch_len = cJSON_GetArraySize(script);
	instance->call = yagna_exec(yagna_of(instance), instance->activity, script, batch_accepted, instance);
	cJSON_Delete(script);
}

/* An image that cannot run the agent is no failure, but the batch has stopped there. */
static void go_on_without_agent(struct instance *instance)
{
	const char *setup = instance_text(instance, SET_SETUP);
	struct script_place place = place_of(instance);

	line_delivered(instance->line, NULL);
	if (!*setup) {
		machine_made(instance);
		return;
	}
	instance->stages[0] = STAGE_SETUP;
	send_script(instance, script_setup(setup, &place));
}

static void stage_done(struct instance *instance, const struct yagna_result *result)
{
	if (stage_of(instance, instance->batch_index) == STAGE_TERMINATE)
		plain_machine_gone(instance);
	else if (stage_of(instance, instance->batch_index) == STAGE_AGENT)
		line_delivered(instance->line, result);
	if (++instance->batch_index < instance->batch_len)
		poll_results(instance);
	else
		machine_made(instance);
}

static void results_answered(void *context, const struct yagna_failure *failure,
			     const struct yagna_result *results, unsigned count)
{
	struct instance *instance = context;

	instance->call = NULL;
	if (failure) {
		results_failed(instance, failure);
		return;
	}
	for (unsigned i = 0; i < count; i++) {
		if (results[i].ok)
			continue;
		if (stage_of(instance, (int)results[i].index) == STAGE_AGENT)
			go_on_without_agent(instance);
		else
			deploy_failed(instance, (int)results[i].index, results[i].message, results, count);
		return;
	}
	if (count <= (unsigned)instance->batch_index) /* an answer that does not hold what was asked for */
		instance->again = loop_after(instance->obj.golem->loop, 1000, poll_results, instance);
	else
		stage_done(instance, &results[instance->batch_index]);
}

/* One command after the other: a poll on the last one would not notice that an earlier one has failed (5.6). */
static void poll_results(void *context)
{
	struct instance *instance = context;

	instance->again = NULL;
	instance->call = yagna_results(yagna_of(instance), instance->activity, instance->batch,
				       instance->batch_index, RESULTS_S, results_answered, instance);
}

static void batch_accepted(void *context, const struct yagna_failure *failure, const char *batch)
{
	struct instance *instance = context;

	instance->call = NULL;
	if (failure) {
		deploy_failed(instance, 0, failure->err.text, NULL, 0);
		return;
	}
	replace(&instance->batch, batch);
	instance->batch_index = 0;
	instance->tries = 0;
	poll_results(instance);
}

static void send_batch(struct instance *instance, bool again)
{
	struct script_place place = place_of(instance);
	bool wanted = strcmp(instance_text(instance, SET_AGENT), "no") != 0;
	cJSON *agent = NULL;

	line_drop(&instance->line);
	if (wanted) {
		instance->line = line_new(instance);
		agent = line_delivery(instance->line);
	}
	instance->step = RENTAL_DEPLOYING;
	instance->resetting = again;
	send_script(instance,
		    script_deploy(instance_text(instance, SET_VOLUMES), membership_deploy(instance), again,
				  agent, instance_text(instance, SET_SETUP), &place, instance->stages));
	instance_enter(instance, INSTANCE_DEPLOYING, NULL);
}

/* The addresses are told to yagna before a machine is made with them (reference/yagna-api.md 6.3). */
static void make_machine(struct instance *instance, bool again)
{
	instance->joining = !membership_joined(instance);
	instance->joining_again = again;
	if (!instance->joining) {
		send_batch(instance, again);
	} else if (again) {
		instance->step = RENTAL_DEPLOYING;
		instance_enter(instance, INSTANCE_DEPLOYING, NULL);
	}
}

void deploy_joined(struct instance *instance)
{
	if (instance->joining && membership_joined(instance))
		make_machine(instance, instance->joining_again);
}

void deploy_not_joined(struct instance *instance, const struct err *why)
{
	if (instance->joining || instance->step == RENTAL_ACTIVITY)
		failed(instance, "activityDeployError", "network", why->text, NULL);
	else
		obj_refuse(&instance->obj, 0, "network", why);
}

/* --- the activity ------------------------------------------------------------------------------------------ */

static void create(void *context);

static void have_activity(struct instance *instance, const char *activity)
{
	replace(&instance->activity, activity);
	payment_activity(instance->account, activity, &instance->activity_asked);
	if (instance->ending) { /* it was waited for, to be destroyed and not left half made */
		deploy_wind_up(instance);
		return;
	}
	journal_confirm(instance->obj.golem->journal, instance->activity_entry, activity);
	obj_event(&instance->obj, "activityCreated", about(instance, NULL));
	make_machine(instance, false);
}

static void no_activity(struct instance *instance, const char *why)
{
	if (instance->ending)
		deploy_wind_up(instance);
	else if (++instance->tries < CREATE_TRIES)
		instance->again = loop_after(instance->obj.golem->loop, 500, create, instance);
	else
		failed(instance, "activityInitError", "activity", why, NULL);
}

/* The answer was lost. A second activity beside it would only be refused after a minute (5.2). */
static void looked_for_activity(void *context, const struct yagna_failure *failure, const char *const *ids,
				unsigned count)
{
	struct instance *instance = context;

	instance->call = NULL;
	if (!failure && count)
		have_activity(instance, ids[count - 1]);
	else
		no_activity(instance, failure ? failure->err.text : "yagna's answer was lost");
}

static void activity_answered(void *context, const struct yagna_failure *failure, const char *activity)
{
	struct instance *instance = context;

	instance->call = NULL;
	if (!failure)
		have_activity(instance, activity);
	else if (maybe_carried_out(failure))
		instance->call = yagna_list_activities(yagna_of(instance), instance->agreement,
						       looked_for_activity, instance);
	else if (failure->status == 408 || failure->err.code == EHOSTUNREACH)
		no_activity(instance, failure->err.text);
	else {
		instance->tries = CREATE_TRIES;
		no_activity(instance, failure->err.text);
	}
}

static void create(void *context)
{
	struct instance *instance = context;

	instance->again = NULL;
	instance->call = yagna_create_activity(yagna_of(instance), instance->agreement, CREATE_S,
					       activity_answered, instance);
}

void deploy_begin(struct instance *instance)
{
	cJSON *facts = cJSON_CreateObject();
	struct err err = {0};

	cJSON_AddStringToObject(facts, "agreement", instance->agreement);
	instance->step = RENTAL_ACTIVITY;
	instance->tries = 0;
	instance->activity_asked = timefmt_now();
	limit_deploy(instance);
	membership_join(instance);
	instance->activity_entry =
		journal_intend(instance->obj.golem->journal, JOURNAL_ACTIVITY, facts, &err);
	if (!instance->activity_entry)
		failed(instance, "activityInitError", "activity", err.text, NULL);
	else
		create(instance);
}

void deploy_again(struct instance *instance, const char *why)
{
	obj_event(&instance->obj, "instanceReset", about(instance, why));
	loop_cancel(&instance->again);
	yagna_cancel(&instance->call);
	limit_deploy(instance);
	membership_join(instance);
	make_machine(instance, true);
}

void deploy_without_agent(struct instance *instance, const char *why)
{
	struct err err;

	err_set(&err, EIO, "commands run one by one, and aborting one makes a fresh machine: %s", why);
	obj_refuse(&instance->obj, 0, "agent", &err);
	carrier_next(instance);
}

void deploy_ready(struct instance *instance)
{
	instance->step = RENTAL_READY;
	instance->resetting = false;
	loop_cancel(&instance->limit);
	instance_enter(instance, INSTANCE_READY, NULL);
	obj_event(&instance->obj, "instanceReady", about(instance, NULL));
	deploy_idle(instance);
	if (instance->line && !line_is_open(instance->line) && !line_is_coming(instance->line))
		deploy_without_agent(instance, line_why_not(instance->line));
	else
		carrier_next(instance);
}

static void idle_too_long(void *context)
{
	struct instance *instance = context;

	instance->limit = NULL;
	instance_stop_for(instance, REASON_TIMEOUT);
}

void deploy_idle(struct instance *instance)
{
	uint64_t limit = setting_ms(instance_text(instance, SET_IDLE_TIMEOUT));

	pool_look(backend_of_instance(instance));
	loop_cancel(&instance->limit);
	if (limit && instance->step == RENTAL_READY && !carrier_is_busy(instance) && !instance->queue)
		instance->limit = loop_after(instance->obj.golem->loop, limit, idle_too_long, instance);
}

/* --- abort ------------------------------------------------------------------------------------------------- */

static void unmade(void *context, const struct yagna_failure *failure, const char *batch)
{
	struct instance *instance = context;

	instance->call = NULL; /* the machine is gone, or goes with the activity */
}

void deploy_abort(struct instance *instance, const struct err *why)
{
	JSON_AUTO cJSON *script = NULL;

	if (instance->step != RENTAL_DEPLOYING) { /* without a machine there is nothing to keep */
		rental_end(instance, INSTANCE_ERROR, why);
		return;
	}
	instance->joining = false;
	yagna_cancel(&instance->call);
	loop_cancel(&instance->again);
	loop_cancel(&instance->limit);
	script = script_terminate();
	instance->call = yagna_exec(yagna_of(instance), instance->activity, script, unmade, instance);
	instance_enter(instance, INSTANCE_ERROR, why);
}

/* --- the end ----------------------------------------------------------------------------------------------- */

static void destroyed(void *context, const struct yagna_failure *failure)
{
	struct instance *instance = context;

	instance->call = NULL; /* what could not be destroyed ends with the agreement */
	rental_terminate(instance);
}

static void destroy_activity(struct instance *instance)
{
	line_drop(&instance->line);
	instance->call = yagna_destroy_activity(yagna_of(instance), instance->activity, DESTROY_S, destroyed,
						instance);
}

/* Not every runtime ends the agent with the activity (reference/agent.md, Survival): it is told to end before. */
static void destroy(struct instance *instance)
{
	loop_cancel(&instance->limit);
	yagna_cancel(&instance->call);
	loop_cancel(&instance->again);
	if (instance->activity)
		payment_activity_ended(instance->account, instance->activity);
	if (instance->unregarded || !instance->activity) {
		line_drop(&instance->line);
		rental_terminate(instance);
		return;
	}
	instance->step = RENTAL_DESTROYING;
	if (line_is_open(instance->line))
		line_quit(instance->line, destroy_activity);
	else
		destroy_activity(instance);
}

/* An activity that is just being made is waited for: yagna cannot be told to forget it. */
static void activity_over(void *context)
{
	struct instance *instance = context;

	instance->limit = NULL;
	destroy(instance);
}

static void teardown_over(void *context)
{
	struct instance *instance = context;

	instance->limit = NULL;
	destroy(instance);
}

static void teardown_done(void *context, const struct yagna_failure *failure,
			  const struct yagna_result *results, unsigned count)
{
	struct instance *instance = context;

	instance->call = NULL;
	destroy(instance);
}

static void teardown_begun(void *context, const struct yagna_failure *failure, const char *batch)
{
	struct instance *instance = context;

	instance->call = NULL;
	if (failure)
		destroy(instance);
	else
		instance->call = yagna_results(yagna_of(instance), instance->activity, batch, 0,
					       TEARDOWN_MS / 1000, teardown_done, instance);
}

void deploy_wind_up(struct instance *instance)
{
	const char *text = instance_text(instance, SET_TEARDOWN);
	struct script_place place = place_of(instance);
	cJSON *script;

	if (instance->step == RENTAL_ACTIVITY && instance->call && !instance->unregarded) {
		instance->limit = loop_after(instance->obj.golem->loop, ACTIVITY_MS, activity_over, instance);
		return;
	}
	if (instance->unregarded || instance->step != RENTAL_READY || !*text || carrier_is_busy(instance)) {
		destroy(instance);
		return;
	}
	instance->step = RENTAL_TEARDOWN;
	instance->limit = loop_after(instance->obj.golem->loop, TEARDOWN_MS, teardown_over, instance);
	script = script_run(text, strlen(text), &place);
	instance->call = yagna_exec(yagna_of(instance), instance->activity, script, teardown_begun, instance);
	cJSON_Delete(script);
}
