/*
 * The inside of the market: what market.c (demands), negotiation.c (proposals), negotiator.c (what providers say),
 * agreement.c and agreement_event.c share. Behaviour: reference/yagna-api.md 2.
 *
 * The market owns everything here. Proposals, agreements and events live until it is freed, because clients may
 * ask for them at any time; a demand that is unsubscribed goes at once.
 */
#ifndef DEVNET_MARKET_H
#define DEVNET_MARKET_H

#include <time.h>
#include <uthash.h>
#include <utlist.h>

#include "core/buf.h"
#include "tests/devnet/constraint.h"
#include "tests/devnet/devnet.h"
#include "tests/devnet/exchange.h"

enum {
	MARKET_DEMAND_TTL_S = 3600,
	MARKET_EVENTS_DEFAULT = 20,
	MARKET_EVENTS_MAX = 100,
	MARKET_ID_SIZE = 98,      /* subscription: 32 hex, a dash, 64 hex */
	MARKET_PROPOSAL_SIZE = 67 /* "R-" and 64 hex */
};
#define MARKET_TIMEOUT_DEFAULT 5.0

/* What a provider has published. */
struct offer {
	struct offer *next;
	struct provider *provider;
	char id[MARKET_ID_SIZE];
	struct timespec created;
	struct constraint *filter; /* of what the provider said when it was last looked at: offer_filter() */
	char *parsed;
	unsigned agreements; /* that hold the provider at this moment */
	unsigned number;     /* order of appearance, from 1; what scans count by */
};

/* A waiting request; parts put them in lists and take them out when they are answered or gone. */
struct poll {
	struct poll *prev, *next;
	struct exchange *exchange;
	struct poll **list;
	long max;
	struct timespec after;
	char *session;
	struct deal *deal;
	struct scan *scan;
};

struct demand_event {
	struct demand_event *prev, *next;
	struct timespec date;
	struct proposal *proposal; /* new, or ours that was rejected */
	cJSON *reason;             /* of a rejection, or NULL */
	bool rejection;
};

struct demand {
	UT_hash_handle hh;
	struct devnet *devnet;
	char id[MARKET_ID_SIZE];
	cJSON *properties; /* flat */
	char *constraints;
	struct constraint *filter; /* NULL: matches nothing */
	struct timespec created;
	bool expired;
	struct demand_event *queue;
	struct poll *polls;
	struct offer **unmatched; /* offers still to be looked at, in random order */
	unsigned unmatched_count;
	struct loop_timer *matching, *expiry;
};

enum proposal_state { PROPOSAL_INITIAL, PROPOSAL_DRAFT, PROPOSAL_REJECTED, PROPOSAL_ACCEPTED };

struct proposal {
	UT_hash_handle hh;
	struct devnet *devnet;
	char id[MARKET_PROPOSAL_SIZE];
	char demand_id[MARKET_ID_SIZE];
	struct offer *offer;
	bool ours; /* the requestor's */
	enum proposal_state state;
	cJSON *properties; /* flat */
	char *constraints;
	struct timespec created;
	struct proposal *previous, *counter;
	struct loop_timer *answering;
};

enum deal_state {
	DEAL_PROPOSAL,
	DEAL_PENDING,
	DEAL_CANCELLED,
	DEAL_REJECTED,
	DEAL_APPROVED,
	DEAL_EXPIRED,
	DEAL_TERMINATED,
	DEAL_STATES
};

/* An agreement with what only the market knows of it. */
struct deal {
	struct agreement agreement; /* first: others see only this */
	UT_hash_handle hh;
	struct devnet *devnet;
	enum deal_state state;
	bool confirmed;
	struct proposal *demand, *offer;
	struct timespec created, valid_to, approved;
	struct poll *waiting;
	struct loop_timer *approval, *expiration, *fault;
	char *fault_message;
	struct deal_event *end; /* of the termination, or NULL */
};

struct deal_event {
	struct deal_event *prev, *next;
	struct timespec date; /* strictly ascending, in microseconds */
	struct deal *deal;
	enum deal_state state;
	const char *terminator;
	cJSON *reason; /* or NULL */
};

struct scan;

struct market {
	struct devnet *devnet;
	struct offer *offers;
	unsigned offer_count;
	struct demand *demands;
	struct proposal *proposals;
	struct deal *deals;
	struct deal_event *events;
	struct poll *event_polls;
	struct scan *scans;
	unsigned long scan_count;
};

/* ---- market.c ---- */

const struct constraint *offer_filter(struct offer *offer); /* NULL: fits nobody */
struct demand *demand_find(struct devnet *devnet, const char *id);
void demand_add_proposal(struct demand *demand, struct proposal *proposal);
void demand_add_rejection(struct demand *demand, struct proposal *proposal,
			  cJSON *reason /* consumed, NULL */);
/* Both constraints against the other side's properties. The names that are missing on each side are appended to
 * the lists, which may be NULL. A NULL filter matches nothing. */
bool market_matches(const struct constraint *demand, const cJSON *demand_properties,
		    const struct constraint *offer, const cJSON *offer_properties, cJSON *offer_missing,
		    cJSON *demand_missing);

/* Puts the exchange into a list until it is answered with poll_take(), or gone, or `timeout` says something. */
struct poll *poll_wait(struct poll **list, struct exchange *exchange, double seconds, exchange_call timeout);
struct exchange *poll_take(struct poll *poll);
/* The id checks of paths; on failure the exchange is answered. */
bool market_check_demand_id(struct exchange *exchange, const char *id);
const char *market_proposal_id_fault(const char *id); /* NULL, or what is wrong with it after "Id [..] " */
bool market_check_max_events(struct exchange *exchange, long max);
cJSON *market_time(const struct timespec *time, unsigned digits);

/* False: a call to the provider is not answered. */
bool market_reaches(struct devnet *devnet, const struct provider *provider);

/* ---- negotiation.c ---- */

struct proposal *proposal_new(struct devnet *devnet, struct offer *offer, const char *demand_id,
			      cJSON *properties /* consumed */, const char *constraints,
			      struct proposal *previous);
struct proposal *proposal_find(struct devnet *devnet, const char *id);
cJSON *proposal_json(const struct proposal *proposal);
void proposal_free(struct proposal *proposal);
/* {"message":…, "golem.proposal.rejection.is-final":…} as an event for our proposal. */
void proposal_reject_by_provider(struct proposal *proposal, const char *message, bool is_final);
/* Nullable Reason of a body: false when the exchange has been answered. *reason is NULL for null. */
bool market_read_reason(struct exchange *exchange, const cJSON **reason);

/* ---- negotiator.c ---- */

/* The provider's answer to our proposal: a Draft as event, or a rejection. */
void negotiator_answer(struct proposal *proposal);
/* NULL, or why the provider rejects the agreement; the caller frees it. */
char *negotiator_refusal(const struct deal *deal);
/* "4m", "30s", "1h 30m", as the provider agent prints durations. */
void negotiator_print_duration(long seconds, struct buf *out);

/* ---- agreement.c ---- */

const char *deal_state_name(enum deal_state state);
/* Also lets it expire when its time has come. */
struct deal *deal_find(struct devnet *devnet, const char *id);
void deal_free(struct deal *deal);

/* ---- agreement_event.c ---- */

/* Stores the event and wakes who waits for it; reason is consumed, may be NULL. */
struct deal_event *deal_event_add(struct deal *deal, const char *terminator, cJSON *reason);
cJSON *deal_event_json(const struct deal_event *event);

/* ---- scan.c ---- */

void scan_show_offers(struct devnet *devnet);

#endif
