#include "core/payment/price.h"

#include "core/mem.h"

enum {
	GRACE_MS = 1000,     /* clocks and messages on their way */
	GRACE_PER_MILLE = 1, /* clocks that run apart */
};

int price_init(struct price *price, const struct payment_terms *terms, struct err *err)
{
	int failed = 0;

	*price = (struct price){
		.counters = terms->counters, .threads = terms->threads, .start = decimal_zero()};
	price->counter = mem_dup(terms->counter, terms->counters * sizeof(*terms->counter));
	price->coefficient = price_usage_new(price);
	for (unsigned i = 0; i < terms->counters && !failed; i++)
		failed = decimal_from_double(&price->coefficient[i], terms->coefficient[i], err) ||
			 decimal_sign(&price->coefficient[i]) < 0;
	failed = failed || decimal_from_double(&price->start, terms->start_price, err) ||
		 decimal_sign(&price->start) < 0;
	return failed ? err_set(err, EIO, "the provider's prices are not usable") : 0;
}

void price_free(struct price *price)
{
	price_usage_free(price, price->coefficient);
	decimal_free(&price->start);
	free(price->counter);
}

struct decimal *price_usage_new(const struct price *price)
{
	struct decimal *usage = mem_alloc(price->counters * sizeof(*usage));

	for (unsigned i = 0; i < price->counters; i++)
		usage[i] = decimal_zero();
	return usage;
}

void price_usage_free(const struct price *price, struct decimal *usage)
{
	for (unsigned i = 0; i < price->counters; i++)
		decimal_free(&usage[i]);
	free(usage);
}

void price_of(const struct price *price, const struct decimal *usage, struct decimal *out)
{
	decimal_set(out, &price->start);
	for (unsigned i = 0; i < price->counters; i++) {
		DECIMAL_AUTO struct decimal part = decimal_zero();

		decimal_mul(&part, &price->coefficient[i], &usage[i]);
		decimal_add(out, out, &part);
	}
}

/* The most that a counter can have reached; false when nothing is known about it. */
static bool possible(const struct price *price, unsigned index, int64_t elapsed_ms, struct decimal *out)
{
	DECIMAL_AUTO struct decimal factor = decimal_zero();
	int64_t ms = elapsed_ms < 0 ? 0 : elapsed_ms;

	if (price->counter[index] == PAYMENT_OTHER ||
	    (price->counter[index] == PAYMENT_CPU_SECONDS && !price->threads))
		return false;
	decimal_from_int(out, ms + ms * GRACE_PER_MILLE / 1000 + GRACE_MS);
	decimal_parse(&factor, "0.001", NULL);
	decimal_mul(out, out, &factor);
	if (price->counter[index] == PAYMENT_CPU_SECONDS) {
		decimal_from_int(&factor, price->threads);
		decimal_mul(out, out, &factor);
	}
	return true;
}

static int take_claim(const struct price *price, unsigned index, const cJSON *item, int64_t elapsed_ms,
		      struct decimal *out, struct err *err)
{
	DECIMAL_AUTO struct decimal most = decimal_zero();

	if (!cJSON_IsNumber(item) || decimal_from_double(out, item->valuedouble, NULL) ||
	    decimal_sign(out) < 0)
		return err_set(err, EIO, "its usage is not a list of numbers");
	if (possible(price, index, elapsed_ms, &most) && decimal_cmp(out, &most) > 0)
		return err_set(err, EIO, "it claims %.15g %s where %.15g are possible", item->valuedouble,
			       price->counter[index] == PAYMENT_SECONDS ? "seconds" : "CPU seconds",
			       decimal_to_double(&most));
	return 0;
}

int price_limit(const struct price *price, const cJSON *usage, int64_t elapsed_ms, struct decimal *limit,
		struct err *err)
{
	struct decimal *claimed = price_usage_new(price);
	int failed = 0;

	if (usage && cJSON_GetArraySize(usage) != (int)price->counters)
		failed = err_set(err, EIO, "its usage has %d counters, agreed were %u",
				 cJSON_GetArraySize(usage), price->counters);
	for (unsigned i = 0; i < price->counters && !failed; i++) {
		if (usage)
			failed = take_claim(price, i, cJSON_GetArrayItem(usage, (int)i), elapsed_ms,
					    &claimed[i], err);
		else
			possible(price, i, elapsed_ms, &claimed[i]);
	}
	if (!failed)
		price_of(price, claimed, limit);
	price_usage_free(price, claimed);
	return failed;
}

bool price_covers(const struct decimal *limit, const struct decimal *amount)
{
	DECIMAL_AUTO struct decimal most = decimal_zero();

	decimal_parse(&most, "1.00000000000001", NULL);
	decimal_mul(&most, &most, limit);
	return decimal_cmp(amount, &most) <= 0;
}
