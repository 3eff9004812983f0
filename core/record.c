#include "core/record.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utlist.h>

#include "core/json.h"
#include "core/line.h"
#include "core/mem.h"

/* Beyond so much the file begins anew when nothing runs; and a file that no golemfs can have written is not read. */
enum { LONG = 64 << 10, READ_MAX = 256 << 20 };

/* NULL for an id that is no name. */
static char *path_of(const struct golem *golem, const char *activity)
{
	static const char fine[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

	if (!activity || !*activity || activity[strspn(activity, fine)])
		return NULL;
	return mem_printf("%s/commands-%s", golem->state_dir, activity);
}

/* One write per line, so that a crash leaves whole ones but for the last. A disk that is full costs the adoption of the
 * command, not the command. */
static void append(const struct instance *instance, cJSON *line, int flags)
{
	MEM_AUTO char *path = path_of(instance->obj.golem, instance->activity);
	BUF_AUTO struct buf text = {0};
	int fd = path ? open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | flags, 0600) : -1;

	json_print(line, &text);
	buf_addc(&text, '\n');
	cJSON_Delete(line);
	if (fd < 0)
		return;
	(void)!write(fd, text.data, text.len);
	close(fd);
}

void record_start(const struct command *command)
{
	static const enum setting_id own[] = {SET_ENV, SET_WORKDIR, SET_COMMAND_TIMEOUT};
	cJSON *line = cJSON_CreateObject(), *values;

	cJSON_AddNumberToObject(line, "start", command->number);
	cJSON_AddStringToObject(line, "name", command->obj.name);
	cJSON_AddStringToObject(line, "text", command->text);
	cJSON_AddNumberToObject(line, "time", (double)command->started.tv_sec);
	if (command->obj.parent->kind == OBJ_POOL)
		cJSON_AddBoolToObject(line, "pool", true);
	if (command->tty)
		cJSON_AddBoolToObject(line, "tty", true);
	values = cJSON_AddObjectToObject(line, "own");
	for (unsigned i = 0; command->own && i < sizeof(own) / sizeof(*own); i++)
		if (command->own->text[own[i]])
			cJSON_AddStringToObject(values, settings()[own[i]].name, command->own->text[own[i]]);
	append(command->instance, line, 0);
}

static bool is_long(const struct instance *instance)
{
	MEM_AUTO char *path = path_of(instance->obj.golem, instance->activity);
	struct stat stat_;

	return path && stat(path, &stat_) == 0 && stat_.st_size > LONG;
}

void record_end(const struct command *command)
{
	const struct instance *instance = command->instance;
	cJSON *line;

	/* What a golemfs that leaves takes off its lines goes on running there, if it is kept. */
	if (instance->obj.golem->leaving)
		return;
	line = cJSON_CreateObject();
	if (line_running(instance->line) || !is_long(instance)) {
		cJSON_AddNumberToObject(line, "end", command->number);
		append(instance, line, 0);
	} else {
		cJSON_AddNumberToObject(line, "end", instance->numbers); /* the count goes on from there */
		append(instance, line, O_TRUNC);
	}
}

void record_remove(struct golem *golem, const char *activity)
{
	MEM_AUTO char *path = path_of(golem, activity);

	if (path)
		unlink(path);
}

/* --- reading -------------------------------------------------------------------------------------------------- */

/* A line of a command that may not have ended. */
struct begun {
	uint32_t number;
	cJSON *line;
	struct begun *prev, *next;
};

static void strike_off(struct begun **begun, uint32_t number)
{
	struct begun *entry, *next;

	DL_FOREACH_SAFE (*begun, entry, next) {
		if (entry->number != number)
			continue;
		DL_DELETE(*begun, entry);
		cJSON_Delete(entry->line);
		free(entry);
	}
}

static void take_line(struct instance *instance, struct begun **begun, const char *text, size_t len)
{
	cJSON *line = json_parse(text, len, EIO, NULL);
	uint32_t start = (uint32_t)json_number_or(line, "start", 0, &(struct err){0});
	uint32_t end = (uint32_t)json_number_or(line, "end", 0, &(struct err){0});
	struct begun *entry;

	if (start > instance->numbers)
		instance->numbers = start;
	if (end > instance->numbers)
		instance->numbers = end;
	strike_off(begun, end);
	if (!start) {
		cJSON_Delete(line);
		return;
	}
	entry = mem_alloc(sizeof(*entry));
	entry->number = start;
	entry->line = line;
	DL_APPEND(*begun, entry);
}

static void set_values(struct command *command, const cJSON *own)
{
	const cJSON *value;

	cJSON_ArrayForEach (value, own) {
		const struct setting *setting = setting_find(value->string, NULL);

		if (!setting || !cJSON_IsString(value))
			continue;
		if (!command->own)
			command->own = mem_alloc(sizeof(*command->own));
		values_set(command->own, setting_id(setting), value->valuestring, strlen(value->valuestring),
			   NULL);
	}
}

/* NULL when a name is taken, or none. */
static struct command *again(struct instance *instance, const struct begun *begun)
{
	struct err err = {0};
	struct backend *backend = backend_of_instance(instance);
	bool pooled = json_bool_or(begun->line, "pool", false, &err);
	struct obj *parent = pooled ? command_pool(backend) : &instance->obj;
	const char *name = json_string_or(begun->line, "name", "", &err);
	const char *text = json_string_or(begun->line, "text", "", &err);
	struct command *command;

	if (obj_check_name(name, &err) || obj_find(parent, name) || err.code)
		return NULL;
	command = command_again(parent, instance, name, begun->number);
	command->text = mem_strdup(text);
	command->len = strlen(text);
	command->tty = json_bool_or(begun->line, "tty", false, &err);
	command->started.tv_sec = (time_t)json_number_or(begun->line, "time", 0, &err);
	set_values(command, cJSON_GetObjectItem(begun->line, "own"));
	return command;
}

static int read_whole(const char *path, struct buf *out)
{
	char piece[16384];
	ssize_t got = -1;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	while (fd >= 0 && out->len < READ_MAX && (got = read(fd, piece, sizeof(piece))) > 0)
		buf_add(out, piece, (size_t)got);
	if (fd >= 0)
		close(fd);
	return got == 0 ? 0 : -1;
}

void record_replay(struct instance *instance, void (*found)(struct instance *, struct command *))
{
	MEM_AUTO char *path = path_of(instance->obj.golem, instance->activity);
	BUF_AUTO struct buf text = {0};
	struct begun *begun = NULL;

	if (!path || read_whole(path, &text) < 0)
		return;
	for (char *at = text.data, *end;
	     text.len && (end = memchr(at, '\n', (size_t)(text.data + text.len - at))); at = end + 1)
		take_line(instance, &begun, at, (size_t)(end - at));
	while (begun) {
		struct command *command = again(instance, begun);

		if (command)
			found(instance, command);
		strike_off(&begun, begun->number);
	}
}
