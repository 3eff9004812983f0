/* The mount: root and backends/. */
#include <stdlib.h>

#include "core/network.h"
#include "fs/class.h"
#include "fs/help.h"

static void show_version(struct obj *obj, const struct row *row, struct buf *out)
{
	buf_adds(out, "golemfs " GOLEMFS_VERSION "\n");
}

static void show_status(struct obj *obj, const struct row *row, struct buf *out)
{
	golem_render_status(obj->golem, out);
}

static void show_cost(struct obj *obj, const struct row *row, struct buf *out)
{
	golem_render_cost(obj->golem, out);
}

static struct bytelog *log_of(struct obj *obj)
{
	return golem_log(obj->golem);
}

static void verb_create(struct obj *obj, char **word, unsigned count, struct order *order)
{
	struct setting_pair pairs[VERB_MANY];
	struct err err = {0};
	struct backend *backend = NULL;

	if (tree_pairs(word + 2, count - 1, pairs, &err) == 0)
		backend = backend_create(obj->golem, word[1], pairs, count - 1, &err);
	if (backend)
		order_accept(order, word[1]);
	else
		order_refuse(order, &err);
}

static void verb_destroy(struct obj *obj, char **word, unsigned count, struct order *order)
{
	struct obj *child = obj_find(obj, word[1]);

	if (child)
		backend_destroy(backend_of(child), order);
	else
		order_refusef(order, ENOENT, "there is no backend \"%s\"", word[1]);
}

static const struct verb backends_verbs[] = {
	{"create", "NAME [KEY=VALUE]...", 1, VERB_MANY, verb_create,
	 "makes a backend; the keys are the files of its config/",
	 "create demo image=golem/alpine:latest min_mem_gib=1"},
	{"destroy", "NAME", 1, 1, verb_destroy, "ends everything in it and removes it", "destroy demo"},
	{0},
};

static int make_backend(struct obj *parent, const char *name, struct err *err)
{
	return backend_create(parent->golem, name, NULL, 0, err) ? 0 : -1;
}

static int drop_backend(struct obj *child, struct err *err)
{
	backend_destroy(backend_of(child), NULL);
	return 0;
}

static const struct row backends_rows[] = {
	{"ctl", &class_ctl, 0, ASPECT_STATE, "makes and removes backends", .show = help_verbs,
	 .verbs = backends_verbs},
	{"wait", &class_wait_all, ROW_UNLISTED, ASPECT_STATE,
	 "waits until no backend has anything under way; a line `name state` each"},
	{"any", &class_wait_any, ROW_UNLISTED, ASPECT_STATE,
	 "waits until a backend has ended; those that have"},
	{0},
};

static const struct dir backends_dir = {
	.rows = backends_rows, .child = &tree_backend, .make = make_backend, .drop = drop_backend};

static struct obj *networks_of(struct obj *obj)
{
	return golem_networks(obj->golem);
}

static const struct row root_rows[] = {
	{"README", &class_text, 0, ASPECT_STATE, "this page", .show = help_readme},
	{"version", &class_text, 0, ASPECT_STATE, "the version of golemfs", .show = show_version},
	{"status", &class_value, ROW_FRESH, ASPECT_STATE,
	 "the connection to yagna, what is missing, what is being wound up", .show = show_status},
	{"cost", &class_value, ROW_FRESH, ASPECT_COST, "GLM accrued, billed, accepted and paid, in sum",
	 .show = show_cost},
	{"error", &class_value, 0, ASPECT_REFUSALS, "the last 16 refusals: time, pid, what was written, why",
	 .show = tree_show_error},
	{"events", &class_log, 0, ASPECT_EVENTS, "everything that has happened, one JSON object per line",
	 .log = tree_events},
	{"events_pipe", &class_pipe, ROW_UNLISTED, ASPECT_EVENTS,
	 "events from the first on, and then as they come", .log = tree_events},
	{"log", &class_log, 0, ASPECT_REFUSALS, "every refusal since the start, one JSON object per line",
	 .log = log_of},
	{"wait", &class_wait, ROW_UNLISTED, ASPECT_STATE, "waits until nothing is under way anywhere",
	 .show = tree_show_state},
	{"backends", &class_dir, 0, ASPECT_CHILDREN,
	 "one directory per backend: a description of machines wanted, and those rented",
	 .dir = &backends_dir},
	{"networks", &class_dir, 0, ASPECT_CHILDREN, "one directory per private network",
	 .dir = &tree_networks, .of = networks_of},
	{0},
};

static const struct dir root_dir = {.rows = root_rows};

const struct row tree_root = {"MOUNT", &class_dir, 0, ASPECT_CHILDREN, "the mount", .dir = &root_dir};
