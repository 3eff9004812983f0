/*
 * Rejections that overtake yagna's answer to the counter they reject: a rejection names the counter only, whose id
 * is not known yet. They are kept until it is. Owns the list; the caller owns its head.
 */
#ifndef CORE_EARLY_H
#define CORE_EARLY_H

#include "core/yagna.h"

struct early {
	struct early *next, *prev;
	char *id, *reason;
	bool final;
};

/* Keeps at most `most`, the number of counters whose id is awaited; the oldest go first. */
void early_keep(struct early **list, const struct yagna_offer_event *event, unsigned most);
/* The one of that counter, or NULL. */
struct early *early_find(struct early *list, const char *id);
void early_drop(struct early **list, struct early *early);
void early_free(struct early **list);

#endif
