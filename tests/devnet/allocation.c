/* Allocations: money set aside (reference/yagna-api.md 4.1 to 4.3). */
#include "tests/devnet/payment.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/mem.h"
#include "tests/devnet/platform.h"
#include "tests/devnet/route.h"
#include "tests/devnet/serde.h"

enum { ALLOCATION_LIFE_DAYS = 3650, DAY_S = 86400 };

/* ---- amounts and times ---- */

void payment_print_amount(const struct decimal *amount, unsigned decimals, struct buf *out)
{
	size_t start = out->len;

	decimal_print(amount, out);

	const char *dot = strchr(out->data + start, '.');
	size_t shown = dot ? strlen(dot + 1) : 0;

	if (decimals && !dot)
		buf_addc(out, '.');
	for (; shown < decimals; shown++)
		buf_addc(out, '0');
}

cJSON *payment_amount(const struct decimal *amount)
{
	struct buf text BUF_AUTO = {0};

	payment_print_amount(amount, PAYMENT_DECIMALS, &text);
	return cJSON_CreateString(buf_text(&text));
}

cJSON *payment_time(const struct timespec *time, unsigned digits)
{
	char text[40];

	wire_time(text, time, digits);
	return cJSON_CreateString(text);
}

struct timespec payment_later(const struct timespec *time, double seconds)
{
	struct timespec later = *time;

	later.tv_sec += (time_t)seconds;
	return later;
}

/* What the daemon echoes: a text as it is, unless it has an exponent; a number that is not whole with 16 digits. */
static char *amount_text(const cJSON *json)
{
	struct buf text BUF_AUTO = {0};
	struct decimal amount DECIMAL_AUTO = decimal_zero();
	double value = json->valuedouble;

	if (cJSON_IsString(json) && !strpbrk(json->valuestring, "eE"))
		return mem_strdup(json->valuestring);
	if (cJSON_IsString(json)) {
		decimal_parse(&amount, json->valuestring, NULL);
		decimal_print(&amount, &text);
		return mem_strdup(buf_text(&text));
	}
	if (value == floor(value) && fabs(value) < 1e15)
		return mem_printf("%.0f", value);

	int exponent = value == 0 ? 0 : (int)floor(log10(fabs(value)));

	return mem_printf("%.*f", exponent < 15 ? 15 - exponent : 0, value);
}

static void read_amount(const cJSON *json, struct decimal *out)
{
	if (cJSON_IsString(json))
		decimal_parse(out, json->valuestring, NULL);
	else
		decimal_from_double(out, json->valuedouble, NULL);
}

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

/* A member that is there and not null. */
static const cJSON *given(const cJSON *body, const char *name)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(body, name);

	return cJSON_IsNull(item) ? NULL : item;
}

static cJSON *copy_or_null(const cJSON *item)
{
	return item ? cJSON_Duplicate(item, true) : cJSON_CreateNull();
}

/* The request as problems quote it: every member, in the order of their names. */
static cJSON *request_json(const cJSON *body)
{
	cJSON *json = cJSON_CreateObject();
	const cJSON *timeout = given(body, "timeout");
	struct timespec time;
	char *amount MEM_AUTO = amount_text(given(body, "totalAmount"));

	cJSON_AddItemToObject(json, "address", copy_or_null(given(body, "address")));
	cJSON_AddItemToObject(json, "deposit", copy_or_null(given(body, "deposit")));
	cJSON_AddItemToObject(json, "extendTimeout", copy_or_null(given(body, "extendTimeout")));
	cJSON_AddBoolToObject(json, "makeDeposit", cJSON_IsTrue(given(body, "makeDeposit")));
	cJSON_AddItemToObject(json, "paymentPlatform", copy_or_null(given(body, "paymentPlatform")));
	if (timeout && wire_parse_time(timeout->valuestring, &time))
		cJSON_AddItemToObject(json, "timeout", payment_time(&time, 9));
	else
		cJSON_AddNullToObject(json, "timeout");
	cJSON_AddStringToObject(json, "totalAmount", amount);
	return json;
}

static cJSON *problem_json(const char *type, const char *detail)
{
	cJSON *problem = cJSON_CreateObject();

	cJSON_AddItemToObject(problem, "type", cJSON_CreateString(type));
	cJSON_AddStringToObject(problem, "detail", detail);
	return problem;
}

static void reply_problem(struct exchange *exchange, int status, cJSON *problem)
{
	char *text = cJSON_PrintUnformatted(problem);

	exchange_reply_typed(exchange, status, "application/problem+json", text, strlen(text));
	cJSON_free(text);
	cJSON_Delete(problem);
}

static void refuse_platform(struct exchange *exchange, const cJSON *body, const char *why)
{
	cJSON *problem = problem_json("/payment-api/v1/allocations/bad-payment-platform",
				      "Payment platform doesn't parse");

	cJSON_AddStringToObject(problem, "parseError", why);
	cJSON_AddItemToObject(problem, "requestBody", request_json(body));
	cJSON_AddItemToObject(problem, "requestedPaymentPlatform",
			      copy_or_null(given(body, "paymentPlatform")));
	reply_problem(exchange, 400, problem);
}

static bool is_address(const char *text)
{
	return strlen(text) == 42 && !strncmp(text, "0x", 2) &&
	       strspn(text + 2, "0123456789abcdefABCDEF") == 40;
}

/* Only the wallet of the identity is an active account of the driver. */
static bool check_address(struct exchange *exchange, const cJSON *body, const char *address)
{
	char *why MEM_AUTO = NULL;
	cJSON *problem;

	if (!strcasecmp(address, exchange_identity(exchange)))
		return true;
	why = is_address(address) ? mem_printf("Failed to initialize account on driver: erc20 due to error "
					       "Account %s not found in "
					       "active accounts",
					       address)
				  : mem_printf("Failed to initialize account on driver: erc20 due to error "
					       "Error when parsing "
					       "identity key: %s - Invalid character 'x' at position 0",
					       address);
	problem = problem_json("/payment-api/v1/allocations/internal-error", "Unhandled internal error");
	cJSON_AddStringToObject(problem, "internalError", why);
	cJSON_AddItemToObject(problem, "requestBody", request_json(body));
	reply_problem(exchange, 500, problem);
	return false;
}

static bool is_past(const struct timespec *time)
{
	struct timespec now = wire_now();

	return time->tv_sec < now.tv_sec || (time->tv_sec == now.tv_sec && time->tv_nsec < now.tv_nsec);
}

static bool check_timeout(struct exchange *exchange, const cJSON *body, const char *address,
			  const char *platform, const struct timespec *timeout)
{
	char text[40];
	cJSON *problem;

	if (!is_past(timeout))
		return true;
	wire_time(text, timeout, 9);
	text[strlen(text) - 1] = '\0';

	char *requested MEM_AUTO = mem_printf("%s+00:00", text);

	problem = problem_json("/payment-api/v1/allocations/validation-error",
			       "Requested allocation timeout is in the past");
	cJSON_AddStringToObject(problem, "instance",
				"/payment-api/v1/allocations/validation-error/timeout-passed");
	cJSON_AddStringToObject(problem, "address", address);
	cJSON_AddStringToObject(problem, "paymentPlatform", platform);
	cJSON_AddItemToObject(problem, "requestBody", request_json(body));
	cJSON_AddStringToObject(problem, "requestedTimeout", requested);
	reply_problem(exchange, 400, problem);
	return false;
}

static struct allocation *allocation_new(struct devnet *devnet, const cJSON *body, const char *address,
					 const char *platform)
{
	struct allocation *allocation = mem_alloc(sizeof(*allocation));
	const cJSON *deposit = given(body, "deposit");

	allocation->devnet = devnet;
	wire_uuid(allocation->id);
	allocation->address = mem_strdup(address);
	snprintf(allocation->platform, sizeof(allocation->platform), "%s", platform);
	allocation->total = decimal_zero();
	allocation->spent = decimal_zero();
	read_amount(given(body, "totalAmount"), &allocation->total);
	allocation->total_text = amount_text(given(body, "totalAmount"));
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

	const char *address = cJSON_GetStringValue(given(body, "address"));
	const char *time = cJSON_GetStringValue(given(body, "timeout"));

	if (!platform_read(given(body, "paymentPlatform"), platform, &why)) {
		refuse_platform(exchange, body, buf_text(&why));
		return;
	}
	address = address ? address : exchange_identity(exchange);
	timeout = payment_later(&timeout, (double)ALLOCATION_LIFE_DAYS * DAY_S);
	if (time)
		wire_parse_time(time, &timeout);
	if (!check_address(exchange, body, address) ||
	    !check_timeout(exchange, body, address, platform, &timeout))
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
		read_amount(amount, &allocation->total);
		free(allocation->total_text);
		allocation->total_text = amount_text(amount);
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

	const cJSON *amount = given(body, "totalAmount");
	const char *time = cJSON_GetStringValue(given(body, "timeout"));
	struct timespec timeout = allocation->timeout;

	if (amount)
		read_amount(amount, &total);
	if (time)
		wire_parse_time(time, &timeout);
	if (amount && decimal_cmp(&total, &allocation->spent) < 0) {
		exchange_reply_message(exchange, 400,
				       "New allocation would be smaller than the already spent amount");
	} else if (is_past(&timeout)) {
		exchange_reply_message(exchange, 400, "New allocation timeout is in the past");
	} else if (given(body, "deposit") && !allocation->deposit) {
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

/* ---- what a demand has to say about payment ---- */

static cJSON *property_json(const char *key, const char *value)
{
	cJSON *json = cJSON_CreateObject();

	cJSON_AddStringToObject(json, "key", key);
	cJSON_AddStringToObject(json, "value", value);
	return json;
}

struct decoration {
	cJSON *properties;
	struct buf clauses;
	unsigned count;
	bool deposit;
};

static void decorate(struct decoration *decoration, const struct allocation *allocation)
{
	char *key MEM_AUTO = mem_printf("golem.com.payment.platform.%s.address", allocation->platform);

	cJSON_AddItemToArray(decoration->properties, property_json(key, allocation->address));
	buf_printf(&decoration->clauses, "%s(%s=*)", decoration->count++ ? "\n  " : "", key);
	decoration->deposit |= allocation->deposit != NULL;
}

static void reply_decoration(struct exchange *exchange, struct decoration *decoration)
{
	const char *clauses = buf_text(&decoration->clauses);
	char *platforms MEM_AUTO =
		decoration->count > 1 ? mem_printf("(|\n  %s\n)", clauses) : mem_strdup(clauses);
	cJSON *json = cJSON_CreateObject();
	cJSON *constraints = cJSON_CreateArray();

	cJSON_AddItemToArray(decoration->properties,
			     property_json("golem.com.payment.protocol.version", "3"));
	cJSON_AddItemToArray(constraints, cJSON_CreateString(platforms));
	cJSON_AddItemToArray(constraints,
			     cJSON_CreateString(decoration->deposit
							? "(golem.com.payment.protocol.version>2)"
							: "(golem.com.payment.protocol.version>1)"));
	cJSON_AddItemToObject(json, "properties", decoration->properties);
	cJSON_AddItemToObject(json, "constraints", constraints);
	exchange_reply_json(exchange, 200, json);
}

static void get_decorations(struct exchange *exchange)
{
	const char *ids = NULL, *raw = exchange_query_raw(exchange, "allocationIds");
	struct decoration decoration = {.properties = NULL};
	bool all = true;

	if (!exchange_query_text(exchange, "allocationIds", &ids))
		return;
	if (!ids || (raw && strchr(raw, '%'))) {
		/* The daemon reads the list without a copy, which an escape in it makes impossible. */
		exchange_refuse_query(exchange,
				      ids ? "invalid type: string \"%s\", expected a borrowed string"
					  : "missing field `allocationIds`",
				      ids);
		return;
	}

	char *list MEM_AUTO = mem_strdup(ids);
	char *rest = list;

	decoration.properties = cJSON_CreateArray();
	while (all && rest) {
		const char *id = strsep(&rest, ",");
		const struct allocation *allocation = allocation_find(exchange_devnet(exchange), id);

		all = allocation != NULL;
		if (all)
			decorate(&decoration, allocation);
	}
	if (all) {
		reply_decoration(exchange, &decoration);
	} else {
		cJSON_Delete(decoration.properties);
		exchange_reply_null_message(exchange, 404);
	}
	buf_free(&decoration.clauses);
}

/* ---- accounts ---- */

static void get_requestor_accounts(struct exchange *exchange)
{
	const struct devnet *devnet = exchange_devnet(exchange);
	cJSON *list = cJSON_CreateArray();
	cJSON *account = cJSON_CreateObject();

	cJSON_AddStringToObject(account, "platform", devnet->platform);
	cJSON_AddStringToObject(account, "address", devnet->identity);
	cJSON_AddStringToObject(account, "driver", "erc20");
	cJSON_AddStringToObject(account, "network", "hoodi");
	cJSON_AddStringToObject(account, "token", "tGLM");
	cJSON_AddTrueToObject(account, "send");
	cJSON_AddFalseToObject(account, "receive");
	cJSON_AddItemToArray(list, account);
	exchange_reply_json(exchange, 200, list);
}

/* The identity receives nothing on the devnet: it has no account for that. */
static void get_provider_accounts(struct exchange *exchange)
{
	exchange_reply_json(exchange, 200, cJSON_CreateArray());
}

const struct route allocation_routes[] = {
	{"POST", "/payment-api/v1/allocations", post_allocation},
	{"GET", "/payment-api/v1/allocations", list_allocations},
	{"GET", "/payment-api/v1/allocations/{}", get_allocation},
	{"PUT", "/payment-api/v1/allocations/{}", put_allocation},
	{"DELETE", "/payment-api/v1/allocations/{}", delete_allocation},
	{"GET", "/payment-api/v1/allocations/{}/expenditures", get_expenditures},
	{"GET", "/payment-api/v1/allocations/{}/orders", get_orders},
	{"GET", "/payment-api/v1/demandDecorations", get_decorations},
	{"GET", "/payment-api/v1/requestorAccounts", get_requestor_accounts},
	{"GET", "/payment-api/v1/providerAccounts", get_provider_accounts},
	{NULL, NULL, NULL},
};
