/* Any text as a range: what is read is a range, and is read again as it is printed. */
#include <assert.h>
#include <stddef.h>

#include "core/mem.h"
#include "core/range.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	MEM_AUTO char *text = mem_alloc(size + 1);
	char printed[RANGE_TEXT];
	struct range range, again;
	struct err err = {0};

	if (size)
		memcpy(text, data, size);
	if (range_parse(&range, text, &err)) {
		assert(err.code == EINVAL && *err.text);
		return 0;
	}
	assert(range.prefix >= 8 && range.prefix <= 30);
	assert(range_is_for_instances(&range, range.network + 2));
	range_print(&range, printed);
	assert(!range_parse(&again, printed, NULL));
	assert(again.network == range.network && again.prefix == range.prefix);
	return 0;
}
