/* Offers and counter-proposals of a market, and the handing out of drafts (see market.h). */
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "core/market_impl.h"
#include "core/mem.h"
#include "core/rental.h"

enum {
	POLL_S = 30,
	POLL_MAX = 100,
	/* After the first offer, and after asking a cheaper one, so long a dearer draft is held back. Offers that are
	 * on the market already arrive within some 10 ms of the first, and a provider answers in as many (2.4, 11); a
	 * busy machine takes some times that, and a tenth of a second is little beside the activity's creation. */
	GRACE_MS = 100,
	/* Asked beside those needed, so that one refusal costs no round. */
	SPARE_COUNTERS = 2,
	COUNTER_TIMEOUT_MS = 15000,
	FAILED_PAUSE_MS = 10 * 60 * 1000,
	REJECTED_PAUSE_MS = 5000,
};

/* --- offers ------------------------------------------------------------------------------------------------ */

static void told(struct market *market, const char *event, const struct offer *offer, const char *message)
{
	cJSON *extra = cJSON_CreateObject();

	cJSON_AddStringToObject(extra, "provider", offer->provider);
	cJSON_AddStringToObject(extra, "name", offer->name);
	cJSON_AddNumberToObject(extra, "glm_per_hour", offer->glm_per_hour);
	cJSON_AddStringToObject(extra, "message", message ? message : "");
	obj_event(&market->backend->obj, event, extra);
}

static struct offer *offer_of_counter(struct market *market, const char *counter)
{
	for (struct offer *offer = market->offers; offer; offer = offer->hh.next)
		if (offer->counter && strcmp(offer->counter, counter) == 0)
			return offer;
	return NULL;
}

/* The provider's answer may overtake yagna's answer to our counter, which names it: until then a draft is known by
 * its provider, and a rejection, which names nobody, is kept. */
static bool counter_unnamed(const struct offer *offer)
{
	return offer && offer->status == OFFER_COUNTERED && offer->call && !offer->counter;
}

static unsigned counters_unnamed(const struct market *market)
{
	unsigned count = 0;

	for (const struct offer *offer = market->offers; offer; offer = offer->hh.next)
		count += counter_unnamed(offer);
	return count;
}

static void replace(char **field, const char *text)
{
	free(*field);
	*field = mem_strdup(text);
}

static void take_initial(struct market *market, const struct yagna_offer_event *event)
{
	struct offer *offer = offer_find(market->offers, event->provider);
	bool fresh = !offer;

	/* a provider with several presets: one that is under way is not disturbed by another price */
	if (offer && (offer->status == OFFER_COUNTERED || offer->status == OFFER_DRAFT)) {
		replace(&offer->proposal, event->id);
		return;
	}
	offer = offer_learn(&market->offers, event->provider, event->properties, &market->backend->values,
			    market->platform);
	replace(&offer->proposal, event->id);
	if (!market->first_offer_ms)
		market->first_offer_ms = loop_now_ms(market->golem->loop);
	if (fresh)
		told(market, "offerReceived", offer, offer->why);
}

static void take_draft(struct market *market, const struct yagna_offer_event *event)
{
	struct offer *offer = offer_of_counter(market, event->previous);
	enum offer_status before;

	if (!offer) {
		offer = offer_find(market->offers, event->provider);
		if (!counter_unnamed(offer))
			return; /* the answer to a counter given up meanwhile */
	}
	before = offer->status;
	/* a draft may name another price than the offer did: it is judged again */
	offer_learn(&market->offers, offer->provider, event->properties, &market->backend->values,
		    market->platform);
	free(mem_move(&offer->counter));
	if (before != OFFER_COUNTERED || offer->status == OFFER_UNWANTED)
		return;
	replace(&offer->draft, event->id);
	offer_set(offer, OFFER_DRAFT, NULL);
}

static void take_rejection(struct market *market, const struct yagna_offer_event *event)
{
	BUF_AUTO struct buf why = {0};
	struct offer *offer = offer_of_counter(market, event->id);

	if (!offer) {
		early_keep(&market->early, event, counters_unnamed(market));
		return;
	}
	buf_adds(&why, "provider: ");
	buf_add_clean(&why, *event->reason ? event->reason : "no reason given");
	free(mem_move(&offer->counter));
	offer->not_before_ms =
		loop_now_ms(market->golem->loop) + (event->final ? FAILED_PAUSE_MS : REJECTED_PAUSE_MS);
	if (offer->status == OFFER_COUNTERED)
		offer_set(offer, OFFER_REJECTED, buf_text(&why));
	told(market, "offerRejected", offer, buf_text(&why));
}

static void got_offers(void *context, const struct yagna_failure *failure,
		       const struct yagna_offer_event *events, unsigned count);

static void poll_again(void *context)
{
	struct market *market = context;

	market->tick = NULL;
	if (market->current && !market->current->poll)
		haggle_poll(market->current);
	haggle_later(market, 0);
}

void haggle_poll(struct subscription *subscription)
{
	struct market *market = subscription->market;

	subscription->poll = yagna_poll_offers(market->yagna, subscription->demand, POLL_S, POLL_MAX,
					       got_offers, subscription);
}

void haggle_drop(struct subscription *subscription)
{
	struct market *market = subscription->market;

	yagna_cancel(&subscription->poll);
	yagna_cancel(&subscription->removal);
	DL_DELETE(market->subscriptions, subscription);
	if (market->current == subscription)
		market->current = NULL;
	free(subscription->demand);
	free(subscription);
}

static void got_offers(void *context, const struct yagna_failure *failure,
		       const struct yagna_offer_event *events, unsigned count)
{
	struct subscription *subscription = context;
	struct market *market = subscription->market;

	subscription->poll = NULL;
	if (subscription->closed)
		return;                          /* the removal, still under way, tidies up */
	if (failure && failure->status == 404) { /* yagna forgot it, say in a restart: another one */
		journal_gone(market->golem->journal, subscription->entry);
		haggle_drop(subscription);
		market_republish(market);
		return;
	}
	if (failure) {
		loop_cancel(&market->tick);
		market->tick = loop_after(market->golem->loop, MARKET_RETRY_MS, poll_again, market);
		return;
	}
	for (unsigned i = 0; i < count; i++)
		if (events[i].rejected)
			take_rejection(market, &events[i]);
		else if (events[i].draft)
			take_draft(market, &events[i]);
		else
			take_initial(market, &events[i]);
	if (count)
		obj_changed(&market->backend->obj, ASPECT_OFFERS);
	haggle_poll(subscription);
	haggle_later(market, 0);
}

/* --- asking and handing out -------------------------------------------------------------------------------- */

static void apply_early(struct market *market, const char *id)
{
	struct early *early = early_find(market->early, id);

	if (!early)
		return;
	take_rejection(market, &(struct yagna_offer_event){.rejected = true,
							   .id = early->id,
							   .reason = early->reason,
							   .final = early->final});
	early_drop(&market->early, early);
	haggle_later(market, 0);
}

static void got_counter(void *context, const struct yagna_failure *failure, const char *id)
{
	struct offer *offer = context;
	struct market *market = offer->market;

	offer->call = NULL;
	if (offer->status != OFFER_COUNTERED)
		return; /* the provider's answer was faster */
	if (!failure) {
		replace(&offer->counter, id);
		apply_early(market, id);
		return; /* the answer comes as an event */
	}
	offer->not_before_ms = loop_now_ms(market->golem->loop) + REJECTED_PAUSE_MS;
	offer_set(offer, OFFER_REJECTED, failure->err.text);
	told(market, "offerRejected", offer, failure->err.text);
	haggle_later(market, 0);
}

static void counter(struct market *market, struct offer *offer)
{
	cJSON *properties;

	offer->expires_ms = market_wall_ms() + market_rent_ms(market);
	offer->countered_ms = loop_now_ms(market->golem->loop);
	offer->market = market;
	properties =
		demand_counter(&market->demand, market->platform, offer->accept_timeout_s, offer->expires_ms);
	offer_set(offer, OFFER_COUNTERED, NULL);
	offer->call = yagna_counter(market->yagna, market->current->demand, offer->proposal, properties,
				    market->demand.constraints, got_counter, offer);
	cJSON_Delete(properties);
	free(mem_move(&offer->proposal)); /* a proposal can be countered once */
}

static void give_up_silent(struct market *market, uint64_t now)
{
	for (struct offer *offer = market->offers; offer; offer = offer->hh.next)
		if (offer->status == OFFER_COUNTERED && offer->countered_ms + COUNTER_TIMEOUT_MS <= now) {
			yagna_cancel(&offer->call);
			free(mem_move(&offer->counter));
			offer->not_before_ms = now + REJECTED_PAUSE_MS;
			offer_set(offer, OFFER_REJECTED, "provider: no answer");
			told(market, "offerRejected", offer, offer->why);
		}
}

/* When the draft may be taken: at once, unless cheaper ones may be about to come. */
static uint64_t ripe_at(struct market *market, const struct offer *draft)
{
	uint64_t at = market->first_offer_ms + GRACE_MS;
	struct offer *offer;

	for (offer = market->offers; offer; offer = offer->hh.next)
		if (offer->status == OFFER_COUNTERED && offer->glm_per_hour < draft->glm_per_hour &&
		    offer->countered_ms + GRACE_MS > at)
			at = offer->countered_ms + GRACE_MS;
	return at;
}

/* A provider can be in a network only once (reference/yagna-api.md 6.3): those that another instance has in one of ours
 * are passed over. */
static void bar_members(struct market *market)
{
	for (struct offer *offer = market->offers; offer; offer = offer->hh.next) {
		bool is_free = offer->status == OFFER_OPEN || offer->status == OFFER_DRAFT;
		const struct network *network =
			is_free ? backend_network_with(market->backend, offer->provider) : NULL;
		BUF_AUTO struct buf why = {0};

		if (network)
			buf_printf(&why, "it is in the network %s already, and can be there only once",
				   network->obj.name);
		if (network || (offer->barred && is_free))
			offer_set(offer, offer->status, network ? buf_text(&why) : NULL);
		offer->barred = network;
	}
}

static void tick(void *context)
{
	struct market *market = context;
	uint64_t now = loop_now_ms(market->golem->loop);
	struct offer *offer;

	market->tick = NULL;
	if (market->closed)
		return;
	if (market->current && !market->current->poll)
		haggle_poll(market->current);
	give_up_silent(market, now);
	bar_members(market);
	while (market->wanted && (offer = offer_cheapest(market->offers, OFFER_DRAFT, now))) {
		struct instance *instance = market->wanted;
		uint64_t ripe = ripe_at(market, offer);

		if (ripe > now) {
			haggle_later(market, ripe - now);
			break;
		}
		market_unwant(market, instance);
		offer_set(offer, OFFER_TAKEN, NULL);
		rental_take(instance, offer);
		free(mem_move(&offer->draft));
		obj_changed(&market->backend->obj, ASPECT_OFFERS);
	}
	while (market->wanted && market->current &&
	       offers_count(market->offers, OFFER_COUNTERED) + offers_count(market->offers, OFFER_DRAFT) <
		       market->wanted_count + SPARE_COUNTERS &&
	       (offer = offer_cheapest(market->offers, OFFER_OPEN, now)))
		counter(market, offer);
	if (market->wanted && !market->tick)
		haggle_later(market, COUNTER_TIMEOUT_MS / 3); /* for those who never answer */
}

void haggle_later(struct market *market, uint64_t ms)
{
	loop_cancel(&market->tick);
	market->tick = loop_after(market->golem->loop, ms, tick, market);
}

void haggle_over(struct market *market)
{
	for (struct offer *offer = market->offers; offer; offer = offer->hh.next) {
		yagna_cancel(&offer->call);
		offer_drop_proposals(offer);
		if (offer->status == OFFER_COUNTERED || offer->status == OFFER_DRAFT)
			offer_set(offer, OFFER_OPEN, NULL);
	}
}

void market_look(struct market *market)
{
	if (!market->closed)
		haggle_later(market, 0);
}

unsigned market_barred(const struct market *market)
{
	unsigned count = 0;

	for (const struct offer *offer = market->offers; offer; offer = offer->hh.next)
		count += offer->barred;
	return count;
}

void market_want(struct market *market, struct instance *instance)
{
	DL_APPEND2(market->wanted, instance, want_prev, want_next);
	market->wanted_count++;
	haggle_later(market, 0);
}

void market_unwant(struct market *market, struct instance *instance)
{
	if (!instance->want_prev)
		return;
	DL_DELETE2(market->wanted, instance, want_prev, want_next);
	instance->want_prev = instance->want_next = NULL;
	market->wanted_count--;
}

void market_returned(struct market *market, const char *provider, enum offer_status status, const char *why)
{
	struct offer *offer = offer_find(market->offers, provider);

	if (!offer)
		return;
	/* A refusal is often a matter of the moment: a provider that is just being left has no room yet. */
	if (status == OFFER_FAILED || status == OFFER_REJECTED)
		offer->not_before_ms = loop_now_ms(market->golem->loop) +
				       (status == OFFER_FAILED ? FAILED_PAUSE_MS : REJECTED_PAUSE_MS);
	offer_set(offer, status, why);
	obj_changed(&market->backend->obj, ASPECT_OFFERS);
	haggle_later(market, 0);
}
