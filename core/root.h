/*
 * What every object needs of the root, without seeing the rest of it.
 */
#ifndef CORE_ROOT_H
#define CORE_ROOT_H

#include "core/golem.h"

/* Bytes of an event log that stay in memory; the rest goes to a file of the state directory. */
enum {
	ROOT_EVENTS_IN_MEMORY = 256 << 10,
	BACKEND_EVENTS_IN_MEMORY = 64 << 10,
	INSTANCE_EVENTS_IN_MEMORY = 16 << 10
};

struct loop *root_loop(struct golem *golem);
const struct obj_observer *root_observer(struct golem *golem);
uint64_t root_next_seq(struct golem *golem); /* of events, from 1 */
const char *root_spill_dir(struct golem *golem);
/* -1 with EHOSTUNREACH or EKEYREJECTED, and how to get what is missing, unless yagna can be asked now. */
int root_check_yagna(struct golem *golem, struct err *err);

#endif
