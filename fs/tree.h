/*
 * The tables that are the tree. One row is one name: its class, what it shows or takes, the aspect whose change
 * gives its mtime and wakes its readers, and its help. Listings, modes, dispatch, README, the help of `ctl` and
 * the manual's reference section are all made from these rows; adding a control file is adding a row.
 */
#ifndef FS_TREE_H
#define FS_TREE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/backend.h"
#include "core/buf.h"
#include "core/obj.h"
#include "core/order.h"

struct file_class;
struct row;

/* A verb of a control file. `call` answers the order exactly once; word[0] is the verb itself, count the number
 * of words after it, between min and max. */
struct verb {
	const char *name;
	const char *usage; /* its arguments, as help shows them */
	unsigned min;
	unsigned max;
	void (*call)(struct obj *obj, char **word, unsigned count, struct order *order);
	const char *help;
	const char *example;
};
enum { VERB_MANY = 250 };

/* What a directory holds: named rows, and perhaps one entry for each child of the object. */
struct dir {
	const struct row *rows;               /* ends with a NULL name; NULL: ask make_rows */
	const struct row *(*make_rows)(void); /* rows made from a table of core, the same ones each time */
	const struct row *child; /* how every child of the object is shown; NULL: there are none here */
	/* Names that are neither rows nor children, each a number of the table's own choosing, which the rows below them
	 * get in place of `at`: how they are shown, found and, unless `each` is NULL, listed. */
	const struct row *item;
	bool (*find)(struct obj *obj, uint64_t at, const char *name, uint64_t *item);
	/* The next one; *item and *cursor begin as 0. */
	bool (*each)(struct obj *obj, uint64_t *cursor, uint64_t *item, struct buf *name);
	int (*make)(struct obj *parent, const char *name, struct err *err); /* mkdir; NULL: EPERM */
	int (*drop)(struct obj *child, struct err *err);                    /* rmdir; NULL: EPERM */
};

enum {
	ROW_UNLISTED = 1, /* found by name, not by readdir: its read waits, or its opening means something */
	ROW_FRESH = 2,    /* shows more than its aspect: rendered at every read, never cached */
	/* Each look-up is an inode of its own. A WRITE that waits holds the lock of its inode, and whoever writes to,
	 * truncates or seeks in the same inode then sleeps where no signal reaches (reference/fuse.md 2.3). */
	ROW_APART = 4
};

struct row {
	const char *name;
	const struct file_class *class;
	unsigned flags;
	enum obj_aspect aspect;
	const char *help;
	/* What the class asks for: */
	void (*show)(struct obj *obj, const struct row *row, struct buf *out);
	void (*show_at)(struct obj *obj, uint64_t at, struct buf *out); /* in place of show, below an item */
	/* Whether it may be opened: 0, or -1 with the errno of open(2). */
	int (*may)(struct obj *obj, uint64_t at, struct err *err);
	struct bytelog *(*log)(struct obj *obj);
	/* Takes a value, a line or bytes; 0, or -1 with an errno. */
	int (*set)(struct obj *obj, const struct row *row, const char *value, size_t len, struct err *err);
	/* A directory of another object than the one it is in; NULL: of the same. */
	struct obj *(*of)(struct obj *obj);
	const struct verb *verbs;
	/* A line of one word, taken as it is, in place of verbs. */
	void (*take)(struct obj *obj, const char *word, struct order *order);
	const struct setting *setting;
	const struct dir *dir;
};

extern const struct row tree_root;        /* the mount itself */
extern const struct row tree_backend;     /* backends/BACKEND */
extern const struct row tree_instance;    /* …/instances/INSTANCE */
extern const struct row tree_command;     /* …/commands/N */
extern const struct dir tree_networks;    /* networks/ of the root */
extern const struct dir tree_memberships; /* networks/ of an instance */
extern const struct dir tree_ports;       /* ws/ of an instance, or of one of its networks */

/* The rows of a directory, one after the other; start with NULL, ends with NULL. */
const struct row *dir_next(const struct dir *dir, const struct row *row);
const struct row *dir_find(const struct dir *dir, const char *name);

extern const struct dir tree_commands; /* commands/ */

/* Shared by the tables. */
void tree_show_state(struct obj *obj, const struct row *row, struct buf *out);
void tree_show_error(struct obj *obj, const struct row *row, struct buf *out);
struct bytelog *tree_events(struct obj *obj);
void tree_show_first_network(struct obj *obj, const struct row *row, struct buf *out);
void tree_end_line(struct buf *out); /* a newline, where there is text without one */
/* Reads KEY=VALUE words into *pairs (the caller's, pointing into the words). EINVAL names the word. */
int tree_pairs(char **word, unsigned count, struct setting_pair *pairs, struct err *err);

#endif
