/* What people write: words, durations, numbers, times. */
#include "core/buf.h"
#include "core/text.h"
#include "core/timefmt.h"
#include "tests/unit/check.h"

/* The words in brackets, or the sentence. */
static void expect_words(const char *line, const char *wanted)
{
	TEXT_WORDS_AUTO struct text_words words;
	BUF_AUTO struct buf out = {0};
	struct err err = {0};

	if (text_words(line, strlen(line), &words, &err))
		buf_adds(&out, err.text);
	for (unsigned i = 0; i < words.count; i++)
		buf_printf(&out, "[%s]", words.word[i]);
	CHECK_TEXT(buf_text(&out), wanted);
}

static void words_split_as_a_shell_splits_them(void)
{
	expect_words("", "");
	expect_words(" \t ", "");
	expect_words("create demo  image=golem/alpine:latest", "[create][demo][image=golem/alpine:latest]");
	expect_words("set env 'A=1 B=2'", "[set][env][A=1 B=2]");
	expect_words("a\"b c\"'d e'f", "[ab cd ef]");
	expect_words("\"a\\\"b\\\\c\\n\"", "[a\"b\\c\\n]");
	expect_words("'a\\b'", "[a\\b]");
	expect_words("a\\ b \\'", "[a b][']");
	expect_words("'' \"\"", "[][]");
	expect_words("$HOME *", "[$HOME][*]");
}

static void unbalanced_lines_are_refused_with_a_sentence(void)
{
	expect_words("a 'b", "the quote ' is never closed");
	expect_words("a \"b\\\"", "the quote \" is never closed");
	expect_words("a \\", "the line ends with a backslash");
}

static void a_nul_byte_or_too_many_words_are_refused(void)
{
	struct text_words words;
	char line[2 * TEXT_WORDS_MAX + 2];

	CHECK(text_words("a\0b", 3, &words, NULL) == -1 && !words.word);
	for (size_t i = 0; i < sizeof(line); i++)
		line[i] = i % 2 ? ' ' : 'x';
	CHECK(text_words(line, 2 * TEXT_WORDS_MAX, &words, NULL) == 0 && words.count == TEXT_WORDS_MAX);
	text_words_free(&words);
	CHECK(text_words(line, sizeof(line), &words, NULL) == -1 && words.count == 0);
}

static void durations_are_seconds_or_have_a_unit(void)
{
	static const struct {
		const char *text;
		uint64_t ms;
	} good[] = {{"0", 0},        {"300", 300000},   {"90s", 90000}, {"5m", 300000},
		    {"2h", 7200000}, {"1.5h", 5400000}, {"0.25", 250},  {"1d", 86400000}};
	static const char *const bad[] = {"",    "s",     "-1",          "1w",  "5 m",
					  "1e3", "1h30m", "99999999999", "nan", "0x5"};
	uint64_t ms = 0;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		CHECK(text_duration(good[i].text, &ms, NULL) == 0 && ms == good[i].ms);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK(text_duration(bad[i], &ms, NULL) == -1);
}

static void numbers_out_of_range_are_refused(void)
{
	uint64_t integer = 0;
	double number = 0;
	struct err err = {0};

	CHECK(text_integer("65535", 1, 65535, &integer, NULL) == 0 && integer == 65535);
	CHECK(text_integer("65536", 1, 65535, &integer, &err) == -1);
	CHECK_TEXT(err.text, "65536 is not between 1 and 65535");
	CHECK(text_integer("18446744073709551616", 0, UINT64_MAX, &integer, NULL) == -1);
	CHECK(text_integer("-1", 0, 9, &integer, NULL) == -1);
	CHECK(text_integer("1x", 0, 9, &integer, NULL) == -1);
	CHECK(text_number("0.5", 0, 1, &number, NULL) == 0 && number == 0.5);
	CHECK(text_number("1.5", 0, 1, &number, NULL) == -1);
	CHECK(text_number("abc", 0, 1, &number, NULL) == -1);
}

static void times_are_read_with_any_offset_and_printed_in_utc(void)
{
	struct timespec time;
	char text[TIMEFMT_SIZE];

	CHECK(timefmt_parse("2026-11-22T20:26:33.883313Z", &time));
	timefmt_print(text, &time, 6);
	CHECK_TEXT(text, "2026-11-22T20:26:33.883313Z");
	timefmt_print(text, &time, 0);
	CHECK_TEXT(text, "2026-11-22T20:26:33Z");
	CHECK(timefmt_parse("2026-01-01T00:30:00+02:00", &time));
	timefmt_print(text, &time, 3);
	CHECK_TEXT(text, "2025-12-31T22:30:00.000Z");
	CHECK(timefmt_parse("2026-01-01T00:00:00.1234567891234Z", &time) && time.tv_nsec == 123456789);
}

static void what_is_not_a_time_is_refused(void)
{
	static const char *const bad[] = {"",
					  "2026",
					  "2026-01-01",
					  "2026-01-01T00:00:00",
					  "2026-13-01T00:00:00Z",
					  "2026-01-01T24:00:00Z",
					  "2026-01-01T00:00:00.Z",
					  "2026-01-01T00:00:00Zx",
					  "1969-01-01T00:00:00Z",
					  "2026-01-01T00:00:00+2:00"};
	struct timespec time;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK(!timefmt_parse(bad[i], &time));
}

int main(void)
{
	TEST(words_split_as_a_shell_splits_them);
	TEST(unbalanced_lines_are_refused_with_a_sentence);
	TEST(a_nul_byte_or_too_many_words_are_refused);
	TEST(durations_are_seconds_or_have_a_unit);
	TEST(numbers_out_of_range_are_refused);
	TEST(times_are_read_with_any_offset_and_printed_in_utc);
	TEST(what_is_not_a_time_is_refused);
	return check_end();
}
