#include "core/market_impl.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "core/mem.h"
#include "core/root.h"
#include "core/timefmt.h"

enum {
	/* yagna drops a demand after an hour (reference/yagna-api.md 2.3) */
	REPUBLISH_MS = 30 * 60 * 1000,
	ALLOCATION_MARGIN_MS = 2 * 60 * 60 * 1000,
};

static void step(struct market *market);

uint64_t market_wall_ms(void)
{
	struct timespec now = timefmt_now();

	return (uint64_t)now.tv_sec * 1000 + (uint64_t)(now.tv_nsec / 1000000);
}

static struct timespec wall_after(uint64_t ms)
{
	uint64_t then = market_wall_ms() + ms;

	return (struct timespec){.tv_sec = (time_t)(then / 1000), .tv_nsec = (long)(then % 1000) * 1000000};
}

uint64_t market_rent_ms(const struct market *market)
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
	if (maybe_carried_out(failure))
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
	struct timespec timeout = wall_after(market_rent_ms(market) * 5 / 4 + ALLOCATION_MARGIN_MS);
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

static void have_demand(struct market *market, const char *id)
{
	struct subscription *subscription = mem_alloc(sizeof(*subscription));
	cJSON *extra = cJSON_CreateObject();

	journal_confirm(market->golem->journal, market->demand_entry, id);
	subscription->market = market;
	subscription->demand = mem_strdup(id);
	subscription->entry = market->demand_entry;
	market->demand_entry = 0;
	DL_APPEND(market->subscriptions, subscription);
	market->current = subscription;
	cJSON_AddStringToObject(extra, "demand", id);
	obj_event(&market->backend->obj, "demandPublished", extra);
	haggle_poll(subscription);
	step(market);
}

static void got_demand(void *context, const struct yagna_failure *failure, const char *id)
{
	struct market *market = context;

	market->call = NULL;
	if (!failure) {
		have_demand(market, id);
		return;
	}
	not_made(market, failure, market->demand_entry);
	market->demand_entry = 0;
	if (market->published && !market->closed) /* a republishing: goes on by itself */
		market->retry = loop_after(market->golem->loop, MARKET_RETRY_MS, retry_publish, market);
	else
		fail(market, &failure->err);
}

static void publish(struct market *market)
{
	struct yagna_decorations decorations = {market->decorations, (const char *const *)market->clauses,
						market->clause_count};
	uint64_t expires_ms = market_wall_ms() + market_rent_ms(market);
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

static void got_removal(void *context, const struct yagna_failure *failure)
{
	struct subscription *subscription = context;
	struct market *market = subscription->market;

	subscription->removal = NULL;
	if (!failure)
		journal_gone(market->golem->journal, subscription->entry);
	haggle_drop(subscription);
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

static void republish(void *context)
{
	struct market *market = context;

	market->republish = NULL;
	market_republish(market);
}

void market_republish(struct market *market)
{
	loop_cancel(&market->republish);
	market_amend(market);
	if (market->current)
		unsubscribe(market->current);
	market->current = NULL;
	haggle_over(market);
	step(market);
}

static void got_release(void *context, const struct yagna_failure *failure)
{
	struct market *market = context;
	cJSON *extra;

	market->call = NULL;
	if (failure && failure->err.code == EHOSTUNREACH && !market->golem->leaving) {
		market->retry = loop_after(market->golem->loop, MARKET_RETRY_MS, retry_publish, market);
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
		haggle_later(market, 0);
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
	struct timespec timeout = wall_after(market_rent_ms(market) * 5 / 4 + ALLOCATION_MARGIN_MS);

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
		haggle_drop(market->subscriptions);
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
