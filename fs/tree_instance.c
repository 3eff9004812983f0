/* …/instances/INSTANCE and its commands/. */
#include "core/command.h"
#include "core/forward.h"
#include "fs/class.h"
#include "fs/help.h"

static void show_provider(struct obj *obj, const struct row *row, struct buf *out)
{
	instance_render_provider(instance_of(obj), out);
	tree_end_line(out);
}

static void show_agreement(struct obj *obj, const struct row *row, struct buf *out)
{
	instance_render_agreement(instance_of(obj), out);
	tree_end_line(out);
}

static void show_activity(struct obj *obj, const struct row *row, struct buf *out)
{
	instance_render_activity(instance_of(obj), out);
	tree_end_line(out);
}

static void show_cost(struct obj *obj, const struct row *row, struct buf *out)
{
	instance_render_cost(instance_of(obj), out);
	tree_end_line(out);
}

static void show_last(struct obj *obj, const struct row *row, struct buf *out)
{
	struct obj *last = obj_last(obj);

	if (last)
		buf_printf(out, "commands/%s", last->name);
}

static void verb_stop(struct obj *obj, char **word, unsigned count, struct order *order)
{
	instance_stop(instance_of(obj), order);
}

static void verb_abort(struct obj *obj, char **word, unsigned count, struct order *order)
{
	instance_abort(instance_of(obj), order);
}

static void verb_reset(struct obj *obj, char **word, unsigned count, struct order *order)
{
	instance_reset(instance_of(obj), order);
}

static void verb_destroy(struct obj *obj, char **word, unsigned count, struct order *order)
{
	instance_destroy(instance_of(obj), order);
}

static const struct verb instance_verbs[] = {
	{"stop", "", 0, 0, verb_stop, "ends the rental; outputs, events and cost stay readable", "stop"},
	{"abort", "", 0, 0, verb_abort, "ends the start or the commands under way; the rental stays",
	 "abort"},
	{"reset", "", 0, 0, verb_reset, "a fresh machine under the same agreement", "reset"},
	{"destroy", "", 0, 0, verb_destroy, "stops, and removes the directory", "destroy"},
	{0},
};

static void show_forward(struct obj *obj, const struct row *row, struct buf *out)
{
	forward_render(obj, out);
}

static const struct row instance_rows[] = {
	{"ctl", &class_ctl, 0, ASPECT_STATE, "stops, resets or destroys the instance", .show = help_verbs,
	 .verbs = instance_verbs},
	{"state", &class_value, 0, ASPECT_STATE,
	 "waiting, agreed, deploying, ready, stopping, stopped or error", .show = tree_show_state},
	{"error", &class_value, 0, ASPECT_REFUSALS, "the last 16 refusals below here",
	 .show = tree_show_error},
	{"events", &class_log, 0, ASPECT_EVENTS, "what has happened here and below, one JSON object per line",
	 .log = tree_events},
	{"events_pipe", &class_pipe, ROW_UNLISTED, ASPECT_EVENTS,
	 "events from the first on, and then as they come", .log = tree_events},
	{"wait", &class_wait, ROW_UNLISTED, ASPECT_STATE,
	 "waits until nothing is under way, and gives the state", .show = tree_show_state},
	{"hold", &class_hold, ROW_UNLISTED, ASPECT_STATE,
	 "the instance ends when the last opener of this closes it", .show = help_row},
	{"cost", &class_value, ROW_FRESH, ASPECT_COST, "GLM accrued, billed, accepted and paid",
	 .show = show_cost},
	{"provider", &class_value, 0, ASPECT_STATE, "who rents it out: id and name", .show = show_provider},
	{"agreement", &class_value, 0, ASPECT_STATE, "the id of the agreement", .show = show_agreement},
	{"activity", &class_value, 0, ASPECT_STATE, "the id of the activity", .show = show_activity},
	{"run", &class_run, 0, ASPECT_STATE,
	 "what is written between open and close is one command, for /bin/sh -c or as a JSON array;\n"
	 "reading the descriptor that wrote queues it and gives its number:\n"
	 "exec 3<>run; echo make >&3; read n <&3",
	 .show = help_row},
	{"abort", &class_abort, 0, ASPECT_STATE, "any write ends the start or the commands under way",
	 .show = help_row},
	{"last", &class_link, 0, ASPECT_CHILDREN, "leads to the newest command", .show = show_last},
	{"commands", &class_dir, 0, ASPECT_CHILDREN,
	 "one directory per command; mkdir makes one, rmdir forgets an ended one", .dir = &tree_commands},
	{"forward", &class_table, ROW_FRESH, ASPECT_STATE,
	 "ports of 127.0.0.1 that lead to the instance, through its agent: a line\n"
	 "LOCALPORT:PORT or LOCALPORT:ADDRESS:PORT (with /udp: datagrams; 0 picks a port) opens one, "
	 "-LOCALPORT ends it;\n"
	 "port, target, connections, bytes in and out, carrier",
	 .show = show_forward, .take = forward_take},
	{"networks", &class_dir, 0, ASPECT_STATE,
	 "the networks it is in, in the order of the setting; found as 0, 1 … and by the id too",
	 .dir = &tree_memberships},
	{"ws", &class_dir, 0, ASPECT_STATE, "websocket URLs of its ports, through its first network: ws/80",
	 .dir = &tree_ports},
	{"network", &class_link, ROW_UNLISTED, ASPECT_STATE, "leads to its first network",
	 .show = tree_show_first_network},
	{0},
};

static const struct dir instance_dir = {.rows = instance_rows};

const struct row tree_instance = {
	"INSTANCE", &class_dir, 0, ASPECT_STATE, "mkdir rents one, rmdir ends it", .dir = &instance_dir};
