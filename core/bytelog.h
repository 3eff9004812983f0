/*
 * An append-only log of bytes with absolute offsets: events, refusals, output of commands.
 *
 * Small logs live in memory; beyond `memory` bytes they go to an unlinked file in the state directory, and
 * beyond `bound` bytes the oldest part is dropped: offsets stay, a dropped range reads as -EIO. Readers
 * that wait are woken through the observer of the object that owns the log (obj.h).
 */
#ifndef CORE_BYTELOG_H
#define CORE_BYTELOG_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

struct bytelog;

/* `spill_dir` is kept by reference and must outlive the log; bound 0: no bound. */
struct bytelog *bytelog_new(const char *spill_dir, uint64_t memory, uint64_t bound);
void bytelog_free(struct bytelog *log);
void bytelog_append(struct bytelog *log, const void *data, size_t len);
/* Bytes that were never seen: the offsets move on, and their range reads as -EIO. */
void bytelog_skip(struct bytelog *log, uint64_t len);
void bytelog_end(struct bytelog *log); /* nothing will come any more */
bool bytelog_ended(const struct bytelog *log);
uint64_t bytelog_size(const struct bytelog *log);  /* bytes ever appended */
uint64_t bytelog_first(const struct bytelog *log); /* offset of the oldest byte that is kept */
struct timespec bytelog_mtime(const struct bytelog *log);
/* Bytes read, 0 at the end, -EIO in a dropped range or when the spill cannot be read. */
ssize_t bytelog_read(struct bytelog *log, uint64_t offset, void *data, size_t len);

#endif
