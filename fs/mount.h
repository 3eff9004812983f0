/*
 * The mount table: clearing a dead mount before ours, noticing that ours is gone (a lazy unmount keeps the session
 * alive while somebody is inside), and making sure that none is left behind. Nothing here touches the mount
 * itself: that would be a request to ourselves.
 */
#ifndef FS_MOUNT_H
#define FS_MOUNT_H

#include "core/err.h"
#include "core/loop.h"

struct mount;

/* Makes the directory where it is missing, clears a dead golemfs there; *path is absolute, the caller's. ENOTDIR,
 * ENOTCONN (a dead mount of something else) … */
int mount_prepare(const char *mountpoint, char **path, struct err *err);
/* Watches the mount just made at `path`; calls back once when it has left the mount table. */
struct mount *mount_watch(struct loop *loop, const char *path, loop_call gone, void *context);
bool mount_there(const struct mount *mount);
void mount_clear(struct mount *mount); /* detaches it where it is still there */
void mount_free(struct mount *mount);

#endif
