/* Any bytes as an event stream, in pieces whose sizes the first byte chooses: the same events as in one piece. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "core/buf.h"
#include "core/sse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void on_event(void *context, const char *name, const char *data, size_t len)
{
	buf_adds(context, name);
	buf_add(context, data, len);
}

static void on_comment(void *context, const char *text)
{
	buf_adds(context, text);
}

static void feed(struct buf *story, const uint8_t *data, size_t size, size_t piece)
{
	struct sse_handler handler = {.event = on_event, .comment = on_comment, .context = story};
	struct sse *sse = sse_new(&handler);

	for (size_t at = 0; at < size; at += piece)
		assert(sse_feed(sse, data + at, size - at < piece ? size - at : piece, NULL) == 0);
	sse_free(sse);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	BUF_AUTO struct buf whole = {0};
	BUF_AUTO struct buf pieces = {0};

	if (size < 2)
		return 0;
	feed(&whole, data + 1, size - 1, size - 1);
	feed(&pieces, data + 1, size - 1, 1 + data[0] % 16);
	assert(whole.len == pieces.len && (!whole.len || !memcmp(whole.data, pieces.data, whole.len)));
	return 0;
}
