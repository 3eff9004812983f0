#include "core/text.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#include "core/buf.h"
#include "core/decimal.h"
#include "core/mem.h"

/* One word on its way. */
struct splitter {
	const char *at, *end;
	struct buf word;
	bool begun; /* '' is a word too */
	struct text_words *out;
	struct err *err;
};

static int finish_word(struct splitter *splitter)
{
	struct text_words *out = splitter->out;

	if (!splitter->begun)
		return 0;
	if (out->count == TEXT_WORDS_MAX)
		return err_set(splitter->err, EINVAL, "more than %d words in one line", TEXT_WORDS_MAX);
	out->word = mem_resize(out->word, (out->count + 2) * sizeof(*out->word));
	out->word[out->count++] = buf_take(&splitter->word);
	out->word[out->count] = NULL;
	splitter->begun = false;
	return 0;
}

static int take_quoted(struct splitter *splitter, char quote)
{
	for (; splitter->at < splitter->end && *splitter->at != quote; splitter->at++) {
		const char *next = splitter->at + 1;

		if (quote == '"' && *splitter->at == '\\' && next < splitter->end &&
		    (*next == '"' || *next == '\\'))
			splitter->at++;
		buf_addc(&splitter->word, *splitter->at);
	}
	if (splitter->at == splitter->end)
		return err_set(splitter->err, EINVAL, "the quote %c is never closed", quote);
	splitter->at++;
	return 0;
}

static int take_character(struct splitter *splitter)
{
	char c = *splitter->at++;

	if (isspace((unsigned char)c))
		return finish_word(splitter);
	splitter->begun = true;
	if (c == '\'' || c == '"')
		return take_quoted(splitter, c);
	if (c == '\\') {
		if (splitter->at == splitter->end)
			return err_set(splitter->err, EINVAL, "the line ends with a backslash");
		c = *splitter->at++;
	}
	buf_addc(&splitter->word, c);
	return 0;
}

int text_words(const char *line, size_t len, struct text_words *out, struct err *err)
{
	struct splitter splitter = {.at = line, .end = line + len, .out = out, .err = err};
	int failed = 0;

	*out = (struct text_words){.word = mem_alloc(sizeof(*out->word))};
	if (len && memchr(line, '\0', len))
		failed = err_set(err, EINVAL, "a NUL byte in the line");
	while (!failed && splitter.at < splitter.end)
		failed = take_character(&splitter);
	if (!failed)
		failed = finish_word(&splitter);
	if (failed)
		text_words_free(out);
	buf_free(&splitter.word);
	return failed;
}

void text_words_free(struct text_words *words)
{
	for (unsigned i = 0; i < words->count; i++)
		free(words->word[i]);
	free(words->word);
	*words = (struct text_words){0};
}

static const struct unit {
	char letter;
	unsigned ms;
} units[] = {{'s', 1000}, {'m', 60 * 1000}, {'h', 3600 * 1000}, {'d', 24 * 3600 * 1000}};

static const uint64_t longest_ms = 10ULL * 365 * 24 * 3600 * 1000;

int text_duration(const char *text, uint64_t *ms, struct err *err)
{
	char digits[24];
	double value;
	unsigned factor = 1000;
	size_t len = strnlen(text, sizeof(digits));

	if (!len || len == sizeof(digits))
		goto bad;
	memcpy(digits, text, len + 1);
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (digits[len - 1] != units[i].letter)
			continue;
		digits[len - 1] = '\0';
		factor = units[i].ms;
		break;
	}
	if (strspn(digits, "0123456789.") != strlen(digits))
		goto bad;
	if (text_number(digits, 0, (double)longest_ms / factor, &value, NULL))
		goto bad;
	*ms = (uint64_t)(value * factor + 0.5);
	return 0;
bad:
	return err_set(err, EINVAL, "not a duration (seconds, or 90s, 5m, 2h): '%.40s'", text);
}

int text_integer(const char *text, uint64_t min, uint64_t max, uint64_t *out, struct err *err)
{
	uint64_t value = 0;
	const char *at = text;
	bool overflow = false;

	for (; isdigit((unsigned char)*at); at++)
		overflow = overflow || __builtin_mul_overflow(value, 10, &value) ||
			   __builtin_add_overflow(value, (uint64_t)(*at - '0'), &value);
	if (at == text || *at)
		return err_set(err, EINVAL, "not a whole number: '%.40s'", text);
	if (overflow || value < min || value > max)
		return err_set(err, EINVAL, "%.40s is not between %llu and %llu", text,
			       (unsigned long long)min, (unsigned long long)max);
	*out = value;
	return 0;
}

int text_number(const char *text, double min, double max, double *out, struct err *err)
{
	DECIMAL_AUTO struct decimal decimal = decimal_zero();

	if (decimal_parse(&decimal, text, NULL))
		return err_set(err, EINVAL, "not a number: '%.40s'", text);
	double value = decimal_to_double(&decimal);

	if (value < min || value > max)
		return err_set(err, EINVAL, "%.40s is not between %.15g and %.15g", text, min, max);
	*out = value;
	return 0;
}
