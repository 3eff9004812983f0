/*
 * HTTP as an exe-unit uses it: downloads of images and files, uploads by PUT. libcurl on the devnet's loop.
 *
 * The status of an answer is not looked at, as the real exe-unit does not (reference/yagna-api.md 5.5).
 */
#ifndef DEVNET_FETCH_H
#define DEVNET_FETCH_H

#include <stddef.h>

#include "core/loop.h"

struct fetches; /* all that are under way */
struct fetch;

/* `error` is NULL, or the exe-unit's words; the fetch is gone when it is called. */
typedef void (*fetch_done)(void *context, const char *error);

struct fetches *fetches_new(struct loop *loop);
void fetches_free(struct fetches *fetches); /* every fetch must have been cancelled; takes NULL */

/* Writes the body to, or reads it from, the descriptor, which stays the caller's. Other failures than a refused
 * connection are tried again twice, after 1 s and 2 s. */
struct fetch *fetch_get(struct fetches *fetches, const char *url, int to, fetch_done done, void *context);
struct fetch *fetch_put(struct fetches *fetches, const char *url, int from, fetch_done done, void *context);
void fetch_cancel(struct fetch *fetch); /* takes NULL */

#endif
