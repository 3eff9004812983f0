/* One agreement's account: its documents, judged and accepted one at a time. yagna's own lock does not protect
 * anything, so two accepts at once could charge the allocation twice (reference/yagna-api.md 4.4). */
#include "core/payment/account.h"

#include <string.h>
#include <utlist.h>

#include "core/mem.h"
#include "core/timefmt.h"

enum { BILLS_MAX = 2000 /* of one account that are remembered */ };

static void go_on(struct payment_account *account);

/* ---- activities ---- */

static struct activity *find_activity(const struct payment_account *account, const char *id)
{
	struct activity *activity;

	DL_FOREACH (account->activities, activity) {
		if (!strcmp(activity->id, id))
			return activity;
	}
	return NULL;
}

/* One we were not told of (its creation was never answered) can have begun with the agreement at the earliest. */
static struct activity *need_activity(struct payment_account *account, const char *id)
{
	struct activity *activity = find_activity(account, id);

	if (activity)
		return activity;
	activity = mem_alloc(sizeof(*activity));
	activity->id = mem_strdup(id);
	activity->asked = activity->begun = account->opened;
	activity->usage = price_usage_new(&account->price);
	activity->limit = decimal_zero();
	activity->billed = decimal_zero();
	activity->accepted = decimal_zero();
	activity->paid = decimal_zero();
	DL_APPEND(account->activities, activity);
	return activity;
}

static void activity_free(struct payment_account *account, struct activity *activity)
{
	DL_DELETE(account->activities, activity);
	price_usage_free(&account->price, activity->usage);
	decimal_free(&activity->limit);
	decimal_free(&activity->billed);
	decimal_free(&activity->accepted);
	decimal_free(&activity->paid);
	free(activity->id);
	free(activity);
}

static int64_t elapsed_ms(const struct activity *activity, const struct timespec *from)
{
	struct timespec end = activity->ended.tv_sec ? activity->ended : timefmt_now();

	return timefmt_ms_between(from, &end);
}

static void raise_to(struct decimal *value, const struct decimal *floor)
{
	if (decimal_cmp(value, floor) < 0)
		decimal_set(value, floor);
}

/* ---- telling the owner ---- */

static void notice_free(struct payment_account *account, struct notice *notice)
{
	DL_DELETE(account->notices, notice);
	free(notice->id);
	free(notice->amount);
	free(notice->why);
	free(notice);
}

/* The owner may close the account in its callback: it is then freed at the end of this. */
static void tell_all(void *context)
{
	struct payment_account *account = context;

	account->telling = true;
	while (account->notices && !account->closed) {
		struct notice *first = account->notices;
		struct payment_notice notice = {.event = first->event,
						.document = first->document,
						.id = first->id,
						.amount = first->amount,
						.why = first->why};

		account->noticed(account->context, &notice);
		notice_free(account, first);
	}
	account->telling = false;
	if (account->closed)
		account_free(account);
}

static void tell(struct payment_account *account, enum payment_event event, const struct bill *bill,
		 const char *why)
{
	struct notice *notice = mem_alloc(sizeof(*notice));

	if (!account->notices)
		loop_defer(payment_loop(account->payment), tell_all, account);
	notice->event = event;
	notice->document = bill->kind;
	notice->id = mem_strdup(bill->id);
	notice->amount = mem_strdup(bill->amount_text);
	notice->why = mem_strdup(why);
	DL_APPEND(account->notices, notice);
}

/* ---- documents ---- */

static struct bill *find_bill(const struct payment_account *account, const char *id)
{
	struct bill *bill;

	DL_FOREACH (account->bills, bill) {
		if (!strcmp(bill->id, id))
			return bill;
	}
	return NULL;
}

bool account_knows(const struct payment_account *account, const char *id)
{
	return find_bill(account, id) != NULL;
}

static void bill_free(struct payment_account *account, struct bill *bill)
{
	DL_DELETE(account->bills, bill);
	decimal_free(&bill->amount);
	cJSON_Delete(bill->usage);
	cJSON_Delete(bill->activities);
	free(bill->id);
	free(bill->amount_text);
	free(bill);
}

/* Forgets the oldest one that is done with, so that a flood of notes has a bound. */
static void keep_bound(struct payment_account *account)
{
	struct bill *bill, *next;
	int count;

	DL_COUNT(account->bills, bill, count);
	DL_FOREACH_SAFE (account->bills, bill, next) {
		if (count <= BILLS_MAX)
			return;
		if (bill->state == BILL_WAITING || bill == account->invoice)
			continue;
		bill_free(account, bill);
		count--;
	}
}

static bool is_newer(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec != b->tv_sec ? a->tv_sec > b->tv_sec : a->tv_nsec > b->tv_nsec;
}

static void mark_accepted(struct bill *bill)
{
	struct activity *activity = bill->activity;

	bill->state = BILL_ACCEPTED;
	if (!activity)
		return;
	raise_to(&activity->accepted, &bill->amount);
	if (is_newer(&bill->timestamp, &activity->newest_accepted))
		activity->newest_accepted = bill->timestamp;
}

static void mark_settled(struct bill *bill)
{
	mark_accepted(bill);
	bill->settled = true;
	if (bill->activity)
		raise_to(&bill->activity->paid, &bill->amount);
}

static void mark_cancelled(struct bill *bill)
{
	bill->state = BILL_PASSED_OVER;
}

static void mark_refused(struct bill *bill)
{
	bill->state = BILL_REFUSED;
}

/* What yagna says about a document, in its status and in the names of its events. */
static const struct {
	const char *status, *event;
	void (*mark)(struct bill *bill);
} statuses[] = {
	{"ACCEPTED", "Accepted", mark_accepted},    {"FAILED", "", mark_accepted},
	{"SETTLED", "Settled", mark_settled},       {"REJECTED", "Rejected", mark_refused},
	{"CANCELLED", "Cancelled", mark_cancelled},
};

static void add_note(struct payment_account *account, struct bill *bill, const struct yagna_bill *seen)
{
	struct activity *activity = need_activity(account, seen->activity);

	bill->activity = activity;
	bill->usage = cJSON_Duplicate(seen->usage, true);
	if (!is_newer(&bill->timestamp, &activity->newest))
		return;
	DECIMAL_AUTO struct decimal limit = decimal_zero();

	activity->newest = bill->timestamp;
	decimal_set(&activity->billed, &bill->amount);
	if (price_limit(&account->price, bill->usage, elapsed_ms(activity, &activity->asked), &limit, NULL))
		return;
	decimal_set(&activity->limit, &limit);
	activity->has_limit = true;
}

static struct bill *add_bill(struct payment_account *account, const struct yagna_bill *seen)
{
	struct bill *bill = mem_alloc(sizeof(*bill));

	bill->kind = seen->kind;
	bill->id = mem_strdup(seen->id);
	bill->amount_text = mem_strdup(seen->amount);
	bill->amount = decimal_zero();
	decimal_parse(&bill->amount, seen->amount, NULL); /* was checked when it was read */
	bill->timestamp = seen->timestamp;
	DL_APPEND(account->bills, bill);
	if (seen->kind == YAGNA_DEBIT_NOTE) {
		add_note(account, bill, seen);
	} else {
		bill->activities = cJSON_Duplicate(seen->activities, true);
		tell(account, PAYMENT_INVOICE_RECEIVED, bill, "");
		if (!account->invoice)
			account->invoice = bill;
	}
	keep_bound(account);
	return bill;
}

static void refuse(struct payment_account *account, struct bill *bill, const char *why);

void account_take(struct payment_account *account, const struct yagna_bill *seen)
{
	struct bill *bill = find_bill(account, seen->id);
	bool known = bill;

	if (!known)
		bill = add_bill(account, seen);
	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
		if (!strcmp(seen->status, statuses[i].status) && bill != account->accepting)
			statuses[i].mark(bill);
	}
	if (!known && bill->state == BILL_WAITING && strcmp(seen->issuer, account->provider))
		refuse(account, bill, "it is not from the provider of the agreement");
	go_on(account);
}

bool account_event(struct payment_account *account, const char *id, const char *type)
{
	struct bill *bill = find_bill(account, id);

	if (!bill)
		return false;
	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
		if (strcmp(type, statuses[i].event) || bill == account->accepting)
			continue;
		statuses[i].mark(bill);
		tell(account, PAYMENT_FIGURES, bill, "");
	}
	return true;
}

/* ---- judging ---- */

static void on_refused(void *context, const struct yagna_failure *failure)
{
	struct payment_account *account = context;

	(void)failure; /* the provider is told as a courtesy; our books are right without */
	account->call = NULL;
	go_on(account);
}

/* Debit notes cannot be rejected at yagna, only left alone. */
static void refuse(struct payment_account *account, struct bill *bill, const char *why)
{
	bill->state = BILL_REFUSED;
	tell(account, PAYMENT_REFUSED, bill, why);
	if (bill->kind == YAGNA_INVOICE && !account->call)
		account->call = yagna_reject_invoice(payment_yagna(account->payment), bill->id, why,
						     on_refused, account);
}

static void on_retry(void *context)
{
	struct payment_account *account = context;

	account->retry = NULL;
	go_on(account);
}

static void try_later(struct payment_account *account)
{
	account->retry = loop_after(payment_loop(account->payment), payment_backoff(++account->failures),
				    on_retry, account);
}

static void on_accepted(void *context, const struct yagna_failure *failure)
{
	struct payment_account *account = context;
	struct bill *bill = account->accepting;

	account->call = NULL;
	account->accepting = NULL;
	if (!failure) {
		account->failures = 0;
		mark_accepted(bill);
		tell(account, bill->kind == YAGNA_INVOICE ? PAYMENT_INVOICE_ACCEPTED : PAYMENT_NOTE_ACCEPTED,
		     bill, "");
	} else if (failure->status / 100 == 4 && failure->status != 401 && failure->status != 408) {
		refuse(account, bill, failure->err.text);
	} else {
		/* No answer, or 504: the acceptance may be stored already, and asking again does no harm (8.2). */
		try_later(account);
		return;
	}
	go_on(account);
}

static void accept_bill(struct payment_account *account, struct bill *bill)
{
	account->accepting = bill;
	account->call = yagna_accept_bill(payment_yagna(account->payment), bill->kind, bill->id,
					  bill->amount_text, account->allocation, on_accepted, account);
}

/* Within the price and the budget? `accepted`: what of it was accepted before. */
static void accept_or_refuse(struct payment_account *account, struct bill *bill, const struct decimal *limit,
			     const struct decimal *accepted)
{
	DECIMAL_AUTO struct decimal more = decimal_zero();
	char why[ERR_TEXT_MAX];

	decimal_sub(&more, &bill->amount, accepted);
	if (decimal_sign(&bill->amount) < 0) {
		refuse(account, bill, "its amount is negative");
	} else if (!price_covers(limit, &bill->amount)) {
		BUF_AUTO struct buf most = {0};

		decimal_print(limit, &most);
		snprintf(why, sizeof(why), "it asks for %.60s, usage times price is %.60s", bill->amount_text,
			 buf_text(&most));
		refuse(account, bill, why);
	} else if (decimal_sign(&more) > 0 &&
		   !payment_affords(account->payment, account->allocation, &more)) {
		refuse(account, bill, "the budget does not allow it");
		bill->unaffordable = true;
	} else {
		accept_bill(account, bill);
	}
}

static void judge_note(struct payment_account *account, struct bill *bill)
{
	DECIMAL_AUTO struct decimal limit = decimal_zero();
	struct activity *activity = bill->activity;
	struct err err = {0};

	/* An invoice covers everything, and a newer note all older ones of its activity. */
	if ((account->invoice && account->invoice->state == BILL_ACCEPTED) ||
	    is_newer(&activity->newest_accepted, &bill->timestamp)) {
		bill->state = BILL_PASSED_OVER;
		return;
	}
	if (price_limit(&account->price, bill->usage, elapsed_ms(activity, &activity->asked), &limit, &err))
		refuse(account, bill, err.text);
	else
		accept_or_refuse(account, bill, &limit, &activity->accepted);
}

static void add_activity_limit(struct payment_account *account, const char *id, struct decimal *sum)
{
	struct activity *activity = need_activity(account, id);
	DECIMAL_AUTO struct decimal limit = decimal_zero();

	if (activity->has_limit)
		decimal_set(&limit, &activity->limit);
	else
		price_limit(&account->price, NULL, elapsed_ms(activity, &activity->asked), &limit, NULL);
	decimal_add(sum, sum, &limit);
}

static bool named_before(const cJSON *list, const cJSON *item)
{
	const cJSON *earlier;

	cJSON_ArrayForEach (earlier, list) {
		if (earlier == item)
			return false;
		if (cJSON_IsString(earlier) && !strcmp(earlier->valuestring, item->valuestring))
			return true;
	}
	return false;
}

static void invoice_limit(struct payment_account *account, const struct bill *bill, struct decimal *sum)
{
	const cJSON *item;

	cJSON_ArrayForEach (item, bill->activities) {
		if (cJSON_IsString(item) && !named_before(bill->activities, item))
			add_activity_limit(account, item->valuestring, sum);
	}
}

static void on_notes(void *context, const struct yagna_failure *failure, const struct yagna_bill *bills,
		     unsigned count)
{
	struct payment_account *account = context;

	account->call = NULL;
	if (failure) {
		try_later(account);
		return;
	}
	account->failures = 0;
	account->notes_read = true;
	for (unsigned i = 0; i < count; i++) {
		if (!strcmp(bills[i].agreement, account->agreement))
			account_take(account, &bills[i]);
	}
	go_on(account);
}

static void read_notes(struct payment_account *account)
{
	char after[TIMEFMT_SIZE];

	timefmt_print(after, &account->opened, 3);
	account->call =
		yagna_list_bills(payment_yagna(account->payment), YAGNA_DEBIT_NOTE, after, on_notes, account);
}

/* The last note of an activity carries the final usage, but may be seen after the invoice: yagna looks for news once
 * a second for each kind on its own. */
static void judge_invoice(struct payment_account *account, struct bill *bill)
{
	DECIMAL_AUTO struct decimal limit = decimal_zero();
	DECIMAL_AUTO struct decimal accepted = decimal_zero();

	if (bill != account->invoice) {
		refuse(account, bill, "it is a second invoice for one agreement");
		return;
	}
	invoice_limit(account, bill, &limit);
	if (!account->notes_read && !price_covers(&limit, &bill->amount)) {
		read_notes(account);
		return;
	}
	account_accepted(account, &accepted);
	accept_or_refuse(account, bill, &limit, &accepted);
}

static struct bill *next_waiting(const struct payment_account *account)
{
	struct bill *bill;

	DL_FOREACH (account->bills, bill) {
		if (bill->state == BILL_WAITING && bill->kind == YAGNA_DEBIT_NOTE)
			return bill;
	}
	if (!account->ended)
		return NULL;
	DL_FOREACH (account->bills, bill) {
		if (bill->state == BILL_WAITING)
			return bill;
	}
	return NULL;
}

/* Every judgement ends in a call, a retry, or a bill that waits no more. */
static void go_on(struct payment_account *account)
{
	struct bill *bill;

	while (!account->call && !account->retry && (bill = next_waiting(account))) {
		if (bill->kind == YAGNA_DEBIT_NOTE)
			judge_note(account, bill);
		else
			judge_invoice(account, bill);
	}
}

void account_reconsider(struct payment_account *account)
{
	struct bill *bill;

	DL_FOREACH (account->bills, bill) {
		if (bill->state != BILL_REFUSED || !bill->unaffordable)
			continue;
		bill->state = BILL_WAITING;
		bill->unaffordable = false;
	}
	go_on(account);
}

/* ---- the account ---- */

struct payment_account *account_new(struct payment *payment, const struct payment_terms *terms,
				    struct err *err)
{
	struct payment_account *account = mem_alloc(sizeof(*account));

	account->payment = payment;
	account->agreement = mem_strdup(terms->agreement);
	account->provider = mem_strdup(terms->provider);
	account->allocation = mem_strdup(terms->allocation);
	account->opened = terms->since.tv_sec ? terms->since : timefmt_now();
	if (!price_init(&account->price, terms, err))
		return account;
	account_free(account);
	return NULL;
}

void account_free(struct payment_account *account)
{
	account->closed = true;
	yagna_cancel(&account->call);
	loop_cancel(&account->retry);
	loop_forget(payment_loop(account->payment), account);
	if (account->telling)
		return;
	while (account->notices)
		notice_free(account, account->notices);
	while (account->bills)
		bill_free(account, account->bills);
	while (account->activities)
		activity_free(account, account->activities);
	price_free(&account->price);
	free(account->agreement);
	free(account->provider);
	free(account->allocation);
	free(account);
}

void payment_activity(struct payment_account *account, const char *id, const struct timespec *asked)
{
	struct activity *activity = need_activity(account, id);

	activity->asked = *asked;
	activity->begun = timefmt_now();
}

void payment_activity_ended(struct payment_account *account, const char *id)
{
	struct activity *activity = find_activity(account, id);

	if (activity && !activity->ended.tv_sec)
		activity->ended = timefmt_now();
}

void payment_usage(struct payment_account *account, const char *id, const double *usage, unsigned count)
{
	struct activity *activity = find_activity(account, id);

	for (unsigned i = 0; activity && i < count && i < account->price.counters; i++)
		decimal_from_double(&activity->usage[i], usage[i], NULL);
}

void payment_ended(struct payment_account *account)
{
	account->ended = true;
	go_on(account);
}

static bool is_over(const struct bill *bill)
{
	return bill->state == BILL_ACCEPTED || bill->state == BILL_REFUSED || bill->state == BILL_PASSED_OVER;
}

bool payment_settled(const struct payment_account *account)
{
	if (account->invoice)
		return is_over(account->invoice);
	return account->ended && !account->activities && !account->bills;
}

/* ---- figures ---- */

void account_accepted(const struct payment_account *account, struct decimal *out)
{
	struct activity *activity;

	decimal_from_int(out, 0);
	DL_FOREACH (account->activities, activity) {
		decimal_add(out, out, &activity->accepted);
	}
	if (account->invoice && account->invoice->state == BILL_ACCEPTED)
		raise_to(out, &account->invoice->amount);
}

/* Seconds are counted by our own clock, the other counters are as last read. */
static void add_accrued(const struct payment_account *account, const struct activity *activity,
			struct decimal *sum)
{
	const struct price *price = &account->price;
	struct decimal *usage = price_usage_new(price);
	DECIMAL_AUTO struct decimal cost = decimal_zero();
	int64_t ms = elapsed_ms(activity, &activity->begun);

	for (unsigned i = 0; i < price->counters; i++) {
		decimal_set(&usage[i], &activity->usage[i]);
		if (price->counter[i] != PAYMENT_SECONDS)
			continue;
		DECIMAL_AUTO struct decimal seconds = decimal_zero();

		decimal_from_double(&seconds, (double)(ms < 0 ? 0 : ms) / 1000, NULL);
		raise_to(&usage[i], &seconds);
	}
	price_of(price, usage, &cost);
	raise_to(&cost, &activity->billed);
	if (activity->ended.tv_sec && activity->newest.tv_sec &&
	    is_newer(&activity->newest, &activity->ended))
		decimal_set(&cost, &activity->billed);
	decimal_add(sum, sum, &cost);
	price_usage_free(price, usage);
}

void payment_figures(const struct payment_account *account, struct payment_figures *out)
{
	const struct bill *invoice = account->invoice;
	struct activity *activity;

	*out = (struct payment_figures){decimal_zero(), decimal_zero(), decimal_zero(), decimal_zero()};
	DL_FOREACH (account->activities, activity) {
		add_accrued(account, activity, &out->accrued);
		decimal_add(&out->billed, &out->billed, &activity->billed);
		decimal_add(&out->paid, &out->paid, &activity->paid);
	}
	decimal_round_up(&out->accrued, 18); /* GLM has no smaller part */
	account_accepted(account, &out->accepted);
	if (!invoice)
		return;
	decimal_set(&out->billed, &invoice->amount);
	decimal_set(&out->accrued, &invoice->amount);
	if (invoice->settled)
		decimal_set(&out->paid, &invoice->amount);
}

void payment_figures_free(struct payment_figures *figures)
{
	decimal_free(&figures->accrued);
	decimal_free(&figures->billed);
	decimal_free(&figures->accepted);
	decimal_free(&figures->paid);
}
