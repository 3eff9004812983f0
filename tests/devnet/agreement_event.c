/* What happened to agreements, for everybody who asks (reference/yagna-api.md 2.7). */
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "tests/devnet/market.h"
#include "tests/devnet/route.h"

/* The cursor of clients has microseconds and is compared strictly: no two events may share one. */
static struct timespec next_stamp(const struct market *market)
{
	struct timespec now = wire_now();
	const struct deal_event *last = market->events ? market->events->prev : NULL;

	now.tv_nsec -= now.tv_nsec % 1000;
	if (last && (now.tv_sec < last->date.tv_sec ||
		     (now.tv_sec == last->date.tv_sec && now.tv_nsec <= last->date.tv_nsec))) {
		now = last->date;
		now.tv_nsec += 1000;
		if (now.tv_nsec >= 1000000000) {
			now.tv_sec++;
			now.tv_nsec -= 1000000000;
		}
	}
	return now;
}

cJSON *deal_event_json(const struct deal_event *event)
{
	char *type MEM_AUTO = mem_printf("Agreement%sEvent", deal_state_name(event->state));
	cJSON *json = cJSON_CreateObject();

	cJSON_AddItemToObject(json, "eventDate", market_time(&event->date, 6));
	cJSON_AddStringToObject(json, "agreementId", event->deal->agreement.id);
	cJSON_AddStringToObject(json, "eventType", type);
	if (event->terminator) {
		cJSON_AddStringToObject(json, "terminator", event->terminator);
		cJSON_AddStringToObject(json, "signature", "");
	}
	if (event->reason)
		cJSON_AddItemToObject(json, "reason", cJSON_Duplicate(event->reason, true));
	return json;
}

static bool is_wanted(const struct deal_event *event, const struct timespec *after, const char *session)
{
	const char *own = event->deal->agreement.session;

	if (event->date.tv_sec < after->tv_sec ||
	    (event->date.tv_sec == after->tv_sec && event->date.tv_nsec <= after->tv_nsec))
		return false;
	return !session || (own && !strcmp(own, session));
}

/* NULL when there is none. */
static cJSON *collect(const struct market *market, const struct timespec *after, const char *session,
		      long max)
{
	const struct deal_event *event;
	cJSON *list = NULL;

	DL_FOREACH (market->events, event) {
		if (!is_wanted(event, after, session))
			continue;
		if (!list)
			list = cJSON_CreateArray();
		cJSON_AddItemToArray(list, deal_event_json(event));
		if (--max == 0)
			break;
	}
	return list;
}

struct deal_event *deal_event_add(struct deal *deal, const char *terminator, cJSON *reason)
{
	struct market *market = deal->devnet->market;
	struct deal_event *event = mem_alloc(sizeof(*event));
	struct poll *poll, *next;

	event->date = next_stamp(market);
	event->deal = deal;
	event->state = deal->state;
	event->terminator = terminator;
	event->reason = reason;
	DL_APPEND(market->events, event);
	DL_FOREACH_SAFE (market->event_polls, poll, next) {
		cJSON *list = collect(market, &poll->after, poll->session, poll->max);

		if (list)
			exchange_reply_json(poll_take(poll), 200, list);
	}
	return event;
}

static void events_timeout(struct exchange *exchange, void *context)
{
	exchange_reply_json(poll_take(context), 200, cJSON_CreateArray());
}

static void get_agreement_events(struct exchange *exchange)
{
	struct market *market = exchange_devnet(exchange)->market;
	double timeout = MARKET_TIMEOUT_DEFAULT;
	long max = MARKET_EVENTS_DEFAULT;
	struct timespec after = {0};
	const char *session = NULL;
	cJSON *list;

	if (!exchange_query_float(exchange, "timeout", &timeout) ||
	    !exchange_query_int(exchange, "maxEvents", &max) ||
	    !exchange_query_text(exchange, "appSessionId", &session) ||
	    !exchange_query_time(exchange, "afterTimestamp", &after) ||
	    !market_check_max_events(exchange, max))
		return;
	list = collect(market, &after, session, max);
	if (list) {
		exchange_reply_json(exchange, 200, list);
		return;
	}

	struct poll *poll = poll_wait(&market->event_polls, exchange, timeout, events_timeout);

	poll->max = max;
	poll->after = after;
	poll->session = session ? mem_strdup(session) : NULL;
}

const struct route agreement_event_routes[] = {
	{"GET", "/market-api/v1/agreementEvents", get_agreement_events},
	{NULL, NULL, NULL},
};
