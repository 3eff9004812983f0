/*
 * What a demand and a counter-proposal say (reference/yagna-api.md 3.1, 3.6). Pure.
 */
#ifndef CORE_DEMAND_H
#define CORE_DEMAND_H

#include <cjson/cJSON.h>

#include "core/settings.h"
#include "core/yagna.h"

/* How long we may take for a debit note, and how often they come; those of golem-js, which providers know. */
enum { DEMAND_ACCEPT_TIMEOUT_S = 120, DEMAND_NOTE_INTERVAL_S = 120, DEMAND_PAYMENT_TIMEOUT_S = 43200 };

struct demand {
	cJSON *properties;
	char *constraints;
};

/* expires_ms: wall clock, the end of a rental made now. */
void demand_build(struct demand *demand, const struct values *values, const char *task_package,
		  const struct yagna_decorations *decorations, uint64_t expires_ms);
void demand_free(struct demand *demand);
/* The properties of a counter: complete, with the platform chosen; an accept-timeout above the provider's own
 * (0: it names none) is refused for good, so the smaller one is asked for. The caller deletes. */
cJSON *demand_counter(const struct demand *demand, const char *platform, int accept_timeout_s,
		      uint64_t expires_ms);
/* Only what a machine must have, for a scan. The caller frees. */
char *demand_scan_constraints(const struct values *values);

#endif
