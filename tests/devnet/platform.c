#include "tests/devnet/platform.h"

#include <stdio.h>
#include <string.h>

#include "core/mem.h"

const char *const platform_names[] = {"erc20-holesky-tglm",
				      "erc20-hoodi-tglm",
				      "erc20-sepolia-tglm",
				      "erc20-polygon-glm",
				      "erc20-amoy-tglm",
				      "erc20-mainnet-glm",
				      NULL};

static const struct network {
	const char *name, *token;
} networks[] = {{"mainnet", "glm"},  {"polygon", "glm"}, {"sepolia", "tglm"}, {"goerli", "tglm"},
		{"holesky", "tglm"}, {"hoodi", "tglm"},  {"mumbai", "tglm"},  {"amoy", "tglm"}};

#define DEFAULT_TEST_NETWORK "holesky"
#define DEFAULT_MAIN_NETWORK "polygon"

static const struct network *find_network(const char *name)
{
	for (unsigned i = 0; i < sizeof(networks) / sizeof(*networks); i++)
		if (!strcmp(networks[i].name, name))
			return &networks[i];
	return NULL;
}

static bool is_capital(const char *token)
{
	return !strcmp(token, "GLM") || !strcmp(token, "tGLM");
}

static void refuse_capitals(const char *token, struct buf *why)
{
	buf_printf(why, "Uppercase token names are not supported. Use lowercase glm or tglm instead of %s",
		   token);
}

/* `step` is what the daemon calls the way it came here; token may be NULL. */
static bool check(const char *driver, const char *name, const char *token, int step, char out[PLATFORM_SIZE],
		  struct buf *why)
{
	const struct network *network = find_network(name);

	if (!strcmp(name, "rinkeby"))
		buf_printf(why, "Validate network failed (%d): Rinkeby is no longer supported", step);
	else if (!network)
		buf_printf(why, "Validate network failed (%d): Invalid network name: %s", step, name);
	else if (strcmp(driver, "erc20"))
		buf_printf(why, "Validate driver failed (%d): Invalid driver name %s", step, driver);
	else if (token && is_capital(token)) {
		buf_printf(why, "Validate token failed (%d): ", step);
		refuse_capitals(token, why);
	} else if (token && strcmp(token, network->token))
		buf_printf(why,
			   "Validate token failed (%d): Token %s does not match expected token %s for driver "
			   "%s and "
			   "network %s. Note that for test networks expected token name is tglm and for "
			   "production "
			   "networks it is glm",
			   step, token, network->token, driver, name);
	else
		snprintf(out, PLATFORM_SIZE, "%s-%s-%s", driver, name, network->token);
	return why->len == 0;
}

static bool read_text(const char *text, char out[PLATFORM_SIZE], struct buf *why)
{
	char *copy MEM_AUTO = mem_strdup(text);
	char *rest = copy;
	const char *part[3] = {NULL};
	unsigned count = 0;

	while (rest) {
		const char *word = strsep(&rest, "-");

		if (count < 3)
			part[count] = word;
		count++;
	}
	if (count == 3)
		return check(part[0], part[1], part[2], 2, out, why);
	buf_printf(why, "paymentPlatform must be of the form driver-network-token instead of %s", text);
	return false;
}

static bool read_token(const char *token, char out[PLATFORM_SIZE], struct buf *why)
{
	if (is_capital(token))
		refuse_capitals(token, why);
	else if (!strcmp(token, "glm") || !strcmp(token, "tglm"))
		return check("erc20", *token == 'g' ? DEFAULT_MAIN_NETWORK : DEFAULT_TEST_NETWORK, NULL, 1,
			     out, why);
	else
		buf_printf(why, "Only glm or tglm token values are accepted vs %s provided", token);
	return false;
}

static bool read_object(const cJSON *object, char out[PLATFORM_SIZE], struct buf *why)
{
	const char *driver = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, "driver"));
	const char *network = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, "network"));
	const char *token = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, "token"));

	if (token && !driver && !network)
		return read_token(token, out, why);
	if (!network)
		network = token && !strcmp(token, "glm") ? DEFAULT_MAIN_NETWORK : DEFAULT_TEST_NETWORK;
	return check(driver ? driver : "erc20", network, token, 1, out, why);
}

bool platform_read(const cJSON *asked, char out[PLATFORM_SIZE], struct buf *why)
{
	if (cJSON_IsString(asked))
		return read_text(asked->valuestring, out, why);
	return read_object(asked, out, why);
}
