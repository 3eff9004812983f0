/* A look at the market that buys nothing (reference/yagna-api.md 2.9). */
#include <stdlib.h>
#include <string.h>

#include "core/demand.h"
#include "core/market.h"
#include "core/mem.h"

/* Known offers come at once, the others as yagna hears of them: a second of silence, or five in all, end the scan. */
enum { SILENCE_S = 1, SCAN_MS = 5000, OFFERS_MAX = 10000 };

struct scan {
	struct backend *backend; /* held while it runs */
	struct order *asked;
	struct yagna_call *call, *ending;
	struct loop_timer *limit;
	char *id, *platform;
	struct offer *offers;
	bool running;
};

static void ended(void *context, const struct yagna_failure *failure)
{
	struct scan *scan = context;

	scan->ending = NULL;
}

void scan_end(struct backend *backend)
{
	struct scan *scan = backend->scan;

	if (!scan || !scan->running)
		return;
	scan->running = false;
	yagna_cancel(&scan->call);
	loop_cancel(&scan->limit);
	order_refusef(mem_move(&scan->asked), ECANCELED, "the scan was ended");
	if (scan->id)
		scan->ending = yagna_scan_end(backend->obj.golem->yagna, scan->id, ended, scan);
	free(mem_move(&scan->id));
	obj_changed(&backend->obj, ASPECT_STATE);
	obj_unref(&backend->obj);
}

void scan_free(struct backend *backend)
{
	struct scan *scan = backend->scan;

	if (!scan)
		return;
	if (scan->running)
		obj_ref(&backend->obj); /* scan_end() lets go of it while we still need it */
	bool held = scan->running;

	scan_end(backend);
	yagna_cancel(&scan->ending);
	offers_free(&scan->offers);
	free(scan->platform);
	free(scan);
	backend->scan = NULL;
	if (held)
		obj_unref(&backend->obj);
}

static void collected(void *context, const struct yagna_failure *failure, const struct yagna_offer *offers,
		      unsigned count)
{
	struct scan *scan = context;
	struct backend *backend = scan->backend;

	scan->call = NULL;
	for (unsigned i = 0; i < count && HASH_COUNT(scan->offers) < OFFERS_MAX; i++)
		offer_learn(&scan->offers, offers[i].provider, offers[i].properties, &backend->values,
			    scan->platform);
	if (count)
		obj_changed(&backend->obj, ASPECT_OFFERS);
	if (failure || !count) {
		scan_end(backend);
		return;
	}
	scan->call = yagna_scan_collect(backend->obj.golem->yagna, scan->id, SILENCE_S, collected, scan);
}

static void begun(void *context, const struct yagna_failure *failure, const char *id)
{
	struct scan *scan = context;
	struct order *asked = mem_move(&scan->asked);

	scan->call = NULL;
	if (failure) {
		scan_end(scan->backend);
		order_refuse(asked, &failure->err);
		return;
	}
	scan->id = mem_strdup(id);
	scan->call = yagna_scan_collect(scan->backend->obj.golem->yagna, id, SILENCE_S, collected, scan);
	order_accept(asked, NULL);
}

static void long_enough(void *context)
{
	struct scan *scan = context;

	scan->limit = NULL;
	scan_end(scan->backend);
}

void scan_begin(struct backend *backend, struct order *order)
{
	struct golem *golem = backend->obj.golem;
	const struct account *account = connect_account(golem, backend, NULL);
	MEM_AUTO char *constraints = demand_scan_constraints(&backend->values);
	struct scan *scan;

	if (backend->market) {
		order_refusef(order, EBUSY, "the backend is %s: its offers come by themselves",
			      obj_state(&backend->obj));
		return;
	}
	scan_free(backend);
	scan = backend->scan = mem_alloc(sizeof(*scan));
	scan->backend = backend_of(obj_ref(&backend->obj));
	scan->running = true;
	scan->asked = order;
	scan->platform = account ? mem_strdup(account->platform) : NULL;
	scan->limit = loop_after(golem->loop, SCAN_MS, long_enough, scan);
	scan->call = yagna_scan_begin(golem->yagna, constraints, begun, scan);
	obj_changed(&backend->obj, ASPECT_STATE);
}

struct offer *scan_offers(const struct backend *backend)
{
	return backend->scan ? backend->scan->offers : NULL;
}

bool scan_running(const struct backend *backend)
{
	return backend->scan && backend->scan->running;
}
