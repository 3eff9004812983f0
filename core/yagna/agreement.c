/* Agreements and their events (reference/yagna-api.md 2.6, 2.7). */
#include <string.h>

#include "core/mem.h"
#include "core/timefmt.h"
#include "core/yagna/call.h"

enum { PROVIDER_S = 60, MAX_EVENTS = 100 };

struct yagna_call *yagna_create_agreement(struct yagna *yagna, const char *proposal,
					  const struct timespec *valid_to, yagna_text_done done,
					  void *context)
{
	char time[TIMEFMT_SIZE];
	cJSON *json = cJSON_CreateObject();

	timefmt_print(time, valid_to, 3);
	cJSON_AddStringToObject(json, "proposalId", proposal);
	cJSON_AddStringToObject(json, "validTo", time);
	return yagna_ask(yagna, &(struct yagna_ask){
					.what = "make the agreement",
					.method = "POST",
					.path = yagna_path("/market-api/v1/agreements"),
					.body = yagna_body(json),
					.read = yagna_read_text,
					.reply.text = done,
					.context = context,
				});
}

struct yagna_call *yagna_confirm(struct yagna *yagna, const char *agreement, const char *session,
				 yagna_done done, void *context)
{
	return yagna_ask(yagna,
			 &(struct yagna_ask){
				 .what = "confirm the agreement",
				 .method = "POST",
				 .path = yagna_path("/market-api/v1/agreements/%s/confirm?appSessionId=%s",
						    agreement, session),
				 .lasting = true,
				 .wait_s = PROVIDER_S,
				 .read = yagna_read_nothing,
				 .reply.plain = done,
				 .context = context,
			 });
}

/* Some outcomes come as refusals; the word is the whole message. */
static const struct {
	int status;
	const char *text;
	enum yagna_approval approval;
} approvals[] = {
	{408, "", YAGNA_PENDING},
	{410, "Rejected", YAGNA_REJECTED},
	{410, "Cancelled", YAGNA_CANCELLED},
	{410, "expired", YAGNA_EXPIRED},
};

static void read_approval(struct yagna_call *call, const struct yagna_failure *failure, const cJSON *json)
{
	enum yagna_approval approval = YAGNA_APPROVED;

	(void)json;
	for (size_t i = 0; failure && i < sizeof(approvals) / sizeof(approvals[0]); i++) {
		if (failure->status != approvals[i].status || !strstr(failure->err.text, approvals[i].text))
			continue;
		approval = approvals[i].approval;
		failure = NULL;
	}
	call->reply.approval(call->context, failure, failure ? YAGNA_PENDING : approval);
}

struct yagna_call *yagna_wait_approval(struct yagna *yagna, const char *agreement, unsigned timeout_s,
				       yagna_approval_done done, void *context)
{
	return yagna_ask(yagna, &(struct yagna_ask){
					.what = "wait for the approval",
					.method = "POST",
					.path = yagna_path("/market-api/v1/agreements/%s/wait?timeout=%u",
							   agreement, timeout_s),
					.lasting = true,
					.wait_s = timeout_s + 1,
					.read = read_approval,
					.reply.approval = done,
					.context = context,
				});
}

struct yagna_call *yagna_cancel_agreement(struct yagna *yagna, const char *agreement, const char *reason,
					  yagna_done done, void *context)
{
	return yagna_ask(yagna, &(struct yagna_ask){
					.what = "cancel the agreement",
					.method = "POST",
					.path = yagna_path("/market-api/v1/agreements/%s/cancel", agreement),
					.body = yagna_reason(reason),
					.lasting = true,
					.wait_s = PROVIDER_S,
					.read = yagna_read_nothing,
					.reply.plain = done,
					.context = context,
				});
}

struct yagna_call *yagna_terminate(struct yagna *yagna, const char *agreement, const char *reason,
				   yagna_done done, void *context)
{
	return yagna_ask(yagna,
			 &(struct yagna_ask){
				 .what = "end the agreement",
				 .method = "POST",
				 .path = yagna_path("/market-api/v1/agreements/%s/terminate", agreement),
				 .body = yagna_reason(reason),
				 .lasting = true,
				 .wait_s = PROVIDER_S,
				 .done_status = 410,
				 .read = yagna_read_nothing,
				 .reply.plain = done,
				 .context = context,
			 });
}

static void read_agreement(struct yagna_call *call, const struct yagna_failure *failure, const cJSON *json)
{
	struct yagna_failure own;
	struct yagna_agreement agreement = {0};
	struct err err = {0};

	if (!failure) {
		const cJSON *demand = json_object(json, "demand", &err);
		const cJSON *offer = json_object(json, "offer", &err);

		agreement.id = json_string(json, "agreementId", &err);
		agreement.state = json_string(json, "state", &err);
		agreement.session = json_string_or(json, "appSessionId", "", &err);
		agreement.demand = json_string(demand, "demandId", &err);
		agreement.provider = json_string(offer, "providerId", &err);
		agreement.demand_properties = json_object(demand, "properties", &err);
		agreement.offer_properties = json_object(offer, "properties", &err);
		agreement.timestamp = json_time(json, "timestamp", &err);
		agreement.valid_to = json_time(json, "validTo", &err);
		agreement.approved = json_time_or(json, "approvedDate", (struct timespec){0}, &err);
		failure = yagna_checked(&own, call, &err);
	}
	call->reply.agreement(call->context, failure, failure ? NULL : &agreement);
}

struct yagna_call *yagna_get_agreement(struct yagna *yagna, const char *agreement, yagna_agreement_done done,
				       void *context)
{
	return yagna_ask(yagna, &(struct yagna_ask){
					.what = "show the agreement",
					.path = yagna_path("/market-api/v1/agreements/%s", agreement),
					.read = read_agreement,
					.reply.agreement = done,
					.context = context,
				});
}

static void read_agreements(struct yagna_call *call, const struct yagna_failure *failure, const cJSON *json)
{
	MEM_AUTO struct yagna_agreement_row *rows = yagna_rows(json, struct yagna_agreement_row);
	struct yagna_failure own;
	struct err err = {0};
	unsigned count = 0;
	const cJSON *item;

	if (!failure && !cJSON_IsArray(json))
		err_set(&err, EIO, "it is not a list");
	cJSON_ArrayForEach (item, json) {
		struct yagna_agreement_row *row = &rows[count++];

		row->id = json_string(item, "id", &err);
		row->timestamp = json_time(item, "timestamp", &err);
		row->approved = *json_string_or(item, "approvedDate", "", &err);
	}
	if (!failure)
		failure = yagna_checked(&own, call, &err);
	call->reply.agreements(call->context, failure, failure ? NULL : rows, failure ? 0 : count);
}

struct yagna_call *yagna_list_agreements(struct yagna *yagna, const char *state, const char *session,
					 yagna_agreements_done done, void *context)
{
	BUF_AUTO struct buf path = {0};

	buf_adds(&path, "/market-api/v1/agreements");
	if (state) {
		MEM_AUTO char *query = yagna_path("?state=%s", state);

		buf_adds(&path, query);
	}
	if (session) {
		MEM_AUTO char *query = yagna_path("appSessionId=%s", session);

		buf_addc(&path, state ? '&' : '?');
		buf_adds(&path, query);
	}
	return yagna_ask(yagna, &(struct yagna_ask){
					.what = "list the agreements",
					.path = buf_take(&path),
					.read = read_agreements,
					.reply.agreements = done,
					.context = context,
				});
}

static const char *const agreement_events[][2] = {
	{"AgreementApprovedEvent", "Approved"},
	{"AgreementRejectedEvent", "Rejected"},
	{"AgreementCancelledEvent", "Cancelled"},
	{"AgreementTerminatedEvent", "Terminated"},
};

/* Unknown types keep their name, so that the cursor moves past them. */
static const char *short_type(const char *type)
{
	for (size_t i = 0; i < sizeof(agreement_events) / sizeof(agreement_events[0]); i++) {
		if (!strcmp(type, agreement_events[i][0]))
			return agreement_events[i][1];
	}
	return type;
}

static void read_agreement_event(const cJSON *json, struct yagna_agreement_event *event, struct err *err)
{
	const cJSON *reason = json_object_or_null(json, "reason", err);

	event->agreement = json_string(json, "agreementId", err);
	event->date = json_string(json, "eventDate", err);
	json_time(json, "eventDate", err); /* it becomes a part of the next request */
	event->type = short_type(json_string(json, "eventType", err));
	event->terminator = json_string_or(json, "terminator", "", err);
	event->reason = json_string_or(reason, "message", "", err);
	event->code = json_string_or(reason, "golem.provider.code", "", err);
}

static void read_agreement_events(struct yagna_call *call, const struct yagna_failure *failure,
				  const cJSON *json)
{
	MEM_AUTO struct yagna_agreement_event *events = yagna_rows(json, struct yagna_agreement_event);
	struct yagna_failure own;
	struct err err = {0};
	unsigned count = 0;
	const cJSON *item;

	if (!failure && !cJSON_IsArray(json))
		err_set(&err, EIO, "it is not a list");
	cJSON_ArrayForEach (item, json)
		read_agreement_event(item, &events[count++], &err);
	if (!failure)
		failure = yagna_checked(&own, call, &err);
	call->reply.agreement_events(call->context, failure, failure ? NULL : events, failure ? 0 : count);
}

struct yagna_call *yagna_poll_agreements(struct yagna *yagna, const char *session, const char *after,
					 unsigned timeout_s, yagna_agreement_events_done done, void *context)
{
	return yagna_ask(yagna, &(struct yagna_ask){
					.what = "tell what happened to the agreements",
					.path = yagna_path(
						"/market-api/v1/agreementEvents?timeout=%u&afterTimestamp=%s"
						"&maxEvents=%u&appSessionId=%s",
						timeout_s, after, (unsigned)MAX_EVENTS, session),
					.lasting = true,
					.wait_s = timeout_s + 1,
					.read = read_agreement_events,
					.reply.agreement_events = done,
					.context = context,
				});
}
