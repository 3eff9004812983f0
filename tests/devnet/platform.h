/*
 * Payment platforms by name: driver, network and token as allocations ask for them (reference/yagna-api.md 4.1).
 */
#ifndef DEVNET_PLATFORM_H
#define DEVNET_PLATFORM_H

#include <cjson/cJSON.h>
#include <stdbool.h>

#include "core/buf.h"

enum { PLATFORM_SIZE = 48 };

/* A text driver-network-token, an object with some of these, or NULL for the default. False with the daemon's
 * words in `why`. */
bool platform_read(const cJSON *asked, char out[PLATFORM_SIZE], struct buf *why);
/* The platforms that have a payment cycle, in the daemon's order; ends with NULL. */
extern const char *const platform_names[];

#endif
