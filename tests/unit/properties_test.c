/* Nested properties become flat as the daemon makes them. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/devnet/properties.h"

static const char *const pairs[][2] = {
	{"{\"b\":1,\"a\":2}", "{\"a\":2,\"b\":1}"},
	{"{}", "{\"\":{}}"},
	{"[]", "{\"\":[]}"},
	{"null", "{\"\":null}"},
	{"{\"golem\":{\"node\":{\"debug\":{\"subnet\":\"x\"}}},\"list\":[1,\"a\",{\"b\":2}],\"nil\":null}",
	 "{\"golem.node.debug.subnet\":\"x\",\"list\":[1,\"a\",{\"b\":2}],\"nil\":null}"},
	{"{\"golem\":{\"x\":1},\"golem.x\":2}", "{\"golem.x\":2}"},
	{"{\"golem.x\":2,\"golem\":{\"x\":1}}", "{\"golem.x\":2}"},
	{"{\"a\":{\"@tag\":1,\"b\":{}}}", "{\"a\":1,\"a.b\":{}}"},
};

static void numbers_and_texts_are_read(void)
{
	cJSON *properties = cJSON_Parse("{\"n\":1.5,\"t\":\"x\"}");
	double number = 7;

	cJSON_AddRawToObject(properties, "raw", "4.0");
	assert(properties_number(properties, "n", &number) && number == 1.5);
	assert(properties_number(properties, "raw", &number) && number == 4);
	assert(!properties_number(properties, "t", &number) && number == 4);
	assert(!properties_number(properties, "none", &number) && number == 4);
	assert(!strcmp(properties_text(properties, "t"), "x") && !properties_text(properties, "n"));
	properties_set_integer(properties, "n", 30);
	assert(properties_number(properties, "n", &number) && number == 30);
	properties_set_integer(properties, "none", 30);
	assert(!cJSON_HasObjectItem(properties, "none"));
	properties_remove(properties, "n");
	assert(!cJSON_HasObjectItem(properties, "n"));
	cJSON_Delete(properties);
}

int main(void)
{
	for (unsigned i = 0; i < sizeof(pairs) / sizeof(*pairs); i++) {
		cJSON *value = cJSON_Parse(pairs[i][0]);
		cJSON *flat = properties_flatten(value);
		char *text = cJSON_PrintUnformatted(flat);

		printf("# %s\n", pairs[i][0]);
		assert(!strcmp(text, pairs[i][1]));
		cJSON_free(text);
		cJSON_Delete(flat);
		cJSON_Delete(value);
	}
	numbers_and_texts_are_read();
	return 0;
}
