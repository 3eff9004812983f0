/*
 * Parked READs: answered when something changes, when the caller is interrupted, or when golemfs leaves.
 */
#ifndef FS_PARK_H
#define FS_PARK_H

#include "fs/class.h"

struct park;

/* The read has just been tried in vain. Must be called inside the handler of the request (libfuse calls a
 * late-registered interrupt function with its lock held). */
void park_read(struct handle *handle, const struct read *read);
/* Tries each parked read, and the waiting write, of the handle again. */
void park_retry(struct handle *handle);
/* Tries those whose object has gone; everything when golemfs is leaving. */
void park_retry_all(struct fs *fs);
/* Answers whatever still waits at this handle with EINTR. */
void park_drop(struct handle *handle);

#endif
