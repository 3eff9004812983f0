/*
 * An instance: one rented machine, that is an agreement with a provider and the activity on it.
 */
#ifndef CORE_INSTANCE_H
#define CORE_INSTANCE_H

#include "core/backend.h"

struct instance;

enum instance_state {
	INSTANCE_WAITING,
	INSTANCE_AGREED,
	INSTANCE_DEPLOYING,
	INSTANCE_READY,
	INSTANCE_STOPPING,
	INSTANCE_STOPPED,
	INSTANCE_ERROR
};

/* name NULL: the lowest free number is chosen. `pairs` override settings of the backend for this instance, those
 * which the demand does not carry (env, workdir, timeouts, scripts …). In memory at once; the renting goes on by
 * itself. EINVAL, EEXIST, EBUSY (backend not started), EDQUOT (max_instances). */
struct instance *instance_create(struct backend *backend, const char *name, const struct setting_pair *pairs,
				 unsigned count, struct err *err);
struct instance *instance_of(struct obj *obj);
struct obj *instance_obj(struct instance *instance);

void instance_stop(struct instance *instance, struct order *order);
void instance_reset(struct instance *instance, struct order *order);
void instance_abort(struct instance *instance, struct order *order);
void instance_destroy(struct instance *instance, struct order *order); /* order may be NULL: rmdir */

void instance_render_provider(struct instance *instance, struct buf *out);
void instance_render_agreement(struct instance *instance, struct buf *out);
void instance_render_activity(struct instance *instance, struct buf *out);
void instance_render_cost(struct instance *instance, struct buf *out);

#endif
