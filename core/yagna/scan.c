/* Looking at offers without buying (reference/yagna-api.md 2.9). */
#include "core/mem.h"
#include "core/yagna/call.h"

enum { SCAN_IDLE_S = 300, SCAN_MAX = 500 };

struct yagna_call *yagna_scan_begin(struct yagna *yagna, const char *constraints, yagna_text_done done,
				    void *context)
{
	cJSON *json = cJSON_CreateObject();

	cJSON_AddStringToObject(json, "type", "offer");
	cJSON_AddNumberToObject(json, "timeout", SCAN_IDLE_S);
	cJSON_AddStringToObject(json, "constraints", constraints);
	return yagna_ask(yagna, &(struct yagna_ask){
					.what = "scan the market",
					.method = "POST",
					.path = yagna_path("/market-api/v1/scan"),
					.body = yagna_body(json),
					.read = yagna_read_text,
					.reply.text = done,
					.context = context,
				});
}

static void read_offers(struct yagna_call *call, const struct yagna_failure *failure, const cJSON *json)
{
	MEM_AUTO struct yagna_offer *rows = yagna_rows(json, struct yagna_offer);
	struct yagna_failure own;
	struct err err = {0};
	unsigned count = 0;
	const cJSON *item;

	if (!failure && !cJSON_IsArray(json))
		err_set(&err, EIO, "it is not a list");
	cJSON_ArrayForEach (item, json) {
		struct yagna_offer *row = &rows[count++];

		row->id = json_string(item, "offerId", &err);
		row->provider = json_string(item, "providerId", &err);
		row->constraints = json_string(item, "constraints", &err);
		row->properties = json_object(item, "properties", &err);
	}
	if (!failure)
		failure = yagna_checked(&own, call, &err);
	call->reply.offers(call->context, failure, failure ? NULL : rows, failure ? 0 : count);
}

struct yagna_call *yagna_scan_collect(struct yagna *yagna, const char *scan, unsigned timeout_s,
				      yagna_offers_done done, void *context)
{
	return yagna_ask(yagna,
			 &(struct yagna_ask){
				 .what = "collect the scanned offers",
				 .path = yagna_path("/market-api/v1/scan/%s/events?timeout=%u&maxEvents=%u",
						    scan, timeout_s, (unsigned)SCAN_MAX),
				 .lasting = true,
				 .wait_s = timeout_s + 1,
				 .read = read_offers,
				 .reply.offers = done,
				 .context = context,
			 });
}

struct yagna_call *yagna_scan_end(struct yagna *yagna, const char *scan, yagna_done done, void *context)
{
	return yagna_ask(yagna, &(struct yagna_ask){
					.what = "end the scan",
					.method = "DELETE",
					.path = yagna_path("/market-api/v1/scan/%s", scan),
					.done_status = 404,
					.read = yagna_read_nothing,
					.reply.plain = done,
					.context = context,
				});
}
