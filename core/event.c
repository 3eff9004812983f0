/* Event lines: made once, appended to the log of the object and of every directory above (design 2.8). */
#include <cjson/cJSON.h>
#include <string.h>

#include "core/buf.h"
#include "core/mem.h"
#include "core/model.h"
#include "core/root.h"
#include "core/timefmt.h"

/* Provider names and messages come from outside: without control characters, at any depth of the extra. */
static void clean(cJSON *item)
{
	cJSON *child;

	if (cJSON_IsString(item) && item->valuestring) {
		BUF_AUTO struct buf text = {0};

		buf_add_clean(&text, item->valuestring);
		if (strcmp(buf_text(&text), item->valuestring) != 0)
			cJSON_SetValuestring(item, buf_text(&text));
	}
	cJSON_ArrayForEach (child, item)
		clean(child);
}

static void add_place(cJSON *line, const struct obj *obj)
{
	static const char *const words[OBJ_KINDS] = {
		[OBJ_BACKEND] = "backend",
		[OBJ_INSTANCE] = "instance",
		[OBJ_COMMAND] = "command",
		[OBJ_NETWORK] = "network",
	};

	if (obj->parent)
		add_place(line, obj->parent);
	if (words[obj->kind])
		cJSON_AddStringToObject(line, words[obj->kind], obj->name);
}

static void add_time(cJSON *line)
{
	struct timespec now = timefmt_now();
	char stamp[TIMEFMT_SIZE];

	timefmt_print(stamp, &now, 3);
	cJSON_AddStringToObject(line, "time", stamp);
}

void obj_event(struct obj *obj, const char *event, cJSON *extra)
{
	cJSON *line = cJSON_CreateObject();
	char *text;
	size_t len;

	add_time(line);
	cJSON_AddNumberToObject(line, "seq", root_next_seq(obj->golem));
	cJSON_AddStringToObject(line, "event", event);
	add_place(line, obj);
	clean(extra);
	while (extra && extra->child) {
		cJSON *member = cJSON_DetachItemViaPointer(extra, extra->child);

		if (!cJSON_AddItemToObject(line, member->string, member))
			cJSON_Delete(member);
	}
	cJSON_Delete(extra);
	text = cJSON_PrintUnformatted(line);
	cJSON_Delete(line);
	if (!text)
		return;
	len = strlen(text);
	text[len] = '\n'; /* in place of the NUL: appended by length */
	for (; obj; obj = obj->parent) {
		if (!obj->events)
			continue;
		bytelog_append(obj->events, text, len + 1);
		obj_changed(obj, ASPECT_EVENTS);
	}
	cJSON_free(text);
}

void obj_log_refusal(struct obj *obj, int pid, const char *written, const struct err *err)
{
	struct bytelog *log = golem_log(obj->golem);
	cJSON *line = cJSON_CreateObject();
	char *text;

	add_time(line);
	cJSON_AddNumberToObject(line, "pid", pid);
	add_place(line, obj);
	cJSON_AddStringToObject(line, "written", written);
	cJSON_AddStringToObject(line, "errno", strerrorname_np(err->code) ? strerrorname_np(err->code) : "");
	cJSON_AddStringToObject(line, "message", err->text);
	clean(line);
	text = cJSON_PrintUnformatted(line);
	cJSON_Delete(line);
	if (!text)
		return;
	bytelog_append(log, text, strlen(text));
	bytelog_append(log, "\n", 1);
	cJSON_free(text);
}
