/*
 * What core tells: an aspect of an object has changed, an object is gone. The kernel's attributes are made stale,
 * pollers and parked readers are woken.
 */
#ifndef FS_CHANGE_H
#define FS_CHANGE_H

#include "fs/fs.h"

void change_observe(struct fs *fs); /* registers with golem_observe() */

#endif
