/* Bills: accepted up to usage times price, once, in order, within the budget; refused ones are told. */
#include "core/http.h"
#include "core/mem.h"
#include "core/payment.h"
#include "core/payment/price.h"
#include "core/timefmt.h"
#include "tests/unit/check.h"
#include "tests/unit/stub.h"

/* 0.00001 GLM a second, 0.00002 a CPU second, 0.001 at the start */
static const enum payment_counter counters[] = {PAYMENT_CPU_SECONDS, PAYMENT_SECONDS};
static const double coefficients[] = {0.00002, 0.00001};
static const struct payment_terms terms = {
	.agreement = "AGR",
	.provider = "0xp",
	.allocation = "ALLOC",
	.counters = 2,
	.counter = counters,
	.coefficient = coefficients,
	.start_price = 0.001,
	.threads = 2,
};

/* What the server knows. Events are given out once. */
struct document {
	const char *id, *agreement, *activity, *amount, *usage, *status;
};
static struct document notes[4], invoices[2];
static const char *note_events, *invoice_events, *listed_notes;
static unsigned accept_failures; /* this many accepts are answered 504 first */
static unsigned accepts_under_way, accepts_at_once;
static struct stub_peer *delayed;

static struct loop *loop;
static struct stub *stub;
static struct http *http;
static struct yagna *yagna;
static struct payment *payment;
static struct payment_account *account;
static struct buf story;
static const char *wanted; /* the story's end */

static void print_document(struct buf *out, const struct document *document, bool invoice)
{
	buf_printf(out,
		   "{\"%s\":\"%s\",\"issuerId\":\"0xp\",\"agreementId\":\"%s\",\"paymentPlatform\":\"p\","
		   "\"timestamp\":"
		   "\"2026-01-01T00:00:0%cZ\",\"status\":\"%s\",\"%s\":\"%s\",",
		   invoice ? "invoiceId" : "debitNoteId", document->id, document->agreement,
		   document->id[strlen(document->id) - 1], document->status ? document->status : "RECEIVED",
		   invoice ? "amount" : "totalAmountDue", document->amount);
	if (invoice)
		buf_printf(out, "\"activityIds\":[\"%s\"]}", document->activity);
	else
		buf_printf(out, "\"activityId\":\"%s\",\"usageCounterVector\":%s}", document->activity,
			   document->usage);
}

static void reply_document(struct stub_peer *peer, const struct document *documents, size_t count,
			   const char *id, bool invoice)
{
	BUF_AUTO struct buf out = {0};

	for (size_t i = 0; i < count; i++) {
		if (documents[i].id && !strncmp(documents[i].id, id, strlen(documents[i].id)))
			print_document(&out, &documents[i], invoice);
	}
	stub_reply(peer, out.len ? 200 : 404, out.len ? out.data : "{\"message\":null}");
}

static void reply_events(struct stub_peer *peer, const char **events)
{
	if (*events) /* else the poll waits for ever */
		stub_reply(peer, 200, *events);
	*events = NULL;
}

static void answer_accept(void *context)
{
	(void)context;
	accepts_under_way--;
	stub_reply(delayed, accept_failures ? 504 : 200, "null");
	if (accept_failures)
		accept_failures--;
}

static void handle_post(struct stub_peer *peer, const struct stub_request *request)
{
	const char *id = strstr(request->line, "s/") + 2; /* debitNotes/ID/accept */
	const char *name = strstr(id, "/accept") ? "accept" : "reject";

	buf_printf(&story, "%s:%.*s ", name, (int)strcspn(id, "/"), id);
	if (*name == 'r') {
		stub_reply(peer, 200, "null");
		return;
	}
	CHECK(strstr(request->body, "\"allocationId\":\"ALLOC\""));
	if (++accepts_under_way > accepts_at_once)
		accepts_at_once = accepts_under_way;
	delayed = peer;
	loop_after(loop, 5, answer_accept, NULL);
}

static void handle(struct stub_peer *peer, const struct stub_request *request)
{
	static const char api[] = "/payment-api/v1/";
	const char *path = strstr(request->line, api) + sizeof(api) - 1;

	if (!strncmp(request->line, "POST", 4))
		handle_post(peer, request);
	else if (!strncmp(path, "debitNoteEvents", 15))
		reply_events(peer, &note_events);
	else if (!strncmp(path, "invoiceEvents", 13))
		reply_events(peer, &invoice_events);
	else if (!strncmp(path, "debitNotes/", 11))
		reply_document(peer, notes, 4, path + 11, false);
	else if (!strncmp(path, "invoices/", 9))
		reply_document(peer, invoices, 2, path + 9, true);
	else if (!strncmp(path, "debitNotes?", 11))
		stub_reply(peer, 200, listed_notes ? listed_notes : "[]");
	else
		stub_reply(peer, 200, "[]");
}

static void stop_when_told(void)
{
	if (strstr(buf_text(&story), wanted))
		loop_stop(loop);
}

static void on_notice(void *context, const struct payment_notice *notice)
{
	static const char *const names[] = {"accepted", "received", "paid", "refused", "figures"};

	(void)context;
	buf_printf(&story, "%s=%s ", names[notice->event], notice->id);
	if (notice->event == PAYMENT_REFUSED)
		printf("# refused %s: %s\n", notice->id, notice->why);
	stop_when_told();
}

static void begin(void)
{
	memset(notes, 0, sizeof(notes));
	memset(invoices, 0, sizeof(invoices));
	note_events = invoice_events = listed_notes = NULL;
	accept_failures = accepts_at_once = accepts_under_way = 0;
	buf_clear(&story);
	loop = loop_new();
	stub = stub_new(loop, handle);
	http = http_new(loop);
	yagna = yagna_new(http, loop, stub_url(stub), "KEY");
	payment = payment_new(loop, yagna, "SESSION");
	account = payment_open(payment, &terms, on_notice, NULL, NULL);
	struct timespec asked = timefmt_now();

	asked.tv_sec -= 100;
	payment_activity(account, "ACT", &asked);
}

static void stop(void *context)
{
	(void)context;
	loop_stop(loop);
}

/* Until the story holds `text`, and a little longer to see what follows. */
static void run_until(const char *text)
{
	wanted = text;
	payment_start(payment, "2025-01-01T00:00:00Z");
	struct loop_timer *limit = loop_after(loop, 5000, stop, NULL);

	loop_run(loop);
	loop_cancel(&limit);
	loop_after(loop, 30, stop, NULL);
	loop_run(loop);
	CHECK(strstr(buf_text(&story), text));
}

static void end(void)
{
	payment_close(&account);
	payment_free(payment);
	yagna_free(yagna);
	http_free(http);
	stub_free(stub);
	loop_free(loop);
}

#define NOTE_EVENT(id)                                                                                       \
	"{\"debitNoteId\":\"" id                                                                             \
	"\",\"eventDate\":\"2026-01-01T00:00:00Z\",\"eventType\":\"DebitNoteReceivedEvent\"}"
#define INVOICE_EVENT(id)                                                                                    \
	"{\"invoiceId\":\"" id                                                                               \
	"\",\"eventDate\":\"2026-01-01T00:00:00Z\",\"eventType\":\"InvoiceReceivedEvent\"}"

static void expect_figures(const char *accepted, const char *billed)
{
	struct payment_figures figures;
	BUF_AUTO struct buf a = {0};
	BUF_AUTO struct buf b = {0};

	payment_figures(account, &figures);
	decimal_print(&figures.accepted, &a);
	decimal_print(&figures.billed, &b);
	CHECK_TEXT(buf_text(&a), accepted);
	CHECK_TEXT(buf_text(&b), billed);
	payment_figures_free(&figures);
}

/* ---- notes ---- */

static void a_note_within_usage_times_price_is_accepted_once(void)
{
	begin();
	/* 0.001 + 10 * 0.00002 + 50 * 0.00001 */
	notes[0] = (struct document){"N1", "AGR", "ACT", "0.001700000000000000", "[10,50]"};
	note_events = "[" NOTE_EVENT("N1") "," NOTE_EVENT("N1") "]";
	run_until("accepted=N1");
	CHECK_TEXT(buf_text(&story), "accept:N1 accepted=N1 ");
	expect_figures("0.0017", "0.0017");
	end();
}

static void a_note_above_it_is_refused(void)
{
	begin();
	notes[0] = (struct document){"N1", "AGR", "ACT", "0.0017000000000001", "[10,50]"};
	note_events = "[" NOTE_EVENT("N1") "]";
	run_until("refused=N1");
	CHECK_TEXT(buf_text(&story), "refused=N1 ");
	expect_figures("0", "0.0017000000000001");
	end();
}

static void usage_that_is_not_possible_is_refused(void)
{
	static const char *const bad[] = {"[10,200]",  "[500,50]", "[10]",
					  "[10,50,1]", "[-1,50]",  "[\"a\",50]"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		begin();
		notes[0] = (struct document){"N1", "AGR", "ACT", "0.0001", bad[i]};
		note_events = "[" NOTE_EVENT("N1") "]";
		run_until("refused=N1");
		CHECK_TEXT(buf_text(&story), "refused=N1 ");
		end();
	}
}

static void documents_of_other_agreements_are_left_alone(void)
{
	begin();
	notes[0] = (struct document){"N1", "OTHER", "ACT", "0.001", "[1,1]"};
	notes[1] = (struct document){"N2", "AGR", "ACT", "0.001", "[1,1]"};
	note_events = "[" NOTE_EVENT("N1") "," NOTE_EVENT("N2") "]";
	run_until("accepted=N2");
	CHECK_TEXT(buf_text(&story), "accept:N2 accepted=N2 ");
	end();
}

static void an_accept_that_runs_out_of_time_is_repeated(void)
{
	begin();
	notes[0] = (struct document){"N1", "AGR", "ACT", "0.001", "[1,1]"};
	note_events = "[" NOTE_EVENT("N1") "]";
	accept_failures = 1;
	run_until("accepted=N1");
	CHECK_TEXT(buf_text(&story), "accept:N1 accept:N1 accepted=N1 ");
	end();
}

static void accepts_of_one_agreement_never_overlap(void)
{
	begin();
	notes[0] = (struct document){"N1", "AGR", "ACT", "0.0011", "[1,50]"};
	notes[1] = (struct document){"N2", "AGR", "ACT", "0.0012", "[1,50]"};
	notes[2] = (struct document){"N3", "AGR", "ACT", "0.0013", "[1,50]"};
	note_events = "[" NOTE_EVENT("N1") "," NOTE_EVENT("N2") "," NOTE_EVENT("N3") "]";
	run_until("accepted=N3");
	CHECK(accepts_at_once == 1);
	expect_figures("0.0013", "0.0013");
	end();
}

static void a_note_beyond_the_budget_is_refused_until_the_budget_allows_it(void)
{
	DECIMAL_AUTO struct decimal budget = decimal_zero();

	begin();
	decimal_parse(&budget, "0.0009", NULL);
	payment_set_budget(payment, "ALLOC", &budget);
	notes[0] = (struct document){"N1", "AGR", "ACT", "0.001", "[1,1]"};
	note_events = "[" NOTE_EVENT("N1") "]";
	run_until("refused=N1");
	decimal_parse(&budget, "0.001", NULL);
	payment_set_budget(payment, "ALLOC", &budget);
	run_until("accepted=N1");
	CHECK_TEXT(buf_text(&story), "refused=N1 accept:N1 accepted=N1 ");
	end();
}

static void notes_that_were_missed_are_found_in_the_list(void)
{
	BUF_AUTO struct buf list = {0};

	begin();
	notes[0] = (struct document){"N1", "AGR", "ACT", "0.001", "[1,1]", "RECEIVED"};
	notes[1] = (struct document){"N0", "AGR", "ACT", "0.0005", "[1,1]", "ACCEPTED"};
	buf_addc(&list, '[');
	print_document(&list, &notes[0], false);
	buf_addc(&list, ',');
	print_document(&list, &notes[1], false);
	buf_addc(&list, ']');
	listed_notes = list.data;
	run_until("accepted=N1");
	CHECK_TEXT(buf_text(&story), "accept:N1 accepted=N1 ");
	end();
}

/* ---- invoices ---- */

static void an_invoice_waits_for_the_end_of_the_agreement(void)
{
	begin();
	notes[0] = (struct document){"N1", "AGR", "ACT", "0.0017", "[10,50]"};
	invoices[0] = (struct document){"I1", "AGR", "ACT", "0.0017"};
	note_events = "[" NOTE_EVENT("N1") "]";
	invoice_events = "[" INVOICE_EVENT("I1") "]";
	run_until("accepted=N1");
	CHECK(!strstr(buf_text(&story), "accept:I1") && !payment_settled(account));
	payment_ended(account);
	run_until("paid=I1");
	CHECK(payment_settled(account));
	expect_figures("0.0017", "0.0017");
	end();
}

static void an_invoice_that_comes_before_the_last_note_is_judged_with_it(void)
{
	BUF_AUTO struct buf list = {0};

	begin();
	payment_ended(account);
	notes[0] = (struct document){"N1", "AGR", "ACT", "0.0012", "[0,20]"};
	notes[1] = (struct document){"N2", "AGR", "ACT", "0.0017", "[10,50]"};
	invoices[0] = (struct document){"I1", "AGR", "ACT", "0.0017"};
	note_events = "[" NOTE_EVENT("N1") "]";
	run_until("accepted=N1");
	buf_addc(&list, '[');
	print_document(&list, &notes[1], false);
	buf_addc(&list, ']');
	invoice_events = "[" INVOICE_EVENT("I1") "]";
	payment_start(payment, "2025-01-01T00:00:00Z");
	loop_after(loop, 20, stop, NULL);
	listed_notes = list.data;
	run_until("paid=I1");
	expect_figures("0.0017", "0.0017");
	end();
}

static void an_invoice_above_its_notes_is_rejected(void)
{
	begin();
	payment_ended(account);
	notes[0] = (struct document){"N1", "AGR", "ACT", "0.0017", "[10,50]"};
	invoices[0] = (struct document){"I1", "AGR", "ACT", "0.0018"};
	note_events = "[" NOTE_EVENT("N1") "]";
	run_until("accepted=N1");
	invoice_events = "[" INVOICE_EVENT("I1") "]";
	run_until("refused=I1");
	CHECK(strstr(buf_text(&story), "reject:I1") && !strstr(buf_text(&story), "accept:I1"));
	CHECK(payment_settled(account));
	expect_figures("0.0017", "0.0018");
	end();
}

static void a_second_invoice_is_rejected(void)
{
	begin();
	payment_ended(account);
	notes[0] = (struct document){"N1", "AGR", "ACT", "0.0017", "[10,50]"};
	invoices[0] = (struct document){"I1", "AGR", "ACT", "0.0017"};
	invoices[1] = (struct document){"I2", "AGR", "ACT", "0.0017"};
	note_events = "[" NOTE_EVENT("N1") "]";
	run_until("accepted=N1");
	invoice_events = "[" INVOICE_EVENT("I1") "," INVOICE_EVENT("I2") "]";
	run_until("refused=I2");
	CHECK(strstr(buf_text(&story), "accept:I1") && strstr(buf_text(&story), "reject:I2"));
	end();
}

static void closes(void *context, const struct payment_notice *notice)
{
	(void)context, (void)notice;
	payment_close(&account);
	loop_after(loop, 30, stop, NULL);
}

static void an_account_may_be_closed_by_its_notice_and_its_spending_counts_on(void)
{
	DECIMAL_AUTO struct decimal budget = decimal_zero();

	begin();
	payment_close(&account);
	account = payment_open(payment, &terms, closes, NULL, NULL);
	decimal_parse(&budget, "0.0015", NULL);
	payment_set_budget(payment, "ALLOC", &budget);
	notes[0] = (struct document){"N1", "AGR", "ACT", "0.001", "[0,0]"};
	note_events = "[" NOTE_EVENT("N1") "]";
	wanted = "never";
	payment_start(payment, "2025-01-01T00:00:00Z");
	loop_run(loop);
	CHECK(!account);
	account = payment_open(payment, &terms, on_notice, NULL, NULL);
	notes[1] = (struct document){"N2", "AGR", "ACT", "0.001", "[0,0]"};
	note_events = "[" NOTE_EVENT("N2") "]";
	run_until("refused=N2");
	end();
}

static void prices_that_make_no_sense_are_refused(void)
{
	static const double negative[] = {-1, 0}, infinite[] = {0, 1.0 / 0.0};
	struct payment_terms bad = terms;
	struct err err = {0};

	begin();
	bad.coefficient = negative;
	CHECK(!payment_open(payment, &bad, on_notice, NULL, &err) && err.code == EIO);
	bad.coefficient = infinite;
	CHECK(!payment_open(payment, &bad, on_notice, NULL, &err));
	end();
}

/* The sum of a provider that computes in doubles may be off by its rounding, and by no more. */
static void a_recorded_note_is_within_its_price(void)
{
	static const double recorded[] = {0.00002, 0.00001};
	struct payment_terms real = terms;
	struct price price;
	DECIMAL_AUTO struct decimal limit = decimal_zero();
	DECIMAL_AUTO struct decimal amount = decimal_zero();
	cJSON *usage = cJSON_Parse("[0.049745,3.002120109]");

	real.coefficient = recorded;
	real.start_price = 0;
	CHECK(!price_init(&price, &real, NULL));
	CHECK(!price_limit(&price, usage, 6000, &limit, NULL));
	decimal_parse(&amount, "0.000031016101090000", NULL);
	CHECK(price_covers(&limit, &amount));
	CHECK(decimal_cmp(&limit, &amount) == 0);
	decimal_parse(&amount, "0.000031016101090001", NULL);
	CHECK(!price_covers(&limit, &amount));
	cJSON_Delete(usage);
	price_free(&price);
}

int main(void)
{
	TEST(a_note_within_usage_times_price_is_accepted_once);
	TEST(a_note_above_it_is_refused);
	TEST(usage_that_is_not_possible_is_refused);
	TEST(documents_of_other_agreements_are_left_alone);
	TEST(an_accept_that_runs_out_of_time_is_repeated);
	TEST(accepts_of_one_agreement_never_overlap);
	TEST(a_note_beyond_the_budget_is_refused_until_the_budget_allows_it);
	TEST(notes_that_were_missed_are_found_in_the_list);
	TEST(an_invoice_waits_for_the_end_of_the_agreement);
	TEST(an_invoice_that_comes_before_the_last_note_is_judged_with_it);
	TEST(an_invoice_above_its_notes_is_rejected);
	TEST(a_second_invoice_is_rejected);
	TEST(an_account_may_be_closed_by_its_notice_and_its_spending_counts_on);
	TEST(prices_that_make_no_sense_are_refused);
	TEST(a_recorded_note_is_within_its_price);
	buf_free(&story);
	return check_end();
}
