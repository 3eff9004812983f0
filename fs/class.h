/*
 * The classes of files. A class says how a kind of file is opened, read, written and closed; a row (tree.h) says
 * what is in it. Nothing here waits: a read that has nothing to say yet returns false and is parked.
 */
#ifndef FS_CLASS_H
#define FS_CLASS_H

#include "fs/handle.h"
#include "fs/node.h"

/* One READ, as it came or as it is tried again. */
struct read {
	fuse_req_t req;
	size_t size;
	off_t offset;
	bool waited;      /* it has been parked */
	unsigned cancels; /* obj->cancels when it was */
};

struct file_class {
	const char *word; /* in the manual */
	mode_t mode;
	/* Bytes as stat shows them; NULL: 0. */
	uint64_t (*size)(struct node *node);
	void (*open)(struct handle *handle);
	/* Answers the request and returns true, or returns false: later. */
	bool (*read)(struct handle *handle, const struct read *read);
	/* Answers the request, now or later. NULL: no descriptor for writing can be had. */
	void (*write)(struct handle *handle, fuse_req_t req, const char *data, size_t size, off_t offset);
	/* handle is NULL for truncate(2). 0 or an errno; NULL: nothing happens. */
	int (*truncate)(struct node *node, struct handle *handle, off_t size, pid_t pid);
	void (*close)(struct handle *handle);
	/* Goes on with a WRITE that waits; NULL: none ever does. */
	void (*resume)(struct handle *handle);
	/* Whether a write would be answered at once; NULL: always. */
	bool (*room)(struct handle *handle);
	/* Whether a reader who polls has something new; NULL: always. */
	bool (*news)(struct handle *handle);
	bool nonseekable;
	bool help; /* what is read is the help of the row: it never changes */
};

extern const struct file_class class_dir;
extern const struct file_class class_link;
extern const struct file_class class_value;
extern const struct file_class class_text;
extern const struct file_class class_log;
extern const struct file_class class_pipe;
extern const struct file_class class_ctl;
extern const struct file_class class_table; /* takes lines, and shows what they have made */
extern const struct file_class class_setting;
extern const struct file_class class_payload;
extern const struct file_class class_run;
extern const struct file_class class_stdin;
extern const struct file_class class_abort;
extern const struct file_class class_wait;
extern const struct file_class class_wait_all;
extern const struct file_class class_wait_any;
extern const struct file_class class_hold;

/* Helpers of the classes. */
bool class_reply_slice(fuse_req_t req, const char *data, size_t len, size_t size, off_t offset);
bool class_reply_error(fuse_req_t req, int code);
uint64_t class_shot_size(struct node *node);
/* Serves the current rendering: rendered anew at offset 0, one moment for everything behind it. */
bool class_read_shot(struct handle *handle, const struct read *read);

#endif
