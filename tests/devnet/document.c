/* Debit notes and invoices: reading, accepting, rejecting (reference/yagna-api.md 4.4). */
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "tests/devnet/fault.h"
#include "tests/devnet/payment.h"
#include "tests/devnet/route.h"
#include "tests/devnet/serde.h"

#define ACCEPT_TIMEOUT_DEFAULT 15.0

static const char *const status_names[] = {"RECEIVED", "ACCEPTED", "REJECTED", "SETTLED"};

struct document *document_new(struct account *account, bool is_invoice)
{
	struct document *document = mem_alloc(sizeof(*document));

	document->devnet = account->devnet;
	wire_uuid(document->id);
	document->is_invoice = is_invoice;
	document->agreement = account->agreement;
	document->amount = decimal_zero();
	document->created = wire_now();
	return document;
}

void document_free(struct document *document)
{
	decimal_free(&document->amount);
	cJSON_Delete(document->activities);
	free(document);
}

/* As many digits as tell the number, like the daemon's own JSON. */
static cJSON *usage_json(const struct document *note)
{
	cJSON *vector = cJSON_CreateArray();
	double values[] = {note->cpu_s, note->duration_s};

	for (unsigned i = 0; i < 2; i++) {
		struct decimal value DECIMAL_AUTO = decimal_zero();
		struct buf text BUF_AUTO = {0};

		decimal_from_double(&value, values[i], NULL);
		payment_print_amount(&value, value.scale ? value.scale : 1, &text);
		cJSON_AddItemToArray(vector, cJSON_CreateRaw(buf_text(&text)));
	}
	return vector;
}

static void add_head(cJSON *json, const struct document *document)
{
	const char *provider = document->agreement->provider->node_id;
	const char *requestor = document->agreement->requestor;

	cJSON_AddStringToObject(json, document->is_invoice ? "invoiceId" : "debitNoteId", document->id);
	cJSON_AddStringToObject(json, "issuerId", provider);
	cJSON_AddStringToObject(json, "recipientId", requestor);
	cJSON_AddStringToObject(json, "payeeAddr", provider);
	cJSON_AddStringToObject(json, "payerAddr", requestor);
	cJSON_AddStringToObject(json, "paymentPlatform",
				document->agreement->platform ? document->agreement->platform : "");
	if (document->previous)
		cJSON_AddStringToObject(json, "previousDebitNoteId", document->previous->id);
	cJSON_AddItemToObject(json, "timestamp", payment_time(&document->created, 3));
	cJSON_AddStringToObject(json, "agreementId", document->agreement->id);
}

static cJSON *document_json(const struct document *document)
{
	cJSON *json = cJSON_CreateObject();

	add_head(json, document);
	if (document->is_invoice) {
		cJSON_AddItemToObject(json, "activityIds", cJSON_Duplicate(document->activities, true));
		cJSON_AddItemToObject(json, "amount", payment_amount(&document->amount));
	} else {
		cJSON_AddStringToObject(json, "activityId", document->bill->activity);
		cJSON_AddItemToObject(json, "totalAmountDue", payment_amount(&document->amount));
		cJSON_AddItemToObject(json, "usageCounterVector", usage_json(document));
	}
	if (document->has_due)
		cJSON_AddItemToObject(json, "paymentDueDate", payment_time(&document->due, 9));
	cJSON_AddStringToObject(json, "status", status_names[document->status]);
	return json;
}

static void list_documents(struct exchange *exchange, struct document *documents)
{
	struct timespec after = {0};
	unsigned long max = (unsigned long)-1;
	struct document *document, *next;
	cJSON *list;

	if (!exchange_query_time(exchange, "afterTimestamp", &after) ||
	    !exchange_query_uint(exchange, "maxItems", &max))
		return;
	list = cJSON_CreateArray();
	HASH_ITER (hh, documents, document, next) {
		bool later = document->created.tv_sec > after.tv_sec ||
			     (document->created.tv_sec == after.tv_sec &&
			      document->created.tv_nsec > after.tv_nsec);

		if (later && max && max--)
			cJSON_AddItemToArray(list, document_json(document));
	}
	exchange_reply_json(exchange, 200, list);
}

static void list_invoices(struct exchange *exchange)
{
	list_documents(exchange, exchange_devnet(exchange)->payment->invoices);
}

static void list_notes(struct exchange *exchange)
{
	list_documents(exchange, exchange_devnet(exchange)->payment->notes);
}

static struct document *path_document(struct exchange *exchange, struct document *documents)
{
	struct document *document;

	HASH_FIND_STR(documents, exchange_part(exchange, 0), document);
	if (!document)
		exchange_reply_null_message(exchange, 404);
	return document;
}

static struct document *path_invoice(struct exchange *exchange)
{
	return path_document(exchange, exchange_devnet(exchange)->payment->invoices);
}

static struct document *path_note(struct exchange *exchange)
{
	return path_document(exchange, exchange_devnet(exchange)->payment->notes);
}

static void reply_document(struct exchange *exchange, const struct document *document)
{
	if (document)
		exchange_reply_json(exchange, 200, document_json(document));
}

static void get_invoice(struct exchange *exchange)
{
	reply_document(exchange, path_invoice(exchange));
}

static void get_note(struct exchange *exchange)
{
	reply_document(exchange, path_note(exchange));
}

/* Nothing is settled on a chain here, so nothing has been paid. */
static void get_payments(struct exchange *exchange)
{
	exchange_reply_json(exchange, 200, cJSON_CreateArray());
}

static void not_implemented(struct exchange *exchange)
{
	exchange_reply_null_message(exchange, 501);
}

/* ---- accepting ---- */

static const struct serde_field acceptance_fields[] = {
	{"totalAmountAccepted", &serde_decimal, 0}, {"allocationId", &serde_string, 0}, {NULL, NULL, 0}};
static const struct serde_type acceptance_type = {SERDE_STRUCT, "struct Acceptance",
						  .fields = acceptance_fields};

struct acceptance {
	struct exchange *exchange;
	struct document *document;
	const cJSON *body;
	double timeout;
};

static bool amount_fits(const struct acceptance *acceptance)
{
	const cJSON *given = cJSON_GetObjectItemCaseSensitive(acceptance->body, "totalAmountAccepted");
	struct decimal amount DECIMAL_AUTO = decimal_zero();
	bool read = cJSON_IsString(given) ? !decimal_parse(&amount, given->valuestring, NULL)
					  : !decimal_from_double(&amount, given->valuedouble, NULL);

	return read && !decimal_cmp(&amount, &acceptance->document->amount);
}

/* What this acceptance adds to what has been accepted before. */
static void amount_to_pay(const struct document *document, struct decimal *out)
{
	const struct account *account = account_of(document->devnet, document->agreement);

	decimal_sub(out, &document->amount,
		    document->is_invoice ? &account->accepted : &document->bill->accepted);
}

static void accept_timeout(struct exchange *exchange, void *context)
{
	const struct document *document = context;

	exchange_reply_message(exchange, 504, "Timeout accepting %s on remote Node.",
			       document->is_invoice ? "Invoice" : "Debit Note");
}

static void store_acceptance(struct acceptance *acceptance, struct allocation *allocation,
			     const struct decimal *to_pay)
{
	struct document *document = acceptance->document;
	struct account *account = account_of(document->devnet, document->agreement);

	if (decimal_sign(to_pay) > 0) {
		allocation_spend(allocation, document, to_pay);
		decimal_add(&account->accepted, &account->accepted, to_pay);
		if (document->bill)
			decimal_set(&document->bill->accepted, &document->amount);
	}
	document->status = decimal_sign(&document->amount) ? DOCUMENT_ACCEPTED : DOCUMENT_SETTLED;
	document_event_add(document, EVENT_ACCEPTED, NULL);
	if (document->status == DOCUMENT_SETTLED)
		document_event_add(document, EVENT_SETTLED, NULL);
	if (fault_hits(document->devnet, "accept", document->agreement->provider)) {
		exchange_wait(acceptance->exchange, acceptance->timeout, accept_timeout, NULL, document);
		return;
	}
	if (document->bill)
		billing_note_accepted(document);
	exchange_reply_json_text(acceptance->exchange, 200, "null");
}

static void pay_from(struct acceptance *acceptance)
{
	const char *id =
		cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(acceptance->body, "allocationId"));
	struct allocation *allocation = allocation_find(acceptance->document->devnet, id);
	struct decimal to_pay DECIMAL_AUTO = decimal_zero(), left DECIMAL_AUTO = decimal_zero();
	struct buf have BUF_AUTO = {0}, need BUF_AUTO = {0};

	if (!allocation) {
		exchange_reply_message(acceptance->exchange, 400, "Allocation %s not found", id);
		return;
	}
	amount_to_pay(acceptance->document, &to_pay);
	decimal_sub(&left, &allocation->total, &allocation->spent);
	if (decimal_cmp(&to_pay, &left) <= 0) {
		store_acceptance(acceptance, allocation, &to_pay);
		return;
	}
	if (allocation->used)
		payment_print_amount(&left, PAYMENT_DECIMALS, &have);
	else
		buf_adds(&have, allocation->total_text);
	payment_print_amount(&to_pay, PAYMENT_DECIMALS, &need);
	exchange_reply_message(acceptance->exchange, 400, "Not enough funds. Allocated: %s Needed: %s",
			       buf_text(&have), buf_text(&need));
}

/* A note that comes after an answered invoice is accepted without effect. */
static bool is_covered(const struct document *document)
{
	const struct document *invoice = account_of(document->devnet, document->agreement)->invoice;

	return !document->is_invoice && invoice && invoice->status != DOCUMENT_RECEIVED;
}

static bool below_accepted(struct acceptance *acceptance)
{
	const struct document *document = acceptance->document;
	const struct account *account = account_of(document->devnet, document->agreement);
	struct buf amount BUF_AUTO = {0}, accepted BUF_AUTO = {0};

	if (!document->is_invoice || decimal_cmp(&document->amount, &account->accepted) >= 0)
		return false;
	payment_print_amount(&document->amount, PAYMENT_DECIMALS, &amount);
	payment_print_amount(&account->accepted, PAYMENT_DECIMALS, &accepted);
	exchange_reply_message(acceptance->exchange, 400,
			       "Invoice is smaller than agreement.total_amount_accepted. invoice_id=%s, "
			       "invoice_amount=%s, total_amount_accepted=%s",
			       document->id, buf_text(&amount), buf_text(&accepted));
	return true;
}

static void accept(struct exchange *exchange, struct document *(*find)(struct exchange *exchange))
{
	struct acceptance acceptance = {.exchange = exchange, .timeout = ACCEPT_TIMEOUT_DEFAULT};

	if (!exchange_query_float(exchange, "timeout", &acceptance.timeout))
		return;
	acceptance.body = exchange_json_as(exchange, &acceptance_type);
	acceptance.document = acceptance.body ? find(exchange) : NULL;
	if (!acceptance.document)
		return;

	enum document_status status = acceptance.document->status;

	if (!amount_fits(&acceptance))
		exchange_reply_message(exchange, 400, "Invalid amount accepted");
	else if (status == DOCUMENT_ACCEPTED || status == DOCUMENT_SETTLED || is_covered(acceptance.document))
		exchange_reply_json_text(exchange, 200, "null");
	else if (!below_accepted(&acceptance))
		pay_from(&acceptance);
}

static void accept_invoice(struct exchange *exchange)
{
	accept(exchange, path_invoice);
}

static void accept_note(struct exchange *exchange)
{
	accept(exchange, path_note);
}

/* ---- rejecting ---- */

static const char *const rejection_variants[] = {"UNSOLICITED_SERVICE", "BAD_SERVICE", "INCORRECT_AMOUNT",
						 NULL};
static const struct serde_type rejection_reason = {
	SERDE_VARIANT, "one of `UNSOLICITED_SERVICE`, `BAD_SERVICE`, `INCORRECT_AMOUNT`",
	.variants = rejection_variants};
static const struct serde_field rejection_fields[] = {{"rejectionReason", &rejection_reason, 0},
						      {"totalAmountAccepted", &serde_decimal, 0},
						      {"message", &serde_string, SERDE_OPTIONAL},
						      {NULL, NULL, 0}};
static const struct serde_type rejection_type = {SERDE_STRUCT, "struct Rejection",
						 .fields = rejection_fields};

static cJSON *rejection_json(const cJSON *body)
{
	const cJSON *message = cJSON_GetObjectItemCaseSensitive(body, "message");
	const cJSON *amount = cJSON_GetObjectItemCaseSensitive(body, "totalAmountAccepted");
	cJSON *json = cJSON_CreateObject();
	char *text MEM_AUTO = cJSON_IsString(amount) ? mem_strdup(amount->valuestring)
						     : mem_printf("%.0f", amount->valuedouble);

	cJSON_AddItemToObject(
		json, "rejectionReason",
		cJSON_Duplicate(cJSON_GetObjectItemCaseSensitive(body, "rejectionReason"), true));
	cJSON_AddStringToObject(json, "totalAmountAccepted", text);
	if (cJSON_IsString(message))
		cJSON_AddStringToObject(json, "message", message->valuestring);
	return json;
}

static void reject_invoice(struct exchange *exchange)
{
	double timeout = ACCEPT_TIMEOUT_DEFAULT;
	const cJSON *body;
	struct document *invoice;

	if (!exchange_query_float(exchange, "timeout", &timeout))
		return;
	body = exchange_json_as(exchange, &rejection_type);
	invoice = body ? path_invoice(exchange) : NULL;
	if (!invoice)
		return;
	if (invoice->status == DOCUMENT_ACCEPTED || invoice->status == DOCUMENT_SETTLED) {
		exchange_reply_message(exchange, 400, "Invoice %s",
				       invoice->status == DOCUMENT_ACCEPTED ? "accepted" : "settled");
		return;
	}
	if (invoice->status == DOCUMENT_RECEIVED) {
		invoice->status = DOCUMENT_REJECTED;
		document_event_add(invoice, EVENT_REJECTED, rejection_json(body));
	}
	exchange_reply_json_text(exchange, 200, "null");
}

static void reject_note(struct exchange *exchange)
{
	if (exchange_json_as(exchange, &rejection_type))
		not_implemented(exchange);
}

/* Only the issuer can cancel; to everybody else an answered one is in the way of it. */
static void cancel_invoice(struct exchange *exchange)
{
	if (path_invoice(exchange))
		exchange_reply_message(exchange, 409, "Invoice already accepted by requestor");
}

const struct route document_routes[] = {
	{"GET", "/payment-api/v1/invoices", list_invoices},
	{"GET", "/payment-api/v1/invoices/{}", get_invoice},
	{"GET", "/payment-api/v1/invoices/{}/payments", get_payments},
	{"POST", "/payment-api/v1/invoices/{}/accept", accept_invoice},
	{"POST", "/payment-api/v1/invoices/{}/reject", reject_invoice},
	{"POST", "/payment-api/v1/invoices/{}/cancel", cancel_invoice},
	{"GET", "/payment-api/v1/debitNotes", list_notes},
	{"GET", "/payment-api/v1/debitNotes/{}", get_note},
	{"GET", "/payment-api/v1/debitNotes/{}/payments", not_implemented},
	{"POST", "/payment-api/v1/debitNotes/{}/accept", accept_note},
	{"POST", "/payment-api/v1/debitNotes/{}/reject", reject_note},
	{"POST", "/payment-api/v1/debitNotes/{}/cancel", not_implemented},
	{NULL, NULL, NULL},
};
