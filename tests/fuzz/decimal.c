/* Any text as an amount: what is accepted prints as a text that is the same amount, and sums undo differences. */
#include <assert.h>
#include <stddef.h>

#include "core/decimal.h"
#include "core/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	DECIMAL_AUTO struct decimal value = decimal_zero();
	DECIMAL_AUTO struct decimal again = decimal_zero();
	MEM_AUTO char *text = mem_alloc(size + 1);
	BUF_AUTO struct buf out = {0};
	double number;

	if (size)
		memcpy(text, data, size);
	if (!decimal_parse(&value, text, NULL)) {
		decimal_print(&value, &out);
		if (out.len <= DECIMAL_TEXT_MAX) {
			assert(!decimal_parse(&again, buf_text(&out), NULL));
			assert(!decimal_cmp(&value, &again));
		}
		decimal_mul(&again, &value, &value);
		decimal_add(&again, &again, &value);
		decimal_sub(&again, &again, &value);
		assert(decimal_sign(&again) >= 0);
		decimal_round_up(&again, 9);
	}
	if (size >= sizeof(number)) {
		memcpy(&number, data, sizeof(number));
		if (!decimal_from_double(&value, number, NULL) && (number > 1e-30 || number < -1e-30))
			assert(decimal_to_double(&value) == number);
	}
	return 0;
}
