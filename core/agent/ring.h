/*
 * The output of one command that golemfs has not acknowledged yet, by absolute offsets.
 *
 * A ring begins empty and small, grows in memory, spills into a file of the agent's directory and, at its bound
 * (or when the disk is full), gives up the oldest part: `first` moves on, offsets stay, so nothing is lost
 * silently. Measured: rings that begin large cost 18 MB after a flood of commands (reference/agent.md).
 */
#ifndef CORE_AGENT_RING_H
#define CORE_AGENT_RING_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct ring {
	char *memory; /* the bytes [memory_first, memory_first + memory_len) */
	size_t memory_len, memory_cap;
	uint64_t memory_first;
	uint64_t file_first; /* the file holds [file_first, memory_first) */
	uint64_t file_base;  /* the offset that stands at the file's position 0 */
	uint64_t file_bound; /* the file is a circle of this many bytes */
	int file;            /* -1: none yet */
	int directory;
	char name[24];
};

/* `directory` stays the caller's; the file `name` is made in it when needed. */
void ring_init(struct ring *ring, int directory, uint32_t command, unsigned stream, uint64_t bound);
void ring_free(struct ring *ring);
void ring_add(struct ring *ring, const char *data, size_t len);
uint64_t ring_first(const struct ring *ring); /* offset of the oldest byte kept */
uint64_t ring_end(const struct ring *ring);
/* Bytes before `offset` are not asked for again. */
void ring_release(struct ring *ring, uint64_t offset);
/* Copies from `offset`, which must not lie before ring_first(); fewer bytes than asked for are no end. */
ssize_t ring_read(struct ring *ring, uint64_t offset, char *data, size_t len);
/* More of it would be dropped: the writer should be made to wait while somebody reads. */
int ring_is_full(const struct ring *ring);

#endif
