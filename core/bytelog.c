#include "core/bytelog.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/buf.h"
#include "core/mem.h"

enum { HOLES_MAX = 64 };

/* Bytes that were never seen, or could not be stored. */
struct hole {
	uint64_t begin, end;
};

struct bytelog {
	const char *spill_dir;
	uint64_t memory, bound;
	uint64_t size, first;
	struct buf ram;     /* the bytes from `first` on, while fd < 0 */
	int fd;             /* else all of them, each at its own offset */
	struct hole *holes; /* oldest first; only while there is a file */
	unsigned hole_count;
	bool ended;
	struct timespec mtime;
};

static void touch(struct bytelog *log)
{
	clock_gettime(CLOCK_REALTIME, &log->mtime);
}

struct bytelog *bytelog_new(const char *spill_dir, uint64_t memory, uint64_t bound)
{
	struct bytelog *log = mem_alloc(sizeof(*log));

	log->spill_dir = spill_dir;
	log->memory = memory;
	log->bound = bound;
	log->fd = -1;
	touch(log);
	return log;
}

void bytelog_free(struct bytelog *log)
{
	if (!log)
		return;
	if (log->fd >= 0)
		close(log->fd);
	buf_free(&log->ram);
	free(log->holes);
	free(log);
}

static int spill_open(const char *dir)
{
	int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (fd >= 0)
		return fd;
	MEM_AUTO char *path = mem_printf("%s/spill-XXXXXX", dir); /* a filesystem without O_TMPFILE */

	fd = mkostemp(path, O_CLOEXEC);
	if (fd >= 0)
		unlink(path);
	return fd;
}

static bool write_at(int fd, const char *data, size_t len, uint64_t offset)
{
	while (len) {
		ssize_t written = pwrite(fd, data, len, (off_t)offset);

		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
			return false;
		data += written;
		len -= (size_t)written;
		offset += (uint64_t)written;
	}
	return true;
}

/* What could not be stored is gone, and reads as gone: the offsets after it stay true. */
static void lose_all(struct bytelog *log)
{
	buf_free(&log->ram);
	log->first = log->size;
	log->hole_count = 0;
}

static void forget_holes(struct bytelog *log)
{
	unsigned gone = 0;

	while (gone < log->hole_count && log->holes[gone].end <= log->first)
		gone++;
	log->hole_count -= gone;
	if (gone && log->hole_count)
		memmove(log->holes, log->holes + gone, log->hole_count * sizeof(*log->holes));
}

/* The next `len` bytes are missing. Beyond so many holes everything before the second one is given up. */
static void add_hole(struct bytelog *log, uint64_t len)
{
	struct hole *last;

	if (!log->holes)
		log->holes = mem_alloc(HOLES_MAX * sizeof(*log->holes));
	last = log->hole_count ? &log->holes[log->hole_count - 1] : NULL;
	if (last && last->end == log->size) {
		last->end += len;
	} else {
		if (log->hole_count == HOLES_MAX) {
			log->first = log->holes[0].end;
			forget_holes(log);
		}
		log->holes[log->hole_count++] = (struct hole){log->size, log->size + len};
	}
	log->size += len;
}

static void spill(struct bytelog *log)
{
	log->fd = spill_open(log->spill_dir);
	if (log->fd < 0)
		return; /* memory has to do; keep_bound() holds it at `memory` */
	bool stored = write_at(log->fd, buf_text(&log->ram), log->ram.len, log->first);

	if (stored)
		buf_free(&log->ram);
	else
		lose_all(log);
}

/* Drops a quarter more than needed, so that a log at its bound does not move its bytes at every append. */
static void keep_bound(struct bytelog *log)
{
	uint64_t bound = log->bound;
	uint64_t kept = log->size - log->first;

	if (log->fd < 0 && kept > log->memory && (!bound || log->memory < bound))
		bound = log->memory;
	if (!bound || kept <= bound)
		return;
	uint64_t first = log->size - (bound - bound / 4);

	if (log->fd < 0) {
		buf_drop(&log->ram, first - log->first);
	} else {
		off_t end = (off_t)(first & ~(uint64_t)4095); /* whole blocks are given back */

		/* Where holes cannot be made the file only stays larger. */
		(void)!fallocate(log->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, end ? end : 1);
	}
	log->first = first;
	forget_holes(log);
}

void bytelog_append(struct bytelog *log, const void *data, size_t len)
{
	if (!len || log->ended)
		return;
	if (log->fd < 0 && log->spill_dir && log->ram.len + len > log->memory)
		spill(log);
	if (log->fd < 0) {
		buf_add(&log->ram, data, len);
		log->size += len;
	} else if (write_at(log->fd, data, len, log->size)) {
		log->size += len;
	} else {
		add_hole(log, len);
	}
	keep_bound(log);
	touch(log);
}

void bytelog_skip(struct bytelog *log, uint64_t len)
{
	if (!len || log->ended)
		return;
	if (log->fd < 0 && log->spill_dir)
		spill(log);
	if (log->fd >= 0) {
		add_hole(log, len);
	} else {
		log->size += len;
		lose_all(log);
	}
	keep_bound(log);
	touch(log);
}

void bytelog_end(struct bytelog *log)
{
	if (log->ended)
		return;
	log->ended = true;
	touch(log);
}

bool bytelog_ended(const struct bytelog *log)
{
	return log->ended;
}

uint64_t bytelog_size(const struct bytelog *log)
{
	return log->size;
}

uint64_t bytelog_first(const struct bytelog *log)
{
	return log->first;
}

struct timespec bytelog_mtime(const struct bytelog *log)
{
	return log->mtime;
}

ssize_t bytelog_read(struct bytelog *log, uint64_t offset, void *data, size_t len)
{
	if (offset >= log->size)
		return 0;
	if (offset < log->first)
		return -EIO;
	if (len > log->size - offset)
		len = log->size - offset;
	for (unsigned i = 0; i < log->hole_count; i++) {
		const struct hole *hole = &log->holes[i];

		if (offset >= hole->begin && offset < hole->end)
			return -EIO;
		if (hole->begin > offset && len > hole->begin - offset)
			len = hole->begin - offset;
	}
	if (log->fd < 0) {
		memcpy(data, log->ram.data + (offset - log->first), len);
		return (ssize_t)len;
	}
	size_t done = 0;

	while (done < len) {
		ssize_t got = pread(log->fd, (char *)data + done, len - done, (off_t)(offset + done));

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return -EIO;
		done += (size_t)got;
	}
	return (ssize_t)done;
}
