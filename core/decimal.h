/*
 * Exact decimal numbers: money and what it is computed from (reference/yagna-api.md 5.1: amounts are texts
 * with up to 18 decimals; coefficients are JSON numbers). No operation rounds, except where its name says so.
 */
#ifndef CORE_DECIMAL_H
#define CORE_DECIMAL_H

#include <gmp.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/buf.h"
#include "core/err.h"

enum {
	DECIMAL_TEXT_MAX = 100, /* bytes of a text that decimal_parse() takes */
	DECIMAL_SCALE_MAX = 60, /* of its decimals, and of the zeros its exponent may add */
};

/* units / 10^scale. Owns memory: start with decimal_zero(), end with decimal_free() or DECIMAL_AUTO. */
struct decimal {
	mpz_t units;
	unsigned scale;
};

#define DECIMAL_AUTO __attribute__((cleanup(decimal_free)))

struct decimal decimal_zero(void);
void decimal_free(struct decimal *decimal);

/* [-]digits[.digits][e[+-]digits], nothing around it. 0, or -1 with EINVAL; *out must be initialised and is
 * left as it was on failure. */
int decimal_parse(struct decimal *out, const char *text, struct err *err);
/* The shortest decimal text that reads back as the same double: what yagna's JSON writer was given. EINVAL
 * when it is not finite or beyond the limits above; tiny values (below 1e-40) count as zero. */
int decimal_from_double(struct decimal *out, double value, struct err *err);
void decimal_from_int(struct decimal *out, int64_t value);
void decimal_set(struct decimal *out, const struct decimal *value);

/* The result may be one of the operands. */
void decimal_add(struct decimal *out, const struct decimal *a, const struct decimal *b);
void decimal_sub(struct decimal *out, const struct decimal *a, const struct decimal *b);
void decimal_mul(struct decimal *out, const struct decimal *a, const struct decimal *b);
/* To at most `scale` decimals, away from zero. */
void decimal_round_up(struct decimal *out, unsigned scale);

int decimal_cmp(const struct decimal *a, const struct decimal *b); /* <0, 0, >0 */
int decimal_sign(const struct decimal *a);                         /* -1, 0, 1 */
double decimal_to_double(const struct decimal *a); /* nearest; for sorting and estimates only */

/* Plain notation without needless zeros: "0", "0.0123", "-5". */
void decimal_print(const struct decimal *a, struct buf *out);

#endif
