/*
 * The price of an agreement, and what a provider may ask for (the rule in core/payment.h). Pure arithmetic.
 */
#ifndef CORE_PAYMENT_PRICE_H
#define CORE_PAYMENT_PRICE_H

#include "core/payment.h"

struct price {
	unsigned counters;
	enum payment_counter *counter;
	struct decimal *coefficient;
	struct decimal start;
	unsigned threads;
};

/* -1 with EIO when a price is negative or not a number; *price is to be freed all the same. */
int price_init(struct price *price, const struct payment_terms *terms, struct err *err);
void price_free(struct price *price);

/* start + sum of coefficient times usage; `usage` has price->counters values. */
void price_of(const struct price *price, const struct decimal *usage, struct decimal *out);
struct decimal *price_usage_new(const struct price *price); /* all zero */
void price_usage_free(const struct price *price, struct decimal *usage);

/* What a note with this usage (a list, or NULL when the note gives none) may claim, for an activity that can have
 * lasted `elapsed_ms` at most. -1 with a sentence when the usage is impossible. */
int price_limit(const struct price *price, const cJSON *usage, int64_t elapsed_ms, struct decimal *limit,
		struct err *err);
/* amount <= limit, but for the rounding of a sum of doubles. */
bool price_covers(const struct decimal *limit, const struct decimal *amount);

#endif
