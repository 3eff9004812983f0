/* What a requestor may ask about payments on a chain (reference/yagna-api.md 4.4). The devnet has no chain: cycles
 * turn, and nothing is ever in them. */
#include <string.h>

#include "core/timefmt.h"
#include "tests/devnet/payment.h"
#include "tests/devnet/platform.h"
#include "tests/devnet/route.h"

enum { CYCLE_S = 15, CYCLE_EXTRA_S = 10 };
#define PAYMENTS_TIMEOUT_DEFAULT 5.0

/* With all six decimals, and the zone written out. */
static cJSON *cycle_time(time_t seconds, long nanoseconds)
{
	struct timespec time = {seconds, nanoseconds};
	char text[TIMEFMT_SIZE + 8];

	timefmt_print(text, &time, 6);
	strcpy(text + strlen(text) - 1, "+00:00");
	return cJSON_CreateString(text);
}

static cJSON *cycle_json(const struct devnet *devnet, const char *platform)
{
	struct timespec now = wire_now();
	time_t last = now.tv_sec - now.tv_sec % CYCLE_S;
	cJSON *json = cJSON_CreateObject();

	cJSON_AddNullToObject(json, "cron");
	cJSON_AddNumberToObject(json, "extraPayTimeSec", CYCLE_EXTRA_S);
	cJSON_AddNumberToObject(json, "intervalSec", CYCLE_S);
	cJSON_AddItemToObject(json, "lastProcess", cycle_time(last, 0));
	cJSON_AddNumberToObject(json, "maxIntervalSec", CYCLE_S);
	cJSON_AddItemToObject(json, "nextProcess", cycle_time(last + CYCLE_S, 0));
	cJSON_AddStringToObject(json, "nodeId", devnet->identity);
	cJSON_AddStringToObject(json, "platform", platform);
	return json;
}

static void get_cycles(struct exchange *exchange)
{
	cJSON *list = cJSON_CreateArray();

	for (const char *const *name = platform_names; *name; name++)
		cJSON_AddItemToArray(list, cycle_json(exchange_devnet(exchange), *name));
	exchange_reply_json(exchange, 200, list);
}

/* Any name has a cycle. */
static void get_cycle(struct exchange *exchange)
{
	exchange_reply_json(exchange, 200, cycle_json(exchange_devnet(exchange), exchange_part(exchange, 0)));
}

static void turn_cycle(struct exchange *exchange)
{
	exchange_reply_json_text(exchange, 200, "{\"resolve_time_ms\":2.5e-6,\"send_time_ms\":1.1e-6}");
}

static void reply_no_rows(struct exchange *exchange, void *context)
{
	exchange_reply_json(exchange, 200, cJSON_CreateArray());
}

static void get_payments(struct exchange *exchange)
{
	double timeout = PAYMENTS_TIMEOUT_DEFAULT;
	struct timespec after;
	unsigned long max;
	const char *session;

	if (exchange_query_float(exchange, "timeout", &timeout) &&
	    exchange_query_time(exchange, "afterTimestamp", &after) &&
	    exchange_query_uint(exchange, "maxEvents", &max) &&
	    exchange_query_text(exchange, "appSessionId", &session))
		exchange_wait(exchange, timeout, reply_no_rows, NULL, NULL);
}

static void get_payment(struct exchange *exchange)
{
	exchange_reply_null_message(exchange, 404);
}

static void list_nothing(struct exchange *exchange)
{
	struct timespec after;

	if (exchange_query_time(exchange, "afterTimestamp", &after))
		reply_no_rows(exchange, NULL);
}

/* An unknown row is null, not 404. */
static void get_nothing(struct exchange *exchange)
{
	exchange_reply_json_text(exchange, 200, "null");
}

const struct route settlement_routes[] = {
	{"GET", "/payment-api/v1/payments", get_payments},
	{"GET", "/payment-api/v1/payments/status", list_nothing},
	{"GET", "/payment-api/v1/payments/{}", get_payment},
	{"GET", "/payment-api/v1/batchCycles", get_cycles},
	{"GET", "/payment-api/v1/batchCycle/{}", get_cycle},
	{"POST", "/payment-api/v1/batchCycle/{}/now", turn_cycle},
	{"GET", "/payment-api/v1/batchOrders", list_nothing},
	{"GET", "/payment-api/v1/batchOrders/{}", get_nothing},
	{"GET", "/payment-api/v1/payAgreements", list_nothing},
	{"GET", "/payment-api/v1/payAgreements/{}", get_nothing},
	{"GET", "/payment-api/v1/payActivities", list_nothing},
	{"GET", "/payment-api/v1/payActivities/{}", get_nothing},
	{NULL, NULL, NULL},
};
