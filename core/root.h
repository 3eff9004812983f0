/*
 * What every object needs of the root, without seeing the rest of it.
 */
#ifndef CORE_ROOT_H
#define CORE_ROOT_H

#include "core/golem.h"

struct loop *root_loop(struct golem *golem);
const struct obj_observer *root_observer(struct golem *golem);
uint64_t root_next_seq(struct golem *golem); /* of events, from 1 */
const char *root_spill_dir(struct golem *golem);

#endif
