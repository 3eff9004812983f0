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

enum command_state { COMMAND_QUEUED, COMMAND_RUNNING, COMMAND_DONE, COMMAND_ABORTED, COMMAND_FAILED };

/* Queues the text (for /bin/sh -c, or a JSON array: an argument vector). EINVAL, E2BIG, EBUSY (instance ending). */
struct command *command_queue(struct instance *instance, const char *text, size_t len, struct err *err);
struct command *command_of(struct obj *obj);
struct obj *command_obj(struct command *command);

void command_abort(struct command *command, struct order *order);
int command_forget(struct command *command, struct err *err); /* rmdir of an ended one; else EBUSY */

struct bytelog *command_stdout(struct command *command);
struct bytelog *command_stderr(struct command *command);
const char *command_text(struct command *command, size_t *len); /* cmdline, exactly as given */
void command_render_exit(struct command *command, struct buf *out);
void command_render_reason(struct command *command, struct buf *out);
void command_render_usage(struct command *command, struct buf *out);

#endif
