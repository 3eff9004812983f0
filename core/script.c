#include "core/script.h"

#include <stdlib.h>
#include <string.h>

#include "core/buf.h"
#include "core/json.h"
#include "core/mem.h"
#include "core/settings.h"

/* Linux takes no argument of 128 KiB or more (reference/yagna-api.md 5.5): longer texts are cut. */
enum { PIECE = 100000, SCRIPT_LOG = 16384 };

static void add_quoted(struct buf *out, const char *text, size_t len)
{
	buf_addc(out, '\'');
	for (size_t i = 0; i < len; i++)
		if (text[i] == '\'')
			buf_adds(out, "'\\''");
		else
			buf_addc(out, text[i]);
	buf_addc(out, '\'');
}

static void add_place(struct buf *out, const struct script_place *place)
{
	for (const char *line = place->env; *line;) {
		size_t len = strcspn(line, "\n"), name = strcspn(line, "=");

		if (len && *line != '#' && name < len) {
			buf_adds(out, "export ");
			buf_add(out, line, name + 1);
			add_quoted(out, line + name + 1, len - name - 1);
			buf_addc(out, '\n');
		}
		line += len + (line[len] == '\n');
	}
	if (*place->workdir) {
		buf_adds(out, "cd ");
		add_quoted(out, place->workdir, strlen(place->workdir));
		buf_adds(out, " || exit 126\n");
	}
}

/* The JSON array that the text is, or NULL: then it is one for the shell, such as `[ -f x ] && rm x`. */
static cJSON *vector_of(const char *text, size_t len)
{
	struct err err = {0};
	cJSON *vector;

	if (text[strspn(text, " \t\r\n")] != '[')
		return NULL;
	vector = json_parse(text, len, EINVAL, &err);
	if (cJSON_IsArray(vector))
		return vector;
	cJSON_Delete(vector);
	return NULL;
}

int script_check(const char *text, size_t len, struct err *err)
{
	JSON_AUTO cJSON *vector = vector_of(text, len);
	const cJSON *item;

	if (vector && !vector->child)
		return err_set(err, EINVAL, "an argument vector has at least one text");
	cJSON_ArrayForEach (item, vector)
		if (!cJSON_IsString(item))
			return err_set(err, EINVAL, "an argument vector holds texts only");
	return 0;
}

static void add_text(cJSON *array, const char *text, size_t len)
{
	MEM_AUTO char *piece = mem_alloc(len + 1);

	memcpy(piece, text, len);
	cJSON_AddItemToArray(array, cJSON_CreateString(piece));
}

/* The end of the piece that begins here: never inside a UTF-8 sequence, which JSON could not carry in halves. */
static size_t piece_len(const char *text, size_t len)
{
	size_t end = len;

	if (len <= PIECE)
		return len;
	for (end = PIECE; end > PIECE - 4 && ((unsigned char)text[end] & 0xc0) == 0x80;)
		end--;
	return end;
}

/* The outer shell only waits, so that a death by a signal is counted by somebody who knows the signal; its own
 * standard error is elsewhere meanwhile, because shells report such a death there. The command gets its own back in
 * a subshell: dash undoes the redirections of a simple command only after it has reported. */
static const char guard[] = "exec 3>&2 2>/dev/null\n";

/* sh -c '…(exec sh -c '\''eval "shift N;$1$2…"'\'' sh "$@"' sh PIECE…: the text keeps its line numbers and sees no arguments. */
static void add_shell_args(cJSON *args, const char *text, size_t len, struct buf *script)
{
	cJSON *pieces = cJSON_CreateArray(), *piece;
	unsigned count = 0;

	while (len) {
		size_t cut = piece_len(text, len);

		add_text(pieces, text, cut);
		text += cut;
		len -= cut;
		count++;
	}
	buf_printf(script, "(exec /bin/sh -c 'eval \"shift %u;", count);
	for (unsigned i = 1; i <= count; i++)
		buf_printf(script, "${%u}", i);
	buf_adds(script, "\"' sh \"$@\" 2>&3 3>&-)\nexit $?");
	cJSON_AddItemToArray(args, cJSON_CreateString(buf_text(script)));
	cJSON_AddItemToArray(args, cJSON_CreateString("sh"));
	while ((piece = cJSON_DetachItemFromArray(pieces, 0)))
		cJSON_AddItemToArray(args, piece);
	cJSON_Delete(pieces);
}

static void add_vector_args(cJSON *args, cJSON *vector, struct buf *script)
{
	cJSON *word;

	buf_adds(script, "(exec \"$@\" 2>&3 3>&-)\nexit $?");
	cJSON_AddItemToArray(args, cJSON_CreateString(buf_text(script)));
	cJSON_AddItemToArray(args, cJSON_CreateString("sh"));
	while ((word = cJSON_DetachItemFromArray(vector, 0)))
		cJSON_AddItemToArray(args, word);
}

static cJSON *run_of(const char *text, size_t len, const struct script_place *place)
{
	cJSON *command = cJSON_CreateObject(), *run = cJSON_AddObjectToObject(command, "run"), *args;
	JSON_AUTO cJSON *vector = vector_of(text, len);
	BUF_AUTO struct buf script = {0};

	cJSON_AddStringToObject(run, "entry_point", "/bin/sh");
	args = cJSON_AddArrayToObject(run, "args");
	cJSON_AddItemToArray(args, cJSON_CreateString("-c"));
	add_place(&script, place);
	buf_adds(&script, guard);
	if (vector)
		add_vector_args(args, vector, &script);
	else
		add_shell_args(args, text, len, &script);
	return command;
}

static void add_capture(cJSON *command, const char *mode, int tail)
{
	cJSON *run = cJSON_GetObjectItem(command, "run"), *capture = cJSON_AddObjectToObject(run, "capture");
	static const char *const streams[] = {"stdout", "stderr"};

	for (int i = 0; i < 2; i++) {
		cJSON *stream = cJSON_AddObjectToObject(capture, streams[i]);
		cJSON *how = cJSON_AddObjectToObject(stream, mode);

		cJSON_AddStringToObject(how, "format", "bin");
		if (tail)
			cJSON_AddNumberToObject(how, "tail", tail);
	}
}

cJSON *script_run(const char *text, size_t len, const struct script_place *place)
{
	cJSON *script = cJSON_CreateArray(), *command = run_of(text, len, place);

	add_capture(command, "stream", 0);
	cJSON_AddItemToArray(script, command);
	return script;
}

static void add_empty(cJSON *script, const char *command)
{
	cJSON *entry = cJSON_CreateObject();

	cJSON_AddObjectToObject(entry, command);
	cJSON_AddItemToArray(script, entry);
}

static void add_deploy(cJSON *script, const char *volumes, cJSON *net)
{
	cJSON *entry = cJSON_CreateObject(), *deploy = cJSON_AddObjectToObject(entry, "deploy");

	if (volumes[strspn(volumes, " \t\r\n")]) {
		cJSON *list = cJSON_AddArrayToObject(deploy, "volumes");

		for (char *path; (path = setting_next_item(&volumes)); free(path))
			cJSON_AddItemToArray(list, cJSON_CreateString(path));
	}
	if (net)
		cJSON_AddItemToObject(deploy, "net", net);
	cJSON_AddItemToArray(script, entry);
}

static cJSON *setup_of(const char *setup, const struct script_place *place)
{
	cJSON *command = run_of(setup, strlen(setup), place);

	add_capture(command, "atEnd", SCRIPT_LOG);
	return command;
}

cJSON *script_deploy(const char *volumes, cJSON *net, bool again, cJSON *agent, const char *setup,
		     const struct script_place *place, enum script_stage stages[STAGES])
{
	cJSON *script = cJSON_CreateArray();
	unsigned count = 0;

	if (again) {
		add_empty(script, "terminate");
		stages[count++] = STAGE_TERMINATE;
	}
	add_deploy(script, volumes, net);
	stages[count++] = STAGE_DEPLOY;
	add_empty(script, "start");
	stages[count++] = STAGE_START;
	if (agent) {
		cJSON_AddItemToArray(script, agent);
		stages[count++] = STAGE_AGENT;
	}
	if (*setup) {
		cJSON_AddItemToArray(script, setup_of(setup, place));
		stages[count] = STAGE_SETUP;
	}
	return script;
}

cJSON *script_setup(const char *setup, const struct script_place *place)
{
	cJSON *script = cJSON_CreateArray();

	cJSON_AddItemToArray(script, setup_of(setup, place));
	return script;
}

cJSON *script_terminate(void)
{
	cJSON *script = cJSON_CreateArray();

	add_empty(script, "terminate");
	return script;
}

const char *script_stage_name(enum script_stage stage)
{
	static const char *const names[STAGES] = {"terminate", "deploy", "start", "agent", "setup"};

	return names[stage];
}

/* --- for the agent ------------------------------------------------------------------------------------------- */

static char **texts_of(const cJSON *list, const char *before)
{
	char **texts = mem_alloc(((size_t)cJSON_GetArraySize(list) + 2) * sizeof(*texts));
	size_t count = 0;
	const cJSON *item;

	if (before)
		texts[count++] = mem_strdup(before);
	cJSON_ArrayForEach (item, list)
		texts[count++] = mem_strdup(item->valuestring);
	return texts;
}

/* Whether a later line sets the same variable: shells differ in which of two they believe. */
static bool is_set_again(const char *line)
{
	size_t name = strcspn(line, "=") + 1;

	for (const char *later = strchr(line, '\n'); later; later = strchr(later + 1, '\n'))
		if (strncmp(later + 1, line, name) == 0)
			return true;
	return false;
}

static char **environment_of(const char *env)
{
	JSON_AUTO cJSON *list = cJSON_CreateArray();

	for (const char *line = env; *line;) {
		size_t len = strcspn(line, "\n");

		if (len && *line != '#' && strcspn(line, "=") < len && !is_set_again(line))
			add_text(list, line, len);
		line += len + (line[len] == '\n');
	}
	return texts_of(list, NULL);
}

/* The agent runs a vector as it is, and gives a shell text to the shell whole as long as one argument holds it. */
void script_program(struct script_program *program, const char *text, size_t len,
		    const struct script_place *place)
{
	static const struct script_place nowhere = {"", ""};
	JSON_AUTO cJSON *vector = vector_of(text, len);
	JSON_AUTO cJSON *run = NULL;
	JSON_AUTO cJSON *shell = NULL;

	program->directory = mem_strdup(place->workdir);
	program->environment = environment_of(place->env);
	if (vector) {
		program->argv = texts_of(vector, NULL);
	} else if (len <= PIECE) {
		shell = cJSON_CreateArray();
		add_text(shell, "-c", 2);
		add_text(shell, text, len);
		program->argv = texts_of(shell, "/bin/sh");
	} else {
		run = run_of(text, len, &nowhere);
		program->argv =
			texts_of(cJSON_GetObjectItem(cJSON_GetObjectItem(run, "run"), "args"), "/bin/sh");
	}
}

static void free_texts(char **texts)
{
	for (char **text = texts; text && *text; text++)
		free(*text);
	free(texts);
}

void script_program_free(struct script_program *program)
{
	free_texts(program->argv);
	free_texts(program->environment);
	free(program->directory);
}

cJSON *script_program_run(const char *program, char *const *arguments, size_t count)
{
	static const char *const streams[] = {"stdout", "stderr"};
	cJSON *command = cJSON_CreateObject(), *run = cJSON_AddObjectToObject(command, "run"), *args,
	      *capture;

	cJSON_AddStringToObject(run, "entry_point", program);
	args = cJSON_AddArrayToObject(run, "args");
	for (size_t i = 0; i < count; i++)
		cJSON_AddItemToArray(args, cJSON_CreateString(arguments[i]));
	capture = cJSON_AddObjectToObject(run, "capture");
	for (unsigned i = 0; i < 2; i++) {
		cJSON *end = cJSON_AddObjectToObject(cJSON_AddObjectToObject(capture, streams[i]), "atEnd");

		cJSON_AddStringToObject(end, "format", "str");
	}
	return command;
}
