/* Debit notes and invoices (reference/yagna-api.md 4.4, 4.5). */
#include <string.h>

#include "core/mem.h"
#include "core/yagna/call.h"

enum { MAX_EVENTS = 100, ACCEPT_S = 15 };

/* The two kinds of document differ in names only. */
static const struct {
	const char *path, *events, *id, *amount;
	const char *show, *list, *poll, *accept; /* for sentences */
} kinds[] = {
	[YAGNA_DEBIT_NOTE] = {"debitNotes", "debitNoteEvents", "debitNoteId", "totalAmountDue",
			      "show the debit note", "list the debit notes", "tell of debit notes",
			      "accept the debit note"},
	[YAGNA_INVOICE] = {"invoices", "invoiceEvents", "invoiceId", "amount", "show the invoice",
			   "list the invoices", "tell of invoices", "accept the invoice"},
};

static void read_one(enum yagna_document kind, const cJSON *json, struct yagna_bill *bill, struct err *err)
{
	DECIMAL_AUTO struct decimal value = decimal_zero();

	bill->kind = kind;
	bill->id = json_string(json, kinds[kind].id, err);
	bill->agreement = json_string(json, "agreementId", err);
	bill->issuer = json_string(json, "issuerId", err);
	bill->platform = json_string(json, "paymentPlatform", err);
	bill->status = json_string(json, "status", err);
	bill->timestamp = json_time(json, "timestamp", err);
	bill->amount = json_string(json, kinds[kind].amount, err);
	json_decimal(json, kinds[kind].amount, &value, err);
	bill->activity = "";
	if (kind == YAGNA_DEBIT_NOTE) {
		bill->activity = json_string(json, "activityId", err);
		bill->usage = json_array_or_null(json, "usageCounterVector", err);
	} else {
		bill->activities = json_array(json, "activityIds", err);
	}
}

static void read_bill(struct yagna_call *call, const struct yagna_failure *failure, const cJSON *json)
{
	struct yagna_failure own;
	struct yagna_bill bill = {0};
	struct err err = {0};

	if (!failure) {
		read_one(call->document, json, &bill, &err);
		failure = yagna_checked(&own, call, &err);
	}
	call->reply.bill(call->context, failure, failure ? NULL : &bill);
}

/* One that cannot be read must not hide the others from us. */
static void read_bills(struct yagna_call *call, const struct yagna_failure *failure, const cJSON *json)
{
	MEM_AUTO struct yagna_bill *bills = yagna_rows(json, struct yagna_bill);
	struct yagna_failure own;
	struct err err = {0};
	unsigned count = 0;
	const cJSON *item;

	if (!failure && !cJSON_IsArray(json)) {
		err_set(&err, EIO, "it is not a list");
		failure = yagna_checked(&own, call, &err);
	}
	cJSON_ArrayForEach (item, json) {
		struct err one = {0};

		read_one(call->document, item, &bills[count], &one);
		count += !one.code;
	}
	call->reply.bills(call->context, failure, failure ? NULL : bills, failure ? 0 : count);
}

static struct yagna_call *ask(struct yagna *yagna, enum yagna_document kind, const struct yagna_ask *ask)
{
	struct yagna_call *call = yagna_ask(yagna, ask);

	call->document = kind;
	return call;
}

struct yagna_call *yagna_get_bill(struct yagna *yagna, enum yagna_document kind, const char *id,
				  yagna_bill_done done, void *context)
{
	return ask(yagna, kind,
		   &(struct yagna_ask){
			   .what = kinds[kind].show,
			   .path = yagna_path("/payment-api/v1/%s/%s", kinds[kind].path, id),
			   .read = read_bill,
			   .reply.bill = done,
			   .context = context,
		   });
}

struct yagna_call *yagna_list_bills(struct yagna *yagna, enum yagna_document kind, const char *after,
				    yagna_bills_done done, void *context)
{
	return ask(yagna, kind,
		   &(struct yagna_ask){
			   .what = kinds[kind].list,
			   .path = after ? yagna_path("/payment-api/v1/%s?afterTimestamp=%s",
						      kinds[kind].path, after)
					 : yagna_path("/payment-api/v1/%s", kinds[kind].path),
			   .read = read_bills,
			   .reply.bills = done,
			   .context = context,
		   });
}

/* "DebitNoteReceivedEvent", "InvoiceReceivedEvent" -> "Received", written into `out`. */
static const char *short_type(const char *type, char *out, size_t size)
{
	static const char *const prefixes[] = {"DebitNote", "Invoice"};
	size_t len = strlen(type);

	for (size_t i = 0; i < 2; i++) {
		size_t prefix = strlen(prefixes[i]);

		if (len > prefix + 5 && !strncmp(type, prefixes[i], prefix) &&
		    !strcmp(type + len - 5, "Event") && len - prefix - 5 < size) {
			memcpy(out, type + prefix, len - prefix - 5);
			out[len - prefix - 5] = '\0';
			return out;
		}
	}
	return type;
}

struct event_row {
	char type[24];
};

static void read_bill_events(struct yagna_call *call, const struct yagna_failure *failure, const cJSON *json)
{
	MEM_AUTO struct yagna_bill_event *events = yagna_rows(json, struct yagna_bill_event);
	MEM_AUTO struct event_row *rows = yagna_rows(json, struct event_row);
	struct yagna_failure own;
	struct err err = {0};
	unsigned count = 0;
	const cJSON *item;

	if (!failure && !cJSON_IsArray(json))
		err_set(&err, EIO, "it is not a list");
	cJSON_ArrayForEach (item, json) {
		struct yagna_bill_event *event = &events[count];

		event->id = json_string(item, kinds[call->document].id, &err);
		event->date = json_string(item, "eventDate", &err);
		json_time(item, "eventDate", &err); /* it becomes a part of the next request */
		event->type = short_type(json_string(item, "eventType", &err), rows[count].type,
					 sizeof(rows[count].type));
		count++;
	}
	if (!failure)
		failure = yagna_checked(&own, call, &err);
	call->reply.bill_events(call->context, failure, failure ? NULL : events, failure ? 0 : count);
}

/* Own ACCEPTED rows are asked for too: yagna counts them against maxEvents before it filters, and without them the
 * cursor could stand still for ever (4.5). */
struct yagna_call *yagna_poll_bills(struct yagna *yagna, enum yagna_document kind, const char *session,
				    const char *after, unsigned timeout_s, yagna_bill_events_done done,
				    void *context)
{
	return ask(yagna, kind,
		   &(struct yagna_ask){
			   .what = kinds[kind].poll,
			   .path = yagna_path("/payment-api/v1/%s?timeout=%u&afterTimestamp=%s&maxEvents=%u"
					      "&appSessionId=%s",
					      kinds[kind].events, timeout_s, after, (unsigned)MAX_EVENTS,
					      session),
			   .header = "X-Requestor-Events: RECEIVED,ACCEPTED,CANCELLED,SETTLED",
			   .lasting = true,
			   .wait_s = timeout_s + 1,
			   .read = read_bill_events,
			   .reply.bill_events = done,
			   .context = context,
		   });
}

struct yagna_call *yagna_accept_bill(struct yagna *yagna, enum yagna_document kind, const char *id,
				     const char *amount, const char *allocation, yagna_done done,
				     void *context)
{
	cJSON *json = cJSON_CreateObject();

	cJSON_AddStringToObject(json, "totalAmountAccepted", amount);
	cJSON_AddStringToObject(json, "allocationId", allocation);
	return ask(yagna, kind,
		   &(struct yagna_ask){
			   .what = kinds[kind].accept,
			   .method = "POST",
			   .path = yagna_path("/payment-api/v1/%s/%s/accept?timeout=%u", kinds[kind].path, id,
					      (unsigned)ACCEPT_S),
			   .body = yagna_body(json),
			   .lasting = true,
			   .wait_s = ACCEPT_S + 1,
			   .read = yagna_read_nothing,
			   .reply.plain = done,
			   .context = context,
		   });
}

struct yagna_call *yagna_reject_invoice(struct yagna *yagna, const char *id, const char *message,
					yagna_done done, void *context)
{
	cJSON *json = cJSON_CreateObject();

	cJSON_AddStringToObject(json, "rejectionReason", "INCORRECT_AMOUNT");
	cJSON_AddStringToObject(json, "totalAmountAccepted", "0");
	cJSON_AddStringToObject(json, "message", message);
	return ask(yagna, YAGNA_INVOICE,
		   &(struct yagna_ask){
			   .what = "refuse the invoice",
			   .method = "POST",
			   .path = yagna_path("/payment-api/v1/invoices/%s/reject?timeout=%u", id,
					      (unsigned)ACCEPT_S),
			   .body = yagna_body(json),
			   .lasting = true,
			   .wait_s = ACCEPT_S + 1,
			   .read = yagna_read_nothing,
			   .reply.plain = done,
			   .context = context,
		   });
}
