/*
 * Networks as the other domain objects see them, and what the files of networks share: who has which address in which
 * network. Only core/ includes it (model.h does).
 */
#ifndef CORE_MEMBERSHIP_H
#define CORE_MEMBERSHIP_H

#include "core/network.h"
#include "core/range.h"
#include "core/yagna.h"

struct backend;
struct cJSON;

enum network_state { NETWORK_STARTING, NETWORK_READY, NETWORK_STOPPING, NETWORK_ERROR };

/* An address that an instance has in a network. It is claimed when the instance is made, named by a provider when
 * there is an offer, told to yagna before the deploy, and free again when yagna has taken it out: a taken address is
 * not bound anew (reference/yagna-api.md 6.1). */
struct net_node {
	struct instance *instance; /* NULL: let go of */
	uint32_t address;          /* 0: the range is not chosen yet */
	char *provider;            /* NULL: none yet */
	char *owner[2];            /* names of the backend and the instance, for events */
	bool wanted, in;           /* to be in yagna's network; is there */
	unsigned tries;
	struct net_node *prev, *next;
};

/* The same from the instance's side; stays, as a memory, when the node is gone. */
struct membership {
	struct network *network; /* held */
	struct net_node *node;   /* NULL: let go of */
	uint32_t address;
	char *net; /* yagna's id of the network its machine was made for */
};

struct net_wait; /* a refresh that is waited for */

struct network {
	struct obj obj;
	enum network_state state;
	struct err *outcome;
	struct forward *forwards;
	struct range range;      /* its network is 0 until one is chosen */
	struct backend *backend; /* held: it is private to this one; NULL: shared */
	bool foreign;            /* another program's: shown, never touched */
	char *foreign_range;
	char *id;  /* in yagna; NULL: not there */
	bool made; /* it was there once: what yagna forgets is made again */
	bool doomed;
	bool due;               /* marked for what is done with each of several */
	bool unsure;            /* asked for, and the answer was lost */
	bool check;             /* yagna's nodes are to be compared with ours */
	bool tidy;              /* nodes that nobody of us is are taken out: an earlier run's */
	bool client, client_in; /* to be in; is there */
	struct net_node *nodes;
	struct cJSON *before, *strays; /* ids of networks before ours; of nodes that are in the way */
	uint64_t entry;                /* in the journal */
	uint64_t checked_ms;           /* loop time of the last look */
	unsigned tries;
	struct order *asked;
	struct net_wait *waits;
	struct yagna_call *call;
	struct net_node *subject; /* of the call */
	struct loop_timer *retry;
	struct network *prev, *next; /* golem->nets */
};

/* --- network.c ------------------------------------------------------------------------------------------------ */

void networks_init(struct golem *golem);
void networks_free(struct golem *golem);
struct network *network_make(struct golem *golem, const char *name, const struct range *range, bool client);
struct network *network_make_foreign(struct golem *golem, const char *id, const char *range);
/* 0, or -1 with EINVAL, EEXIST: the name may be a network's. `backend`: the one that would own it, or NULL. */
int network_check_name(struct golem *golem, const char *name, const struct backend *backend, struct err *err);
void network_enter(struct network *network, enum network_state state, const struct err *why);
/* Ends it in yagna; `quietly`: its name has no use any more either. */
void network_doom(struct network *network, bool quietly);
/* Nothing of it is left in yagna, or can be reached. */
void network_over(struct network *network, const struct err *why);
void network_event(struct network *network, const char *event, const struct net_node *node,
		   const char *message);
bool network_is_used(const struct network *network); /* by a started backend */
bool network_has_provider(const struct network *network, const char *provider);
/* The lowest free one, unless `chosen` is given. ENOSPC, EINVAL, EEXIST. */
struct net_node *network_claim(struct network *network, struct instance *instance, uint32_t chosen,
			       struct err *err);
void network_let_go(struct network *network, struct net_node *node);
void network_drop(struct network *network, struct net_node *node);
void network_choose_addresses(struct network *network); /* its range is known now */
void network_wait(struct net_wait **list, struct order *order);
void network_answer(struct net_wait **list, const struct err *why);

/* --- network_step.c: the conversation with yagna --------------------------------------------------------------- */

void network_step(struct network *network); /* goes on with whatever is to be done next */
void networks_up(struct golem *golem);      /* yagna answers (again): everything is looked at */
void networks_look(struct golem *golem);    /* lists what is there, for those of other programs */
/* An intent without an id: the one of yagna's networks that must be it, or NULL. */
const char *network_recognise(struct golem *golem, const struct range *range, const struct cJSON *before,
			      const struct yagna_net *nets, unsigned count);
/* From the journal of an earlier run; NULL: it makes no sense. */
struct network *network_adopt(struct golem *golem, uint64_t entry, const char *id, const struct cJSON *facts);
void networks_end_unused(struct golem *golem);
/* Ends all of ours; whether something is still to be waited for. */
bool networks_end(struct golem *golem);

/* --- network_free.c -------------------------------------------------------------------------------------------- */

/* The first range of this prefix that nothing of `nets`, of our own networks, or of the machine's routes touches. */
int network_choose_range(struct golem *golem, struct range *range, const struct yagna_net *nets,
			 unsigned count, struct err *err);

/* --- membership.c: the networks of a backend, and an instance in them ------------------------------------------- */

/* Looks up what `networking` names: 0, or -1 with ENOENT, EINVAL (ranges that overlap), EEXIST. */
int backend_check_networks(struct backend *backend, struct err *err);
/* After that: takes them for the time it is started, and makes the private one; `adopting` takes the one that is there. */
void backend_take_networks(struct backend *backend, bool adopting);
void backend_release_networks(struct backend *backend);
/* It is started, and names the network. */
bool backend_uses(const struct backend *backend, const struct network *network);
/* The private one is made, has failed, or is gone. */
void backend_network_ready(struct backend *backend);
void backend_network_failed(struct backend *backend, const struct err *why);
/* Which of the backend's networks the provider is in; NULL: none. */
const struct network *backend_network_with(const struct backend *backend, const char *provider);

/* `addresses` (NULL: any): a list, each in one of the networks. */
int membership_make(struct instance *instance, const char *addresses, struct err *err);
void membership_name(struct instance *instance, const char *provider); /* NULL: not any more */
void membership_join(struct instance *instance);
/* All nodes are known to yagna. */
bool membership_joined(const struct instance *instance);
/* The `net` of a deploy, and remembers what it was; NULL: it has none. The caller deletes. */
struct cJSON *membership_deploy(struct instance *instance);
void membership_leave(struct instance *instance); /* repeatable */
void membership_forget(struct network *network, struct instance *instance, struct net_node *node);
void membership_free(struct instance *instance);
struct cJSON *membership_facts(const struct instance *instance);
void membership_adopt(struct instance *instance, const struct cJSON *facts);

#endif
