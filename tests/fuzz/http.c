/* Any bytes as requests, whole and in pieces: both ways the same requests come out. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "core/mem.h"
#include "tests/devnet/http.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* One request; the pieces grow by `step`. Returns the bytes it took. */
static size_t read_one(struct http_parser *parser, const char *data, size_t size, size_t step)
{
	size_t used = 0;
	for (size_t end = step;; end += step) {
		size_t limit = end < size ? end : size;
		if (limit > used)
			used += http_feed(parser, data + used, limit - used);
		if (parser->state >= HTTP_DONE || limit == size)
			return used;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct http_request whole = {0}, pieces = {0};
	struct http_parser first, second;
	const char *text = (const char *)data;
	http_begin(&first, &whole);
	http_begin(&second, &pieces);
	size_t used = read_one(&first, text, size, size + 1);
	size_t again = read_one(&second, text, size, size % 7 + 1);
	if (first.state == HTTP_DONE) {
		assert(second.state == HTTP_DONE && used == again && whole.body_size == pieces.body_size);
		assert(!strcmp(whole.target, pieces.target) && whole.header_count == pieces.header_count);
		http_decode(whole.target, true, "%/+");
	}
	http_clear(&whole);
	http_clear(&pieces);
	return 0;
}
