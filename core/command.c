#include "core/command.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "core/agent/link.h"
#include "core/json.h"
#include "core/mem.h"
#include "core/model.h"
#include "core/rental.h"
#include "core/root.h"
#include "core/script.h"
#include "core/timefmt.h"

/* Bounds: of one text (yagna takes bodies of 2 MiB, and the script is a text inside a text), of what waits on one
 * instance, and of what is kept of an output. */
enum { TEXT_MAX = 1 << 20, QUEUE_MAX = 10000, OUTPUT_IN_MEMORY = 64 << 10 };
static const uint64_t output_bound = (uint64_t)1 << 30;

struct command *command_of(struct obj *obj)
{
	return (struct command *)obj;
}

struct obj *command_obj(struct command *command)
{
	return &command->obj;
}

/* --- the class --------------------------------------------------------------------------------------------- */

static const char *const reason_names[] = {
	[REASON_NONE] = "",           [REASON_USER] = "user",       [REASON_INSTANCE] = "instance",
	[REASON_BACKEND] = "backend", [REASON_TIMEOUT] = "timeout", [REASON_LOST] = "lost",
};

static const char *state(const struct obj *obj)
{
	static const char *const names[] = {
		[COMMAND_QUEUED] = "queued",   [COMMAND_RUNNING] = "running", [COMMAND_DONE] = "done",
		[COMMAND_ABORTED] = "aborted", [COMMAND_FAILED] = "failed",
	};

	return names[((const struct command *)obj)->state];
}

static bool ended(const struct obj *obj)
{
	return ((const struct command *)obj)->state >= COMMAND_DONE;
}

static const struct err *outcome(const struct obj *obj)
{
	return ((const struct command *)obj)->outcome;
}

static void abort_it(struct obj *obj)
{
	command_abort(command_of(obj), NULL);
}

static void release(struct obj *obj)
{
	struct command *command = command_of(obj);

	for (int stream = 0; stream < 2; stream++)
		if (command->output[stream])
			bytelog_free(command->output[stream]);
	free(command->text);
	free(command->outcome);
	obj_fini(obj);
	free(command);
}

static const struct obj_class class = {state, ended, ended, outcome, abort_it, abort_it, release};

/* --- the queue --------------------------------------------------------------------------------------------- */

/* The length of the UTF-8 sequence that begins here, 0 when there is none. */
static size_t sequence(const unsigned char *text, size_t len)
{
	size_t want = *text < 0x80 ? 1 : *text >= 0xc2 && *text < 0xe0 ? 2 : (*text & 0xf0) == 0xe0 ? 3 : 4;

	if ((*text >= 0x80 && *text < 0xc2) || *text > 0xf4 || want > len)
		return 0;
	for (size_t i = 1; i < want; i++)
		if ((text[i] & 0xc0) != 0x80)
			return 0;
	return want;
}

/* A script travels inside JSON, which carries UTF-8 and, to a provider, no NUL (reference/yagna-api.md 5.5). */
static int check_text(const char *text, size_t len, struct err *err)
{
	bool blank = true;

	if (len > TEXT_MAX)
		return err_set(err, E2BIG, "a command has at most %d bytes", TEXT_MAX);
	for (size_t at = 0, step; at < len; at += step) {
		step = sequence((const unsigned char *)text + at, len - at);
		if (!step || !text[at])
			return err_set(err, EINVAL, "the command is not UTF-8 text: byte %zu", at);
		blank = blank && strchr(" \t\r\n", text[at]);
	}
	return blank ? err_set(err, EINVAL, "the command is empty") : 0;
}

struct command *command_queue(struct instance *instance, const char *text, size_t len, struct err *err)
{
	MEM_AUTO char *copy = NULL;
	struct command *command;
	char name[16];

	if (check_text(text, len, err))
		return NULL;
	copy = mem_alloc(len + 1);
	memcpy(copy, text, len);
	if (script_check(copy, len, err))
		return NULL;
	if (instance->state >= INSTANCE_STOPPING || instance->ending) {
		err_set(err, EBUSY, "the instance is %s", obj_state(&instance->obj));
		return NULL;
	}
	if (instance->queued >= QUEUE_MAX) {
		err_set(err, EBUSY, "%d commands wait for this instance already", QUEUE_MAX);
		return NULL;
	}
	command = mem_alloc(sizeof(*command));
	command->text = mem_move(&copy);
	command->len = len;
	command->number = ++instance->numbers;
	snprintf(name, sizeof(name), "%u", command->number);
	obj_init(&command->obj, &class, OBJ_COMMAND, instance->obj.golem, &instance->obj, name);
	obj_enlist(&command->obj);
	DL_APPEND(instance->queue, command); /* takes over the first hold */
	instance->queued++;
	carrier_next(instance);
	return command;
}

static void leave_queue(struct command *command)
{
	struct instance *instance = instance_of_command(command);

	DL_DELETE(instance->queue, command);
	command->prev = command->next = NULL;
	instance->queued--;
}

void command_begin(struct command *command)
{
	leave_queue(command);
	command->state = COMMAND_RUNNING;
	command->started = timefmt_now();
	obj_changed(&command->obj, ASPECT_STATE);
	obj_event(&command->obj, "commandStarted", NULL);
}

void command_blame(struct command *command, enum reason reason)
{
	if (command->reason == REASON_NONE && !ended(&command->obj))
		command->reason = reason;
}

static void tell_end(struct command *command, const char *message)
{
	static const char *const events[] = {
		[COMMAND_DONE] = "commandFinished",
		[COMMAND_ABORTED] = "commandAborted",
		[COMMAND_FAILED] = "commandError",
	};
	cJSON *extra = cJSON_CreateObject();

	cJSON_AddNumberToObject(extra, "exit", command->exit);
	if (command->reason != REASON_NONE)
		cJSON_AddStringToObject(extra, "reason", reason_names[command->reason]);
	if (message)
		cJSON_AddStringToObject(extra, "message", message);
	obj_event(&command->obj, events[command->state], extra);
}

void command_end(struct command *command, enum command_state state, int exit, const char *message)
{
	struct err err;

	if (ended(&command->obj))
		return;
	if (command->state == COMMAND_RUNNING)
		command->ended = timefmt_now();
	if (state == COMMAND_DONE)
		command->reason = REASON_NONE; /* it was through before the abort arrived */
	command->state = state;
	command->exit = exit;
	for (int stream = 0; stream < 2; stream++)
		if (command->output[stream])
			bytelog_end(command->output[stream]);
	if (state == COMMAND_FAILED) {
		err_set(&err, EIO, "command %s: %s", command->obj.name, message ? message : "failed");
		outcome_set(&command->outcome, &err);
		obj_refuse(&command->obj, 0, "run", &err);
	}
	obj_changed(&command->obj, ASPECT_OUTPUT);
	obj_changed(&command->obj, ASPECT_STATE);
	obj_changed(command->obj.parent, ASPECT_CHILDREN);
	tell_end(command, message);
}

/* How a shell counts: 128 and the signal; 127 for a program that is not there, 126 for one that cannot be run. */
static int exit_number(const struct command *command, const struct agent_link_exit *exit)
{
	if (command->reason == REASON_TIMEOUT)
		return 124;
	if (exit->kind == AGENT_EXITED)
		return (int)(exit->value & 255);
	if (exit->kind == AGENT_SIGNALED)
		return 128 + (int)(exit->value & 127);
	return exit->value == ENOENT ? 127 : 126;
}

void command_exited(struct command *command, const struct agent_link_exit *exit)
{
	bool asked = command->reason != REASON_NONE;
	char message[ERR_TEXT_MAX];

	if (exit->kind == AGENT_NOT_RUN && exit->value == ESRCH) {
		command_blame(command, REASON_LOST);
		command_end(command, COMMAND_FAILED, 255, "the agent does not know it any more");
		return;
	}
	if (exit->kind == AGENT_NOT_RUN) {
		snprintf(message, sizeof(message), "golemfs: the program cannot be started: %s\n",
			 strerror((int)exit->value));
		bytelog_append(command_output(command, 1), message, strlen(message));
	}
	command->usage = (struct command_usage){exit->user_us, exit->system_us, exit->max_rss_kb};
	command_end(command, asked ? COMMAND_ABORTED : COMMAND_DONE, exit_number(command, exit), NULL);
}

uint64_t command_limit_ms(const struct command *command)
{
	return setting_ms(instance_text(instance_of_command(command), SET_COMMAND_TIMEOUT));
}

void command_end_all(struct instance *instance, enum command_state state, enum reason reason, int exit,
		     const char *message)
{
	while (instance->queue) {
		struct command *command = instance->queue;

		leave_queue(command);
		command_blame(command, reason);
		command_end(command, state, exit, message);
		obj_unref(&command->obj);
	}
	for (struct command *command; (command = carrier_unload(instance));) {
		command_blame(command, reason);
		command_end(command, state, exit, message);
		obj_unref(&command->obj);
	}
}

void command_abort(struct command *command, struct order *order)
{
	command_blame(command, REASON_USER);
	if (command->state == COMMAND_QUEUED) {
		leave_queue(command);
		command_end(command, COMMAND_ABORTED, 137, NULL);
		obj_unref(&command->obj);
	} else if (command->state == COMMAND_RUNNING) {
		carrier_abort(command);
	}
	order_accept(order, NULL);
}

int command_forget(struct command *command, struct err *err)
{
	if (!ended(&command->obj))
		return err_set(err, EBUSY, "the command is %s: abort it first", obj_state(&command->obj));
	obj_remove(&command->obj);
	return 0;
}

/* --- what its files show ----------------------------------------------------------------------------------- */

struct bytelog *command_output(struct command *command, int stream)
{
	struct bytelog **log = &command->output[stream];

	if (!*log) {
		*log = bytelog_new(root_spill_dir(command->obj.golem), OUTPUT_IN_MEMORY, output_bound);
		if (ended(&command->obj))
			bytelog_end(*log);
	}
	return *log;
}

void command_replace_output(struct command *command, int stream, const struct yagna_bytes *truth)
{
	cJSON *extra = cJSON_CreateObject();

	if (command->output[stream])
		bytelog_free(command->output[stream]);
	command->output[stream] = NULL;
	bytelog_append(command_output(command, stream), truth->data, truth->len);
	cJSON_AddStringToObject(
		extra, "message",
		stream ? "stderr as it was shown while running was not complete: read it again"
		       : "stdout as it was shown while running was not complete: read it again");
	obj_event(&command->obj, "commandError", extra);
}

struct bytelog *command_stdout(struct command *command)
{
	return command_output(command, 0);
}

struct bytelog *command_stderr(struct command *command)
{
	return command_output(command, 1);
}

const char *command_text(struct command *command, size_t *len)
{
	*len = command->len;
	return command->text;
}

void command_render_exit(struct command *command, struct buf *out)
{
	if (ended(&command->obj))
		buf_printf(out, "%d\n", command->exit);
	else
		buf_printf(out, "%s\n", obj_state(&command->obj));
}

void command_render_reason(struct command *command, struct buf *out)
{
	buf_printf(out, "%s\n", reason_names[command->reason]);
}

static void render_time(struct buf *out, const char *word, const struct timespec *time)
{
	char stamp[TIMEFMT_SIZE];

	if (!time->tv_sec)
		return;
	timefmt_print(stamp, time, 3);
	buf_printf(out, "%s\t%s\n", word, stamp);
}

void command_render_usage(struct command *command, struct buf *out)
{
	struct timespec end = command->ended.tv_sec ? command->ended : timefmt_now();

	render_time(out, "queued", &command->obj.born);
	render_time(out, "started", &command->started);
	render_time(out, "ended", &command->ended);
	if (command->started.tv_sec)
		buf_printf(out, "seconds\t%.3f\n",
			   (double)timefmt_ms_between(&command->started, &end) / 1000);
	if (command->usage.max_rss_kb)
		buf_printf(out, "user_seconds\t%.6f\nsystem_seconds\t%.6f\nmax_rss_kb\t%" PRIu32 "\n",
			   (double)command->usage.user_us / 1e6, (double)command->usage.system_us / 1e6,
			   command->usage.max_rss_kb);
}
