/* Calls to yagna over real connections: answers, refusals, broken connections, cancelling anywhere. */
#include "core/http.h"
#include "core/json.h"
#include "core/mem.h"
#include "core/yagna.h"
#include "core/yagna/call.h"
#include "tests/unit/check.h"
#include "tests/unit/stub.h"

static struct loop *loop;
static struct stub *stub;
static struct http *http;
static struct yagna *yagna;
static struct yagna_call *call, *other;
static unsigned asked, answered;
static struct yagna_failure last;
static struct buf story;

static void begin(stub_handler handler)
{
	loop = loop_new();
	stub = stub_new(loop, handler);
	http = http_new(loop);
	yagna = yagna_new(http, loop, stub_url(stub), "KEY");
	asked = answered = 0;
	call = other = NULL;
	last = (struct yagna_failure){0};
	buf_clear(&story);
}

static void give_up(void *context)
{
	(void)context;
	CHECK(!"ends in time");
	loop_stop(loop);
}

static void run(void)
{
	loop_after(loop, 10000, give_up, NULL);
	loop_run(loop);
}

static void end(void)
{
	yagna_free(yagna);
	http_free(http);
	stub_free(stub);
	loop_free(loop);
}

static void stop(void *context)
{
	(void)context;
	loop_stop(loop);
}

static void remember(const struct yagna_failure *failure)
{
	call = NULL;
	answered++;
	last = failure ? *failure : (struct yagna_failure){0};
}

static void on_done(void *context, const struct yagna_failure *failure)
{
	(void)context;
	remember(failure);
	loop_stop(loop);
}

static void on_text(void *context, const struct yagna_failure *failure, const char *text)
{
	(void)context;
	remember(failure);
	buf_printf(&story, "%s ", text ? text : "-");
	loop_stop(loop);
}

/* ---- answers ---- */

static void answers_what_the_path_says(struct stub_peer *peer, const struct stub_request *request)
{
	static const struct {
		const char *line;
		int status;
		const char *body;
	} answers[] = {
		{"GET /version/get ", 200, "{\"current\":{\"version\":\"0.17.6\"},\"pending\":null}"},
		{"GET /me ", 401, "Invalid application key"},
		{"DELETE /payment-api/v1/allocations/a%20b%2Fc ", 410, "{\"message\":\"released\"}"},
		{"POST /payment-api/v1/allocations ", 400,
		 "{\"type\":\"x\",\"detail\":\"Insufficient funds to create the allocation.\"}"},
		{"POST /market-api/v1/agreements/A/wait?timeout=5 ", 410, "{\"message\":\"Rejected\"}"},
		{"POST /market-api/v1/agreements/B/wait?timeout=5 ", 408, "{\"message\":\"Timeout\"}"},
		{"POST /market-api/v1/agreements/C/terminate ", 500,
		 "{\"message\":\"GSB failure: Net: error forwarding message: Connection timed out.\"}"},
		{"GET /v1/image/info?count=true&tag=golem%2Falpine%3Alatest ", 404, ""},
	};

	asked++;
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		if (!strncmp(request->line, answers[i].line, strlen(answers[i].line))) {
			stub_reply(peer, answers[i].status, answers[i].body);
			return;
		}
	}
	printf("# nobody expected %s\n", request->line);
	stub_reply(peer, 404, "");
}

static void an_answer_comes_as_its_type(void)
{
	begin(answers_what_the_path_says);
	call = yagna_version(yagna, on_text, NULL);
	CHECK(answered == 0);
	run();
	CHECK_TEXT(buf_text(&story), "0.17.6 ");
	end();
}

static void on_identity(void *context, const struct yagna_failure *failure,
			const struct yagna_identity *identity)
{
	(void)context;
	CHECK(!identity);
	remember(failure);
	loop_stop(loop);
}

static void a_refused_key_is_ekeyrejected_with_the_servers_words(void)
{
	begin(answers_what_the_path_says);
	call = yagna_me(yagna, on_identity, NULL);
	run();
	CHECK(last.err.code == EKEYREJECTED && last.status == 401);
	CHECK_TEXT(last.err.text, "yagna refuses the app key: Invalid application key");
	end();
}

static void without_a_key_every_call_fails_from_the_loop(void)
{
	begin(answers_what_the_path_says);
	struct yagna *keyless = yagna_new(http, loop, stub_url(stub), NULL);

	yagna_me(keyless, on_identity, NULL);
	CHECK(answered == 0);
	run();
	CHECK(last.err.code == EKEYREJECTED && asked == 0);
	struct yagna_call *cancelled = yagna_me(keyless, on_identity, NULL);

	yagna_cancel(&cancelled);
	yagna_free(keyless);
	end();
}

static void what_was_done_already_is_success_and_ids_are_escaped(void)
{
	begin(answers_what_the_path_says);
	call = yagna_release(yagna, "a b/c", on_done, NULL);
	run();
	CHECK(answered == 1 && !last.err.code);
	end();
}

static void on_allocation(void *context, const struct yagna_failure *failure,
			  const struct yagna_allocation *row)
{
	(void)row;
	on_done(context, failure);
}

static void missing_funds_are_edquot(void)
{
	DECIMAL_AUTO struct decimal amount = decimal_zero();
	struct timespec timeout = {.tv_sec = 2000000000};

	begin(answers_what_the_path_says);
	call = yagna_allocate(yagna, "erc20-hoodi-tglm", NULL, &amount, &timeout, on_allocation, NULL);
	run();
	CHECK(last.err.code == EDQUOT && strstr(last.err.text, "Insufficient funds"));
	end();
}

static void on_approval(void *context, const struct yagna_failure *failure, enum yagna_approval approval)
{
	(void)context;
	buf_printf(&story, "%d ", (int)approval);
	if (answered)
		loop_stop(loop);
	remember(failure);
}

static void outcomes_of_an_approval_are_no_failures(void)
{
	begin(answers_what_the_path_says);
	yagna_wait_approval(yagna, "A", 5, on_approval, NULL);
	yagna_wait_approval(yagna, "B", 5, on_approval, NULL);
	run();
	CHECK(!last.err.code);
	CHECK(strchr(buf_text(&story), '0' + YAGNA_REJECTED) &&
	      strchr(buf_text(&story), '0' + YAGNA_PENDING));
	end();
}

static void an_unreachable_provider_is_ehostunreach(void)
{
	begin(answers_what_the_path_says);
	call = yagna_terminate(yagna, "C", "Finished", on_done, NULL);
	run();
	CHECK(last.err.code == EHOSTUNREACH && last.status == 500 && !last.unsure);
	end();
}

static void images_are_looked_up_or_taken_as_they_are(void)
{
	begin(answers_what_the_path_says);
	yagna_find_image(yagna, stub_url(stub), "golem/alpine", on_text, NULL);
	run();
	CHECK(last.status == 404 && strstr(last.err.text, "the image registry could not find the image"));
	yagna_find_image(yagna, stub_url(stub),
			 "http://x/y#b7b542726d169f4c29e3f4f742f1ba4850cbe3972312cda7f8fc39b3", on_text,
			 NULL);
	run();
	yagna_find_image(yagna, stub_url(stub), "ftp://x", on_text, NULL);
	run();
	CHECK(last.err.code == EINVAL && asked == 1);
	CHECK_TEXT(buf_text(&story),
		   "- hash:sha3:b7b542726d169f4c29e3f4f742f1ba4850cbe3972312cda7f8fc39b3:http://x/y - ");
	end();
}

/* ---- results and streams ---- */

static void answers_results(struct stub_peer *peer, const struct stub_request *request)
{
	static const char stream[] =
		"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
		"51\r\nevent: runtime\ndata: "
		"{\"index\":0,\"timestamp\":\"t\",\"kind\":{\"stdout\":[104,0,105]}}\n\n\r\n"
		"47\r\ndata: {\"index\":0,\"kind\":{\"finished\":{\"return_code\":3,\"message\":null}}}\n\r\n"
		"1\r\n\n\r\n6\r\n:ping\n\r\n";

	if (strstr(request->head, "Accept: text/event-stream\r\n")) {
		stub_raw(peer, stream, sizeof(stream) - 1);
		return;
	}
	stub_reply(
		peer, 200,
		"[{\"index\":0,\"result\":\"Error\",\"stdout\":[1, 0 "
		",255],\"stderr\":\"gr\xc3\xbcn\",\"message\":"
		"\"ExeScript command exited with code 127\",\"isBatchFinished\":true,\"eventDate\":\"x\"}]");
}

static void on_results(void *context, const struct yagna_failure *failure, const struct yagna_result *results,
		       unsigned count)
{
	(void)context;
	remember(failure);
	CHECK(count == 1 && !results[0].ok && results[0].exit_code == 127 && results[0].finished);
	CHECK(results[0].out.len == 3 && !memcmp(results[0].out.data, "\x01\0\xff", 3));
	CHECK(results[0].err.len == 5);
	loop_stop(loop);
}

static void output_is_byte_exact_in_either_format(void)
{
	begin(answers_results);
	call = yagna_results(yagna, "a", "b", 0, 5, on_results, NULL);
	run();
	CHECK(answered == 1);
	end();
}

static void on_stream(void *context, const struct yagna_stream_event *event)
{
	(void)context;
	if (event->kind == YAGNA_STDOUT)
		CHECK(event->output.len == 3 && !memcmp(event->output.data, "h\0i", 3));
	buf_printf(&story, "%d:%d ", event->kind, event->return_code);
}

/* However the answer is cut, and whatever stands where a list of bytes is expected. */
static void lists_of_bytes_are_packed_and_everything_else_is_left_as_it_is(void)
{
	static const struct {
		const char *json, *packed;
	} cases[] = {
		{"{\"stdout\" : [ 1, 22 ,255 ]}", "{\"stdout\":{\"at\":0,\"len\":3}}"},
		{"{\"stdout\":[]}", "{\"stdout\":{\"at\":0,\"len\":0}}"},
		{"{\"stdout\":[1,256]}", "{\"stdout\":[1,256]}"},
		{"{\"stdout\":[1,-2]}", "{\"stdout\":[1,-2]}"},
		{"{\"stdout\":[1,\"a\"]}", "{\"stdout\":[1,\"a\"]}"},
		{"{\"stdout\":[1 2]}", "{\"stdout\":[1 2]}"},
		{"{\"stdout\":\"[1]\",\"x\":[1,2]}", "{\"stdout\":\"[1]\",\"x\":[1,2]}"},
		{"[\"stdout\",[1],\"a\\\"stdout\",null]", "[\"stdout\",[1],\"a\\\"stdout\",null]"},
		{"{\"stderr\":null}", "{\"stderr\":null}"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t len = strlen(cases[i].json);

		for (size_t cut = 0; cut <= len; cut++) {
			struct yagna_packer packer = {0};

			CHECK(!yagna_pack(&packer, cases[i].json, cut, NULL));
			CHECK(!yagna_pack(&packer, cases[i].json + cut, len - cut, NULL));
			CHECK_TEXT(buf_text(&packer.packed), cases[i].packed);
			yagna_packer_free(&packer);
		}
	}
}

static void the_first_ping_ends_a_stream(void)
{
	begin(answers_results);
	call = yagna_stream(yagna, "a", "b", on_stream, on_done, NULL);
	run();
	CHECK_TEXT(buf_text(&story), "1:0 3:3 ");
	CHECK(answered == 1 && last.status == 200 &&
	      strstr(last.err.text, "the source of the output is gone"));
	end();
}

static void cancels_stream(void *context, const struct yagna_stream_event *event)
{
	(void)context, (void)event;
	answered++;
	yagna_cancel(&call);
	loop_after(loop, 20, stop, NULL);
}

static void a_stream_may_be_cancelled_by_its_first_event(void)
{
	begin(answers_results);
	call = yagna_stream(yagna, "a", "b", cancels_stream, on_done, NULL);
	run();
	CHECK(answered == 1 && !call);
	end();
}

/* ---- connections ---- */

static void hangs_up_after_the_first(struct stub_peer *peer, const struct stub_request *request)
{
	asked++;
	buf_printf(&story, "%.4s", request->line);
	if (asked == 1)
		stub_reply(peer, 201, "\"id\"");
	else
		stub_hang_up(peer);
}

static void a_request_with_a_body_is_never_sent_twice(void)
{
	begin(hangs_up_after_the_first);
	JSON_AUTO cJSON *properties = cJSON_CreateObject();

	yagna_publish(yagna, properties, "()", on_text, NULL);
	run();
	CHECK(!last.err.code);
	yagna_publish(yagna, properties, "()", on_text, NULL);
	run();
	CHECK(asked == 2);
	CHECK(last.err.code == EHOSTUNREACH && last.unsure && last.status == 0);
	end();
}

static void hangs_up_on_the_first_connection(struct stub_peer *peer, const struct stub_request *request)
{
	asked++;
	if (asked > 1 && request->connection == 1)
		stub_hang_up(peer);
	else
		stub_reply(peer, 200, "{\"current\":{\"version\":\"0.17.6\"}}");
}

static void a_read_is_repeated_when_its_kept_connection_is_dead(void)
{
	begin(hangs_up_on_the_first_connection);
	yagna_version(yagna, on_text, NULL);
	run();
	yagna_version(yagna, on_text, NULL);
	run();
	CHECK_TEXT(buf_text(&story), "0.17.6 0.17.6 ");
	CHECK(asked == 3);
	end();
}

static void answers_version_only(struct stub_peer *peer, const struct stub_request *request)
{
	asked++;
	if (strstr(request->line, "/version"))
		stub_reply(peer, 200, "{\"current\":{\"version\":\"1\"}}");
}

static void on_events(void *context, const struct yagna_failure *failure,
		      const struct yagna_offer_event *events, unsigned count)
{
	(void)context, (void)failure, (void)events, (void)count;
	CHECK(!"a cancelled poll answers");
}

static void fifty_long_polls_do_not_hold_up_a_short_call(void)
{
	begin(answers_version_only);
	for (int i = 0; i < 50; i++)
		yagna_poll_offers(yagna, "D", 30, 10, on_events, NULL);
	yagna_version(yagna, on_text, NULL);
	run();
	CHECK_TEXT(buf_text(&story), "1 ");
	end();
}

static void cancels_the_other(void *context, const struct yagna_failure *failure, const char *text)
{
	(void)context, (void)failure, (void)text;
	call = NULL;
	answered++;
	yagna_cancel(&other);
	other = yagna_version(yagna, on_text, NULL);
}

static void calls_may_be_cancelled_and_made_inside_a_callback(void)
{
	begin(answers_version_only);
	call = yagna_version(yagna, cancels_the_other, NULL);
	other = yagna_poll_offers(yagna, "D", 30, 10, on_events, NULL);
	run();
	CHECK(answered == 2);
	CHECK_TEXT(buf_text(&story), "1 ");
	end();
}

static void nobody_listening_is_ehostunreach_and_surely_not_done(void)
{
	begin(answers_version_only);
	struct yagna *nobody = yagna_new(http, loop, "http://127.0.0.1:1/", "KEY");

	yagna_unpublish(nobody, "D", on_done, NULL);
	run();
	CHECK(last.err.code == EHOSTUNREACH && !last.unsure && !last.status);
	CHECK(strstr(last.err.text, "yagna at http://127.0.0.1:1 does not answer"));
	yagna_free(nobody);
	end();
}

static void answers_garbage(struct stub_peer *peer, const struct stub_request *request)
{
	static const char *const bodies[] = {"{\"current\":{\"version\"", "[]",
					     "{\"current\":{\"version\":17}}",
					     "{\"current\":{\"version\":\"a\\u0000b\"}}", ""};

	(void)request;
	stub_reply(peer, 200, bodies[asked++]);
}

static void an_answer_that_cannot_be_read_is_eio_with_a_sentence(void)
{
	begin(answers_garbage);
	for (int i = 0; i < 5; i++) {
		yagna_version(yagna, on_text, NULL);
		run();
		CHECK(last.err.code == EIO && strstr(last.err.text, "cannot be read"));
	}
	end();
}

static void answers_without_end(struct stub_peer *peer, const struct stub_request *request)
{
	static const char head[] = "HTTP/1.1 200 OK\r\nx: ";
	static char junk[65536];

	(void)request;
	memset(junk, 'x', sizeof(junk));
	stub_raw(peer, head, sizeof(head) - 1);
	for (int i = 0; i < 16; i++)
		stub_raw(peer, junk, sizeof(junk));
	stub_hang_up(peer);
}

static void an_endless_head_is_refused(void)
{
	begin(answers_without_end);
	yagna_version(yagna, on_text, NULL);
	run();
	CHECK(last.err.code == EIO || last.err.code == EHOSTUNREACH);
	end();
}

static void websocket_urls_follow_the_address_of_yagna(void)
{
	static const struct {
		const char *base, *url;
	} cases[] = {
		{"http://127.0.0.1:7465", "ws://127.0.0.1:7465/net-api/v1/net/ab/tcp/10.0.0.2/80"},
		{"https://golem.example", "wss://golem.example/net-api/v1/net/ab/tcp/10.0.0.2/80"},
		{"HTTPS://golem.example/", "wss://golem.example/net-api/v1/net/ab/tcp/10.0.0.2/80"},
		{"http://proxy:8080/my/yagna/", "ws://proxy:8080/my/yagna/net-api/v1/net/ab/tcp/10.0.0.2/80"},
		{"http://[fd00::1]:7465", "ws://[fd00::1]:7465/net-api/v1/net/ab/tcp/10.0.0.2/80"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct yagna *there = yagna_new(http, loop, cases[i].base, "key");
		BUF_AUTO struct buf url = {0};

		yagna_net_url(there, "ab", "10.0.0.2", 80, &url);
		CHECK_TEXT(buf_text(&url), cases[i].url);
		yagna_free(there);
	}
}

int main(void)
{
	TEST(an_answer_comes_as_its_type);
	TEST(a_refused_key_is_ekeyrejected_with_the_servers_words);
	TEST(without_a_key_every_call_fails_from_the_loop);
	TEST(what_was_done_already_is_success_and_ids_are_escaped);
	TEST(missing_funds_are_edquot);
	TEST(outcomes_of_an_approval_are_no_failures);
	TEST(an_unreachable_provider_is_ehostunreach);
	TEST(images_are_looked_up_or_taken_as_they_are);
	TEST(output_is_byte_exact_in_either_format);
	TEST(lists_of_bytes_are_packed_and_everything_else_is_left_as_it_is);
	TEST(the_first_ping_ends_a_stream);
	TEST(a_stream_may_be_cancelled_by_its_first_event);
	TEST(a_request_with_a_body_is_never_sent_twice);
	TEST(a_read_is_repeated_when_its_kept_connection_is_dead);
	TEST(fifty_long_polls_do_not_hold_up_a_short_call);
	TEST(calls_may_be_cancelled_and_made_inside_a_callback);
	TEST(nobody_listening_is_ehostunreach_and_surely_not_done);
	TEST(an_answer_that_cannot_be_read_is_eio_with_a_sentence);
	TEST(an_endless_head_is_refused);
	TEST(websocket_urls_follow_the_address_of_yagna);
	buf_free(&story);
	return check_end();
}
