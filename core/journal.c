#include "core/journal.h"

#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utlist.h>

#include "core/buf.h"
#include "core/json.h"
#include "core/mem.h"

enum {
	COMPACT_LINES = 256, /* more lines than this, and than twice the open entries: written anew */
	FILE_MAX = 64 << 20, /* nothing we wrote is as large */
};

struct entry {
	struct journal_entry shown; /* first: entries are handed out as this */
	char *id;
	cJSON *facts;
	struct entry *prev, *next;
};

struct journal {
	char *dir;
	int lock, file;
	struct entry *entries;
	uint64_t last_number;
	unsigned lines; /* in the file */
};

static const char *const kind_names[JOURNAL_KINDS] = {
	[JOURNAL_BACKEND] = "backend",     [JOURNAL_ALLOCATION] = "allocation", [JOURNAL_DEMAND] = "demand",
	[JOURNAL_AGREEMENT] = "agreement", [JOURNAL_ACTIVITY] = "activity",     [JOURNAL_NETWORK] = "network",
};

/* What a line does to the entry of its number. */
static const char *const deeds[] = {"intend", "confirm", "amend", "gone"};

static struct entry *entry_of(const struct journal *journal, uint64_t number)
{
	struct entry *entry;

	DL_FOREACH (journal->entries, entry) {
		if (entry->shown.number == number)
			return entry;
	}
	return NULL;
}

/* ---- changes in memory; each consumes its facts ---- */

static void set_facts(struct entry *entry, cJSON *facts)
{
	cJSON_Delete(entry->facts);
	entry->facts = facts;
	entry->shown.facts = facts;
}

static void set_id(struct entry *entry, const char *id)
{
	char *copy = mem_strdup(id);

	free(entry->id);
	entry->id = copy;
	entry->shown.id = copy;
}

static struct entry *entry_new(struct journal *journal, uint64_t number, enum journal_kind kind, cJSON *facts)
{
	struct entry *entry = mem_alloc(sizeof(*entry));

	entry->shown.number = number;
	entry->shown.kind = kind;
	set_facts(entry, facts);
	DL_APPEND(journal->entries, entry);
	if (number > journal->last_number)
		journal->last_number = number;
	return entry;
}

static void entry_free(struct journal *journal, struct entry *entry)
{
	DL_DELETE(journal->entries, entry);
	cJSON_Delete(entry->facts);
	free(entry->id);
	free(entry);
}

/* ---- reading ---- */

static int kind_of(const char *name)
{
	for (int kind = 0; kind < JOURNAL_KINDS; kind++) {
		if (!strcmp(name, kind_names[kind]))
			return kind;
	}
	return -1;
}

static cJSON *facts_of(cJSON *line)
{
	cJSON *facts = cJSON_DetachItemFromObjectCaseSensitive(line, "facts");

	if (cJSON_IsObject(facts))
		return facts;
	cJSON_Delete(facts);
	return cJSON_CreateObject();
}

/* One line as it was written by append(); a line that makes no sense changes nothing. */
static void replay(struct journal *journal, const char *text, size_t len)
{
	struct err err = {0};
	JSON_AUTO cJSON *line = json_parse(text, len, EIO, NULL);
	uint64_t number = (uint64_t)json_integer(line, "number", 1, INT64_MAX, &err);
	const char *deed = json_string(line, "do", &err);
	int kind = kind_of(json_string_or(line, "kind", "", &err));
	const char *id = json_string_or(line, "id", NULL, &err);

	if (err.code)
		return;
	struct entry *entry = entry_of(journal, number);

	if (!strcmp(deed, deeds[0])) {
		if (entry || kind < 0)
			return;
		entry = entry_new(journal, number, (enum journal_kind)kind, facts_of(line));
		if (id)
			set_id(entry, id);
	} else if (entry && !strcmp(deed, deeds[1]) && id) {
		set_id(entry, id);
	} else if (entry && !strcmp(deed, deeds[2])) {
		set_facts(entry, facts_of(line));
	} else if (entry && !strcmp(deed, deeds[3])) {
		entry_free(journal, entry);
	}
}

static int read_all(int fd, struct buf *out)
{
	char piece[16384];
	ssize_t got;

	while ((got = read(fd, piece, sizeof(piece))) != 0) {
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -1;
		if (out->len + (size_t)got > FILE_MAX) {
			errno = EFBIG;
			return -1;
		}
		buf_add(out, piece, (size_t)got);
	}
	return 0;
}

static int load(struct journal *journal, struct err *err)
{
	MEM_AUTO char *path = mem_printf("%s/journal", journal->dir);
	BUF_AUTO struct buf text = {0};
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return errno == ENOENT ? 0 : err_set(err, EIO, "cannot read %s: %s", path, strerror(errno));
	int failed = read_all(fd, &text);

	if (failed)
		failed = err_set(err, EIO, "cannot read %s: %s", path, strerror(errno));
	close(fd);
	/* What follows the last newline was being written when the machine or the program stopped. */
	const char *at = buf_text(&text), *stop = at + text.len, *end;

	for (; (end = memchr(at, '\n', (size_t)(stop - at))); at = end + 1)
		replay(journal, at, (size_t)(end - at));
	return failed;
}

/* ---- writing ---- */

static void render(struct buf *out, const char *deed, uint64_t number, const char *kind, const char *id,
		   const cJSON *facts)
{
	JSON_AUTO cJSON *line = cJSON_CreateObject();

	cJSON_AddStringToObject(line, "do", deed);
	cJSON_AddNumberToObject(line, "number", (double)number);
	if (kind)
		cJSON_AddStringToObject(line, "kind", kind);
	if (id)
		cJSON_AddStringToObject(line, "id", id);
	if (facts)
		cJSON_AddItemToObject(line, "facts", cJSON_Duplicate(facts, true));
	json_print(line, out);
	buf_addc(out, '\n');
}

static int write_all(int fd, const struct buf *text)
{
	for (size_t done = 0; done < text->len;) {
		ssize_t written = write(fd, text->data + done, text->len - done);

		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
			return -1;
		done += (size_t)written;
	}
	return 0;
}

/* Makes the name of a new file as lasting as its content. */
static void sync_dir(const char *dir)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return;
	fsync(fd);
	close(fd);
}

/* The open entries and nothing else, in a new file which then takes the place of the old one. */
static int rewrite(struct journal *journal, struct err *err)
{
	MEM_AUTO char *path = mem_printf("%s/journal", journal->dir);
	MEM_AUTO char *fresh = mem_printf("%s/journal.new", journal->dir);
	BUF_AUTO struct buf text = {0};
	struct entry *entry;
	unsigned lines = 0;
	int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);

	DL_FOREACH (journal->entries, entry) {
		render(&text, deeds[0], entry->shown.number, kind_names[entry->shown.kind], entry->id,
		       entry->facts);
		lines++;
	}
	if (fd < 0 || write_all(fd, &text) || fdatasync(fd) || rename(fresh, path)) {
		err_set(err, EIO, "cannot write %s: %s", path, strerror(errno));
		if (fd >= 0)
			close(fd);
		return -1;
	}
	sync_dir(journal->dir);
	if (journal->file >= 0)
		close(journal->file);
	journal->file = fd;
	journal->lines = lines;
	return 0;
}

static bool is_long(const struct journal *journal)
{
	struct entry *entry;
	unsigned open = 0;

	if (journal->lines < COMPACT_LINES)
		return false;
	DL_COUNT(journal->entries, entry, open);
	return journal->lines > 2 * open;
}

/* Half a line in the middle of the file would spoil the one after it: after a failed write the file is made anew. */
static int append(struct journal *journal, const struct buf *line, bool safely, struct err *err)
{
	if (write_all(journal->file, line) || (safely && fdatasync(journal->file))) {
		err_set(err, EIO, "cannot write the journal in %s: %s", journal->dir, strerror(errno));
		rewrite(journal, NULL);
		return -1;
	}
	journal->lines++;
	return 0;
}

/* ---- the lock ---- */

static int lock(struct journal *journal, struct err *err)
{
	MEM_AUTO char *path = mem_printf("%s/lock", journal->dir);
	char pid[32] = "";

	journal->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (journal->lock < 0)
		return err_set(err, EIO, "cannot use %s: %s", path, strerror(errno));
	if (flock(journal->lock, LOCK_EX | LOCK_NB)) {
		if (read(journal->lock, pid, sizeof(pid) - 1) < 0)
			pid[0] = '\0';
		pid[strcspn(pid, "\n")] = '\0';
		return err_set(err, EBUSY, "%s is used by another golemfs (pid %s)", journal->dir,
			       *pid ? pid : "unknown");
	}
	int len = snprintf(pid, sizeof(pid), "%d\n", (int)getpid());

	if (ftruncate(journal->lock, 0) || pwrite(journal->lock, pid, (size_t)len, 0) != len)
		return err_set(err, EIO, "cannot write %s: %s", path, strerror(errno));
	return 0;
}

static int make_dir(const char *dir, struct err *err)
{
	MEM_AUTO char *path = mem_strdup(dir);

	for (char *at = path + 1; *at; at++) {
		if (*at != '/')
			continue;
		*at = '\0';
		mkdir(path, 0755);
		*at = '/';
	}
	if (mkdir(path, 0700) && errno != EEXIST)
		return err_set(err, EIO, "cannot make %s: %s", dir, strerror(errno));
	return 0;
}

/* ---- public ---- */

struct journal *journal_open(const char *dir, struct err *err)
{
	struct journal *journal = mem_alloc(sizeof(*journal));

	journal->dir = mem_strdup(dir);
	journal->lock = journal->file = -1;
	if (!make_dir(dir, err) && !lock(journal, err) && !load(journal, err) && !rewrite(journal, err))
		return journal;
	journal_close(journal);
	return NULL;
}

void journal_close(struct journal *journal)
{
	if (!journal)
		return;
	while (journal->entries)
		entry_free(journal, journal->entries);
	if (journal->file >= 0)
		close(journal->file);
	if (journal->lock >= 0)
		close(journal->lock);
	free(journal->dir);
	free(journal);
}

uint64_t journal_intend(struct journal *journal, enum journal_kind kind, cJSON *facts, struct err *err)
{
	BUF_AUTO struct buf line = {0};
	uint64_t number = journal->last_number + 1;

	if (is_long(journal) && rewrite(journal, err)) {
		cJSON_Delete(facts);
		return 0;
	}
	render(&line, deeds[0], number, kind_names[kind], NULL, facts);
	if (append(journal, &line, true, err)) {
		cJSON_Delete(facts);
		return 0;
	}
	entry_new(journal, number, kind, facts);
	return number;
}

void journal_confirm(struct journal *journal, uint64_t number, const char *id)
{
	BUF_AUTO struct buf line = {0};
	struct entry *entry = entry_of(journal, number);

	if (!entry)
		return;
	set_id(entry, id);
	render(&line, deeds[1], number, NULL, id, NULL);
	append(journal, &line, false, NULL);
}

void journal_amend(struct journal *journal, uint64_t number, cJSON *facts)
{
	BUF_AUTO struct buf line = {0};
	struct entry *entry = entry_of(journal, number);

	if (!entry) {
		cJSON_Delete(facts);
		return;
	}
	set_facts(entry, facts);
	render(&line, deeds[2], number, NULL, NULL, facts);
	append(journal, &line, false, NULL);
}

void journal_gone(struct journal *journal, uint64_t number)
{
	BUF_AUTO struct buf line = {0};
	struct entry *entry = entry_of(journal, number);

	if (!entry)
		return;
	entry_free(journal, entry);
	render(&line, deeds[3], number, NULL, NULL, NULL);
	append(journal, &line, false, NULL);
}

const struct journal_entry *journal_first(const struct journal *journal)
{
	return journal->entries ? &journal->entries->shown : NULL;
}

const struct journal_entry *journal_next(const struct journal *journal, const struct journal_entry *entry)
{
	const struct entry *next = ((const struct entry *)entry)->next;

	(void)journal;
	return next ? &next->shown : NULL;
}

const struct journal_entry *journal_get(const struct journal *journal, uint64_t number)
{
	const struct entry *entry = entry_of(journal, number);

	return entry ? &entry->shown : NULL;
}
