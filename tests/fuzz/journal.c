/* Any file as a journal: it opens, and what it holds is the same after it was written anew. */
#include <assert.h>
#include <fcntl.h>
#include <stddef.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/buf.h"
#include "core/journal.h"
#include "core/json.h"
#include "core/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char *dir, *path;

static void clean_up(void)
{
	static const char *const names[] = {"journal", "lock"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		MEM_AUTO char *name = mem_printf("%s/%s", dir, names[i]);

		unlink(name);
	}
	rmdir(dir);
	free(dir);
	free(path);
}

static void make_dir(void)
{
	bool in_memory = !access("/dev/shm", W_OK);

	dir = mem_printf("%s/fuzz-journal-%d", in_memory ? "/dev/shm" : "/tmp", (int)getpid());
	path = mem_printf("%s/journal", dir);
	mkdir(dir, 0700);
	atexit(clean_up);
}

static void show(const struct journal *journal, struct buf *out)
{
	for (const struct journal_entry *entry = journal_first(journal); entry;
	     entry = journal_next(journal, entry)) {
		buf_printf(out, "%llu %d %s ", (unsigned long long)entry->number, entry->kind,
			   entry->id ? entry->id : "");
		json_print(entry->facts, out);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	BUF_AUTO struct buf first = {0};
	BUF_AUTO struct buf second = {0};

	if (!dir)
		make_dir();
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	close(fd);
	struct journal *journal = journal_open(dir, NULL);

	assert(journal);
	show(journal, &first);
	journal_close(journal);
	journal = journal_open(dir, NULL);
	show(journal, &second);
	journal_close(journal);
	assert(!strcmp(buf_text(&first), buf_text(&second)));
	return 0;
}
