/* Results of a batch: the polls that wait for them and the text they are shown in (reference/yagna-api.md 5.6). */
#include <utlist.h>

#include "core/mem.h"
#include "tests/devnet/exchange.h"
#include "tests/devnet/exe_unit.h"

struct poll {
	struct poll *next;
	struct batch *batch;
	struct exchange *exchange;
	bool indexed;
	unsigned long index;
};

static void print_result(const struct batch *batch, unsigned n, bool output, bool last, struct buf *out)
{
	const struct exe_result *result = &batch->results[n];
	const struct exe_command *command = &batch->script->commands[n];
	char date[40];
	wire_time(date, &result->date, 9);
	buf_printf(out, "%s{\"index\":%u,\"result\":\"%s\",\"stdout\":", n ? "," : "", n,
		   result->ok ? "Ok" : "Error");
	if (output)
		capture_print(&command->out, &result->out, out);
	buf_adds(out, output ? ",\"stderr\":" : "null,\"stderr\":");
	if (output)
		capture_print(&command->err, &result->err, out);
	buf_adds(out, output ? ",\"message\":" : "null,\"message\":");
	if (result->message)
		capture_print_string(result->message, strlen(result->message), out);
	else
		buf_adds(out, "null");
	buf_printf(out, ",\"isBatchFinished\":%s,\"eventDate\":\"%s\"}", last ? "true" : "false", date);
}

static void reply(struct exchange *exchange, const struct batch *batch, const unsigned long *index)
{
	BUF_AUTO struct buf out = {0};
	buf_addc(&out, '[');
	for (unsigned n = 0; n < batch->script->count && batch->results[n].done; n++) {
		bool last = index ? n == *index : n + 1 == batch->script->count || !batch->results[n].ok;
		if (index && n > *index)
			break;
		print_result(batch, n, !index || n == *index, last, &out);
	}
	buf_addc(&out, ']');
	exchange_reply_json_text(exchange, 200, buf_text(&out));
}

static bool complete(const struct batch *batch, const unsigned long *index)
{
	unsigned long last = index ? *index : batch->script->count - 1;
	return !batch->script->count || (last < batch->script->count && batch->results[last].done);
}

static void answer(struct poll *poll)
{
	struct batch *batch = poll->batch;
	LL_DELETE(batch->polls, poll);
	if (!poll->indexed || complete(batch, &poll->index))
		reply(poll->exchange, batch, poll->indexed ? &poll->index : NULL);
	else
		exchange_reply_message(poll->exchange, 408, "Timeout");
	free(poll);
}

static void on_timeout(struct exchange *exchange, void *context)
{
	(void)exchange;
	answer(context);
}

static void on_gone(struct exchange *exchange, void *context)
{
	struct poll *poll = context;
	(void)exchange;
	LL_DELETE(poll->batch->polls, poll);
	free(poll);
}

void results_poll(struct exchange *exchange, struct batch *batch, double timeout, const unsigned long *index)
{
	if (complete(batch, index) || (timeout <= 0 && !index)) {
		reply(exchange, batch, index);
		return;
	}
	if (timeout <= 0) {
		exchange_reply_message(exchange, 408, "Timeout");
		return;
	}
	struct poll *poll = mem_alloc(sizeof(*poll));
	*poll = (struct poll){
		.batch = batch, .exchange = exchange, .indexed = index, .index = index ? *index : 0};
	LL_PREPEND(batch->polls, poll);
	exchange_wait(exchange, timeout, on_timeout, on_gone, poll);
}

void results_changed(struct batch *batch)
{
	struct poll *poll, *next;
	LL_FOREACH_SAFE (batch->polls, poll, next)
		if (complete(batch, poll->indexed ? &poll->index : NULL))
			answer(poll);
}

void results_lost(struct batch *batch)
{
	struct poll *poll, *next;
	LL_FOREACH_SAFE (batch->polls, poll, next) {
		LL_DELETE(batch->polls, poll);
		exchange_reply_message(poll->exchange, 500, "%s", EXE_GONE);
		free(poll);
	}
}
