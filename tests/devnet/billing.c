/* What providers bill: debit notes in their interval, and an invoice at the end (reference/yagna-api.md 3.6, 4.4). */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "tests/devnet/fault.h"
#include "tests/devnet/market.h"
#include "tests/devnet/payment.h"
#include "tests/devnet/properties.h"

enum {
	NOTE_INTERVAL_DEFAULT_S = 120,
	INVOICE_DUE_DEFAULT_S = 86400,
	WRONG_SUM_FACTOR = 10,
	CPU_DECIMALS = 6,      /* the runtime counts microseconds */
	DURATION_DECIMALS = 9, /* and nanoseconds */
	LONGEST_WAIT_S = 30 * 86400
};

/* ---- accounts and bills ---- */

struct account *account_of(struct devnet *devnet, const struct agreement *agreement)
{
	struct account *account;

	LL_FOREACH (devnet->payment->accounts, account)
		if (account->agreement == agreement)
			return account;
	return NULL;
}

static struct bill *bill_of(struct devnet *devnet, const char *activity)
{
	struct account *account;
	struct bill *bill;

	LL_FOREACH (devnet->payment->accounts, account)
		LL_FOREACH (account->bills, bill)
			if (!strcmp(bill->activity, activity))
				return bill;
	return NULL;
}

/* The negotiated value in seconds; false when it was not agreed on. */
static bool negotiated(const struct account *account, const char *name, double *seconds)
{
	return properties_number(account->agreement->demand, name, seconds);
}

static struct loop_timer *after_seconds(struct devnet *devnet, double seconds, loop_call call, void *context)
{
	double bounded = seconds < 0 ? 0 : seconds < LONGEST_WAIT_S ? seconds : LONGEST_WAIT_S;

	return loop_after(devnet->loop, (uint64_t)ceil(bounded * 1000), call, context);
}

/* ---- sums ---- */

/* As many decimals as the counter has, so that usage × price comes out exactly. */
static double counted(double value, int decimals)
{
	char text[64];

	snprintf(text, sizeof(text), "%.*f", decimals, value);
	return strtod(text, NULL);
}

/* A number exactly as the client read it in the offer: what a double prints as is not always what it is. */
static void read_price(const cJSON *coefficient, struct decimal *out)
{
	char *text = coefficient ? cJSON_PrintUnformatted(coefficient) : NULL;

	if (text)
		decimal_parse(out, text, NULL);
	cJSON_free(text);
}

static void add_product(struct decimal *sum, const cJSON *coefficient, double usage)
{
	struct decimal price DECIMAL_AUTO = decimal_zero(), count DECIMAL_AUTO = decimal_zero();

	read_price(coefficient, &price);
	decimal_from_double(&count, usage, NULL);
	decimal_mul(&price, &price, &count);
	decimal_add(sum, sum, &price);
}

/* To 18 decimals, never above what is due. */
static void cut_decimals(struct decimal *amount)
{
	struct decimal cut DECIMAL_AUTO = decimal_zero(), unit DECIMAL_AUTO = decimal_zero();

	decimal_set(&cut, amount);
	decimal_round_up(&cut, PAYMENT_DECIMALS);
	if (decimal_cmp(&cut, amount) > 0) {
		decimal_parse(&unit, "1e-18", NULL);
		decimal_sub(&cut, &cut, &unit);
	}
	decimal_set(amount, &cut);
}

/* The last coefficient at the start, each other times its counter; false when nobody knows the activity any more. */
static bool compute(const struct bill *bill, struct decimal *amount, double *cpu_s, double *duration_s)
{
	const cJSON *offer = bill->account->agreement->offer;
	const cJSON *prices =
		cJSON_GetObjectItemCaseSensitive(offer, "golem.com.pricing.model.linear.coeffs");
	const cJSON *counter;
	struct decimal start DECIMAL_AUTO = decimal_zero();
	int place = 0;
	struct activity_bill usage;

	if (!activity_bill(bill->devnet, bill->activity, &usage))
		return false;
	*cpu_s = counted(usage.cpu_s, CPU_DECIMALS);
	*duration_s = counted(usage.duration_s, DURATION_DECIMALS);
	cJSON_ArrayForEach (counter, cJSON_GetObjectItemCaseSensitive(offer, "golem.com.usage.vector")) {
		bool is_cpu = !strcmp(counter->valuestring, "golem.usage.cpu_sec");

		add_product(amount, cJSON_GetArrayItem(prices, place++), is_cpu ? *cpu_s : *duration_s);
	}
	read_price(cJSON_GetArrayItem(prices, place), &start);
	decimal_add(amount, amount, &start);
	cut_decimals(amount);
	return true;
}

static void spoil(struct document *document, const char *point)
{
	struct decimal factor DECIMAL_AUTO = decimal_zero();

	if (!fault_hits(document->devnet, point, document->agreement->provider))
		return;
	decimal_from_int(&factor, WRONG_SUM_FACTOR);
	decimal_mul(&document->amount, &document->amount, &factor);
}

/* ---- what happens when the requestor does not answer ---- */

static void break_agreement(struct account *account, const char *before, double seconds, const char *code)
{
	struct buf message BUF_AUTO = {0};

	buf_printf(&message, "%s in time (", before);
	negotiator_print_duration((long)seconds, &message);
	buf_addc(&message, ')');
	market_provider_terminates(account->agreement, buf_text(&message), code);
}

static void deadline_passed(void *context)
{
	struct bill *bill = context;
	double seconds = 0;

	bill->deadline = NULL;
	negotiated(bill->account, PROPERTY_ACCEPT_TIMEOUT, &seconds);
	break_agreement(bill->account, "Requestor isn't accepting DebitNotes", seconds, "DebitNotesDeadline");
}

/* The deadline is that of the oldest note which no acceptance covers. */
static void watch_acceptance(struct bill *bill)
{
	struct timespec now = wire_now();
	double seconds;

	loop_cancel(&bill->deadline);
	if (!bill->unaccepted || bill->account->agreement->terminated ||
	    !negotiated(bill->account, PROPERTY_ACCEPT_TIMEOUT, &seconds))
		return;
	seconds -= (double)(now.tv_sec - bill->unaccepted->created.tv_sec) +
		   (double)(now.tv_nsec - bill->unaccepted->created.tv_nsec) / 1e9;
	bill->deadline = after_seconds(bill->devnet, seconds, deadline_passed, bill);
}

void billing_note_accepted(struct document *note)
{
	struct bill *bill = note->bill;
	struct document *newer = NULL;

	/* What is newer than the accepted note still waits; of these the oldest counts. */
	for (struct document *one = bill->last; one && one != note; one = (struct document *)one->previous)
		newer = one;
	if (bill->unaccepted && decimal_cmp(&bill->unaccepted->amount, &note->amount) <= 0)
		bill->unaccepted = newer;
	watch_acceptance(bill);
}

static void payment_overdue(void *context)
{
	struct account *account = context;
	double seconds = 0;

	account->unpaid = NULL;
	negotiated(account, PROPERTY_PAYMENT_TIMEOUT, &seconds);
	break_agreement(account, "Requestor didn't pay for DebitNote", seconds, "DebitNoteNotPaid");
}

/* ---- debit notes ---- */

/* A note is payable when payment-timeout has passed since the last payable one, and the last one always is. */
static void set_due(struct account *account, struct document *note, bool is_last)
{
	double seconds;

	if (!negotiated(account, PROPERTY_PAYMENT_TIMEOUT, &seconds))
		return;

	struct timespec next = payment_later(&account->payable, seconds);

	if (!is_last && note->created.tv_sec < next.tv_sec)
		return;
	note->has_due = true;
	note->due = payment_later(&note->created, seconds);
	account->payable = note->created;
	if (!account->unpaid && !account->agreement->terminated)
		account->unpaid = after_seconds(account->devnet, seconds, payment_overdue, account);
}

static void send_note(struct bill *bill, bool is_last)
{
	struct account *account = bill->account;
	struct devnet *devnet = bill->devnet;
	struct document *note = document_new(account, false);

	note->bill = bill;
	if (!compute(bill, &note->amount, &note->cpu_s, &note->duration_s) ||
	    fault_hits(devnet, "debit-note", account->agreement->provider)) {
		document_free(note);
		return;
	}
	spoil(note, "debit-note-sum");
	note->previous = bill->last;
	set_due(account, note, is_last);
	bill->last = note;
	HASH_ADD_STR(devnet->payment->notes, id, note);
	document_event_add(note, EVENT_RECEIVED, NULL);
	if (!bill->unaccepted) {
		bill->unaccepted = note;
		watch_acceptance(bill);
	}
}

static void interval_over(void *context);

static void plan_note(struct bill *bill)
{
	double seconds = NOTE_INTERVAL_DEFAULT_S;

	negotiated(bill->account, PROPERTY_NOTE_INTERVAL, &seconds);
	bill->interval = after_seconds(bill->devnet, seconds, interval_over, bill);
}

static void interval_over(void *context)
{
	struct bill *bill = context;

	plan_note(bill);
	send_note(bill, false);
}

void payment_activity_began(struct devnet *devnet, const char *activity_id, struct agreement *agreement)
{
	struct account *account = account_of(devnet, agreement);
	struct bill *bill;

	if (!account)
		return;
	bill = mem_alloc(sizeof(*bill));
	bill->devnet = devnet;
	bill->account = account;
	bill->accepted = decimal_zero();
	snprintf(bill->activity, sizeof(bill->activity), "%s", activity_id);
	LL_APPEND(account->bills, bill);
	plan_note(bill);
}

static void close_bill(struct bill *bill)
{
	if (bill->closed)
		return;
	bill->closed = true;
	loop_cancel(&bill->interval);
	send_note(bill, true);
}

void payment_activity_ended(struct devnet *devnet, const char *activity_id)
{
	struct bill *bill = bill_of(devnet, activity_id);

	if (bill)
		close_bill(bill);
}

/* ---- agreements ---- */

void payment_agreement_approved(struct devnet *devnet, struct agreement *agreement)
{
	struct account *account = mem_alloc(sizeof(*account));

	account->devnet = devnet;
	account->agreement = agreement;
	account->accepted = decimal_zero();
	account->payable = wire_now();
	LL_PREPEND(devnet->payment->accounts, account);
}

static void send_invoice(void *context)
{
	struct account *account = context;
	struct devnet *devnet = account->devnet;
	struct document *invoice = document_new(account, true);
	double seconds = INVOICE_DUE_DEFAULT_S;
	struct bill *bill;

	account->invoicing = NULL;
	invoice->activities = cJSON_CreateArray();
	LL_FOREACH (account->bills, bill) {
		struct decimal amount DECIMAL_AUTO = decimal_zero();
		double cpu_s, duration_s;

		close_bill(bill);
		loop_cancel(&bill->deadline);
		cJSON_AddItemToArray(invoice->activities, cJSON_CreateString(bill->activity));
		if (compute(bill, &amount, &cpu_s, &duration_s))
			decimal_add(&invoice->amount, &invoice->amount, &amount);
	}
	if (fault_hits(devnet, "invoice", account->agreement->provider)) {
		document_free(invoice);
		return;
	}
	spoil(invoice, "invoice-sum");
	negotiated(account, PROPERTY_PAYMENT_TIMEOUT, &seconds);
	invoice->has_due = true;
	invoice->due = payment_later(&invoice->created, seconds);
	account->invoice = invoice;
	HASH_ADD_STR(devnet->payment->invoices, id, invoice);
	document_event_add(invoice, EVENT_RECEIVED, NULL);
}

void payment_agreement_ended(struct devnet *devnet, struct agreement *agreement)
{
	struct account *account = account_of(devnet, agreement);
	struct bill *bill;

	loop_cancel(&account->unpaid);
	LL_FOREACH (account->bills, bill)
		loop_cancel(&bill->deadline);
	account->invoicing = loop_after(devnet->loop, devnet->latencies.invoice_ms, send_invoice, account);
}

/* ---- the part as a whole ---- */

struct payment *payment_new(struct devnet *devnet)
{
	struct payment *payment = mem_alloc(sizeof(*payment));

	payment->devnet = devnet;
	return payment;
}

static void free_account(struct account *account)
{
	struct bill *bill, *next;

	LL_FOREACH_SAFE (account->bills, bill, next) {
		loop_cancel(&bill->interval);
		loop_cancel(&bill->deadline);
		decimal_free(&bill->accepted);
		free(bill);
	}
	loop_cancel(&account->unpaid);
	loop_cancel(&account->invoicing);
	decimal_free(&account->accepted);
	free(account);
}

static void free_documents(struct document **documents)
{
	struct document *document, *next;

	HASH_ITER (hh, *documents, document, next) {
		HASH_DEL(*documents, document);
		document_free(document);
	}
}

void payment_free(struct payment *payment)
{
	struct account *account, *next;
	struct allocation *allocation, *next_allocation;

	if (!payment)
		return;
	document_events_free(payment);
	LL_FOREACH_SAFE (payment->accounts, account, next)
		free_account(account);
	free_documents(&payment->notes);
	free_documents(&payment->invoices);
	HASH_ITER (hh, payment->allocations, allocation, next_allocation) {
		HASH_DEL(payment->allocations, allocation);
		allocation_free(allocation);
	}
	free(payment);
}
