/*
 * The journal: what is rented is written down before it is asked for, and struck off after it is gone (design 4.1).
 *
 * It owns a file of small JSON lines and a lock file in the state directory. An entry begins as an *intent* (stored
 * safely before this returns: only then may the call be made), is *confirmed* with the id that yagna gave, may be
 * *amended*, and ends *gone*. After a crash the entries that are left are what has to be adopted or ended; an intent
 * without id was or was not carried out: its facts must be enough to recognise the thing in yagna's listings.
 */
#ifndef CORE_JOURNAL_H
#define CORE_JOURNAL_H

#include <cjson/cJSON.h>
#include <stdint.h>

#include "core/err.h"

struct journal;

enum journal_kind {
	JOURNAL_BACKEND, /* not rented, but needed to adopt: name and settings */
	JOURNAL_ALLOCATION,
	JOURNAL_DEMAND,
	JOURNAL_AGREEMENT,
	JOURNAL_ACTIVITY,
	JOURNAL_NETWORK,
	JOURNAL_KINDS
};

struct journal_entry {
	uint64_t number; /* from 1 up, never used again by this process */
	enum journal_kind kind;
	const char *id;     /* NULL: an intent */
	const cJSON *facts; /* object */
};

/* Makes the directory (0700) if missing. NULL: EBUSY with the pid of the golemfs that uses it, or why it cannot be
 * read or written. A broken last line is what a crash leaves and is dropped; a broken line elsewhere is skipped. */
struct journal *journal_open(const char *dir, struct err *err);
void journal_close(struct journal *journal);

/* facts: an object, consumed. The entry's number, or 0 with EIO when it cannot be stored: then do not rent. */
uint64_t journal_intend(struct journal *journal, enum journal_kind kind, cJSON *facts, struct err *err);
/* These three are in the file when they return, but only the next intent forces them to the disk: should a power
 * failure take them, the entry is merely looked up again. Unknown numbers are ignored. */
void journal_confirm(struct journal *journal, uint64_t number, const char *id);
void journal_amend(struct journal *journal, uint64_t number, cJSON *facts); /* replaces the facts; consumed */
void journal_gone(struct journal *journal, uint64_t number);

/* The open entries, oldest first. The pointers are good until that entry is changed. */
const struct journal_entry *journal_first(const struct journal *journal);
const struct journal_entry *journal_next(const struct journal *journal, const struct journal_entry *entry);
const struct journal_entry *journal_get(const struct journal *journal, uint64_t number);

#endif
