#include "core/agent/ring.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "core/mem.h"

enum { MEMORY_BEGIN = 4 << 10, MEMORY_MAX = 256 << 10, FILE_MIN = 64 << 10 };

static char *append_text(char *at, const char *text)
{
	while (*text)
		*at++ = *text++;
	*at = 0;
	return at;
}

static char *append_number(char *at, uint32_t number)
{
	char digits[11];
	unsigned n = 0;

	do
		digits[n++] = (char)('0' + number % 10);
	while (number /= 10);
	while (n)
		*at++ = digits[--n];
	*at = 0;
	return at;
}

void ring_init(struct ring *ring, int directory, uint32_t command, unsigned stream, uint64_t bound)
{
	*ring = (struct ring){.file = -1, .directory = directory};
	ring->file_bound = bound < FILE_MIN ? FILE_MIN : bound;
	append_text(append_number(ring->name, command), stream == 1 ? ".out" : ".err");
}

void ring_free(struct ring *ring)
{
	free(ring->memory);
	if (ring->file >= 0)
		close(ring->file);
	ring->memory = NULL;
	ring->file = -1;
}

uint64_t ring_first(const struct ring *ring)
{
	return ring->file_first < ring->memory_first ? ring->file_first : ring->memory_first;
}

uint64_t ring_end(const struct ring *ring)
{
	return ring->memory_first + ring->memory_len;
}

int ring_is_full(const struct ring *ring)
{
	return ring_end(ring) - ring_first(ring) >= ring->file_bound;
}

/* Both directions of the circle; 0, or -1 with errno. */
static int file_transfer(struct ring *ring, uint64_t offset, char *data, size_t len, int writing)
{
	while (len) {
		uint64_t position = (offset - ring->file_base) % ring->file_bound;
		uint64_t straight = ring->file_bound - position;
		size_t want = len < straight ? len : (size_t)straight;
		ssize_t done = writing ? pwrite(ring->file, data, want, (off_t)position)
				       : pread(ring->file, data, want, (off_t)position);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return -1;
		offset += (uint64_t)done;
		data += done;
		len -= (size_t)done;
	}
	return 0;
}

/* The file is unlinked as soon as it is open: nothing of it outlives the agent. */
static int file_open(struct ring *ring)
{
	if (ring->file >= 0)
		return 0;
	ring->file = openat(ring->directory, ring->name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (ring->file < 0)
		return -1;
	unlinkat(ring->directory, ring->name, 0);
	ring->file_base = ring->file_first = ring->memory_first;
	return 0;
}

/* What the file holds is given up, and it will not grow to that size again. */
static void file_shrink(struct ring *ring)
{
	uint64_t held = ring->memory_first - ring->file_first;

	if (ring->file < 0)
		return;
	if (held / 2 < ring->file_bound)
		ring->file_bound = held / 2 < FILE_MIN ? FILE_MIN : held / 2;
	if (ftruncate(ring->file, 0) < 0) {
		close(ring->file);
		ring->file = -1;
	}
	ring->file_base = ring->file_first = ring->memory_first;
}

/* Moves `len` bytes that begin where memory begins into the file, or drops them where there is no room. */
static void spill(struct ring *ring, char *data, size_t len)
{
	if (file_open(ring) < 0 || file_transfer(ring, ring->memory_first, data, len, 1) < 0) {
		file_shrink(ring);
		ring->file_base = ring->file_first = ring->memory_first + len;
	}
	ring->memory_first += len;
	if (ring->memory_first - ring->file_first > ring->file_bound)
		ring->file_first = ring->memory_first - ring->file_bound;
}

static void spill_memory(struct ring *ring)
{
	size_t len = ring->memory_len;

	ring->memory_len = 0;
	spill(ring, ring->memory, len);
}

void ring_add(struct ring *ring, const char *data, size_t len)
{
	if (ring->memory_len + len > MEMORY_MAX) {
		spill_memory(ring);
		for (; len > MEMORY_MAX; data += MEMORY_MAX, len -= MEMORY_MAX)
			spill(ring, (char *)data, MEMORY_MAX);
	}
	if (ring->memory_len + len > ring->memory_cap) {
		size_t cap = ring->memory_cap ? ring->memory_cap : MEMORY_BEGIN;

		while (cap < ring->memory_len + len)
			cap *= 2;
		ring->memory = mem_resize(ring->memory, cap);
		ring->memory_cap = cap;
	}
	if (len)
		memcpy(ring->memory + ring->memory_len, data, len);
	ring->memory_len += len;
}

static void release_memory(struct ring *ring, size_t len)
{
	ring->memory_first += len;
	ring->memory_len -= len;
	if (ring->memory_len) {
		memmove(ring->memory, ring->memory + len, ring->memory_len);
	} else if (ring->memory_cap > MEMORY_BEGIN) {
		free(ring->memory);
		ring->memory = NULL;
		ring->memory_cap = 0;
	}
}

void ring_release(struct ring *ring, uint64_t offset)
{
	if (offset > ring_end(ring))
		offset = ring_end(ring);
	if (offset <= ring_first(ring))
		return;
	if (offset < ring->memory_first) {
		ring->file_first = offset;
		return;
	}
	if (ring->file >= 0) {
		close(ring->file);
		ring->file = -1;
	}
	release_memory(ring, (size_t)(offset - ring->memory_first));
	ring->file_first = ring->file_base = ring->memory_first;
}

ssize_t ring_read(struct ring *ring, uint64_t offset, char *data, size_t len)
{
	uint64_t there = ring_end(ring) - offset;

	if (len > there)
		len = (size_t)there;
	if (offset >= ring->memory_first) {
		if (len)
			memcpy(data, ring->memory + (offset - ring->memory_first), len);
		return (ssize_t)len;
	}
	if (len > ring->memory_first - offset)
		len = (size_t)(ring->memory_first - offset);
	return file_transfer(ring, offset, data, len, 0) < 0 ? -1 : (ssize_t)len;
}
