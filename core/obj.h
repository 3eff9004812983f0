/*
 * The common head of everything that is a directory in the tree: the root, backends, instances, commands.
 *
 * It owns the name, the children, the event log, the list of refusals and the change counters. It is the whole
 * of what fs has to know about "something changed": obj_changed() names the object and the aspect, and the one
 * observer (fs) is told in the same turn, never re-entrantly.
 */
#ifndef CORE_OBJ_H
#define CORE_OBJ_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>
#include <uthash.h>

#include "core/bytelog.h"
#include "core/err.h"

struct cJSON;
struct golem;
struct buf;
struct obj_class;    /* what the kinds do differently: model.h */
struct obj_refusals; /* the last 16 of them */

/* OBJ_NETWORKS: the root's second set of children, beside the backends; OBJ_POOL: a backend's, beside the instances. */
enum obj_kind {
	OBJ_ROOT,
	OBJ_BACKEND,
	OBJ_INSTANCE,
	OBJ_COMMAND,
	OBJ_POOL,
	OBJ_NETWORKS,
	OBJ_NETWORK,
	OBJ_KINDS
};

/* What of an object may change; every file of the tree shows one of these. */
enum obj_aspect {
	ASPECT_STATE,    /* state, wait, exit, reason … */
	ASPECT_CONFIG,   /* config/ */
	ASPECT_EVENTS,   /* events, log */
	ASPECT_REFUSALS, /* error */
	ASPECT_COST,     /* cost */
	ASPECT_OFFERS,   /* offers, agreements */
	ASPECT_OUTPUT,   /* stdout, stderr */
	ASPECT_INPUT,    /* stdin takes bytes again, or never more */
	ASPECT_CHILDREN, /* the listings and `last` */
	ASPECTS
};

struct obj_change {
	uint64_t count;
	struct timespec time;
};

struct obj {
	const struct obj_class *class;
	enum obj_kind kind;
	char *name;
	struct golem *golem;
	struct obj *parent; /* NULL for the root */
	unsigned refs;
	bool removed; /* the name is gone; the object lives while it is referenced */
	unsigned holders;
	/* Steps under way that abort, stop or destroy has cut short. Who waits for a step remembers the count and,
	 * when it has moved, gets ECANCELED; who begins to wait afterwards waits for the new step. */
	unsigned cancels;
	unsigned untold; /* bits of aspects, and of the removal, the observer has not heard of yet */
	struct obj *untold_next;
	struct timespec born;
	struct obj_change changes[ASPECTS];
	struct bytelog *events;        /* own ones and those of the children; NULL for commands */
	struct obj_refusals *refusals; /* NULL until there is one */
	struct obj *children;          /* in order of creation, hashed by name */
	UT_hash_handle hh;
};

/* Told once per change, from the loop's deferred calls. */
struct obj_observer {
	void (*changed)(void *context, struct obj *obj, enum obj_aspect aspect);
	void (*removed)(void *context, struct obj *obj);
	void *context;
};

struct obj *obj_ref(struct obj *obj);
void obj_unref(struct obj *obj); /* takes NULL */
void obj_changed(struct obj *obj, enum obj_aspect aspect);
/* Takes the name out of its parent: look-ups fail from now on, references stay good. */
void obj_remove(struct obj *obj);

/* NULL where there is none. Commands are named by their number. */
struct obj *obj_find(struct obj *parent, const char *name);
struct obj *obj_first(struct obj *parent);
struct obj *obj_next(struct obj *child);
unsigned obj_count(struct obj *parent);
struct obj *obj_last(struct obj *parent); /* newest child, for `last` */

/* 0, or -1 with EINVAL (characters, reserved word) or ENAMETOOLONG; design 2.1 rule 10. */
int obj_check_name(const char *name, struct err *err);

/* What every state file shows, and what `wait` waits for. */
const char *obj_state(const struct obj *obj);
bool obj_settled(const struct obj *obj);                  /* nothing is under way any more */
bool obj_ended(const struct obj *obj);                    /* stopped, done … : what `any` waits for */
void obj_outcome(const struct obj *obj, struct err *err); /* code 0, or why the last step failed */

/* The four levels of abort, and the end of a hold; each is accepted in every state. `reason` as in design 2.5. */
void obj_abort(struct obj *obj);
void obj_hold(struct obj *obj);
void obj_unhold(struct obj *obj); /* the last one ends the object */

/* Writes a refusal into `error` here and in every directory above: time, pid, what was written, the sentence. */
void obj_refuse(struct obj *obj, int pid, const char *written, const struct err *err);
/* One row per refusal, newest last, at most 16. */
void obj_render_refusals(const struct obj *obj, struct buf *out);

/* Appends one event line (design 2.8) here and in every directory above. `extra` is consumed, may be NULL; its
 * members follow the standard ones. */
void obj_event(struct obj *obj, const char *event, struct cJSON *extra);

#endif
