#include "tests/unit/fake_model.h"

#include <stdio.h>

#include "core/bytelog.h"
#include "core/mem.h"
#include "core/model.h"
#include "core/root.h"

enum { COMMAND_MAX = 1 << 20 };

/* Backends, instances and commands alike. */
struct fake {
	struct obj obj;
	const char *state;
	bool settled, ended;
	struct err outcome;
	struct values values;
	struct order *asked;
	struct bytelog *output[2];
	struct buf input; /* what stdin has been given */
	size_t room;      /* how much more it takes */
	unsigned writers;
	struct fake *pool;
	char *text;
	size_t len;
	int exit;
	unsigned numbers, aborts, let_go;
};

static struct fake *fake_of(const struct obj *obj)
{
	return (struct fake *)obj;
}

/* --- the head's class -------------------------------------------------------------------------------------- */

static const char *state(const struct obj *obj)
{
	return fake_of(obj)->state;
}

static bool settled(const struct obj *obj)
{
	return fake_of(obj)->settled;
}

static bool ended(const struct obj *obj)
{
	return fake_of(obj)->ended;
}

static const struct err *outcome(const struct obj *obj)
{
	return fake_of(obj)->outcome.code ? &fake_of(obj)->outcome : NULL;
}

static void count_abort(struct obj *obj)
{
	fake_of(obj)->aborts++;
}

static void count_let_go(struct obj *obj)
{
	fake_of(obj)->let_go++;
}

static void release(struct obj *obj)
{
	struct fake *fake = fake_of(obj);

	obj_fini(obj);
	values_free(&fake->values);
	for (int i = 0; i < 2; i++)
		if (fake->output[i])
			bytelog_free(fake->output[i]);
	free(fake->text);
	buf_free(&fake->input);
	free(fake);
}

static const struct obj_class class = {state, settled, ended, outcome, count_abort, count_let_go, release};

static struct fake *fake_make(enum obj_kind kind, struct obj *parent, const char *name, const char *first,
			      struct err *err)
{
	struct fake *fake;

	if (obj_check_name(name, err) < 0)
		return NULL;
	if (obj_find(parent, name)) {
		err_set(err, EEXIST, "%s exists already", name);
		return NULL;
	}
	fake = mem_alloc(sizeof *fake);
	obj_init(&fake->obj, &class, kind, parent->golem, parent, name);
	fake->state = first;
	fake->settled = true;
	if (kind != OBJ_COMMAND)
		fake->obj.events = bytelog_new("/tmp", 1 << 16, 0);
	obj_enlist(&fake->obj);
	obj_event(&fake->obj, "made", NULL);
	obj_unref(&fake->obj); /* the listing holds it */
	return fake;
}

static void fake_remove(struct obj *obj)
{
	struct fake *pool = mem_move(&fake_of(obj)->pool);

	while (pool && obj_first(&pool->obj))
		fake_remove(obj_first(&pool->obj));
	if (pool)
		obj_unref(&pool->obj); /* it was in no listing */
	if (fake_of(obj)->asked)
		order_refusef(mem_move(&fake_of(obj)->asked), ECANCELED, "destroyed");
	while (obj_first(obj))
		fake_remove(obj_first(obj));
	obj_cancel_step(obj);
	obj_remove(obj);
}

/* --- for tests --------------------------------------------------------------------------------------------- */

void fake_state(struct obj *obj, const char *now, bool is_settled, bool is_ended, int code)
{
	struct fake *fake = fake_of(obj);

	fake->state = now;
	fake->settled = is_settled;
	fake->ended = is_ended;
	err_clear(&fake->outcome);
	if (code)
		err_set(&fake->outcome, code, "as the test says");
	obj_changed(obj, ASPECT_STATE);
}

void fake_accept(struct obj *backend)
{
	order_accept(mem_move(&fake_of(backend)->asked), NULL);
}

void fake_refuse(struct obj *backend, int code, const char *sentence)
{
	order_refusef(mem_move(&fake_of(backend)->asked), code, "%s", sentence);
}

void fake_cancel(struct obj *obj)
{
	obj_cancel_step(obj);
}

void fake_output(struct obj *command, const char *text)
{
	bytelog_append(fake_of(command)->output[0], text, strlen(text));
	obj_changed(command, ASPECT_OUTPUT);
}

void fake_room(struct obj *command, size_t room)
{
	fake_of(command)->room = room;
	obj_changed(command, ASPECT_INPUT);
}

const char *fake_input(struct obj *command, size_t *len, unsigned *writers)
{
	*len = fake_of(command)->input.len;
	*writers = fake_of(command)->writers;
	return buf_text(&fake_of(command)->input);
}

void fake_finish(struct obj *command, int exit_number)
{
	fake_of(command)->exit = exit_number;
	for (int i = 0; i < 2; i++)
		bytelog_end(fake_of(command)->output[i]);
	fake_state(command, "done", true, true, 0);
}

unsigned fake_aborts(struct obj *obj)
{
	return fake_of(obj)->aborts;
}

unsigned fake_let_go(struct obj *obj)
{
	return fake_of(obj)->let_go;
}

/* --- the root ---------------------------------------------------------------------------------------------- */

static const char *root_state(const struct obj *obj)
{
	return "connected";
}

static bool root_settled(const struct obj *obj)
{
	return true;
}

static bool root_ended(const struct obj *obj)
{
	return false;
}

static void root_release(struct obj *obj)
{
	struct golem *golem = obj->golem;

	obj_fini(obj);
	bytelog_free(golem->log);
	free(golem);
}

static const struct err *root_outcome(const struct obj *obj)
{
	return NULL;
}

static const struct obj_class root_class = {root_state, root_settled, root_ended,  root_outcome,
					    NULL,       NULL,         root_release};

struct golem *golem_new(struct loop *loop, const struct golem_options *options, struct err *err)
{
	struct golem *golem = mem_alloc(sizeof *golem);

	golem->loop = loop;
	golem->log = bytelog_new("/tmp", 1 << 16, 0);
	obj_init(&golem->obj, &root_class, OBJ_ROOT, golem, NULL, "");
	golem->obj.events = bytelog_new("/tmp", 1 << 16, 0);
	networks_init(golem);
	return golem;
}

void golem_free(struct golem *golem)
{
	while (obj_first(&golem->obj))
		fake_remove(obj_first(&golem->obj));
	networks_free(golem);
	obj_drain(golem);
	obj_unref(&golem->obj);
}

void golem_observe(struct golem *golem, const struct obj_observer *observer)
{
	golem->observer = *observer;
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
	buf_adds(out, "yagna\tconnected\n");
}

void golem_render_cost(struct golem *golem, struct buf *out)
{
	buf_adds(out, "#\n");
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

/* --- backends ---------------------------------------------------------------------------------------------- */

static int set_pairs(struct fake *fake, const struct setting_pair *pairs, unsigned count, struct err *err)
{
	for (unsigned i = 0; i < count; i++) {
		const struct setting *setting = setting_find(pairs[i].key, err);

		if (!setting || values_set(&fake->values, setting_id(setting), pairs[i].value,
					   strlen(pairs[i].value), err) < 0)
			return -1;
	}
	return 0;
}

static struct fake *made_with(struct fake *fake, const struct setting_pair *pairs, unsigned count,
			      struct err *err)
{
	if (!fake || set_pairs(fake, pairs, count, err) == 0)
		return fake;
	fake_remove(&fake->obj);
	return NULL;
}

struct backend *backend_create(struct golem *golem, const char *name, const struct setting_pair *pairs,
			       unsigned count, struct err *err)
{
	struct fake *fake = fake_make(OBJ_BACKEND, &golem->obj, name, "initial", err);

	return (struct backend *)made_with(fake, pairs, count, err);
}

struct backend *backend_of(struct obj *obj)
{
	return (struct backend *)obj;
}

struct obj *backend_obj(struct backend *backend)
{
	return (struct obj *)backend;
}

void backend_setting(struct backend *backend, const struct setting *setting, struct buf *out)
{
	const char *text = values_text(&fake_of(backend_obj(backend))->values, NULL, setting_id(setting));

	buf_adds(out, text ? text : "");
}

int backend_set(struct backend *backend, const struct setting *setting, const char *value, size_t len,
		struct err *err)
{
	struct fake *fake = fake_of(backend_obj(backend));

	if (strcmp(fake->state, "initial") != 0)
		return err_set(err, EBUSY, "the backend is %s", fake->state);
	if (values_set(&fake->values, setting_id(setting), value, len, err) < 0)
		return -1;
	obj_changed(&fake->obj, ASPECT_CONFIG);
	return 0;
}

void backend_start(struct backend *backend, struct order *order)
{
	struct fake *fake = fake_of(backend_obj(backend));

	if (fake->asked) {
		order_refusef(order, EBUSY, "it is starting already");
		return;
	}
	fake->asked = order;
	fake_state(&fake->obj, "starting", false, false, 0);
}

void backend_stop(struct backend *backend, struct order *order)
{
	order_refusef(order, EBUSY, "nothing to stop");
}

void backend_abort(struct backend *backend, struct order *order)
{
	obj_abort(backend_obj(backend));
	order_accept(order, NULL);
}

void backend_scan(struct backend *backend, struct order *order)
{
	order_accept(order, NULL);
}

void backend_destroy(struct backend *backend, struct order *order)
{
	fake_remove(backend_obj(backend));
	order_accept(order, NULL);
}

void backend_render_offers(struct backend *backend, struct buf *out)
{
	buf_adds(out, "#\n");
}

void backend_render_agreements(struct backend *backend, struct buf *out)
{
	buf_adds(out, "#\n");
}

void backend_render_cost(struct backend *backend, struct buf *out)
{
	buf_adds(out, "#\n");
}

/* --- instances --------------------------------------------------------------------------------------------- */

struct instance *instance_create(struct backend *backend, const char *name, const struct setting_pair *pairs,
				 unsigned count, struct err *err)
{
	struct fake *parent = fake_of(backend_obj(backend));
	char number[16];
	struct fake *fake;

	snprintf(number, sizeof number, "%u", parent->numbers);
	parent->numbers += !name;
	fake = fake_make(OBJ_INSTANCE, &parent->obj, name ? name : number, "ready", err);
	return (struct instance *)made_with(fake, pairs, count, err);
}

struct instance *instance_of(struct obj *obj)
{
	return (struct instance *)obj;
}

struct obj *instance_obj(struct instance *instance)
{
	return (struct obj *)instance;
}

void instance_stop(struct instance *instance, struct order *order)
{
	fake_state(instance_obj(instance), "stopped", true, true, 0);
	order_accept(order, NULL);
}

void instance_reset(struct instance *instance, struct order *order)
{
	order_accept(order, NULL);
}

void instance_abort(struct instance *instance, struct order *order)
{
	obj_abort(instance_obj(instance));
	order_accept(order, NULL);
}

void instance_destroy(struct instance *instance, struct order *order)
{
	fake_remove(instance_obj(instance));
	order_accept(order, NULL);
}

void instance_render_provider(struct instance *instance, struct buf *out)
{
	buf_adds(out, "provider");
}

void instance_render_agreement(struct instance *instance, struct buf *out)
{
	buf_adds(out, "agreement");
}

void instance_render_activity(struct instance *instance, struct buf *out)
{
	buf_adds(out, "activity");
}

void instance_render_cost(struct instance *instance, struct buf *out)
{
	buf_adds(out, "#\n");
}

/* --- commands ---------------------------------------------------------------------------------------------- */

struct obj *command_pool(struct backend *backend)
{
	struct fake *fake = fake_of(backend_obj(backend));

	if (!fake->pool) {
		fake->pool = mem_alloc(sizeof *fake->pool);
		obj_init(&fake->pool->obj, &class, OBJ_POOL, fake->obj.golem, &fake->obj, "commands");
	}
	return &fake->pool->obj;
}

struct command *command_queue(struct obj *where, const char *text, size_t len, struct err *err)
{
	struct fake *parent = fake_of(where);
	char number[16];
	struct fake *fake;

	if (parent->ended || len > COMMAND_MAX) {
		err_set(err, parent->ended ? EBUSY : E2BIG, "it cannot be run");
		return NULL;
	}
	snprintf(number, sizeof number, "%u", ++parent->numbers);
	fake = fake_make(OBJ_COMMAND, &parent->obj, number, "running", err);
	if (!fake)
		return NULL;
	fake->settled = false;
	fake->text = mem_dup(text, len);
	fake->len = len;
	for (int i = 0; i < 2; i++)
		fake->output[i] = bytelog_new("/tmp", 1 << 16, 0);
	return (struct command *)fake;
}

struct command *command_of(struct obj *obj)
{
	return (struct command *)obj;
}

struct obj *command_obj(struct command *command)
{
	return (struct obj *)command;
}

struct command *command_make(struct obj *where, const char *name, struct err *err)
{
	struct fake *fake = fake_make(OBJ_COMMAND, where, name, "new", err);

	for (int i = 0; fake && i < 2; i++)
		fake->output[i] = bytelog_new("/tmp", 1 << 16, 0);
	return (struct command *)fake;
}

int command_set(struct command *command, const char *key, const char *value, size_t len, struct err *err)
{
	struct fake *fake = fake_of(command_obj(command));

	if (strcmp(fake->state, "new") != 0)
		return err_set(err, EBUSY, "it is %s", fake->state);
	free(fake->text);
	fake->text = mem_dup(value, len);
	fake->len = len;
	obj_changed(&fake->obj, ASPECT_CONFIG);
	return 0;
}

void command_show(struct command *command, const char *key, struct buf *out)
{
	struct fake *fake = fake_of(command_obj(command));

	if (strcmp(key, "cmdline") == 0)
		buf_add(out, fake->text, fake->len);
}

void command_run(struct command *command, struct order *order)
{
	fake_state(command_obj(command), "running", false, false, 0);
	order_accept(order, NULL);
}

void command_signal(struct command *command, const char *name, struct order *order)
{
	order_accept(order, NULL);
}

void command_resize(struct command *command, uint16_t rows, uint16_t columns, struct order *order)
{
	order_accept(order, NULL);
}

void command_input_open(struct command *command)
{
	fake_of(command_obj(command))->writers++;
}

void command_input_close(struct command *command)
{
	fake_of(command_obj(command))->writers--;
}

ssize_t command_input(struct command *command, const void *data, size_t len)
{
	struct fake *fake = fake_of(command_obj(command));

	if (fake->ended)
		return -EPIPE;
	if (len > fake->room)
		len = fake->room;
	buf_add(&fake->input, data, len);
	fake->room -= len;
	return (ssize_t)len;
}

bool command_input_room(const struct command *command)
{
	return ((const struct fake *)command)->room;
}

void command_abort(struct command *command, struct order *order)
{
	obj_abort(command_obj(command));
	order_accept(order, NULL);
}

int command_forget(struct command *command, struct err *err)
{
	struct obj *obj = command_obj(command);

	if (!fake_of(obj)->ended)
		return err_set(err, EBUSY, "it is running");
	obj_remove(obj);
	return 0;
}

struct bytelog *command_stdout(struct command *command)
{
	return fake_of(command_obj(command))->output[0];
}

struct bytelog *command_stderr(struct command *command)
{
	return fake_of(command_obj(command))->output[1];
}

void command_render_exit(struct command *command, struct buf *out)
{
	struct fake *fake = fake_of(command_obj(command));

	if (fake->ended)
		buf_printf(out, "%d\n", fake->exit);
	else
		buf_adds(out, "running\n");
}

void command_render_reason(struct command *command, struct buf *out)
{
}

void command_render_usage(struct command *command, struct buf *out)
{
	buf_adds(out, "#\n");
}
