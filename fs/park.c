#include "fs/park.h"

#include <fcntl.h>
#include <utlist.h>

#include "core/mem.h"

struct park {
	struct handle *handle;
	struct read read;
	struct park *prev, *next;
};

static void park_free(struct park *park)
{
	DL_DELETE(park->handle->parks, park);
	free(park);
}

/* From an INTERRUPT that the loop has read: the reader got a signal, and nothing is consumed. */
static void park_interrupted(fuse_req_t req, void *context)
{
	park_free(context);
	fuse_reply_err(req, EINTR);
}

void park_read(struct handle *handle, const struct read *read)
{
	struct park *park;

	if (handle->flags & O_NONBLOCK) {
		fuse_reply_err(read->req, EAGAIN);
		return;
	}
	/* An INTERRUPT that came before its request: registering now would call back with libfuse's lock held. */
	if (fuse_req_interrupted(read->req)) {
		fuse_reply_err(read->req, EINTR);
		return;
	}
	park = mem_alloc(sizeof *park);
	park->handle = handle;
	park->read = *read;
	park->read.waited = true;
	park->read.cancels = handle->node->obj->cancels;
	DL_APPEND(handle->parks, park);
	fuse_req_interrupt_func(read->req, park_interrupted, park);
}

void park_retry(struct handle *handle)
{
	const struct file_class *class = handle->node->row->class;
	struct park *park, *next;

	/* One thread: no INTERRUPT can be read between the reply and the end of its record. */
	DL_FOREACH_SAFE (handle->parks, park, next) {
		if (class->read(handle, &park->read))
			park_free(park);
	}
	if (class->resume)
		class->resume(handle);
}

void park_retry_all(struct fs *fs)
{
	struct handle *handle, *next;

	HASH_ITER (hh, fs->handles, handle, next) {
		if ((handle->parks || handle->feed) && (fs->leaving || node_dead(handle->node)))
			park_retry(handle);
	}
}

void park_drop(struct handle *handle)
{
	struct park *park, *next;

	DL_FOREACH_SAFE (handle->parks, park, next) {
		fuse_reply_err(park->read.req, EINTR);
		park_free(park);
	}
}
