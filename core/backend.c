#include "core/backend.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "core/cost.h"
#include "core/market.h"
#include "core/mem.h"
#include "core/rental.h"
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

	return backend->state != BACKEND_STARTING && backend->state != BACKEND_STOPPING &&
	       !scan_running(backend);
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

	scan_free(backend);
	cost_forget(backend);
	loop_cancel(&backend->budget_timer);
	loop_cancel(&backend->settle_timer);
	backend_release_networks(backend);
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

/* The name of a private network is taken when the setting is made. */
static int check_network_name(struct golem *golem, const char *name, const struct backend *backend,
			      const struct values *values, struct err *err)
{
	enum networking networking = setting_networking(values_text(values, NULL, SET_NETWORKING));

	return networking == NETWORKING_YES || networking == NETWORKING_RANGE
		       ? network_check_name(golem, name, backend, err)
		       : 0;
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
	if (set_pairs(&values, pairs, count, err) || check_network_name(golem, name, NULL, &values, err)) {
		values_free(&values);
		return NULL;
	}
	backend = mem_alloc(sizeof(*backend));
	backend->values = values;
	obj_init(&backend->obj, &class, OBJ_BACKEND, golem, root, name);
	backend->obj.events = bytelog_new(root_spill_dir(golem), BACKEND_EVENTS_IN_MEMORY, 0);
	obj_enlist(&backend->obj);
	pool_new(backend);
	obj_unref(&backend->obj); /* the listing holds it */
	return backend;
}

void backend_setting(struct backend *backend, const struct setting *setting, struct buf *out)
{
	const char *text = backend_text(backend, setting_id(setting));
	const struct account *account;
	DECIMAL_AUTO struct decimal budget = decimal_zero();

	if (text) {
		buf_adds(out, text);
		return;
	}
	switch (setting_id(setting)) { /* the defaults that depend */
	case SET_MAX_INSTANCES:
		buf_printf(out, "%u", backend_max_instances(backend));
		break;
	case SET_BUDGET:
		backend_budget(backend, &budget);
		decimal_print(&budget, out);
		break;
	default:
		account = connect_account(backend->obj.golem, backend, NULL);
		buf_adds(out, account ? account->network : "");
	}
}

static int check_new_networking(struct backend *backend, const char *value, size_t len, struct err *err)
{
	struct values values = {0};
	int failed = values_set(&values, SET_NETWORKING, value, len, err) ||
		     check_network_name(backend->obj.golem, backend->obj.name, backend, &values, err);

	values_free(&values);
	return failed ? -1 : 0;
}

int backend_set(struct backend *backend, const struct setting *setting, const char *value, size_t len,
		struct err *err)
{
	if (!(setting->flags & SETTING_ALWAYS) && backend->state != BACKEND_INITIAL &&
	    backend->state != BACKEND_STOPPED)
		return err_set(err, EBUSY, "%s cannot be changed while the backend is %s", setting->name,
			       obj_state(&backend->obj));
	if (setting_id(setting) == SET_NETWORKING && check_new_networking(backend, value, len, err))
		return -1;
	if (values_set(&backend->values, setting_id(setting), value, len, err))
		return -1;
	obj_changed(&backend->obj, ASPECT_CONFIG);
	if (backend->market)
		market_amend(backend->market);
	return 0;
}

unsigned backend_max_instances(const struct backend *backend)
{
	const char *text = backend_text(backend, SET_MAX_INSTANCES);

	if (text)
		return (unsigned)setting_number(text);
	return connect_real_money(backend->obj.golem, backend) ? 1 : 100;
}

void backend_budget(const struct backend *backend, struct decimal *out)
{
	DECIMAL_AUTO struct decimal factor = decimal_zero();
	const char *text = backend_text(backend, SET_BUDGET);

	if (text) {
		setting_glm(text, out);
	} else if (!connect_real_money(backend->obj.golem, backend)) {
		decimal_from_int(out, 10);
	} else {
		setting_glm(backend_text(backend, SET_MAX_GLM_PER_HOUR), out);
		setting_glm(backend_text(backend, SET_RENT_HOURS), &factor);
		decimal_mul(out, out, &factor);
		decimal_from_int(&factor, backend_max_instances(backend));
		decimal_mul(out, out, &factor);
	}
}

/* --- states ------------------------------------------------------------------------------------------------ */

void backend_enter(struct backend *backend, enum backend_state state, const struct err *why)
{
	static const char *const events[] = {
		[BACKEND_STARTING] = "starting", [BACKEND_READY] = "ready", [BACKEND_STOPPING] = "beforeEnd",
		[BACKEND_STOPPED] = "end",       [BACKEND_ERROR] = "error",
	};
	cJSON *extra = cJSON_CreateObject();

	backend->state = state;
	outcome_set(&backend->outcome, why);
	if (why)
		cJSON_AddStringToObject(extra, "message", why->text);
	obj_changed(&backend->obj, ASPECT_STATE);
	obj_changed(backend->obj.parent, ASPECT_CHILDREN);
	obj_event(&backend->obj, events[state], extra);
}

/* Written down at the start: what a later run needs to adopt its instances. */
void backend_journal(struct backend *backend)
{
	cJSON *facts = cJSON_CreateObject(), *values = cJSON_AddObjectToObject(facts, "settings");

	cJSON_AddStringToObject(facts, "name", backend->obj.name);
	cJSON_AddStringToObject(facts, "session", backend->obj.golem->session);
	for (int id = 0; id < SETTINGS; id++)
		if (backend->values.text[id])
			cJSON_AddStringToObject(values, settings()[id].name, backend->values.text[id]);
	backend->entry = journal_intend(backend->obj.golem->journal, JOURNAL_BACKEND, facts, NULL);
	if (backend->entry)
		journal_confirm(backend->obj.golem->journal, backend->entry, backend->obj.name);
}

static void given_back(struct backend *backend)
{
	journal_gone(backend->obj.golem->journal, backend->entry);
	backend->entry = 0;
	backend_release_networks(backend);
	if (backend->state == BACKEND_STOPPING) {
		struct err *why = mem_move(&backend->outcome);

		backend_enter(backend, BACKEND_STOPPED, why);
		free(why);
	}
	golem_look(backend->obj.golem);
}

static void give_back(void *context)
{
	struct backend *backend = context;

	backend->settle_timer = NULL;
	if (backend->market)
		market_release(backend->market, given_back);
	else
		given_back(backend);
}

/* How long a stopping backend waits for invoices that have not come, and an unmount for all of them together. */
enum { SETTLE_MS = 10000, SETTLE_LEAVING_MS = 4000 };

void backend_look(struct backend *backend)
{
	struct golem *golem = backend->obj.golem;
	struct instance *rental;
	bool owing = false;

	if (backend->state != BACKEND_STOPPING && !(backend->state == BACKEND_ERROR && backend->market))
		return;
	DL_FOREACH (golem->rentals, rental) {
		if (backend_of_instance(rental) != backend)
			continue;
		if (rental->step != RENTAL_PAYING)
			return;
		owing = owing || (rental->account && !payment_settled(rental->account));
	}
	if (backend->private_network && backend->private_network->backend) { /* goes on when it is gone */
		network_doom(backend->private_network, false);
		return;
	}
	if (owing && !backend->settle_timer) {
		backend->settle_timer = loop_after(
			golem->loop, golem->leaving ? SETTLE_LEAVING_MS : SETTLE_MS, give_back, backend);
	} else if (!owing && !backend->released) {
		backend->released = true;
		loop_cancel(&backend->settle_timer);
		backend->settle_timer = loop_after(golem->loop, 0, give_back, backend);
	}
}

static void answer_start(struct backend *backend, const struct err *why)
{
	struct order *asked = mem_move(&backend->asked);

	if (why)
		order_refuse(asked, why);
	else
		order_accept(asked, NULL);
}

static void end_instances(struct backend *backend, enum reason reason, const struct err *why)
{
	for (struct obj *child = obj_first(&backend->obj); child; child = obj_next(child)) {
		struct instance *instance = instance_of(child);

		if (why)
			rental_end(instance, INSTANCE_ERROR, why);
		else
			instance_stop_for(instance, reason);
	}
}

/* Offers can be bought, and the private network is there. */
static void look_whether_ready(struct backend *backend)
{
	const struct network *network = backend->private_network;

	if (backend->state != BACKEND_STARTING || !backend->published ||
	    (network && network->state != NETWORK_READY))
		return;
	backend_enter(backend, BACKEND_READY, NULL);
	answer_start(backend, NULL);
}

void backend_published(struct backend *backend, const struct err *why)
{
	if (why) {
		struct err kept = *why;

		backend_enter(backend, BACKEND_ERROR, &kept);
		market_close(backend->market);
		pool_end(backend, REASON_BACKEND, kept.text);
		end_instances(backend, REASON_BACKEND, &kept);
		answer_start(backend, &kept);
		backend_look(backend);
		return;
	}
	backend->published = true;
	look_whether_ready(backend);
}

void backend_network_ready(struct backend *backend)
{
	look_whether_ready(backend);
}

void backend_network_failed(struct backend *backend, const struct err *why)
{
	if (backend->state == BACKEND_STARTING)
		backend_published(backend, why);
}

void backend_stop_for(struct backend *backend, enum reason reason)
{
	struct err aborted;

	if (backend->state == BACKEND_INITIAL || backend->state == BACKEND_STOPPED ||
	    backend->state == BACKEND_STOPPING)
		return;
	if (backend->state == BACKEND_STARTING) {
		err_set(&aborted, ECANCELED, "the start was cut short");
		answer_start(backend, &aborted);
		obj_cancel_step(&backend->obj);
		backend_enter(backend, BACKEND_STOPPING, reason == REASON_USER ? &aborted : NULL);
	} else {
		backend_enter(backend, BACKEND_STOPPING, NULL);
	}
	if (backend->market)
		market_close(backend->market);
	else
		backend->released = false; /* a failed start has given everything back already */
	pool_end(backend, REASON_BACKEND, NULL);
	end_instances(backend, REASON_BACKEND, NULL);
	backend_look(backend);
}

/* --- verbs ------------------------------------------------------------------------------------------------- */

static int check_start(struct backend *backend, const struct account **account, struct err *err)
{
	if (backend->state != BACKEND_INITIAL && backend->state != BACKEND_STOPPED &&
	    backend->state != BACKEND_ERROR)
		return err_set(err, EBUSY, "the backend is %s", obj_state(&backend->obj));
	if (backend->market)
		return err_set(err, EBUSY, "the backend still gives back what its last start took");
	if (root_check_yagna(backend->obj.golem, err))
		return -1;
	if (connect_real_money(backend->obj.golem, backend) && !*backend_text(backend, SET_MAX_GLM_PER_HOUR))
		return err_set(err, EDQUOT, "money is real on this network: set max_glm_per_hour first");
	*account = connect_account(backend->obj.golem, backend, err);
	return *account && !backend_check_networks(backend, err) ? 0 : -1;
}

/* A verb right after the mount: yagna has been asked, and has not answered yet. */
struct pending {
	struct backend *backend; /* held */
	struct order *order;
	void (*verb)(struct backend *backend, struct order *order);
	struct pending *prev, *next;
};

static bool postponed(struct backend *backend, struct order *order,
		      void (*verb)(struct backend *backend, struct order *order))
{
	struct golem *golem = backend->obj.golem;
	struct pending *pending;

	if (golem->leaving || (golem->link != LINK_ASKING && !(golem->link == LINK_UP && !golem->adopted)))
		return false;
	pending = mem_alloc(sizeof(*pending));
	pending->backend = backend_of(obj_ref(&backend->obj));
	pending->order = order;
	pending->verb = verb;
	DL_APPEND(golem->pending, pending);
	return true;
}

void backend_do_pending(struct golem *golem)
{
	while (golem->pending) {
		struct pending *pending = golem->pending;

		DL_DELETE(golem->pending, pending);
		if (golem->leaving || pending->backend->obj.removed)
			order_refusef(pending->order, ECANCELED, "the backend is gone");
		else
			pending->verb(pending->backend, pending->order);
		obj_unref(&pending->backend->obj);
		free(pending);
	}
}

void backend_start(struct backend *backend, struct order *order)
{
	const struct account *account = NULL;
	struct err err = {0};

	if (postponed(backend, order, backend_start))
		return;
	if (check_start(backend, &account, &err)) {
		order_refuse(order, &err);
		return;
	}
	scan_end(backend);
	backend->asked = order;
	backend->released = backend->published = false;
	backend_enter(backend, BACKEND_STARTING, NULL);
	backend_journal(backend);
	backend_take_networks(backend, false);
	market_begin(backend, account, NULL, 0);
}

void backend_stop(struct backend *backend, struct order *order)
{
	obj_ref(&backend->obj);
	scan_end(backend);
	backend_stop_for(backend, REASON_BACKEND);
	order_accept(order, NULL);
	obj_unref(&backend->obj);
}

void backend_abort(struct backend *backend, struct order *order)
{
	obj_ref(&backend->obj);
	scan_end(backend);
	pool_end(backend, REASON_BACKEND, NULL);
	if (backend->state == BACKEND_STARTING)
		backend_stop_for(backend, REASON_USER);
	else
		for (struct obj *child = obj_first(&backend->obj); child; child = obj_next(child))
			instance_abort_for(instance_of(child), REASON_BACKEND);
	order_accept(order, NULL);
	obj_unref(&backend->obj);
}

void backend_scan(struct backend *backend, struct order *order)
{
	struct err err = {0};

	if (postponed(backend, order, backend_scan))
		return;
	if (root_check_yagna(backend->obj.golem, &err))
		order_refuse(order, &err);
	else
		scan_begin(backend, order);
}

void backend_destroy(struct backend *backend, struct order *order)
{
	struct obj *child;

	obj_ref(&backend->obj);
	scan_end(backend);
	backend_stop_for(backend, REASON_BACKEND);
	while ((child = obj_first(&backend->obj)))
		instance_destroy(instance_of(child), NULL);
	pool_close(backend);
	backend->obj.cancels++;
	obj_remove(&backend->obj);
	order_accept(order, NULL);
	obj_unref(&backend->obj);
}

/* --- tables ------------------------------------------------------------------------------------------------ */

void backend_render_offers(struct backend *backend, struct buf *out)
{
	offers_render(backend->market ? market_offers(backend->market) : scan_offers(backend), out);
}

void backend_render_agreements(struct backend *backend, struct buf *out)
{
	buf_adds(out, "#agreement\tprovider\tname\tinstance\tstate\tglm_per_hour\n");
	for (struct obj *child = obj_first(&backend->obj); child; child = obj_next(child)) {
		const struct instance *instance = instance_of(child);

		if (instance->agreement && instance->provider)
			buf_printf(out, "%s\t%s\t%s\t%s\t%s\t%.9g\n", instance->agreement, instance->provider,
				   instance->provider_name, child->name, obj_state(child),
				   instance->glm_per_hour);
	}
}

/* --- budget ------------------------------------------------------------------------------------------------ */

/* Instances are stopped while there is enough left for the notes of so long, which is what a provider may bill
 * before our stop reaches it; the next look comes after a tenth of the time the rest would last. */
enum { BUDGET_RESERVE_S = 30, BUDGET_LOOK_MAX_S = 300 };

static void look_at_budget(void *context)
{
	struct backend *backend = context;
	DECIMAL_AUTO struct decimal budget = decimal_zero();
	double per_second, left;

	backend->budget_timer = NULL;
	per_second = cost_per_hour(backend) / 3600;
	if (per_second <= 0)
		return;
	backend_budget(backend, &budget);
	left = (decimal_to_double(&budget) - cost_accrued(backend)) / per_second;
	if (left > BUDGET_RESERVE_S) {
		double pause = (left - BUDGET_RESERVE_S) / 10 + 1;

		backend->budget_timer =
			loop_after(backend->obj.golem->loop,
				   (uint64_t)((pause > BUDGET_LOOK_MAX_S ? BUDGET_LOOK_MAX_S : pause) * 1000),
				   look_at_budget, backend);
		return;
	}
	struct err why;

	err_set(&why, EDQUOT, "the budget is nearly used up: instances are stopped");
	obj_refuse(&backend->obj, 0, "budget", &why);
	end_instances(backend, REASON_BACKEND, NULL);
}

void backend_watch_budget(struct backend *backend)
{
	if (!backend->budget_timer)
		backend->budget_timer = loop_after(backend->obj.golem->loop, 1000, look_at_budget, backend);
}
