/* Accounts, allocations, demand decorations (reference/yagna-api.md 4.1 to 4.3). */
#include "core/mem.h"
#include "core/timefmt.h"
#include "core/yagna/call.h"

static void read_accounts(struct yagna_call *call, const struct yagna_failure *failure, const cJSON *json)
{
	MEM_AUTO struct yagna_account *rows = yagna_rows(json, struct yagna_account);
	struct yagna_failure own;
	struct err err = {0};
	unsigned count = 0;
	const cJSON *item;

	if (!failure && !cJSON_IsArray(json))
		err_set(&err, EIO, "it is not a list");
	cJSON_ArrayForEach (item, json) {
		struct yagna_account *row = &rows[count++];

		row->platform = json_string(item, "platform", &err);
		row->address = json_string(item, "address", &err);
		row->driver = json_string(item, "driver", &err);
		row->network = json_string(item, "network", &err);
		row->token = json_string(item, "token", &err);
		row->send = json_bool(item, "send", &err);
	}
	if (!failure)
		failure = yagna_checked(&own, call, &err);
	call->reply.accounts(call->context, failure, failure ? NULL : rows, failure ? 0 : count);
}

struct yagna_call *yagna_list_accounts(struct yagna *yagna, yagna_accounts_done done, void *context)
{
	return yagna_ask(yagna, &(struct yagna_ask){
					.what = "list the accounts",
					.path = yagna_path("/payment-api/v1/requestorAccounts"),
					.read = read_accounts,
					.reply.accounts = done,
					.context = context,
				});
}

/* An amount that is kept as the text it came as. */
static const char *amount(const cJSON *json, const char *key, struct err *err)
{
	DECIMAL_AUTO struct decimal value = decimal_zero();
	const char *text = json_string(json, key, err);

	json_decimal(json, key, &value, err);
	return text;
}

static void read_one(const cJSON *json, struct yagna_allocation *allocation, struct err *err)
{
	allocation->id = json_string(json, "allocationId", err);
	allocation->platform = json_string(json, "paymentPlatform", err);
	allocation->address = json_string(json, "address", err);
	allocation->total = amount(json, "totalAmount", err);
	allocation->spent = amount(json, "spentAmount", err);
	allocation->remaining = amount(json, "remainingAmount", err);
	allocation->timestamp = json_time(json, "timestamp", err);
	allocation->timeout = json_time_or(json, "timeout", (struct timespec){0}, err);
}

static void read_allocation(struct yagna_call *call, const struct yagna_failure *failure, const cJSON *json)
{
	struct yagna_failure own;
	struct yagna_allocation allocation = {0};
	struct err err = {0};

	if (!failure) {
		read_one(json, &allocation, &err);
		failure = yagna_checked(&own, call, &err);
	}
	call->reply.allocation(call->context, failure, failure ? NULL : &allocation);
}

static void read_allocations(struct yagna_call *call, const struct yagna_failure *failure, const cJSON *json)
{
	MEM_AUTO struct yagna_allocation *rows = yagna_rows(json, struct yagna_allocation);
	struct yagna_failure own;
	struct err err = {0};
	unsigned count = 0;
	const cJSON *item;

	if (!failure && !cJSON_IsArray(json))
		err_set(&err, EIO, "it is not a list");
	cJSON_ArrayForEach (item, json)
		read_one(item, &rows[count++], &err);
	if (!failure)
		failure = yagna_checked(&own, call, &err);
	call->reply.allocations(call->context, failure, failure ? NULL : rows, failure ? 0 : count);
}

static void add_amount(cJSON *json, const struct decimal *value)
{
	BUF_AUTO struct buf text = {0};

	decimal_print(value, &text);
	cJSON_AddStringToObject(json, "totalAmount", buf_text(&text));
}

static void add_timeout(cJSON *json, const struct timespec *timeout)
{
	char time[TIMEFMT_SIZE];

	timefmt_print(time, timeout, 3);
	cJSON_AddStringToObject(json, "timeout", time);
}

struct yagna_call *yagna_allocate(struct yagna *yagna, const char *platform, const char *address,
				  const struct decimal *total, const struct timespec *timeout,
				  yagna_allocation_done done, void *context)
{
	cJSON *json = cJSON_CreateObject();

	if (address)
		cJSON_AddStringToObject(json, "address", address);
	cJSON_AddStringToObject(json, "paymentPlatform", platform);
	add_amount(json, total);
	add_timeout(json, timeout);
	cJSON_AddBoolToObject(json, "makeDeposit", false);
	return yagna_ask(yagna, &(struct yagna_ask){
					.what = "set money aside",
					.method = "POST",
					.path = yagna_path("/payment-api/v1/allocations"),
					.body = yagna_body(json),
					.read = read_allocation,
					.reply.allocation = done,
					.context = context,
				});
}

struct yagna_call *yagna_amend_allocation(struct yagna *yagna, const char *allocation,
					  const struct decimal *total, const struct timespec *timeout,
					  yagna_allocation_done done, void *context)
{
	cJSON *json = cJSON_CreateObject();

	if (total)
		add_amount(json, total);
	if (timeout)
		add_timeout(json, timeout);
	return yagna_ask(yagna, &(struct yagna_ask){
					.what = "change the allocation",
					.method = "PUT",
					.path = yagna_path("/payment-api/v1/allocations/%s", allocation),
					.body = yagna_body(json),
					.read = read_allocation,
					.reply.allocation = done,
					.context = context,
				});
}

struct yagna_call *yagna_get_allocation(struct yagna *yagna, const char *allocation,
					yagna_allocation_done done, void *context)
{
	return yagna_ask(yagna, &(struct yagna_ask){
					.what = "show the allocation",
					.path = yagna_path("/payment-api/v1/allocations/%s", allocation),
					.read = read_allocation,
					.reply.allocation = done,
					.context = context,
				});
}

struct yagna_call *yagna_list_allocations(struct yagna *yagna, yagna_allocations_done done, void *context)
{
	return yagna_ask(yagna, &(struct yagna_ask){
					.what = "list the allocations",
					.path = yagna_path("/payment-api/v1/allocations"),
					.read = read_allocations,
					.reply.allocations = done,
					.context = context,
				});
}

/* A released allocation is 410 to a second release and 404 to everybody else. */
static void read_release(struct yagna_call *call, const struct yagna_failure *failure, const cJSON *json)
{
	(void)json;
	call->reply.plain(call->context, failure && failure->status == 404 ? NULL : failure);
}

struct yagna_call *yagna_release(struct yagna *yagna, const char *allocation, yagna_done done, void *context)
{
	return yagna_ask(yagna, &(struct yagna_ask){
					.what = "release the allocation",
					.method = "DELETE",
					.path = yagna_path("/payment-api/v1/allocations/%s", allocation),
					.done_status = 410,
					.read = read_release,
					.reply.plain = done,
					.context = context,
				});
}

static cJSON *collect_properties(const cJSON *list, struct err *err)
{
	cJSON *properties = cJSON_CreateObject();
	const cJSON *item;

	cJSON_ArrayForEach (item, list) {
		const char *key = json_string(item, "key", err);

		cJSON_DeleteItemFromObjectCaseSensitive(properties, key);
		cJSON_AddStringToObject(properties, key, json_string(item, "value", err));
	}
	return properties;
}

static void read_decorations(struct yagna_call *call, const struct yagna_failure *failure, const cJSON *json)
{
	struct yagna_failure own;
	struct err err = {0};
	const cJSON *list = failure ? NULL : json_array(json, "constraints", &err);
	const cJSON *pairs = failure ? NULL : json_array(json, "properties", &err);
	MEM_AUTO const char **clauses = yagna_rows(list, const char *);
	JSON_AUTO cJSON *properties = collect_properties(pairs, &err);
	unsigned count = 0;
	const cJSON *item;

	cJSON_ArrayForEach (item, list) {
		clauses[count++] = cJSON_IsString(item) ? item->valuestring : "";
		if (!cJSON_IsString(item))
			err_set(&err, EIO, "a constraint is not a text");
	}
	if (!failure)
		failure = yagna_checked(&own, call, &err);
	struct yagna_decorations decorations = {.properties = properties, .clauses = clauses, .count = count};

	call->reply.decorations(call->context, failure, failure ? NULL : &decorations);
}

struct yagna_call *yagna_decorations(struct yagna *yagna, const char *allocation, yagna_decorations_done done,
				     void *context)
{
	return yagna_ask(
		yagna,
		&(struct yagna_ask){
			.what = "decorate the demand",
			.path = yagna_path("/payment-api/v1/demandDecorations?allocationIds=%s", allocation),
			.read = read_decorations,
			.reply.decorations = done,
			.context = context,
		});
}
