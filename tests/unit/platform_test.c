/* Payment platforms as allocations name them, with the daemon's words for those it does not know. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "tests/devnet/platform.h"

struct platform_case {
	const char *json, *name, *why;
};

static const struct platform_case cases[] = {
	{"null", "erc20-holesky-tglm", NULL},
	{"{}", "erc20-holesky-tglm", NULL},
	{"{\"token\":\"glm\"}", "erc20-polygon-glm", NULL},
	{"{\"token\":\"tglm\"}", "erc20-holesky-tglm", NULL},
	{"{\"network\":\"hoodi\"}", "erc20-hoodi-tglm", NULL},
	{"{\"driver\":\"erc20\",\"network\":\"mainnet\",\"token\":\"glm\"}", "erc20-mainnet-glm", NULL},
	{"\"erc20-hoodi-tglm\"", "erc20-hoodi-tglm", NULL},
	{"\"\"", NULL, "paymentPlatform must be of the form driver-network-token instead of "},
	{"\"nonsense\"", NULL,
	 "paymentPlatform must be of the form driver-network-token instead of nonsense"},
	{"\"a-b-c-d\"", NULL, "paymentPlatform must be of the form driver-network-token instead of a-b-c-d"},
	{"\"ERC20-hoodi-tGLM\"", NULL, "Validate driver failed (2): Invalid driver name ERC20"},
	{"\"erc20-nowhere-tglm\"", NULL, "Validate network failed (2): Invalid network name: nowhere"},
	{"{\"network\":\"nowhere\"}", NULL, "Validate network failed (1): Invalid network name: nowhere"},
	{"{\"token\":\"GLM\"}", NULL,
	 "Uppercase token names are not supported. Use lowercase glm or tglm instead of GLM"},
	{"{\"token\":\"btc\"}", NULL, "Only glm or tglm token values are accepted vs btc provided"},
	{"\"erc20-hoodi-glm\"", NULL,
	 "Validate token failed (2): Token glm does not match expected token tglm for driver erc20 and "
	 "network "
	 "hoodi. Note that for test networks expected token name is tglm and for production networks it is "
	 "glm"},
};

int main(void)
{
	for (unsigned i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		cJSON *json = cJSON_Parse(cases[i].json);
		struct buf why BUF_AUTO = {0};
		char name[PLATFORM_SIZE];
		bool read = platform_read(cJSON_IsNull(json) ? NULL : json, name, &why);

		printf("# %s\n", cases[i].json);
		assert(read == !cases[i].why);
		assert(!read || !strcmp(name, cases[i].name));
		assert(read || !strcmp(buf_text(&why), cases[i].why));
		cJSON_Delete(json);
	}
	return 0;
}
