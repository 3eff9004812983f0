/* …/commands/N */
#include "core/command.h"
#include "fs/class.h"
#include "fs/help.h"

static void show_cmdline(struct obj *obj, const struct row *row, struct buf *out)
{
	size_t len;
	const char *text = command_text(command_of(obj), &len);

	buf_add(out, text, len);
}

static void show_exit(struct obj *obj, const struct row *row, struct buf *out)
{
	command_render_exit(command_of(obj), out);
	tree_end_line(out);
}

static void show_reason(struct obj *obj, const struct row *row, struct buf *out)
{
	command_render_reason(command_of(obj), out);
	tree_end_line(out);
}

static void show_usage(struct obj *obj, const struct row *row, struct buf *out)
{
	command_render_usage(command_of(obj), out);
	tree_end_line(out);
}

static struct bytelog *stdout_of(struct obj *obj)
{
	return command_stdout(command_of(obj));
}

static struct bytelog *stderr_of(struct obj *obj)
{
	return command_stderr(command_of(obj));
}

static void verb_abort(struct obj *obj, char **word, unsigned count, struct order *order)
{
	command_abort(command_of(obj), order);
}

static const struct verb command_verbs[] = {
	{"abort", "", 0, 0, verb_abort, "ends the command", "abort"},
	{0},
};

static const struct row command_rows[] = {
	{"cmdline", &class_value, 0, ASPECT_STATE, "what was written to run", .show = show_cmdline},
	{"state", &class_value, 0, ASPECT_STATE, "queued, running, done, aborted or failed",
	 .show = tree_show_state},
	{"stdout", &class_log, 0, ASPECT_OUTPUT, "its output so far, byte by byte", .log = stdout_of},
	{"stderr", &class_log, 0, ASPECT_OUTPUT, "its error output so far, byte by byte", .log = stderr_of},
	{"stdout_pipe", &class_pipe, ROW_UNLISTED, ASPECT_OUTPUT,
	 "stdout as it comes, until the command has ended", .log = stdout_of},
	{"stderr_pipe", &class_pipe, ROW_UNLISTED, ASPECT_OUTPUT,
	 "stderr as it comes, until the command has ended", .log = stderr_of},
	{"exit", &class_value, 0, ASPECT_STATE,
	 "queued or running, then always a number as a shell counts; 124: timeout, 255: lost",
	 .show = show_exit},
	{"reason", &class_value, 0, ASPECT_STATE, "empty, or user, instance, backend, timeout, lost",
	 .show = show_reason},
	{"usage", &class_value, 0, ASPECT_STATE, "when it was queued, started and ended", .show = show_usage},
	{"wait", &class_wait, ROW_UNLISTED, ASPECT_STATE, "waits for the end, and gives the exit number",
	 .show = show_exit},
	{"abort", &class_abort, 0, ASPECT_STATE, "any write ends the command", .show = help_row},
	{"hold", &class_hold, ROW_UNLISTED, ASPECT_STATE,
	 "the command ends when the last opener of this closes it", .show = help_row},
	{"ctl", &class_ctl, 0, ASPECT_STATE, "ends the command", .show = help_verbs, .verbs = command_verbs},
	{0},
};

static const struct dir command_dir = {.rows = command_rows};

const struct row tree_command = {"N", &class_dir, 0, ASPECT_STATE, "one command", .dir = &command_dir};
