/* The stream of a batch's events (reference/yagna-api.md 5.7). */
#include <string.h>

#include "core/mem.h"
#include "core/sse.h"
#include "core/yagna/call.h"

typedef void (*stream_event)(void *context, const struct yagna_stream_event *event);

struct yagna_stream {
	struct yagna_call *call;
	struct sse *sse;
	stream_event event;
	struct err broken; /* why it has to end, found inside the reader */
};

static void stream_free(struct yagna_stream *stream)
{
	sse_free(stream->sse);
	free(stream);
}

static void read_started(const cJSON *value, struct yagna_stream_event *event, struct err *err)
{
	(void)value, (void)err;
	event->kind = YAGNA_STARTED;
}

static void read_stdout(const cJSON *value, struct yagna_stream_event *event, struct err *err)
{
	(void)value, (void)err;
	event->kind = YAGNA_STDOUT;
}

static void read_stderr(const cJSON *value, struct yagna_stream_event *event, struct err *err)
{
	(void)value, (void)err;
	event->kind = YAGNA_STDERR;
}

static void read_finished(const cJSON *value, struct yagna_stream_event *event, struct err *err)
{
	event->kind = YAGNA_FINISHED;
	event->return_code = (int)json_integer(value, "return_code", -(1LL << 31), (1LL << 31) - 1, err);
	event->message = json_string_or(value, "message", "", err);
}

static void read_progress(const cJSON *value, struct yagna_stream_event *event, struct err *err)
{
	const cJSON *pair = json_array_or_null(value, "progress", err);
	const cJSON *done = cJSON_GetArrayItem(pair, 0), *total = cJSON_GetArrayItem(pair, 1);

	event->kind = YAGNA_PROGRESS;
	event->message = json_string_or(value, "message", "", err);
	event->unit = json_string_or(value, "unit", "", err);
	event->done = cJSON_IsNumber(done) ? done->valuedouble : 0;
	event->total = cJSON_IsNumber(total) ? total->valuedouble : 0;
}

static const struct {
	const char *name;
	void (*read)(const cJSON *value, struct yagna_stream_event *event, struct err *err);
} stream_kinds[] = {
	{"started", read_started},   {"stdout", read_stdout},     {"stderr", read_stderr},
	{"finished", read_finished}, {"progress", read_progress},
};

/* false: of a kind we do not know. */
static bool read_event(const cJSON *json, const struct yagna_packer *packer, struct yagna_stream_event *event,
		       struct err *err)
{
	const cJSON *kind = json_object(json, "kind", err);

	*event = (struct yagna_stream_event){.message = "", .unit = ""};
	event->index = (unsigned)json_integer(json, "index", 0, 1 << 20, err);
	event->timestamp = json_string_or(json, "timestamp", "", err);
	for (size_t i = 0; i < sizeof(stream_kinds) / sizeof(stream_kinds[0]); i++) {
		const cJSON *value = cJSON_GetObjectItemCaseSensitive(kind, stream_kinds[i].name);

		if (!value)
			continue;
		stream_kinds[i].read(value, event, err);
		if (event->kind == YAGNA_STDOUT || event->kind == YAGNA_STDERR)
			event->output = yagna_bytes_of(kind, stream_kinds[i].name, packer, err);
		return true;
	}
	return false;
}

static void on_event(void *context, const char *name, const char *data, size_t len)
{
	struct yagna_stream *stream = context;
	__attribute__((cleanup(yagna_packer_free))) struct yagna_packer packer = {0};
	struct yagna_stream_event event;
	struct err err = {0};

	(void)name;
	if (stream->broken.code)
		return;
	JSON_AUTO cJSON *json = yagna_pack(&packer, data, len, &err) ? NULL : yagna_packed(&packer, &err);
	bool known = json && read_event(json, &packer, &event, &err);

	if (err.code)
		stream->broken = err;
	else if (known)
		stream->event(stream->call->context, &event);
}

/* While all is well there are no comments: the first ping says that nothing will come any more. */
static void on_comment(void *context, const char *text)
{
	struct yagna_stream *stream = context;

	(void)text;
	if (!stream->broken.code)
		err_set(&stream->broken, EIO, "the source of the output is gone");
}

static void on_data(struct yagna_call *call, const void *data, size_t len)
{
	struct yagna_stream *stream = call->stream;
	struct yagna_failure failure = {.status = 200};
	struct err err = {0};
	int fed = sse_feed(stream->sse, data, len, &err);

	if (fed == 1) /* cancelled by its owner */
		return;
	if (!fed)
		err = stream->broken;
	if (!err.code)
		return;
	err_set(&failure.err, EIO, "the stream of output ended: %s", err.text);
	yagna_call_fail(call, &failure);
}

static void read_end(struct yagna_call *call, const struct yagna_failure *failure, const cJSON *json)
{
	struct yagna_failure own = {.status = 200};

	(void)json;
	if (!failure) {
		err_set(&own.err, EIO, "the stream of output ended");
		failure = &own;
	}
	call->reply.plain(call->context, failure);
}

struct yagna_call *yagna_stream(struct yagna *yagna, const char *activity, const char *batch,
				stream_event event, yagna_done ended, void *context)
{
	struct yagna_stream *stream = mem_alloc(sizeof(*stream));
	struct sse_handler handler = {.event = on_event, .comment = on_comment, .context = stream};

	stream->sse = sse_new(&handler);
	stream->event = event;
	stream->call = yagna_ask(
		yagna, &(struct yagna_ask){
			       .what = "stream the output",
			       .path = yagna_path("/activity-api/v1/activity/%s/exec/%s", activity, batch),
			       .accept = "text/event-stream",
			       .lasting = true,
			       .read = read_end,
			       .reply.plain = ended,
			       .context = context,
		       });
	stream->call->stream = stream;
	stream->call->stream_data = on_data;
	stream->call->stream_free = stream_free;
	return stream->call;
}
