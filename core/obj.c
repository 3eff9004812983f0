#include "core/obj.h"

#include <string.h>

#include "core/mem.h"
#include "core/model.h"

enum { UNTOLD_REMOVED = 1u << ASPECTS };

static struct timespec now_real(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return now;
}

void obj_init(struct obj *obj, const struct obj_class *class, enum obj_kind kind, struct golem *golem,
	      struct obj *parent, const char *name)
{
	obj->class = class;
	obj->kind = kind;
	obj->golem = golem;
	obj->parent = parent ? obj_ref(parent) : NULL;
	obj->name = mem_strdup(name);
	obj->refs = 1;
	obj->born = now_real();
	for (int aspect = 0; aspect < ASPECTS; aspect++)
		obj->changes[aspect] = (struct obj_change){.time = obj->born};
}

void obj_fini(struct obj *obj)
{
	struct obj *parent = obj->parent;

	if (obj->events)
		bytelog_free(obj->events);
	obj_free_refusals(obj);
	free(obj->name);
	obj->parent = NULL;
	obj_unref(parent);
}

struct obj *obj_ref(struct obj *obj)
{
	obj->refs++;
	return obj;
}

void obj_unref(struct obj *obj)
{
	if (obj && --obj->refs == 0)
		obj->class->release(obj);
}

void obj_enlist(struct obj *obj)
{
	struct obj *parent = obj->parent;

	obj_ref(obj);
	HASH_ADD_KEYPTR(hh, parent->children, obj->name, strlen(obj->name), obj);
	obj_changed(parent, ASPECT_CHILDREN);
}

void obj_remove(struct obj *obj)
{
	struct obj *parent = obj->parent;

	if (obj->removed || !parent)
		return;
	obj->removed = true;
	HASH_DEL(parent->children, obj);
	memset(&obj->hh, 0, sizeof(obj->hh)); /* obj_next() of a removed one is NULL */
	obj_changed(parent, ASPECT_CHILDREN);
	obj_tell_later(obj, UNTOLD_REMOVED);
	obj_unref(obj);
}

/* --- telling the observer ---------------------------------------------------------------------------------- */

static void tell(struct obj *obj)
{
	const struct obj_observer *observer = &obj->golem->observer;
	unsigned untold = obj->untold;

	obj->untold = 0; /* first: what the observer does may change the object again */
	for (int aspect = 0; aspect < ASPECTS; aspect++)
		if (untold & 1u << aspect && observer->changed)
			observer->changed(observer->context, obj, aspect);
	if (untold & UNTOLD_REMOVED && observer->removed)
		observer->removed(observer->context, obj);
}

static void tell_all(void *context)
{
	struct golem *golem = context;

	while (golem->untold) {
		struct obj *obj = golem->untold;

		golem->untold = obj->untold_next;
		if (!golem->untold)
			golem->untold_last = NULL;
		tell(obj);
		obj_unref(obj);
	}
}

void obj_tell_later(struct obj *obj, unsigned bits)
{
	struct golem *golem = obj->golem;

	if (!obj->untold) {
		obj_ref(obj);
		obj->untold_next = NULL;
		if (golem->untold_last)
			golem->untold_last->untold_next = obj;
		else
			golem->untold = obj;
		if (!golem->untold_last)
			loop_defer(golem->loop, tell_all, golem);
		golem->untold_last = obj;
	}
	obj->untold |= bits;
}

void obj_drain(struct golem *golem)
{
	loop_forget(golem->loop, golem);
	tell_all(golem);
}

void obj_changed(struct obj *obj, enum obj_aspect aspect)
{
	obj->changes[aspect].count++;
	obj->changes[aspect].time = now_real();
	obj_tell_later(obj, 1u << aspect);
}

void obj_cancel_step(struct obj *obj)
{
	obj->cancels++;
	obj_changed(obj, ASPECT_STATE);
}

/* --- the listing ------------------------------------------------------------------------------------------- */

struct obj *obj_find(struct obj *parent, const char *name)
{
	struct obj *found;

	HASH_FIND(hh, parent->children, name, strlen(name), found);
	return found;
}

struct obj *obj_first(struct obj *parent)
{
	return parent->children;
}

struct obj *obj_next(struct obj *child)
{
	return child->hh.next;
}

unsigned obj_count(struct obj *parent)
{
	return HASH_COUNT(parent->children);
}

struct obj *obj_last(struct obj *parent)
{
	return parent->children ? ELMT_FROM_HH(parent->children->hh.tbl, parent->children->hh.tbl->tail)
				: NULL;
}

/* Words that are control files beside names, or that control lines and plural files give a meaning to. */
static const char *const reserved[] = {
	"yes",         "no",       "all",       "any",      "new",      "README",     "version",
	"status",      "cost",     "error",     "events",   "log",      "ctl",        "wait",
	"events_pipe", "hold",     "state",     "abort",    "offers",   "agreements", "run",
	"last",        "config",   "instances", "commands", "networks", "backends",   "provider",
	"agreement",   "activity", "cmdline",   "stdin",    "stdout",   "stderr",     "stdout_pipe",
	"stderr_pipe", "exit",     "reason",    "usage",    "env",      "workdir",    "tty",
	"timeout",     "ws",       "forward",   "nodes",    "id",       "ip",         "cidr",
	"owner",       "client",   "root",      "network",
};

int obj_check_name(const char *name, struct err *err)
{
	static const char first[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_";
	static const char later[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-";

	if (strlen(name) > 63)
		return err_set(err, ENAMETOOLONG, "the name has more than 63 bytes");
	if (!*name || !strchr(first, *name) || name[strspn(name, later)])
		return err_set(err, EINVAL,
			       "a name is made of letters, digits and _ . - and does not begin with . or -");
	for (size_t i = 0; i < sizeof(reserved) / sizeof(*reserved); i++)
		if (strcmp(name, reserved[i]) == 0)
			return err_set(err, EINVAL, "the name \"%s\" is reserved", name);
	return 0;
}

/* --- states ------------------------------------------------------------------------------------------------ */

const char *obj_state(const struct obj *obj)
{
	return obj->class->state(obj);
}

bool obj_settled(const struct obj *obj)
{
	return obj->class->settled(obj);
}

bool obj_ended(const struct obj *obj)
{
	return obj->class->ended(obj);
}

void obj_outcome(const struct obj *obj, struct err *err)
{
	const struct err *outcome = obj->class->outcome(obj);

	if (outcome)
		*err = *outcome;
	else
		err_clear(err);
}

void obj_abort(struct obj *obj)
{
	obj->class->abort(obj);
}

void obj_hold(struct obj *obj)
{
	obj_ref(obj);
	obj->holders++;
}

void obj_unhold(struct obj *obj)
{
	if (--obj->holders == 0 && obj->class->let_go)
		obj->class->let_go(obj);
	obj_unref(obj);
}
