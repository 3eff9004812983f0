/* What providers say to proposals and agreements (reference/yagna-api.md 3.6). */
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "tests/devnet/fault.h"
#include "tests/devnet/market.h"
#include "tests/devnet/properties.h"

enum {
	MINUTE_S = 60,
	HOUR_S = 3600,
	DAY_S = 86400,
	MONTH_S = 2630016,
	YEAR_S = 31557600,
	EXPIRATION_MIN_S = 30, /* as the recorded providers have it; agents out of the box: 5 min */
	EXPIRATION_MAX_YEARS = 100,
	EXPIRATION_MAX_WITHOUT_NOTES_S = 30 * MINUTE_S,
	ACCEPT_TIMEOUT_MIN_S = 5,
	INTERVAL_MIN_S = 1,
	INTERVAL_MAX_S = DAY_S,
	PAYMENT_TIMEOUT_REQUIRED_FROM_S = 10 * HOUR_S
};

/* One proposal being looked at: our demand, and the Draft that will answer it. */
struct negotiation {
	const struct proposal *proposal;
	const cJSON *demand;
	cJSON *offer;
	struct buf refusal;
	bool is_final;
	double now, expires; /* seconds */
};

void negotiator_print_duration(long seconds, struct buf *out)
{
	static const struct {
		long seconds;
		const char *one, *many;
	} units[] = {{YEAR_S, "year", "years"}, {MONTH_S, "month", "months"}, {DAY_S, "day", "days"},
		     {HOUR_S, "h", "h"},        {MINUTE_S, "m", "m"},         {1, "s", "s"}};
	bool any = false;

	for (unsigned i = 0; i < sizeof(units) / sizeof(*units); i++) {
		long count = seconds / units[i].seconds;

		seconds %= units[i].seconds;
		if (!count)
			continue;
		buf_printf(out, "%s%ld%s", any ? " " : "", count, count == 1 ? units[i].one : units[i].many);
		any = true;
	}
	if (!any)
		buf_adds(out, "0s");
}

static bool refuse(struct negotiation *negotiation, bool is_final)
{
	negotiation->is_final = is_final;
	return false;
}

/* ---- the rules, one after the other; false: refused, with the words in `refusal` ---- */

static bool rule_willing(struct negotiation *negotiation)
{
	struct provider *provider = negotiation->proposal->offer->provider;
	const struct fault *fault = fault_hit(negotiation->proposal->devnet, "reject-proposal", provider);

	if (!fault && !provider->rejects)
		return true;
	buf_adds(&negotiation->refusal, fault && *fault->message ? fault->message : "Proposal rejected");
	return refuse(negotiation, false);
}

static bool rule_required_fields(struct negotiation *negotiation)
{
	static const char *const required[][2] = {
		{PROPERTY_CHOSEN_PLATFORM, "/golem/com/payment/chosen-platform"},
		{PROPERTY_EXPIRATION, "/golem/srv/comp/expiration"},
	};

	for (unsigned i = 0; i < sizeof(required) / sizeof(*required); i++) {
		if (cJSON_HasObjectItem(negotiation->demand, required[i][0]))
			continue;
		buf_printf(&negotiation->refusal, "%s%s",
			   negotiation->refusal.len ? "," : "Missing fields: ", required[i][1]);
	}
	return !negotiation->refusal.len || refuse(negotiation, false);
}

static bool rule_capacity(struct negotiation *negotiation)
{
	const struct offer *offer = negotiation->proposal->offer;

	if (offer->agreements < offer->provider->max_agreements)
		return true;
	buf_printf(&negotiation->refusal, "No capacity available. Reached Agreements limit: %u",
		   offer->provider->max_agreements);
	return refuse(negotiation, false);
}

static void print_expiration(double seconds, struct buf *out)
{
	time_t whole = (time_t)seconds;
	unsigned ms = (unsigned)((seconds - (double)whole) * 1000 + 0.5);
	struct tm tm;
	char text[32];

	gmtime_r(&whole, &tm);
	strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm);
	buf_adds(out, text);
	if (ms)
		buf_printf(out, ".%03u", ms);
	buf_adds(out, " UTC");
}

static bool rule_expiration(struct negotiation *negotiation)
{
	double ms = 0, ignored;
	bool notes = properties_number(negotiation->demand, PROPERTY_ACCEPT_TIMEOUT, &ignored);
	double longest = notes ? (double)EXPIRATION_MAX_YEARS * YEAR_S : EXPIRATION_MAX_WITHOUT_NOTES_S;
	struct buf *refusal = &negotiation->refusal;

	properties_number(negotiation->demand, PROPERTY_EXPIRATION, &ms);
	negotiation->expires = ms / 1000;

	double left = negotiation->expires - negotiation->now;

	if (left >= EXPIRATION_MIN_S && left <= longest)
		return true;
	buf_adds(refusal, "Proposal expires at: ");
	/* A year that no calendar holds is as good as the last one that it does. */
	print_expiration(left > longest ? negotiation->now + longest
			 : left < -1e9  ? 0
					: negotiation->expires,
			 refusal);
	buf_adds(refusal, " which is less than ");
	negotiator_print_duration(EXPIRATION_MIN_S, refusal);
	buf_adds(refusal, " or more than ");
	negotiator_print_duration((long)longest, refusal);
	buf_adds(refusal, " from now");
	return refuse(negotiation, left < EXPIRATION_MIN_S);
}

static bool rule_accept_timeout(struct negotiation *negotiation)
{
	double wanted, offered;

	if (!properties_number(negotiation->offer, PROPERTY_ACCEPT_TIMEOUT, &offered))
		return true;
	if (!properties_number(negotiation->demand, PROPERTY_ACCEPT_TIMEOUT, &wanted)) {
		properties_remove(negotiation->offer, PROPERTY_ACCEPT_TIMEOUT);
		return true;
	}
	if (wanted > offered) {
		buf_adds(&negotiation->refusal, "DebitNote acceptance deadline should be less than ");
		negotiator_print_duration((long)negotiation->proposal->offer->provider->accept_limit_s,
					  &negotiation->refusal);
		buf_addc(&negotiation->refusal, '.');
		return refuse(negotiation, true);
	}
	if (wanted < offered && wanted < ACCEPT_TIMEOUT_MIN_S) {
		buf_adds(&negotiation->refusal, "To low DebitNotes timeout: ");
		negotiator_print_duration((long)wanted, &negotiation->refusal);
		return refuse(negotiation, true);
	}
	properties_set_integer(negotiation->offer, PROPERTY_ACCEPT_TIMEOUT, (long)wanted);
	return true;
}

/* Our value is taken over when it is in range, and the offer's goes when we send none. */
static bool take_over(struct negotiation *negotiation, const char *name, const char *what)
{
	double wanted, offered;

	if (!properties_number(negotiation->demand, name, &wanted)) {
		properties_remove(negotiation->offer, name);
		return true;
	}
	if (!properties_number(negotiation->offer, name, &offered))
		return true;
	if (wanted < INTERVAL_MIN_S || wanted > INTERVAL_MAX_S) {
		struct buf *refusal = &negotiation->refusal;

		buf_printf(refusal, "Demand DebitNote %s ", what);
		negotiator_print_duration(wanted < 0 || wanted > 1e12 ? 0 : (long)wanted, refusal);
		buf_adds(refusal, " not in acceptable range of [");
		negotiator_print_duration(INTERVAL_MIN_S, refusal);
		buf_adds(refusal, "; ");
		negotiator_print_duration(INTERVAL_MAX_S, refusal);
		buf_addc(refusal, ']');
		return refuse(negotiation, true);
	}
	properties_set_integer(negotiation->offer, name, (long)wanted);
	return true;
}

static bool rule_note_interval(struct negotiation *negotiation)
{
	return take_over(negotiation, PROPERTY_NOTE_INTERVAL, "interval");
}

static bool rule_payment_timeout(struct negotiation *negotiation)
{
	if (cJSON_HasObjectItem(negotiation->demand, PROPERTY_PAYMENT_TIMEOUT) ||
	    negotiation->expires - negotiation->now < PAYMENT_TIMEOUT_REQUIRED_FROM_S)
		return take_over(negotiation, PROPERTY_PAYMENT_TIMEOUT, "payment timeout");
	buf_adds(&negotiation->refusal, "Expiration time ");
	print_expiration(negotiation->expires, &negotiation->refusal);
	buf_adds(&negotiation->refusal, " exceeds the ");
	negotiator_print_duration(PAYMENT_TIMEOUT_REQUIRED_FROM_S, &negotiation->refusal);
	buf_adds(&negotiation->refusal,
		 " threshold of enforcing mid-agreement payments but the required property "
		 "'" PROPERTY_PAYMENT_TIMEOUT "' was not present in the Demand");
	return refuse(negotiation, true);
}

static bool (*const rules[])(struct negotiation *) = {
	rule_willing,        rule_required_fields, rule_capacity,       rule_expiration,
	rule_accept_timeout, rule_note_interval,   rule_payment_timeout};

/* Objects that the offer holds beside their own members disappear when a Draft is written (seen in recordings:
 * "golem.com.scheme.payu":{} of an Initial). */
static void drop_empty_objects(cJSON *properties)
{
	cJSON *item = properties->child;

	while (item) {
		cJSON *next = item->next;

		if (cJSON_IsObject(item) && !item->child)
			cJSON_Delete(cJSON_DetachItemViaPointer(properties, item));
		item = next;
	}
}

void negotiator_answer(struct proposal *proposal)
{
	struct demand *demand = demand_find(proposal->devnet, proposal->demand_id);
	struct offer *offer = proposal->offer;
	struct timespec now = wire_now();
	struct negotiation negotiation = {.proposal = proposal,
					  .demand = proposal->properties,
					  .offer = cJSON_Duplicate(offer->provider->offer_properties, true),
					  .now = (double)now.tv_sec + (double)now.tv_nsec / 1e9};
	bool agreed = true;

	if (fault_hits(proposal->devnet, "ignore-proposal", offer->provider)) {
		cJSON_Delete(negotiation.offer);
		return;
	}
	drop_empty_objects(negotiation.offer);
	for (unsigned i = 0; agreed && i < sizeof(rules) / sizeof(*rules); i++)
		agreed = rules[i](&negotiation);
	if (agreed && demand && !demand->expired && offer->provider->reachable) {
		demand_add_proposal(demand, proposal_new(proposal->devnet, offer, proposal->demand_id,
							 cJSON_Duplicate(negotiation.offer, true),
							 offer->provider->offer_constraints, proposal));
	} else if (!agreed) {
		proposal_reject_by_provider(proposal, buf_text(&negotiation.refusal), negotiation.is_final);
	}
	cJSON_Delete(negotiation.offer);
	buf_free(&negotiation.refusal);
}

char *negotiator_refusal(const struct deal *deal)
{
	struct offer *offer = deal->offer->offer;
	const struct fault *fault = fault_hit(deal->devnet, "reject-agreement", offer->provider);

	if (fault)
		return mem_strdup(*fault->message ? fault->message : "Agreement rejected");
	if (offer->agreements >= offer->provider->max_agreements)
		return mem_printf("No capacity available. Reached Agreements limit: %u",
				  offer->provider->max_agreements);
	return NULL;
}
