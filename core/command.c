#include "core/command.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "core/agent/link.h"
#include "core/json.h"
#include "core/line.h"
#include "core/mem.h"
#include "core/model.h"
#include "core/record.h"
#include "core/rental.h"
#include "core/root.h"
#include "core/script.h"
#include "core/text.h"
#include "core/timefmt.h"

/* Bounds: of one text (yagna takes bodies of 2 MiB, and the script is a text inside a text), of what waits on one
 * instance, and of what is kept of an output. */
enum {
	TEXT_MAX = 1 << 20,
	QUEUE_MAX = 10000,
	OUTPUT_IN_MEMORY = 64 << 10,
	TERMINAL_ROWS = 24,
	TERMINAL_COLUMNS = 80,
};

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
		[COMMAND_NEW] = "new",   [COMMAND_QUEUED] = "queued",   [COMMAND_RUNNING] = "running",
		[COMMAND_DONE] = "done", [COMMAND_ABORTED] = "aborted", [COMMAND_FAILED] = "failed",
	};

	return names[((const struct command *)obj)->state];
}

static bool ended(const struct obj *obj)
{
	return ((const struct command *)obj)->state >= COMMAND_DONE;
}

/* Of a new one nothing is under way. */
static bool settled(const struct obj *obj)
{
	return ended(obj) || ((const struct command *)obj)->state == COMMAND_NEW;
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
	input_free(command);
	if (command->own)
		values_free(command->own);
	free(command->own);
	free(command->text);
	free(command->outcome);
	if (command->instance)
		obj_unref(&command->instance->obj);
	obj_fini(obj);
	free(command);
}

static const struct obj_class class = {state, settled, ended, outcome, abort_it, abort_it, release};

/* --- making ------------------------------------------------------------------------------------------------ */

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
static int check_bytes(const char *text, size_t len, struct err *err)
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

static int check_text(const char *text, size_t len, struct err *err)
{
	MEM_AUTO char *copy = NULL;

	if (check_bytes(text, len, err))
		return -1;
	copy = mem_alloc(len + 1);
	memcpy(copy, text, len);
	return script_check(copy, len, err);
}

static struct backend *backend_of_command(const struct command *command)
{
	const struct obj *obj = command->obj.parent;

	while (obj->kind != OBJ_BACKEND)
		obj = obj->parent;
	return (struct backend *)obj;
}

/* Whether commands can be made there and be run some time. */
static int check_place(struct obj *where, struct err *err)
{
	struct instance *instance = where->kind == OBJ_INSTANCE ? instance_of(where) : NULL;
	struct backend *backend = instance ? NULL : backend_of(where->parent);
	unsigned queued = instance ? instance->queued : pool_of(where)->queued;

	if (instance && (instance->state >= INSTANCE_STOPPING || instance->ending))
		return err_set(err, EBUSY, "the instance is %s", obj_state(where));
	if (backend && backend->state != BACKEND_STARTING && backend->state != BACKEND_READY)
		return err_set(err, EBUSY, "the backend is %s: write start into its ctl first",
			       obj_state(&backend->obj));
	if (queued >= QUEUE_MAX)
		return err_set(err, EBUSY, "%d commands wait here already", QUEUE_MAX);
	return 0;
}

struct command *command_new(struct obj *parent, const char *name)
{
	struct command *command = mem_alloc(sizeof(*command));
	struct instance *instance = parent->kind == OBJ_INSTANCE ? instance_of(parent) : NULL;
	unsigned number = instance ? ++instance->numbers : ++pool_of(parent)->numbers;
	char counted[16];

	snprintf(counted, sizeof(counted), "%u", number);
	obj_init(&command->obj, &class, OBJ_COMMAND, parent->golem, parent, name ? name : counted);
	command->rows = TERMINAL_ROWS;
	command->columns = TERMINAL_COLUMNS;
	if (instance) {
		command->number = number;
		command->instance = instance_of(obj_ref(parent));
	}
	obj_enlist(&command->obj);
	obj_unref(&command->obj);
	return command;
}

struct command *command_again(struct obj *parent, struct instance *instance, const char *name,
			      uint32_t number)
{
	unsigned numbers = instance->numbers, counted = (unsigned)strtoul(name, NULL, 10);
	struct command *command = command_new(parent, name);

	instance->numbers = numbers; /* the record has told them all */
	if (!command->instance)
		command->instance = instance_of(obj_ref(&instance->obj));
	if (parent->kind == OBJ_POOL && counted > pool_of(parent)->numbers)
		pool_of(parent)->numbers = counted;
	command->number = number;
	command->state = COMMAND_RUNNING;
	return command;
}

struct command *command_make(struct obj *where, const char *name, struct err *err)
{
	if (obj_check_name(name, err))
		return NULL;
	if (!name[strspn(name, "0123456789")]) {
		err_set(err, EINVAL, "numbers are given to what is written to run: choose a name");
		return NULL;
	}
	if (obj_find(where, name)) {
		err_set(err, EEXIST, "there is a command \"%s\" already", name);
		return NULL;
	}
	return check_place(where, err) ? NULL : command_new(where, name);
}

static int take_text(struct command *command, const char *text, size_t len, struct err *err)
{
	if (check_text(text, len, err))
		return -1;
	free(command->text);
	command->text = mem_alloc(len + 1);
	memcpy(command->text, text, len);
	command->len = len;
	return 0;
}

/* --- the queue --------------------------------------------------------------------------------------------- */

static void enqueue(struct command *command)
{
	struct instance *instance = command->instance;

	command->state = COMMAND_QUEUED;
	obj_ref(&command->obj); /* the queue's */
	obj_changed(&command->obj, ASPECT_STATE);
	if (instance) {
		DL_APPEND(instance->queue, command);
		instance->queued++;
		carrier_next(instance);
	} else {
		struct pool *pool = pool_of(command->obj.parent);

		DL_APPEND(pool->queue, command);
		pool->queued++;
		pool_look(backend_of_command(command));
	}
}

void command_leave_queue(struct command *command)
{
	struct instance *instance = command->instance;
	struct pool *pool = instance ? NULL : pool_of(command->obj.parent);

	DL_DELETE(*(instance ? &instance->queue : &pool->queue), command);
	command->prev = command->next = NULL;
	(*(instance ? &instance->queued : &pool->queued))--;
}

void command_assign(struct command *command, struct instance *instance)
{
	command->instance = instance_of(obj_ref(&instance->obj));
	command->number = ++instance->numbers;
	DL_APPEND(instance->queue, command);
	instance->queued++;
}

struct command *command_queue(struct obj *where, const char *text, size_t len, struct err *err)
{
	struct command *command;

	if (check_text(text, len, err) || check_place(where, err))
		return NULL;
	command = command_new(where, NULL);
	take_text(command, text, len, err);
	enqueue(command);
	return command;
}

void command_run(struct command *command, struct order *order)
{
	struct err err = {0};

	if (command->state != COMMAND_NEW)
		order_refusef(order, EBUSY, "the command is %s: it runs once", obj_state(&command->obj));
	else if (!command->text)
		order_refusef(order, EINVAL, "write what it shall run into its cmdline first");
	else if (check_place(command->obj.parent, &err)) {
		order_refuse(order, &err);
	} else {
		enqueue(command);
		order_accept(order, NULL);
	}
}

/* --- what a new one is given -------------------------------------------------------------------------------- */

static int set_own(struct command *command, enum setting_id id, const char *value, size_t len,
		   struct err *err)
{
	if (!command->own)
		command->own = mem_alloc(sizeof(*command->own));
	return values_set(command->own, id, value, len, err);
}

static int set_tty(struct command *command, const char *value, size_t len, struct err *err)
{
	while (len && value[len - 1] == '\n')
		len--;
	if (len && !(len == 3 && memcmp(value, "yes", 3) == 0) && !(len == 2 && memcmp(value, "no", 2) == 0))
		return err_set(err, EINVAL, "tty is yes or no");
	command->tty = len == 3;
	return 0;
}

/* What can be set, and, where it is a setting of its instance too, which. */
static const struct own {
	const char *key;
	int (*set)(struct command *command, const char *value, size_t len, struct err *err);
	enum setting_id id;
} own_keys[] = {
	{"cmdline", take_text, SETTINGS},
	{"tty", set_tty, SETTINGS},
	{"env", NULL, SET_ENV},
	{"workdir", NULL, SET_WORKDIR},
	{"timeout", NULL, SET_COMMAND_TIMEOUT},
};

static const struct own *own_key(const char *key)
{
	const struct own *own = own_keys;

	while (strcmp(own->key, key) != 0)
		own++;
	return own;
}

int command_set(struct command *command, const char *key, const char *value, size_t len, struct err *err)
{
	const struct own *own = own_key(key);
	int failed;

	if (command->state != COMMAND_NEW)
		return err_set(err, EBUSY,
			       "%s belongs to a command that is %s: only a new one can be given it", key,
			       obj_state(&command->obj));
	failed = own->set ? own->set(command, value, len, err) : set_own(command, own->id, value, len, err);
	if (!failed)
		obj_changed(&command->obj, ASPECT_CONFIG);
	return failed;
}

void command_show(struct command *command, const char *key, struct buf *out)
{
	const struct own *own = own_key(key);

	if (own->set == take_text)
		buf_add(out, command->text, command->len);
	else if (own->set == set_tty)
		buf_adds(out, command->tty ? "yes" : "no");
	else if (own->id == SET_ENV)
		buf_adds(out, command->own && command->own->text[SET_ENV] ? command->own->text[SET_ENV] : "");
	else
		buf_adds(out, command_setting(command, own->id));
}

const char *command_setting(const struct command *command, enum setting_id id)
{
	struct backend *backend = backend_of_command(command);
	const char *own = command->own ? command->own->text[id] : NULL;
	const struct obj *parent = command->obj.parent;

	if (own)
		return own;
	if (command->instance)
		return instance_text(command->instance, id);
	return parent->kind == OBJ_INSTANCE ? instance_text((const struct instance *)parent, id)
					    : backend_text(backend, id);
}

char *command_env(const struct command *command)
{
	struct buf env = {0};

	/* What full-screen programs ask for; every later line wins. */
	if (command->tty)
		buf_adds(&env, "TERM=xterm\n");
	buf_adds(&env, command->instance ? instance_text(command->instance, SET_ENV) : "");
	if (env.len && env.data[env.len - 1] != '\n')
		buf_addc(&env, '\n');
	if (command->own && command->own->text[SET_ENV])
		buf_adds(&env, command->own->text[SET_ENV]);
	return buf_take(&env);
}

/* --- its course --------------------------------------------------------------------------------------------- */

void command_begin(struct command *command)
{
	command_leave_queue(command);
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
	if (command->state == COMMAND_RUNNING) {
		command->ended = timefmt_now();
		record_end(command);
	}
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
	input_over(command);
	tell_end(command, message);
	if (command->instance)
		obj_unref(&mem_move(&command->instance)->obj);
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
	return setting_ms(command_setting(command, SET_COMMAND_TIMEOUT));
}

/* --- abort and signals -------------------------------------------------------------------------------------- */

/* Ends one that waits; the queue's hold goes with it. */
static void end_waiting(struct command *command, enum command_state state, enum reason reason, int exit,
			const char *message)
{
	bool queued = command->state == COMMAND_QUEUED;

	if (queued)
		command_leave_queue(command);
	command_blame(command, reason);
	command_end(command, state, exit, message);
	if (queued)
		obj_unref(&command->obj);
}

void command_end_all(struct instance *instance, enum command_state state, enum reason reason, int exit,
		     const char *message)
{
	for (struct obj *child = obj_first(&instance->obj); child; child = obj_next(child))
		if (command_of(child)->state == COMMAND_NEW)
			end_waiting(command_of(child), state, reason, exit, message);
	while (instance->queue)
		end_waiting(instance->queue, state, reason, exit, message);
	for (struct command *command; (command = carrier_unload(instance));) {
		command_blame(command, reason);
		command_end(command, state, exit, message);
		obj_unref(&command->obj);
	}
}

void command_abort_for(struct command *command, enum reason reason)
{
	obj_ref(&command->obj);
	if (command->state < COMMAND_RUNNING) {
		end_waiting(command, COMMAND_ABORTED, reason, 137, NULL);
	} else if (command->state == COMMAND_RUNNING) {
		command_blame(command, reason);
		carrier_abort(command);
	}
	obj_unref(&command->obj);
}

void command_abort(struct command *command, struct order *order)
{
	command_abort_for(command, REASON_USER);
	order_accept(order, NULL);
}

/* TERM, SIGTERM, term or 15; 0: there is none of that name. */
static int signal_number(const char *name)
{
	uint64_t number;

	if (text_integer(name, 1, 64, &number, NULL) == 0)
		return (int)number;
	if (strncasecmp(name, "SIG", 3) == 0)
		name += 3;
	for (int signum = 1; signum < 32; signum++)
		if (sigabbrev_np(signum) && strcasecmp(sigabbrev_np(signum), name) == 0)
			return signum;
	return 0;
}

void command_signal(struct command *command, const char *name, struct order *order)
{
	int signum = signal_number(name);

	if (!signum)
		order_refusef(order, EINVAL, "there is no signal \"%.30s\"", name);
	else if (command->state != COMMAND_RUNNING)
		order_refusef(order, EBUSY, "the command is %s", obj_state(&command->obj));
	else if (!carrier_signal(command, signum))
		order_refusef(order, EBUSY, "without an agent on the machine a command can only be aborted");
	else
		order_accept(order, NULL);
}

void command_resize(struct command *command, uint16_t rows, uint16_t columns, struct order *order)
{
	if (!command->tty) {
		order_refusef(order, EBUSY,
			      "the command has no terminal: write yes into its tty before it runs");
		return;
	}
	command->rows = rows;
	command->columns = columns;
	if (command->state == COMMAND_RUNNING)
		line_resize(command->instance->line, command);
	order_accept(order, NULL);
}

int command_forget(struct command *command, struct err *err)
{
	if (!settled(&command->obj))
		return err_set(err, EBUSY, "the command is %s: abort it first", obj_state(&command->obj));
	obj_remove(&command->obj);
	return 0;
}

/* --- what its files show ----------------------------------------------------------------------------------- */

uint64_t command_output_limit(const struct command *command)
{
	return (uint64_t)(setting_number(command_setting(command, SET_OUTPUT_LIMIT)) * (1 << 20));
}

struct bytelog *command_output(struct command *command, int stream)
{
	struct bytelog **log = &command->output[stream];

	if (!*log) {
		*log = bytelog_new(root_spill_dir(command->obj.golem), OUTPUT_IN_MEMORY,
				   command_output_limit(command));
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
