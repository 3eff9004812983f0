/* The daemon's small endpoints (reference/yagna-api.md 1.5). */
#include "tests/devnet/devnet.h"
#include "tests/devnet/provider.h"
#include "tests/devnet/route.h"

static void get_version(struct exchange *exchange)
{
	exchange_reply_json_text(
		exchange, 200,
		"{\"current\":{\"version\":\"0.17.6\",\"name\":\"(a98d28015 2026-11-22)\","
		"\"seen\":true,\"releaseTs\":\"2015-10-13T15:43:00\","
		"\"insertionTs\":\"2026-11-22T20:24:06\",\"updateTs\":\"2026-11-22T20:24:06\"},"
		"\"pending\":null}");
}

static void get_me(struct exchange *exchange)
{
	cJSON *body = cJSON_CreateObject();
	cJSON_AddStringToObject(body, "identity", exchange_identity(exchange));
	cJSON_AddStringToObject(body, "name", "autoconfigured");
	cJSON_AddStringToObject(body, "role", "manager");
	exchange_reply_json(exchange, 200, body);
}

static void get_healthcheck(struct exchange *exchange)
{
	exchange_reply_json_text(exchange, 200, "{\"status\":\"ok\"}");
}

static void get_metrics(struct exchange *exchange)
{
	struct timespec now = wire_now();
	exchange_reply_text(exchange, 200,
			    "# metrics snapshot (ts=%lld) (prometheus exposition format)\n"
			    "# TYPE devnet_providers gauge\ndevnet_providers %u\n\n",
			    (long long)now.tv_sec, provider_count(exchange_devnet(exchange)));
}

const struct route common_routes[] = {
	{"GET", "/version/get", get_version},           {"GET", "/me", get_me},
	{"GET", "/healthcheck", get_healthcheck},       {"GET", "/metrics-api/v1/expose", get_metrics},
	{"GET", "/metrics-api/v1/sorted", get_metrics}, {NULL, NULL, NULL},
};
