/*
 * Going to the background: the parent waits until the mount is there and exits 0, or prints the sentence why not
 * and exits 1. To be called before there is a loop, a thread or a descriptor that a fork would share.
 */
#ifndef FS_DAEMONISE_H
#define FS_DAEMONISE_H

#include "core/err.h"

/* Returns in the child only, with the descriptor to report to; -1: errno. */
int daemonise(void);
/* Lets the parent go: well, when err is NULL. Closes the descriptor and, when all is well, the terminal. */
void daemonise_report(int fd, const struct err *err);

#endif
