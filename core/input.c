/*
 * The stdin of a command (design 2.6).
 *
 * Before the start what is written is stored, up to a bound; from then on it goes straight to the line as far as the
 * agent's window is open, and whoever has more waits (fs parks the write). The last close of a writer is end-of-file. A
 * command that nobody had opened the stdin of when it started gets none: it reads end-of-file at once. A terminal stays:
 * there each last close is one end-of-file, as Ctrl+D is.
 */
#include <errno.h>
#include <stdlib.h>

#include "core/line.h"
#include "core/mem.h"
#include "core/model.h"

enum { STORED_MAX = 1 << 20 };
static const char end_of_file = 4; /* what a terminal takes for it, at the beginning of a line */

struct input {
	struct buf stored; /* not on the line yet */
	unsigned openers;
	bool started;
	bool ended; /* the line has been told the end */
	bool over;  /* nobody reads */
	char last;  /* byte given to the line; 0: none since the last end */
};

static struct line *line_of(const struct command *command)
{
	return command->instance ? command->instance->line : NULL;
}

static struct input *input_of(struct command *command)
{
	if (!command->input)
		command->input = mem_alloc(sizeof(*command->input));
	return command->input;
}

bool input_wanted(const struct command *command)
{
	return command->input;
}

/* Straight to the line; what of it was taken. */
static size_t give(struct command *command, const char *data, size_t len)
{
	size_t taken = line_input(line_of(command), command, data, len, false);

	if (taken)
		command->input->last = data[taken - 1];
	return taken;
}

/* In the middle of a line the first end-of-file of a terminal only hands over what is there. */
static void give_end(struct command *command)
{
	struct input *input = command->input;

	if (command->tty && input->last && input->last != '\n')
		line_input(line_of(command), command, &end_of_file, 1, false);
	line_input(line_of(command), command, NULL, 0, true);
	input->last = 0;
	input->ended = true;
}

void input_flow(struct command *command)
{
	struct input *input = command->input;

	if (!input || !input->started || input->over)
		return;
	if (input->stored.len)
		buf_drop(&input->stored, give(command, input->stored.data, input->stored.len));
	if (!input->stored.len) {
		buf_free(&input->stored);
		if (!input->openers && !input->ended)
			give_end(command);
	}
	obj_changed(&command->obj, ASPECT_INPUT);
}

void input_started(struct command *command)
{
	if (command->tty)
		input_of(command);
	if (!command->input)
		return;
	command->input->started = true;
	input_flow(command);
}

void input_over(struct command *command)
{
	struct input *input = command->input;

	if (!input || input->over)
		return;
	input->over = true;
	buf_free(&input->stored);
	obj_changed(&command->obj, ASPECT_INPUT);
}

void input_free(struct command *command)
{
	if (command->input)
		buf_free(&command->input->stored);
	free(command->input);
}

/* --- the writers ---------------------------------------------------------------------------------------------- */

/* Whether bytes can still reach the command. */
static bool is_open(const struct command *command)
{
	const struct input *input = command->input;

	if (input->over || command->state > COMMAND_RUNNING)
		return false;
	if (command->state < COMMAND_RUNNING)
		return true;
	return input->started && (command->tty || !input->ended);
}

void command_input_open(struct command *command)
{
	struct input *input = input_of(command);

	input->openers++;
	if (command->tty)
		input->ended = false;
}

void command_input_close(struct command *command)
{
	struct input *input = command->input;

	if (--input->openers == 0 && command->state == COMMAND_RUNNING)
		input_flow(command);
}

ssize_t command_input(struct command *command, const void *data, size_t len)
{
	struct input *input = command->input;
	size_t room;

	if (!is_open(command))
		return -EPIPE;
	if (command->state == COMMAND_RUNNING)
		return input->stored.len ? 0 : (ssize_t)give(command, data, len);
	room = STORED_MAX - input->stored.len;
	if (len > room)
		len = room;
	buf_add(&input->stored, data, len);
	return (ssize_t)len;
}

bool command_input_room(const struct command *command)
{
	const struct input *input = command->input;

	if (!input || !is_open(command))
		return true; /* an error comes at once too */
	if (command->state == COMMAND_RUNNING)
		return !input->stored.len && line_input_room(line_of(command), command);
	return input->stored.len < STORED_MAX;
}
