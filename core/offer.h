/*
 * Offers of the market as golemfs sees them: what one costs and has, whether the backend wants it, which is next.
 * Pure: no request is made here (market.c makes them).
 */
#ifndef CORE_OFFER_H
#define CORE_OFFER_H

#include <cjson/cJSON.h>
#include <uthash.h>

#include "core/payment.h"
#include "core/settings.h"

enum { OFFER_COUNTERS_MAX = 16 }; /* of a usage vector; offers with more are not understood */

/* Linear price (reference/yagna-api.md 3.4, 3.5): counters by name, the last coefficient is the start price. */
struct price {
	unsigned counters;
	enum payment_counter counter[OFFER_COUNTERS_MAX];
	double coefficient[OFFER_COUNTERS_MAX];
	double start;        /* GLM */
	double env_per_hour; /* GLM */
	double cpu_per_hour; /* GLM per thread */
};

enum offer_status {
	OFFER_OPEN,      /* acceptable, not asked yet */
	OFFER_COUNTERED, /* asked: the provider's answer is awaited */
	OFFER_DRAFT,     /* answered: may become an agreement */
	OFFER_TAKEN,     /* an agreement is made, or lives */
	OFFER_UNWANTED,  /* price or filter */
	OFFER_REJECTED,  /* by the provider */
	OFFER_FAILED,    /* agreement, activity or deploy went wrong: not soon again */
};

struct offer {
	char *provider; /* the key: a provider takes one agreement at a time */
	char *name;
	char *proposal, *counter, *draft; /* ids; NULL where there is none */
	enum offer_status status;
	char *why;
	struct price price;
	double glm_per_hour; /* for the threads asked */
	double cores, threads, mem_gib, storage_gib;
	int accept_timeout_s;   /* of debit notes; 0: the offer names none */
	bool barred;            /* in one of the backend's networks already */
	uint64_t countered_ms;  /* loop time */
	uint64_t not_before_ms; /* loop time: a provider that failed is left alone until then */
	uint64_t expires_ms;    /* wall clock: what our counter asked for */
	struct market *market;  /* for its callbacks */
	struct yagna_call *call;
	UT_hash_handle hh;
};

/* From the properties of an offer. -1 with why it cannot be used: EIO for what is not understood. */
int price_read(struct price *price, const cJSON *properties, struct err *err);
double price_per_hour(const struct price *price, double threads);

struct offer *offer_find(struct offer *offers, const char *provider);
/* Finds or adds the provider's row and takes over what the properties say; the status is decided by the settings
 * and `platform`. */
struct offer *offer_learn(struct offer **offers, const char *provider, const cJSON *properties,
			  const struct values *values, const char *platform);
void offer_set(struct offer *offer, enum offer_status status, const char *why);
void offer_drop_proposals(struct offer *offer); /* those of a demand that is gone */
void offers_free(struct offer **offers);

/* The cheapest of this status that may be asked now; NULL when there is none. */
struct offer *offer_cheapest(struct offer *offers, enum offer_status status, uint64_t now_ms);
unsigned offers_count(struct offer *offers, enum offer_status status); /* but for those barred */
void offers_render(struct offer *offers, struct buf *out);

#endif
