/*
 * libfuse's session on the loop: a bounded number of requests per turn, and one notice when the mount is gone.
 */
#ifndef FS_SESSION_H
#define FS_SESSION_H

#include "core/err.h"
#include "fs/fs.h"

struct session;

/* Takes the options of libfuse and of the kernel out of args; EINVAL names the one nobody knows. */
struct session *session_new(struct fuse_args *args, struct err *err);
/* The context of the requests; before the first of them. */
void session_serve(struct session *session, struct fs *fs);
int session_mount(struct session *session, const char *mountpoint, struct err *err);
/* Instead of a mount: requests come over a socket (tests). */
int session_attach(struct session *session, int fd, struct err *err);
/* Begins to answer; `gone` is called once when the kernel has closed the session. */
void session_start(struct session *session, struct loop *loop, loop_call gone, void *context);
void session_unmount(struct session *session);
void session_abandon(
	struct session *session); /* the mount is gone: ends the session without touching its path */
void session_free(struct session *session);

#endif
