/*
 * The checks of a request for an allocation. Each answers the exchange with problem+json and gives false when the
 * request cannot be granted (reference/yagna-api.md 4.1). `body` has the right types already.
 */
#ifndef DEVNET_ALLOCATION_CHECK_H
#define DEVNET_ALLOCATION_CHECK_H

#include <stdbool.h>
#include <time.h>

#include "tests/devnet/exchange.h"

void allocation_refuse_platform(struct exchange *exchange, const cJSON *body, const char *why);
/* Only the wallet of the identity is an active account of the driver. */
bool allocation_check_address(struct exchange *exchange, const cJSON *body, const char *address);
bool allocation_check_timeout(struct exchange *exchange, const cJSON *body, const char *address,
			      const char *platform, const struct timespec *timeout);
/* Only where the devnet was told what the requestor owns; else the check is off, as it can be in the daemon. */
bool allocation_check_funds(struct exchange *exchange, const cJSON *body, const char *address,
			    const char *platform);

#endif
