/* The log of bytes: offsets stay, what is dropped reads as EIO, what is large goes to a file. */
#include "core/buf.h"
#include "core/bytelog.h"
#include "tests/unit/check.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static char dir[] = "/tmp/bytelog-XXXXXX";

static void fill(struct bytelog *log, unsigned count)
{
	char line[16];

	for (unsigned i = 0; i < count; i++) {
		snprintf(line, sizeof(line), "line %04u\n", i);
		bytelog_append(log, line, 10);
	}
}

static void what_was_appended_reads_back_at_any_offset(void)
{
	struct bytelog *log = bytelog_new(dir, 1000, 0);
	char data[64] = "";

	fill(log, 50);
	CHECK(bytelog_size(log) == 500 && bytelog_first(log) == 0);
	CHECK(bytelog_read(log, 495, data, sizeof(data)) == 5 && !memcmp(data, "0049\n", 5));
	CHECK(bytelog_read(log, 500, data, sizeof(data)) == 0);
	CHECK(bytelog_read(log, UINT64_MAX, data, sizeof(data)) == 0);
	bytelog_free(log);
}

static void a_long_log_spills_to_a_file_without_a_trace_in_the_directory(void)
{
	struct bytelog *log = bytelog_new(dir, 100, 0);
	char data[11] = "";

	fill(log, 1000);
	CHECK(bytelog_read(log, 0, data, 10) == 10);
	CHECK_TEXT(data, "line 0000\n");
	CHECK(bytelog_read(log, 9990, data, 10) == 10);
	CHECK_TEXT(data, "line 0999\n");
	CHECK(rmdir(dir) == 0 && mkdtemp(strcpy(dir, "/tmp/bytelog-XXXXXX")));
	bytelog_free(log);
}

static void beyond_the_bound_the_oldest_part_reads_as_eio(void)
{
	struct bytelog *log = bytelog_new(dir, 100, 1000);
	char data[16];

	fill(log, 1000);
	CHECK(bytelog_size(log) == 10000);
	CHECK(bytelog_first(log) > 8900 && bytelog_first(log) <= 9250);
	CHECK(bytelog_read(log, bytelog_first(log) - 1, data, 1) == -EIO);
	CHECK(bytelog_read(log, 9990, data, 10) == 10 && !memcmp(data, "line 0999\n", 10));
	bytelog_free(log);
}

static void without_a_place_to_spill_the_memory_stays_bounded(void)
{
	struct bytelog *log = bytelog_new("/nonexistent", 200, 0);
	char data[16];

	fill(log, 1000);
	CHECK(bytelog_size(log) == 10000 && bytelog_size(log) - bytelog_first(log) <= 200);
	CHECK(bytelog_read(log, 0, data, 1) == -EIO);
	CHECK(bytelog_read(log, 9990, data, 10) == 10 && !memcmp(data, "line 0999\n", 10));
	bytelog_free(log);
}

static void an_ended_log_takes_nothing_more(void)
{
	struct bytelog *log = bytelog_new(dir, 100, 0);

	bytelog_append(log, "a", 1);
	CHECK(!bytelog_ended(log));
	bytelog_end(log);
	bytelog_append(log, "b", 1);
	CHECK(bytelog_ended(log) && bytelog_size(log) == 1);
	bytelog_free(log);
}

static void bytes_grow_shrink_and_are_cleaned(void)
{
	BUF_AUTO struct buf buf = {0};

	CHECK_TEXT(buf_text(&buf), "");
	for (int i = 0; i < 1000; i++)
		buf_printf(&buf, "%03d", i);
	CHECK(buf.len == 3000);
	buf_drop(&buf, 2994);
	CHECK_TEXT(buf_text(&buf), "998999");
	buf_drop(&buf, 100);
	CHECK(buf.len == 0);
	buf_add_clean(&buf, "a\x1b[31m\nb\tc\x7f\xc3\xa9");
	CHECK_TEXT(buf_text(&buf), "a[31mbc\xc3\xa9");
}

static void what_was_skipped_reads_as_eio_and_nothing_else_does(void)
{
	struct bytelog *log = bytelog_new(dir, 100000, 0);
	char data[64];

	bytelog_append(log, "before", 6);
	bytelog_skip(log, 1000);
	bytelog_skip(log, 10);
	bytelog_append(log, "after", 5);
	CHECK(bytelog_size(log) == 1021 && bytelog_first(log) == 0);
	CHECK(bytelog_read(log, 0, data, sizeof(data)) == 6 && !memcmp(data, "before", 6));
	CHECK(bytelog_read(log, 6, data, 1) == -EIO && bytelog_read(log, 1015, data, 1) == -EIO);
	CHECK(bytelog_read(log, 1016, data, sizeof(data)) == 5 && !memcmp(data, "after", 5));
	for (unsigned i = 0; i < 200; i++) {
		bytelog_skip(log, 3);
		bytelog_append(log, "x", 1);
	}
	CHECK(bytelog_size(log) == 1821 && bytelog_first(log) > 1021);
	CHECK(bytelog_read(log, 0, data, 1) == -EIO);
	CHECK(bytelog_read(log, 1820, data, 2) == 1 && *data == 'x');
	CHECK(bytelog_read(log, 1819, data, 1) == -EIO);
	bytelog_free(log);
}

int main(void)
{
	if (!mkdtemp(dir))
		return 1;
	TEST(what_was_appended_reads_back_at_any_offset);
	TEST(a_long_log_spills_to_a_file_without_a_trace_in_the_directory);
	TEST(beyond_the_bound_the_oldest_part_reads_as_eio);
	TEST(what_was_skipped_reads_as_eio_and_nothing_else_does);
	TEST(without_a_place_to_spill_the_memory_stays_bounded);
	TEST(an_ended_log_takes_nothing_more);
	TEST(bytes_grow_shrink_and_are_cleaned);
	rmdir(dir);
	return check_end();
}
