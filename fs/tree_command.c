/* …/commands/ of an instance or a backend, and …/commands/N. */
#include "core/command.h"
#include "core/text.h"
#include "fs/class.h"
#include "fs/help.h"

/* Values are lines; payloads are bytes as they were given. */
static void show_own(struct obj *obj, const struct row *row, struct buf *out)
{
	command_show(command_of(obj), row->name, out);
	if (row->class == &class_setting)
		buf_addc(out, '\n');
}

static int set_own(struct obj *obj, const struct row *row, const char *value, size_t len, struct err *err)
{
	return command_set(command_of(obj), row->name, value, len, err);
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

static void verb_run(struct obj *obj, char **word, unsigned count, struct order *order)
{
	command_run(command_of(obj), order);
}

static void verb_signal(struct obj *obj, char **word, unsigned count, struct order *order)
{
	command_signal(command_of(obj), word[1], order);
}

static void verb_winsize(struct obj *obj, char **word, unsigned count, struct order *order)
{
	uint64_t size[2];
	struct err err = {0};

	for (unsigned i = 0; i < 2; i++) {
		if (text_integer(word[i + 1], 1, UINT16_MAX, &size[i], &err) < 0) {
			order_refuse(order, &err);
			return;
		}
	}
	command_resize(command_of(obj), (uint16_t)size[0], (uint16_t)size[1], order);
}

static const struct verb command_verbs[] = {
	{"run", "", 0, 0, verb_run, "starts a command that was made with mkdir", "run"},
	{"abort", "", 0, 0, verb_abort, "ends the command: TERM to its process group, KILL after 5 s",
	 "abort"},
	{"signal", "NAME", 1, 1, verb_signal,
	 "a signal to its process group: INT, TERM, KILL, STOP, CONT, 10", "signal INT"},
	{"winsize", "ROWS COLS", 2, 2, verb_winsize, "the size of its terminal", "winsize 24 80"},
	{0},
};

static const struct row command_rows[] = {
	{"cmdline", &class_payload, 0, ASPECT_CONFIG,
	 "what it runs, for /bin/sh -c or as a JSON array; written only while it is new", .show = show_own,
	 .set = set_own},
	{"state", &class_value, 0, ASPECT_STATE, "new, queued, running, done, aborted or failed",
	 .show = tree_show_state},
	{"stdin", &class_stdin, ROW_APART, ASPECT_INPUT,
	 "what is written here it reads; the last close is end-of-file. Opened before it starts, or it "
	 "reads\n"
	 "end-of-file at once: mkdir commands/c; echo cat > commands/c/cmdline; echo hi > commands/c/stdin;\n"
	 "echo run > commands/c/ctl",
	 .show = help_row},
	{"stdout", &class_log, 0, ASPECT_OUTPUT, "its output so far, byte by byte", .log = stdout_of},
	{"stderr", &class_log, 0, ASPECT_OUTPUT, "its error output so far, byte by byte", .log = stderr_of},
	{"stdout_pipe", &class_pipe, ROW_UNLISTED, ASPECT_OUTPUT,
	 "stdout as it comes, until the command has ended", .log = stdout_of},
	{"stderr_pipe", &class_pipe, ROW_UNLISTED, ASPECT_OUTPUT,
	 "stderr as it comes, until the command has ended", .log = stderr_of},
	{"exit", &class_value, 0, ASPECT_STATE,
	 "new, queued or running, then always a number as a shell counts; 124: timeout, 255: lost",
	 .show = show_exit},
	{"reason", &class_value, 0, ASPECT_STATE, "empty, or user, instance, backend, timeout, lost",
	 .show = show_reason},
	{"usage", &class_value, 0, ASPECT_STATE, "when it was made, started and ended, and what it took",
	 .show = show_usage},
	{"wait", &class_wait, ROW_UNLISTED, ASPECT_STATE, "waits for the end, and gives the exit number",
	 .show = show_exit},
	{"abort", &class_abort, 0, ASPECT_STATE, "any write ends the command", .show = help_row},
	{"hold", &class_hold, ROW_UNLISTED, ASPECT_STATE,
	 "the command ends when the last opener of this closes it", .show = help_row},
	{"ctl", &class_ctl, 0, ASPECT_STATE, "starts, signals and ends the command", .show = help_verbs,
	 .verbs = command_verbs},
	{"env", &class_payload, 0, ASPECT_CONFIG,
	 "variables beside those of the instance, one NAME=VALUE per line; written only while it is new",
	 .show = show_own, .set = set_own},
	{"workdir", &class_setting, 0, ASPECT_CONFIG, "its working directory; written only while it is new",
	 .show = show_own, .set = set_own},
	{"tty", &class_setting, 0, ASPECT_CONFIG,
	 "yes: a terminal in place of the pipes, everything comes as stdout; written only while it is new",
	 .show = show_own, .set = set_own},
	{"timeout", &class_setting, 0, ASPECT_CONFIG,
	 "longest run, 0 is without end; written only while it is new", .show = show_own, .set = set_own},
	{0},
};

static int make_command(struct obj *parent, const char *name, struct err *err)
{
	return command_make(parent, name, err) ? 0 : -1;
}

static int drop_command(struct obj *child, struct err *err)
{
	return command_forget(command_of(child), err);
}

static const struct row commands_rows[] = {
	{"wait", &class_wait_all, ROW_UNLISTED, ASPECT_STATE,
	 "waits until every command that was started has ended; a line `name state` each"},
	{"any", &class_wait_any, ROW_UNLISTED, ASPECT_STATE,
	 "waits until a command has ended; those that have"},
	{0},
};

const struct dir tree_commands = {
	.rows = commands_rows, .child = &tree_command, .make = make_command, .drop = drop_command};

static const struct dir command_dir = {.rows = command_rows};

const struct row tree_command = {"N",
				 &class_dir,
				 0,
				 ASPECT_STATE,
				 "one command; mkdir makes one that waits for `run`",
				 .dir = &command_dir};
