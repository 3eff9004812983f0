/*
 * What the domain objects know of each other: the private side of golem.h, backend.h, instance.h and command.h.
 * Only core/ includes it; fs sees the headers named.
 *
 * Objects are counted (obj.h). A child holds its parent, so events and money of something whose name is gone
 * still find their way up; whoever has a request under way holds the object it is for.
 */
#ifndef CORE_MODEL_H
#define CORE_MODEL_H

#include "core/command.h"
#include "core/golem.h"
#include "core/journal.h"
#include "core/membership.h"
#include "core/payment.h"
#include "core/script.h"
#include "core/settings.h"
#include "core/yagna.h"

struct cJSON;
struct input;
struct line;
struct pool;
struct agent_link_exit;
struct ws_hub;
struct forward;
struct forward_connection;

/* What the kinds of obj do differently. */
struct obj_class {
	const char *(*state)(const struct obj *obj);
	bool (*settled)(const struct obj *obj);
	bool (*ended)(const struct obj *obj);
	const struct err *(*outcome)(const struct obj *obj); /* NULL: the last step went well */
	void (*abort)(struct obj *obj);
	void (*let_go)(struct obj *obj);  /* the last holder is gone */
	void (*release)(struct obj *obj); /* frees what the object owns and the object itself */
};

/* obj.c: the head of a new object; the parent, if any, must outlive the call and is held from then on. */
void obj_init(struct obj *obj, const struct obj_class *class, enum obj_kind kind, struct golem *golem,
	      struct obj *parent, const char *name);
/* Puts it into the parent's listing, which holds it until obj_remove(). */
void obj_enlist(struct obj *obj);
/* Cuts short whoever waits for the step under way. */
void obj_cancel_step(struct obj *obj);
/* Tells the observer of these bits (1 << aspect) before the loop waits again. */
void obj_tell_later(struct obj *obj, unsigned bits);
/* Frees the head's own memory; for `release` of the classes. */
void obj_fini(struct obj *obj);
void obj_free_refusals(struct obj *obj); /* refusal.c */
/* Tells what was not told yet, at the end of the loop's life. */
void obj_drain(struct golem *golem);
/* event.c: the line of a refusal in the root's log. */
void obj_log_refusal(struct obj *obj, int pid, const char *written, const struct err *err);

/* Keeps why the last step failed (NULL: it went well); `why` is copied. */
void outcome_set(struct err **outcome, const struct err *why);

enum reason { REASON_NONE, REASON_USER, REASON_INSTANCE, REASON_BACKEND, REASON_TIMEOUT, REASON_LOST };

struct yagna_call;
struct backend;
struct price;

/* No clear refusal by yagna: what was asked for may exist, and has to be looked for. */
static inline bool maybe_carried_out(const struct yagna_failure *failure)
{
	return failure->unsure || (failure->status < 400 && failure->err.code != EHOSTUNREACH &&
				   failure->err.code != EKEYREJECTED);
}

/* --- the root ---------------------------------------------------------------------------------------------- */

enum link { LINK_ASKING, LINK_UP, LINK_AWAY, LINK_NO_KEY, LINK_REFUSED };

/* One of the wallets yagna can pay from. */
struct account {
	char *platform, *network, *driver, *address;
	bool test; /* its money is not real */
	struct account *next;
};

struct golem {
	struct obj obj;
	struct loop *loop;
	struct obj_observer observer;
	struct obj *untold, *untold_last; /* objects whose changes the observer has not heard of */
	uint64_t seq;
	struct bytelog *log; /* every refusal there was */
	char *url, *appkey, *state_dir, *registry_url;
	char *session; /* appSessionId: tags our agreements and their documents, also across restarts */

	struct http *http;
	struct ws_hub *ws;                    /* golem_ws() makes it */
	struct forward_connection *forwarded; /* by channel */
	uint32_t last_channel;
	struct yagna *yagna;
	struct journal *journal;
	struct payment *payment;

	/* connect.c */
	enum link link;
	struct err link_error;
	char *version, *node_id;
	struct account *accounts;
	struct yagna_call *asking, *events;
	struct loop_timer *retry;
	uint64_t retry_ms;
	char *cursor; /* of the agreement events */
	bool adopted; /* what an earlier run left has been dealt with */
	struct adoption *adoption;
	uint64_t adopt_before; /* entries of the journal up to this number are an earlier run's */
	uint64_t *doubts;      /* entries of this run of which nobody knows whether yagna carried them out */
	unsigned doubt_count;

	struct gone *gone;            /* cost of backends whose directory is gone */
	struct obj networks;          /* the directory of them: a child of the root that is in no listing */
	struct network *nets;         /* all of them, also those without a name */
	struct net_wait *nets_waits;  /* a refresh of all */
	struct yagna_call *nets_call; /* for the networks of other programs */
	struct loop_timer *nets_timer;
	bool all_networks;
	struct pending *pending;  /* verbs that came before it was known whether yagna answers */
	struct instance *rentals; /* those that are, or are to be, rented or paid; also without a name */
	bool leaving;
	loop_call left;
	void *left_context;
	struct loop_timer *left_timer;
};

/* connect.c */
void connect_begin(struct golem *golem);
void connect_end(struct golem *golem);
void connect_free(struct golem *golem);
/* The account a backend pays from: what it asks for, else a test network's. NULL with a sentence. */
const struct account *connect_account(struct golem *golem, const struct backend *backend, struct err *err);
/* Whether the backend would pay with real money, as far as it is known. */
bool connect_real_money(struct golem *golem, const struct backend *backend);

/* backend.c: it is known now; does, or refuses, what has waited for it. */
void backend_do_pending(struct golem *golem);

/* adopt.c: called once yagna answers for the first time; `done` when everything is dealt with. */
void adopt_begin(struct golem *golem, void (*done)(struct golem *golem));
void adopt_end(struct golem *golem);
/* An entry of this run whose request may have been carried out, though its answer was lost: what it made is looked
 * for, recognised by the facts, and ended. */
void adopt_doubt(struct golem *golem, uint64_t entry);
/* The session of an earlier run, if the journal names one; else a new one. The caller frees. */
char *adopt_session(struct golem *golem);

/* golem.c: made when it is first asked for. NULL with a sentence. */
struct ws_hub *golem_ws(struct golem *golem, struct err *err);

/* golem.c: a rental is over, or a backend has stopped: look whether we may leave. */
void golem_look(struct golem *golem);

/* --- a backend --------------------------------------------------------------------------------------------- */

struct backend {
	struct obj obj;
	enum backend_state state;
	struct err *outcome;
	struct values values;
	struct pool *pool;     /* commands for any free instance */
	struct order *asked;   /* a `start` that yagna has not answered yet */
	struct market *market; /* from the start until everything is wound up */
	struct scan *scan;
	struct gone *gone; /* cost of instances whose directory is gone */
	struct loop_timer *budget_timer, *settle_timer;
	uint64_t entry;                         /* in the journal */
	unsigned live;                          /* instances of it among golem->rentals */
	unsigned live_instances;                /* those that are neither stopped nor in error */
	bool released;                          /* what was taken is being given back */
	bool published;                         /* the demand is on the market */
	struct network *networks[NETWORKS_MAX]; /* while it is started, in the order of the setting; held */
	unsigned network_count;
	struct network *private_network; /* one of them */
};

const char *backend_text(const struct backend *backend, enum setting_id id);
void backend_enter(struct backend *backend, enum backend_state state, const struct err *why);
/* The market has published its demand, or could not. */
void backend_published(struct backend *backend, const struct err *why);
/* A rental has ended or been paid: go on stopping. */
void backend_look(struct backend *backend);
void backend_budget(const struct backend *backend, struct decimal *out);
unsigned backend_max_instances(const struct backend *backend);
void backend_journal(struct backend *backend);
/* Begins to watch what the instances cost. */
void backend_watch_budget(struct backend *backend);
void backend_stop_for(struct backend *backend, enum reason reason);

/* --- an instance ------------------------------------------------------------------------------------------- */

/* Where a rental stands; finer than the state that users see. */
enum rental_step {
	RENTAL_NONE,     /* not begun, or over */
	RENTAL_WANTED,   /* in the market's queue */
	RENTAL_CREATING, /* agreement: created, confirmed, waited for */
	RENTAL_CONFIRMING,
	RENTAL_APPROVING,
	RENTAL_ACTIVITY,  /* activity asked for */
	RENTAL_DEPLOYING, /* a batch that begins with deploy is on its way */
	RENTAL_READY,
	RENTAL_TEARDOWN,
	RENTAL_DESTROYING, /* the activity */
	RENTAL_TERMINATING,
	RENTAL_PAYING, /* the invoice is to come */
};

struct instance {
	struct obj obj;
	enum instance_state state;
	struct err *outcome;
	struct values *own; /* what was given at its creation; NULL: nothing */

	struct membership *memberships; /* in its backend's networks, in their order */
	unsigned membership_count;
	bool joining, joining_again; /* a deploy, or a reset, waits until yagna knows its addresses */

	struct command *queue; /* those not started yet, oldest first */
	struct command *running;
	struct run *run; /* how it runs */
	struct forward *forwards;
	struct line *line; /* to the agent of the present machine; NULL: none was wanted */
	unsigned queued;
	unsigned numbers; /* commands ever made */

	enum rental_step step;
	enum instance_state final; /* state at the end: stopped, or error */
	bool ending;               /* what is under way is waited for, then the winding up begins */
	bool resetting;            /* the batch under way began with terminate */
	bool unregarded;           /* nobody may be asked politely: no teardown, no destroying first */
	bool approved;
	unsigned tries; /* of the present step */
	char *provider, *provider_name, *agreement, *activity, *batch;
	char *rejected,
		*rejecter; /* the last agreement refused to us, whose reason comes by event, and its provider */
	struct price *price; /* of the offer, until payment knows it */
	unsigned threads;
	int batch_index, batch_len;
	enum script_stage stages[STAGES]; /* of the batch under way */
	double glm_per_hour;
	struct yagna_call *call;   /* of the present step */
	struct loop_timer *limit;  /* rent_timeout, deploy_timeout, idle_timeout: one at a time */
	struct loop_timer *expiry; /* rent_hours; after the end: until when the invoice is waited for */
	struct loop_timer *again;  /* a pause before a repetition */
	uint64_t agreement_entry, activity_entry;
	struct payment_account *account;
	struct timespec activity_asked;
	uint64_t expires_ms;          /* wall clock: what the agreement says */
	struct instance *prev, *next; /* golem->rentals */
	struct instance *want_prev, *want_next;
};

static inline struct backend *backend_of_instance(const struct instance *instance)
{
	return (struct backend *)instance->obj.parent;
}

const char *instance_text(const struct instance *instance, enum setting_id id);
struct instance *instance_make(struct backend *backend, const char *name, struct values *own);
void instance_enter(struct instance *instance, enum instance_state state, const struct err *why);
void instance_stop_for(struct instance *instance, enum reason reason);
/* Ends what is under way; what is rented stays rented. */
void instance_abort_for(struct instance *instance, enum reason reason);

/* --- a command --------------------------------------------------------------------------------------------- */

/* Resources of the program, where an agent could measure them. */
struct command_usage {
	uint64_t user_us, system_us;
	uint32_t max_rss_kb;
};

struct command {
	struct obj obj;
	/* It runs on, or waits for; held until the end. NULL: not chosen yet (pool.c), or over. */
	struct instance *instance;
	uint32_t number; /* the agent's name for it, once it has an instance; often also its own */
	enum command_state state;
	enum reason reason; /* the first one wins */
	int exit;
	size_t len;
	char *text;
	struct values *own; /* env, workdir, timeout of its own; NULL: none */
	bool tty;
	uint16_t rows, columns;    /* of its terminal */
	struct input *input;       /* NULL: nobody has opened its stdin for writing */
	struct bytelog *output[2]; /* stdout, stderr: made when first written or asked for */
	struct timespec started, ended;
	struct command_usage usage;
	struct err *outcome;
	struct command *prev, *next; /* in the queue of the instance */
};

struct bytelog *command_output(struct command *command, int stream); /* 0 stdout, 1 stderr */
/* What was shown while it ran was wrong; the object's log is another one afterwards. */
void command_replace_output(struct command *command, int stream, const struct yagna_bytes *truth);
void command_begin(struct command *command);
/* Ends it, once: how, the number for `exit`, and a sentence (NULL: none). */
void command_end(struct command *command, enum command_state state, int exit, const char *message);
/* Why it is going to end; the first reason stays. */
void command_blame(struct command *command, enum reason reason);
/* The program on the machine has ended, or could not be started. */
void command_exited(struct command *command, const struct agent_link_exit *exit);
uint64_t command_limit_ms(const struct command *command); /* command_timeout; 0: none */
/* A setting in force for it: its own, else its instance's, else its backend's. */
uint64_t command_output_limit(const struct command *command); /* bytes kept of each output */
const char *command_setting(const struct command *command, enum setting_id id);
/* The environment in force, NAME=VALUE lines of which the later win; the caller frees. */
char *command_env(const struct command *command);
/* What ends running commands with this reason, and what waits with it. */
void command_abort_for(struct command *command, enum reason reason);
/* Gives it an instance, in whose queue it then is (the caller's hold is the queue's). */
void command_assign(struct command *command, struct instance *instance);
/* A command with this name or, NULL, the next number; the listing holds it. */
struct command *command_new(struct obj *parent, const char *name);
/* One of an earlier golemfs that runs on the instance under that number. */
struct command *command_again(struct obj *parent, struct instance *instance, const char *name,
			      uint32_t number);
void command_leave_queue(struct command *command); /* the queue's hold is the caller's */

/* input.c: what is on its way to the stdin of a command. */
bool input_wanted(const struct command *command);
void input_started(struct command *command); /* on a line that takes it from now on */
void input_flow(struct command *command);    /* there is room again */
void input_over(struct command *command);    /* nobody reads it any more */
void input_free(struct command *command);
/* Ends those that wait and, through their carrier, those that run. */
void command_end_all(struct instance *instance, enum command_state state, enum reason reason, int exit,
		     const char *message);

/* --- commands for any free instance of a backend (pool.c) ---------------------------------------------------- */

struct pool {
	struct obj obj;        /* in no listing; its children are the commands */
	struct command *queue; /* those without an instance yet, oldest first */
	unsigned queued, numbers;
	unsigned failures; /* instances that came to nothing, one after the other */
	bool looking;
};

static inline struct pool *pool_of(struct obj *obj)
{
	return (struct pool *)obj;
}

void pool_new(struct backend *backend);
/* With the name of the backend: its commands are forgotten. May be repeated. */
void pool_close(struct backend *backend);
/* An instance is free, has failed, or a command has come: looked at before the loop waits again. */
void pool_look(struct backend *backend);
void pool_failed(struct backend *backend); /* an instance that has not been ready is in error */
void pool_ready(struct backend *backend);
/* Ends the commands that have no instance. */
void pool_end(struct backend *backend, enum reason reason, const char *message);

#endif
