#include "core/golem.h"

#include <stdlib.h>

#include "core/mem.h"
#include "core/model.h"
#include "core/root.h"

struct golem {
	struct obj obj; /* the root */
	struct loop *loop;
	struct obj_observer observer;
	uint64_t seq;
	struct bytelog *log;
	char *url, *appkey, *state_dir, *registry_url;
};

static const char *state(const struct obj *obj)
{
	return "yagna away";
}

static bool settled(const struct obj *obj)
{
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
	bytelog_free(golem->log);
	free(golem->url);
	free(golem->appkey);
	free(golem->state_dir);
	free(golem->registry_url);
	free(golem);
}

static const struct obj_class class = {state, settled, never, outcome, abort_all, NULL, release};

struct golem *golem_new(struct loop *loop, const struct golem_options *options, struct err *err)
{
	struct golem *golem = mem_alloc(sizeof(*golem));

	golem->loop = loop;
	golem->url = mem_strdup(options->url);
	golem->appkey = options->appkey ? mem_strdup(options->appkey) : NULL;
	golem->state_dir = mem_strdup(options->state_dir);
	golem->registry_url = mem_strdup(options->registry_url);
	obj_init(&golem->obj, &class, OBJ_ROOT, golem, NULL, "");
	golem->obj.events = bytelog_new(golem->state_dir, ROOT_EVENTS_IN_MEMORY, 0);
	golem->log = bytelog_new(golem->state_dir, ROOT_EVENTS_IN_MEMORY, 0);
	return golem;
}

void golem_free(struct golem *golem)
{
	while (obj_first(&golem->obj))
		obj_remove(obj_first(&golem->obj));
	loop_forget(golem->loop, golem);
	obj_unref(&golem->obj);
}

void golem_observe(struct golem *golem, const struct obj_observer *observer)
{
	golem->observer = *observer;
}

void golem_start(struct golem *golem)
{
	obj_changed(&golem->obj, ASPECT_STATE);
}

void golem_leave(struct golem *golem, bool keep, loop_call left, void *context)
{
	loop_defer(golem->loop, left, context);
}

struct bytelog *golem_log(struct golem *golem)
{
	return golem->log;
}

struct obj *golem_root(struct golem *golem)
{
	return &golem->obj;
}

void golem_render_status(struct golem *golem, struct buf *out)
{
	buf_printf(out, "yagna\taway\t%s\n", golem->url);
}

void golem_render_cost(struct golem *golem, struct buf *out)
{
	buf_adds(out, "#backend\tinstance\taccrued\tbilled\taccepted\tpaid\n");
}

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
	return err_set(err, EHOSTUNREACH, "yagna does not answer at %s: start it with `yagna service run`",
		       golem->url);
}
