/*
 * The parts of the devnet and their routes, gathered: adding a part is a row here.
 */
#ifndef DEVNET_PARTS_H
#define DEVNET_PARTS_H

#include "tests/devnet/route.h"

struct devnet;

extern const struct route *const parts_routes[]; /* ends with NULL */

void parts_make(struct devnet *devnet);
void parts_free(struct devnet *devnet);   /* in the opposite order */
void parts_forget(struct devnet *devnet); /* what a restart of the daemon loses */

#endif
