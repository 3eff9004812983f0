/*
 * yagna's REST API as typed calls: one function per call, one file per API in core/yagna/. The server's behaviour
 * is described in reference/yagna-api.md; the number behind a function is its section there.
 *
 * Every function returns at once with a call that can be cancelled, and calls `done` exactly once from the loop,
 * unless cancelled. `failure` is NULL on success; on failure the result argument is NULL, or 0. Results and their
 * JSON belong to the call and are valid during the callback only. Texts from outside are as they came:
 * buf_add_clean() them before they are shown. Times `*_s` are seconds the server may wait; golemfs gives up 10 s
 * later. Nothing is repeated here, except reads on a dead kept connection (8.2 says what a caller may repeat).
 */
#ifndef CORE_YAGNA_H
#define CORE_YAGNA_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "core/buf.h"
#include "core/decimal.h"
#include "core/err.h"
#include "core/http.h"

struct yagna;
struct yagna_call;

struct yagna_failure {
	struct err
		err; /* EKEYREJECTED, EHOSTUNREACH, ETIMEDOUT, EDQUOT, else EIO; the sentence names the call */
	int status;  /* HTTP status, 0 when no answer came */
	bool unsure; /* no answer, but the request may have been carried out */
};

/* appkey NULL: every call fails with EKEYREJECTED (from the loop). */
struct yagna *yagna_new(struct http *http, struct loop *loop, const char *url, const char *appkey);
void yagna_free(struct yagna *yagna); /* cancels what is under way */
const char *yagna_url(const struct yagna *yagna);
void yagna_cancel(struct yagna_call **call); /* takes NULL, sets NULL; in `done` the call is already gone */

typedef void (*yagna_done)(void *context, const struct yagna_failure *failure);
typedef void (*yagna_text_done)(void *context, const struct yagna_failure *failure, const char *text);

/* ---- me (1.5) ---- */

struct yagna_identity {
	const char *node_id, *name;
};
typedef void (*yagna_identity_done)(void *context, const struct yagna_failure *failure,
				    const struct yagna_identity *identity);
struct yagna_call *yagna_version(struct yagna *yagna, yagna_text_done done, void *context); /* "0.17.6" */
struct yagna_call *yagna_me(struct yagna *yagna, yagna_identity_done done, void *context);

/* ---- market: demands and offers (2.3 to 2.5) ---- */

/* -> demand id. The demand lives one hour, whatever it says. */
struct yagna_call *yagna_publish(struct yagna *yagna, const cJSON *properties, const char *constraints,
				 yagna_text_done done, void *context);
/* An unknown one counts as done. */
struct yagna_call *yagna_unpublish(struct yagna *yagna, const char *demand, yagna_done done, void *context);

struct yagna_demand {
	const char *id, *constraints;
	const cJSON *properties; /* flat */
	struct timespec timestamp;
};
typedef void (*yagna_demands_done)(void *context, const struct yagna_failure *failure,
				   const struct yagna_demand *demands, unsigned count);
struct yagna_call *yagna_list_demands(struct yagna *yagna, yagna_demands_done done, void *context);

struct yagna_offer_event {
	bool rejected;      /* our counter `id` was refused by the provider; else a proposal */
	const char *id;     /* R-… */
	const char *reason; /* of a rejection; "" when none was given */
	bool final;         /* no further counter on this chain has a chance */
	bool draft;         /* the answer to our counter `previous`, may become an agreement; else initial */
	const char *previous; /* "" when initial */
	const char *provider; /* node id */
	const cJSON *properties;
	const char *constraints;
};
typedef void (*yagna_offer_events_done)(void *context, const struct yagna_failure *failure,
					const struct yagna_offer_event *events, unsigned count);
/* Long poll that deletes what it returns: cancelling may lose offers. max 1 to 100. status 404: the demand is gone
 * (unsubscribed or an hour old). Events of unknown types are left out. */
struct yagna_call *yagna_poll_offers(struct yagna *yagna, const char *demand, unsigned timeout_s,
				     unsigned max, yagna_offer_events_done done, void *context);
/* -> id of our counter. Complete properties and constraints, with the chosen platform. */
struct yagna_call *yagna_counter(struct yagna *yagna, const char *demand, const char *proposal,
				 const cJSON *properties, const char *constraints, yagna_text_done done,
				 void *context);
struct yagna_call *yagna_reject(struct yagna *yagna, const char *demand, const char *proposal,
				const char *reason, yagna_done done, void *context);

/* ---- market: agreements (2.6, 2.7) ---- */

/* -> agreement id. Local, binds nobody until it is confirmed. */
struct yagna_call *yagna_create_agreement(struct yagna *yagna, const char *proposal,
					  const struct timespec *valid_to, yagna_text_done done,
					  void *context);
/* `session` tags the agreement, its events and its payment documents. */
struct yagna_call *yagna_confirm(struct yagna *yagna, const char *agreement, const char *session,
				 yagna_done done, void *context);

enum yagna_approval { YAGNA_PENDING, YAGNA_APPROVED, YAGNA_REJECTED, YAGNA_CANCELLED, YAGNA_EXPIRED };
typedef void (*yagna_approval_done)(void *context, const struct yagna_failure *failure,
				    enum yagna_approval approval);
/* Pending after timeout_s: ask again. The provider's reason is only in the agreement's events. */
struct yagna_call *yagna_wait_approval(struct yagna *yagna, const char *agreement, unsigned timeout_s,
				       yagna_approval_done done, void *context);
/* Between confirm and approval; status 410: too late, it is approved (or over). */
struct yagna_call *yagna_cancel_agreement(struct yagna *yagna, const char *agreement, const char *reason,
					  yagna_done done, void *context);
/* An agreement that is terminated already counts as done. status 500: provider not reached, it is still approved. */
struct yagna_call *yagna_terminate(struct yagna *yagna, const char *agreement, const char *reason,
				   yagna_done done, void *context);

struct yagna_agreement {
	const char *id;
	const char *state; /* Proposal Pending Cancelled Rejected Approved Expired Terminated */
	const char *session, *demand, *provider; /* session "" when none */
	const cJSON *demand_properties, *offer_properties;
	struct timespec timestamp, valid_to, approved; /* approved 0 when it is not */
};
typedef void (*yagna_agreement_done)(void *context, const struct yagna_failure *failure,
				     const struct yagna_agreement *agreement);
struct yagna_call *yagna_get_agreement(struct yagna *yagna, const char *agreement, yagna_agreement_done done,
				       void *context);

struct yagna_agreement_row {
	const char *id;
	struct timespec timestamp;
	bool approved;
};
typedef void (*yagna_agreements_done)(void *context, const struct yagna_failure *failure,
				      const struct yagna_agreement_row *rows, unsigned count);
/* state and session may be NULL: all. */
struct yagna_call *yagna_list_agreements(struct yagna *yagna, const char *state, const char *session,
					 yagna_agreements_done done, void *context);

struct yagna_agreement_event {
	const char *agreement;
	const char *date;          /* the cursor: pass the last one as `after` of the next poll */
	const char *type;          /* Approved Rejected Cancelled Terminated */
	const char *terminator;    /* "Provider" or "Requestor"; "" unless terminated */
	const char *reason, *code; /* message and golem.provider.code; "" when absent */
};
typedef void (*yagna_agreement_events_done)(void *context, const struct yagna_failure *failure,
					    const struct yagna_agreement_event *events, unsigned count);
/* Repeatable long poll. */
struct yagna_call *yagna_poll_agreements(struct yagna *yagna, const char *session, const char *after,
					 unsigned timeout_s, yagna_agreement_events_done done, void *context);

/* ---- payment: accounts and allocations (4.1 to 4.3) ---- */

struct yagna_account {
	const char *platform, *address, *driver, *network, *token;
	bool send;
};
typedef void (*yagna_accounts_done)(void *context, const struct yagna_failure *failure,
				    const struct yagna_account *accounts, unsigned count);
struct yagna_call *yagna_list_accounts(struct yagna *yagna, yagna_accounts_done done, void *context);

struct yagna_allocation {
	const char *id, *platform, *address;
	const char *total, *spent, *remaining; /* decimal texts, checked */
	struct timespec timestamp, timeout;    /* timeout 0 when none */
};
typedef void (*yagna_allocation_done)(void *context, const struct yagna_failure *failure,
				      const struct yagna_allocation *allocation);
typedef void (*yagna_allocations_done)(void *context, const struct yagna_failure *failure,
				       const struct yagna_allocation *allocations, unsigned count);
/* EDQUOT: funds insufficient. The daemon releases it by itself at the timeout. */
struct yagna_call *yagna_allocate(struct yagna *yagna, const char *platform,
				  const char *address /* NULL: own */, const struct decimal *amount,
				  const struct timespec *timeout, yagna_allocation_done done, void *context);
/* amount or timeout may be NULL: unchanged. */
struct yagna_call *yagna_amend_allocation(struct yagna *yagna, const char *allocation,
					  const struct decimal *amount, const struct timespec *timeout,
					  yagna_allocation_done done, void *context);
/* status 404: unknown, or released. */
struct yagna_call *yagna_get_allocation(struct yagna *yagna, const char *allocation,
					yagna_allocation_done done, void *context);
struct yagna_call *yagna_list_allocations(struct yagna *yagna, yagna_allocations_done done, void *context);
/* A released or unknown one counts as done. */
struct yagna_call *yagna_release(struct yagna *yagna, const char *allocation, yagna_done done, void *context);

struct yagna_decorations {
	const cJSON *properties;    /* object: property -> text, to be copied into the demand */
	const char *const *clauses; /* constraints, each in its parentheses */
	unsigned count;
};
typedef void (*yagna_decorations_done)(void *context, const struct yagna_failure *failure,
				       const struct yagna_decorations *decorations);
struct yagna_call *yagna_decorations(struct yagna *yagna, const char *allocation, yagna_decorations_done done,
				     void *context);

/* ---- payment: documents (4.4, 4.5) ---- */

enum yagna_document { YAGNA_DEBIT_NOTE, YAGNA_INVOICE };

struct yagna_bill {
	enum yagna_document kind;
	const char *id, *agreement, *issuer, *platform;
	const char *status;      /* RECEIVED ACCEPTED REJECTED FAILED SETTLED CANCELLED */
	const char *activity;    /* of a debit note; "" for an invoice */
	const char *amount;      /* decimal text as it came: to be accepted exactly; a note's is cumulative */
	const cJSON *activities; /* of an invoice: list of ids */
	const cJSON *usage; /* of a debit note: list of numbers in the order of the offer's vector, or NULL */
	struct timespec timestamp;
};
typedef void (*yagna_bill_done)(void *context, const struct yagna_failure *failure,
				const struct yagna_bill *bill);
typedef void (*yagna_bills_done)(void *context, const struct yagna_failure *failure,
				 const struct yagna_bill *bills, unsigned count);

struct yagna_bill_event {
	const char *id;   /* of the document */
	const char *date; /* the cursor */
	const char *type; /* Received Accepted Rejected Cancelled Settled PaymentStatus PaymentOk */
};
typedef void (*yagna_bill_events_done)(void *context, const struct yagna_failure *failure,
				       const struct yagna_bill_event *events, unsigned count);
/* Repeatable long poll for Received, Accepted, Cancelled and Settled events of the session. */
struct yagna_call *yagna_poll_bills(struct yagna *yagna, enum yagna_document kind, const char *session,
				    const char *after, unsigned timeout_s, yagna_bill_events_done done,
				    void *context);
struct yagna_call *yagna_get_bill(struct yagna *yagna, enum yagna_document kind, const char *id,
				  yagna_bill_done done, void *context);
/* after: RFC 3339 or NULL. */
struct yagna_call *yagna_list_bills(struct yagna *yagna, enum yagna_document kind, const char *after,
				    yagna_bills_done done, void *context);
/* amount: exactly the document's text. Repeatable; status 504: repeat. */
struct yagna_call *yagna_accept_bill(struct yagna *yagna, enum yagna_document kind, const char *id,
				     const char *amount, const char *allocation, yagna_done done,
				     void *context);
/* Invoices only; debit notes cannot be rejected, they are just not accepted. */
struct yagna_call *yagna_reject_invoice(struct yagna *yagna, const char *id, const char *message,
					yagna_done done, void *context);

/* ---- activity (5) ---- */

/* -> activity id. 408 (ETIMEDOUT): the provider destroys what it had begun. */
struct yagna_call *yagna_create_activity(struct yagna *yagna, const char *agreement, unsigned timeout_s,
					 yagna_text_done done, void *context);
struct yagna_call *yagna_destroy_activity(struct yagna *yagna, const char *activity, unsigned timeout_s,
					  yagna_done done, void *context);
typedef void (*yagna_texts_done)(void *context, const struct yagna_failure *failure, const char *const *texts,
				 unsigned count);
/* Ids, destroyed ones included. */
struct yagna_call *yagna_list_activities(struct yagna *yagna, const char *agreement, yagna_texts_done done,
					 void *context);

struct yagna_activity_state {
	const char *state,
		*next; /* New Initialized Deployed Ready Terminated Unresponsive; next "" when none */
	const char *reason, *message; /* "" when none */
};
typedef void (*yagna_activity_state_done)(void *context, const struct yagna_failure *failure,
					  const struct yagna_activity_state *state);
struct yagna_call *yagna_activity_state(struct yagna *yagna, const char *activity,
					yagna_activity_state_done done, void *context);
typedef void (*yagna_usage_done)(void *context, const struct yagna_failure *failure, const double *usage,
				 unsigned count);
/* In the order of the offer's vector; count 0 during the first second. */
struct yagna_call *yagna_activity_usage(struct yagna *yagna, const char *activity, yagna_usage_done done,
					void *context);

/* script: a list of commands. -> batch id. `unsure`: it may run, and nobody knows its id. */
struct yagna_call *yagna_exec(struct yagna *yagna, const char *activity, const cJSON *script,
			      yagna_text_done done, void *context);

struct yagna_bytes {
	const char *data; /* may hold NULs, and does not end with one */
	size_t len;
};
struct yagna_result {
	unsigned index;
	bool ok;
	bool finished; /* with a command index: that one; else the last of the batch, or the failed one */
	struct yagna_bytes out, err; /* captured output as bytes, of either format */
	const char *message;         /* "" when none */
	int exit_code;               /* 0 when ok; read from the message; -1 when there is none in it */
	const char *date;
};
typedef void (*yagna_results_done)(void *context, const struct yagna_failure *failure,
				   const struct yagna_result *results, unsigned count);
enum { YAGNA_WHOLE_BATCH = -1 };
/* Long poll. With a command index: ETIMEDOUT (status 408) while that command has not ended, also when an earlier one
 * has failed: then ask for the whole batch with timeout 0 (5.6). */
struct yagna_call *yagna_results(struct yagna *yagna, const char *activity, const char *batch, int command,
				 unsigned timeout_s, yagna_results_done done, void *context);

enum yagna_stream_kind { YAGNA_STARTED, YAGNA_STDOUT, YAGNA_STDERR, YAGNA_FINISHED, YAGNA_PROGRESS };
struct yagna_stream_event {
	enum yagna_stream_kind kind;
	unsigned index;
	struct yagna_bytes output; /* STDOUT, STDERR */
	int return_code;           /* FINISHED */
	const char *message;       /* FINISHED, PROGRESS; "" when none */
	double done, total;        /* PROGRESS; total 0 when unknown */
	const char *unit;          /* PROGRESS */
	const char *timestamp;
};
/* The stream ends neither with the batch nor ever, and shows nothing that was before (5.7): cancel it when the last
 * command has finished. `ended` comes when it broke off, with a failure always: the connection was lost, or the first
 * ping said that its source is gone (status 200 then: ask for the activity's state). Both may cancel the call. */
struct yagna_call *yagna_stream(struct yagna *yagna, const char *activity, const char *batch,
				void (*event)(void *context, const struct yagna_stream_event *event),
				yagna_done ended, void *context);

/* ---- scan (2.9) ---- */

/* -> scan id; it ends by itself when unused for 300 s. */
struct yagna_call *yagna_scan_begin(struct yagna *yagna, const char *constraints, yagna_text_done done,
				    void *context);
struct yagna_offer {
	const char *id, *provider, *constraints;
	const cJSON *properties;
};
typedef void (*yagna_offers_done)(void *context, const struct yagna_failure *failure,
				  const struct yagna_offer *offers, unsigned count);
/* Long poll: returns as soon as there is something; count 0 after timeout_s. */
struct yagna_call *yagna_scan_collect(struct yagna *yagna, const char *scan, unsigned timeout_s,
				      yagna_offers_done done, void *context);
struct yagna_call *yagna_scan_end(struct yagna *yagna, const char *scan, yagna_done done, void *context);

/* ---- networks (6.1, 6.2): in the daemon's memory only, a restart forgets them ---- */

struct yagna_net {
	const char *id, *ip /* "10.0.0.0/24" */, *mask;
};
typedef void (*yagna_net_done)(void *context, const struct yagna_failure *failure,
			       const struct yagna_net *net);
typedef void (*yagna_nets_done)(void *context, const struct yagna_failure *failure,
				const struct yagna_net *nets, unsigned count);
struct yagna_call *yagna_create_net(struct yagna *yagna, const char *ip, const char *mask,
				    yagna_net_done done, void *context);
struct yagna_call *yagna_list_nets(struct yagna *yagna, yagna_nets_done done, void *context);
/* An unknown one counts as done where the daemon says 404; see yagna_net_is_unknown() for the rest. */
struct yagna_call *yagna_delete_net(struct yagna *yagna, const char *net, yagna_done done, void *context);
bool yagna_net_is_unknown(const struct yagna_failure *failure);

struct yagna_net_node {
	const char *node_id, *ip;
};
typedef void (*yagna_net_nodes_done)(void *context, const struct yagna_failure *failure,
				     const struct yagna_net_node *nodes, unsigned count);
struct yagna_call *yagna_list_net_nodes(struct yagna *yagna, const char *net, yagna_net_nodes_done done,
					void *context);
/* An address that is taken already is answered as if it had been given: remove the old node first. */
struct yagna_call *yagna_add_net_node(struct yagna *yagna, const char *net, const char *node_id,
				      const char *ip, yagna_done done, void *context);
struct yagna_call *yagna_remove_net_node(struct yagna *yagna, const char *net, const char *node_id,
					 yagna_done done, void *context);

/* The websocket (6.4) to a port of a node, IPv4 only: an IPv6 literal kills the network. */
void yagna_net_url(const struct yagna *yagna, const char *net, const char *ip, unsigned port,
		   struct buf *url);

/* ---- image (3.3): not yagna but the registry ---- */

/* image: a tag ("golem/alpine:latest"), "sha3:HASH" or "URL#HASH". -> the task package "hash:sha3:…:url", without
 * any request in the last case. EINVAL: neither form; status 404: the registry has no such image. */
struct yagna_call *yagna_find_image(struct yagna *yagna, const char *registry, const char *image,
				    yagna_text_done done, void *context);

#endif
