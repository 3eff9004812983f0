/*
 * Base64 with the URL alphabet, written without padding, and the decoder's words: the ids of services are such
 * (reference/yagna-api.md 7.2).
 */
#ifndef DEVNET_BASE64URL_H
#define DEVNET_BASE64URL_H

#include <stdbool.h>

#include "core/buf.h"

void base64url_encode(struct buf *out, const void *data, size_t len);
/* Appends the bytes; padding may be there. False: *why is the sentence of the daemon's decoder. */
bool base64url_decode(struct buf *out, const char *text, struct buf *why);

#endif
