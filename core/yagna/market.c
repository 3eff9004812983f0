/* Demands, offers, proposals (reference/yagna-api.md 2.3 to 2.5). */
#include <string.h>

#include "core/mem.h"
#include "core/yagna/call.h"

enum { COUNTER_S = 60 /* the server's own limit for calls to a provider */ };

static char *demand_body(const cJSON *properties, const char *constraints)
{
	cJSON *json = cJSON_CreateObject();

	cJSON_AddItemToObject(json, "properties", cJSON_Duplicate(properties, true));
	cJSON_AddStringToObject(json, "constraints", constraints);
	return yagna_body(json);
}

struct yagna_call *yagna_publish(struct yagna *yagna, const cJSON *properties, const char *constraints,
				 yagna_text_done done, void *context)
{
	return yagna_ask(yagna, &(struct yagna_ask){
					.what = "publish the demand",
					.method = "POST",
					.path = yagna_path("/market-api/v1/demands"),
					.body = demand_body(properties, constraints),
					.read = yagna_read_text,
					.reply.text = done,
					.context = context,
				});
}

struct yagna_call *yagna_unpublish(struct yagna *yagna, const char *demand, yagna_done done, void *context)
{
	return yagna_ask(yagna, &(struct yagna_ask){
					.what = "withdraw the demand",
					.method = "DELETE",
					.path = yagna_path("/market-api/v1/demands/%s", demand),
					.done_status = 404,
					.read = yagna_read_nothing,
					.reply.plain = done,
					.context = context,
				});
}

static void read_demands(struct yagna_call *call, const struct yagna_failure *failure, const cJSON *json)
{
	MEM_AUTO struct yagna_demand *rows = yagna_rows(json, struct yagna_demand);
	struct yagna_failure own;
	struct err err = {0};
	unsigned count = 0;
	const cJSON *item;

	if (!failure && !cJSON_IsArray(json))
		err_set(&err, EIO, "it is not a list");
	cJSON_ArrayForEach (item, json) {
		struct yagna_demand *row = &rows[count++];

		row->id = json_string(item, "demandId", &err);
		row->constraints = json_string(item, "constraints", &err);
		row->properties = json_object(item, "properties", &err);
		row->timestamp = json_time(item, "timestamp", &err);
	}
	if (!failure)
		failure = yagna_checked(&own, call, &err);
	call->reply.demands(call->context, failure, failure ? NULL : rows, failure ? 0 : count);
}

struct yagna_call *yagna_list_demands(struct yagna *yagna, yagna_demands_done done, void *context)
{
	return yagna_ask(yagna, &(struct yagna_ask){
					.what = "list the demands",
					.path = yagna_path("/market-api/v1/demands"),
					.read = read_demands,
					.reply.demands = done,
					.context = context,
				});
}

static void read_proposal(const cJSON *json, struct yagna_offer_event *event, struct err *err)
{
	const cJSON *proposal = json_object(json, "proposal", err);

	event->id = json_string(proposal, "proposalId", err);
	event->provider = json_string(proposal, "issuerId", err);
	event->properties = json_object(proposal, "properties", err);
	event->constraints = json_string(proposal, "constraints", err);
	event->previous = json_string_or(proposal, "prevProposalId", "", err);
	event->draft = !strcmp(json_string(proposal, "state", err), "Draft");
}

static void read_rejection(const cJSON *json, struct yagna_offer_event *event, struct err *err)
{
	const cJSON *reason = json_object_or_null(json, "reason", err);

	event->rejected = true;
	event->id = json_string(json, "proposalId", err);
	event->reason = json_string_or(reason, "message", "", err);
	event->final = json_bool_or(reason, "golem.proposal.rejection.is-final", false, err);
}

static const struct {
	const char *type;
	void (*read)(const cJSON *json, struct yagna_offer_event *event, struct err *err);
} offer_events[] = {{"ProposalEvent", read_proposal}, {"ProposalRejectedEvent", read_rejection}};

/* false: an event of a type we do not know, or one that cannot be read; the others must not be lost with it, since
 * yagna has deleted them all. */
static bool read_offer_event(const cJSON *json, struct yagna_offer_event *event)
{
	struct err err = {0};
	const char *type = json_string(json, "eventType", &err);

	*event = (struct yagna_offer_event){
		.reason = "", .previous = "", .provider = "", .constraints = "", .id = ""};
	for (size_t i = 0; i < sizeof(offer_events) / sizeof(offer_events[0]); i++) {
		if (strcmp(type, offer_events[i].type))
			continue;
		offer_events[i].read(json, event, &err);
		return !err.code;
	}
	return false;
}

static void read_offer_events(struct yagna_call *call, const struct yagna_failure *failure, const cJSON *json)
{
	MEM_AUTO struct yagna_offer_event *events = yagna_rows(json, struct yagna_offer_event);
	struct yagna_failure own;
	struct err err = {0};
	unsigned count = 0;
	const cJSON *item;

	if (!failure && !cJSON_IsArray(json)) {
		err_set(&err, EIO, "it is not a list");
		failure = yagna_checked(&own, call, &err);
	}
	cJSON_ArrayForEach (item, json)
		count += read_offer_event(item, &events[count]);
	call->reply.offer_events(call->context, failure, failure ? NULL : events, failure ? 0 : count);
}

struct yagna_call *yagna_poll_offers(struct yagna *yagna, const char *demand, unsigned timeout_s,
				     unsigned max, yagna_offer_events_done done, void *context)
{
	return yagna_ask(
		yagna, &(struct yagna_ask){
			       .what = "collect offers",
			       .path = yagna_path("/market-api/v1/demands/%s/events?timeout=%u&maxEvents=%u",
						  demand, timeout_s, max),
			       .lasting = true,
			       .wait_s = timeout_s + 1,
			       .read = read_offer_events,
			       .reply.offer_events = done,
			       .context = context,
		       });
}

struct yagna_call *yagna_counter(struct yagna *yagna, const char *demand, const char *proposal,
				 const cJSON *properties, const char *constraints, yagna_text_done done,
				 void *context)
{
	return yagna_ask(
		yagna, &(struct yagna_ask){
			       .what = "answer the offer",
			       .method = "POST",
			       .path = yagna_path("/market-api/v1/demands/%s/proposals/%s", demand, proposal),
			       .body = demand_body(properties, constraints),
			       .lasting = true,
			       .wait_s = COUNTER_S,
			       .read = yagna_read_text,
			       .reply.text = done,
			       .context = context,
		       });
}

struct yagna_call *yagna_reject(struct yagna *yagna, const char *demand, const char *proposal,
				const char *reason, yagna_done done, void *context)
{
	return yagna_ask(yagna, &(struct yagna_ask){
					.what = "decline the offer",
					.method = "POST",
					.path = yagna_path("/market-api/v1/demands/%s/proposals/%s/reject",
							   demand, proposal),
					.body = yagna_reason(reason),
					.lasting = true,
					.wait_s = COUNTER_S,
					.read = yagna_read_nothing,
					.reply.plain = done,
					.context = context,
				});
}
