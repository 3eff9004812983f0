/*
 * The watch over debit notes and invoices (design 4.4; reference/yagna-api.md 4.4 to 4.6, 8.2).
 *
 * It polls for documents, compares each with usage times price in exact decimals, accepts it once, one at a time per
 * agreement, within the budget of the agreement's allocation, and tells what it refused and why. It goes on by
 * itself when yagna comes and goes, and reads all documents again then. No file operation ever waits for it.
 *
 * The rule: a counter is believed as far as it is possible (seconds: the time since the activity was asked for;
 * CPU seconds: that times the threads), a note may claim at most start price plus the sum of counters times
 * coefficients, an invoice at most the sum of that over its activities. Both may exceed it by the error that a
 * provider's floating-point sum can have (1e-14 of it), never by more.
 */
#ifndef CORE_PAYMENT_H
#define CORE_PAYMENT_H

#include <stdbool.h>

#include "core/decimal.h"
#include "core/err.h"
#include "core/loop.h"
#include "core/yagna.h"

struct payment;
struct payment_account; /* one agreement */

enum payment_counter { PAYMENT_SECONDS, PAYMENT_CPU_SECONDS, PAYMENT_OTHER };

struct payment_terms {
	const char *agreement, *provider, *allocation;
	unsigned counters;                   /* of the offer's usage vector, in its order (3.4) */
	const enum payment_counter *counter; /* PAYMENT_SECONDS for golem.usage.duration_sec … */
	const double *coefficient;           /* GLM per unit */
	double start_price;                  /* GLM per activity */
	unsigned threads;                    /* of the offer; 0: unknown */
	/* 0: it is being confirmed now; else it was made by an earlier run, and its documents are read again. */
	struct timespec since;
};

enum payment_event {
	PAYMENT_NOTE_ACCEPTED,    /* debitNoteAccepted */
	PAYMENT_INVOICE_RECEIVED, /* invoiceReceived */
	PAYMENT_INVOICE_ACCEPTED, /* invoiceAccepted: nothing more will come for this agreement */
	PAYMENT_REFUSED,          /* paymentRefused; for an invoice nothing more will come either */
	PAYMENT_FIGURES,          /* only figures have changed (settled) */
};

struct payment_notice {
	enum payment_event event;
	enum yagna_document document;
	const char *id, *amount;
	const char *why; /* REFUSED: the sentence */
};

/* From the loop. May close the account. */
typedef void (*payment_noticed)(void *context, const struct payment_notice *notice);

struct payment_figures {
	struct decimal accrued;  /* by usage and time until now, not yet billed included */
	struct decimal billed;   /* newest notes, or the invoice */
	struct decimal accepted; /* notes and invoice, counted once */
	struct decimal paid;     /* settled */
};

/* session: the appSessionId all agreements are confirmed with. */
struct payment *payment_new(struct loop *loop, struct yagna *yagna, const char *session);
void payment_free(struct payment *payment);
/* Begins to poll. `since`: cursor of the events (RFC 3339): the time of yagna's answer to an earlier call, or of the
 * oldest adopted agreement. Again after a reconnection: polls that wait for a retry go on at once. */
void payment_start(struct payment *payment, const char *since);

/* What may be accepted against an allocation in all. Without one the sum is not limited here. */
void payment_set_budget(struct payment *payment, const char *allocation, const struct decimal *budget);

/* Call when the agreement is confirmed, before any activity. NULL with EIO when the prices are not usable. */
struct payment_account *payment_open(struct payment *payment, const struct payment_terms *terms,
				     payment_noticed noticed, void *context, struct err *err);
void payment_close(struct payment_account **account); /* no notice any more; later documents are not ours */
/* An activity was asked for, known by its id from now on. `asked`: wall clock before the request was sent. */
void payment_activity(struct payment_account *account, const char *activity, const struct timespec *asked);
void payment_activity_ended(struct payment_account *account, const char *activity);
/* The newest usage, for `accrued`; in the order of the vector. */
void payment_usage(struct payment_account *account, const char *activity, const double *usage,
		   unsigned count);
/* The agreement has ended, whoever ended it. Its invoice is judged from now on, not before. */
void payment_ended(struct payment_account *account);
bool payment_settled(const struct payment_account *account); /* invoice accepted, refused or nothing used */

void payment_figures(const struct payment_account *account,
		     struct payment_figures *out); /* initialises *out */
void payment_figures_free(struct payment_figures *figures);

#endif
