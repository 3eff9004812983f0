/*
 * Leaving: by signal, by unmount, by a lazy unmount. Who waits is answered, what is rented is ended, then the loop
 * stops; a second signal stops it at once.
 */
#ifndef FS_LEAVE_H
#define FS_LEAVE_H

#include "fs/fs.h"

struct leave;

struct leave *leave_new(struct fs *fs, bool keep);
void leave_begin(void *leave); /* a loop_call; again: does nothing */
int leave_exit_code(const struct leave *leave);
void leave_free(struct leave *leave);

#endif
