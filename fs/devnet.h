/*
 * The local network of --devnet: golem-devnet as a child that dies with us.
 */
#ifndef FS_DEVNET_H
#define FS_DEVNET_H

#include <sys/types.h>

#include "core/err.h"

struct devnet {
	pid_t pid;
	char *url;
	char *appkey; /* random, of this run */
};

/* Starts it with the given words of options and waits until it listens. ENOENT: there is no such program. */
int devnet_start(struct devnet *devnet, const char *words, struct err *err);
void devnet_stop(struct devnet *devnet); /* within 3 s */

#endif
