/* Any text as a filter over any properties: reading and judging it end, and judging it again says the same. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "tests/devnet/constraint.h"
#include "tests/devnet/properties.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* Two texts: up to the first zero byte the filter, after it the properties as JSON. */
	char *MEM_AUTO text = mem_alloc(size + 1);
	memcpy(text, data, size);
	size_t filter_len = strlen(text);
	const char *json = filter_len < size ? text + filter_len + 1
					     : "{\"a\":\"b\",\"n\":1,\"l\":[\"x\",2],\"v\":\"1.2.3\"}";
	cJSON *value = cJSON_Parse(json);
	cJSON *properties = value ? properties_flatten(value) : cJSON_CreateObject();
	struct buf why BUF_AUTO = {0};
	bool building;
	struct constraint *constraint = constraint_parse(text, &building, &why);

	assert(!constraint == (why.len > 0));
	if (constraint) {
		cJSON *missing = cJSON_CreateArray();
		enum constraint_result result = constraint_evaluate(constraint, properties, missing);

		assert(constraint_evaluate(constraint, properties, NULL) == result);
		assert(result != CONSTRAINT_TRUE || !missing->child);
		cJSON_Delete(missing);
	}
	constraint_free(constraint);
	cJSON_Delete(properties);
	cJSON_Delete(value);
	return 0;
}
