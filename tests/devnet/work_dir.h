/*
 * The directory a devnet keeps its instances' files in: private, locked while it runs, removed at the end. What a
 * devnet left that was killed with SIGKILL, the next one removes.
 */
#ifndef DEVNET_WORK_DIR_H
#define DEVNET_WORK_DIR_H

struct work_dir {
	char *path;
	int lock; /* the open directory */
};

/* Below `parent`, which is made if it is missing; NULL: $TMPDIR or /tmp. 0, or -1 with errno set. */
int work_dir_make(struct work_dir *dir, const char *parent);
void work_dir_remove(struct work_dir *dir);

#endif
