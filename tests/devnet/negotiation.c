/* Proposals: reading, countering, rejecting them (reference/yagna-api.md 2.5). */
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "tests/devnet/market.h"
#include "tests/devnet/properties.h"
#include "tests/devnet/route.h"
#include "tests/devnet/serde.h"

struct proposal *proposal_new(struct devnet *devnet, struct offer *offer, const char *demand_id,
			      cJSON *properties, const char *constraints, struct proposal *previous)
{
	struct proposal *proposal = mem_alloc(sizeof(*proposal));

	proposal->devnet = devnet;
	proposal->offer = offer;
	proposal->id[0] = 'R';
	proposal->id[1] = '-';
	wire_hex_id(proposal->id + 2, 64);
	strcpy(proposal->demand_id, demand_id);
	proposal->state = previous ? PROPOSAL_DRAFT : PROPOSAL_INITIAL;
	proposal->properties = properties;
	proposal->constraints = mem_strdup(constraints);
	proposal->created = wire_now();
	proposal->previous = previous;
	if (previous)
		previous->counter = proposal;
	HASH_ADD_STR(devnet->market->proposals, id, proposal);
	return proposal;
}

void proposal_free(struct proposal *proposal)
{
	loop_cancel(&proposal->answering);
	cJSON_Delete(proposal->properties);
	free(proposal->constraints);
	free(proposal);
}

struct proposal *proposal_find(struct devnet *devnet, const char *id)
{
	struct proposal *proposal;

	HASH_FIND_STR(devnet->market->proposals, id, proposal);
	return proposal;
}

cJSON *proposal_json(const struct proposal *proposal)
{
	static const char *const states[] = {"Initial", "Draft", "Rejected", "Accepted"};
	cJSON *json = cJSON_CreateObject();

	cJSON_AddItemToObject(json, "properties", cJSON_Duplicate(proposal->properties, true));
	cJSON_AddStringToObject(json, "constraints", proposal->constraints);
	cJSON_AddStringToObject(json, "proposalId", proposal->id);
	cJSON_AddStringToObject(json, "issuerId",
				proposal->ours ? proposal->devnet->identity
					       : proposal->offer->provider->node_id);
	cJSON_AddStringToObject(json, "state", states[proposal->state]);
	cJSON_AddItemToObject(json, "timestamp", market_time(&proposal->created, 9));
	if (proposal->previous)
		cJSON_AddStringToObject(json, "prevProposalId", proposal->previous->id);
	return json;
}

void proposal_reject_by_provider(struct proposal *proposal, const char *message, bool is_final)
{
	struct demand *demand = demand_find(proposal->devnet, proposal->demand_id);
	cJSON *reason = cJSON_CreateObject();

	cJSON_AddStringToObject(reason, "message", message);
	cJSON_AddBoolToObject(reason, "golem.proposal.rejection.is-final", is_final);
	proposal->state = PROPOSAL_REJECTED;
	if (demand && !demand->expired)
		demand_add_rejection(demand, proposal, reason);
	else
		cJSON_Delete(reason);
}

/* ---- reading requests ---- */

static const struct serde_field reason_fields[] = {{"message", &serde_string, 0}, {NULL, NULL, 0}};
static const struct serde_type reason_type = {SERDE_FLAT, "struct Reason", .fields = reason_fields};

/* null, with blanks around it at most: then there is no Reason to check. */
static bool is_null_text(const char *text, size_t len)
{
	static const char blanks[] = " \t\r\n";
	size_t start = 0;

	while (start < len && strchr(blanks, text[start]))
		start++;
	while (len > start && strchr(blanks, text[len - 1]))
		len--;
	return len - start == 4 && !memcmp(text + start, "null", 4);
}

bool market_read_reason(struct exchange *exchange, const cJSON **reason)
{
	size_t len;
	const char *text = exchange_body(exchange, &len);

	*reason = NULL;
	if (text && is_null_text(text, len))
		return exchange_json(exchange);
	*reason = exchange_json_as(exchange, &reason_type);
	return *reason;
}

static bool check_path(struct exchange *exchange)
{
	const char *id = exchange_part(exchange, 1);
	const char *fault;

	if (!market_check_demand_id(exchange, exchange_part(exchange, 0)))
		return false;
	fault = market_proposal_id_fault(id);
	if (fault)
		exchange_reply_text(exchange, 400, "{\"message\":\"Path deserialize error: Id [%s] %s\"}", id,
				    fault);
	return !fault;
}

/* The proposal of the path; an unknown one, or one of another demand, is answered with a debug print. */
static struct proposal *path_proposal(struct exchange *exchange, int missing_status)
{
	const char *demand_id = exchange_part(exchange, 0);
	const char *id = exchange_part(exchange, 1);
	struct proposal *proposal = proposal_find(exchange_devnet(exchange), id);

	if (proposal && !strcmp(proposal->demand_id, demand_id))
		return proposal;
	exchange_reply_message(
		exchange, missing_status,
		"Proposal [%s] not found (subscription [Some(SubscriptionId { random_id: \"%.32s\", "
		"hash: \"%s\" })]).",
		id, demand_id, demand_id + 33);
	return NULL;
}

/* What both counter and reject ask for: not our own, and a demand that is still there. */
static bool may_react(struct exchange *exchange, const struct proposal *proposal)
{
	const struct demand *demand = demand_find(proposal->devnet, proposal->demand_id);

	if (proposal->ours)
		exchange_reply_message(exchange, 400, "Can't react to own Proposal [%s].", proposal->id);
	else if (!demand)
		exchange_reply_message(exchange, 400, "Subscription [%s] wasn't found.", proposal->demand_id);
	else if (demand->expired)
		exchange_reply_message(exchange, 410, "Subscription [%s] expired.", proposal->demand_id);
	else
		return true;
	return false;
}

static void get_proposal(struct exchange *exchange)
{
	struct proposal *proposal = check_path(exchange) ? path_proposal(exchange, 404) : NULL;

	if (proposal)
		exchange_reply_json(exchange, 200, proposal_json(proposal));
}

/* ---- countering ---- */

static const struct serde_field counter_fields[] = {
	{"properties", &serde_any, 0}, {"constraints", &serde_string, 0}, {NULL, NULL, 0}};
static const struct serde_type counter_type = {SERDE_STRUCT, "struct DemandOfferBase",
					       .fields = counter_fields};

/* ["a", "b"], as the daemon prints a list for debugging. */
static void print_names(const cJSON *names, struct buf *out)
{
	const cJSON *name;

	buf_addc(out, '[');
	cJSON_ArrayForEach (name, names)
		buf_printf(out, "%s\"%s\"", name == names->child ? "" : ", ", name->valuestring);
	buf_addc(out, ']');
}

static void refuse_mismatch(struct exchange *exchange, const char *new_id, const struct proposal *previous,
			    const cJSON *offer_missing, const cJSON *demand_missing)
{
	struct buf text BUF_AUTO = {0};

	buf_printf(&text,
		   "Proposal properties [%s] doesn't match previous Proposal [%s]. Mismatched constraints - "
		   "Offer: ",
		   new_id, previous->id);
	print_names(offer_missing, &text);
	buf_adds(&text, ", Demand: ");
	print_names(demand_missing, &text);
	exchange_reply_message(exchange, 400, "%s", buf_text(&text));
}

/* Both sides are matched anew; on failure the exchange is answered. The new proposal has an id already then. */
static bool check_match(struct exchange *exchange, const struct proposal *previous, const cJSON *properties,
			const char *constraints)
{
	struct buf why BUF_AUTO = {0};
	bool building;
	char new_id[MARKET_PROPOSAL_SIZE] = "R-";
	struct constraint *filter = constraint_parse(constraints, &building, &why);
	cJSON *offer_missing = cJSON_CreateArray(), *demand_missing = cJSON_CreateArray();
	bool matches = market_matches(filter, properties, offer_filter(previous->offer), previous->properties,
				      offer_missing, demand_missing);

	wire_hex_id(new_id + 2, 64);
	if (!filter)
		exchange_reply_message(
			exchange, 400,
			"Can't match Proposal [%s] with previous Proposal [%s]. Error: Prepare "
			"error: Error %s: %s",
			new_id, previous->id,
			building ? "building Demand constraints expression" : "parsing Demand constraints",
			buf_text(&why));
	else if (!matches)
		refuse_mismatch(exchange, new_id, previous, offer_missing, demand_missing);
	constraint_free(filter);
	cJSON_Delete(offer_missing);
	cJSON_Delete(demand_missing);
	return matches;
}

static void answer_counter(void *context)
{
	struct proposal *proposal = context;

	proposal->answering = NULL;
	negotiator_answer(proposal);
}

static void save_counter(struct exchange *exchange, struct proposal *previous, cJSON *properties,
			 const char *constraints)
{
	struct devnet *devnet = exchange_devnet(exchange);
	struct proposal *counter =
		proposal_new(devnet, previous->offer, previous->demand_id, properties, constraints, previous);

	counter->ours = true;
	if (!market_reaches(devnet, previous->offer->provider)) {
		exchange_reply_message(
			exchange, 500,
			"Failed to send response for Proposal [%s]. Error: Countering Proposal [%s] "
			"%s.",
			previous->id, counter->id, DEVNET_GSB_TIMEOUT);
		return;
	}
	counter->answering = loop_after(devnet->loop, devnet->latencies.counter_ms, answer_counter, counter);
	exchange_reply_json(exchange, 200, cJSON_CreateString(counter->id));
}

static void counter_proposal(struct exchange *exchange)
{
	const cJSON *body = check_path(exchange) ? exchange_json_as(exchange, &counter_type) : NULL;
	struct proposal *previous = body ? path_proposal(exchange, 404) : NULL;

	if (!previous || !may_react(exchange, previous))
		return;

	cJSON *properties = properties_flatten(cJSON_GetObjectItemCaseSensitive(body, "properties"));
	const char *constraints = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(body, "constraints"));

	if (!check_match(exchange, previous, properties, constraints)) {
		cJSON_Delete(properties);
	} else if (previous->counter) {
		cJSON_Delete(properties);
		exchange_reply_message(
			exchange, 410,
			"Proposal [%s] already has counter proposal. Can't counter for the second time.",
			previous->id);
	} else {
		save_counter(exchange, previous, properties, constraints);
	}
}

/* Rejecting binds nobody: the proposal can be countered all the same (reference 2.5). */
static void reject_proposal(struct exchange *exchange)
{
	const cJSON *reason;
	struct proposal *proposal;

	if (!check_path(exchange) || !market_read_reason(exchange, &reason))
		return;
	proposal = path_proposal(exchange, 500);
	if (!proposal || !may_react(exchange, proposal))
		return;
	proposal->state = PROPOSAL_REJECTED;
	if (market_reaches(proposal->devnet, proposal->offer->provider))
		exchange_reply_empty(exchange, 204);
	else
		exchange_reply_message(exchange, 500, "Rejecting Proposal [%s] %s.", proposal->id,
				       DEVNET_GSB_TIMEOUT);
}

const struct route negotiation_routes[] = {
	{"GET", "/market-api/v1/demands/{}/proposals/{}", get_proposal},
	{"POST", "/market-api/v1/demands/{}/proposals/{}", counter_proposal},
	{"POST", "/market-api/v1/demands/{}/proposals/{}/reject", reject_proposal},
	{NULL, NULL, NULL},
};
