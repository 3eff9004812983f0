#include "core/decimal.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"

struct decimal decimal_zero(void)
{
	struct decimal zero = {.scale = 0};

	mpz_init(zero.units);
	return zero;
}

void decimal_free(struct decimal *decimal)
{
	mpz_clear(decimal->units);
}

static void multiply_by_power(mpz_t units, unsigned power)
{
	mpz_t factor;

	if (!power)
		return;
	mpz_init(factor);
	mpz_ui_pow_ui(factor, 10, power);
	mpz_mul(units, units, factor);
	mpz_clear(factor);
}

/* Products and sums would drag zeros along for ever. */
static void normalise(struct decimal *decimal)
{
	if (!mpz_sgn(decimal->units))
		decimal->scale = 0;
	while (decimal->scale && mpz_divisible_ui_p(decimal->units, 10)) {
		mpz_divexact_ui(decimal->units, decimal->units, 10);
		decimal->scale--;
	}
}

/* The parts of a number's text. */
struct scan {
	char digits[DECIMAL_TEXT_MAX + 2]; /* sign and digits, as mpz_set_str wants them */
	unsigned count;
	long decimals, exponent;
};

static const char *scan_digits(struct scan *scan, const char *at, long *taken)
{
	for (*taken = 0; isdigit((unsigned char)*at); at++, ++*taken)
		scan->digits[scan->count++] = *at;
	return at;
}

static bool scan_exponent(struct scan *scan, const char *at)
{
	bool negative = *at == '-';
	long value = 0, count = 0;

	if (*at == '+' || *at == '-')
		at++;
	for (; isdigit((unsigned char)*at) && count < 4; at++, count++)
		value = value * 10 + (*at - '0');
	scan->exponent = negative ? -value : value;
	return count && !*at;
}

static bool scan_number(struct scan *scan, const char *text)
{
	long whole;

	if (strnlen(text, DECIMAL_TEXT_MAX + 1) > DECIMAL_TEXT_MAX)
		return false;
	if (*text == '-')
		scan->digits[scan->count++] = *text++;
	text = scan_digits(scan, text, &whole);
	if (!whole)
		return false;
	if (*text == '.') {
		text = scan_digits(scan, text + 1, &scan->decimals);
		if (!scan->decimals)
			return false;
	}
	if (*text == 'e' || *text == 'E')
		return scan_exponent(scan, text + 1);
	return !*text;
}

int decimal_parse(struct decimal *out, const char *text, struct err *err)
{
	struct scan scan = {0};

	if (!scan_number(&scan, text))
		return err_set(err, EINVAL, "not a decimal number: %.40s", text);
	long scale = scan.decimals - scan.exponent;

	if (scale > DECIMAL_SCALE_MAX || scale < -DECIMAL_SCALE_MAX)
		return err_set(err, EINVAL, "number out of range: %.40s", text);
	mpz_set_str(out->units, scan.digits, 10);
	out->scale = scale > 0 ? (unsigned)scale : 0;
	if (scale < 0)
		multiply_by_power(out->units, (unsigned)-scale);
	normalise(out);
	return 0;
}

int decimal_from_double(struct decimal *out, double value, struct err *err)
{
	char text[40];

	if (!isfinite(value))
		return err_set(err, EINVAL, "not a finite number");
	if (fabs(value) < 1e-40)
		value = 0;
	for (int digits = 15; digits <= 17; digits++) {
		snprintf(text, sizeof(text), "%.*g", digits, value);
		if (strtod(text, NULL) == value)
			break;
	}
	return decimal_parse(out, text, err);
}

void decimal_from_int(struct decimal *out, int64_t value)
{
	mpz_set_si(out->units, value);
	out->scale = 0;
}

void decimal_set(struct decimal *out, const struct decimal *value)
{
	mpz_set(out->units, value->units);
	out->scale = value->scale;
}

static struct decimal at_scale(const struct decimal *value, unsigned scale)
{
	struct decimal copy = decimal_zero();

	decimal_set(&copy, value);
	multiply_by_power(copy.units, scale - copy.scale);
	copy.scale = scale;
	return copy;
}

static void combine(struct decimal *out, const struct decimal *a, const struct decimal *b,
		    void (*operation)(mpz_ptr, mpz_srcptr, mpz_srcptr))
{
	unsigned scale = a->scale > b->scale ? a->scale : b->scale;
	DECIMAL_AUTO struct decimal left = at_scale(a, scale);
	DECIMAL_AUTO struct decimal right = at_scale(b, scale);

	operation(out->units, left.units, right.units);
	out->scale = scale;
	normalise(out);
}

void decimal_add(struct decimal *out, const struct decimal *a, const struct decimal *b)
{
	combine(out, a, b, mpz_add);
}

void decimal_sub(struct decimal *out, const struct decimal *a, const struct decimal *b)
{
	combine(out, a, b, mpz_sub);
}

void decimal_mul(struct decimal *out, const struct decimal *a, const struct decimal *b)
{
	unsigned scale = a->scale + b->scale;

	mpz_mul(out->units, a->units, b->units);
	out->scale = scale;
	normalise(out);
}

void decimal_round_up(struct decimal *out, unsigned scale)
{
	if (out->scale <= scale)
		return;
	mpz_t divisor;

	mpz_init(divisor);
	mpz_ui_pow_ui(divisor, 10, out->scale - scale);
	if (mpz_sgn(out->units) < 0)
		mpz_fdiv_q(out->units, out->units, divisor);
	else
		mpz_cdiv_q(out->units, out->units, divisor);
	mpz_clear(divisor);
	out->scale = scale;
	normalise(out);
}

int decimal_cmp(const struct decimal *a, const struct decimal *b)
{
	DECIMAL_AUTO struct decimal difference = decimal_zero();

	decimal_sub(&difference, a, b);
	return mpz_sgn(difference.units);
}

int decimal_sign(const struct decimal *a)
{
	return mpz_sgn(a->units);
}

double decimal_to_double(const struct decimal *a)
{
	BUF_AUTO struct buf text = {0};

	decimal_print(a, &text);
	return strtod(buf_text(&text), NULL);
}

void decimal_print(const struct decimal *a, struct buf *out)
{
	MEM_AUTO char *digits = mem_alloc(mpz_sizeinbase(a->units, 10) + 2);

	mpz_get_str(digits, 10, a->units);
	const char *at = digits;

	if (*at == '-')
		buf_addc(out, *at++);
	size_t count = strlen(at);

	if (count <= a->scale) {
		buf_adds(out, "0.");
		for (size_t zeros = a->scale - count; zeros; zeros--)
			buf_addc(out, '0');
		buf_adds(out, at);
		return;
	}
	buf_add(out, at, count - a->scale);
	if (a->scale) {
		buf_addc(out, '.');
		buf_adds(out, at + count - a->scale);
	}
}
