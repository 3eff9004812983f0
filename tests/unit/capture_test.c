/* What is kept of a program's output and how it is shown; the expected texts are those of a real exe-unit. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "tests/devnet/capture.h"

#define ALL    .mode = CAPTURE_AT_END
#define DIGITS "0123456789"

static const struct {
	struct capture capture;
	const char *pieces[4];
	const char *shown;
} kept[] = {
	{{ALL}, {"hi\n"}, "\"hi\\n\""},
	{{ALL}, {""}, "null"},
	{{.mode = CAPTURE_NONE}, {"hi"}, "null"},
	{{ALL, .part = CAPTURE_HEAD, .limit = 4}, {DIGITS}, "\"0123\""},
	{{ALL, .part = CAPTURE_HEAD, .limit = 4}, {"01", "2", "3456"}, "\"0123\""},
	{{ALL, .part = CAPTURE_HEAD, .limit = 0}, {DIGITS}, "null"},
	{{ALL, .part = CAPTURE_TAIL, .limit = 4}, {DIGITS}, "\"6789\""},
	{{ALL, .part = CAPTURE_TAIL, .limit = 4}, {"012", "345", "678"}, "\"5678\""},
	{{ALL, .part = CAPTURE_TAIL, .limit = 0}, {DIGITS}, "null"},
	{{ALL, .part = CAPTURE_HEAD_TAIL, .limit = 4}, {DIGITS}, "\"0189\""},
	{{ALL, .part = CAPTURE_HEAD_TAIL, .limit = 4}, {"012"}, "\"012\""},
	{{ALL, .part = CAPTURE_HEAD_TAIL, .limit = 4}, {"0", "1", "2", "3"}, "\"0123\""},
	{{.mode = CAPTURE_STREAM, .part = CAPTURE_HEAD, .limit = 6}, {"0123", "4567", "89"}, "\"012345\""},
	{{ALL, .bytes = true}, {"a\377\n"}, "[97,255,10]"},
	{{ALL}, {"gr\303\274n\377end"}, "\"gr\303\203\302\274n\303\277end\""},
	{{ALL}, {"gr\303"}, "\"gr\303\203\""},
	{{ALL}, {"gr\303", "\274"}, "\"gr\303\274\""},
	{{ALL, .part = CAPTURE_HEAD, .limit = 2}, {"a\303\274"}, "\"a\303\203\""},
	{{ALL}, {"\"\\\b\f\r\t\033\177"}, "\"\\\"\\\\\\b\\f\\r\\t\\u001b\177\""},
};

static void test_kept(void)
{
	for (size_t i = 0; i < sizeof(kept) / sizeof(*kept); i++) {
		struct captured captured = {0};
		BUF_AUTO struct buf out = {0};
		for (unsigned n = 0; n < 4 && kept[i].pieces[n]; n++)
			capture_add(&kept[i].capture, &captured, kept[i].pieces[n],
				    strlen(kept[i].pieces[n]));
		capture_print(&kept[i].capture, &captured, &out);
		if (strcmp(buf_text(&out), kept[i].shown) != 0)
			fprintf(stderr, "row %zu: %s, not %s\n", i, buf_text(&out), kept[i].shown);
		assert(strcmp(buf_text(&out), kept[i].shown) == 0);
		captured_free(&captured);
	}
}

static void test_only_streams_show_events(void)
{
	struct captured captured = {0};
	const struct capture limited = {.mode = CAPTURE_STREAM, .part = CAPTURE_HEAD, .limit = 6},
			     at_end = {ALL};
	assert(capture_add(&limited, &captured, "0123", 4) == 4);
	assert(capture_add(&limited, &captured, "4567", 4) == 2);
	assert(capture_add(&limited, &captured, "89", 2) == 0);
	captured_free(&captured);
	assert(capture_add(&at_end, &captured, "0123", 4) == 0);
	captured_free(&captured);
}

static void expect_event(bool bytes, const char *data, size_t len, const char *shown)
{
	BUF_AUTO struct buf out = {0};
	capture_print_event(&(struct capture){.mode = CAPTURE_STREAM, .bytes = bytes}, data, len, &out);
	assert(strcmp(buf_text(&out), shown) == 0);
}

static void test_events_are_decoded_one_by_one(void)
{
	expect_event(false, "gr\303\274n\377end", 9, "\"gr\303\274n\357\277\275end\"");
	expect_event(false, "\303", 1, "\"\357\277\275\"");
	expect_event(false, "\274", 1, "\"\357\277\275\"");
	expect_event(false, "\360\237\230", 3, "\"\357\277\275\"");
	expect_event(false, "\355\240\200", 3, "\"\357\277\275\357\277\275\357\277\275\"");
	expect_event(false, "a\0b", 3, "\"a\\u0000b\"");
	expect_event(true, "a\0\377", 3, "[97,0,255]");
}

int main(void)
{
	test_kept();
	test_only_streams_show_events();
	test_events_are_decoded_one_by_one();
	return 0;
}
