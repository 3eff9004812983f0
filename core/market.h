/*
 * The market side of a backend: allocation, decorations, demand, offers, counter-proposals. It owns all of these
 * from the start of the backend until they are given back, and the queue of instances that want a provider; to each
 * it hands, cheapest first, a draft that may become an agreement (rental_take()).
 */
#ifndef CORE_MARKET_H
#define CORE_MARKET_H

#include "core/model.h"
#include "core/offer.h"

struct market;

/* Begins at once; tells backend_published() when the demand is on the market, or could not be. */
/* `allocation` (with its entry in the journal) of an earlier run is used instead of a new one; else NULL. */
void market_begin(struct backend *backend, const struct account *account, const char *allocation,
		  uint64_t entry);
/* No more offers: the demand is taken back. The allocation stays for what is still to be paid. */
void market_close(struct market *market);
/* Gives the allocation back, then calls `done` and is gone. */
void market_release(struct market *market, void (*done)(struct backend *backend));
void market_forget(struct market *market); /* leaves everything as it is: -o keep, the end of the process */

void market_want(struct market *market, struct instance *instance);
void market_unwant(struct market *market, struct instance *instance);
/* What became of a draft that was handed out: the provider is free again, refused, or failed (then it is left alone
 * for some time). */
void market_returned(struct market *market, const char *provider, enum offer_status status, const char *why);

/* Offers passed over because their provider is in one of the backend's networks already. */
unsigned market_barred(const struct market *market);
void market_look(struct market *market); /* something has changed that may let an instance be rented */
struct offer *market_offers(const struct market *market); /* newest knowledge, for `offers` */
const char *market_allocation(const struct market *market);
void market_amend(struct market *market); /* budget has changed */

/* scan.c: fills a table of offers without buying anything. */
void scan_begin(struct backend *backend, struct order *order);
void scan_end(struct backend *backend); /* keeps the table */
void scan_free(struct backend *backend);
struct offer *scan_offers(const struct backend *backend);
bool scan_running(const struct backend *backend);

#endif
