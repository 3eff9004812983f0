/*
 * The line to the agent inside an instance (docs/agent-protocol.md): its delivery, the link, and the requests that
 * carry it.
 *
 * An instance has a line from its first deploy on, a new one for each machine that is made. It carries commands once
 * the delivery has told where the agent is; where it cannot run, line_is_open() stays false, line_why_not() says why, and
 * commands go by plain requests (carrier.c).
 */
#ifndef CORE_LINE_H
#define CORE_LINE_H

#include "core/model.h"
#include "core/yagna.h"

struct line;

/* For the machine that is about to be made. */
struct line *line_new(struct instance *instance);
/* Forgets the agent without a word; the commands are to be unloaded before. Takes NULL, sets NULL. */
void line_drop(struct line **line);

/* The run that delivers the agent, for a script; NULL where golemfs has none. The caller owns it. */
cJSON *line_delivery(struct line *line);
/* What that run has printed, or NULL when it failed. */
void line_delivered(struct line *line, const struct yagna_result *result);
/* Nothing else runs on the machine: the line opens, after sending the other form of the delivery where the image needs
 * it. `told` is called once, perhaps at once, when the line is open or cannot be. */
void line_begin(struct line *line, void (*told)(struct instance *instance));
bool line_is_open(const struct line *line); /* takes NULL */
/* It is not open, but an agent is on its way: commands wait for it. Takes NULL. */
bool line_is_coming(const struct line *line);
/* For a machine that an earlier golemfs has made: the line to its agent as the journal knows it (`facts` of the
 * activity), with the commands that run there; where there is none, one is sent, and `told` is called as above. */
void line_again(struct instance *instance, const cJSON *facts, void (*told)(struct instance *instance));
const char *line_why_not(const struct line *line);
/* The client is in a network of the instance, or in another one than before. Takes NULL. */
void line_network_changed(struct line *line);

/* For channels beside the commands (forward.h). */
struct agent_link *line_link(struct line *line); /* NULL: not open */
void line_speak(struct line *line); /* the link has, or will have, something to say in this turn */
const char *line_carrier(const struct line *line); /* websocket, requests or none; takes NULL */

/* Starts the command beside those that run. 0, or E2BIG. */
int line_start(struct line *line, struct command *command);
/* Bytes for its stdin, and the end of it when all were taken; returns how many were. */
size_t line_input(struct line *line, struct command *command, const void *data, size_t len, bool end);
size_t line_input_room(const struct line *line, const struct command *command);
void line_resize(struct line *line, struct command *command);
/* To the command's process group; SIGKILL follows after grace_ms, 0: it does not. */
void line_kill(struct line *line, struct command *command, int signum, unsigned grace_ms);
unsigned line_running(const struct line *line); /* takes NULL */
/* Calls it for each command on the line, which it may take off. */
void line_each(struct line *line, void (*call)(struct command *command, void *context), void *context);
/* A command off the line, the hold on it now the caller's; NULL when none is left. Takes NULL. */
struct command *line_unload(struct line *line);
/* The agent is told to end what it started and itself, then `done`, after 2 s at the latest. */
void line_quit(struct line *line, void (*done)(struct instance *instance));

#endif
