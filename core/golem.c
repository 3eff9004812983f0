#include "core/golem.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "core/cost.h"
#include "core/market.h"
#include "core/mem.h"
#include "core/rental.h"
#include "core/root.h"
#include "core/ws.h"

/* An unmount takes so long at most, then what is left stays in the journal (design 2.5). */
enum { LEAVE_MS = 19000 };

/* --- the class --------------------------------------------------------------------------------------------- */

static const char *state(const struct obj *obj)
{
	static const char *const names[] = {
		[LINK_ASKING] = "connecting",   [LINK_UP] = "up",
		[LINK_AWAY] = "yagna away",     [LINK_NO_KEY] = "no key",
		[LINK_REFUSED] = "key refused",
	};

	return names[obj->golem->link];
}

/* Nothing is under way anywhere, also nothing that has lost its name. */
static bool settled(const struct obj *obj)
{
	const struct instance *rental;

	for (const struct obj *child = obj->children; child; child = child->hh.next)
		if (!obj_settled(child))
			return false;
	if (!obj_settled(&obj->golem->networks))
		return false;
	DL_FOREACH (obj->golem->rentals, rental)
		if (!obj_settled(&rental->obj))
			return false;
	return true;
}

static bool never(const struct obj *obj)
{
	return false;
}

static const struct err *outcome(const struct obj *obj)
{
	return NULL;
}

static void abort_all(struct obj *obj)
{
	for (struct obj *child = obj_first(obj); child; child = obj_next(child))
		obj_abort(child);
}

static void release(struct obj *obj)
{
	struct golem *golem = obj->golem;

	obj_fini(obj);
	cost_free(golem);
	bytelog_free(golem->log);
	free(golem->url);
	free(golem->appkey);
	free(golem->state_dir);
	free(golem->registry_url);
	free(golem->session);
	free(golem->node_id);
	free(golem);
}

static const struct obj_class class = {state, settled, never, outcome, abort_all, NULL, release};

/* --- the whole --------------------------------------------------------------------------------------------- */

struct golem *golem_new(struct loop *loop, const struct golem_options *options, struct err *err)
{
	struct journal *journal = journal_open(options->state_dir, err);
	struct golem *golem;

	if (!journal)
		return NULL;
	golem = mem_alloc(sizeof(*golem));
	golem->loop = loop;
	golem->journal = journal;
	golem->url = mem_strdup(options->url);
	golem->appkey = options->appkey ? mem_strdup(options->appkey) : NULL;
	golem->state_dir = mem_strdup(options->state_dir);
	golem->registry_url = mem_strdup(options->registry_url);
	golem->session = adopt_session(golem);
	golem->http = http_new(loop);
	golem->yagna = yagna_new(golem->http, loop, golem->url, golem->appkey);
	golem->payment = payment_new(loop, golem->yagna, golem->session);
	obj_init(&golem->obj, &class, OBJ_ROOT, golem, NULL, "");
	golem->obj.events = bytelog_new(golem->state_dir, ROOT_EVENTS_IN_MEMORY, 0);
	golem->log = bytelog_new(golem->state_dir, ROOT_EVENTS_IN_MEMORY, 0);
	golem->all_networks = options->all_networks;
	networks_init(golem);
	return golem;
}

static void forget_all(struct golem *golem)
{
	struct obj *child;

	for (child = obj_first(&golem->obj); child; child = obj_next(child)) {
		struct backend *backend = backend_of(child);

		scan_free(backend);
		loop_cancel(&backend->budget_timer);
		loop_cancel(&backend->settle_timer);
		if (backend->asked)
			order_refusef(mem_move(&backend->asked), ECANCELED, "golemfs is leaving");
	}
	while (golem->rentals) {
		struct instance *rental = golem->rentals;

		rental_forget(rental);
	}
	for (child = obj_first(&golem->obj); child; child = obj_next(child))
		if (backend_of(child)->market)
			market_forget(backend_of(child)->market);
}

static void remove_below(struct obj *obj)
{
	struct obj *child;

	while ((child = obj_first(obj))) {
		obj_ref(child);
		if (child->kind == OBJ_INSTANCE)
			command_end_all(instance_of(child), COMMAND_ABORTED, REASON_BACKEND, 137,
					"golemfs is leaving");
		remove_below(child);
		if (child->kind == OBJ_BACKEND)
			pool_close(backend_of(child));
		obj_remove(child);
		obj_unref(child);
	}
}

void golem_free(struct golem *golem)
{
	struct loop *loop = golem->loop;

	loop_cancel(&golem->left_timer);
	adopt_end(golem);
	free(mem_move(&golem->doubts));
	connect_end(golem);
	golem->left = NULL;
	golem->leaving = true;
	backend_do_pending(golem);
	forget_all(golem);
	remove_below(&golem->obj);
	networks_free(golem);
	connect_free(golem);
	obj_drain(golem);
	ws_hub_free(golem->ws);
	payment_free(golem->payment);
	yagna_free(golem->yagna);
	http_free(golem->http);
	journal_close(golem->journal);
	loop_forget(loop, golem);
	obj_unref(&golem->obj);
}

void golem_observe(struct golem *golem, const struct obj_observer *observer)
{
	golem->observer = *observer;
}

void golem_start(struct golem *golem)
{
	connect_begin(golem);
}

bool golem_asked(const struct golem *golem)
{
	return golem->link != LINK_ASKING && (golem->link != LINK_UP || golem->adopted);
}

struct bytelog *golem_log(struct golem *golem)
{
	return golem->log;
}

struct obj *golem_root(struct golem *golem)
{
	return &golem->obj;
}

/* --- leaving ----------------------------------------------------------------------------------------------- */

static void tell_left(void *context)
{
	struct golem *golem = context;
	loop_call left = mem_move(&golem->left);

	loop_cancel(&golem->left_timer);
	if (left)
		left(golem->left_context);
}

static void left_in_time(void *context)
{
	struct golem *golem = context;

	golem->left_timer = NULL;
	tell_left(golem);
}

void golem_look(struct golem *golem)
{
	struct obj *child;

	obj_changed(&golem->obj, ASPECT_STATE); /* `status` shows what is being wound up */
	if (!golem->leaving || !golem->left || golem->rentals || golem->adoption)
		return;
	for (child = obj_first(&golem->obj); child; child = obj_next(child))
		if (backend_of(child)->market)
			return;
	if (networks_end(golem))
		return;
	loop_cancel(&golem->left_timer);
	golem->left_timer = loop_after(golem->loop, 0, left_in_time, golem);
}

void golem_leave(struct golem *golem, bool keep, loop_call left, void *context)
{
	struct instance *rental, *next;

	golem->left = left;
	golem->left_context = context;
	golem->leaving = true;
	backend_do_pending(golem);
	if (keep || golem->link != LINK_UP) { /* what cannot be ended stays in the journal */
		golem->left_timer = loop_after(golem->loop, 0, left_in_time, golem);
		return;
	}
	golem->left_timer = loop_after(golem->loop, LEAVE_MS, left_in_time, golem);
	for (struct obj *child = obj_first(&golem->obj); child; child = obj_next(child)) {
		scan_end(backend_of(child));
		backend_stop_for(backend_of(child), REASON_BACKEND);
	}
	DL_FOREACH_SAFE (golem->rentals, rental, next)
		if (rental->step == RENTAL_PAYING) /* a few seconds more, not a minute */
			rental_hurry(rental);
	golem_look(golem);
}

/* --- status ------------------------------------------------------------------------------------------------ */

static void render_missing(struct golem *golem, struct buf *out)
{
	static const char *const hints[] = {
		[LINK_ASKING] = "asking yagna",
		[LINK_AWAY] = "start it: yagna service run; golemfs goes on by itself",
		[LINK_NO_KEY] =
			"no app key: yagna app-key create golemfs, then mount again with YAGNA_APPKEY=KEY or "
			"--appkey-file FILE",
		[LINK_REFUSED] = "yagna refuses the app key: yagna app-key list shows those it knows",
	};

	if (golem->link == LINK_UP)
		return;
	buf_printf(out, "missing\t%s\n", hints[golem->link]);
	if (golem->link_error.code) {
		buf_adds(out, "why\t");
		buf_add_clean(out, golem->link_error.text);
		buf_addc(out, '\n');
	}
}

void golem_render_status(struct golem *golem, struct buf *out)
{
	const struct instance *rental;

	buf_printf(out, "yagna\t%s\t%s\t%s\n", obj_state(&golem->obj), golem->url,
		   golem->version ? golem->version : "-");
	render_missing(golem, out);
	for (const struct account *account = golem->accounts; account; account = account->next)
		buf_printf(out, "account\t%s\t%s\t%s\n", account->platform, account->address,
			   account->test ? "test" : "real");
	DL_FOREACH (golem->rentals, rental) {
		if (!rental->ending && rental->step != RENTAL_PAYING)
			continue;
		buf_printf(out, "%s\t%s/%s\t%s\n", rental->step == RENTAL_PAYING ? "unpaid" : "ending",
			   rental->obj.parent->name, rental->obj.name,
			   rental->agreement ? rental->agreement : "-");
	}
}

struct ws_hub *golem_ws(struct golem *golem, struct err *err)
{
	if (!golem->ws)
		golem->ws = ws_hub_new(golem->loop, err);
	return golem->ws;
}

/* --- for the other objects --------------------------------------------------------------------------------- */

struct loop *root_loop(struct golem *golem)
{
	return golem->loop;
}

const struct obj_observer *root_observer(struct golem *golem)
{
	return &golem->observer;
}

uint64_t root_next_seq(struct golem *golem)
{
	return ++golem->seq;
}

const char *root_spill_dir(struct golem *golem)
{
	return golem->state_dir;
}

int root_check_yagna(struct golem *golem, struct err *err)
{
	switch (golem->link) {
	case LINK_UP:
		return golem->adopted ? 0
				      : err_set(err, EBUSY,
						"what an earlier golemfs left is still being taken over");
	case LINK_NO_KEY:
		return err_set(err, EKEYREJECTED, "no app key: see status in the root of the mount");
	case LINK_REFUSED:
		return err_set(err, EKEYREJECTED, "yagna at %s refuses the app key", golem->url);
	default:
		return err_set(err, EHOSTUNREACH,
			       "yagna does not answer at %s: start it with `yagna service run`", golem->url);
	}
}
