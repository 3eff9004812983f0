/*
 * The inside of payment: what allocation.c, document.c, document_event.c and billing.c share. Behaviour:
 * reference/yagna-api.md 4.
 *
 * The payment part owns allocations, documents and their events until it is freed. Amounts are exact decimals.
 */
#ifndef DEVNET_PAYMENT_H
#define DEVNET_PAYMENT_H

#include <time.h>
#include <uthash.h>
#include <utlist.h>

#include "core/decimal.h"
#include "tests/devnet/devnet.h"
#include "tests/devnet/exchange.h"

enum { PAYMENT_UUID_SIZE = 37, PAYMENT_ACTIVITY_SIZE = 33, PAYMENT_DECIMALS = 18 };

/* What an allocation has paid for one activity, or by an invoice. */
struct spending {
	struct spending *next;
	char agreement[65];
	char activity[PAYMENT_ACTIVITY_SIZE]; /* "": what an invoice added */
	struct decimal amount;
};

/* A payment on its way, one per acceptance that costs something. */
struct order {
	struct order *next;
	char id[PAYMENT_UUID_SIZE];
	struct timespec created;
	const struct document *document;
	struct decimal amount;
};

struct allocation {
	UT_hash_handle hh;
	struct devnet *devnet;
	char id[PAYMENT_UUID_SIZE];
	char *address;
	char platform[48];
	struct decimal total, spent;
	char *total_text; /* as it was sent, until something is spent */
	cJSON *deposit;   /* or NULL */
	struct timespec timeout, created;
	bool released, used;
	struct loop_timer *end;
	struct spending *spendings;
	struct order *orders;
};

enum document_status { DOCUMENT_RECEIVED, DOCUMENT_ACCEPTED, DOCUMENT_REJECTED, DOCUMENT_SETTLED };

/* A debit note, or an invoice. */
struct document {
	UT_hash_handle hh;
	struct devnet *devnet;
	char id[PAYMENT_UUID_SIZE];
	bool is_invoice;
	struct agreement *agreement;
	struct bill *bill;               /* of a debit note */
	const struct document *previous; /* debit note of the same activity */
	struct decimal amount;
	double cpu_s, duration_s; /* of a debit note */
	cJSON *activities;        /* of an invoice */
	struct timespec created, due;
	bool has_due;
	enum document_status status;
};

enum document_event_kind {
	EVENT_RECEIVED = 1,
	EVENT_ACCEPTED = 2,
	EVENT_REJECTED = 4,
	EVENT_CANCELLED = 8,
	EVENT_SETTLED = 16
};

struct document_event {
	struct document_event *prev, *next;
	struct timespec date; /* strictly ascending, in microseconds */
	struct document *document;
	enum document_event_kind kind;
	cJSON *rejection; /* or NULL */
};

/* What an activity owes: billing.c. */
struct bill {
	struct bill *next;
	struct devnet *devnet;
	char activity[PAYMENT_ACTIVITY_SIZE];
	struct account *account;
	struct document *last;       /* newest note */
	struct document *unaccepted; /* oldest note that no acceptance covers */
	struct decimal accepted;     /* of the newest accepted note */
	bool closed;
	struct loop_timer *interval, *deadline;
};

/* What is owed under one agreement. */
struct account {
	struct account *next;
	struct devnet *devnet;
	struct agreement *agreement;
	struct bill *bills;
	struct document *invoice;
	struct decimal accepted; /* notes and invoice together */
	struct timespec payable; /* when the last note with a due date was sent */
	struct loop_timer *unpaid, *invoicing;
};

struct document_poll;

struct payment {
	struct devnet *devnet;
	struct allocation *allocations;
	struct document *notes, *invoices;
	struct document_event *note_events, *invoice_events;
	struct document_poll *polls;
	struct account *accounts;
};

/* ---- allocation.c ---- */

/* NULL when unknown or released. */
struct allocation *allocation_find(struct devnet *devnet, const char *id);
void allocation_spend(struct allocation *allocation, const struct document *document,
		      const struct decimal *amount);
void allocation_free(struct allocation *allocation);

/* ---- payment_amount.c ---- */

/* Plain, with exactly `decimals` of them. */
void payment_print_amount(const struct decimal *amount, unsigned decimals, struct buf *out);
cJSON *payment_amount(const struct decimal *amount); /* 18 decimals */
cJSON *payment_time(const struct timespec *time, unsigned digits);
struct timespec payment_later(const struct timespec *time, double seconds);
/* What the daemon echoes: a text as it is, unless it has an exponent; a number that is not whole with 16 digits. The
 * caller frees it. */
char *payment_amount_text(const cJSON *json);
void payment_read_amount(const cJSON *json, struct decimal *out);
bool payment_is_past(const struct timespec *time);
/* A member that is there and not null, or NULL. */
const cJSON *payment_given(const cJSON *body, const char *name);

/* ---- document.c ---- */

struct document *document_new(struct account *account, bool is_invoice);
void document_free(struct document *document);

/* ---- document_event.c ---- */

void document_event_add(struct document *document, enum document_event_kind kind,
			cJSON *rejection /* consumed */);
void document_events_free(struct payment *payment);

/* ---- billing.c ---- */

struct account *account_of(struct devnet *devnet, const struct agreement *agreement);
/* The provider hears of an acceptance. */
void billing_note_accepted(struct document *note);
void billing_free(struct payment *payment);

#endif
