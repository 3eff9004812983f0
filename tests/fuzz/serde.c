/* Any bytes as a body of any of the kinds of types: what is taken as a value, cJSON takes too. */
#include <assert.h>
#include <cjson/cJSON.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "tests/devnet/serde.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const names[] = {"a", "b", "c", NULL};
static const struct serde_type variant = {SERDE_VARIANT, .variants = names};
static const struct serde_type *const several[] = {&serde_string, &variant, &serde_time, NULL};
static const struct serde_type untagged = {SERDE_UNTAGGED, "Several", .alternatives = several};
static const struct serde_type amounts = {SERDE_MAP, "a map", .item = &serde_decimal};
static const struct serde_field fields[] = {{"a", &serde_string, 0},
					    {"b", &untagged, SERDE_OPTIONAL},
					    {"c", &amounts, SERDE_DEFAULTED},
					    {"d", &serde_i32, SERDE_OPTIONAL},
					    {"e", &serde_f64, SERDE_OPTIONAL},
					    {"f", &serde_strings, SERDE_OPTIONAL},
					    {NULL, NULL, 0}};
static const struct serde_type plain = {SERDE_STRUCT, "struct Plain", fields};
static const struct serde_type flat = {SERDE_FLAT, "struct Flat", fields};
static const struct serde_field commands[] = {{"a", &plain, 0}, {"b", &flat, 0}, {NULL, NULL, 0}};
static const struct serde_type tagged = {SERDE_TAGGED, "enum Tagged", commands};
static const struct serde_type script = {SERDE_LIST, "a sequence", .item = &tagged};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct serde_type *const types[] = {&serde_any, &plain,         &flat,      &script,
							 &untagged,  &serde_strings, &serde_u16, &amounts};
	const char *text = (const char *)data;
	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++) {
		struct buf why BUF_AUTO = {0};
		bool taken = serde_check(types[i], text, size, &why);
		assert(taken || why.len);
		if (!taken || i || memchr(data, 0, size) || memmem(data, size, "\\u0000", 6))
			continue;
		cJSON *json = cJSON_ParseWithLength(text, size);
		assert(json);
		cJSON_Delete(json);
	}
	return 0;
}
