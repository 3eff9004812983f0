/*
 * The root: one golemfs and its connection to one yagna. Owns the loop's users in core: HTTP, journal, payment
 * watch, all backends. Everything in the tree is reached from golem_root().
 */
#ifndef CORE_GOLEM_H
#define CORE_GOLEM_H

#include "core/buf.h"
#include "core/loop.h"
#include "core/obj.h"

struct golem;

struct golem_options {
	const char *url;          /* of yagna, e.g. http://127.0.0.1:7465 */
	const char *appkey;       /* NULL: none known; status says how to get one */
	const char *state_dir;    /* made if missing, locked while in use */
	const char *registry_url; /* of images */
	bool all_networks;        /* show those of other programs too */
};

/* NULL with a sentence: state directory unusable, or used by another golemfs (EBUSY). */
struct golem *golem_new(struct loop *loop, const struct golem_options *options, struct err *err);
void golem_free(struct golem *golem);
void golem_observe(struct golem *golem, const struct obj_observer *observer);
/* Connects, adopts or ends what an earlier run left behind; goes on by itself when yagna comes and goes. */
void golem_start(struct golem *golem);
/* Yagna has been tried, and what an earlier run left has been looked at: requests get a real answer. Changes with
 * ASPECT_STATE of the root. */
bool golem_asked(const struct golem *golem);
/* Ends everything that is rented (keep: leaves it, with the journal, for the next start) and calls back once:
 * after 20 s at the latest, with what could not be ended still in the journal. */
void golem_leave(struct golem *golem, bool keep, loop_call left, void *context);

struct obj *golem_root(struct golem *golem);
/* Every refusal since the start, one JSON object per line; `error` files keep the last 16 of theirs. */
struct bytelog *golem_log(struct golem *golem);
void golem_render_status(struct golem *golem,
			 struct buf *out); /* connection, what is missing, what is wound up */

#endif
