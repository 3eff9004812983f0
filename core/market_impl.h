/*
 * The inside of a market, shared by market.c (allocation, demand, giving back) and haggle.c (offers, counters,
 * handing out).
 */
#ifndef CORE_MARKET_IMPL_H
#define CORE_MARKET_IMPL_H

#include "core/demand.h"
#include "core/early.h"
#include "core/market.h"

enum { MARKET_RETRY_MS = 1000 };

/* One published demand; the old one lives on beside the new one until its poll has ended. */
struct subscription {
	struct market *market;
	char *demand;
	uint64_t entry;
	struct yagna_call *poll, *removal;
	bool closed;
	struct subscription *prev, *next;
};

struct market {
	struct backend *backend; /* held */
	struct golem *golem;
	struct yagna *yagna;
	char *platform, *address;
	char *task_package, *allocation;
	uint64_t allocation_entry;
	cJSON *decorations; /* properties and clauses as they came */
	char **clauses;
	unsigned clause_count;
	struct demand demand;
	struct subscription *subscriptions, *current;
	struct early *early;   /* rejections before the names of what they reject */
	uint64_t demand_entry; /* of the one being published */
	struct yagna_call *image_call, *call, *amend_call;
	struct loop_timer *republish, *tick, *retry;
	struct offer *offers;
	uint64_t first_offer_ms;
	struct instance *wanted;
	unsigned wanted_count;
	bool published, closed;
	void (*released)(struct backend *backend);
};

/* haggle.c */
void haggle_poll(struct subscription *subscription);
void haggle_drop(struct subscription *subscription); /* forgets it; yagna is not told */
void haggle_later(struct market *market, uint64_t ms);
void haggle_over(struct market *market); /* its proposals are those of a demand that is gone */

/* market.c */
void market_republish(struct market *market);
uint64_t market_wall_ms(void);
uint64_t market_rent_ms(const struct market *market);

#endif
