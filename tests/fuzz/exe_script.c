/* Any bytes as an exe-script: what is taken can be repeated as JSON, what is refused has a reason. */
#include <assert.h>
#include <stdint.h>

#include "tests/devnet/exe_script.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	BUF_AUTO struct buf why = {0};
	struct exe_script *script = exe_script_parse((const char *)data, size, &why);
	assert(script || why.len);
	for (unsigned i = 0; script && i < script->count; i++) {
		BUF_AUTO struct buf text = {0};
		exe_command_print(&script->commands[i], &text);
		cJSON *again = cJSON_ParseWithLength(text.data, text.len);
		assert(again);
		cJSON_Delete(again);
	}
	exe_script_free(script);
	return 0;
}
