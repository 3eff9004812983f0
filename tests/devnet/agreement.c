/* Agreements and their life (reference/yagna-api.md 2.6). */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "tests/devnet/fault.h"
#include "tests/devnet/market.h"
#include "tests/devnet/properties.h"
#include "tests/devnet/route.h"
#include "tests/devnet/serde.h"

static const char *const state_names[] = {"Proposal", "Pending", "Cancelled",  "Rejected",
					  "Approved", "Expired", "Terminated", NULL};

const char *deal_state_name(enum deal_state state)
{
	return state_names[state];
}

/* Legal ways between states; Approving of the real daemon lasts no time here. */
static const unsigned ways[DEAL_STATES] = {
	[DEAL_PROPOSAL] = 1u << DEAL_PENDING | 1u << DEAL_CANCELLED | 1u << DEAL_EXPIRED,
	[DEAL_PENDING] =
		1u << DEAL_APPROVED | 1u << DEAL_CANCELLED | 1u << DEAL_REJECTED | 1u << DEAL_EXPIRED,
	[DEAL_APPROVED] = 1u << DEAL_TERMINATED,
};

static bool can_become(const struct deal *deal, enum deal_state state)
{
	return ways[deal->state] & 1u << state;
}

/* Answers the exchange when the state does not allow it. */
static bool check_way(struct exchange *exchange, const struct deal *deal, enum deal_state state)
{
	if (can_become(deal, state))
		return true;
	exchange_reply_message(exchange, deal->state == DEAL_PROPOSAL ? 409 : 410,
			       "Can't update Agreement state from %s to %s.", state_names[deal->state],
			       state_names[state]);
	return false;
}

static bool is_past(const struct timespec *time)
{
	struct timespec now = wire_now();

	return time->tv_sec < now.tv_sec || (time->tv_sec == now.tv_sec && time->tv_nsec < now.tv_nsec);
}

struct deal *deal_find(struct devnet *devnet, const char *id)
{
	struct deal *deal;

	HASH_FIND_STR(devnet->market->deals, id, deal);
	if (deal && can_become(deal, DEAL_EXPIRED) && is_past(&deal->valid_to))
		deal->state = DEAL_EXPIRED;
	return deal;
}

struct agreement *market_find_agreement(struct devnet *devnet, const char *id)
{
	struct deal *deal = deal_find(devnet, id);

	return deal ? &deal->agreement : NULL;
}

void deal_free(struct deal *deal)
{
	while (deal->waiting)
		exchange_hang_up(poll_take(deal->waiting));
	loop_cancel(&deal->approval);
	loop_cancel(&deal->expiration);
	loop_cancel(&deal->fault);
	free(deal->fault_message);
	free(deal->agreement.session);
	free(deal);
}

/* ---- ids: the daemon looks at the characters before the length ---- */

static const char *id_fault(const char *id)
{
	for (const char *c = id; *c; c++)
		if (!isxdigit((unsigned char)*c))
			return "contains non hexadecimal characters.";
	return strlen(id) == 64 ? NULL : "hash has invalid length. Should be |64|";
}

enum id_words { WORDS_PLAIN, WORDS_WAIT, WORDS_TERMINATE };

/* The agreement of the path. `prefix` is what the text of 404 puts before the id. */
static struct deal *path_deal(struct exchange *exchange, enum id_words words, const char *prefix)
{
	static const struct {
		int status;
		const char *before, *between;
	} refusals[] = {{400, "Invalid Agreement id.", ""},
			{400, "Invalid agreement id.", ""},
			{500, "Failed to get Agreement [", "]. Error: Invalid Agreement id:"}};
	const char *id = exchange_part(exchange, 0);
	const char *fault = id_fault(id);
	struct deal *deal = fault ? NULL : deal_find(exchange_devnet(exchange), id);

	if (fault)
		exchange_reply_message(exchange, refusals[words].status, "%s%s%s Id [%s] %s",
				       refusals[words].before, words == WORDS_TERMINATE ? id : "",
				       refusals[words].between, id, fault);
	else if (!deal)
		exchange_reply_message(exchange, 404, "Agreement [%s%s] not found.", prefix, id);
	return deal;
}

/* ---- making ---- */

static const struct serde_field proposal_fields[] = {
	{"proposalId", &serde_string, 0}, {"validTo", &serde_time, 0}, {NULL, NULL, 0}};
static const struct serde_type proposal_type = {SERDE_STRUCT, "struct AgreementProposal",
						.fields = proposal_fields};

/* True when the proposal can become an agreement; else the exchange is answered. */
static bool check_promotion(struct exchange *exchange, const struct proposal *proposal)
{
	const char *id = proposal->id;

	if (proposal->ours)
		exchange_reply_message(
			exchange, 400,
			"Can't create Agreement for an own Proposal [%s]. You can promote only "
			"provider's Proposals to Agreement.",
			id);
	else if (proposal->state == PROPOSAL_INITIAL)
		exchange_reply_message(
			exchange, 400,
			"Can't create Agreement for Proposal [%s]. No negotiation with Provider "
			"took place. (You should counter Proposal at least one time)",
			id);
	else if (proposal->state == PROPOSAL_REJECTED)
		exchange_reply_message(exchange, 400, "Can't create Agreement for rejected Proposal [%s].",
				       id);
	else if (proposal->state == PROPOSAL_ACCEPTED)
		exchange_reply_message(exchange, 409, "Can't create second Agreement for Proposal [%s].", id);
	else if (proposal->counter)
		exchange_reply_message(exchange, 400,
				       "Can't create Agreement for already countered Proposal [%s].", id);
	else
		return true;
	return false;
}

static struct deal *deal_new(struct devnet *devnet, struct proposal *offer, const struct timespec *valid_to)
{
	struct deal *deal = mem_alloc(sizeof(*deal));

	wire_hex_id(deal->agreement.id, 64);
	snprintf(deal->agreement.requestor, sizeof(deal->agreement.requestor), "%s", devnet->identity);
	deal->agreement.provider = offer->offer->provider;
	deal->agreement.demand = offer->previous->properties;
	deal->agreement.offer = offer->properties;
	deal->agreement.platform = properties_text(offer->previous->properties, PROPERTY_CHOSEN_PLATFORM);
	deal->devnet = devnet;
	deal->offer = offer;
	deal->demand = offer->previous;
	deal->created = wire_now();
	deal->valid_to = *valid_to;
	offer->state = PROPOSAL_ACCEPTED;
	HASH_ADD_STR(devnet->market->deals, agreement.id, deal);
	return deal;
}

static void post_agreement(struct exchange *exchange)
{
	struct devnet *devnet = exchange_devnet(exchange);
	const cJSON *body = exchange_json_as(exchange, &proposal_type);

	if (!body)
		return;

	const char *id = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(body, "proposalId"));
	const char *fault = market_proposal_id_fault(id);
	struct proposal *proposal = fault ? NULL : proposal_find(devnet, id);
	struct timespec valid_to = {0};

	wire_parse_time(cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(body, "validTo")), &valid_to);
	if (fault)
		exchange_reply_message(exchange, 400, "Invalid Agreement id. Id [%s] %s", id, fault);
	else if (!proposal)
		exchange_reply_message(exchange, 400,
				       "Can't create Agreement for Proposal [%s]. Proposal [%s] not found.",
				       id, id);
	else if (check_promotion(exchange, proposal))
		exchange_reply_json(exchange, 200,
				    cJSON_CreateString(deal_new(devnet, proposal, &valid_to)->agreement.id));
}

/* ---- reading ---- */

static cJSON *side_json(const struct proposal *proposal, const struct timespec *created)
{
	cJSON *json = cJSON_CreateObject();

	cJSON_AddItemToObject(json, "properties", cJSON_Duplicate(proposal->properties, true));
	cJSON_AddStringToObject(json, "constraints", proposal->constraints);
	cJSON_AddStringToObject(json, proposal->ours ? "demandId" : "offerId",
				proposal->ours ? proposal->demand_id : proposal->offer->id);
	cJSON_AddStringToObject(json, proposal->ours ? "requestorId" : "providerId",
				proposal->ours ? proposal->devnet->identity
					       : proposal->offer->provider->node_id);
	cJSON_AddItemToObject(json, "timestamp", market_time(created, 9));
	return json;
}

static cJSON *deal_json(const struct deal *deal)
{
	static const char *const signatures[] = {"proposedSignature", "approvedSignature",
						 "committedSignature"};
	cJSON *json = cJSON_CreateObject();

	cJSON_AddStringToObject(json, "agreementId", deal->agreement.id);
	cJSON_AddItemToObject(json, "demand", side_json(deal->demand, &deal->created));
	cJSON_AddItemToObject(json, "offer", side_json(deal->offer, &deal->created));
	cJSON_AddItemToObject(json, "validTo", market_time(&deal->valid_to, 9));
	if (deal->agreement.approved)
		cJSON_AddItemToObject(json, "approvedDate", market_time(&deal->approved, 9));
	cJSON_AddStringToObject(json, "state", state_names[deal->state]);
	cJSON_AddItemToObject(json, "timestamp", market_time(&deal->created, 9));
	if (deal->agreement.session)
		cJSON_AddStringToObject(json, "appSessionId", deal->agreement.session);
	for (unsigned i = 0; i < 3; i++)
		if (i ? deal->agreement.approved : deal->confirmed)
			cJSON_AddStringToObject(json, signatures[i], "NoSignature");
	return json;
}

static void get_agreement(struct exchange *exchange)
{
	struct deal *deal = path_deal(exchange, WORDS_PLAIN, "");

	if (deal)
		exchange_reply_json(exchange, 200, deal_json(deal));
}

/* The filters of a listing; times are zero when they are not given. */
struct listing {
	const char *state, *session;
	struct timespec before, after;
};

static int compare_time(const struct timespec *a, const struct timespec *b)
{
	if (a->tv_sec != b->tv_sec)
		return a->tv_sec < b->tv_sec ? -1 : 1;
	return (a->tv_nsec > b->tv_nsec) - (a->tv_nsec < b->tv_nsec);
}

static bool is_listed(const struct deal *deal, const struct listing *listing)
{
	if (listing->state && strcmp(listing->state, state_names[deal->state]))
		return false;
	if (listing->session &&
	    (!deal->agreement.session || strcmp(listing->session, deal->agreement.session)))
		return false;
	if (listing->before.tv_sec && compare_time(&deal->created, &listing->before) >= 0)
		return false;
	return !listing->after.tv_sec || compare_time(&deal->created, &listing->after) > 0;
}

static bool read_listing(struct exchange *exchange, struct listing *listing)
{
	unsigned i = 0;

	if (!exchange_query_text(exchange, "state", &listing->state) ||
	    !exchange_query_time(exchange, "beforeDate", &listing->before) ||
	    !exchange_query_time(exchange, "afterDate", &listing->after) ||
	    !exchange_query_text(exchange, "appSessionId", &listing->session))
		return false;
	while (listing->state && state_names[i] && strcmp(listing->state, state_names[i]))
		i++;
	if (state_names[i])
		return true;
	exchange_refuse_query(exchange,
			      "unknown variant `%s`, expected one of `Proposal`, `Pending`, `Cancelled`, "
			      "`Rejected`, `Approved`, `Expired`, `Terminated`",
			      listing->state);
	return false;
}

static cJSON *listing_entry(const struct deal *deal)
{
	cJSON *entry = cJSON_CreateObject();

	cJSON_AddStringToObject(entry, "id", deal->agreement.id);
	cJSON_AddItemToObject(entry, "timestamp", market_time(&deal->created, 9));
	cJSON_AddItemToObject(entry, "approvedDate",
			      deal->agreement.approved ? market_time(&deal->approved, 9)
						       : cJSON_CreateNull());
	cJSON_AddStringToObject(entry, "role", "Requestor");
	return entry;
}

static void list_agreements(struct exchange *exchange)
{
	struct listing listing = {0};
	struct deal *deal, *next;
	cJSON *list;

	if (!read_listing(exchange, &listing))
		return;
	list = cJSON_CreateArray();
	HASH_ITER (hh, exchange_devnet(exchange)->market->deals, deal, next)
		if (is_listed(deal, &listing))
			cJSON_AddItemToArray(list, listing_entry(deal));
	exchange_reply_json(exchange, 200, list);
}

/* ---- confirming, and the provider's word ---- */

static void reply_status(struct exchange *exchange, const struct deal *deal)
{
	const char *id = deal->agreement.id;

	switch (deal->state) {
	case DEAL_APPROVED:
		exchange_reply_empty(exchange, 204);
		break;
	case DEAL_REJECTED:
	case DEAL_CANCELLED:
		exchange_reply_message(exchange, 410, "%s", state_names[deal->state]);
		break;
	case DEAL_EXPIRED:
		exchange_reply_message(exchange, 410, "Agreement [R-%s] expired.", id);
		break;
	case DEAL_TERMINATED:
		exchange_reply_message(exchange, 400, "Agreement [R-%s] terminated.", id);
		break;
	default:
		exchange_reply_message(exchange, 400,
				       "Agreement [R-%s] should be confirmed, before waiting for approval.",
				       id);
	}
}

static void wake_waiting(struct deal *deal)
{
	while (deal->waiting)
		reply_status(poll_take(deal->waiting), deal);
}

static void expire_running(void *context)
{
	struct deal *deal = context;
	double ms = 0;
	char text[40];

	deal->expiration = NULL;
	properties_number(deal->agreement.demand, PROPERTY_EXPIRATION, &ms);

	struct timespec end = {.tv_sec = (time_t)(ms / 1000)};

	wire_time(text, &end, 0);
	text[10] = ' ';
	text[19] = '\0';

	char *message MEM_AUTO = mem_printf("Agreement expired @ %s UTC", text);

	market_provider_terminates(&deal->agreement, message, "Expired");
}

/* The provider ends the agreement when the time asked for is over (reference 3.1). */
static void plan_expiration(struct deal *deal)
{
	struct timespec now = wire_now();
	double ms;

	if (!properties_number(deal->agreement.demand, PROPERTY_EXPIRATION, &ms))
		return;

	double left = ms - (double)now.tv_sec * 1000 - (double)now.tv_nsec / 1e6;

	/* Beyond what anybody waits for in one go there is nothing to plan. */
	if (left < 1e12)
		deal->expiration =
			loop_after(deal->devnet->loop, left > 0 ? (uint64_t)left : 0, expire_running, deal);
}

static void end_by_fault(void *context)
{
	struct deal *deal = context;
	char *message MEM_AUTO = mem_move(&deal->fault_message);

	deal->fault = NULL;
	market_provider_terminates(&deal->agreement, message, "Shutdown");
}

static void plan_fault(struct deal *deal)
{
	const struct fault *fault = fault_hit(deal->devnet, "terminate-agreement", deal->agreement.provider);

	if (!fault)
		return;
	deal->fault_message = mem_strdup(*fault->message ? fault->message : "Shutting down Provider");
	deal->fault = loop_after(deal->devnet->loop, fault->delay_ms, end_by_fault, deal);
}

static void approve(struct deal *deal)
{
	deal->state = DEAL_APPROVED;
	deal->approved = wire_now();
	deal->agreement.approved = true;
	deal->agreement.approved_at = (double)deal->approved.tv_sec + (double)deal->approved.tv_nsec / 1e9;
	deal->offer->offer->agreements++;
	plan_expiration(deal);
	plan_fault(deal);
	deal_event_add(deal, NULL, NULL);
	activity_agreement_approved(deal->devnet, &deal->agreement);
	payment_agreement_approved(deal->devnet, &deal->agreement);
}

static void decide(void *context)
{
	struct deal *deal = context;
	char *refusal MEM_AUTO = NULL;

	deal->approval = NULL;
	if (!can_become(deal, DEAL_APPROVED) || !market_reaches(deal->devnet, deal->agreement.provider) ||
	    fault_hits(deal->devnet, "ignore-agreement", deal->agreement.provider))
		return;
	if (is_past(&deal->valid_to)) {
		deal->state = DEAL_EXPIRED;
		wake_waiting(deal);
		return;
	}
	refusal = negotiator_refusal(deal);
	if (refusal) {
		cJSON *reason = cJSON_CreateObject();

		cJSON_AddStringToObject(reason, "message", refusal);
		deal->state = DEAL_REJECTED;
		deal_event_add(deal, NULL, reason);
	} else {
		approve(deal);
	}
	wake_waiting(deal);
}

/* The provider's daemon refuses what its own proposals do not allow any more; its ids are those of the other side. */
static bool provider_takes(struct exchange *exchange, const struct deal *deal)
{
	const char *id = deal->agreement.id;

	if (!market_reaches(deal->devnet, deal->agreement.provider))
		exchange_reply_message(exchange, 500, "Protocol error: Propose Agreement [R-%s] %s.", id,
				       DEVNET_GSB_TIMEOUT);
	else if (deal->offer->counter)
		exchange_reply_message(
			exchange, 500,
			"Protocol error: Agreement [P-%s] remote error: Can't create Agreement for "
			"already countered Proposal [P-%s].",
			id, deal->offer->id + 2);
	else
		return true;
	return false;
}

static void confirm_agreement(struct exchange *exchange)
{
	struct devnet *devnet = exchange_devnet(exchange);
	const char *session = NULL;
	struct deal *deal;

	if (!exchange_query_text(exchange, "appSessionId", &session))
		return;
	deal = path_deal(exchange, WORDS_PLAIN, "R-");
	if (!deal || !check_way(exchange, deal, DEAL_PENDING) || !provider_takes(exchange, deal))
		return;
	deal->state = DEAL_PENDING;
	deal->confirmed = true;
	if (session)
		deal->agreement.session = mem_strdup(session);
	deal->approval = loop_after(devnet->loop, devnet->latencies.approval_ms, decide, deal);
	exchange_reply_empty(exchange, 204);
}

static void wait_timeout(struct exchange *exchange, void *context)
{
	struct poll *poll = context;
	const char *id = poll->deal->agreement.id;

	exchange_reply_message(poll_take(poll), 408, "Timeout while waiting for Agreement [R-%s] approval.",
			       id);
}

static void wait_for_approval(struct exchange *exchange)
{
	double timeout = MARKET_TIMEOUT_DEFAULT;
	struct deal *deal;

	if (!exchange_query_float(exchange, "timeout", &timeout))
		return;
	deal = path_deal(exchange, WORDS_WAIT, "R-");
	if (!deal)
		return;
	if (deal->state == DEAL_PENDING)
		poll_wait(&deal->waiting, exchange, timeout, wait_timeout)->deal = deal;
	else
		reply_status(exchange, deal);
}

/* ---- endings ---- */

static void cancel_agreement(struct exchange *exchange)
{
	const cJSON *reason;
	struct deal *deal;

	if (!market_read_reason(exchange, &reason))
		return;
	deal = path_deal(exchange, WORDS_PLAIN, "R-");
	if (!deal || !check_way(exchange, deal, DEAL_CANCELLED))
		return;
	if (!market_reaches(deal->devnet, deal->agreement.provider)) {
		exchange_reply_message(exchange, 500,
				       "Protocol error while approving: Approve Agreement [R-%s] %s.",
				       deal->agreement.id, DEVNET_GSB_TIMEOUT);
	} else if (deal->state == DEAL_PROPOSAL) {
		/* The provider has never heard of it. */
		exchange_reply_message(
			exchange, 500,
			"Protocol error while approving: Remote failed to approve. Error: Agreement "
			"[P-%s] not found.",
			deal->agreement.id);
	} else {
		deal->state = DEAL_CANCELLED;
		loop_cancel(&deal->approval);
		deal_event_add(deal, NULL, reason ? cJSON_Duplicate(reason, true) : NULL);
		wake_waiting(deal);
		exchange_reply_empty(exchange, 200);
	}
}

/* After an agreement the same pair may negotiate anew: a fresh Initial comes (reference 2.5). */
static void offer_again(struct deal *deal)
{
	struct demand *demand = demand_find(deal->devnet, deal->demand->demand_id);
	struct offer *offer = deal->offer->offer;

	if (demand && !demand->expired)
		demand_add_proposal(demand,
				    proposal_new(deal->devnet, offer, demand->id,
						 cJSON_Duplicate(offer->provider->offer_properties, true),
						 offer->provider->offer_constraints, NULL));
}

static void terminate(struct deal *deal, const char *terminator, cJSON *reason)
{
	deal->state = DEAL_TERMINATED;
	deal->agreement.terminated = true;
	deal->offer->offer->agreements--;
	loop_cancel(&deal->expiration);
	loop_cancel(&deal->fault);
	deal->end = deal_event_add(deal, terminator, reason);
	offer_again(deal);
	activity_agreement_ended(deal->devnet, &deal->agreement);
	payment_agreement_ended(deal->devnet, &deal->agreement);
}

void market_provider_terminates(struct agreement *agreement, const char *message, const char *code)
{
	struct deal *deal = (struct deal *)agreement;
	cJSON *reason;

	if (!can_become(deal, DEAL_TERMINATED))
		return;
	reason = cJSON_CreateObject();
	cJSON_AddStringToObject(reason, "message", message);
	cJSON_AddStringToObject(reason, "golem.provider.code", code);
	terminate(deal, "Provider", reason);
}

static void terminate_agreement(struct exchange *exchange)
{
	const cJSON *reason;
	struct deal *deal;

	if (!market_read_reason(exchange, &reason))
		return;
	deal = path_deal(exchange, WORDS_TERMINATE, "");
	if (!deal || !check_way(exchange, deal, DEAL_TERMINATED))
		return;
	if (!market_reaches(deal->devnet, deal->agreement.provider)) {
		/* It stays approved; the requestor may try again. */
		exchange_reply_message(exchange, 500,
				       "Protocol error while terminating: Terminate Agreement [R-%s] %s.",
				       deal->agreement.id, DEVNET_GSB_TIMEOUT);
		return;
	}
	terminate(deal, "Requestor", reason ? cJSON_Duplicate(reason, true) : NULL);
	exchange_reply_empty(exchange, 200);
}

static void get_reason(struct exchange *exchange)
{
	struct deal *deal = path_deal(exchange, WORDS_TERMINATE, "");

	if (deal && deal->end)
		exchange_reply_json(exchange, 200, deal_event_json(deal->end));
	else if (deal)
		exchange_reply_message(exchange, 400, "Agreement [R-%s] not terminated yet.",
				       deal->agreement.id);
}

const struct route agreement_routes[] = {
	{"POST", "/market-api/v1/agreements", post_agreement},
	{"GET", "/market-api/v1/agreements", list_agreements},
	{"GET", "/market-api/v1/agreements/{}", get_agreement},
	{"POST", "/market-api/v1/agreements/{}/confirm", confirm_agreement},
	{"POST", "/market-api/v1/agreements/{}/wait", wait_for_approval},
	{"POST", "/market-api/v1/agreements/{}/cancel", cancel_agreement},
	{"POST", "/market-api/v1/agreements/{}/terminate", terminate_agreement},
	{"GET", "/market-api/v1/agreements/{}/terminate/reason", get_reason},
	{NULL, NULL, NULL},
};
