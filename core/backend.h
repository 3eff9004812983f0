/*
 * A backend: one description of machines wanted, and the instances made from it. Owns the allocation, the
 * demand and the pool of offers (market.h) while it is started.
 */
#ifndef CORE_BACKEND_H
#define CORE_BACKEND_H

#include "core/buf.h"
#include "core/golem.h"
#include "core/order.h"

struct backend;

enum backend_state {
	BACKEND_INITIAL,
	BACKEND_STARTING,
	BACKEND_READY,
	BACKEND_STOPPING,
	BACKEND_STOPPED,
	BACKEND_ERROR
};

/* A word pair KEY=VALUE of a control line. */
struct setting_pair {
	const char *key;
	const char *value;
};

/* One row per key: the file in config/, the KEY of `create` and `set`, its default and its help. */
struct setting {
	const char *name;
	const char *fallback; /* the default, as shown; NULL where it depends (see `help`) */
	const char *help;
	unsigned flags; /* SETTING_… */
};
enum {
	SETTING_ALWAYS = 1 /* writable in every state */,
	SETTING_BYTES = 2 /* a payload file: setup, env … */
};
const struct setting *settings(void); /* ends with a NULL name */

/* Created in memory at once; EINVAL, EEXIST, ENAMETOOLONG. */
struct backend *backend_create(struct golem *golem, const char *name, const struct setting_pair *pairs,
			       unsigned count, struct err *err);
struct backend *backend_of(struct obj *obj); /* obj must be a backend */
struct obj *backend_obj(struct backend *backend);

/* The value in force, default included, without newline. */
void backend_setting(struct backend *backend, const struct setting *setting, struct buf *out);
/* An empty value restores the default. EINVAL, EBUSY, EDQUOT. */
int backend_set(struct backend *backend, const struct setting *setting, const char *value, size_t len,
		struct err *err);

void backend_start(struct backend *backend, struct order *order);
void backend_stop(struct backend *backend, struct order *order);
void backend_abort(struct backend *backend, struct order *order);
void backend_scan(struct backend *backend, struct order *order);
void backend_destroy(struct backend *backend, struct order *order); /* order may be NULL: rmdir */

void backend_render_offers(struct backend *backend, struct buf *out);
void backend_render_agreements(struct backend *backend, struct buf *out);
void backend_render_cost(struct backend *backend, struct buf *out);
void golem_render_cost(struct golem *golem, struct buf *out);

#endif
