/*
 * Image files of the vm runtime: a squashfs, and behind it what the image's builder wrote down about it.
 */
#ifndef DEVNET_IMAGE_H
#define DEVNET_IMAGE_H

#include <stdbool.h>

/* Lists end with NULL; image_about_free() frees. */
struct image_about {
	char **env;     /* NULL: none given */
	char **volumes; /* never NULL */
	char *directory;
};

bool image_is_squashfs(const char *path);
void image_read(const char *path, struct image_about *about); /* what cannot be read is left empty */
void image_about_free(struct image_about *about);

#endif
