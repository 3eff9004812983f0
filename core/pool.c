/*
 * Commands of a backend that go to whichever of its instances is free (design 2.6), rented as needed up to
 * max_instances.
 *
 * The pool is an object beside the instances: its children are the commands, numbered on their own. A command waits in
 * its queue until an instance is ready and has nothing else to do. Where all are busy, one more is rented for each that
 * waits and has none on its way. Machines that come to nothing, one after the other, end the waiting: renting for ever
 * would spend start prices for ever.
 */
#include <utlist.h>

#include "core/mem.h"
#include "core/rental.h"
#include "core/root.h"

enum { FAILURES_MAX = 3 };

static struct backend *backend_of_pool(const struct pool *pool)
{
	return (struct backend *)pool->obj.parent;
}

/* --- the class --------------------------------------------------------------------------------------------- */

static const char *state(const struct obj *obj)
{
	return obj_state(obj->parent);
}

static bool settled(const struct obj *obj)
{
	return !((const struct pool *)obj)->queue;
}

static bool never(const struct obj *obj)
{
	return false;
}

static const struct err *outcome(const struct obj *obj)
{
	return NULL;
}

static void abort_waiting(struct obj *obj)
{
	pool_end(backend_of(obj->parent), REASON_BACKEND, NULL);
}

static void release(struct obj *obj)
{
	obj_fini(obj);
	free(obj);
}

static const struct obj_class class = {state, settled, never, outcome, abort_waiting, NULL, release};

void pool_new(struct backend *backend)
{
	backend->pool = mem_alloc(sizeof(*backend->pool));
	obj_init(&backend->pool->obj, &class, OBJ_POOL, backend->obj.golem, &backend->obj, "commands");
}

void pool_close(struct backend *backend)
{
	struct pool *pool = backend->pool;
	struct obj *child;

	if (!pool || pool->obj.removed)
		return;
	pool_end(backend, REASON_BACKEND, NULL);
	while ((child = obj_first(&pool->obj))) /* they hold the pool, and the pool holds the backend */
		obj_remove(child);
	loop_forget(backend->obj.golem->loop, pool);
	pool->obj.removed = true;
	backend->pool = NULL;
	obj_unref(&pool->obj);
}

struct obj *command_pool(struct backend *backend)
{
	return &backend->pool->obj;
}

/* --- instances for commands ----------------------------------------------------------------------------------- */

static bool is_free(const struct instance *instance)
{
	return instance->step == RENTAL_READY && !instance->ending && !instance->queue &&
	       !carrier_is_busy(instance);
}

static struct instance *find_free(struct backend *backend)
{
	for (struct obj *child = obj_first(&backend->obj); child; child = obj_next(child))
		if (is_free(instance_of(child)))
			return instance_of(child);
	return NULL;
}

static unsigned on_their_way(struct backend *backend)
{
	unsigned count = 0;

	for (struct obj *child = obj_first(&backend->obj); child; child = obj_next(child))
		count += instance_of(child)->state < INSTANCE_READY && !instance_of(child)->queue;
	return count;
}

static void rent_more(struct backend *backend)
{
	unsigned coming = on_their_way(backend);

	while (coming < backend->pool->queued && backend->live_instances < backend_max_instances(backend) &&
	       instance_create(backend, NULL, NULL, 0, NULL))
		coming++;
}

static void look(void *context)
{
	struct pool *pool = context;
	struct backend *backend = backend_of_pool(pool);
	struct instance *instance;

	pool->looking = false;
	while (pool->queue && (instance = find_free(backend))) {
		struct command *command = pool->queue;

		command_leave_queue(command);
		command_assign(command, instance);
		carrier_next(instance); /* from now on it is not free */
	}
	if (pool->queue && (backend->state == BACKEND_STARTING || backend->state == BACKEND_READY))
		rent_more(backend);
}

void pool_look(struct backend *backend)
{
	struct pool *pool = backend->pool;

	if (!pool || !pool->queue || pool->looking)
		return;
	pool->looking = true;
	loop_defer(backend->obj.golem->loop, look, pool);
}

void pool_ready(struct backend *backend)
{
	if (backend->pool)
		backend->pool->failures = 0;
	pool_look(backend);
}

void pool_failed(struct backend *backend)
{
	if (!backend->pool || !backend->pool->queue)
		return;
	if (++backend->pool->failures < FAILURES_MAX)
		pool_look(backend);
	else
		pool_end(backend, REASON_LOST, "no instance could be made for it");
}

void pool_end(struct backend *backend, enum reason reason, const char *message)
{
	struct pool *pool = backend->pool;
	bool lost = reason == REASON_LOST;
	struct obj *child;

	for (child = pool ? obj_first(&pool->obj) : NULL; child; child = obj_next(child)) {
		struct command *command = command_of(child);
		bool queued = command->state == COMMAND_QUEUED && !command->instance;

		if (!queued && (command->state != COMMAND_NEW || lost))
			continue;
		if (queued)
			command_leave_queue(command);
		command_blame(command, reason);
		command_end(command, lost ? COMMAND_FAILED : COMMAND_ABORTED, lost ? 255 : 137, message);
		if (queued)
			obj_unref(&command->obj);
	}
	if (pool)
		pool->failures = 0;
}
