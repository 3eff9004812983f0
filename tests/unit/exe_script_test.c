/* Exe-scripts are read strictly, and refused with the words and positions of the real daemon. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "tests/devnet/exe_script.h"

#define RUN "[{\"run\":{\"entry_point\":\"/bin/true\","

static const struct {
	const char *script, *why;
} refused[] = {
	{"hello", "Error(\"expected value\", line: 1, column: 1)"},
	{"{\"run\":{}}", "Error(\"invalid type: map, expected a sequence\", line: 1, column: 0)"},
	{"[{\"frob\":{}}]",
	 "Error(\"unknown variant `frob`, expected one of `sign`, `deploy`, `start`, `run`, "
	 "`transfer`, `terminate`\", line: 1, column: 8)"},
	{"[{\"deploy\":{},\"start\":{}}]", "Error(\"expected value\", line: 1, column: 13)"},
	{"[\"deploy\"]",
	 "Error(\"invalid type: unit variant, expected struct variant\", line: 1, column: 10)"},
	{RUN "\"args\":null}}]", "Error(\"invalid type: null, expected a sequence\", line: 1, column: 46)"},
	{"[{\"run\":{\"args\":[]}}]", "Error(\"missing field `entry_point`\", line: 1, column: 19)"},
	{RUN "\"args\":[1]}}]",
	 "Error(\"invalid type: integer `1`, expected a string\", line: 1, column: 44)"},
	{"[{\"start\":{\"args\":null}}]",
	 "Error(\"invalid type: null, expected a sequence\", line: 1, column: 22)"},
	{RUN "\"args\":[],\"capture\":{\"stdout\":{\"never\":{}}}}}]",
	 "Error(\"unknown variant `never`, expected `atEnd` or `stream`\", line: 1, column: 73)"},
	{"[{\"run\":{\"entryPoint\":\"/bin/true\"}}]",
	 "Error(\"missing field `entry_point`\", line: 1, column: 34)"},
};

static void test_refusals(void)
{
	for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++) {
		BUF_AUTO struct buf why = {0};
		assert(!exe_script_parse(refused[i].script, strlen(refused[i].script), &why));
		if (strcmp(buf_text(&why), refused[i].why) != 0)
			fprintf(stderr, "%s: %s\n", refused[i].script, buf_text(&why));
		assert(strcmp(buf_text(&why), refused[i].why) == 0);
	}
}

/* The first command as `started` repeats it. */
static const struct {
	const char *script, *repeated;
} repeated[] = {
	{"[{\"deploy\":{\"progress\":{\"updateInterval\":\"50ms\"}}}]",
	 "{\"deploy\":{\"net\":[],\"hosts\":{},\"hostname\":null,\"env\":{},"
	 "\"progress\":{\"updateInterval\":\"50ms\",\"updateStep\":null}}}"},
	{"[{\"start\":{}}]", "{\"start\":{\"args\":[]}}"},
	{"[{\"terminate\":{}}]", "{\"terminate\":{}}"},
	{RUN "\"capture\":{\"stdout\":{\"stream\":{}},\"stderr\":{\"stream\":{}}}}}]",
	 "{\"run\":{\"entry_point\":\"/bin/true\",\"args\":[],"
	 "\"capture\":{\"stdout\":{\"stream\":{}},\"stderr\":{\"stream\":{}}}}}"},
	{"[{\"run\":[\"/bin/true\",[\"x\"],null]}]",
	 "{\"run\":{\"entry_point\":\"/bin/true\",\"args\":[\"x\"]}}"},
	{"[{\"transfer\":{\"from\":\"a\",\"to\":\"b\",\"progress\":{}}}]",
	 "{\"transfer\":{\"from\":\"a\",\"to\":\"b\",\"format\":null,\"depth\":null,\"fileset\":null,"
	 "\"progress\":{\"updateInterval\":null,\"updateStep\":null}}}"},
};

static struct exe_script *parse(const char *text)
{
	BUF_AUTO struct buf why = {0};
	struct exe_script *script = exe_script_parse(text, strlen(text), &why);
	if (!script)
		fprintf(stderr, "%s: %s\n", text, buf_text(&why));
	assert(script);
	return script;
}

static void test_repetition(void)
{
	for (size_t i = 0; i < sizeof(repeated) / sizeof(*repeated); i++) {
		struct exe_script *script = parse(repeated[i].script);
		BUF_AUTO struct buf text = {0};
		exe_command_print(&script->commands[0], &text);
		if (strcmp(buf_text(&text), repeated[i].repeated) != 0)
			fprintf(stderr, "%s\n", buf_text(&text));
		assert(strcmp(buf_text(&text), repeated[i].repeated) == 0);
		exe_script_free(script);
	}
}

static void test_captures(void)
{
	struct exe_script *script = parse(
		RUN "\"capture\":{\"stdout\":{\"atEnd\":{\"headTail\":4,\"format\":\"binary\",\"part\":{}}},"
		    "\"stderr\":{\"stream\":{\"limit\":6}}}}},"
		    "{\"sign\":{\"more\":1}}]");
	struct capture out = script->commands[0].out, err = script->commands[0].err;
	assert(script->count == 2 && script->commands[1].kind == EXE_SIGN);
	assert(out.mode == CAPTURE_AT_END && out.part == CAPTURE_HEAD_TAIL && out.limit == 4 && out.bytes);
	assert(err.mode == CAPTURE_STREAM && err.part == CAPTURE_HEAD && err.limit == 6 && !err.bytes);
	exe_script_free(script);
}

static void test_nul_is_kept_recognisable(void)
{
	struct exe_script *script =
		parse("[{\"run\":{\"entry_point\":\"/bin/echo\",\"args\":[\"a\\u0000b\",\"\\\\u0000\"]}}]");
	const cJSON *args = cJSON_GetObjectItem(script->commands[0].body, "args");
	assert(strcmp(args->child->valuestring, "a" EXE_SCRIPT_NUL "b") == 0);
	assert(strcmp(args->child->next->valuestring, "\\u0000") == 0);
	exe_script_free(script);
}

int main(void)
{
	test_refusals();
	test_repetition();
	test_captures();
	test_nul_is_kept_recognisable();
	struct exe_script *empty = parse("[]");
	assert(empty->count == 0);
	exe_script_free(empty);
	return 0;
}
