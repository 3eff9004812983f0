/* Events of debit notes and invoices (reference/yagna-api.md 4.5). */
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "tests/devnet/fault.h"
#include "tests/devnet/payment.h"
#include "tests/devnet/route.h"

#define EVENTS_TIMEOUT_DEFAULT 5.0

/* A waiting request. The daemon looks into its database once a second, counted from the request's start: news
 * are told at such a tick, and here nothing runs between them. */
struct document_poll {
	struct document_poll *prev, *next;
	struct exchange *exchange;
	struct devnet *devnet;
	bool invoices;
	unsigned kinds;
	unsigned long max;
	struct timespec after;
	char *session;
	uint64_t started_ms;
	struct loop_timer *tick;
};

static const struct {
	const char *name; /* in X-Requestor-Events */
	const char *type; /* "Invoice…Event" */
	enum document_event_kind kind;
} kind_rows[] = {{"RECEIVED", "Received", EVENT_RECEIVED},
		 {"ACCEPTED", "Accepted", EVENT_ACCEPTED},
		 {"REJECTED", "Rejected", EVENT_REJECTED},
		 {"CANCELLED", "Cancelled", EVENT_CANCELLED},
		 {"SETTLED", "Settled", EVENT_SETTLED}};
enum { KIND_ROWS = sizeof(kind_rows) / sizeof(*kind_rows) };

/* Unknown names count for nothing; without the header it is what requestors usually want. */
static unsigned wanted_kinds(const char *header)
{
	unsigned kinds = 0;

	if (!header)
		return EVENT_RECEIVED | EVENT_CANCELLED;

	char *copy MEM_AUTO = mem_strdup(header);
	char *rest = copy;

	while (rest) {
		const char *name = strsep(&rest, ",");

		for (unsigned i = 0; i < KIND_ROWS; i++)
			if (!strcmp(name, kind_rows[i].name))
				kinds |= kind_rows[i].kind;
	}
	return kinds;
}

static cJSON *event_json(const struct document_event *event)
{
	const struct document *document = event->document;
	cJSON *json = cJSON_CreateObject();
	unsigned row = 0;

	while (kind_rows[row].kind != event->kind)
		row++;

	char *type MEM_AUTO =
		mem_printf("%s%sEvent", document->is_invoice ? "Invoice" : "DebitNote", kind_rows[row].type);

	cJSON_AddStringToObject(json, document->is_invoice ? "invoiceId" : "debitNoteId", document->id);
	cJSON_AddItemToObject(json, "eventDate", payment_time(&event->date, 6));
	cJSON_AddStringToObject(json, "eventType", type);
	if (event->rejection)
		cJSON_AddItemToObject(json, "rejection", cJSON_Duplicate(event->rejection, true));
	return json;
}

static bool is_of_poll(const struct document_event *event, const struct document_poll *poll)
{
	const char *session = event->document->agreement->session;

	if (event->date.tv_sec < poll->after.tv_sec ||
	    (event->date.tv_sec == poll->after.tv_sec && event->date.tv_nsec <= poll->after.tv_nsec))
		return false;
	return !poll->session || (session && !strcmp(session, poll->session));
}

/* The limit counts events of every kind, also those that are left out afterwards (reference 4.5, trap). */
static cJSON *collect(const struct document_poll *poll)
{
	const struct payment *payment = poll->devnet->payment;
	const struct document_event *event;
	unsigned long left = poll->max;
	cJSON *list = cJSON_CreateArray();

	DL_FOREACH (poll->invoices ? payment->invoice_events : payment->note_events, event) {
		if (!is_of_poll(event, poll) || !left)
			continue;
		left--;
		if (event->kind & poll->kinds)
			cJSON_AddItemToArray(list, event_json(event));
	}
	if (list->child && fault_hits(poll->devnet, "lose-events", NULL)) {
		cJSON_Delete(list);
		list = cJSON_CreateArray();
	}
	return list;
}

static struct exchange *poll_end(struct document_poll *poll)
{
	struct exchange *exchange = poll->exchange;

	DL_DELETE(poll->devnet->payment->polls, poll);
	loop_cancel(&poll->tick);
	free(poll->session);
	free(poll);
	return exchange;
}

static void poll_gone(struct exchange *exchange, void *context)
{
	poll_end(context);
}

static void poll_timeout(struct exchange *exchange, void *context)
{
	exchange_reply_json(poll_end(context), 200, cJSON_CreateArray());
}

static void poll_tick(void *context)
{
	struct document_poll *poll = context;
	cJSON *list = collect(poll);

	poll->tick = NULL;
	if (list->child)
		exchange_reply_json(poll_end(poll), 200, list);
	else
		cJSON_Delete(list);
}

static void wake_at_tick(struct document_poll *poll)
{
	uint64_t interval = poll->devnet->latencies.payment_tick_ms;
	uint64_t since = loop_now_ms(poll->devnet->loop) - poll->started_ms;

	if (!poll->tick)
		poll->tick = loop_after(poll->devnet->loop, interval ? interval - since % interval : 0,
					poll_tick, poll);
}

static struct timespec next_stamp(const struct document_event *events)
{
	struct timespec now = wire_now();
	const struct document_event *last = events ? events->prev : NULL;

	now.tv_nsec -= now.tv_nsec % 1000;
	if (last && (now.tv_sec < last->date.tv_sec ||
		     (now.tv_sec == last->date.tv_sec && now.tv_nsec <= last->date.tv_nsec))) {
		now = last->date;
		now.tv_nsec += 1000;
		now.tv_sec += now.tv_nsec / 1000000000;
		now.tv_nsec %= 1000000000;
	}
	return now;
}

void document_event_add(struct document *document, enum document_event_kind kind, cJSON *rejection)
{
	struct payment *payment = document->devnet->payment;
	struct document_event **events =
		document->is_invoice ? &payment->invoice_events : &payment->note_events;
	struct document_event *event = mem_alloc(sizeof(*event));
	struct document_poll *poll;

	event->date = next_stamp(*events);
	event->document = document;
	event->kind = kind;
	event->rejection = rejection;
	DL_APPEND(*events, event);
	DL_FOREACH (payment->polls, poll)
		if (poll->invoices == document->is_invoice && is_of_poll(event, poll))
			wake_at_tick(poll);
}

static void free_list(struct document_event *events)
{
	struct document_event *event, *next;

	DL_FOREACH_SAFE (events, event, next) {
		cJSON_Delete(event->rejection);
		free(event);
	}
}

void document_events_free(struct payment *payment)
{
	while (payment->polls)
		exchange_hang_up(poll_end(payment->polls));
	free_list(payment->note_events);
	free_list(payment->invoice_events);
}

static void get_events(struct exchange *exchange, bool invoices)
{
	struct devnet *devnet = exchange_devnet(exchange);
	struct document_poll asked = {.exchange = exchange,
				      .devnet = devnet,
				      .invoices = invoices,
				      .kinds = wanted_kinds(exchange_header(exchange, "x-requestor-events")),
				      .max = (unsigned long)-1};
	double timeout = EVENTS_TIMEOUT_DEFAULT;
	const char *session = NULL;

	if (!exchange_query_float(exchange, "timeout", &timeout) ||
	    !exchange_query_time(exchange, "afterTimestamp", &asked.after) ||
	    !exchange_query_uint(exchange, "maxEvents", &asked.max) ||
	    !exchange_query_text(exchange, "appSessionId", &session))
		return;
	asked.session = session ? mem_strdup(session) : NULL;

	cJSON *list = collect(&asked);

	if (list->child || timeout == 0) {
		free(asked.session);
		exchange_reply_json(exchange, 200, list);
		return;
	}
	cJSON_Delete(list);

	struct document_poll *poll = mem_dup(&asked, sizeof(asked));

	poll->started_ms = loop_now_ms(devnet->loop);
	DL_APPEND(devnet->payment->polls, poll);
	exchange_wait(exchange, timeout, poll_timeout, poll_gone, poll);
}

static void get_note_events(struct exchange *exchange)
{
	get_events(exchange, false);
}

static void get_invoice_events(struct exchange *exchange)
{
	get_events(exchange, true);
}

const struct route document_event_routes[] = {
	{"GET", "/payment-api/v1/debitNoteEvents", get_note_events},
	{"GET", "/payment-api/v1/invoiceEvents", get_invoice_events},
	{NULL, NULL, NULL},
};
