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
#include "core/settings.h"

struct cJSON;

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
/* event.c: the line of a refusal in the root's log. */
void obj_log_refusal(struct obj *obj, int pid, const char *written, const struct err *err);

/* Keeps why the last step failed (NULL: it went well); `why` is copied. */
void outcome_set(struct err **outcome, const struct err *why);

/* --- the three kinds below the root ------------------------------------------------------------------------ */

struct backend {
	struct obj obj;
	enum backend_state state;
	struct err *outcome;
	struct values values;
	struct order *asked; /* `start` or `scan` that yagna has not answered yet */
};

enum reason { REASON_NONE, REASON_USER, REASON_INSTANCE, REASON_BACKEND, REASON_TIMEOUT, REASON_LOST };

struct command {
	struct obj obj;
	enum command_state state;
	enum reason reason; /* the first one wins */
	int exit;
	char *text;
	size_t len;
	struct bytelog *output[2]; /* stdout, stderr: made when first written or asked for */
	struct timespec started, ended;
	struct err *outcome;
	struct command *prev, *next; /* in the queue of the instance */
};

struct instance {
	struct obj obj;
	enum instance_state state;
	struct err *outcome;
	struct values *own;    /* what was given at its creation; NULL: nothing */
	struct command *queue; /* those not started yet, oldest first */
	struct command *running;
	unsigned queued;
	unsigned numbers; /* commands ever made */
};

static inline struct backend *backend_of_instance(const struct instance *instance)
{
	return (struct backend *)instance->obj.parent;
}

static inline struct instance *instance_of_command(const struct command *command)
{
	return (struct instance *)command->obj.parent;
}

const char *backend_text(const struct backend *backend, enum setting_id id);
struct bytelog *command_output(struct command *command, int stream); /* 0 stdout, 1 stderr */
const char *instance_text(const struct instance *instance, enum setting_id id);

#endif
