/*
 * A model in memory behind core's headers, for tests of fs: nothing happens unless the test says so. It uses
 * core's own object heads, orders, events, refusals and settings; only the four kinds are made up.
 */
#ifndef TESTS_UNIT_FAKE_MODEL_H
#define TESTS_UNIT_FAKE_MODEL_H

#include "core/command.h"

/* `start` of a backend waits for one of these two. */
void fake_accept(struct obj *backend);
void fake_refuse(struct obj *backend, int code, const char *sentence);
/* Moves an object into a state. `code`: why the step failed, 0: it did not. */
void fake_state(struct obj *obj, const char *state, bool settled, bool ended, int code);
/* The step under way has been aborted. */
void fake_cancel(struct obj *obj);
void fake_output(struct obj *command, const char *text);
/* stdin takes so many bytes more; what it was given, and how many have it open for writing. */
void fake_room(struct obj *command, size_t room);
const char *fake_input(struct obj *command, size_t *len, unsigned *writers);
void fake_finish(struct obj *command, int exit);
unsigned fake_aborts(struct obj *obj); /* how often it was aborted */
unsigned fake_let_go(struct obj *obj); /* how often its last holder has gone */

#endif
