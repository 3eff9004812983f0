#include "core/backend.h"

#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "core/model.h"
#include "core/root.h"

void outcome_set(struct err **outcome, const struct err *why)
{
	free(*outcome);
	*outcome = why ? mem_dup(why, sizeof(*why)) : NULL;
}

struct backend *backend_of(struct obj *obj)
{
	return (struct backend *)obj;
}

struct obj *backend_obj(struct backend *backend)
{
	return &backend->obj;
}

const char *backend_text(const struct backend *backend, enum setting_id id)
{
	return values_text(&backend->values, NULL, id);
}

/* --- the class --------------------------------------------------------------------------------------------- */

static const char *state(const struct obj *obj)
{
	static const char *const names[] = {
		[BACKEND_INITIAL] = "initial",   [BACKEND_STARTING] = "starting", [BACKEND_READY] = "ready",
		[BACKEND_STOPPING] = "stopping", [BACKEND_STOPPED] = "stopped",   [BACKEND_ERROR] = "error",
	};

	return names[((const struct backend *)obj)->state];
}

static bool settled(const struct obj *obj)
{
	const struct backend *backend = (const struct backend *)obj;

	return backend->state != BACKEND_STARTING && backend->state != BACKEND_STOPPING;
}

static bool ended(const struct obj *obj)
{
	const struct backend *backend = (const struct backend *)obj;

	return backend->state == BACKEND_STOPPED || backend->state == BACKEND_ERROR;
}

static const struct err *outcome(const struct obj *obj)
{
	return ((const struct backend *)obj)->outcome;
}

static void abort_step(struct obj *obj)
{
	backend_abort(backend_of(obj), NULL);
}

static void let_go(struct obj *obj)
{
	backend_stop(backend_of(obj), NULL);
}

static void release(struct obj *obj)
{
	struct backend *backend = backend_of(obj);

	values_free(&backend->values);
	free(backend->outcome);
	obj_fini(obj);
	free(backend);
}

static const struct obj_class class = {state, settled, ended, outcome, abort_step, let_go, release};

/* --- creation and settings --------------------------------------------------------------------------------- */

static int set_pairs(struct values *values, const struct setting_pair *pairs, unsigned count, struct err *err)
{
	for (unsigned i = 0; i < count; i++) {
		const struct setting *setting = setting_find(pairs[i].key, err);

		if (!setting ||
		    values_set(values, setting_id(setting), pairs[i].value, strlen(pairs[i].value), err))
			return -1;
	}
	return 0;
}

struct backend *backend_create(struct golem *golem, const char *name, const struct setting_pair *pairs,
			       unsigned count, struct err *err)
{
	struct obj *root = golem_root(golem);
	struct values values = {0};
	struct backend *backend;

	if (obj_check_name(name, err))
		return NULL;
	if (obj_find(root, name)) {
		err_set(err, EEXIST, "there is a backend \"%s\" already", name);
		return NULL;
	}
	if (set_pairs(&values, pairs, count, err)) {
		values_free(&values);
		return NULL;
	}
	backend = mem_alloc(sizeof(*backend));
	backend->values = values;
	obj_init(&backend->obj, &class, OBJ_BACKEND, golem, root, name);
	backend->obj.events = bytelog_new(root_spill_dir(golem), BACKEND_EVENTS_IN_MEMORY, 0);
	obj_enlist(&backend->obj);
	obj_unref(&backend->obj); /* the listing holds it */
	return backend;
}

void backend_setting(struct backend *backend, const struct setting *setting, struct buf *out)
{
	const char *text = backend_text(backend, setting_id(setting));

	buf_adds(out, text ? text : "");
}

int backend_set(struct backend *backend, const struct setting *setting, const char *value, size_t len,
		struct err *err)
{
	if (!(setting->flags & SETTING_ALWAYS) && backend->state != BACKEND_INITIAL &&
	    backend->state != BACKEND_STOPPED)
		return err_set(err, EBUSY, "%s cannot be changed while the backend is %s", setting->name,
			       obj_state(&backend->obj));
	if (values_set(&backend->values, setting_id(setting), value, len, err))
		return -1;
	obj_changed(&backend->obj, ASPECT_CONFIG);
	return 0;
}

/* --- verbs ------------------------------------------------------------------------------------------------- */

void backend_start(struct backend *backend, struct order *order)
{
	struct err err;

	if (backend->state != BACKEND_INITIAL && backend->state != BACKEND_STOPPED &&
	    backend->state != BACKEND_ERROR)
		order_refusef(order, EBUSY, "the backend is %s", obj_state(&backend->obj));
	else if (root_check_yagna(backend->obj.golem, &err))
		order_refuse(order, &err);
}

void backend_stop(struct backend *backend, struct order *order)
{
	order_accept(order, NULL);
}

void backend_abort(struct backend *backend, struct order *order)
{
	order_accept(order, NULL);
}

void backend_scan(struct backend *backend, struct order *order)
{
	struct err err;

	if (root_check_yagna(backend->obj.golem, &err))
		order_refuse(order, &err);
}

void backend_destroy(struct backend *backend, struct order *order)
{
	obj_remove(&backend->obj);
	order_accept(order, NULL);
}

void backend_render_offers(struct backend *backend, struct buf *out)
{
	buf_adds(out, "#provider\tname\tglm_per_hour\tstart_price\tcpu\tmem_gib\tstorage_gib\tstatus\twhy\n");
}

void backend_render_agreements(struct backend *backend, struct buf *out)
{
	buf_adds(out, "#agreement\tprovider\tinstance\tstate\n");
}

void backend_render_cost(struct backend *backend, struct buf *out)
{
	buf_adds(out, "#instance\taccrued\tbilled\taccepted\tpaid\n");
}
