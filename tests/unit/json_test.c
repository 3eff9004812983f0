/* JSON from outside: whole, bounded, of the right types, or a sentence. */
#include "core/json.h"
#include "core/mem.h"
#include "tests/unit/check.h"

static cJSON *parse(const char *text)
{
	return json_parse(text, strlen(text), EIO, NULL);
}

static void only_one_whole_value_is_taken(void)
{
	static const char *const bad[] = {"",    "{",    "{\"a\":1", "[1,2", "{} x", "tru",    "{\"a\":1}}",
					  "\"a", "[1,]", "nul",      "\x01", "1e",   "{\"a\"}"};
	JSON_AUTO cJSON *good = parse(" {\"a\":[1,2,{\"b\":null}]} \r\n");

	CHECK(good);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct err err = {0};
		JSON_AUTO cJSON *json = json_parse(bad[i], strlen(bad[i]), EIO, &err);

		CHECK(!json && err.code == EIO && *err.text);
	}
}

static void nul_is_refused_as_byte_and_as_escape(void)
{
	JSON_AUTO cJSON *byte = json_parse("\"a\0b\"", 5, EIO, NULL);
	JSON_AUTO cJSON *escape = parse("\"a\\u0000b\"");
	JSON_AUTO cJSON *backslash = parse("\"a\\\\u0000b\"");

	CHECK(!byte && !escape);
	CHECK(backslash && !strcmp(backslash->valuestring, "a\\u0000b"));
}

static void depth_has_a_limit(void)
{
	char text[2 * JSON_MAX_DEPTH + 3] = "";

	memset(text, '[', JSON_MAX_DEPTH);
	memset(text + JSON_MAX_DEPTH, ']', JSON_MAX_DEPTH);
	JSON_AUTO cJSON *deep = parse(text);
	CHECK(deep);
	memset(text, '[', JSON_MAX_DEPTH + 1);
	memset(text + JSON_MAX_DEPTH + 1, ']', JSON_MAX_DEPTH + 1);
	JSON_AUTO cJSON *deeper = parse(text);
	CHECK(!deeper);
	JSON_AUTO cJSON *quoted =
		parse("\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\"");
	CHECK(quoted);
}

static void wrong_types_fill_the_error_once_and_give_defaults(void)
{
	JSON_AUTO cJSON *json =
		parse("{\"s\":5,\"n\":\"x\",\"b\":0,\"o\":[],\"a\":{},\"t\":\"yesterday\",\"i\":1.5}");
	struct err err = {0};

	CHECK_TEXT(json_string(json, "s", &err), "");
	CHECK_TEXT(err.text, "\"s\" in the answer is not a text");
	CHECK(json_number(json, "n", &err) == 0);
	CHECK(!json_bool(json, "b", &err));
	CHECK(!json_object(json, "o", &err) && !json_array(json, "a", &err));
	CHECK_TEXT(err.text, "\"s\" in the answer is not a text");
	err = (struct err){0};
	json_time(json, "t", &err);
	CHECK(err.code == EIO);
	err = (struct err){0};
	CHECK(json_integer(json, "i", 0, 9, &err) == 0 && err.code == EIO);
	err = (struct err){0};
	json_string(json, "absent", &err);
	CHECK_TEXT(err.text, "no \"absent\" in the answer, a text wanted");
	err = (struct err){0};
	json_string(NULL, "absent", &err);
	CHECK(err.code == EIO);
}

static void absent_and_null_give_the_fallback_but_wrong_types_do_not(void)
{
	JSON_AUTO cJSON *json = parse("{\"s\":null,\"n\":true}");
	struct err err = {0};

	CHECK_TEXT(json_string_or(json, "s", "none", &err), "none");
	CHECK(json_bool_or(json, "x", true, &err));
	CHECK(json_number_or(json, "x", 2.5, &err) == 2.5);
	CHECK(!err.code);
	CHECK(json_number_or(json, "n", 2.5, &err) == 2.5 && err.code == EIO);
}

static void numbers_that_do_not_fit_are_refused(void)
{
	JSON_AUTO cJSON *json = parse("{\"huge\":1e999,\"big\":9007199254740994,\"neg\":-1,\"ok\":42}");
	struct err err = {0};

	CHECK(json_integer(json, "ok", 0, 100, &err) == 42 && !err.code);
	json_number(json, "huge", &err);
	CHECK(err.code == EIO);
	err = (struct err){0};
	json_integer(json, "big", 0, INT64_MAX, &err);
	CHECK(err.code == EIO);
	err = (struct err){0};
	json_integer(json, "neg", 0, 100, &err);
	CHECK(err.code == EIO);
}

static void amounts_come_as_texts_or_numbers(void)
{
	JSON_AUTO cJSON *json = parse("{\"a\":\"0.0123000\",\"b\":1.25,\"c\":\"abc\"}");
	DECIMAL_AUTO struct decimal value = decimal_zero();
	struct err err = {0};
	BUF_AUTO struct buf out = {0};

	json_decimal(json, "a", &value, &err);
	decimal_print(&value, &out);
	buf_addc(&out, ' ');
	json_decimal(json, "b", &value, &err);
	decimal_print(&value, &out);
	CHECK_TEXT(buf_text(&out), "0.0123 1.25");
	CHECK(!err.code);
	json_decimal(json, "c", &value, &err);
	CHECK(err.code == EIO);
}

int main(void)
{
	TEST(only_one_whole_value_is_taken);
	TEST(nul_is_refused_as_byte_and_as_escape);
	TEST(depth_has_a_limit);
	TEST(wrong_types_fill_the_error_once_and_give_defaults);
	TEST(absent_and_null_give_the_fallback_but_wrong_types_do_not);
	TEST(numbers_that_do_not_fit_are_refused);
	TEST(amounts_come_as_texts_or_numbers);
	return check_end();
}
