/* Money: exact, bounded, printed as people write it. */
#include "core/decimal.h"
#include "tests/unit/check.h"

static void expect(const char *text, const char *printed)
{
	DECIMAL_AUTO struct decimal value = decimal_zero();
	BUF_AUTO struct buf out = {0};

	CHECK(decimal_parse(&value, text, NULL) == 0);
	decimal_print(&value, &out);
	CHECK_TEXT(buf_text(&out), printed);
}

static void numbers_print_without_needless_zeros(void)
{
	expect("0", "0");
	expect("-0.000", "0");
	expect("0.012300000000000000", "0.0123");
	expect("10.000000000000000000", "10");
	expect("1e3", "1000");
	expect("1.3888888888888889e-7", "0.00000013888888888888889");
	expect("-5", "-5");
	expect("-0.05", "-0.05");
	expect("007", "7");
	expect("0.000000000000000001", "0.000000000000000001");
}

static void what_is_not_a_number_is_refused(void)
{
	static const char *const bad[] = {
		"",     " 1",    "1 ",  "+1",   ".5",    "5.",  "1.2.3",
		"e5",   "1e",    "1e+", "0x10", "NaN",   "inf", "1e9999",
		"1e61", "1e-61", "--1", "1,5",  "1e1e1", "-",   "1e99999999999999999999"};
	DECIMAL_AUTO struct decimal value = decimal_zero();
	struct err err;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		err = (struct err){0};
		CHECK(decimal_parse(&value, bad[i], &err) == -1);
		CHECK(err.code == EINVAL && *err.text);
	}
	CHECK(decimal_sign(&value) == 0);
}

static void a_number_of_101_bytes_is_refused(void)
{
	DECIMAL_AUTO struct decimal value = decimal_zero();
	char text[DECIMAL_TEXT_MAX + 2];

	memset(text, '9', sizeof(text));
	text[DECIMAL_TEXT_MAX] = '\0';
	CHECK(decimal_parse(&value, text, NULL) == 0);
	text[DECIMAL_TEXT_MAX] = '9';
	text[DECIMAL_TEXT_MAX + 1] = '\0';
	CHECK(decimal_parse(&value, text, NULL) == -1);
}

static void sums_and_products_are_exact(void)
{
	DECIMAL_AUTO struct decimal a = decimal_zero();
	DECIMAL_AUTO struct decimal b = decimal_zero();
	BUF_AUTO struct buf out = {0};

	decimal_parse(&a, "0.1", NULL);
	decimal_parse(&b, "0.2", NULL);
	decimal_add(&a, &a, &b);
	decimal_parse(&b, "0.3", NULL);
	CHECK(decimal_cmp(&a, &b) == 0);
	decimal_sub(&a, &a, &b);
	CHECK(decimal_sign(&a) == 0);
	/* usage and price of a recorded debit note */
	decimal_from_double(&a, 3.002120109, NULL);
	decimal_from_double(&b, 0.00001, NULL);
	decimal_mul(&a, &a, &b);
	decimal_print(&a, &out);
	CHECK_TEXT(buf_text(&out), "0.00003002120109");
}

static void a_double_becomes_the_text_it_came_from(void)
{
	static const char *const texts[] = {"0.1", "0.00002", "123.456", "0.000000000001", "1000000", "4.5"};
	DECIMAL_AUTO struct decimal value = decimal_zero();

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		BUF_AUTO struct buf out = {0};
		double number = 0;

		sscanf(texts[i], "%lf", &number);
		CHECK(decimal_from_double(&value, number, NULL) == 0);
		decimal_print(&value, &out);
		CHECK_TEXT(buf_text(&out), texts[i]);
	}
	CHECK(decimal_from_double(&value, 1.0 / 0.0, NULL) == -1);
	CHECK(decimal_from_double(&value, 1e300, NULL) == -1);
	CHECK(decimal_from_double(&value, 1e-300, NULL) == 0 && decimal_sign(&value) == 0);
}

static void comparing_is_by_value_not_by_text(void)
{
	DECIMAL_AUTO struct decimal a = decimal_zero();
	DECIMAL_AUTO struct decimal b = decimal_zero();

	decimal_parse(&a, "1.50", NULL);
	decimal_parse(&b, "15e-1", NULL);
	CHECK(decimal_cmp(&a, &b) == 0);
	decimal_parse(&b, "1.500000000000000001", NULL);
	CHECK(decimal_cmp(&a, &b) < 0);
	decimal_parse(&b, "-2", NULL);
	CHECK(decimal_cmp(&a, &b) > 0);
}

static void rounding_up_goes_away_from_zero(void)
{
	DECIMAL_AUTO struct decimal a = decimal_zero();
	BUF_AUTO struct buf out = {0};

	decimal_parse(&a, "0.1234500001", NULL);
	decimal_round_up(&a, 5);
	decimal_print(&a, &out);
	buf_addc(&out, ' ');
	decimal_parse(&a, "-0.11", NULL);
	decimal_round_up(&a, 1);
	decimal_print(&a, &out);
	CHECK_TEXT(buf_text(&out), "0.12346 -0.2");
}

int main(void)
{
	TEST(numbers_print_without_needless_zeros);
	TEST(what_is_not_a_number_is_refused);
	TEST(a_number_of_101_bytes_is_refused);
	TEST(sums_and_products_are_exact);
	TEST(a_double_becomes_the_text_it_came_from);
	TEST(comparing_is_by_value_not_by_text);
	TEST(rounding_up_goes_away_from_zero);
	return check_end();
}
