/* The journal: what was intended survives anything, what is gone stays gone. */
#include "core/buf.h"
#include "core/journal.h"
#include "core/mem.h"
#include "tests/unit/check.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static char dir[64];
static char *path;

static cJSON *facts(const char *name)
{
	cJSON *json = cJSON_CreateObject();

	cJSON_AddStringToObject(json, "name", name);
	return json;
}

static struct journal *reopen(struct journal *journal)
{
	journal_close(journal);
	journal = journal_open(dir, NULL);
	CHECK(journal);
	return journal;
}

/* "kind id name; …" of all open entries */
static void expect(const struct journal *journal, const char *wanted)
{
	static const char *const kinds[] = {"backend", "allocation", "demand", "agreement", "activity"};
	BUF_AUTO struct buf out = {0};

	for (const struct journal_entry *entry = journal_first(journal); entry;
	     entry = journal_next(journal, entry)) {
		const cJSON *name = cJSON_GetObjectItem(entry->facts, "name");

		buf_printf(&out, "%s %s %s; ", kinds[entry->kind], entry->id ? entry->id : "-",
			   name ? name->valuestring : "?");
	}
	CHECK_TEXT(buf_text(&out), wanted);
}

static void append_raw(const char *text)
{
	int fd = open(path, O_WRONLY | O_APPEND);

	CHECK(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
}

static void entries_survive_a_restart_until_they_are_gone(void)
{
	struct journal *journal = journal_open(dir, NULL);
	uint64_t allocation = journal_intend(journal, JOURNAL_ALLOCATION, facts("a"), NULL);
	uint64_t demand = journal_intend(journal, JOURNAL_DEMAND, facts("d"), NULL);

	CHECK(allocation && demand > allocation);
	journal_confirm(journal, allocation, "A-1");
	expect(journal, "allocation A-1 a; demand - d; ");
	journal = reopen(journal);
	expect(journal, "allocation A-1 a; demand - d; ");
	journal_amend(journal, demand, facts("d2"));
	journal_gone(journal, allocation);
	journal_gone(journal, 12345);
	journal = reopen(journal);
	expect(journal, "demand - d2; ");
	journal_gone(journal, demand);
	journal = reopen(journal);
	expect(journal, "");
	journal_close(journal);
}

static void a_broken_last_line_is_dropped_and_a_broken_one_elsewhere_skipped(void)
{
	struct journal *journal = journal_open(dir, NULL);

	journal_intend(journal, JOURNAL_AGREEMENT, facts("kept"), NULL);
	journal_close(journal);
	append_raw("garbage\n{\"do\":\"intend\",\"number\":-5,\"kind\":\"demand\"}\n{\"do\":\"intend\","
		   "\"number\":9,"
		   "\"kind\":\"spaceship\"}\n[]\n{\"do\":\"confirm\",\"number\":1,\"id\":\"x\"}\n{\"do\":"
		   "\"gone\",\"nu");
	journal = journal_open(dir, NULL);
	expect(journal, "agreement x kept; ");
	journal_intend(journal, JOURNAL_ACTIVITY, facts("new"), NULL);
	journal = reopen(journal);
	expect(journal, "agreement x kept; activity - new; ");
	journal_close(journal);
}

/* Cut after every byte: an entry that was confirmed by its newline is never lost, and nothing else appears. */
static void a_file_cut_anywhere_is_read_up_to_there(void)
{
	struct journal *journal = journal_open(dir, NULL);
	char text[4096];

	journal_confirm(journal, journal_intend(journal, JOURNAL_DEMAND, facts("one"), NULL), "D");
	journal_intend(journal, JOURNAL_DEMAND, facts("two"), NULL);
	journal_close(journal);
	int fd = open(path, O_RDONLY);
	ssize_t len = read(fd, text, sizeof(text));

	close(fd);
	CHECK(len > 0);
	for (ssize_t cut = 0; cut <= len; cut++) {
		fd = open(path, O_WRONLY | O_TRUNC);
		CHECK(write(fd, text, (size_t)cut) == cut);
		close(fd);
		unsigned lines = 0, entries = 0;

		for (ssize_t i = 0; i < cut; i++)
			lines += text[i] == '\n';
		journal = journal_open(dir, NULL);
		CHECK(journal);
		for (const struct journal_entry *entry = journal_first(journal); entry;
		     entry = journal_next(journal, entry))
			entries++;
		CHECK(entries == (lines > 1 ? lines - 1 : lines));
		journal_close(journal);
	}
}

static void the_file_does_not_grow_for_ever(void)
{
	struct journal *journal = journal_open(dir, NULL);

	for (int i = 0; i < 600; i++) {
		uint64_t number = journal_intend(journal, JOURNAL_ACTIVITY, facts("x"), NULL);

		CHECK(number);
		journal_gone(journal, number);
	}
	int fd = open(path, O_RDONLY);

	CHECK(lseek(fd, 0, SEEK_END) < 32 * 1024);
	close(fd);
	journal_close(journal);
}

static void a_second_user_is_told_the_pid_of_the_first(void)
{
	struct journal *journal = journal_open(dir, NULL);
	pid_t owner = getpid(), child = fork();

	if (!child) {
		struct err err = {0};
		struct journal *second = journal_open(dir, &err);
		MEM_AUTO char *pid = mem_printf("(pid %d)", (int)owner);

		_exit(!second && err.code == EBUSY && strstr(err.text, pid) ? 0 : 1);
	}
	int status = -1;

	waitpid(child, &status, 0);
	CHECK(status == 0);
	journal = reopen(journal);
	journal_close(journal);
}

static void a_directory_that_cannot_be_made_is_an_error_with_a_sentence(void)
{
	struct err err = {0};

	CHECK(!journal_open("/dev/null/x", &err));
	CHECK(err.code == EIO && strstr(err.text, "/dev/null/x"));
}

static void run(void (*test)(void), const char *name)
{
	snprintf(dir, sizeof(dir), "/tmp/journal-XXXXXX");
	CHECK(mkdtemp(dir));
	strcat(dir, "/state");
	path = mem_printf("%s/journal", dir);
	check_run(test, name);
	MEM_AUTO char *remove = mem_printf("rm -r '%.*s'", (int)strlen(dir) - 6, dir);

	if (system(remove))
		check_bad_tests++;
	free(path);
}
#define RUN(test) run(test, #test)

int main(void)
{
	RUN(entries_survive_a_restart_until_they_are_gone);
	RUN(a_broken_last_line_is_dropped_and_a_broken_one_elsewhere_skipped);
	RUN(a_file_cut_anywhere_is_read_up_to_there);
	RUN(the_file_does_not_grow_for_ever);
	RUN(a_second_user_is_told_the_pid_of_the_first);
	RUN(a_directory_that_cannot_be_made_is_an_error_with_a_sentence);
	return check_end();
}
