/*
 * Everything that explains the tree, printed from its rows: README, the help of `ctl`, the manual's reference.
 */
#ifndef FS_HELP_H
#define FS_HELP_H

#include "fs/tree.h"

void help_readme(struct obj *obj, const struct row *row, struct buf *out);
void help_verbs(struct obj *obj, const struct row *row, struct buf *out);
void help_row(struct obj *obj, const struct row *row, struct buf *out);
void help_reference(struct buf *out); /* Markdown, for docs/reference.md */

#endif
