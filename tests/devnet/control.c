/* The control routes, /devnet/…: faults, providers, restart (docs/golem-devnet.1.md). They ask no key. */
#include <errno.h>
#include <stdlib.h>
#include <utlist.h>

#include "core/json.h"
#include "tests/devnet/devnet.h"
#include "tests/devnet/fault.h"
#include "tests/devnet/parts.h"
#include "tests/devnet/provider.h"
#include "tests/devnet/server.h"

enum { WHY_SIZE = 200, DOWN_MS_MAX = 600000 };

static void get_faults(struct exchange *exchange)
{
	exchange_reply_json(exchange, 200, fault_list(exchange_devnet(exchange)->faults));
}

static void get_points(struct exchange *exchange)
{
	cJSON *list = cJSON_CreateArray();
	for (const struct fault_point *point = fault_points; point->name; point++) {
		cJSON *row = cJSON_CreateObject();
		cJSON_AddStringToObject(row, "point", point->name);
		cJSON_AddStringToObject(row, "help", point->help);
		cJSON_AddItemToArray(list, row);
	}
	exchange_reply_json(exchange, 200, list);
}

static void post_fault(struct exchange *exchange)
{
	char why[WHY_SIZE];
	const cJSON *body = exchange_json(exchange);
	if (!body)
		return;
	const struct fault *fault = fault_add(exchange_devnet(exchange)->faults, body, why);
	if (fault)
		exchange_reply_json(exchange, 201, cJSON_CreateNumber(fault->id));
	else
		exchange_reply_message(exchange, 400, "%s", why);
}

static void delete_faults(struct exchange *exchange)
{
	fault_clear(exchange_devnet(exchange)->faults);
	exchange_reply_empty(exchange, 204);
}

static void delete_fault(struct exchange *exchange)
{
	char *end;
	const char *text = exchange_part(exchange, 0);
	unsigned long id = strtoul(text, &end, 10);
	if (*end || !fault_remove(exchange_devnet(exchange)->faults, (unsigned)id))
		exchange_reply_message(exchange, 404, "there is no fault %s", text);
	else
		exchange_reply_empty(exchange, 204);
}

static void get_providers(struct exchange *exchange)
{
	cJSON *list = cJSON_CreateArray();
	const struct provider *provider;
	LL_FOREACH (exchange_devnet(exchange)->providers, provider)
		cJSON_AddItemToArray(list, provider_show(provider));
	exchange_reply_json(exchange, 200, list);
}

static void post_provider(struct exchange *exchange)
{
	char why[WHY_SIZE];
	const cJSON *body = exchange_json(exchange);
	if (!body)
		return;
	const struct provider *provider = provider_set(exchange_devnet(exchange), body, why);
	if (provider) {
		market_look_for_offers(exchange_devnet(exchange));
		exchange_reply_json(exchange, 200, provider_show(provider));
	} else
		exchange_reply_message(exchange, 400, "%s", why);
}

static void post_kill(struct exchange *exchange)
{
	struct devnet *devnet = exchange_devnet(exchange);
	struct provider *provider = provider_find(devnet, exchange_part(exchange, 0));
	if (!provider) {
		exchange_reply_message(exchange, 404, "there is no provider %s", exchange_part(exchange, 0));
		return;
	}
	provider->reachable = false;
	activity_kill_provider(devnet, provider);
	exchange_reply_empty(exchange, 204);
}

static void restart_now(void *context)
{
	struct devnet *devnet = context;
	parts_forget(devnet);
	server_restart(devnet->server, devnet->down_ms);
}

/* The answer goes out first: it travels on a connection that the restart drops. */
static void post_restart(struct exchange *exchange)
{
	struct devnet *devnet = exchange_devnet(exchange);
	size_t len;
	struct err err = {0};
	exchange_body(exchange, &len);
	const cJSON *body = len ? exchange_json(exchange) : NULL;
	if (len && !body)
		return;
	int64_t down = body ? json_integer_or(body, "down_ms", 0, DOWN_MS_MAX, 0, &err) : 0;
	if (err.code) {
		exchange_reply_message(exchange, 400, "%s", err.text);
		return;
	}
	devnet->down_ms = (unsigned)down;
	exchange_reply_empty(exchange, 204);
	loop_defer(devnet->loop, restart_now, devnet);
}

const struct route control_routes[] = {
	{"GET", "/devnet/faults", get_faults},         {"GET", "/devnet/faults/points", get_points},
	{"POST", "/devnet/faults", post_fault},        {"DELETE", "/devnet/faults", delete_faults},
	{"DELETE", "/devnet/faults/{}", delete_fault}, {"GET", "/devnet/providers", get_providers},
	{"POST", "/devnet/providers", post_provider},  {"POST", "/devnet/providers/{}/kill", post_kill},
	{"POST", "/devnet/restart", post_restart},     {NULL, NULL, NULL},
};
