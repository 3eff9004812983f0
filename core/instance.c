#include "core/instance.h"

#include <stdlib.h>
#include <string.h>

#include "core/forward.h"
#include "core/mem.h"
#include "core/cost.h"
#include "core/model.h"
#include "core/rental.h"
#include "core/root.h"

struct instance *instance_of(struct obj *obj)
{
	return (struct instance *)obj;
}

struct obj *instance_obj(struct instance *instance)
{
	return &instance->obj;
}

const char *instance_text(const struct instance *instance, enum setting_id id)
{
	return values_text(instance->own, &backend_of_instance(instance)->values, id);
}

/* --- the class --------------------------------------------------------------------------------------------- */

static const char *state(const struct obj *obj)
{
	static const char *const names[] = {
		[INSTANCE_WAITING] = "waiting",     [INSTANCE_AGREED] = "agreed",
		[INSTANCE_DEPLOYING] = "deploying", [INSTANCE_READY] = "ready",
		[INSTANCE_STOPPING] = "stopping",   [INSTANCE_STOPPED] = "stopped",
		[INSTANCE_ERROR] = "error",
	};

	return names[((const struct instance *)obj)->state];
}

static bool ended(const struct obj *obj)
{
	const struct instance *instance = (const struct instance *)obj;

	return instance->state == INSTANCE_STOPPED || instance->state == INSTANCE_ERROR;
}

static bool settled(const struct obj *obj)
{
	return ended(obj) || ((const struct instance *)obj)->state == INSTANCE_READY;
}

static const struct err *outcome(const struct obj *obj)
{
	return ((const struct instance *)obj)->outcome;
}

static void abort_step(struct obj *obj)
{
	instance_abort(instance_of(obj), NULL);
}

static void let_go(struct obj *obj)
{
	instance_stop(instance_of(obj), NULL);
}

static void release(struct obj *obj)
{
	struct instance *instance = instance_of(obj);

	if (instance->state < INSTANCE_STOPPED)
		backend_of_instance(instance)->live_instances--;
	forward_end(obj);
	cost_keep(instance);
	if (instance->account)
		payment_close(&instance->account);
	membership_free(instance);
	if (instance->own)
		values_free(instance->own);
	free(instance->own);
	free(instance->outcome);
	free(instance->provider);
	free(instance->provider_name);
	free(instance->agreement);
	free(instance->activity);
	free(instance->batch);
	free(instance->rejected);
	free(instance->rejecter);
	free(instance->price);
	obj_fini(obj);
	free(instance);
}

static const struct obj_class class = {state, settled, ended, outcome, abort_step, let_go, release};

/* --- creation ---------------------------------------------------------------------------------------------- */

/* What may differ between the instances of one backend: what the demand does not carry. */
static bool may_override(enum setting_id id)
{
	static const bool may[SETTINGS] = {
		[SET_ENV] = true,          [SET_WORKDIR] = true,        [SET_VOLUMES] = true,
		[SET_RENT_TIMEOUT] = true, [SET_DEPLOY_TIMEOUT] = true, [SET_COMMAND_TIMEOUT] = true,
		[SET_IDLE_TIMEOUT] = true, [SET_SETUP] = true,          [SET_TEARDOWN] = true,
	};

	return may[id];
}

/* `ip` is no setting: it chooses addresses of this one instance. */
static int own_values(const struct setting_pair *pairs, unsigned count, struct values **own, const char **ip,
		      struct err *err)
{
	if (!count)
		return 0;
	*own = mem_alloc(sizeof(**own));
	for (unsigned i = 0; i < count; i++) {
		if (strcmp(pairs[i].key, "ip") == 0) {
			*ip = pairs[i].value;
			continue;
		}
		const struct setting *setting = setting_find(pairs[i].key, err);

		if (!setting)
			return -1;
		if (!may_override(setting_id(setting)))
			return err_set(err, EINVAL, "%s belongs to the backend, not to one instance",
				       setting->name);
		if (values_set(*own, setting_id(setting), pairs[i].value, strlen(pairs[i].value), err))
			return -1;
	}
	return 0;
}

/* The lowest number that is free. */
static char *choose_name(struct backend *backend)
{
	char name[16];

	for (unsigned number = 1;; number++) {
		snprintf(name, sizeof(name), "%u", number);
		if (!obj_find(&backend->obj, name))
			return mem_strdup(name);
	}
}

static int check_create(struct backend *backend, const char *name, struct err *err)
{
	unsigned most = backend_max_instances(backend);

	if (name && obj_check_name(name, err))
		return -1;
	if (name && obj_find(&backend->obj, name))
		return err_set(err, EEXIST, "there is an instance \"%s\" already", name);
	if (backend->state != BACKEND_STARTING && backend->state != BACKEND_READY)
		return err_set(err, EBUSY, "the backend is %s: write start into its ctl first",
			       obj_state(&backend->obj));
	if (backend->live_instances >= most)
		return err_set(err, EDQUOT, "max_instances of the backend is %u", most);
	return 0;
}

struct instance *instance_make(struct backend *backend, const char *name, struct values *own)
{
	struct instance *instance = mem_alloc(sizeof(*instance));

	instance->own = own;
	instance->state = INSTANCE_WAITING;
	backend->live_instances++;
	obj_init(&instance->obj, &class, OBJ_INSTANCE, backend->obj.golem, &backend->obj, name);
	instance->obj.events = bytelog_new(root_spill_dir(backend->obj.golem), INSTANCE_EVENTS_IN_MEMORY, 0);
	obj_enlist(&instance->obj);
	obj_unref(&instance->obj); /* the listing holds it */
	return instance;
}

struct instance *instance_create(struct backend *backend, const char *name, const struct setting_pair *pairs,
				 unsigned count, struct err *err)
{
	MEM_AUTO char *chosen = NULL;
	const char *ip = NULL;
	struct values *own = NULL;
	struct instance *instance;

	if (check_create(backend, name, err))
		return NULL;
	if (own_values(pairs, count, &own, &ip, err)) {
		if (own)
			values_free(own);
		free(own);
		return NULL;
	}
	chosen = name ? mem_strdup(name) : choose_name(backend);
	instance = instance_make(backend, chosen, own);
	if (membership_make(instance, ip, err)) {
		obj_remove(&instance->obj);
		return NULL;
	}
	obj_event(&instance->obj, "instanceCreated", NULL);
	rental_begin(instance);
	return instance;
}

void instance_enter(struct instance *instance, enum instance_state state, const struct err *why)
{
	struct backend *backend = backend_of_instance(instance);

	backend->live_instances -= instance->state < INSTANCE_STOPPED;
	backend->live_instances += state < INSTANCE_STOPPED; /* a reset brings one in error back */
	instance->state = state;
	outcome_set(&instance->outcome, why);
	obj_changed(&instance->obj, ASPECT_STATE);
	obj_changed(instance->obj.parent, ASPECT_CHILDREN);
	obj_changed(instance->obj.parent, ASPECT_OFFERS); /* `agreements` shows it */
	if (state >= INSTANCE_STOPPING)
		forward_end(&instance->obj);
	if (state == INSTANCE_READY)
		pool_ready(backend);
	else if (state == INSTANCE_ERROR)
		pool_failed(backend);
}

/* --- verbs ------------------------------------------------------------------------------------------------- */

void instance_stop_for(struct instance *instance, enum reason reason)
{
	command_end_all(instance, COMMAND_ABORTED, reason, 137, "the instance is stopped");
	if (instance->step == RENTAL_NONE && instance->state == INSTANCE_ERROR)
		instance_enter(instance, INSTANCE_STOPPED, NULL);
	else
		rental_end(instance, INSTANCE_STOPPED, NULL);
}

void instance_stop(struct instance *instance, struct order *order)
{
	obj_ref(&instance->obj);
	instance_stop_for(instance, REASON_INSTANCE);
	order_accept(order, NULL);
	obj_unref(&instance->obj);
}

void instance_reset(struct instance *instance, struct order *order)
{
	bool has_machine = instance->step == RENTAL_READY || instance->step == RENTAL_DEPLOYING;

	if (!has_machine || !instance->activity || instance->ending) {
		order_refusef(order, EBUSY, "the instance is %s: there is no machine to be made anew",
			      obj_state(&instance->obj));
		return;
	}
	command_end_all(instance, COMMAND_ABORTED, REASON_INSTANCE, 137, "the instance is reset");
	if (instance->step == RENTAL_DEPLOYING)
		obj_cancel_step(&instance->obj);
	deploy_again(instance, "reset");
	order_accept(order, NULL);
}

void instance_abort_for(struct instance *instance, enum reason reason)
{
	struct err err;

	err_set(&err, ECANCELED, "aborted");
	obj_ref(&instance->obj);
	while (instance->queue)
		command_abort_for(instance->queue, reason);
	if (carrier_is_busy(instance))
		carrier_abort_all(instance, reason);
	else if (!instance->ending && !obj_settled(&instance->obj)) {
		obj_cancel_step(&instance->obj);
		deploy_abort(instance, &err);
	}
	obj_unref(&instance->obj);
}

void instance_abort(struct instance *instance, struct order *order)
{
	instance_abort_for(instance, REASON_INSTANCE);
	order_accept(order, NULL);
}

void instance_destroy(struct instance *instance, struct order *order)
{
	struct obj *child;

	obj_ref(&instance->obj);
	instance_stop_for(instance, REASON_INSTANCE);
	instance->obj.cancels++;
	while ((child = obj_first(
			&instance->obj))) /* they hold their parent, which would hold them for ever */
		obj_remove(child);
	obj_remove(&instance->obj);
	order_accept(order, NULL);
	obj_unref(&instance->obj);
}

void instance_render_provider(struct instance *instance, struct buf *out)
{
	if (instance->provider)
		buf_printf(out, "%s\t%s\n", instance->provider, instance->provider_name);
}

void instance_render_agreement(struct instance *instance, struct buf *out)
{
	if (instance->agreement)
		buf_printf(out, "%s\n", instance->agreement);
}

void instance_render_activity(struct instance *instance, struct buf *out)
{
	if (instance->activity)
		buf_printf(out, "%s\n", instance->activity);
}
