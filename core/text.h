/*
 * Text that people write: words of a control line, durations, numbers. Failures are EINVAL with a sentence
 * that quotes the word (design 2.2).
 */
#ifndef CORE_TEXT_H
#define CORE_TEXT_H

#include <stddef.h>
#include <stdint.h>

#include "core/err.h"

enum { TEXT_WORDS_MAX = 256 };

struct text_words {
	char **word; /* count texts and a NULL */
	unsigned count;
};

/* Splits as a shell does, without expansion: blanks, '…', "…" (with \" \\ inside), backslash. A NUL byte, an
 * open quote, a trailing backslash or more than TEXT_WORDS_MAX words: EINVAL. On failure *out is empty. */
int text_words(const char *line, size_t len, struct text_words *out, struct err *err);
void text_words_free(struct text_words *words);
#define TEXT_WORDS_AUTO __attribute__((cleanup(text_words_free)))

/* Seconds, or with a unit "90s", "5m", "2h", "1.5h", to milliseconds; at most ten years. */
int text_duration(const char *text, uint64_t *ms, struct err *err);
/* Decimal digits only. */
int text_integer(const char *text, uint64_t min, uint64_t max, uint64_t *out, struct err *err);
/* A decimal number; the sentence names the range. */
int text_number(const char *text, double min, double max, double *out, struct err *err);

#endif
