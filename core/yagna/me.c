/* Who yagna is, and who we are to it (reference/yagna-api.md 1.5). */
#include "core/yagna/call.h"

static void read_version(struct yagna_call *call, const struct yagna_failure *failure, const cJSON *json)
{
	struct yagna_failure own;
	struct err err = {0};
	const char *version = "";

	if (!failure) {
		version = json_string(json_object(json, "current", &err), "version", &err);
		failure = yagna_checked(&own, call, &err);
	}
	call->reply.text(call->context, failure, failure ? NULL : version);
}

struct yagna_call *yagna_version(struct yagna *yagna, yagna_text_done done, void *context)
{
	return yagna_ask(yagna, &(struct yagna_ask){
					.what = "tell its version",
					.path = yagna_path("/version/get"),
					.read = read_version,
					.reply.text = done,
					.context = context,
				});
}

static void read_me(struct yagna_call *call, const struct yagna_failure *failure, const cJSON *json)
{
	struct yagna_failure own;
	struct yagna_identity identity = {0};
	struct err err = {0};

	if (!failure) {
		identity.node_id = json_string(json, "identity", &err);
		identity.name = json_string_or(json, "name", "", &err);
		failure = yagna_checked(&own, call, &err);
	}
	call->reply.identity(call->context, failure, failure ? NULL : &identity);
}

struct yagna_call *yagna_me(struct yagna *yagna, yagna_identity_done done, void *context)
{
	return yagna_ask(yagna, &(struct yagna_ask){
					.what = "tell who we are",
					.path = yagna_path("/me"),
					.read = read_me,
					.reply.identity = done,
					.context = context,
				});
}
