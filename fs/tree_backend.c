/* backends/BACKEND, its config/ and its instances/. */
#include <string.h>

#include "core/command.h"
#include "core/mem.h"
#include "core/text.h"
#include "fs/class.h"
#include "fs/help.h"

enum { CREATE_MANY = 1000 };

static void show_offers(struct obj *obj, const struct row *row, struct buf *out)
{
	backend_render_offers(backend_of(obj), out);
}

static void show_agreements(struct obj *obj, const struct row *row, struct buf *out)
{
	backend_render_agreements(backend_of(obj), out);
}

static void show_cost(struct obj *obj, const struct row *row, struct buf *out)
{
	backend_render_cost(backend_of(obj), out);
}

static void show_setting(struct obj *obj, const struct row *row, struct buf *out)
{
	backend_setting(backend_of(obj), row->setting, out);
	/* Values are lines; payloads are bytes as they were given. */
	if (!(row->setting->flags & SETTING_BYTES))
		buf_addc(out, '\n');
}

static int set_setting(struct obj *obj, const struct row *row, const char *value, size_t len, struct err *err)
{
	return backend_set(backend_of(obj), row->setting, value, len, err);
}

static struct obj *pool_of(struct obj *obj)
{
	return command_pool(backend_of(obj));
}

static void show_last(struct obj *obj, const struct row *row, struct buf *out)
{
	struct obj *last = obj_last(pool_of(obj));

	if (last)
		buf_printf(out, "commands/%s", last->name);
}

static void verb_start(struct obj *obj, char **word, unsigned count, struct order *order)
{
	backend_start(backend_of(obj), order);
}

static void verb_stop(struct obj *obj, char **word, unsigned count, struct order *order)
{
	backend_stop(backend_of(obj), order);
}

static void verb_abort(struct obj *obj, char **word, unsigned count, struct order *order)
{
	backend_abort(backend_of(obj), order);
}

static void verb_scan(struct obj *obj, char **word, unsigned count, struct order *order)
{
	backend_scan(backend_of(obj), order);
}

static void verb_destroy(struct obj *obj, char **word, unsigned count, struct order *order)
{
	backend_destroy(backend_of(obj), order);
}

static void verb_set(struct obj *obj, char **word, unsigned count, struct order *order)
{
	const struct setting *setting = settings();
	struct err err = {0};

	while (setting->name && strcmp(setting->name, word[1]) != 0)
		setting++;
	if (!setting->name)
		order_refusef(order, EINVAL, "there is no setting \"%s\": ls config shows them", word[1]);
	else if (backend_set(backend_of(obj), setting, word[2], strlen(word[2]), &err) < 0)
		order_refuse(order, &err);
	else
		order_accept(order, NULL);
}

static const struct verb backend_verbs[] = {
	{"start", "", 0, 0, verb_start, "publishes the demand; machines can be rented from then on", "start"},
	{"stop", "", 0, 0, verb_stop, "ends every rental, pays what is owed, keeps the directory", "stop"},
	{"abort", "", 0, 0, verb_abort, "ends what is under way here; what is rented stays rented", "abort"},
	{"scan", "", 0, 0, verb_scan, "fills `offers` and buys nothing", "scan"},
	{"set", "KEY VALUE", 2, 2, verb_set, "the same as writing into config/KEY", "set min_mem_gib 4"},
	{"destroy", "", 0, 0, verb_destroy, "stops, and removes the directory", "destroy"},
	{0},
};

/* One row for each row of core's table: a setting added there is a file here. */
static const struct row *config_rows(void)
{
	enum { ROWS_MAX = 96 };
	static struct row rows[ROWS_MAX + 1];
	unsigned count = 0;

	if (rows[0].name)
		return rows;
	for (const struct setting *setting = settings(); setting->name && count < ROWS_MAX; setting++)
		rows[count++] = (struct row){
			.name = setting->name,
			.class = setting->flags & SETTING_BYTES ? &class_payload : &class_setting,
			.aspect = ASPECT_CONFIG,
			.help = setting->help,
			.show = show_setting,
			.set = set_setting,
			.setting = setting,
		};
	return rows;
}

static const struct dir config_dir = {.make_rows = config_rows};

/* Takes `count=N` out of the pairs. */
static int take_count(struct setting_pair *pairs, unsigned *pair_count, uint64_t *count, struct err *err)
{
	for (unsigned i = 0; i < *pair_count; i++) {
		if (strcmp(pairs[i].key, "count") != 0)
			continue;
		if (text_integer(pairs[i].value, 1, CREATE_MANY, count, err) < 0)
			return -1;
		memmove(pairs + i, pairs + i + 1, (*pair_count - i - 1) * sizeof *pairs);
		--*pair_count;
		return 0;
	}
	return 0;
}

/* All of them or none: a line is done or refused as a whole. */
static int create_instances(struct backend *backend, const char *name, const struct setting_pair *pairs,
			    unsigned pair_count, uint64_t count, struct buf *made, struct err *err)
{
	MEM_AUTO struct instance **instances = mem_alloc(count * sizeof *instances);

	for (uint64_t i = 0; i < count; i++) {
		instances[i] = instance_create(backend, name, pairs, pair_count, err);
		if (!instances[i]) {
			while (i-- > 0)
				instance_destroy(instances[i], NULL);
			return -1;
		}
		buf_printf(made, i ? "\n%s" : "%s", instance_obj(instances[i])->name);
	}
	return 0;
}

static void verb_create_instance(struct obj *obj, char **word, unsigned count, struct order *order)
{
	struct setting_pair pairs[VERB_MANY];
	const char *name = count && !strchr(word[1], '=') ? word[1] : NULL;
	unsigned pair_count = count - (name != NULL);
	uint64_t many = 1;
	struct err err = {0};
	BUF_AUTO struct buf made = {0};

	if (tree_pairs(word + 1 + (name != NULL), pair_count, pairs, &err) < 0 ||
	    take_count(pairs, &pair_count, &many, &err) < 0)
		order_refuse(order, &err);
	else if (name && many > 1)
		order_refusef(order, EINVAL, "count=%u and the name \"%s\" do not go together",
			      (unsigned)many, name);
	else if (create_instances(backend_of(obj), name, pairs, pair_count, many, &made, &err) < 0)
		order_refuse(order, &err);
	else
		order_accept(order, buf_text(&made));
}

static void verb_destroy_instance(struct obj *obj, char **word, unsigned count, struct order *order)
{
	struct obj *child = obj_find(obj, word[1]);

	if (child)
		instance_destroy(instance_of(child), order);
	else
		order_refusef(order, ENOENT, "there is no instance \"%s\"", word[1]);
}

static const struct verb instances_verbs[] = {
	{"create", "[NAME] [count=N] [ip=ADDRESS] [KEY=VALUE]...", 0, VERB_MANY, verb_create_instance,
	 "rents machines; reading the same descriptor gives their names",
	 "create worker command_timeout=10m"},
	{"destroy", "NAME", 1, 1, verb_destroy_instance, "ends the rental and removes it", "destroy worker"},
	{0},
};

static int make_instance(struct obj *parent, const char *name, struct err *err)
{
	return instance_create(backend_of(parent), name, NULL, 0, err) ? 0 : -1;
}

static int drop_instance(struct obj *child, struct err *err)
{
	instance_destroy(instance_of(child), NULL);
	return 0;
}

static const struct row instances_rows[] = {
	{"ctl", &class_ctl, 0, ASPECT_STATE, "rents machines and gives them back", .show = help_verbs,
	 .verbs = instances_verbs},
	{"wait", &class_wait_all, ROW_UNLISTED, ASPECT_STATE,
	 "waits until no instance has anything under way; a line `name state` each"},
	{"any", &class_wait_any, ROW_UNLISTED, ASPECT_STATE,
	 "waits until an instance has ended; those that have"},
	{0},
};

static const struct dir instances_dir = {
	.rows = instances_rows, .child = &tree_instance, .make = make_instance, .drop = drop_instance};

static const struct row backend_rows[] = {
	{"ctl", &class_ctl, 0, ASPECT_STATE, "starts, stops and sets up the backend", .show = help_verbs,
	 .verbs = backend_verbs},
	{"state", &class_value, 0, ASPECT_STATE, "initial, starting, ready, stopping, stopped or error",
	 .show = tree_show_state},
	{"error", &class_value, 0, ASPECT_REFUSALS, "the last 16 refusals below here",
	 .show = tree_show_error},
	{"events", &class_log, 0, ASPECT_EVENTS, "what has happened here and below, one JSON object per line",
	 .log = tree_events},
	{"events_pipe", &class_pipe, ROW_UNLISTED, ASPECT_EVENTS,
	 "events from the first on, and then as they come", .log = tree_events},
	{"wait", &class_wait, ROW_UNLISTED, ASPECT_STATE,
	 "waits until nothing is under way, and gives the state", .show = tree_show_state},
	{"abort", &class_abort, 0, ASPECT_STATE,
	 "any write ends what is under way; what is rented stays rented", .show = help_row},
	{"hold", &class_hold, ROW_UNLISTED, ASPECT_STATE,
	 "the backend ends when the last opener of this closes it", .show = help_row},
	{"offers", &class_value, 0, ASPECT_OFFERS, "a table of the offers seen, with why each was not taken",
	 .show = show_offers},
	{"agreements", &class_value, 0, ASPECT_OFFERS, "a table of the agreements made",
	 .show = show_agreements},
	{"cost", &class_value, ROW_FRESH, ASPECT_COST, "GLM accrued, billed, accepted and paid, per instance",
	 .show = show_cost},
	{"config", &class_dir, 0, ASPECT_CONFIG,
	 "what is wanted, one value per file; an empty line: the default", .dir = &config_dir},
	{"run", &class_run, 0, ASPECT_STATE,
	 "as run of an instance, for whichever instance is free; more are rented as needed",
	 .show = help_row},
	{"last", &class_link, ROW_FRESH, ASPECT_CHILDREN, "leads to the newest command of run",
	 .show = show_last},
	{"commands", &class_dir, 0, ASPECT_CHILDREN, "the commands of run, one directory each",
	 .dir = &tree_commands, .of = pool_of},
	{"instances", &class_dir, 0, ASPECT_CHILDREN, "one directory per rented machine",
	 .dir = &instances_dir},
	{0},
};

static const struct dir backend_dir = {.rows = backend_rows};

const struct row tree_backend = {
	"BACKEND", &class_dir, 0, ASPECT_STATE, "mkdir makes one, rmdir destroys it", .dir = &backend_dir};
