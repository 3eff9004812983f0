#include "core/command.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "core/json.h"
#include "core/mem.h"
#include "core/model.h"
#include "core/root.h"
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

/* An argument vector is a JSON array of texts with at least one; anything else that begins with [ is a shell's. */
static int check_text(const char *text, size_t len, struct err *err)
{
	if (len > TEXT_MAX)
		return err_set(err, E2BIG, "a command has at most %d bytes", TEXT_MAX);
	if (memchr(text, '\0', len))
		return err_set(err, EINVAL, "the command holds a NUL byte");
	if (!len || text[strspn(text, " \t\r\n")] == '\0')
		return err_set(err, EINVAL, "the command is empty");
	return 0;
}

struct command *command_queue(struct instance *instance, const char *text, size_t len, struct err *err)
{
	MEM_AUTO char *copy = mem_alloc(len + 1);
	struct command *command;
	char name[16];

	memcpy(copy, text, len);
	if (check_text(copy, len, err))
		return NULL;
	if (instance->state >= INSTANCE_STOPPING) {
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
	snprintf(name, sizeof(name), "%u", ++instance->numbers);
	obj_init(&command->obj, &class, OBJ_COMMAND, instance->obj.golem, &instance->obj, name);
	obj_enlist(&command->obj);
	DL_APPEND(instance->queue, command); /* takes over the first reference */
	instance->queued++;
	return command;
}

void command_abort(struct command *command, struct order *order)
{
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
	static const char *const names[] = {
		[REASON_NONE] = "",           [REASON_USER] = "user",       [REASON_INSTANCE] = "instance",
		[REASON_BACKEND] = "backend", [REASON_TIMEOUT] = "timeout", [REASON_LOST] = "lost",
	};

	buf_printf(out, "%s\n", names[command->reason]);
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
}
