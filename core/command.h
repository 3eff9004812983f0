/*
 * A command: one program run on an instance. Its outputs are byte logs that end with it.
 *
 * How a command reaches the machine is the business of its carrier (carrier.h): today plain requests, one at a
 * time per instance; the agent inside the instance will be another.
 */
#ifndef CORE_COMMAND_H
#define CORE_COMMAND_H

#include "core/instance.h"

struct command;

enum command_state {
	COMMAND_NEW, /* made with mkdir; waits for `run` */
	COMMAND_QUEUED,
	COMMAND_RUNNING,
	COMMAND_DONE,
	COMMAND_ABORTED,
	COMMAND_FAILED
};

/* Where commands are made: an instance, or the pool of a backend, whose commands go to any free instance. */
struct obj *command_pool(struct backend *backend);
/* Queues the text (for /bin/sh -c, or a JSON array: an argument vector). EINVAL, E2BIG, EBUSY (instance ending,
 * backend not started). */
struct command *command_queue(struct obj *where, const char *text, size_t len, struct err *err);
/* One in state `new`. EINVAL (also for a number: those are counted), EEXIST, EBUSY. */
struct command *command_make(struct obj *where, const char *name, struct err *err);
/* What a new one is given: "cmdline" "env" "workdir" "tty" "timeout". EINVAL, E2BIG; EBUSY once it was run. */
int command_set(struct command *command, const char *key, const char *value, size_t len, struct err *err);
void command_show(struct command *command, const char *key, struct buf *out);
void command_run(struct command *command, struct order *order);
struct command *command_of(struct obj *obj);
struct obj *command_obj(struct command *command);

void command_abort(struct command *command, struct order *order);
/* INT, SIGINT or 2, to its process group. EINVAL; EBUSY unless it runs by an agent. */
void command_signal(struct command *command, const char *name, struct order *order);
void command_resize(struct command *command, uint16_t rows, uint16_t columns, struct order *order);
int command_forget(struct command *command, struct err *err); /* rmdir of an ended or new one; else EBUSY */

/* stdin: each writer opens and closes it; the last close is end-of-file. Before the start it is stored, up to a
 * bound. Returns how many bytes were taken, 0: none at the moment (ASPECT_INPUT changes when it is worth trying
 * again), or -EPIPE: nobody reads it, or ever will. */
void command_input_open(struct command *command);
void command_input_close(struct command *command);
ssize_t command_input(struct command *command, const void *data, size_t len);
bool command_input_room(const struct command *command); /* a write would be answered at once */

struct bytelog *command_stdout(struct command *command);
struct bytelog *command_stderr(struct command *command);
void command_render_exit(struct command *command, struct buf *out);
void command_render_reason(struct command *command, struct buf *out);
void command_render_usage(struct command *command, struct buf *out);

#endif
