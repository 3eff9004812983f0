/*
 * The commands of an activity that run by an agent, written down: an agent outlives golemfs, and with this file the
 * next golemfs knows what runs there under which number and name (design 2.5, adoption after a crash).
 *
 * One file of small JSON lines per activity in the state directory, never synced: it is for a golemfs that crashed, not for
 * a machine that did, whose page cache is lost with everything that could have been running. Opened for each line, so
 * that a thousand instances hold no descriptors.
 */
#ifndef CORE_RECORD_H
#define CORE_RECORD_H

#include "core/model.h"

/* A command has been put on the line, or has ended and been taken off it. */
void record_start(const struct command *command);
void record_end(const struct command *command);
/* The activity is over. */
void record_remove(struct golem *golem, const char *activity);
/* Makes the commands that had not ended again, in state running, and calls `found` for each. */
void record_replay(struct instance *instance, void (*found)(struct instance *, struct command *));

#endif
