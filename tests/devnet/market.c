#include "tests/devnet/market.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "core/mem.h"
#include "tests/devnet/fault.h"
#include "tests/devnet/properties.h"
#include "tests/devnet/route.h"
#include "tests/devnet/serde.h"

/* ---- small things shared in the market ---- */

cJSON *market_time(const struct timespec *time, unsigned digits)
{
	char text[40];

	wire_time(text, time, digits);
	return cJSON_CreateString(text);
}

static unsigned random_below(unsigned bound)
{
	unsigned value = 0;

	if (getrandom(&value, sizeof(value), 0) != sizeof(value))
		value = (unsigned)rand();
	return bound ? value % bound : 0;
}

static void poll_gone(struct exchange *exchange, void *context)
{
	struct poll *poll = context;

	poll_take(poll);
}

struct poll *poll_wait(struct poll **list, struct exchange *exchange, double seconds, exchange_call timeout)
{
	struct poll *poll = mem_alloc(sizeof(*poll));

	poll->exchange = exchange;
	poll->list = list;
	DL_APPEND(*list, poll);
	exchange_wait(exchange, seconds, timeout, poll_gone, poll);
	return poll;
}

struct exchange *poll_take(struct poll *poll)
{
	struct exchange *exchange = poll->exchange;

	DL_DELETE(*poll->list, poll);
	free(poll->session);
	free(poll);
	return exchange;
}

static bool all_hex(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!isxdigit((unsigned char)text[i]))
			return false;
	return true;
}

static const char *demand_id_fault(const char *id)
{
	const char *dash = strchr(id, '-');

	if (!dash || strchr(dash + 1, '-'))
		return "has invalid format.";
	if (!all_hex(id, (size_t)(dash - id)) || !all_hex(dash + 1, strlen(dash + 1)))
		return "contains non hexadecimal characters.";
	if (dash - id != 32 || strlen(dash + 1) != 64)
		return "hash has invalid length.";
	return NULL;
}

bool market_check_demand_id(struct exchange *exchange, const char *id)
{
	const char *fault = demand_id_fault(id);

	if (fault)
		exchange_reply_text(exchange, 400,
				    "{\"message\":\"Path deserialize error: Subscription id [%s] %s\"}", id,
				    fault);
	return !fault;
}

const char *market_proposal_id_fault(const char *id)
{
	const char *dash = strchr(id, '-');

	if (!dash || strchr(dash + 1, '-'))
		return "has invalid format.";
	if (dash - id != 1 || (*id != 'R' && *id != 'P'))
		return "has invalid owner type.";
	if (!all_hex(dash + 1, strlen(dash + 1)))
		return "contains non hexadecimal characters.";
	if (strlen(dash + 1) != 64)
		return "hash has invalid length. Should be |64|";
	return NULL;
}

bool market_check_max_events(struct exchange *exchange, long max)
{
	if (max >= 1 && max <= MARKET_EVENTS_MAX)
		return true;
	exchange_reply_message(exchange, 400, "Invalid maxEvents '%ld', should be between 1 and %d.", max,
			       MARKET_EVENTS_MAX);
	return false;
}

bool market_reaches(struct devnet *devnet, const struct provider *provider)
{
	return provider->reachable && !fault_hits(devnet, "unreachable", provider);
}

/* ---- offers and their matching ---- */

bool market_matches(const struct constraint *demand, const cJSON *demand_properties,
		    const struct constraint *offer, const cJSON *offer_properties, cJSON *offer_missing,
		    cJSON *demand_missing)
{
	if (!demand || !offer)
		return false;

	bool one = constraint_evaluate(demand, offer_properties, offer_missing) == CONSTRAINT_TRUE;
	bool other = constraint_evaluate(offer, demand_properties, demand_missing) == CONSTRAINT_TRUE;

	return one && other;
}

const struct constraint *offer_filter(struct offer *offer)
{
	const char *now = offer->provider->offer_constraints;

	if (!offer->parsed || strcmp(offer->parsed, now)) {
		constraint_free(offer->filter);
		free(offer->parsed);
		offer->filter = constraint_parse(now, NULL, NULL);
		offer->parsed = mem_strdup(now);
	}
	return offer->filter;
}

static bool show_offer(struct demand *demand, struct offer *offer)
{
	struct provider *provider = offer->provider;

	if (!market_matches(demand->filter, demand->properties, offer_filter(offer),
			    provider->offer_properties, NULL, NULL) ||
	    fault_hits(demand->devnet, "no-offer", provider))
		return false;
	demand_add_proposal(demand, proposal_new(demand->devnet, offer, demand->id,
						 cJSON_Duplicate(provider->offer_properties, true),
						 provider->offer_constraints, NULL));
	return true;
}

static void show_other_offers(void *context)
{
	struct demand *demand = context;

	demand->matching = NULL;
	while (demand->unmatched_count)
		show_offer(demand, demand->unmatched[--demand->unmatched_count]);
}

/* A first poll brings the first offer alone, the others come with the next news from the network (reference 2.4). */
static void show_first_offer(void *context)
{
	struct demand *demand = context;
	bool shown = false;

	while (demand->unmatched_count && !shown)
		shown = show_offer(demand, demand->unmatched[--demand->unmatched_count]);
	demand->matching = loop_after(demand->devnet->loop, demand->devnet->latencies.offer_ms,
				      show_other_offers, demand);
}

/* In random order; those who will say no are not among the first, as nobody who wants to rent at once would like. */
static void match_with_all(struct demand *demand)
{
	struct market *market = demand->devnet->market;
	struct offer *offer;

	demand->unmatched = mem_alloc((market->offer_count + 1) * sizeof(struct offer *));
	for (int willing = 0; willing < 2; willing++) {
		unsigned first = demand->unmatched_count;

		LL_FOREACH (market->offers, offer) {
			if (offer->provider->rejects == willing)
				continue;

			unsigned place = first + random_below(++demand->unmatched_count - first);

			demand->unmatched[demand->unmatched_count - 1] = demand->unmatched[place];
			demand->unmatched[place] = offer;
		}
	}
	demand->matching = loop_after(demand->devnet->loop, 0, show_first_offer, demand);
}

static void match_offer(struct demand *demand, struct offer *offer)
{
	demand->unmatched =
		mem_resize(demand->unmatched, (demand->unmatched_count + 1) * sizeof(struct offer *));
	demand->unmatched[demand->unmatched_count++] = offer;
	if (!demand->matching)
		demand->matching = loop_after(demand->devnet->loop, demand->devnet->latencies.offer_ms,
					      show_other_offers, demand);
}

static struct offer *offer_of(struct market *market, const struct provider *provider)
{
	struct offer *offer;

	LL_FOREACH (market->offers, offer)
		if (offer->provider == provider)
			return offer;
	return NULL;
}

static void subscription_id(char out[MARKET_ID_SIZE])
{
	wire_hex_id(out, 32);
	out[32] = '-';
	wire_hex_id(out + 33, 64);
}

static void publish_offer(struct market *market, struct provider *provider)
{
	struct offer *offer = mem_alloc(sizeof(*offer));
	struct demand *demand, *next;

	offer->provider = provider;
	offer->created = wire_now();
	offer->number = ++market->offer_count;
	subscription_id(offer->id);
	LL_APPEND(market->offers, offer);
	HASH_ITER (hh, market->demands, demand, next)
		match_offer(demand, offer);
}

void market_look_for_offers(struct devnet *devnet)
{
	struct market *market = devnet->market;
	struct provider *provider;
	unsigned before = market->offer_count;

	LL_FOREACH (devnet->providers, provider)
		if (!offer_of(market, provider))
			publish_offer(market, provider);
	if (market->offer_count != before)
		scan_show_offers(devnet);
}

/* ---- demands ---- */

struct demand *demand_find(struct devnet *devnet, const char *id)
{
	struct demand *demand;

	HASH_FIND_STR(devnet->market->demands, id, demand);
	return demand;
}

static void event_free(struct demand *demand, struct demand_event *event)
{
	DL_DELETE(demand->queue, event);
	cJSON_Delete(event->reason);
	free(event);
}

/* Whoever still polls is told that the demand is gone. */
static void demand_free(struct market *market, struct demand *demand, bool answer)
{
	HASH_DEL(market->demands, demand);
	while (demand->polls) {
		struct exchange *exchange = poll_take(demand->polls);

		if (!answer)
			exchange_hang_up(exchange);
		else
			exchange_reply_message(exchange, 404,
					       "Subscription [%s] not found. Could be unsubscribed.",
					       demand->id);
	}
	while (demand->queue)
		event_free(demand, demand->queue);
	loop_cancel(&demand->matching);
	loop_cancel(&demand->expiry);
	constraint_free(demand->filter);
	cJSON_Delete(demand->properties);
	free(demand->constraints);
	free(demand->unmatched);
	free(demand);
}

static void demand_expired(void *context)
{
	struct demand *demand = context;

	demand->expiry = NULL;
	demand->expired = true;
	loop_cancel(&demand->matching);
	while (demand->polls)
		exchange_reply_message(poll_take(demand->polls), 404, "Subscription [%s] expired.",
				       demand->id);
}

static const struct serde_field new_demand_fields[] = {
	{"properties", &serde_any, 0}, {"constraints", &serde_string, 0}, {NULL, NULL, 0}};
static const struct serde_type new_demand_type = {SERDE_STRUCT, "struct DemandOfferBase",
						  .fields = new_demand_fields};

static void post_demand(struct exchange *exchange)
{
	struct devnet *devnet = exchange_devnet(exchange);
	const cJSON *body = exchange_json_as(exchange, &new_demand_type);

	if (!body)
		return;

	struct demand *demand = mem_alloc(sizeof(*demand));

	demand->devnet = devnet;
	subscription_id(demand->id);
	demand->properties = properties_flatten(cJSON_GetObjectItemCaseSensitive(body, "properties"));
	demand->constraints =
		mem_strdup(cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(body, "constraints")));
	demand->filter = constraint_parse(demand->constraints, NULL, NULL);
	demand->created = wire_now();
	market_look_for_offers(devnet);
	HASH_ADD_STR(devnet->market->demands, id, demand);
	demand->expiry = loop_after(devnet->loop, MARKET_DEMAND_TTL_S * 1000, demand_expired, demand);
	match_with_all(demand);
	exchange_reply_json(exchange, 201, cJSON_CreateString(demand->id));
}

static cJSON *demand_json(const struct demand *demand)
{
	cJSON *json = cJSON_CreateObject();

	cJSON_AddItemToObject(json, "properties", cJSON_Duplicate(demand->properties, true));
	cJSON_AddStringToObject(json, "constraints", demand->constraints);
	cJSON_AddStringToObject(json, "demandId", demand->id);
	cJSON_AddStringToObject(json, "requestorId", demand->devnet->identity);
	cJSON_AddItemToObject(json, "timestamp", market_time(&demand->created, 9));
	return json;
}

static void get_demands(struct exchange *exchange)
{
	struct demand *demand, *next;
	cJSON *list = cJSON_CreateArray();

	HASH_ITER (hh, exchange_devnet(exchange)->market->demands, demand, next)
		if (!demand->expired)
			cJSON_AddItemToArray(list, demand_json(demand));
	exchange_reply_json(exchange, 200, list);
}

static void delete_demand(struct exchange *exchange)
{
	struct devnet *devnet = exchange_devnet(exchange);
	const char *id = exchange_part(exchange, 0);
	struct demand *demand;

	if (!market_check_demand_id(exchange, id))
		return;
	demand = demand_find(devnet, id);
	if (!demand) {
		exchange_reply_message(exchange, 404, "Demand [%s] not found.", id);
		return;
	}
	demand_free(devnet->market, demand, true);
	exchange_reply_empty(exchange, 204);
}

/* ---- the queue of a demand: taking is forgetting (reference 2.4) ---- */

static cJSON *event_json(const struct demand_event *event)
{
	cJSON *json = cJSON_CreateObject();

	cJSON_AddStringToObject(json, "eventType",
				event->rejection ? "ProposalRejectedEvent" : "ProposalEvent");
	cJSON_AddItemToObject(json, "eventDate", market_time(&event->date, 3));
	if (event->rejection) {
		cJSON_AddStringToObject(json, "proposalId", event->proposal->id);
		if (event->reason)
			cJSON_AddItemToObject(json, "reason", cJSON_Duplicate(event->reason, true));
	} else {
		cJSON_AddItemToObject(json, "proposal", proposal_json(event->proposal));
	}
	return json;
}

/* Rejections first, by time; then proposals in random order, but those of providers that will say no after the others:
 * who takes the first offer shall be able to rent. */
static struct demand_event *next_event(const struct demand *demand)
{
	struct demand_event *event, *chosen[2] = {NULL, NULL};
	unsigned seen[2] = {0, 0};

	DL_FOREACH (demand->queue, event) {
		if (event->rejection)
			return event;
		bool unwilling = event->proposal->offer->provider->rejects;
		if (random_below(++seen[unwilling]) == 0)
			chosen[unwilling] = event;
	}
	return chosen[0] ? chosen[0] : chosen[1];
}

static void reply_with_events(struct demand *demand, struct exchange *exchange, long max)
{
	cJSON *list = cJSON_CreateArray();
	bool lost = fault_hits(demand->devnet, "lose-events", NULL);

	while (demand->queue && max-- > 0) {
		struct demand_event *event = next_event(demand);

		if (!lost)
			cJSON_AddItemToArray(list, event_json(event));
		event_free(demand, event);
	}
	exchange_reply_json(exchange, 200, list);
}

static void add_event(struct demand *demand, struct demand_event *event)
{
	event->date = wire_now();
	DL_APPEND(demand->queue, event);
	if (demand->polls) {
		long max = demand->polls->max;

		reply_with_events(demand, poll_take(demand->polls), max);
	}
}

void demand_add_proposal(struct demand *demand, struct proposal *proposal)
{
	struct demand_event *event = mem_alloc(sizeof(*event));

	event->proposal = proposal;
	add_event(demand, event);
}

void demand_add_rejection(struct demand *demand, struct proposal *proposal, cJSON *reason)
{
	struct demand_event *event = mem_alloc(sizeof(*event));

	event->proposal = proposal;
	event->rejection = true;
	event->reason = reason;
	add_event(demand, event);
}

static void events_timeout(struct exchange *exchange, void *context)
{
	exchange_reply_json(poll_take(context), 200, cJSON_CreateArray());
}

static void get_demand_events(struct exchange *exchange)
{
	const char *id = exchange_part(exchange, 0);
	double timeout = MARKET_TIMEOUT_DEFAULT;
	long max = MARKET_EVENTS_DEFAULT;
	struct demand *demand;

	if (!market_check_demand_id(exchange, id) || !exchange_query_float(exchange, "timeout", &timeout) ||
	    !exchange_query_int(exchange, "maxEvents", &max) || !market_check_max_events(exchange, max))
		return;
	demand = demand_find(exchange_devnet(exchange), id);
	if (!demand)
		exchange_reply_message(exchange, 404, "Subscription [%s] not found. Could be unsubscribed.",
				       id);
	else if (demand->expired)
		exchange_reply_message(exchange, 404, "Subscription [%s] expired.", id);
	else if (demand->queue)
		reply_with_events(demand, exchange, max);
	else
		poll_wait(&demand->polls, exchange, timeout, events_timeout)->max = max;
}

const struct route market_routes[] = {
	{"POST", "/market-api/v1/demands", post_demand},
	{"GET", "/market-api/v1/demands", get_demands},
	{"DELETE", "/market-api/v1/demands/{}", delete_demand},
	{"GET", "/market-api/v1/demands/{}/events", get_demand_events},
	{NULL, NULL, NULL},
};

/* ---- the market as a whole ---- */

struct market *market_new(struct devnet *devnet)
{
	struct market *market = mem_alloc(sizeof(*market));

	market->devnet = devnet;
	return market;
}

static void free_events(struct market *market)
{
	struct deal_event *event, *next;

	DL_FOREACH_SAFE (market->events, event, next) {
		DL_DELETE(market->events, event);
		cJSON_Delete(event->reason);
		free(event);
	}
}

void market_free(struct market *market)
{
	struct demand *demand, *next_demand;
	struct proposal *proposal, *next_proposal;
	struct deal *deal, *next_deal;
	struct offer *offer, *next_offer;

	if (!market)
		return;
	while (market->event_polls)
		exchange_hang_up(poll_take(market->event_polls));
	HASH_ITER (hh, market->demands, demand, next_demand)
		demand_free(market, demand, false);
	free_events(market);
	HASH_ITER (hh, market->deals, deal, next_deal) {
		HASH_DEL(market->deals, deal);
		deal_free(deal);
	}
	HASH_ITER (hh, market->proposals, proposal, next_proposal) {
		HASH_DEL(market->proposals, proposal);
		proposal_free(proposal);
	}
	LL_FOREACH_SAFE (market->offers, offer, next_offer) {
		constraint_free(offer->filter);
		free(offer->parsed);
		free(offer);
	}
	scan_forget(market->devnet);
	free(market);
}
