/* What a demand has to say about payment, and the accounts there are (reference/yagna-api.md 4.2, 4.3). */
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "tests/devnet/payment.h"
#include "tests/devnet/route.h"

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

const struct route decoration_routes[] = {
	{"GET", "/payment-api/v1/demandDecorations", get_decorations},
	{"GET", "/payment-api/v1/requestorAccounts", get_requestor_accounts},
	{"GET", "/payment-api/v1/providerAccounts", get_provider_accounts},
	{NULL, NULL, NULL},
};
