/* Any answer to any call of yagna's API. The transport is replaced: the first byte chooses the call, the second the
 * status, the rest is the body. */
#include <assert.h>
#include <stddef.h>
#include <string.h>

#include "core/buf.h"
#include "core/mem.h"
#include "core/yagna.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* ---- the transport ---- */

struct http_call {
	http_done done;
	void (*data)(void *context, const void *data, size_t len);
	void *context;
};

static struct http_call *under_way;

struct http_call *http_send(struct http *http, const struct http_request *request, http_done done,
			    void *context)
{
	(void)http;
	under_way = mem_alloc(sizeof(*under_way));
	*under_way = (struct http_call){.done = done, .data = request->data, .context = context};
	return under_way;
}

void http_cancel(struct http_call **call)
{
	if (*call && *call == under_way)
		under_way = NULL;
	free(mem_move(call));
}

void http_escape(struct buf *out, const char *text)
{
	buf_adds(out, text);
}

/* ---- the callbacks: every text is read to its end ---- */

static volatile size_t seen;

static void read_text(const char *text)
{
	seen += strlen(text);
}

static void on_plain(void *context, const struct yagna_failure *failure)
{
	(void)context;
	if (failure)
		assert(failure->err.code && *failure->err.text);
}

static void on_text(void *context, const struct yagna_failure *failure, const char *text)
{
	on_plain(context, failure);
	assert(!failure == (text != NULL));
	if (text)
		read_text(text);
}

static void on_identity(void *context, const struct yagna_failure *failure,
			const struct yagna_identity *identity)
{
	on_plain(context, failure);
	if (identity)
		read_text(identity->name);
}

static void on_demands(void *context, const struct yagna_failure *failure, const struct yagna_demand *rows,
		       unsigned count)
{
	on_plain(context, failure);
	for (unsigned i = 0; i < count; i++)
		read_text(rows[i].constraints);
}

static void on_offer_events(void *context, const struct yagna_failure *failure,
			    const struct yagna_offer_event *events, unsigned count)
{
	on_plain(context, failure);
	for (unsigned i = 0; i < count; i++) {
		read_text(events[i].id);
		read_text(events[i].reason);
		read_text(events[i].provider);
		read_text(events[i].previous);
		assert(events[i].rejected || cJSON_IsObject(events[i].properties));
	}
}

static void on_approval(void *context, const struct yagna_failure *failure, enum yagna_approval approval)
{
	(void)approval;
	on_plain(context, failure);
}

static void on_agreement(void *context, const struct yagna_failure *failure,
			 const struct yagna_agreement *agreement)
{
	on_plain(context, failure);
	if (agreement)
		read_text(agreement->state);
}

static void on_agreements(void *context, const struct yagna_failure *failure,
			  const struct yagna_agreement_row *rows, unsigned count)
{
	on_plain(context, failure);
	for (unsigned i = 0; i < count; i++)
		read_text(rows[i].id);
}

static void on_agreement_events(void *context, const struct yagna_failure *failure,
				const struct yagna_agreement_event *events, unsigned count)
{
	on_plain(context, failure);
	for (unsigned i = 0; i < count; i++) {
		read_text(events[i].date);
		read_text(events[i].code);
		read_text(events[i].type);
	}
}

static void on_accounts(void *context, const struct yagna_failure *failure, const struct yagna_account *rows,
			unsigned count)
{
	on_plain(context, failure);
	for (unsigned i = 0; i < count; i++)
		read_text(rows[i].platform);
}

static void on_allocations(void *context, const struct yagna_failure *failure,
			   const struct yagna_allocation *rows, unsigned count)
{
	on_plain(context, failure);
	for (unsigned i = 0; i < count; i++)
		read_text(rows[i].remaining);
}

static void on_decorations(void *context, const struct yagna_failure *failure,
			   const struct yagna_decorations *found)
{
	on_plain(context, failure);
	for (unsigned i = 0; found && i < found->count; i++)
		read_text(found->clauses[i]);
}

static void on_bills(void *context, const struct yagna_failure *failure, const struct yagna_bill *bills,
		     unsigned count)
{
	on_plain(context, failure);
	for (unsigned i = 0; i < count; i++) {
		read_text(bills[i].amount);
		read_text(bills[i].activity);
	}
}

static void on_bill_events(void *context, const struct yagna_failure *failure,
			   const struct yagna_bill_event *events, unsigned count)
{
	on_plain(context, failure);
	for (unsigned i = 0; i < count; i++)
		read_text(events[i].type);
}

static void on_state(void *context, const struct yagna_failure *failure,
		     const struct yagna_activity_state *state)
{
	on_plain(context, failure);
	if (state)
		read_text(state->next);
}

static void on_usage(void *context, const struct yagna_failure *failure, const double *usage, unsigned count)
{
	on_plain(context, failure);
	for (unsigned i = 0; i < count; i++)
		assert(usage[i] >= 0);
}

static void read_bytes(const struct yagna_bytes *bytes)
{
	for (size_t i = 0; i < bytes->len; i++)
		seen += (unsigned char)bytes->data[i];
}

static void on_results(void *context, const struct yagna_failure *failure, const struct yagna_result *results,
		       unsigned count)
{
	on_plain(context, failure);
	for (unsigned i = 0; i < count; i++) {
		read_bytes(&results[i].out);
		read_bytes(&results[i].err);
		assert(results[i].exit_code >= -1 && results[i].exit_code <= 255);
	}
}

static void on_offers(void *context, const struct yagna_failure *failure, const struct yagna_offer *rows,
		      unsigned count)
{
	on_plain(context, failure);
	for (unsigned i = 0; i < count; i++)
		read_text(rows[i].provider);
}

static void on_stream(void *context, const struct yagna_stream_event *event)
{
	(void)context;
	read_bytes(&event->output);
	read_text(event->message);
	read_text(event->unit);
}

/* ---- the calls ---- */

static void on_allocation(void *context, const struct yagna_failure *failure,
			  const struct yagna_allocation *allocation)
{
	on_allocations(context, failure, allocation, allocation ? 1 : 0);
}

static void on_bill(void *context, const struct yagna_failure *failure, const struct yagna_bill *bill)
{
	on_bills(context, failure, bill, bill ? 1 : 0);
}

static const char id[] = "0123", now[] = "2026-01-01T00:00:00Z";

static void ask_market(struct yagna *yagna, unsigned which)
{
	switch (which) {
	case 0:
		yagna_version(yagna, on_text, NULL);
		break;
	case 1:
		yagna_me(yagna, on_identity, NULL);
		break;
	case 2:
		yagna_list_demands(yagna, on_demands, NULL);
		break;
	case 3:
		yagna_poll_offers(yagna, id, 5, 10, on_offer_events, NULL);
		break;
	case 4:
		yagna_reject(yagna, id, id, "no", on_plain, NULL);
		break;
	case 5:
		yagna_wait_approval(yagna, id, 5, on_approval, NULL);
		break;
	case 6:
		yagna_get_agreement(yagna, id, on_agreement, NULL);
		break;
	default:
		yagna_list_agreements(yagna, "Approved", id, on_agreements, NULL);
		break;
	}
}

static void ask_payment(struct yagna *yagna, unsigned which)
{
	switch (which) {
	case 0:
		yagna_poll_agreements(yagna, id, now, 5, on_agreement_events, NULL);
		break;
	case 1:
		yagna_list_accounts(yagna, on_accounts, NULL);
		break;
	case 2:
		yagna_get_allocation(yagna, id, on_allocation, NULL);
		break;
	case 3:
		yagna_list_allocations(yagna, on_allocations, NULL);
		break;
	case 4:
		yagna_decorations(yagna, id, on_decorations, NULL);
		break;
	case 5:
		yagna_get_bill(yagna, YAGNA_DEBIT_NOTE, id, on_bill, NULL);
		break;
	case 6:
		yagna_get_bill(yagna, YAGNA_INVOICE, id, on_bill, NULL);
		break;
	default:
		yagna_list_bills(yagna, YAGNA_DEBIT_NOTE, now, on_bills, NULL);
		break;
	}
}

static void ask_activity(struct yagna *yagna, unsigned which)
{
	switch (which) {
	case 0:
		yagna_poll_bills(yagna, YAGNA_INVOICE, id, now, 5, on_bill_events, NULL);
		break;
	case 1:
		yagna_create_activity(yagna, id, 5, on_text, NULL);
		break;
	case 2:
		yagna_activity_state(yagna, id, on_state, NULL);
		break;
	case 3:
		yagna_activity_usage(yagna, id, on_usage, NULL);
		break;
	case 4:
		yagna_results(yagna, id, id, 0, 5, on_results, NULL);
		break;
	case 5:
		yagna_stream(yagna, id, id, on_stream, on_plain, NULL);
		break;
	case 6:
		yagna_scan_collect(yagna, id, 5, on_offers, NULL);
		break;
	default:
		yagna_find_image(yagna, "http://registry", "golem/alpine:latest", on_text, NULL);
		break;
	}
}

static void ask(struct yagna *yagna, unsigned which)
{
	static void (*const groups[])(struct yagna * yagna, unsigned which) = {ask_market, ask_payment,
									       ask_activity};

	groups[which % 24 / 8](yagna, which % 8);
}

static void answer(int status, const char *body, size_t len)
{
	struct http_response response = {.status = status, .content_type = "", .body = body, .len = len};
	struct http_call *call = under_way;

	if (call->data && status / 100 == 2) {
		call->data(call->context, body, len);
		response.body = "";
		response.len = 0;
	}
	if (under_way == call) {
		under_way = NULL;
		call->done(call->context, &response);
		free(call);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const int statuses[] = {200, 200, 200, 201, 204, 400, 401, 404, 408, 410, 500, 504};
	struct loop *loop = loop_new();
	struct yagna *yagna = yagna_new(NULL, loop, "http://127.0.0.1:1", "key");

	if (size >= 2) {
		MEM_AUTO char *body = mem_alloc(size);

		memcpy(body, data + 2, size - 2);
		ask(yagna, data[0]);
		answer(statuses[data[1] % 12], body, size - 2);
	}
	yagna_free(yagna);
	loop_free(loop);
	return 0;
}
