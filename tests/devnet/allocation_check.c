/* What is wrong with the request for an allocation, as problem+json (reference/yagna-api.md 4.1). */
#include <string.h>
#include <strings.h>

#include "core/mem.h"
#include "tests/devnet/allocation_check.h"
#include "tests/devnet/payment.h"

static cJSON *copy_or_null(const cJSON *item)
{
	return item ? cJSON_Duplicate(item, true) : cJSON_CreateNull();
}

/* The request as problems quote it: every member, in the order of their names. */
static cJSON *request_json(const cJSON *body)
{
	cJSON *json = cJSON_CreateObject();
	const cJSON *timeout = payment_given(body, "timeout");
	struct timespec time;
	char *amount MEM_AUTO = payment_amount_text(payment_given(body, "totalAmount"));

	cJSON_AddItemToObject(json, "address", copy_or_null(payment_given(body, "address")));
	cJSON_AddItemToObject(json, "deposit", copy_or_null(payment_given(body, "deposit")));
	cJSON_AddItemToObject(json, "extendTimeout", copy_or_null(payment_given(body, "extendTimeout")));
	cJSON_AddBoolToObject(json, "makeDeposit", cJSON_IsTrue(payment_given(body, "makeDeposit")));
	cJSON_AddItemToObject(json, "paymentPlatform", copy_or_null(payment_given(body, "paymentPlatform")));
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

void allocation_refuse_platform(struct exchange *exchange, const cJSON *body, const char *why)
{
	cJSON *problem = problem_json("/payment-api/v1/allocations/bad-payment-platform",
				      "Payment platform doesn't parse");

	cJSON_AddStringToObject(problem, "parseError", why);
	cJSON_AddItemToObject(problem, "requestBody", request_json(body));
	cJSON_AddItemToObject(problem, "requestedPaymentPlatform",
			      copy_or_null(payment_given(body, "paymentPlatform")));
	reply_problem(exchange, 400, problem);
}

static bool is_address(const char *text)
{
	return strlen(text) == 42 && !strncmp(text, "0x", 2) &&
	       strspn(text + 2, "0123456789abcdefABCDEF") == 40;
}

bool allocation_check_address(struct exchange *exchange, const cJSON *body, const char *address)
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

bool allocation_check_timeout(struct exchange *exchange, const cJSON *body, const char *address,
			      const char *platform, const struct timespec *timeout)
{
	char text[40];
	cJSON *problem;

	if (!payment_is_past(timeout))
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

/* What all active allocations together still hold, and what has been spent from any. */
static void sum_up(struct devnet *devnet, struct decimal *reserved, struct decimal *spent)
{
	struct allocation *allocation, *next;

	HASH_ITER (hh, devnet->payment->allocations, allocation, next) {
		struct decimal left DECIMAL_AUTO = decimal_zero();

		decimal_add(spent, spent, &allocation->spent);
		if (allocation->released)
			continue;
		decimal_sub(&left, &allocation->total, &allocation->spent);
		decimal_add(reserved, reserved, &left);
	}
}

static void add_amount(cJSON *problem, const char *name, const struct decimal *amount)
{
	struct buf text BUF_AUTO = {0};

	decimal_print(amount, &text);
	cJSON_AddStringToObject(problem, name, buf_text(&text));
}

bool allocation_check_funds(struct exchange *exchange, const cJSON *body, const char *address,
			    const char *platform)
{
	struct devnet *devnet = exchange_devnet(exchange);
	struct decimal available DECIMAL_AUTO = decimal_zero(), reserved DECIMAL_AUTO = decimal_zero();
	struct decimal spent DECIMAL_AUTO = decimal_zero(), asked DECIMAL_AUTO = decimal_zero();
	cJSON *problem;

	if (!devnet->funds)
		return true;
	decimal_parse(&available, devnet->funds, NULL);
	payment_read_amount(payment_given(body, "totalAmount"), &asked);
	sum_up(devnet, &reserved, &spent);
	decimal_sub(&available, &available, &spent);
	decimal_sub(&available, &available, &reserved);
	if (decimal_cmp(&asked, &available) <= 0)
		return true;
	problem = problem_json(
		"/payment-api/v1/allocations/validation-error",
		"Insufficient funds to create the allocation. Top up your account or release all "
		"existing allocations to unlock the funds via `yagna payment release-allocations`");
	cJSON_AddStringToObject(problem, "instance",
				"/payment-api/v1/allocations/validation-error/insufficient-account-funds");
	cJSON_AddStringToObject(problem, "address", address);
	add_amount(problem, "availableFunds", &available);
	cJSON_AddStringToObject(problem, "paymentPlatform", platform);
	cJSON_AddItemToObject(problem, "requestBody", request_json(body));
	add_amount(problem, "requestedFunds", &asked);
	add_amount(problem, "reservedFunds", &reserved);
	reply_problem(exchange, 400, problem);
	return false;
}
