/*
 * The command line, as every FUSE filesystem has it, also as mount(8) calls it for `mount -t fuse.golemfs`.
 */
#ifndef FS_OPTIONS_H
#define FS_OPTIONS_H

#include <stdbool.h>

#include <fuse_opt.h>

#include "core/err.h"

struct options {
	char *mountpoint;
	char *url;    /* of yagna */
	char *appkey; /* NULL: none is known */
	char *appkey_file;
	char *state_dir;
	char *registry_url; /* of images; NULL: the local network's */
	char *devnet_words; /* options of golem-devnet, "" for none */
	int devnet;         /* start a local network */
	int keep;
	int all_networks; /* show those of other programs too */
	int foreground;
	int debug;
	int help, version, reference;
	struct fuse_args fuse; /* what is libfuse's and the kernel's */
};

/* EINVAL names the wrong option; EACCES and ENOENT are about the key's file. */
int options_read(struct options *options, int argc, char **argv, struct err *err);
void options_free(struct options *options);
void options_usage(void); /* to standard output */
/* Where the journal lives when nobody says: one place per yagna, and one per mount point for local networks. */
char *options_default_state_dir(const struct options *options, const char *mountpoint, struct err *err);
/* Makes the directories down to the last one but leaves that to core. */
int options_make_parents(const char *path, struct err *err);

#endif
