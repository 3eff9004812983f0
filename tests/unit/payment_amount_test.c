/* Amounts as the daemon echoes and prints them; the odd ones are those of the recorded exchanges. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "tests/devnet/payment.h"

static const char *const echoes[][2] = {
	{"\"10\"", "10"},
	{"\"1.500\"", "1.500"},
	{"\"-1\"", "-1"},
	{"\"0.000000000000000000001\"", "0.000000000000000000001"},
	{"\"1e3\"", "1000"},
	{"\"1.5e-3\"", "0.0015"},
	{"3", "3"},
	{"2.5", "2.500000000000000"},
	{"1.25", "1.250000000000000"},
	{"0.5", "0.5000000000000000"},
	{"12.5", "12.50000000000000"},
};

static const struct {
	const char *amount;
	unsigned decimals;
	const char *shown;
} prints[] = {
	{"10", 18, "10.000000000000000000"},
	{"0.00005971944874", 18, "0.000059719448740000"},
	{"0", 18, "0.000000000000000000"},
	{"-1.5", 2, "-1.50"},
	{"7", 0, "7"},
};

int main(void)
{
	for (unsigned i = 0; i < sizeof(echoes) / sizeof(*echoes); i++) {
		cJSON *json = cJSON_Parse(echoes[i][0]);
		char *text MEM_AUTO = payment_amount_text(json);

		printf("# %s\n", echoes[i][0]);
		assert(!strcmp(text, echoes[i][1]));
		cJSON_Delete(json);
	}
	for (unsigned i = 0; i < sizeof(prints) / sizeof(*prints); i++) {
		struct decimal amount DECIMAL_AUTO = decimal_zero();
		struct buf text BUF_AUTO = {0};

		printf("# %s\n", prints[i].amount);
		assert(!decimal_parse(&amount, prints[i].amount, NULL));
		payment_print_amount(&amount, prints[i].decimals, &text);
		assert(!strcmp(buf_text(&text), prints[i].shown));
	}
	return 0;
}
