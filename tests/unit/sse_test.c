/* Event streams: any division into pieces gives the same events. */
#include "core/buf.h"
#include "core/mem.h"
#include "core/sse.h"
#include "tests/unit/check.h"

static struct buf story;
static struct sse *reader;
static bool frees;

static void on_event(void *context, const char *name, const char *data, size_t len)
{
	(void)context;
	CHECK(strlen(data) == len);
	buf_printf(&story, "<%s|%s>", name, data);
	if (frees)
		sse_free(reader);
}

static void on_comment(void *context, const char *text)
{
	(void)context;
	buf_printf(&story, "{%s}", text);
}

static const struct sse_handler handler = {.event = on_event, .comment = on_comment};

static void feed_in_pieces(const char *text, size_t piece)
{
	size_t len = strlen(text);

	buf_clear(&story);
	reader = sse_new(&handler);
	for (size_t at = 0; at < len; at += piece)
		CHECK(sse_feed(reader, text + at, len - at < piece ? len - at : piece, NULL) == 0);
	sse_free(reader);
}

static void events_are_the_same_however_they_are_cut(void)
{
	static const char text[] =
		"event: runtime\ndata: {\"a\":1}\nid: 0\n\n:ping\r\ndata:one\rdata: two\n\nevent: "
		"empty\n\ndata\n\nretry: 5\ndata: unfinished";

	for (size_t piece = 1; piece <= sizeof(text); piece++) {
		feed_in_pieces(text, piece);
		CHECK_TEXT(buf_text(&story), "<runtime|{\"a\":1}>{ping}<|one\ntwo><|>");
	}
}

static void the_reader_may_be_freed_by_its_handler(void)
{
	static const char text[] = "data: a\n\ndata: b\n\n";

	buf_clear(&story);
	frees = true;
	reader = sse_new(&handler);
	CHECK(sse_feed(reader, text, strlen(text), NULL) == 1);
	frees = false;
	CHECK_TEXT(buf_text(&story), "<|a>");
}

static void an_endless_line_or_event_is_refused(void)
{
	enum { PIECE = 1 << 20 };
	MEM_AUTO char *piece = mem_alloc(PIECE + 1);
	struct err err = {0};
	int result = 0;

	memset(piece, 'x', PIECE);
	reader = sse_new(&handler);
	for (int i = 0; i < 20 && !result; i++)
		result = sse_feed(reader, piece, PIECE, &err);
	CHECK(result == -1 && err.code == EIO);
	sse_free(reader);
	memcpy(piece, "data:", 5);
	piece[PIECE - 1] = '\n';
	result = 0;
	reader = sse_new(&handler);
	for (int i = 0; i < 20 && !result; i++)
		result = sse_feed(reader, piece, PIECE, &err);
	CHECK(result == -1);
	sse_free(reader);
}

int main(void)
{
	TEST(events_are_the_same_however_they_are_cut);
	TEST(the_reader_may_be_freed_by_its_handler);
	TEST(an_endless_line_or_event_is_refused);
	buf_free(&story);
	return check_end();
}
