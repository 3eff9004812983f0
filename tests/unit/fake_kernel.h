/*
 * The kernel's side of FUSE over a socket, so that the real fs is driven without a mount: requests go in as the
 * kernel words them, replies and notices come out.
 */
#ifndef TESTS_UNIT_FAKE_KERNEL_H
#define TESTS_UNIT_FAKE_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <linux/fuse.h>

#include "core/golem.h"

struct kernel;

/* One reply. `code` is a positive errno or 0; the bytes are good until the next call. */
struct reply {
	bool there; /* false: it is parked */
	int code;
	size_t len;
	const char *data;
};

struct kernel *kernel_new(void); /* with golem, fs and a session that has been initialised */
void kernel_free(struct kernel *kernel);
struct golem *kernel_golem(struct kernel *kernel);
void kernel_turn(struct kernel *kernel); /* lets the loop do all it can do now */

/* Sends a request and lets the loop turn; the number it was sent as. */
uint64_t kernel_send(struct kernel *kernel, uint32_t opcode, uint64_t ino, const void *data, size_t len);
struct reply kernel_reply(struct kernel *kernel, uint64_t unique);
struct reply kernel_call(struct kernel *kernel, uint32_t opcode, uint64_t ino, const void *data, size_t len);
/* Bytes as they are, without a header of ours. */
void kernel_raw(struct kernel *kernel, const void *data, size_t len);
/* Notices of a kind (FUSE_NOTIFY_…) seen so far. */
unsigned kernel_notices(struct kernel *kernel, int kind);
bool kernel_gone(struct kernel *kernel); /* the session has ended */

/* System calls. Paths begin at the mount, without a slash. -errno on failure. */
int64_t kernel_lookup(struct kernel *kernel, const char *path);          /* the inode number */
int64_t kernel_open(struct kernel *kernel, const char *path, int flags); /* the handle */
int kernel_mkdir(struct kernel *kernel, const char *dir, const char *name);
int kernel_rmdir(struct kernel *kernel, const char *dir, const char *name);
uint64_t kernel_send_read(struct kernel *kernel, int64_t handle, size_t size, uint64_t offset, int flags);
uint64_t kernel_send_write(struct kernel *kernel, int64_t handle, const void *data, size_t size,
			   uint64_t offset);
int kernel_write(struct kernel *kernel, int64_t handle,
		 const char *text); /* at the end of what was written */
int kernel_close(struct kernel *kernel, int64_t handle);
void kernel_interrupt(struct kernel *kernel, uint64_t unique);
/* Opens, reads at offset 0 and closes: the text, good until the next call; NULL with errno. */
const char *kernel_cat(struct kernel *kernel, const char *path);
/* `echo LINE > path`: 0 or -errno of the write. */
int kernel_echo(struct kernel *kernel, const char *path, const char *line);
/* st_size, or -errno. */
int64_t kernel_size(struct kernel *kernel, const char *path);

#endif
