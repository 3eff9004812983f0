/*
 * The network in one process: what the parts of the devnet know of each other. Each part owns its own state behind
 * an opaque pointer here; the rest of the header is what crosses between them, and nothing else does.
 */
#ifndef DEVNET_DEVNET_H
#define DEVNET_DEVNET_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "core/loop.h"

struct market;     /* demands, proposals, agreements, their events */
struct payment;    /* allocations, debit notes, invoices, their events */
struct activities; /* activities, exe-units, batches */
struct vpn;        /* who is plugged into which network, and the way of packets */
struct nets;       /* networks */
struct gsb;        /* service-bus services */
struct faults;     /* the table of misbehaviour */
struct server;
struct provider;

/* Times of the network in milliseconds; --fast: all zero; the default is a near provider; --real as measured
 * (reference/yagna-api.md 11). One row per latency in latency.c. */
struct latencies {
	unsigned offer_ms, counter_ms, approval_ms, activity_create_ms, activity_destroy_step_ms, deploy_ms,
		start_ms, run_ms, stream_hold_ms, terminate_running_ms, invoice_ms, payment_tick_ms,
		vpn_fin_ms, vpn_silence_ms;
};

struct devnet {
	struct loop *loop;
	struct server *server;
	const char *appkey;
	const char *identity; /* the requestor's node id */
	const char *subnet;
	const char *platform; /* erc20-hoodi-tglm */
	const char *funds;    /* GLM the requestor owns, a decimal text; NULL: nobody looks */
	const char *work_dir; /* private, removed at the end */
	struct latencies latencies;
	unsigned down_ms;           /* of the restart that was asked for */
	struct provider *providers; /* list */
	struct market *market;
	struct payment *payment;
	struct activities *activities;
	struct vpn *vpn;
	struct nets *nets;
	struct gsb *gsb;
	struct faults *faults;
	double swap_rate; /* of messages to an instance that are overtaken, 0 to 1 */
	unsigned swap_seed;
};

/* One provider: a node that offers, negotiates, executes and bills. provider.c; made by options or the control
 * route. */
struct provider {
	struct provider *next;
	char node_id[43];
	char *name;
	cJSON *offer_properties; /* complete, as an Initial proposal shows them */
	char *offer_constraints;
	double per_second, per_cpu_second, start_price; /* GLM */
	unsigned max_agreements;
	bool reachable;          /* false: every call to it is a GSB timeout */
	bool rejects;            /* answers counters with a rejection */
	unsigned idle_limit_s;   /* no activity for this long ends the agreement (90) */
	unsigned accept_limit_s; /* offered debit-note acceptance deadline (240) */
	char *runtime_root;      /* NULL: the host's programs */
};

/* An agreement as payment and activity see it; market owns it and keeps it until the end of the process. */
struct agreement {
	char id[65];
	struct provider *provider;
	char requestor[43];
	char *session;       /* appSessionId of confirm, or NULL */
	const cJSON *demand; /* negotiated properties */
	const cJSON *offer;
	const char *platform;      /* chosen */
	bool approved, terminated; /* terminated implies approved */
	double approved_at;        /* wall clock, seconds */
};

struct agreement *market_find_agreement(struct devnet *devnet, const char *id);
/* Finds the offers of providers that have come since the last call, and shows them to demands and scans. */
void market_look_for_offers(struct devnet *devnet);
/* The provider ends it: event, then the notices below. */
void market_provider_terminates(struct agreement *agreement, const char *message, const char *code);
/* What market tells the others, in this order, when an agreement has been approved or has ended. */
void activity_agreement_approved(struct devnet *devnet, struct agreement *agreement);
void payment_agreement_approved(struct devnet *devnet, struct agreement *agreement);
void activity_agreement_ended(struct devnet *devnet, struct agreement *agreement);
void payment_agreement_ended(struct devnet *devnet, struct agreement *agreement);

/* An activity as payment sees it. */
struct activity_bill {
	char id[33];
	struct agreement *agreement;
	double duration_s, cpu_s; /* used until now, or until the end */
	bool ended;
};
void payment_activity_began(struct devnet *devnet, const char *activity_id, struct agreement *agreement);
void payment_activity_ended(struct devnet *devnet, const char *activity_id);
bool activity_bill(struct devnet *devnet, const char *activity_id, struct activity_bill *bill);
/* The activity's exe-unit dies (fault, or the provider goes away). */
void activity_kill_provider(struct devnet *devnet, struct provider *provider);

/* An instance has come into the network: the requestor is there as well from now on, where it has that network. */
void nets_joined(struct devnet *devnet, const char *network);

/* What a restart of the daemon forgets: networks, services, scans, waiting polls. */
void nets_forget(struct devnet *devnet);
void gsb_forget(struct devnet *devnet);
void scan_forget(struct devnet *devnet);

/* Parts are made and freed by main; each returns NULL only when out of memory. */
struct market *market_new(struct devnet *devnet);
void market_free(struct market *market);
struct payment *payment_new(struct devnet *devnet);
void payment_free(struct payment *payment);
struct activities *activities_new(struct devnet *devnet);
void activities_free(
	struct activities *activities); /* kills what runs, waits for it, removes its directories */
struct vpn *vpn_new(struct devnet *devnet);
void vpn_free(struct vpn *vpn);
struct nets *nets_new(struct devnet *devnet);
void nets_free(struct nets *nets);
struct gsb *gsb_new(struct devnet *devnet);
void gsb_free(struct gsb *gsb);

/* wire.c: scalars as yagna prints them. Buffers are caller's. */
void wire_hex_id(char *out, unsigned digits); /* random lower-case hex and NUL */
void wire_uuid(char out[37]);
/* digits 0, 3, 6 or 9; "…Z". */
void wire_time(char out[40], const struct timespec *time, unsigned digits);
struct timespec wire_now(void);
bool wire_parse_time(const char *text, struct timespec *time); /* RFC 3339 with any offset */

/* "GSB error: …Connection timed out." of an unreachable provider, as the API in question words it. */
#define DEVNET_GSB_TIMEOUT "GSB error: GSB failure: Net: error forwarding message: Connection timed out."

#endif
