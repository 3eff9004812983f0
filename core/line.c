#include "core/line_impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "core/agent/delivery.h"
#include "core/agent/envelope.h"
#include "core/agent/link.h"
#include "core/batch.h"
#include "core/json.h"
#include "core/line_websocket.h"
#include "core/mem.h"
#include "core/network.h"
#include "core/rental.h"
#include "core/script.h"

enum {
	/* Nothing can interrupt a call that is held by the agent: a kill behind it waits so long (reference/agent.md). */
	HOLD_MS = 200,
	QUIET_MS = 5, /* output that is followed by so much silence is answered */
	/* After so much silence of all commands the calls are spaced, by a tenth of the silence, up to the bound. */
	SILENCE_MS = 2000,
	SPACING_MAX_MS = 1000,
	KEEP_MS = 1200000, /* an idle agent hears of us well within its lease */
	BUSY_MS = 50,      /* another request runs on the machine, for a moment */
	BUSY_TRIES = 200,
	DELIVERIES = 3, /* to one machine, the first included; then plain requests do the work */
	QUIT_MS = 2000,
	LEASE_S = 3600,
	CALL_MAX = 1 << 20, /* bytes of messages in one call; yagna takes bodies of 2 MiB */
	PORT = 47711,       /* of the agent in the instance, for the websocket */
	EXIT_NO_AGENT = 69, /* of a call that has reached nobody */
};

static void call_agent(struct line *line);
static void call_after(struct line *line, uint64_t ms);
static void quit_over(struct line *line);

/* --- making and dropping -------------------------------------------------------------------------------------- */

static void draw(void *bytes, size_t len)
{
	/* Never short for so few bytes, once the kernel has its entropy. */
	if (getrandom(bytes, len, 0) != (ssize_t)len)
		abort();
}

static void name_agent(struct line *line)
{
	uint8_t name[6];

	draw(line->token, sizeof(line->token));
	draw(line->session, sizeof(line->session));
	draw(name, sizeof(name));
	free(line->name);
	line->name = mem_printf(".golemfs-%02x%02x%02x%02x%02x%02x", name[0], name[1], name[2], name[3],
				name[4], name[5]);
}

struct line *line_new(struct instance *instance)
{
	struct line *line = mem_alloc(sizeof(*line));

	line->instance = instance;
	name_agent(line);
	return line;
}

void line_drop(struct line **slot)
{
	struct line *line = mem_move(slot);

	if (!line)
		return;
	for (struct command *command; (command = line_unload(line));)
		obj_unref(&command->obj);
	batch_drop(&line->batch);
	loop_cancel(&line->next);
	loop_cancel(&line->quit_limit);
	line_websocket_drop(&line->websocket);
	agent_link_free(line->link);
	free(line->name);
	free(line->directory);
	free(line->why_not);
	free(line);
}

/* --- delivery -------------------------------------------------------------------------------------------------- */

cJSON *line_delivery(struct line *line)
{
	BUF_AUTO struct buf greeted = {0};
	struct delivery delivery = {
		.token = line->token,
		.name = line->name,
		.port = membership_count(line->instance) ? PORT : 0,
		.lease_s = LEASE_S,
		.octal = line->octal,
	};
	char **arguments;
	size_t count = 0;
	cJSON *run;

	if (!delivery_available())
		return NULL;
	membership_clients(line->instance, &greeted);
	delivery.greeted = buf_text(&greeted);
	arguments = delivery_arguments(&delivery);
	while (arguments[count])
		count++;
	run = script_program_run("/bin/sh", arguments, count);
	delivery_free(arguments);
	return run;
}

static void tell(struct line *line, const char *why_not)
{
	void (*told)(struct instance *) = mem_move(&line->told);

	free(line->why_not);
	line->why_not = why_not ? mem_strdup(why_not) : NULL;
	if (told)
		told(line->instance);
}

static void delivery_finished(void *context, const struct yagna_result *results, unsigned count)
{
	struct line *line = context;

	line->batch = NULL;
	line_delivered(line, &results[count - 1]);
	line_begin(line, line->told);
}

static void delivery_refused(void *context, const struct yagna_failure *failure)
{
	struct line *line = context;

	line->batch = NULL;
	tell(line, failure->err.text);
}

static void delivery_lost(void *context, const char *why)
{
	struct line *line = context;

	line->batch = NULL;
	rental_lost(line->instance, why);
}

/* {"run":…} that takes away what an agent that has died left behind; one that lives yet ends with its directory. */
static cJSON *removal(const char *directory)
{
	char *arguments[] = {"-c", "rm -rf \"$1\" 2>/dev/null; :", "sh", (char *)directory};

	return script_program_run("/bin/sh", arguments, sizeof(arguments) / sizeof(*arguments));
}

/* To a machine that is there already. */
static void deliver(struct line *line)
{
	static const struct batch_events events = {NULL, delivery_finished, delivery_refused, delivery_lost};
	cJSON *script = cJSON_CreateArray();

	if (line->directory)
		cJSON_AddItemToArray(script, removal(line->directory));
	cJSON_AddItemToArray(script, line_delivery(line));
	line->batch = batch_run(line->instance->obj.golem->yagna, line_loop(line), line->instance->activity,
				script, cJSON_GetArraySize(script) - 1, &events, line);
	cJSON_Delete(script);
	free(mem_move(&line->directory));
}

void line_delivered(struct line *line, const struct yagna_result *result)
{
	line->outcome = DELIVERY_NO_PLACE;
	if (result && result->ok)
		line->outcome = delivery_read(result->out.data, result->out.len, &line->directory);
}

/* What the next golemfs needs to find the agent and to be let in. */
static void write_down(struct line *line)
{
	struct instance *instance = line->instance;
	cJSON *facts = cJSON_CreateObject(), *agent;
	MEM_AUTO char *token = delivery_token_text(line->token);

	cJSON_AddStringToObject(facts, "agreement", instance->agreement);
	agent = cJSON_AddObjectToObject(facts, "agent");
	cJSON_AddStringToObject(agent, "directory", line->directory);
	cJSON_AddStringToObject(agent, "token", token);
	journal_amend(instance->obj.golem->journal, instance->activity_entry, facts);
}

/* --- the websocket ---------------------------------------------------------------------------------------------- */

static int websocket_url(void *context, struct buf *url, struct err *err)
{
	struct line *line = context;

	return network_url(line->instance, PORT, url, err);
}

/* One carrier follows the other: what was asked and not acknowledged is asked again, output goes on where it was. */
static void websocket_changed(void *context, bool attached)
{
	struct line *line = context;

	if (attached) {
		loop_cancel(&line->next);
		line_known(line);
	} else if (line->quitted) {
		quit_over(line);
	} else {
		line_call_soon(line);
	}
}

static void open_websocket(struct line *line)
{
	struct golem *golem = line->instance->obj.golem;
	struct line_websocket_options options = {
		line_loop(line), NULL, golem->appkey, line->link, websocket_url, websocket_changed, line};
	struct err err = {0};

	if (!membership_count(line->instance))
		return;
	options.hub = golem_ws(golem, &err);
	if (options.hub)
		line->websocket = line_websocket_new(&options);
	else
		obj_refuse(&line->instance->obj, 0, "websocket", &err);
}

void line_network_changed(struct line *line)
{
	if (line && line->websocket)
		line_websocket_look(line->websocket);
}

void line_begin(struct line *line, void (*told)(struct instance *instance))
{
	line->told = told;
	if (line->outcome == DELIVERY_NO_BASE64 && !line->octal) {
		line->octal = true;
		deliver(line);
		return;
	}
	if (line->outcome == DELIVERY_DONE && line->directory) {
		line->link = agent_link_new(line->token, line->session, &line_events, line);
		open_websocket(line);
		call_after(line, KEEP_MS);
		write_down(line);
		line_start_again(line);
	}
	tell(line,
	     line->link ? NULL : "the image has no shell that could unpack the agent, or no place for it");
}

bool line_is_open(const struct line *line)
{
	return line && line->link;
}

bool line_is_coming(const struct line *line)
{
	return line && !line->link && line->batch;
}

struct agent_link *line_link(struct line *line)
{
	return line->link;
}

void line_speak(struct line *line)
{
	line->news_ms = loop_now_ms(line_loop(line));
	line_call_soon(line);
}

const char *line_carrier(const struct line *line)
{
	return !line_is_open(line)                           ? "none"
	       : line_websocket_is_attached(line->websocket) ? "websocket"
							     : "requests";
}

const char *line_why_not(const struct line *line)
{
	return line->why_not ? line->why_not : "golemfs was built without an agent";
}

/* --- calls ----------------------------------------------------------------------------------------------------- */

bool line_is_attached(const struct line *line)
{
	return line_websocket_is_attached(line->websocket);
}

static bool has_something_to_ask(const struct line *line)
{
	return agent_link_has_orders(line->link) || agent_link_commands(line->link);
}

static void next_is_due(void *context)
{
	struct line *line = context;

	line->next = NULL;
	call_agent(line);
}

static void call_after(struct line *line, uint64_t ms)
{
	if (line_websocket_is_attached(line->websocket))
		return;
	loop_cancel(&line->next);
	line->next = loop_after(line_loop(line), ms, next_is_due, line);
}

void line_call_soon(struct line *line)
{
	if (line_websocket_is_attached(line->websocket))
		line_websocket_speak(line->websocket);
	else if (!line->batch && line->link)
		call_after(line, 0);
}

/* How long the next call may wait: not at all while there is news, ever longer in silence. */
static uint64_t spacing(const struct line *line)
{
	uint64_t silence = loop_now_ms(line_loop(line)) - line->news_ms, ms;

	if (silence < SILENCE_MS || agent_link_has_orders(line->link))
		return 0;
	ms = (silence - SILENCE_MS) / 10;
	return ms < SPACING_MAX_MS ? ms : SPACING_MAX_MS;
}

static void quit_over(struct line *line)
{
	void (*quitted)(struct instance *) = mem_move(&line->quitted);

	loop_cancel(&line->quit_limit);
	if (quitted)
		quitted(line->instance);
}

static void call_answered(struct line *line)
{
	line->busy = 0;
	if (line->quitted && !agent_link_has_orders(line->link))
		quit_over(line);
	else if (!line->batch && !line->next)
		call_after(line, has_something_to_ask(line) ? spacing(line) : KEEP_MS);
}

static void come_again(struct instance *instance)
{
	if (line_is_open(instance->line)) {
		carrier_next(instance);
		return;
	}
	line_lose(instance->line, false, line_why_not(instance->line));
	deploy_without_agent(instance, line_why_not(instance->line));
}

/* The agent does not answer on its machine, which is there: what it carried is lost with it, and another one is sent.
 * `unreached`: the last call has not come to it. */
static void agent_gone(struct line *line, bool unreached, const char *why)
{
	struct instance *instance = line->instance;

	line_websocket_drop(&line->websocket);
	agent_link_free(line->link);
	line->link = NULL;
	free(line->why_not);
	line->why_not = mem_strdup(why);
	line_lose(line, unreached && !line->quitted, why);
	if (line->quitted) {
		quit_over(line);
	} else if (++line->deliveries < DELIVERIES) {
		obj_event(&instance->obj, "agentLost", NULL);
		name_agent(line);
		line->told = come_again;
		deliver(line);
	} else {
		line_lose(line, false, why);
		deploy_without_agent(instance, why);
	}
}

static void call_failed(struct line *line, const struct yagna_result *result)
{
	if (line_websocket_is_attached(line->websocket))
		return; /* the agent is reached all the same, and says there what this call was to bring */
	if (strstr(result->message, "Busy") && line->busy++ < BUSY_TRIES)
		call_after(line, BUSY_MS);
	else if (result->exit_code == EXIT_NO_AGENT)
		agent_gone(line, true, "the agent on the machine has died");
	else
		agent_gone(line, false, *result->message ? result->message : "the agent cannot be called");
}

static void call_finished(void *context, const struct yagna_result *results, unsigned count)
{
	struct line *line = context;
	const struct yagna_result *result = &results[count - 1];
	BUF_AUTO struct buf messages = {0};
	BUF_AUTO struct buf why = {0};
	size_t used;

	line->batch = NULL;
	if (!result->ok)
		call_failed(line, result);
	else if (envelope_read(&messages, result->out.data, result->out.len) < 0 ||
		 agent_link_receive(line->link, messages.data, messages.len, &used, &why) < 0)
		agent_gone(line, false, why.len ? buf_text(&why) : "the agent's answer cannot be read");
	else
		call_answered(line);
}

static void call_refused(void *context, const struct yagna_failure *failure)
{
	struct line *line = context;

	line->batch = NULL;
	/* What was asked is asked again with the next call, and done once: the serials see to that. */
	if (failure->err.code == EHOSTUNREACH || failure->unsure || line->busy++ < BUSY_TRIES)
		call_after(line, SPACING_MAX_MS);
	else
		agent_gone(line, false, failure->err.text);
}

static void call_lost(void *context, const char *why)
{
	struct line *line = context;

	line->batch = NULL;
	rental_lost(line->instance, why);
}

static void call_agent(struct line *line)
{
	static const struct batch_events events = {NULL, call_finished, call_refused, call_lost};
	MEM_AUTO char *program = mem_printf("%s/agent", line->directory);
	cJSON *script = cJSON_CreateArray();
	size_t count;
	BUF_AUTO struct buf messages = {0};
	char **arguments;

	loop_cancel(&line->next);
	line_called(line);
	agent_link_compose_call(line->link, &messages, CALL_MAX, HOLD_MS, QUIET_MS);
	arguments = delivery_call(line->directory, line->session, &messages, &count);
	cJSON_AddItemToArray(script, script_program_run(program, arguments, count));
	line->batch = batch_run(line->instance->obj.golem->yagna, line_loop(line), line->instance->activity,
				script, 0, &events, line);
	cJSON_Delete(script);
	delivery_free(arguments);
}

/* --- the end --------------------------------------------------------------------------------------------------- */

static void quit_too_long(void *context)
{
	struct line *line = context;

	line->quit_limit = NULL;
	quit_over(line);
}

void line_quit(struct line *line, void (*done)(struct instance *instance))
{
	line->quitted = done;
	line->quit_limit = loop_after(line_loop(line), QUIT_MS, quit_too_long, line);
	agent_link_quit(line->link);
	line_call_soon(line);
}

/* --- after a crash --------------------------------------------------------------------------------------------- */

void line_again(struct instance *instance, const cJSON *facts, void (*told)(struct instance *instance))
{
	const cJSON *agent = cJSON_GetObjectItem(facts, "agent");
	struct line *line = line_new(instance);
	const char *directory = json_string_or(agent, "directory", "", &(struct err){0});

	instance->line = line;
	if (*directory == '/' &&
	    delivery_read_token(json_string_or(agent, "token", "", &(struct err){0}), line->token)) {
		line->directory = mem_strdup(directory);
		line->link = agent_link_new(line->token, line->session, &line_events, line);
		open_websocket(line);
		line_replay(line, true);
		line->news_ms = loop_now_ms(line_loop(line));
		line_call_soon(line);
	} else {
		line_replay(line, false);
		line->told = told;
		if (delivery_available())
			deliver(line);
	}
}
