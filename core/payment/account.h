/*
 * What the parts of the payment watch share: accounts (account.c) and the watch that feeds them (watch.c).
 */
#ifndef CORE_PAYMENT_ACCOUNT_H
#define CORE_PAYMENT_ACCOUNT_H

#include "core/payment/price.h"

enum bill_state {
	BILL_WAITING, /* for its turn */
	BILL_ACCEPTED,
	BILL_REFUSED,
	BILL_PASSED_OVER, /* a newer note says more, or it was cancelled */
};

/* A debit note or an invoice, from its first sight on. */
struct bill {
	struct bill *prev, *next;
	enum yagna_document kind;
	enum bill_state state;
	bool settled;
	bool unaffordable; /* refused for the sake of the budget only */
	char *id;
	char *amount_text;
	struct decimal amount;
	struct activity *activity; /* of a note */
	cJSON *usage;              /* of a note; may be NULL */
	cJSON *activities;         /* of an invoice */
	struct timespec timestamp;
};

struct activity {
	struct activity *prev, *next;
	char *id;
	struct timespec asked, begun, ended; /* wall clock; ended 0 while it runs */
	struct decimal *usage;               /* newest reading */
	struct decimal limit;                /* by the newest note that made sense */
	bool has_limit;
	struct decimal billed, accepted, paid;   /* cumulative */
	struct timespec newest, newest_accepted; /* of the notes */
};

struct notice {
	struct notice *prev, *next;
	enum payment_event event;
	enum yagna_document document;
	char *id, *amount, *why;
};

struct payment_account {
	struct payment_account *prev, *next;
	struct payment *payment;
	char *agreement, *provider, *allocation;
	struct price price;
	struct timespec opened;
	struct activity *activities;
	struct bill *bills;
	struct bill *invoice; /* the first one, which is the only one */
	bool ended;
	bool notes_read;         /* all notes were read again for the sake of the invoice */
	struct yagna_call *call; /* the one accept, reading or refusal under way */
	struct bill *accepting;
	struct loop_timer *retry;
	unsigned failures;
	struct notice *notices;
	bool telling, closed;
	payment_noticed noticed;
	void *context;
};

struct loop *payment_loop(struct payment *payment);
struct yagna *payment_yagna(struct payment *payment);
/* Accepting `more` against this allocation would keep its budget. */
bool payment_affords(struct payment *payment, const char *allocation, const struct decimal *more);

uint64_t payment_backoff(unsigned failures); /* ms before the next try */
struct payment_account *payment_find(struct payment *payment, const char *agreement);

struct payment_account *account_new(struct payment *payment, const struct payment_terms *terms,
				    struct err *err);
void account_free(struct payment_account *account);
/* A document of this agreement was seen; known ones only bring their status up to date. */
void account_take(struct payment_account *account, const struct yagna_bill *bill);
bool account_knows(const struct payment_account *account, const char *id);
/* An event about a known document: "Accepted", "Settled", "Cancelled". false: not one of this account's. */
bool account_event(struct payment_account *account, const char *id, const char *type);
/* The budget has changed: what was refused for its sake gets another chance. */
void account_reconsider(struct payment_account *account);
void account_accepted(const struct payment_account *account, struct decimal *out);

#endif
