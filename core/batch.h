/*
 * One batch on an activity: sent, waited for, and asked for again when yagna or the provider falter
 * (reference/yagna-api.md 5.4 to 5.6, 5.10).
 *
 * Owns the requests; the owner of the batch owns what it means. It waits for the command of one index: the last one
 * where all are expected to succeed.
 */
#ifndef CORE_BATCH_H
#define CORE_BATCH_H

#include "core/loop.h"
#include "core/yagna.h"

struct batch;

/* One of finished, refused and lost comes once, from the loop, and the batch is over then: its pointer is dead. */
struct batch_events {
	/* The provider has begun; NULL: does not matter. */
	void (*accepted)(void *context, const char *id);
	void (*finished)(void *context, const struct yagna_result *results, unsigned count);
	/* The script was not taken. `unsure`: it may run, and nobody knows its id. */
	void (*refused)(void *context, const struct yagna_failure *failure);
	/* The machine is gone, or its provider does not answer any more. */
	void (*lost)(void *context, const char *why);
};

/* `activity` is copied, `script` only read; `command`: the index to wait for. */
struct batch *batch_run(struct yagna *yagna, struct loop *loop, const char *activity, const cJSON *script,
			int command, const struct batch_events *events, void *context);
/* Forgets the batch; what it does on the provider goes on. Takes NULL, sets NULL. */
void batch_drop(struct batch **batch);

#endif
