/* Any line as words, and any word as a duration, a number, a time. */
#include <assert.h>
#include <stddef.h>

#include "core/mem.h"
#include "core/text.h"
#include "core/timefmt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_word(const char *word)
{
	char printed[TIMEFMT_SIZE];
	struct timespec time, again;
	uint64_t integer;
	double number;
	struct err err;

	if (text_duration(word, &integer, &err))
		assert(err.code == EINVAL);
	if (!text_integer(word, 5, 500, &integer, NULL))
		assert(integer >= 5 && integer <= 500);
	if (!text_number(word, -1, 1, &number, NULL))
		assert(number >= -1 && number <= 1);
	if (!timefmt_parse(word, &time))
		return;
	timefmt_print(printed, &time, 9);
	if (time.tv_sec >= 0 && time.tv_sec < 253402300800)
		assert(timefmt_parse(printed, &again) && again.tv_sec == time.tv_sec &&
		       again.tv_nsec == time.tv_nsec);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	TEXT_WORDS_AUTO struct text_words words;
	MEM_AUTO char *text = mem_alloc(size + 1);
	struct err err = {0};

	if (size)
		memcpy(text, data, size);
	try_word(text);
	if (text_words(text, size, &words, &err))
		assert(err.code == EINVAL && *err.text && !words.count);
	for (unsigned i = 0; i < words.count; i++)
		try_word(words.word[i]);
	return 0;
}
