#include "core/rental.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "core/line.h"
#include "core/market.h"
#include "core/mem.h"
#include "core/record.h"
#include "core/timefmt.h"

enum {
	AGREEMENT_VALID_S = 3600, /* for its approval; as golem-js */
	APPROVAL_POLL_S = 15,
	APPROVAL_TRIES = 4,
	TERMINATE_TRIES = 8,
	PAY_MS = 60000, /* an invoice usually comes within seconds of the end, slow providers take longer */
	PAY_LEAVING_MS = 4000,
	EXPIRY_EARLY_MS = 10000, /* left before the provider leaves */
};

static struct yagna *yagna_of(const struct instance *instance)
{
	return instance->obj.golem->yagna;
}

static void replace(char **field, const char *text)
{
	free(*field);
	*field = text ? mem_strdup(text) : NULL;
}

static cJSON *about_agreement(const struct instance *instance, const char *message)
{
	cJSON *extra = cJSON_CreateObject();

	cJSON_AddStringToObject(extra, "provider", instance->provider);
	cJSON_AddStringToObject(extra, "name", instance->provider_name);
	if (instance->agreement)
		cJSON_AddStringToObject(extra, "agreement", instance->agreement);
	if (message)
		cJSON_AddStringToObject(extra, "message", message);
	return extra;
}

/* --- over -------------------------------------------------------------------------------------------------- */

static void out_of_sight(struct instance *instance)
{
	struct golem *golem = instance->obj.golem;
	struct backend *backend = backend_of_instance(instance);

	yagna_cancel(&instance->call);
	loop_cancel(&instance->limit);
	loop_cancel(&instance->expiry);
	loop_cancel(&instance->again);
	line_drop(&instance->line);
	instance->step = RENTAL_NONE;
	DL_DELETE(golem->rentals, instance);
	backend->live--;
	obj_ref(&backend->obj);
	obj_unref(&instance->obj); /* the one of rental_begin() */
	backend_look(backend);
	obj_unref(&backend->obj);
	golem_look(golem);
}

static void paid_or_given_up(void *context)
{
	struct instance *instance = context;

	instance->expiry = NULL;
	journal_gone(instance->obj.golem->journal, instance->agreement_entry);
	out_of_sight(instance);
}

/* The machine and the agreement are gone; what may be left is the invoice. */
static void over(struct instance *instance)
{
	struct golem *golem = instance->obj.golem;
	struct err *why = mem_move(&instance->outcome);
	bool owing = instance->account && !payment_settled(instance->account);

	journal_gone(golem->journal, instance->activity_entry);
	membership_leave(instance);
	record_remove(golem, instance->activity);
	loop_cancel(&instance->limit);
	loop_cancel(&instance->expiry);
	loop_cancel(&instance->again);
	instance->ending = false;
	instance->step = RENTAL_PAYING;
	if (instance->provider && backend_of_instance(instance)->market)
		market_returned(backend_of_instance(instance)->market, instance->provider,
				instance->final == INSTANCE_ERROR ? OFFER_FAILED : OFFER_OPEN,
				why ? why->text : NULL);
	if (instance->provider)
		obj_event(&instance->obj, "instanceDestroyed", about_agreement(instance, NULL));
	instance_enter(instance, instance->final, why);
	free(why);
	instance->expiry = loop_after(golem->loop,
				      !owing           ? 0
				      : golem->leaving ? PAY_LEAVING_MS
						       : PAY_MS,
				      paid_or_given_up, instance);
	backend_look(backend_of_instance(instance));
}

/* --- money ------------------------------------------------------------------------------------------------- */

static void noticed(void *context, const struct payment_notice *notice)
{
	static const char *const names[] = {
		[PAYMENT_NOTE_ACCEPTED] = "debitNoteAccepted",
		[PAYMENT_INVOICE_RECEIVED] = "invoiceReceived",
		[PAYMENT_INVOICE_ACCEPTED] = "invoiceAccepted",
		[PAYMENT_REFUSED] = "paymentRefused",
	};
	struct instance *instance = context;
	cJSON *extra;

	obj_changed(&instance->obj, ASPECT_COST);
	obj_changed(instance->obj.parent, ASPECT_COST);
	obj_changed(&instance->obj.golem->obj, ASPECT_COST);
	if (notice->event != PAYMENT_FIGURES) {
		extra = about_agreement(instance, notice->why);
		cJSON_AddStringToObject(extra, notice->document == YAGNA_INVOICE ? "invoice" : "debitNote",
					notice->id);
		cJSON_AddStringToObject(extra, "amount", notice->amount);
		obj_event(&instance->obj, names[notice->event], extra);
	}
	if (instance->step == RENTAL_PAYING && payment_settled(instance->account)) {
		loop_cancel(&instance->expiry);
		instance->expiry = loop_after(instance->obj.golem->loop, 0, paid_or_given_up, instance);
	}
}

int rental_open_account(struct instance *instance, struct err *err)
{
	struct payment_terms terms = {
		.agreement = instance->agreement,
		.provider = instance->provider,
		.allocation = market_allocation(backend_of_instance(instance)->market),
		.counters = instance->price->counters,
		.counter = instance->price->counter,
		.coefficient = instance->price->coefficient,
		.start_price = instance->price->start,
		.threads = instance->threads,
	};

	instance->account = payment_open(instance->obj.golem->payment, &terms, noticed, instance, err);
	free(mem_move(&instance->price));
	return instance->account ? 0 : -1;
}

/* --- the agreement ----------------------------------------------------------------------------------------- */

static void rent_timed_out(void *context)
{
	struct instance *instance = context;
	const struct market *market = backend_of_instance(instance)->market;
	unsigned barred = market ? market_barred(market) : 0;
	struct err err;

	instance->limit = NULL;
	err_set(&err, ETIMEDOUT, "no agreement within rent_timeout (%s s)%s; see offers of the backend",
		instance_text(instance, SET_RENT_TIMEOUT),
		barred ? ": a provider can be in a network only once, and there are not enough others" : "");
	obj_refuse(&instance->obj, 0, "rent", &err);
	rental_end(instance, INSTANCE_ERROR, &err);
}

void rental_begin(struct instance *instance)
{
	struct golem *golem = instance->obj.golem;
	uint64_t limit = setting_ms(instance_text(instance, SET_RENT_TIMEOUT));

	obj_ref(&instance->obj);
	DL_APPEND(golem->rentals, instance);
	backend_of_instance(instance)->live++;
	instance->step = RENTAL_WANTED;
	if (limit)
		instance->limit = loop_after(golem->loop, limit, rent_timed_out, instance);
	if (backend_of_instance(instance)->market)
		market_want(backend_of_instance(instance)->market, instance);
}

/* Nothing binds any more: with another provider, unless it is to end. */
static void elsewhere(struct instance *instance, enum offer_status status, const char *why)
{
	struct backend *backend = backend_of_instance(instance);

	journal_gone(instance->obj.golem->journal, instance->agreement_entry);
	instance->agreement_entry = 0;
	if (instance->account)
		payment_close(&instance->account);
	free(mem_move(&instance->price));
	if (backend->market)
		market_returned(backend->market, instance->provider, status, why);
	membership_name(instance, NULL);
	replace(&instance->rejected, instance->agreement);
	replace(&instance->rejecter, instance->provider);
	replace(&instance->agreement, NULL);
	replace(&instance->provider, NULL);
	replace(&instance->provider_name, NULL);
	if (instance->ending || !backend->market) {
		over(instance);
		return;
	}
	instance->step = RENTAL_WANTED;
	market_want(backend->market, instance);
}

static void refused(struct instance *instance, const char *why)
{
	BUF_AUTO struct buf text = {0};
	cJSON *extra = about_agreement(instance, NULL);

	buf_adds(&text, "agreement: ");
	buf_add_clean(&text, why);
	cJSON_AddStringToObject(extra, "message", buf_text(&text));
	obj_event(&instance->obj, "offerRejected", extra);
	elsewhere(instance, OFFER_REJECTED, buf_text(&text));
}

static void cancelled(void *context, const struct yagna_failure *failure)
{
	struct instance *instance = context;

	instance->call = NULL;
	if (failure) /* 410: approved meanwhile; else nobody knows, and terminating is right or refused */
		rental_terminate(instance);
	else
		elsewhere(instance, instance->ending ? OFFER_OPEN : OFFER_FAILED, "agreement: not answered");
}

static void approval_answered(void *context, const struct yagna_failure *failure,
			      enum yagna_approval approval);
static void cancel_agreement(struct instance *instance);

static void wait_approval(void *context)
{
	struct instance *instance = context;

	instance->again = NULL;
	instance->call = yagna_wait_approval(yagna_of(instance), instance->agreement, APPROVAL_POLL_S,
					     approval_answered, instance);
}

static void approved(struct instance *instance)
{
	instance->approved = true;
	loop_cancel(&instance->limit);
	obj_event(&instance->obj, "agreementApproved", about_agreement(instance, NULL));
	instance_enter(instance, INSTANCE_AGREED, NULL);
	rental_adopt(instance);
	deploy_begin(instance);
}

static void approval_answered(void *context, const struct yagna_failure *failure,
			      enum yagna_approval approval)
{
	static const char *const why[] = {
		[YAGNA_REJECTED] = "rejected by the provider",
		[YAGNA_CANCELLED] = "cancelled",
		[YAGNA_EXPIRED] = "expired",
	};
	struct instance *instance = context;

	instance->call = NULL;
	if (failure && ++instance->tries < APPROVAL_TRIES) {
		instance->again = loop_after(instance->obj.golem->loop, 500, wait_approval, instance);
	} else if (failure) { /* it may be approved all the same */
		cancel_agreement(instance);
	} else if (approval == YAGNA_PENDING) { /* a provider that means it needs no second */
		cancel_agreement(instance);
	} else if (approval == YAGNA_APPROVED) {
		approved(instance);
	} else {
		refused(instance, why[approval]);
	}
}

static void cancel_agreement(struct instance *instance)
{
	instance->call = yagna_cancel_agreement(yagna_of(instance), instance->agreement, "no longer needed",
						cancelled, instance);
}

static void confirmed(void *context, const struct yagna_failure *failure)
{
	struct instance *instance = context;

	instance->call = NULL;
	instance->step = RENTAL_APPROVING;
	instance->tries = 0;
	/* 410: confirmed before; a request that lost its connection is sent again by the transport. After any other
	 * refusal the provider may have heard of it all the same. */
	if (instance->ending || (failure && !failure->unsure && failure->status != 410))
		cancel_agreement(instance);
	else
		wait_approval(instance);
}

static void created(void *context, const struct yagna_failure *failure, const char *id)
{
	struct instance *instance = context;
	struct err err = {0};

	instance->call = NULL;
	if (failure || instance->ending) { /* unconfirmed, it binds nobody */
		elsewhere(instance, failure ? OFFER_FAILED : OFFER_OPEN, failure ? failure->err.text : NULL);
		return;
	}
	replace(&instance->agreement, id);
	journal_confirm(instance->obj.golem->journal, instance->agreement_entry, id);
	if (rental_open_account(instance, &err)) {
		refused(instance, err.text);
		return;
	}
	instance->step = RENTAL_CONFIRMING;
	instance->call =
		yagna_confirm(yagna_of(instance), id, instance->obj.golem->session, confirmed, instance);
}

static uint64_t write_down(struct instance *instance, struct err *err)
{
	cJSON *facts = cJSON_CreateObject();

	cJSON_AddStringToObject(facts, "session", instance->obj.golem->session);
	cJSON_AddStringToObject(facts, "backend", instance->obj.parent->name);
	cJSON_AddStringToObject(facts, "instance", instance->obj.name);
	cJSON_AddBoolToObject(facts, "named", !instance->obj.removed);
	cJSON_AddStringToObject(facts, "provider", instance->provider);
	cJSON_AddNumberToObject(facts, "expires", (double)instance->expires_ms);
	cJSON_AddItemToObject(facts, "networks", membership_facts(instance));
	return journal_intend(instance->obj.golem->journal, JOURNAL_AGREEMENT, facts, err);
}

void rental_take(struct instance *instance, struct offer *offer)
{
	struct timespec valid_to = timefmt_now();
	struct err err = {0};

	valid_to.tv_sec += AGREEMENT_VALID_S;
	membership_name(instance, offer->provider);
	replace(&instance->provider, offer->provider);
	replace(&instance->provider_name, offer->name);
	free(instance->price);
	instance->price = mem_dup(&offer->price, sizeof(offer->price));
	instance->threads = (unsigned)offer->threads;
	instance->glm_per_hour = offer->glm_per_hour;
	instance->expires_ms = offer->expires_ms;
	instance->step = RENTAL_CREATING;
	instance->agreement_entry = write_down(instance, &err);
	if (!instance->agreement_entry) {
		rental_end(instance, INSTANCE_ERROR, &err);
		return;
	}
	instance->call =
		yagna_create_agreement(yagna_of(instance), offer->draft, &valid_to, created, instance);
}

static void expired(void *context)
{
	struct instance *instance = context;

	instance->expiry = NULL;
	rental_end(instance, INSTANCE_STOPPED, NULL);
}

void rental_adopt(struct instance *instance)
{
	struct timespec now = timefmt_now();
	int64_t left = (int64_t)instance->expires_ms - (int64_t)now.tv_sec * 1000 - EXPIRY_EARLY_MS;

	instance->expiry =
		loop_after(instance->obj.golem->loop, left > 0 ? (uint64_t)left : 0, expired, instance);
	backend_watch_budget(backend_of_instance(instance));
}

/* --- the end ----------------------------------------------------------------------------------------------- */

static void terminated(void *context, const struct yagna_failure *failure);

static void terminate_again(void *context)
{
	struct instance *instance = context;

	instance->again = NULL;
	instance->call =
		yagna_terminate(yagna_of(instance), instance->agreement, "Finished", terminated, instance);
}

static void terminated(void *context, const struct yagna_failure *failure)
{
	struct instance *instance = context;

	instance->call = NULL;
	if (failure && (failure->status == 0 || failure->status >= 500) &&
	    failure->err.code != EKEYREJECTED && ++instance->tries < TERMINATE_TRIES) {
		uint64_t pause = 250u << instance->tries;

		instance->again = loop_after(instance->obj.golem->loop, pause, terminate_again, instance);
		return;
	}
	if (!instance->ending) { /* one whose approval nobody could tell */
		elsewhere(instance, OFFER_FAILED, "agreement: yagna could not say what became of it");
		return;
	}
	obj_event(&instance->obj, "agreementTerminated",
		  about_agreement(instance, failure ? failure->err.text : NULL));
	if (instance->account)
		payment_ended(instance->account);
	over(instance);
}

void rental_terminate(struct instance *instance)
{
	instance->step = RENTAL_TERMINATING;
	instance->tries = 0;
	terminate_again(instance);
}

/* The agreement is known to be over already. */
static void lay_down(struct instance *instance)
{
	if (instance->account)
		payment_ended(instance->account);
	over(instance);
}

static void wind_up(struct instance *instance)
{
	switch (instance->step) {
	case RENTAL_WANTED:
		if (backend_of_instance(instance)->market)
			market_unwant(backend_of_instance(instance)->market, instance);
		over(instance);
		break;
	case RENTAL_CREATING:
	case RENTAL_CONFIRMING:
		if (!instance->call)
			over(instance);
		break; /* else a matter of milliseconds: the answer goes on */
	case RENTAL_APPROVING:
		yagna_cancel(&instance->call);
		loop_cancel(&instance->again);
		cancel_agreement(instance);
		break;
	case RENTAL_ACTIVITY:
		loop_cancel(&instance->again);
		deploy_wind_up(instance);
		break;
	case RENTAL_DEPLOYING:
	case RENTAL_READY:
		yagna_cancel(&instance->call);
		loop_cancel(&instance->again);
		deploy_wind_up(instance);
		break;
	default:
		break;
	}
}

void rental_end(struct instance *instance, enum instance_state final, const struct err *why)
{
	bool first = !instance->ending && instance->step != RENTAL_NONE && instance->step != RENTAL_PAYING;

	if (!first) {
		if (instance->unregarded && instance->step == RENTAL_TEARDOWN) {
			yagna_cancel(&instance->call);
			deploy_wind_up(instance);
		}
		return;
	}
	instance->ending = true;
	instance->final = final;
	membership_leave(instance);
	loop_cancel(&instance->limit);
	loop_cancel(&instance->expiry);
	if (!obj_settled(&instance->obj))
		instance->obj.cancels += final == INSTANCE_STOPPED;
	if (instance->step != RENTAL_WANTED)
		instance_enter(instance, INSTANCE_STOPPING, why);
	else
		outcome_set(&instance->outcome, why);
	wind_up(instance);
}

void rental_lost(struct instance *instance, const char *why)
{
	struct err err;

	if (instance->ending || instance->step < RENTAL_ACTIVITY || instance->step > RENTAL_READY)
		return;
	obj_event(&instance->obj, "instanceLost", about_agreement(instance, why));
	err_set(&err, EHOSTUNREACH, "the instance is lost: %s", why);
	command_end_all(instance, COMMAND_FAILED, REASON_LOST, 255, err.text);
	instance->unregarded = true;
	rental_end(instance, INSTANCE_ERROR, &err);
}

static void provider_ended(struct instance *instance, const struct yagna_agreement_event *event)
{
	BUF_AUTO struct buf why = {0};

	if (instance->step < RENTAL_ACTIVITY || instance->step >= RENTAL_PAYING)
		return;
	buf_adds(&why, "the provider ended the agreement: ");
	buf_add_clean(&why, *event->reason ? event->reason : "no reason given");
	if (*event->code)
		buf_printf(&why, " (%s)", event->code);
	if (!instance->ending)
		rental_lost(instance, buf_text(&why)); /* terminates: done already counts as done */
	else if (instance->step < RENTAL_TERMINATING) {
		yagna_cancel(&instance->call);
		lay_down(instance);
	}
}

static void provider_refused(struct instance *instance, const struct yagna_agreement_event *event)
{
	BUF_AUTO struct buf why = {0};

	buf_adds(&why, "agreement: ");
	buf_add_clean(&why, *event->reason ? event->reason : "rejected by the provider");
	if (backend_of_instance(instance)->market)
		market_returned(backend_of_instance(instance)->market, instance->rejecter, OFFER_REJECTED,
				buf_text(&why));
	replace(&instance->rejected, NULL);
}

void rental_told(struct golem *golem, const struct yagna_agreement_event *event)
{
	struct instance *instance;

	DL_FOREACH (golem->rentals, instance) {
		if (instance->agreement && strcmp(instance->agreement, event->agreement) == 0) {
			if (strcmp(event->type, "Terminated") == 0 &&
			    strcmp(event->terminator, "Provider") == 0)
				provider_ended(instance, event);
			return;
		}
		if (instance->rejected && strcmp(instance->rejected, event->agreement) == 0) {
			if (strcmp(event->type, "Rejected") == 0)
				provider_refused(instance, event);
			return;
		}
	}
}

void rental_hurry(struct instance *instance)
{
	loop_cancel(&instance->expiry);
	instance->expiry = loop_after(instance->obj.golem->loop, PAY_LEAVING_MS, paid_or_given_up, instance);
}

void rental_forget(struct instance *instance)
{
	plain_drop(instance);
	line_drop(&instance->line);
	out_of_sight(instance);
}
