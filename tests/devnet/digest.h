/*
 * Digests and encodings the devnet needs, by libcrypto: SHA-1 of websocket keys, SHA3-224 of images, SHA3-256 of
 * transferred files.
 */
#ifndef DEVNET_DIGEST_H
#define DEVNET_DIGEST_H

#include <stdbool.h>
#include <stddef.h>

#define DIGEST_SHA1     "SHA1"
#define DIGEST_SHA3_224 "SHA3-224"
#define DIGEST_SHA3_256 "SHA3-256"

enum { DIGEST_MAX = 64, DIGEST_HEX_MAX = 2 * DIGEST_MAX + 1 };

struct digest;

struct digest *digest_begin(const char *algorithm); /* one of the above */
void digest_add(struct digest *digest, const void *data, size_t len);
size_t digest_end(struct digest *digest, unsigned char out[DIGEST_MAX]); /* frees; returns the length */
void digest_end_hex(struct digest *digest, char out[DIGEST_HEX_MAX]);    /* frees; lower case */

void digest_hex(const char *algorithm, const void *data, size_t len, char out[DIGEST_HEX_MAX]);
/* Of a whole file; false with errno set when it cannot be read. */
bool digest_file_hex(const char *algorithm, const char *path, char out[DIGEST_HEX_MAX]);

/* The caller frees. */
char *digest_base64(const void *data, size_t len);

#endif
