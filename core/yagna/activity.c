/* Activities, scripts and their results (reference/yagna-api.md 5.1 to 5.6). */
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "core/yagna/call.h"

enum { STATE_S = 5, EXEC_S = 15 };

static void read_created(struct yagna_call *call, const struct yagna_failure *failure, const cJSON *json)
{
	struct yagna_failure own;
	struct err err = {0};
	const char *id = "";

	if (!failure) {
		id = json_string(json, "activityId", &err);
		failure = yagna_checked(&own, call, &err);
	}
	call->reply.text(call->context, failure, failure ? NULL : id);
}

struct yagna_call *yagna_create_activity(struct yagna *yagna, const char *agreement, unsigned timeout_s,
					 yagna_text_done done, void *context)
{
	cJSON *json = cJSON_CreateObject();

	cJSON_AddStringToObject(json, "agreementId", agreement);
	return yagna_ask(yagna, &(struct yagna_ask){
					.what = "begin the activity",
					.method = "POST",
					.path = yagna_path("/activity-api/v1/activity?timeout=%u", timeout_s),
					.body = yagna_body(json),
					.lasting = true,
					.wait_s = timeout_s + 1,
					.read = read_created,
					.reply.text = done,
					.context = context,
				});
}

struct yagna_call *yagna_destroy_activity(struct yagna *yagna, const char *activity, unsigned timeout_s,
					  yagna_done done, void *context)
{
	return yagna_ask(yagna, &(struct yagna_ask){
					.what = "end the activity",
					.method = "DELETE",
					.path = yagna_path("/activity-api/v1/activity/%s?timeout=%u",
							   activity, timeout_s),
					.lasting = true,
					.wait_s = timeout_s + 1,
					.read = yagna_read_nothing,
					.reply.plain = done,
					.context = context,
				});
}

static void read_activities(struct yagna_call *call, const struct yagna_failure *failure, const cJSON *json)
{
	MEM_AUTO const char **ids = yagna_rows(json, const char *);
	struct yagna_failure own;
	struct err err = {0};
	unsigned count = 0;
	const cJSON *item;

	if (!failure && !cJSON_IsArray(json))
		err_set(&err, EIO, "it is not a list");
	cJSON_ArrayForEach (item, json) {
		ids[count++] = cJSON_IsString(item) ? item->valuestring : "";
		if (!cJSON_IsString(item))
			err_set(&err, EIO, "an id is not a text");
	}
	if (!failure)
		failure = yagna_checked(&own, call, &err);
	call->reply.texts(call->context, failure, failure ? NULL : ids, failure ? 0 : count);
}

struct yagna_call *yagna_list_activities(struct yagna *yagna, const char *agreement, yagna_texts_done done,
					 void *context)
{
	return yagna_ask(yagna,
			 &(struct yagna_ask){
				 .what = "list the activities",
				 .path = yagna_path("/activity-api/v1/activity?agreementId=%s", agreement),
				 .read = read_activities,
				 .reply.texts = done,
				 .context = context,
			 });
}

static const char *text_at(const cJSON *list, int index, struct err *err)
{
	const cJSON *item = cJSON_GetArrayItem(list, index);

	if (cJSON_IsString(item))
		return item->valuestring;
	if ((item && !cJSON_IsNull(item)) || !index)
		err_set(err, EIO, "a state is not a text");
	return "";
}

static void read_state(struct yagna_call *call, const struct yagna_failure *failure, const cJSON *json)
{
	struct yagna_failure own;
	struct yagna_activity_state state = {0};
	struct err err = {0};

	if (!failure) {
		const cJSON *pair = json_array(json, "state", &err);

		if (!err.code) {
			state.state = text_at(pair, 0, &err);
			state.next = text_at(pair, 1, &err);
		}
		state.reason = json_string_or(json, "reason", "", &err);
		state.message = json_string_or(json, "errorMessage", "", &err);
		failure = yagna_checked(&own, call, &err);
	}
	call->reply.activity_state(call->context, failure, failure ? NULL : &state);
}

struct yagna_call *yagna_activity_state(struct yagna *yagna, const char *activity,
					yagna_activity_state_done done, void *context)
{
	return yagna_ask(yagna, &(struct yagna_ask){
					.what = "tell the activity's state",
					.path = yagna_path("/activity-api/v1/activity/%s/state?timeout=%u",
							   activity, (unsigned)STATE_S),
					.lasting = true,
					.wait_s = STATE_S + 1,
					.read = read_state,
					.reply.activity_state = done,
					.context = context,
				});
}

static void read_usage(struct yagna_call *call, const struct yagna_failure *failure, const cJSON *json)
{
	struct yagna_failure own;
	struct err err = {0};
	const cJSON *list = failure ? NULL : json_array_or_null(json, "currentUsage", &err);
	MEM_AUTO double *usage = yagna_rows(list, double);
	unsigned count = 0;
	const cJSON *item;

	cJSON_ArrayForEach (item, list) {
		if (!cJSON_IsNumber(item) || !(item->valuedouble >= 0))
			err_set(&err, EIO, "a usage is not a number");
		usage[count++] = item->valuedouble;
	}
	if (!failure)
		failure = yagna_checked(&own, call, &err);
	call->reply.usage(call->context, failure, failure ? NULL : usage, failure ? 0 : count);
}

struct yagna_call *yagna_activity_usage(struct yagna *yagna, const char *activity, yagna_usage_done done,
					void *context)
{
	return yagna_ask(yagna, &(struct yagna_ask){
					.what = "tell the activity's usage",
					.path = yagna_path("/activity-api/v1/activity/%s/usage?timeout=%u",
							   activity, (unsigned)STATE_S),
					.lasting = true,
					.wait_s = STATE_S + 1,
					.read = read_usage,
					.reply.usage = done,
					.context = context,
				});
}

/* The script travels as a text inside the JSON (5.4). */
struct yagna_call *yagna_exec(struct yagna *yagna, const char *activity, const cJSON *script,
			      yagna_text_done done, void *context)
{
	BUF_AUTO struct buf text = {0};
	cJSON *json = cJSON_CreateObject();

	json_print(script, &text);
	cJSON_AddStringToObject(json, "text", buf_text(&text));
	return yagna_ask(yagna, &(struct yagna_ask){
					.what = "give the script to the provider",
					.method = "POST",
					.path = yagna_path("/activity-api/v1/activity/%s/exec?timeout=%u",
							   activity, (unsigned)EXEC_S),
					.body = yagna_body(json),
					.lasting = true,
					.wait_s = EXEC_S + 1,
					.read = yagna_read_text,
					.reply.text = done,
					.context = context,
				});
}

/* An exit code is only found inside the message (8.3, 33). */
static int exit_code_of(const char *message)
{
	static const char before[] = "exited with code ";
	const char *at = strstr(message, before);
	char *end;

	if (!at)
		return -1;
	long code = strtol(at + sizeof(before) - 1, &end, 10);

	return end == at + sizeof(before) - 1 || code < -1 || code > 255 ? -1 : (int)code;
}

static void read_result(const cJSON *json, const struct yagna_packer *packer, struct yagna_result *result,
			struct err *err)
{
	result->index = (unsigned)json_integer(json, "index", 0, 1 << 20, err);
	result->ok = !strcmp(json_string(json, "result", err), "Ok");
	result->finished = json_bool(json, "isBatchFinished", err);
	result->message = json_string_or(json, "message", "", err);
	result->exit_code = result->ok ? 0 : exit_code_of(result->message);
	result->date = json_string_or(json, "eventDate", "", err);
	result->out = yagna_bytes_of(json, "stdout", packer, err);
	result->err = yagna_bytes_of(json, "stderr", packer, err);
}

static void read_results(struct yagna_call *call, const struct yagna_failure *failure, const cJSON *json)
{
	MEM_AUTO struct yagna_result *results = yagna_rows(json, struct yagna_result);
	struct yagna_failure own;
	struct err err = {0};
	unsigned count = 0;
	const cJSON *item;

	if (!failure && !cJSON_IsArray(json))
		err_set(&err, EIO, "it is not a list");
	cJSON_ArrayForEach (item, json)
		read_result(item, &call->packer, &results[count++], &err);
	if (!failure)
		failure = yagna_checked(&own, call, &err);
	call->reply.results(call->context, failure, failure ? NULL : results, failure ? 0 : count);
}

static char *results_path(const char *activity, const char *batch, int command, unsigned timeout_s)
{
	if (command == YAGNA_WHOLE_BATCH)
		return yagna_path("/activity-api/v1/activity/%s/exec/%s?timeout=%u", activity, batch,
				  timeout_s);
	return yagna_path("/activity-api/v1/activity/%s/exec/%s?timeout=%u&commandIndex=%u", activity, batch,
			  timeout_s, (unsigned)command);
}

struct yagna_call *yagna_results(struct yagna *yagna, const char *activity, const char *batch, int command,
				 unsigned timeout_s, yagna_results_done done, void *context)
{
	return yagna_ask(yagna, &(struct yagna_ask){
					.what = "show the results",
					.path = results_path(activity, batch, command, timeout_s),
					.lasting = true,
					.wait_s = timeout_s + 1,
					.in_bytes = true,
					.read = read_results,
					.reply.results = done,
					.context = context,
				});
}
