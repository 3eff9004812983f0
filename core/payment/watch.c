/* The watch: polls for documents, reads them, hands them to their accounts. */
#include <string.h>
#include <utlist.h>

#include "core/mem.h"
#include "core/payment/account.h"
#include "core/timefmt.h"

enum {
	POLL_S = 30,
	RETRY_FIRST_MS = 500,
	RETRY_LAST_MS = 15000,
	KINDS = 2,
};

/* The endless poll for one kind of document. */
struct poll {
	struct payment *payment;
	enum yagna_document kind;
	char *cursor;
	struct yagna_call *call;
	struct yagna_call *listing;
	struct loop_timer *retry;
	unsigned failures;
};

/* A document that an event has named and that is being read. */
struct reading {
	struct reading *prev, *next;
	struct payment *payment;
	enum yagna_document kind;
	char *id;
	struct yagna_call *call;
	struct loop_timer *retry;
	unsigned failures;
};

struct budget {
	struct budget *prev, *next;
	char *allocation;
	bool limited;
	struct decimal most;  /* when limited */
	struct decimal spent; /* accepted for accounts that are closed */
};

struct payment {
	struct loop *loop;
	struct yagna *yagna;
	char *session;
	char *since; /* NULL: not started */
	struct poll polls[KINDS];
	struct reading *readings;
	struct budget *budgets;
	struct payment_account *accounts;
};

static void poll_next(struct poll *poll);
static void list_again(struct poll *poll);

uint64_t payment_backoff(unsigned failures)
{
	uint64_t ms = RETRY_FIRST_MS;

	while (failures-- > 1 && ms < RETRY_LAST_MS)
		ms *= 2;
	return ms < RETRY_LAST_MS ? ms : RETRY_LAST_MS;
}

struct loop *payment_loop(struct payment *payment)
{
	return payment->loop;
}

struct yagna *payment_yagna(struct payment *payment)
{
	return payment->yagna;
}

struct payment_account *payment_find(struct payment *payment, const char *agreement)
{
	struct payment_account *account;

	DL_FOREACH (payment->accounts, account) {
		if (!strcmp(account->agreement, agreement))
			return account;
	}
	return NULL;
}

/* ---- reading one document ---- */

static void reading_free(struct reading *reading)
{
	DL_DELETE(reading->payment->readings, reading);
	yagna_cancel(&reading->call);
	loop_cancel(&reading->retry);
	free(reading->id);
	free(reading);
}

static void take(struct payment *payment, const struct yagna_bill *bill)
{
	struct payment_account *account = payment_find(payment, bill->agreement);

	if (account) /* else it is none of ours: another program of the same identity */
		account_take(account, bill);
}

static void read_now(void *context);

static void on_read(void *context, const struct yagna_failure *failure, const struct yagna_bill *bill)
{
	struct reading *reading = context;

	reading->call = NULL;
	if (failure && failure->status != 404) {
		reading->retry = loop_after(reading->payment->loop, payment_backoff(++reading->failures),
					    read_now, reading);
		return;
	}
	if (!failure)
		take(reading->payment, bill);
	reading_free(reading);
}

static void read_now(void *context)
{
	struct reading *reading = context;

	reading->retry = NULL;
	reading->call = yagna_get_bill(reading->payment->yagna, reading->kind, reading->id, on_read, reading);
}

static void read_document(struct payment *payment, enum yagna_document kind, const char *id)
{
	struct payment_account *account;
	struct reading *reading;

	DL_FOREACH (payment->accounts, account) {
		if (account_knows(account, id))
			return;
	}
	DL_FOREACH (payment->readings, reading) {
		if (!strcmp(reading->id, id))
			return;
	}
	reading = mem_alloc(sizeof(*reading));
	reading->payment = payment;
	reading->kind = kind;
	reading->id = mem_strdup(id);
	DL_APPEND(payment->readings, reading);
	read_now(reading);
}

/* ---- the polls ---- */

static void on_retry(void *context)
{
	struct poll *poll = context;

	poll->retry = NULL;
	poll_next(poll);
}

static void take_event(struct poll *poll, const struct yagna_bill_event *event)
{
	struct payment_account *account;

	if (!strcmp(event->type, "Received")) {
		read_document(poll->payment, poll->kind, event->id);
		return;
	}
	DL_FOREACH (poll->payment->accounts, account) {
		if (account_event(account, event->id, event->type))
			return;
	}
}

static void on_events(void *context, const struct yagna_failure *failure,
		      const struct yagna_bill_event *events, unsigned count)
{
	struct poll *poll = context;

	poll->call = NULL;
	if (failure) {
		poll->retry =
			loop_after(poll->payment->loop, payment_backoff(++poll->failures), on_retry, poll);
		return;
	}
	for (unsigned i = 0; i < count; i++)
		take_event(poll, &events[i]);
	if (count) {
		free(poll->cursor);
		poll->cursor = mem_strdup(events[count - 1].date);
	}
	if (poll->failures) /* something may have been missed while yagna was away */
		list_again(poll);
	poll->failures = 0;
	poll_next(poll);
}

static void poll_next(struct poll *poll)
{
	struct payment *payment = poll->payment;

	poll->call = yagna_poll_bills(payment->yagna, poll->kind, payment->session, poll->cursor, POLL_S,
				      on_events, poll);
}

/* ---- the safety net ---- */

/* A failure needs no care here: the poll of the same kind fails too, and asks for another listing afterwards. */
static void on_list(void *context, const struct yagna_failure *failure, const struct yagna_bill *bills,
		    unsigned count)
{
	struct poll *poll = context;

	poll->listing = NULL;
	if (failure && !poll->failures)
		poll->failures = 1;
	for (unsigned i = 0; i < count; i++)
		take(poll->payment, &bills[i]);
}

static void list_again(struct poll *poll)
{
	struct payment *payment = poll->payment;

	yagna_cancel(&poll->listing);
	poll->listing = yagna_list_bills(payment->yagna, poll->kind, payment->since, on_list, poll);
}

/* ---- budgets ---- */

static struct budget *budget_of(struct payment *payment, const char *allocation)
{
	struct budget *budget;

	DL_FOREACH (payment->budgets, budget) {
		if (!strcmp(budget->allocation, allocation))
			return budget;
	}
	budget = mem_alloc(sizeof(*budget));
	budget->allocation = mem_strdup(allocation);
	budget->most = decimal_zero();
	budget->spent = decimal_zero();
	DL_APPEND(payment->budgets, budget);
	return budget;
}

void payment_set_budget(struct payment *payment, const char *allocation, const struct decimal *most)
{
	struct budget *budget = budget_of(payment, allocation);
	struct payment_account *account;

	budget->limited = true;
	decimal_set(&budget->most, most);
	DL_FOREACH (payment->accounts, account) {
		if (!strcmp(account->allocation, allocation))
			account_reconsider(account);
	}
}

bool payment_affords(struct payment *payment, const char *allocation, const struct decimal *more)
{
	struct budget *budget = budget_of(payment, allocation);
	struct payment_account *account;
	DECIMAL_AUTO struct decimal sum = decimal_zero();

	decimal_add(&sum, &budget->spent, more);
	DL_FOREACH (payment->accounts, account) {
		DECIMAL_AUTO struct decimal accepted = decimal_zero();

		if (strcmp(account->allocation, allocation))
			continue;
		account_accepted(account, &accepted);
		decimal_add(&sum, &sum, &accepted);
	}
	return !budget->limited || decimal_cmp(&sum, &budget->most) <= 0;
}

/* ---- public ---- */

struct payment *payment_new(struct loop *loop, struct yagna *yagna, const char *session)
{
	struct payment *payment = mem_alloc(sizeof(*payment));

	payment->loop = loop;
	payment->yagna = yagna;
	payment->session = mem_strdup(session);
	for (int i = 0; i < KINDS; i++)
		payment->polls[i] = (struct poll){.payment = payment, .kind = (enum yagna_document)i};
	return payment;
}

static void poll_stop(struct poll *poll)
{
	yagna_cancel(&poll->call);
	yagna_cancel(&poll->listing);
	loop_cancel(&poll->retry);
}

void payment_free(struct payment *payment)
{
	struct budget *budget, *next;
	struct payment_account *account, *next_account;

	if (!payment)
		return;
	while (payment->readings)
		reading_free(payment->readings);
	DL_FOREACH_SAFE (payment->accounts, account, next_account) {
		account_free(account);
	}
	for (int i = 0; i < KINDS; i++) {
		poll_stop(&payment->polls[i]);
		free(payment->polls[i].cursor);
	}
	DL_FOREACH_SAFE (payment->budgets, budget, next) {
		decimal_free(&budget->most);
		decimal_free(&budget->spent);
		free(budget->allocation);
		free(budget);
	}
	free(payment->session);
	free(payment->since);
	free(payment);
}

void payment_start(struct payment *payment, const char *since)
{
	if (!payment->since)
		payment->since = mem_strdup(since);
	for (int i = 0; i < KINDS; i++) {
		struct poll *poll = &payment->polls[i];

		if (!poll->cursor)
			poll->cursor = mem_strdup(since);
		poll_stop(poll);
		list_again(poll);
		poll_next(poll);
	}
}

struct payment_account *payment_open(struct payment *payment, const struct payment_terms *terms,
				     payment_noticed noticed, void *context, struct err *err)
{
	struct payment_account *account = account_new(payment, terms, err);

	if (!account)
		return NULL;
	account->noticed = noticed;
	account->context = context;
	DL_APPEND(payment->accounts, account);
	for (int i = 0; i < KINDS && terms->since.tv_sec && payment->since; i++)
		list_again(&payment->polls[i]);
	return account;
}

void payment_close(struct payment_account **account)
{
	struct payment_account *old = mem_move(account);
	DECIMAL_AUTO struct decimal accepted = decimal_zero();

	if (!old)
		return;
	struct budget *budget = budget_of(old->payment, old->allocation);

	account_accepted(old, &accepted);
	decimal_add(&budget->spent, &budget->spent, &accepted);
	DL_DELETE(old->payment->accounts, old);
	account_free(old);
}
