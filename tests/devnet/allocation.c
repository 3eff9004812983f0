/* Allocations: money set aside (reference/yagna-api.md 4.1 to 4.3). */
#include "tests/devnet/payment.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "tests/devnet/allocation_check.h"
#include "tests/devnet/platform.h"
#include "tests/devnet/route.h"
#include "tests/devnet/serde.h"

enum { ALLOCATION_LIFE_DAYS = 3650, DAY_S = 86400 };

/* ---- life ---- */

void allocation_free(struct allocation *allocation)
{
	struct spending *spending, *next_spending;
	struct order *order, *next_order;

	LL_FOREACH_SAFE (allocation->spendings, spending, next_spending) {
		decimal_free(&spending->amount);
		free(spending);
	}
	LL_FOREACH_SAFE (allocation->orders, order, next_order) {
		decimal_free(&order->amount);
		free(order);
	}
	loop_cancel(&allocation->end);
	decimal_free(&allocation->total);
	decimal_free(&allocation->spent);
	cJSON_Delete(allocation->deposit);
	free(allocation->total_text);
	free(allocation->address);
	free(allocation);
}

static struct allocation *find_any(struct devnet *devnet, const char *id)
{
	struct allocation *allocation;

	HASH_FIND_STR(devnet->payment->allocations, id, allocation);
	return allocation;
}

struct allocation *allocation_find(struct devnet *devnet, const char *id)
{
	struct allocation *allocation = find_any(devnet, id);

	return allocation && !allocation->released ? allocation : NULL;
}

static void release(struct allocation *allocation)
{
	loop_cancel(&allocation->end);
	allocation->released = true;
}

static void plan_release(struct allocation *allocation);

static void time_is_up(void *context)
{
	struct allocation *allocation = context;

	allocation->end = NULL;
	plan_release(allocation);
}

/* At its timeout an allocation is released by itself; far ones are looked at again once a day. */
static void plan_release(struct allocation *allocation)
{
	struct timespec now = wire_now();
	double left = (double)(allocation->timeout.tv_sec - now.tv_sec) +
		      (double)(allocation->timeout.tv_nsec - now.tv_nsec) / 1e9;

	loop_cancel(&allocation->end);
	if (left <= 0)
		release(allocation);
	else
		allocation->end = loop_after(allocation->devnet->loop,
					     (uint64_t)ceil((left < DAY_S ? left : DAY_S) * 1000), time_is_up,
					     allocation);
}

void allocation_spend(struct allocation *allocation, const struct document *document,
		      const struct decimal *amount)
{
	const char *activity = document->is_invoice ? "" : document->bill->activity;
	struct spending *spending;
	struct order *order = mem_alloc(sizeof(*order));

	decimal_add(&allocation->spent, &allocation->spent, amount);
	allocation->used = true;
	LL_FOREACH (allocation->spendings, spending)
		if (!strcmp(spending->agreement, document->agreement->id) &&
		    !strcmp(spending->activity, activity))
			break;
	if (!spending) {
		spending = mem_alloc(sizeof(*spending));
		strcpy(spending->agreement, document->agreement->id);
		strcpy(spending->activity, activity);
		spending->amount = decimal_zero();
		LL_APPEND(allocation->spendings, spending);
	}
	decimal_add(&spending->amount, &spending->amount, amount);
	wire_uuid(order->id);
	order->created = wire_now();
	order->document = document;
	order->amount = decimal_zero();
	decimal_set(&order->amount, amount);
	LL_APPEND(allocation->orders, order);
}

static cJSON *allocation_json(const struct allocation *allocation)
{
	struct decimal remaining DECIMAL_AUTO = decimal_zero();
	cJSON *json = cJSON_CreateObject();
	const char *text = allocation->total_text;

	decimal_sub(&remaining, &allocation->total, &allocation->spent);
	cJSON_AddStringToObject(json, "allocationId", allocation->id);
	cJSON_AddStringToObject(json, "address", allocation->address);
	cJSON_AddStringToObject(json, "paymentPlatform", allocation->platform);
	if (allocation->used) {
		cJSON_AddItemToObject(json, "totalAmount", payment_amount(&allocation->total));
		cJSON_AddItemToObject(json, "spentAmount", payment_amount(&allocation->spent));
		cJSON_AddItemToObject(json, "remainingAmount", payment_amount(&remaining));
	} else {
		cJSON_AddStringToObject(json, "totalAmount", text);
		cJSON_AddStringToObject(json, "spentAmount", "0");
		cJSON_AddStringToObject(json, "remainingAmount", text);
	}
	cJSON_AddItemToObject(json, "timestamp", payment_time(&allocation->created, 9));
	cJSON_AddItemToObject(json, "timeout", payment_time(&allocation->timeout, 9));
	if (allocation->deposit)
		cJSON_AddItemToObject(json, "deposit", cJSON_Duplicate(allocation->deposit, true));
	cJSON_AddItemToObject(json, "createdTs", payment_time(&allocation->created, 9));
	cJSON_AddItemToObject(json, "updatedTs", payment_time(&allocation->created, 9));
	cJSON_AddBoolToObject(json, "makeDeposit", false);
	return json;
}

/* ---- making ---- */

static const struct serde_field platform_fields[] = {{"driver", &serde_string, SERDE_OPTIONAL},
						     {"network", &serde_string, SERDE_OPTIONAL},
						     {"token", &serde_string, SERDE_OPTIONAL},
						     {NULL, NULL, 0}};
static const struct serde_type platform_struct = {SERDE_STRUCT, "struct PaymentPlatform",
						  .fields = platform_fields};
static const struct serde_type *const platform_forms[] = {&serde_string, &platform_struct, NULL};
static const struct serde_type platform_type = {SERDE_UNTAGGED, "PaymentPlatformEnum",
						.alternatives = platform_forms};
static const struct serde_field deposit_fields[] = {{"id", &serde_string, 0},
						    {"contract", &serde_string, 0},
						    {"validate", &serde_any, SERDE_OPTIONAL},
						    {NULL, NULL, 0}};
static const struct serde_type deposit_type = {SERDE_STRUCT, "struct Deposit", .fields = deposit_fields};
static const struct serde_field allocation_fields[] = {{"address", &serde_string, SERDE_OPTIONAL},
						       {"paymentPlatform", &platform_type, SERDE_OPTIONAL},
						       {"totalAmount", &serde_decimal, 0},
						       {"timeout", &serde_time, SERDE_OPTIONAL},
						       {"makeDeposit", &serde_bool, SERDE_DEFAULTED},
						       {"deposit", &deposit_type, SERDE_OPTIONAL},
						       {"extendTimeout", &serde_u64, SERDE_OPTIONAL},
						       {NULL, NULL, 0}};
static const struct serde_type allocation_type = {SERDE_STRUCT, "struct NewAllocation",
						  .fields = allocation_fields};

static struct allocation *allocation_new(struct devnet *devnet, const cJSON *body, const char *address,
					 const char *platform)
{
	struct allocation *allocation = mem_alloc(sizeof(*allocation));
	const cJSON *deposit = payment_given(body, "deposit");

	allocation->devnet = devnet;
	wire_uuid(allocation->id);
	allocation->address = mem_strdup(address);
	snprintf(allocation->platform, sizeof(allocation->platform), "%s", platform);
	allocation->total = decimal_zero();
	allocation->spent = decimal_zero();
	payment_read_amount(payment_given(body, "totalAmount"), &allocation->total);
	allocation->total_text = payment_amount_text(payment_given(body, "totalAmount"));
	allocation->deposit = deposit ? cJSON_Duplicate(deposit, true) : NULL;
	allocation->created = wire_now();
	return allocation;
}

static void post_allocation(struct exchange *exchange)
{
	struct devnet *devnet = exchange_devnet(exchange);
	const cJSON *body = exchange_json_as(exchange, &allocation_type);
	struct buf why BUF_AUTO = {0};
	char platform[PLATFORM_SIZE];
	struct timespec timeout = wire_now();

	if (!body)
		return;

	const char *address = cJSON_GetStringValue(payment_given(body, "address"));
	const char *time = cJSON_GetStringValue(payment_given(body, "timeout"));

	if (!platform_read(payment_given(body, "paymentPlatform"), platform, &why)) {
		allocation_refuse_platform(exchange, body, buf_text(&why));
		return;
	}
	address = address ? address : exchange_identity(exchange);
	timeout = payment_later(&timeout, (double)ALLOCATION_LIFE_DAYS * DAY_S);
	if (time)
		wire_parse_time(time, &timeout);
	if (!allocation_check_address(exchange, body, address) ||
	    !allocation_check_timeout(exchange, body, address, platform, &timeout) ||
	    !allocation_check_funds(exchange, body, address, platform))
		return;

	struct allocation *allocation = allocation_new(devnet, body, address, platform);

	allocation->timeout = timeout;
	HASH_ADD_STR(devnet->payment->allocations, id, allocation);
	plan_release(allocation);
	exchange_reply_json(exchange, 201, allocation_json(allocation));
}

/* ---- the rest of their life ---- */

static struct allocation *path_allocation(struct exchange *exchange)
{
	struct allocation *allocation =
		allocation_find(exchange_devnet(exchange), exchange_part(exchange, 0));

	if (!allocation)
		exchange_reply_null_message(exchange, 404);
	return allocation;
}

static void get_allocation(struct exchange *exchange)
{
	struct allocation *allocation = path_allocation(exchange);

	if (allocation)
		exchange_reply_json(exchange, 200, allocation_json(allocation));
}

/* The daemon compares afterTimestamp with the timeout, not with a time of the past (reference 4.1). */
static void list_allocations(struct exchange *exchange)
{
	struct timespec after = {0};
	unsigned long max = (unsigned long)-1;
	struct allocation *allocation, *next;
	cJSON *list;

	if (!exchange_query_time(exchange, "afterTimestamp", &after) ||
	    !exchange_query_uint(exchange, "maxItems", &max))
		return;
	list = cJSON_CreateArray();
	HASH_ITER (hh, exchange_devnet(exchange)->payment->allocations, allocation, next) {
		const struct timespec *timeout = &allocation->timeout;
		bool later = timeout->tv_sec > after.tv_sec ||
			     (timeout->tv_sec == after.tv_sec && timeout->tv_nsec > after.tv_nsec);

		if (!allocation->released && later && max && max--)
			cJSON_AddItemToArray(list, allocation_json(allocation));
	}
	exchange_reply_json(exchange, 200, list);
}

static const struct serde_field amend_fields[] = {{"totalAmount", &serde_decimal, SERDE_OPTIONAL},
						  {"timeout", &serde_time, SERDE_OPTIONAL},
						  {"deposit", &serde_any, SERDE_OPTIONAL},
						  {NULL, NULL, 0}};
static const struct serde_type amend_type = {SERDE_STRUCT, "struct AllocationUpdate", .fields = amend_fields};

static void amend(struct allocation *allocation, const cJSON *amount, const struct timespec *timeout)
{
	if (amount) {
		payment_read_amount(amount, &allocation->total);
		free(allocation->total_text);
		allocation->total_text = payment_amount_text(amount);
	}
	allocation->timeout = *timeout;
	plan_release(allocation);
}

static void put_allocation(struct exchange *exchange)
{
	const cJSON *body = exchange_json_as(exchange, &amend_type);
	struct allocation *allocation = body ? path_allocation(exchange) : NULL;
	struct decimal total DECIMAL_AUTO = decimal_zero();

	if (!allocation)
		return;

	const cJSON *amount = payment_given(body, "totalAmount");
	const char *time = cJSON_GetStringValue(payment_given(body, "timeout"));
	struct timespec timeout = allocation->timeout;

	if (amount)
		payment_read_amount(amount, &total);
	if (time)
		wire_parse_time(time, &timeout);
	if (amount && decimal_cmp(&total, &allocation->spent) < 0) {
		exchange_reply_message(exchange, 400,
				       "New allocation would be smaller than the already spent amount");
	} else if (payment_is_past(&timeout)) {
		exchange_reply_message(exchange, 400, "New allocation timeout is in the past");
	} else if (payment_given(body, "deposit") && !allocation->deposit) {
		exchange_reply_message(exchange, 400,
				       "Cannot update deposit of an allocation created without one");
	} else {
		amend(allocation, amount, &timeout);
		exchange_reply_json(exchange, 200, allocation_json(allocation));
	}
}

static void delete_allocation(struct exchange *exchange)
{
	struct allocation *allocation = find_any(exchange_devnet(exchange), exchange_part(exchange, 0));

	if (!allocation) {
		exchange_reply_null_message(exchange, 404);
	} else if (allocation->released) {
		exchange_reply_message(exchange, 410, "Allocation %s has been already released",
				       allocation->id);
	} else {
		release(allocation);
		exchange_reply_json_text(exchange, 200, "null");
	}
}

static void get_expenditures(struct exchange *exchange)
{
	struct allocation *allocation = find_any(exchange_devnet(exchange), exchange_part(exchange, 0));
	cJSON *list = cJSON_CreateArray();
	struct spending *spending;

	LL_FOREACH (allocation ? allocation->spendings : NULL, spending) {
		cJSON *entry = cJSON_CreateObject();

		cJSON_AddStringToObject(entry, "allocationId", allocation->id);
		cJSON_AddStringToObject(entry, "agreementId", spending->agreement);
		if (*spending->activity)
			cJSON_AddStringToObject(entry, "activityId", spending->activity);
		cJSON_AddItemToObject(entry, "acceptedAmount", payment_amount(&spending->amount));
		cJSON_AddStringToObject(entry, "scheduledAmount", "0");
		cJSON_AddItemToArray(list, entry);
	}
	exchange_reply_json(exchange, 200, list);
}

static cJSON *naive_time(const struct timespec *time)
{
	char text[40];

	wire_time(text, time, 3);
	text[strlen(text) - 1] = '\0';
	return cJSON_CreateString(text);
}

static cJSON *order_json(const struct allocation *allocation, const struct order *order)
{
	const struct document *document = order->document;
	cJSON *json = cJSON_CreateObject();

	cJSON_AddItemToObject(json, "createdTs", naive_time(&order->created));
	cJSON_AddItemToObject(json, "updatedTs", naive_time(&order->created));
	cJSON_AddStringToObject(json, "orderId", order->id);
	cJSON_AddStringToObject(json, "ownerId", allocation->devnet->identity);
	cJSON_AddStringToObject(json, "payeeAddr", document->agreement->provider->node_id);
	cJSON_AddStringToObject(json, "allocationId", allocation->id);
	cJSON_AddItemToObject(json, "amount", payment_amount(&order->amount));
	cJSON_AddStringToObject(json, "agreementId", document->agreement->id);
	cJSON_AddItemToObject(json, "invoiceId",
			      document->is_invoice ? cJSON_CreateString(document->id) : cJSON_CreateNull());
	cJSON_AddItemToObject(json, "activityId",
			      document->bill ? cJSON_CreateString(document->bill->activity)
					     : cJSON_CreateNull());
	cJSON_AddItemToObject(json, "debitNoteId",
			      document->bill ? cJSON_CreateString(document->id) : cJSON_CreateNull());
	return json;
}

static void get_orders(struct exchange *exchange)
{
	struct allocation *allocation = find_any(exchange_devnet(exchange), exchange_part(exchange, 0));
	cJSON *list = cJSON_CreateArray();
	struct order *order;

	LL_FOREACH (allocation ? allocation->orders : NULL, order)
		cJSON_AddItemToArray(list, order_json(allocation, order));
	exchange_reply_json(exchange, 200, list);
}

const struct route allocation_routes[] = {
	{"POST", "/payment-api/v1/allocations", post_allocation},
	{"GET", "/payment-api/v1/allocations", list_allocations},
	{"GET", "/payment-api/v1/allocations/{}", get_allocation},
	{"PUT", "/payment-api/v1/allocations/{}", put_allocation},
	{"DELETE", "/payment-api/v1/allocations/{}", delete_allocation},
	{"GET", "/payment-api/v1/allocations/{}/expenditures", get_expenditures},
	{"GET", "/payment-api/v1/allocations/{}/orders", get_orders},
	{NULL, NULL, NULL},
};
