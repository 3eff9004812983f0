#include "core/line.h"

#include <signal.h>
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
#include "core/record.h"
#include "core/rental.h"
#include "core/script.h"
#include "core/timefmt.h"

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
	KNOWN = 2,      /* calls after which the agent may know a command */
	DELIVERIES = 3, /* to one machine; then plain requests do the work */
	QUIT_MS = 2000,
	LEASE_S = 3600,
	CALL_MAX = 1 << 20, /* bytes of messages in one call; yagna takes bodies of 2 MiB */
	PORT = 47711,       /* of the agent in the instance, for the websocket */
	EXIT_NO_AGENT = 69, /* of a call that has reached nobody */
};
/* What the agent keeps of an output that nobody fetches; less where the command keeps less. */
static const uint64_t output_bound = (uint64_t)256 << 20;

/* A command on the line: the agent's number for it, and the hold on it. */
struct carried {
	UT_hash_handle hh;
	uint32_t id;
	struct line *line;
	struct command *command;
	struct loop_timer *limit; /* command_timeout */
	unsigned calls;           /* that have carried its start, or asked for it */
};

struct line {
	struct instance *instance;
	uint8_t token[AGENT_TOKEN_SIZE], session[AGENT_SESSION_SIZE];
	char *name, *directory; /* directory NULL: not delivered */
	enum delivery_outcome outcome;
	bool octal; /* the second form */
	unsigned deliveries;
	char *why_not;
	struct agent_link *link;
	struct line_websocket *websocket; /* NULL: the instance is in no network */
	struct carried *carried;
	struct batch *batch;
	struct loop_timer *next; /* the pause between two calls */
	uint64_t news_ms;
	unsigned busy;
	void (*told)(struct instance *instance);
	void (*quitted)(struct instance *instance);
	struct loop_timer *quit_limit;
};

static void call_agent(struct line *line);
static void call_soon(struct line *line);
static void start_again(struct line *line);
static void call_after(struct line *line, uint64_t ms);
static void quit_over(struct line *line);

static struct loop *loop_of(const struct line *line)
{
	return line->instance->obj.golem->loop;
}

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

	line->news_ms = loop_now_ms(loop_of(line));
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

	line->news_ms = loop_now_ms(loop_of(line));
	if (!carried)
		return;
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

static const struct agent_link_events agent_link_events = {heard_output, heard_dropped, heard_exit,
							   heard_input_room};

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

/* What the agent carried is lost with it; but for commands that cannot have reached it, if they may be `spared`. */
static void lose_commands(struct line *line, bool spare, const char *why)
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
	line->batch = batch_run(line->instance->obj.golem->yagna, loop_of(line), line->instance->activity,
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
	BUF_AUTO struct buf token = {0};

	for (unsigned i = 0; i < AGENT_TOKEN_SIZE; i++)
		buf_printf(&token, "%02x", line->token[i]);
	cJSON_AddStringToObject(facts, "agreement", instance->agreement);
	agent = cJSON_AddObjectToObject(facts, "agent");
	cJSON_AddStringToObject(agent, "directory", line->directory);
	cJSON_AddStringToObject(agent, "token", buf_text(&token));
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
	struct carried *carried, *next;

	if (attached) {
		loop_cancel(&line->next);
		HASH_ITER (hh, line->carried, carried, next)
			carried->calls = KNOWN;
	} else if (line->quitted) {
		quit_over(line);
	} else {
		call_soon(line);
	}
}

static void open_websocket(struct line *line)
{
	struct golem *golem = line->instance->obj.golem;
	struct line_websocket_options options = {
		loop_of(line), NULL, golem->appkey, line->link, websocket_url, websocket_changed, line};
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
		line->link = agent_link_new(line->token, line->session, &agent_link_events, line);
		open_websocket(line);
		call_after(line, KEEP_MS);
		write_down(line);
		start_again(line);
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

const char *line_why_not(const struct line *line)
{
	return line->why_not ? line->why_not : "golemfs was built without an agent";
}

/* --- calls ----------------------------------------------------------------------------------------------------- */

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
	line->next = loop_after(loop_of(line), ms, next_is_due, line);
}

/* Something is to be said: at once, unless a call is under way, whose end goes on with it. */
static void call_soon(struct line *line)
{
	if (line_websocket_is_attached(line->websocket))
		line_websocket_speak(line->websocket);
	else if (!line->batch && line->link)
		call_after(line, 0);
}

/* How long the next call may wait: not at all while there is news, ever longer in silence. */
static uint64_t spacing(const struct line *line)
{
	uint64_t silence = loop_now_ms(loop_of(line)) - line->news_ms, ms;

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
	lose_commands(instance->line, false, line_why_not(instance->line));
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
	lose_commands(line, unreached && !line->quitted, why);
	if (line->quitted) {
		quit_over(line);
	} else if (++line->deliveries < DELIVERIES) {
		obj_event(&instance->obj, "agentLost", NULL);
		name_agent(line);
		line->told = come_again;
		deliver(line);
	} else {
		lose_commands(line, false, why);
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
	struct carried *carried, *after;

	loop_cancel(&line->next);
	HASH_ITER (hh, line->carried, carried, after)
		carried->calls++;
	agent_link_compose_call(line->link, &messages, CALL_MAX, HOLD_MS, QUIET_MS);
	arguments = delivery_call(line->directory, line->session, &messages, &count);
	cJSON_AddItemToArray(script, script_program_run(program, arguments, count));
	line->batch = batch_run(line->instance->obj.golem->yagna, loop_of(line), line->instance->activity,
				script, 0, &events, line);
	cJSON_Delete(script);
	delivery_free(arguments);
}

/* --- commands -------------------------------------------------------------------------------------------------- */

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
	carried->calls = line_websocket_is_attached(line->websocket) ? KNOWN : 0;
	obj_ref(&command->obj);
	HASH_ADD(hh, line->carried, id, sizeof(carried->id), carried);
	if (limit)
		carried->limit = loop_after(loop_of(line), ran < (int64_t)limit ? limit - (uint64_t)ran : 0,
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

/* The commands that the agent before has never heard of. */
static void start_again(struct line *line)
{
	struct carried *carried, *next;

	HASH_ITER (hh, line->carried, carried, next) {
		carried->calls = 0;
		start(line, carried->command);
	}
	if (line->carried)
		call_soon(line);
}

int line_start(struct line *line, struct command *command)
{
	int error = start(line, command);

	if (error)
		return error;
	load(line, command);
	record_start(command);
	line->news_ms = loop_now_ms(loop_of(line));
	call_soon(line);
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
		line->news_ms = loop_now_ms(loop_of(line));
		call_soon(line);
	}
	return taken;
}

void line_resize(struct line *line, struct command *command)
{
	if (!line || !line->link || !carried_of(line, command->number))
		return;
	agent_link_resize(line->link, command->number, command->rows, command->columns);
	call_soon(line);
}

void line_kill(struct line *line, struct command *command, int signum, unsigned grace_ms)
{
	if (!line || !line->link || !carried_of(line, command->number))
		return;
	agent_link_kill(line->link, command->number, signum, grace_ms);
	line->news_ms = loop_now_ms(loop_of(line));
	call_soon(line);
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

static void quit_too_long(void *context)
{
	struct line *line = context;

	line->quit_limit = NULL;
	quit_over(line);
}

void line_quit(struct line *line, void (*done)(struct instance *instance))
{
	line->quitted = done;
	line->quit_limit = loop_after(loop_of(line), QUIT_MS, quit_too_long, line);
	agent_link_quit(line->link);
	call_soon(line);
}

/* --- after a crash --------------------------------------------------------------------------------------------- */

/* Nobody has its stdin open any more: the last close was golemfs' end. */
static void take_up(struct instance *instance, struct command *command)
{
	struct line *line = instance->line;

	load(line, command);
	carried_of(line, command->number)->calls = KNOWN;
	agent_link_watch(line->link, command->number, 0, 0);
	agent_link_input(line->link, command->number, NULL, 0, true);
}

/* Without an agent that is known nobody can say what became of them. */
static void give_up(struct instance *instance, struct command *command)
{
	command_blame(command, REASON_LOST);
	command_end(command, COMMAND_FAILED, 255, "golemfs has lost its agent");
}

static bool read_token(struct line *line, const char *hex)
{
	unsigned byte;

	if (strlen(hex) != 2 * AGENT_TOKEN_SIZE)
		return false;
	for (unsigned i = 0; i < AGENT_TOKEN_SIZE; i++) {
		if (sscanf(hex + 2 * i, "%2x", &byte) != 1)
			return false;
		line->token[i] = (uint8_t)byte;
	}
	return true;
}

void line_again(struct instance *instance, const cJSON *facts, void (*told)(struct instance *instance))
{
	const cJSON *agent = cJSON_GetObjectItem(facts, "agent");
	struct line *line = line_new(instance);
	const char *directory = json_string_or(agent, "directory", "", &(struct err){0});

	instance->line = line;
	if (*directory == '/' && read_token(line, json_string_or(agent, "token", "", &(struct err){0}))) {
		line->directory = mem_strdup(directory);
		line->link = agent_link_new(line->token, line->session, &agent_link_events, line);
		open_websocket(line);
		record_replay(instance, take_up);
		line->news_ms = loop_now_ms(loop_of(line));
		call_soon(line);
	} else {
		record_replay(instance, give_up);
		line->told = told;
		if (delivery_available())
			deliver(line);
	}
}
