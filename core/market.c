#include "core/market.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "core/demand.h"
#include "core/early.h"
#include "core/mem.h"
#include "core/rental.h"
#include "core/root.h"
#include "core/timefmt.h"

enum {
	/* yagna drops a demand after an hour (reference/yagna-api.md 2.3) */
	REPUBLISH_MS = 30 * 60 * 1000,
	POLL_S = 30,
	POLL_MAX = 100,
	/* After the first offer, and after asking a cheaper one, so long a dearer draft is held back. Offers that are
	 * on the market already arrive within some 10 ms of the first, and a provider answers in as many (2.4, 11). */
	GRACE_MS = 40,
	/* Asked beside those needed, so that one refusal costs no round. */
	SPARE_COUNTERS = 2,
	COUNTER_TIMEOUT_MS = 15000,
	FAILED_PAUSE_MS = 10 * 60 * 1000,
	REJECTED_PAUSE_MS = 5000,
	RETRY_MS = 1000,
	ALLOCATION_MARGIN_MS = 2 * 60 * 60 * 1000,
};

/* One published demand; the old one lives on beside the new one until its poll has ended. */
struct subscription {
	struct market *market;
	char *demand;
	uint64_t entry;
	struct yagna_call *poll, *removal;
	bool closed;
	struct subscription *prev, *next;
};

struct market {
	struct backend *backend; /* held */
	struct golem *golem;
	struct yagna *yagna;
	char *platform, *address;
	char *task_package, *allocation;
	uint64_t allocation_entry;
	cJSON *decorations; /* properties and clauses as they came */
	char **clauses;
	unsigned clause_count;
	struct demand demand;
	struct subscription *subscriptions, *current;
	struct early *early;   /* rejections before the names of what they reject */
	uint64_t demand_entry; /* of the one being published */
	struct yagna_call *image_call, *call, *amend_call;
	struct loop_timer *republish, *tick, *retry;
	struct offer *offers;
	uint64_t first_offer_ms;
	struct instance *wanted;
	unsigned wanted_count;
	bool published, closed;
	void (*released)(struct backend *backend);
};

static void step(struct market *market);
static void tick_later(struct market *market, uint64_t ms);
static void poll_offers(struct subscription *subscription);

static uint64_t wall_ms(void)
{
	struct timespec now = timefmt_now();

	return (uint64_t)now.tv_sec * 1000 + (uint64_t)(now.tv_nsec / 1000000);
}

static struct timespec wall_after(uint64_t ms)
{
	uint64_t then = wall_ms() + ms;

	return (struct timespec){.tv_sec = (time_t)(then / 1000), .tv_nsec = (long)(then % 1000) * 1000000};
}

static uint64_t rent_ms(const struct market *market)
{
	return (uint64_t)(setting_number(backend_text(market->backend, SET_RENT_HOURS)) * 3600000);
}

/* --- the way to the demand: image and allocation side by side, decorations, demand ------------------------- */

static void fail(struct market *market, const struct err *err)
{
	if (market->closed)
		step(market); /* stopped meanwhile: go on giving back */
	else if (!market->published)
		backend_published(market->backend, err); /* the market may be gone after this */
}

static void got_image(void *context, const struct yagna_failure *failure, const char *task_package)
{
	struct market *market = context;

	market->image_call = NULL;
	if (failure) {
		struct err err;

		err_set(&err, failure->status == 404 ? ENOENT : failure->err.code, "image: %s",
			failure->err.text);
		fail(market, &err);
		return;
	}
	market->task_package = mem_strdup(task_package);
	step(market);
}

static void tell_budget(struct market *market)
{
	DECIMAL_AUTO struct decimal amount = decimal_zero();

	backend_budget(market->backend, &amount);
	payment_set_budget(market->golem->payment, market->allocation, &amount);
}

/* A request that failed; if it may have been carried out all the same, what it made is looked for and ended. */
static void not_made(struct market *market, const struct yagna_failure *failure, uint64_t entry)
{
	if (failure->unsure)
		adopt_doubt(market->golem, entry);
	else
		journal_gone(market->golem->journal, entry);
}

static void got_allocation(void *context, const struct yagna_failure *failure,
			   const struct yagna_allocation *allocation)
{
	struct market *market = context;
	cJSON *extra;

	market->call = NULL;
	if (failure) {
		not_made(market, failure, market->allocation_entry);
		market->allocation_entry = 0;
		fail(market, &failure->err);
		return;
	}
	market->allocation = mem_strdup(allocation->id);
	journal_confirm(market->golem->journal, market->allocation_entry, allocation->id);
	tell_budget(market);
	extra = cJSON_CreateObject();
	cJSON_AddStringToObject(extra, "allocation", allocation->id);
	cJSON_AddStringToObject(extra, "amount", allocation->total);
	cJSON_AddStringToObject(extra, "platform", market->platform);
	obj_event(&market->backend->obj, "allocationCreated", extra);
	step(market);
}

static void allocate(struct market *market)
{
	DECIMAL_AUTO struct decimal amount = decimal_zero();
	struct timespec timeout = wall_after(rent_ms(market) * 5 / 4 + ALLOCATION_MARGIN_MS);
	char stamp[TIMEFMT_SIZE];
	cJSON *facts = cJSON_CreateObject();
	struct err err = {0};

	timeout.tv_nsec = timeout.tv_nsec / 1000000 * 1000000; /* as it is sent, for recognising it later */
	timefmt_print(stamp, &timeout, 3);
	cJSON_AddStringToObject(facts, "backend", market->backend->obj.name);
	cJSON_AddStringToObject(facts, "session", market->golem->session);
	cJSON_AddStringToObject(facts, "timeout", stamp);
	cJSON_AddStringToObject(facts, "platform", market->platform);
	market->allocation_entry = journal_intend(market->golem->journal, JOURNAL_ALLOCATION, facts, &err);
	if (!market->allocation_entry) {
		fail(market, &err);
		return;
	}
	backend_budget(market->backend, &amount);
	market->call = yagna_allocate(market->yagna, market->platform, market->address, &amount, &timeout,
				      got_allocation, market);
}

static void got_decorations(void *context, const struct yagna_failure *failure,
			    const struct yagna_decorations *decorations)
{
	struct market *market = context;

	market->call = NULL;
	if (failure) {
		fail(market, &failure->err);
		return;
	}
	market->decorations = cJSON_Duplicate(decorations->properties, true);
	market->clause_count = decorations->count;
	market->clauses = mem_alloc((decorations->count + 1) * sizeof(char *));
	for (unsigned i = 0; i < decorations->count; i++)
		market->clauses[i] = mem_strdup(decorations->clauses[i]);
	step(market);
}

static void retry_publish(void *context)
{
	struct market *market = context;

	market->retry = NULL;
	step(market);
}

static void got_demand(void *context, const struct yagna_failure *failure, const char *id)
{
	struct market *market = context;
	struct subscription *subscription;
	cJSON *extra;

	market->call = NULL;
	if (failure) {
		not_made(market, failure, market->demand_entry);
		market->demand_entry = 0;
		if (market->published && !market->closed) /* a republishing: goes on by itself */
			market->retry = loop_after(market->golem->loop, RETRY_MS, retry_publish, market);
		else
			fail(market, &failure->err);
		return;
	}
	journal_confirm(market->golem->journal, market->demand_entry, id);
	subscription = mem_alloc(sizeof(*subscription));
	subscription->market = market;
	subscription->demand = mem_strdup(id);
	subscription->entry = market->demand_entry;
	market->demand_entry = 0;
	DL_APPEND(market->subscriptions, subscription);
	market->current = subscription;
	extra = cJSON_CreateObject();
	cJSON_AddStringToObject(extra, "demand", id);
	obj_event(&market->backend->obj, "demandPublished", extra);
	poll_offers(subscription);
	step(market);
}

static void publish(struct market *market)
{
	struct yagna_decorations decorations = {market->decorations, (const char *const *)market->clauses,
						market->clause_count};
	uint64_t expires_ms = wall_ms() + rent_ms(market);
	cJSON *facts = cJSON_CreateObject();
	struct err err = {0};

	demand_free(&market->demand);
	demand_build(&market->demand, &market->backend->values, market->task_package, &decorations,
		     expires_ms);
	cJSON_AddStringToObject(facts, "backend", market->backend->obj.name);
	cJSON_AddNumberToObject(facts, "expiration", (double)expires_ms);
	market->demand_entry = journal_intend(market->golem->journal, JOURNAL_DEMAND, facts, &err);
	if (!market->demand_entry) {
		fail(market, &err);
		return;
	}
	market->call = yagna_publish(market->yagna, market->demand.properties, market->demand.constraints,
				     got_demand, market);
}

static void unsubscribe(struct subscription *subscription);

static void republish(void *context)
{
	struct market *market = context;

	market->republish = NULL;
	market_amend(market);
	if (market->current)
		unsubscribe(market->current);
	market->current = NULL;
	for (struct offer *offer = market->offers; offer; offer = offer->hh.next) {
		yagna_cancel(&offer->call);
		offer_drop_proposals(offer);
		if (offer->status == OFFER_COUNTERED || offer->status == OFFER_DRAFT)
			offer_set(offer, OFFER_OPEN, NULL);
	}
	step(market);
}

static void got_release(void *context, const struct yagna_failure *failure)
{
	struct market *market = context;
	cJSON *extra;

	market->call = NULL;
	if (failure && failure->err.code == EHOSTUNREACH && !market->golem->leaving) {
		market->retry = loop_after(market->golem->loop, RETRY_MS, retry_publish, market);
		return;
	}
	if (!failure) {
		journal_gone(market->golem->journal, market->allocation_entry);
		extra = cJSON_CreateObject();
		cJSON_AddStringToObject(extra, "allocation", market->allocation);
		obj_event(&market->backend->obj, "allocationReleased", extra);
	}
	free(mem_move(&market->allocation));
	market->allocation_entry = 0;
	step(market);
}

/* The one place that knows what comes next, whatever has just ended. */
static void step(struct market *market)
{
	if (market->call || market->retry)
		return;
	if (market->released) { /* a demand may have come after the closing, and goes first */
		if (market->current)
			unsubscribe(market->current);
		market->current = NULL;
		if (market->subscriptions)
			return;
		if (market->allocation) {
			market->call = yagna_release(market->yagna, market->allocation, got_release, market);
			return;
		}
		struct backend *backend = market->backend;
		void (*released)(struct backend *) = market->released;

		obj_ref(&backend->obj);
		market_forget(market);
		released(backend);
		obj_unref(&backend->obj);
		return;
	}
	if (market->closed)
		return;
	if (!market->allocation)
		allocate(market);
	else if (!market->decorations)
		market->call = yagna_decorations(market->yagna, market->allocation, got_decorations, market);
	else if (!market->task_package)
		return; /* got_image() goes on */
	else if (!market->current)
		publish(market);
	else if (!market->republish) {
		market->republish = loop_after(market->golem->loop, REPUBLISH_MS, republish, market);
		if (!market->published) {
			market->published = true;
			backend_published(market->backend, NULL);
		}
		tick_later(market, 0);
	}
}

void market_begin(struct backend *backend, const struct account *account, const char *allocation,
		  uint64_t entry)
{
	struct market *market = mem_alloc(sizeof(*market));

	backend->market = market;
	market->backend = backend;
	obj_ref(&backend->obj);
	market->golem = backend->obj.golem;
	market->yagna = market->golem->yagna;
	market->platform = mem_strdup(account->platform);
	market->address = mem_strdup(account->address);
	market->image_call = yagna_find_image(market->yagna, market->golem->registry_url,
					      backend_text(backend, SET_IMAGE), got_image, market);
	if (allocation) {
		market->allocation = mem_strdup(allocation);
		market->allocation_entry = entry;
		tell_budget(market);
	}
	step(market); /* last: a failure ends the market */
}

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
		poll_offers(market->current);
	tick_later(market, 0);
}

static void poll_offers(struct subscription *subscription)
{
	struct market *market = subscription->market;

	subscription->poll = yagna_poll_offers(market->yagna, subscription->demand, POLL_S, POLL_MAX,
					       got_offers, subscription);
}

static void drop_subscription(struct subscription *subscription)
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
		drop_subscription(subscription);
		loop_cancel(&market->republish);
		republish(market);
		return;
	}
	if (failure) {
		loop_cancel(&market->tick);
		market->tick = loop_after(market->golem->loop, RETRY_MS, poll_again, market);
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
	poll_offers(subscription);
	tick_later(market, 0);
}

static void got_removal(void *context, const struct yagna_failure *failure)
{
	struct subscription *subscription = context;
	struct market *market = subscription->market;

	subscription->removal = NULL;
	if (!failure)
		journal_gone(market->golem->journal, subscription->entry);
	drop_subscription(subscription);
	step(market);
}

static void unsubscribe(struct subscription *subscription)
{
	if (subscription->closed)
		return;
	subscription->closed = true;
	subscription->removal =
		yagna_unpublish(subscription->market->yagna, subscription->demand, got_removal, subscription);
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
	tick_later(market, 0);
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
	tick_later(market, 0);
}

static void counter(struct market *market, struct offer *offer)
{
	cJSON *properties;

	offer->expires_ms = wall_ms() + rent_ms(market);
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

static void tick(void *context)
{
	struct market *market = context;
	uint64_t now = loop_now_ms(market->golem->loop);
	struct offer *offer;

	market->tick = NULL;
	if (market->closed)
		return;
	if (market->current && !market->current->poll)
		poll_offers(market->current);
	give_up_silent(market, now);
	while (market->wanted && (offer = offer_cheapest(market->offers, OFFER_DRAFT, now))) {
		struct instance *instance = market->wanted;
		uint64_t ripe = ripe_at(market, offer);

		if (ripe > now) {
			tick_later(market, ripe - now);
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
		tick_later(market, COUNTER_TIMEOUT_MS / 3); /* for those who never answer */
}

static void tick_later(struct market *market, uint64_t ms)
{
	loop_cancel(&market->tick);
	market->tick = loop_after(market->golem->loop, ms, tick, market);
}

void market_want(struct market *market, struct instance *instance)
{
	DL_APPEND2(market->wanted, instance, want_prev, want_next);
	market->wanted_count++;
	tick_later(market, 0);
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
	if (status == OFFER_FAILED)
		offer->not_before_ms = loop_now_ms(market->golem->loop) + FAILED_PAUSE_MS;
	offer_set(offer, status, why);
	obj_changed(&market->backend->obj, ASPECT_OFFERS);
	tick_later(market, 0);
}

/* --- money and the end ------------------------------------------------------------------------------------- */

static void amended(void *context, const struct yagna_failure *failure,
		    const struct yagna_allocation *allocation)
{
	struct market *market = context;

	market->amend_call = NULL;
	if (failure)
		obj_refuse(&market->backend->obj, 0, "budget", &failure->err);
}

void market_amend(struct market *market)
{
	DECIMAL_AUTO struct decimal amount = decimal_zero();
	struct timespec timeout = wall_after(rent_ms(market) * 5 / 4 + ALLOCATION_MARGIN_MS);

	if (!market->allocation || market->released)
		return;
	tell_budget(market);
	backend_budget(market->backend, &amount);
	yagna_cancel(&market->amend_call);
	market->amend_call =
		yagna_amend_allocation(market->yagna, market->allocation, &amount, &timeout, amended, market);
}

void market_close(struct market *market)
{
	market->closed = true;
	yagna_cancel(&market->image_call);
	loop_cancel(&market->republish);
	loop_cancel(&market->tick);
	loop_cancel(&market->retry);
	while (market->wanted)
		market_unwant(market, market->wanted);
	for (struct offer *offer = market->offers; offer; offer = offer->hh.next)
		yagna_cancel(&offer->call);
	if (market->current)
		unsubscribe(market->current);
	market->current = NULL;
}

void market_release(struct market *market, void (*done)(struct backend *backend))
{
	market->released = done;
	step(market);
}

void market_forget(struct market *market)
{
	struct backend *backend = market->backend;

	while (market->subscriptions)
		drop_subscription(market->subscriptions);
	yagna_cancel(&market->image_call);
	yagna_cancel(&market->call);
	yagna_cancel(&market->amend_call);
	loop_cancel(&market->republish);
	loop_cancel(&market->tick);
	loop_cancel(&market->retry);
	while (market->wanted)
		market_unwant(market, market->wanted);
	early_free(&market->early);
	offers_free(&market->offers);
	demand_free(&market->demand);
	cJSON_Delete(market->decorations);
	for (unsigned i = 0; i < market->clause_count; i++)
		free(market->clauses[i]);
	free(market->clauses);
	free(market->platform);
	free(market->address);
	free(market->task_package);
	free(market->allocation);
	free(market);
	backend->market = NULL;
	obj_unref(&backend->obj);
}

struct offer *market_offers(const struct market *market)
{
	return market->offers;
}

const char *market_allocation(const struct market *market)
{
	return market->allocation;
}
