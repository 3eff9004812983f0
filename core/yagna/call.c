#include "core/yagna/call.h"

#include <stdarg.h>
#include <string.h>
#include <utlist.h>

#include "core/mem.h"

enum {
	BRIEF_S = 20,
	MARGIN_S = 10,         /* beyond what the server may take: an answer on its way is not thrown away */
	TEXT_ANSWER_MAX = 512, /* ids and versions: they are kept, shown and sent again */
};

struct yagna {
	struct http *http;
	struct loop *loop;
	char *url;
	char *peer;          /* for sentences */
	char *authorization; /* header line; NULL without a key */
	struct yagna_call *calls;
};

struct yagna *yagna_new(struct http *http, struct loop *loop, const char *url, const char *appkey)
{
	struct yagna *yagna = mem_alloc(sizeof(*yagna));

	yagna->http = http;
	yagna->loop = loop;
	yagna->url = mem_strdup(url);
	for (size_t len = strlen(url); len && yagna->url[len - 1] == '/'; len--)
		yagna->url[len - 1] = '\0';
	yagna->peer = mem_printf("yagna at %.200s", yagna->url);
	yagna->authorization = appkey ? mem_printf("Authorization: Bearer %s", appkey) : NULL;
	return yagna;
}

/* What is left when it is in no list and nothing is under way any more. */
static void call_release(struct yagna_call *call)
{
	if (call->stream)
		call->stream_free(call->stream);
	yagna_packer_free(&call->packer);
	free(call->known);
	free(call);
}

static void call_free(struct yagna_call *call)
{
	DL_DELETE(call->yagna->calls, call);
	http_cancel(&call->http);
	loop_forget(call->yagna->loop, call);
	call_release(call);
}

void yagna_free(struct yagna *yagna)
{
	if (!yagna)
		return;
	while (yagna->calls)
		call_free(yagna->calls);
	free(yagna->url);
	free(yagna->peer);
	free(yagna->authorization);
	free(yagna);
}

const char *yagna_url(const struct yagna *yagna)
{
	return yagna->url;
}

void yagna_cancel(struct yagna_call **call)
{
	struct yagna_call *old = mem_move(call);

	if (old)
		call_free(old);
}

/* The call leaves the list before its owner hears of it, so that cancelling everything in there is harmless. */
static void reply(struct yagna_call *call, const struct yagna_failure *failure, const cJSON *json)
{
	call->http = NULL;
	DL_DELETE(call->yagna->calls, call);
	call->read(call, failure, json);
	call_release(call);
}

void yagna_call_fail(struct yagna_call *call, const struct yagna_failure *failure)
{
	http_cancel(&call->http);
	reply(call, failure, NULL);
}

static cJSON *parse(struct yagna_call *call, const struct http_response *response, struct err *err)
{
	*err = call->broken;
	if (err->code)
		return NULL;
	if (call->in_bytes)
		return yagna_packed(&call->packer, err);
	return response->len ? json_parse(response->body, response->len, EIO, err) : NULL;
}

static void on_response(void *context, const struct http_response *response)
{
	struct yagna_call *call = context;
	struct yagna_failure failure = {0};
	struct err err = {0};
	JSON_AUTO cJSON *json = NULL;
	bool done_already = !response->err.code && call->done_status && response->status == call->done_status;
	bool good = !response->err.code && response->status / 100 == 2;

	if (good)
		json = parse(call, response, &err);
	if (!good && !done_already)
		yagna_explain(&failure, call->peer, call->what, response);
	else if (err.code)
		yagna_unreadable(&failure, call->peer, call->what, &err);
	reply(call, failure.err.code ? &failure : NULL, json);
}

static void on_data(void *context, const void *data, size_t len)
{
	struct yagna_call *call = context;

	if (call->stream)
		call->stream_data(call, data, len);
	else if (!call->broken.code)
		yagna_pack(&call->packer, data, len, &call->broken);
}

static void send(struct yagna_call *call, const struct yagna_ask *ask)
{
	struct yagna *yagna = call->yagna;
	MEM_AUTO char *url = mem_printf("%s%s", ask->base ? ask->base : yagna->url, ask->path);
	const char *headers[4] = {NULL};
	unsigned count = 0;
	uint64_t limit_ms = ((ask->wait_s ? ask->wait_s : BRIEF_S) + MARGIN_S) * 1000ULL;
	struct http_request request = {
		.method = ask->method ? ask->method : "GET",
		.url = url,
		.peer = ask->base ? ask->peer : yagna->peer,
		.headers = headers,
		.accept = ask->accept,
		.body = ask->body,
		.body_len = ask->body ? strlen(ask->body) : 0,
		/* A stream may be silent, output may be long. */
		.total_ms = ask->accept || ask->in_bytes ? 0 : limit_ms,
		.stall_ms = ask->in_bytes ? limit_ms : 0,
		.lasting = ask->lasting,
		.outward = ask->base,
		.data = ask->accept || ask->in_bytes ? on_data : NULL,
	};

	if (!ask->base)
		headers[count++] = yagna->authorization;
	if (ask->header)
		headers[count++] = ask->header;
	call->http = http_send(yagna->http, &request, on_response, call);
}

static struct yagna_call *call_new(struct yagna *yagna, const struct yagna_ask *ask)
{
	struct yagna_call *call = mem_alloc(sizeof(*call));

	call->yagna = yagna;
	call->peer = ask->base ? ask->peer : "yagna";
	call->what = ask->what;
	call->done_status = ask->done_status;
	call->in_bytes = ask->in_bytes;
	call->read = ask->read;
	call->reply = ask->reply;
	call->context = ask->context;
	DL_APPEND(yagna->calls, call);
	return call;
}

static void on_known(void *context)
{
	struct yagna_call *call = context;
	JSON_AUTO cJSON *json = call->known ? cJSON_CreateString(call->known) : NULL;
	struct yagna_failure failure = {.err = call->refused};

	reply(call, failure.err.code ? &failure : NULL, json);
}

struct yagna_call *yagna_answer(struct yagna *yagna, const struct yagna_ask *ask, char *known,
				const struct err *refused)
{
	struct yagna_call *call = call_new(yagna, ask);

	call->known = known;
	if (refused)
		call->refused = *refused;
	loop_defer(yagna->loop, on_known, call);
	return call;
}

struct yagna_call *yagna_ask(struct yagna *yagna, const struct yagna_ask *ask)
{
	struct yagna_call *call;
	struct err err = {0};

	if (ask->base || yagna->authorization) {
		call = call_new(yagna, ask);
		send(call, ask);
	} else {
		err_set(&err, EKEYREJECTED, "no app key is known: set YAGNA_APPKEY, or give --appkey-file");
		call = yagna_answer(yagna, ask, NULL, &err);
	}
	free(ask->path);
	free(ask->body);
	return call;
}

char *yagna_path(const char *format, ...)
{
	struct buf path = {0};
	va_list args;

	va_start(args, format);
	for (const char *at = format; *at; at++) {
		if (at[0] == '%' && at[1] == 's')
			http_escape(&path, va_arg(args, const char *));
		else if (at[0] == '%' && at[1] == 'u')
			buf_printf(&path, "%u", va_arg(args, unsigned));
		else
			buf_addc(&path, *at);
		if (at[0] == '%')
			at++;
	}
	va_end(args);
	return buf_take(&path);
}

char *yagna_body(cJSON *json)
{
	struct buf text = {0};

	json_print(json, &text);
	cJSON_Delete(json);
	return buf_take(&text);
}

char *yagna_reason(const char *reason)
{
	cJSON *json = cJSON_CreateObject();

	cJSON_AddStringToObject(json, "message", reason);
	return yagna_body(json);
}

void yagna_read_nothing(struct yagna_call *call, const struct yagna_failure *failure, const cJSON *json)
{
	(void)json;
	call->reply.plain(call->context, failure);
}

void yagna_read_text(struct yagna_call *call, const struct yagna_failure *failure, const cJSON *json)
{
	struct yagna_failure own;
	struct err err = {0};

	if (!failure &&
	    (!cJSON_IsString(json) || !*json->valuestring || strlen(json->valuestring) > TEXT_ANSWER_MAX)) {
		err_set(&err, EIO, "it is not a short text");
		failure = yagna_checked(&own, call, &err);
	}
	call->reply.text(call->context, failure, failure ? NULL : json->valuestring);
}
