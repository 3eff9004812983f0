/*
 * Handles: open files and directories, found by number because the kernel's word is not taken for a pointer.
 */
#ifndef FS_HANDLE_H
#define FS_HANDLE_H

#include "core/buf.h"
#include "fs/node.h"

struct feed;
struct park;
struct writer;

struct handle {
	struct fs *fs;
	struct node *node;
	uint64_t number;
	int flags; /* of open(2) */
	pid_t pid; /* who opened it, or wrote last */

	struct shot *shot; /* what a reader of this descriptor sees */
	uint64_t seen;     /* poll: the change count, or the end of the log, last read */
	bool at_end; /* poll: a read has got less than it asked for, which tells the reader that this is all */
	int late_error; /* read after the last byte of the shot */
	struct fuse_pollhandle *poll;
	struct park *parks; /* its reads that wait */

	struct buf
		bytes; /* written and not taken yet: the unfinished line, the payload; a directory's listing */
	off_t base;    /* run: the offset of the first byte of `bytes` */
	bool collecting;       /* run, payload: there is something to take */
	struct buf answer;     /* names and numbers made through this descriptor */
	off_t answer_base;     /* the offset its first byte was asked at; -1: not yet */
	bool wrote;            /* reading gives the answer, no more the help */
	bool unterminated;     /* control lines: the one line without a newline has been taken */
	int poison;            /* errno of the refused line: the descriptor takes no more */
	struct writer *writer; /* the WRITE that is under way */
	struct feed *feed;     /* stdin: the WRITE that waits for room */

	struct handle *prev, *next; /* of the same node */
	UT_hash_handle hh;
};

struct handle *handle_open(struct node *node, int flags, pid_t pid);
struct handle *handle_by_number(struct fs *fs, uint64_t number);
void handle_close(struct handle *handle);
void handles_free(struct fs *fs);

/* Answers to what was written: `exec 3<>run; echo make >&3; read n <&3`, whatever offset the kernel asks at. */
void handle_made(struct handle *handle, const char *name);
bool handle_read_answer(struct handle *handle, fuse_req_t req, size_t size, off_t offset);
/* Puts bytes at an offset, zeros before them where there are none. EFBIG beyond max. */
int handle_place(struct handle *handle, const char *data, size_t size, off_t offset, size_t max);
int handle_resize(struct handle *handle, off_t size, size_t max);

#endif
