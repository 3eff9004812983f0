#include "core/loop.h"

#include <errno.h>
#include <utlist.h>
#include <uv.h>

#include "core/mem.h"

/* Timer, watch and signal in one shape, so that loop_free() can close whatever is left. */
struct handle {
	union {
		uv_handle_t any;
		uv_timer_t timer;
		uv_poll_t poll;
		uv_signal_t signal;
	} uv; /* .any.data is this handle */
	struct loop *loop;
	struct handle *prev, *next;
	loop_call call;
	loop_ready ready;
	void *context;
};

struct loop_timer {
	struct handle handle;
};
struct loop_watch {
	struct handle handle;
};
struct loop_signal {
	struct handle handle;
};

struct deferred {
	struct deferred *prev, *next;
	uint64_t number;
	loop_call call;
	void *context;
};

struct loop {
	uv_loop_t uv;
	/* Deferred calls run twice per turn, after the timers and after the descriptors; the idle handle
	 * keeps the loop from sleeping while there are any. */
	uv_prepare_t prepare;
	uv_check_t check;
	uv_idle_t idle;
	struct deferred *deferred;
	uint64_t next_number;
	struct handle *handles;
};

static void run_deferred(struct loop *loop)
{
	/* Only those that are there now: calls which defer again must not starve the descriptors. */
	uint64_t limit = loop->next_number;

	while (loop->deferred && loop->deferred->number < limit) {
		struct deferred *first = loop->deferred;
		loop_call call = first->call;
		void *context = first->context;

		DL_DELETE(loop->deferred, first);
		free(first);
		call(context);
	}
	if (!loop->deferred)
		uv_idle_stop(&loop->idle);
}

static void on_prepare(uv_prepare_t *prepare)
{
	run_deferred(prepare->data);
}

static void on_check(uv_check_t *check)
{
	run_deferred(check->data);
}

static void on_idle(uv_idle_t *idle)
{
	(void)idle;
}

struct loop *loop_new(void)
{
	struct loop *loop = mem_alloc(sizeof(*loop));
	int failed = uv_loop_init(&loop->uv);

	if (failed) {
		free(loop);
		errno = -failed;
		return NULL;
	}
	uv_prepare_init(&loop->uv, &loop->prepare);
	uv_check_init(&loop->uv, &loop->check);
	uv_idle_init(&loop->uv, &loop->idle);
	loop->prepare.data = loop->check.data = loop->idle.data = loop;
	uv_prepare_start(&loop->prepare, on_prepare);
	uv_check_start(&loop->check, on_check);
	/* Alone they are no reason to go on: the loop ends by loop_stop() or when nothing can happen any
	 * more. */
	uv_unref((uv_handle_t *)&loop->prepare);
	uv_unref((uv_handle_t *)&loop->check);
	return loop;
}

static void handle_closed(uv_handle_t *uv)
{
	free(uv->data);
}

static void handle_close(struct handle *handle)
{
	DL_DELETE(handle->loop->handles, handle);
	uv_close(&handle->uv.any, handle_closed);
}

static struct handle *handle_new(struct loop *loop, struct handle *handle, void *context)
{
	handle->uv.any.data = handle;
	handle->loop = loop;
	handle->context = context;
	DL_APPEND(loop->handles, handle);
	return handle;
}

static void close_foreign(uv_handle_t *uv, void *context)
{
	(void)context;
	if (!uv_is_closing(uv))
		uv_close(uv, NULL);
}

void loop_free(struct loop *loop)
{
	if (!loop)
		return;
	while (loop->deferred) {
		struct deferred *first = loop->deferred;

		DL_DELETE(loop->deferred, first);
		free(first);
	}
	while (loop->handles)
		handle_close(loop->handles);
	uv_walk(&loop->uv, close_foreign, NULL);
	uv_run(&loop->uv, UV_RUN_DEFAULT);
	uv_loop_close(&loop->uv);
	free(loop);
}

void loop_run(struct loop *loop)
{
	uv_run(&loop->uv, UV_RUN_DEFAULT);
}

void loop_stop(struct loop *loop)
{
	uv_stop(&loop->uv);
}

struct uv_loop_s *loop_uv(struct loop *loop)
{
	return &loop->uv;
}

uint64_t loop_now_ms(struct loop *loop)
{
	return uv_now(&loop->uv);
}

static void timer_fired(uv_timer_t *uv)
{
	struct handle *handle = uv->data;
	loop_call call = handle->call;
	void *context = handle->context;

	handle_close(handle); /* memory stays until the closing phase of this turn */
	call(context);
}

struct loop_timer *loop_after(struct loop *loop, uint64_t ms, loop_call call, void *context)
{
	struct loop_timer *timer = mem_alloc(sizeof(*timer));
	struct handle *handle = handle_new(loop, &timer->handle, context);

	handle->call = call;
	uv_timer_init(&loop->uv, &handle->uv.timer);
	uv_timer_start(&handle->uv.timer, timer_fired, ms, 0);
	return timer;
}

void loop_cancel(struct loop_timer **timer)
{
	struct loop_timer *old = mem_move(timer);

	/* Closing already: it has fired in this turn and its owner is only now setting its pointer to NULL.
	 */
	if (old && !uv_is_closing(&old->handle.uv.any))
		handle_close(&old->handle);
}

void loop_defer(struct loop *loop, loop_call call, void *context)
{
	struct deferred *deferred = mem_alloc(sizeof(*deferred));

	deferred->number = loop->next_number++;
	deferred->call = call;
	deferred->context = context;
	if (!loop->deferred)
		uv_idle_start(&loop->idle, on_idle);
	DL_APPEND(loop->deferred, deferred);
}

void loop_forget(struct loop *loop, void *context)
{
	struct deferred *deferred, *next;

	DL_FOREACH_SAFE (loop->deferred, deferred, next) {
		if (deferred->context != context)
			continue;
		DL_DELETE(loop->deferred, deferred);
		free(deferred);
	}
}

static void watch_ready(uv_poll_t *uv, int status, int events)
{
	struct handle *handle = uv->data;
	int readiness = 0;

	if (status < 0 || events & UV_READABLE)
		readiness |= LOOP_READ;
	if (status < 0 || events & UV_WRITABLE)
		readiness |= LOOP_WRITE;
	if (events & UV_PRIORITIZED)
		readiness |= LOOP_PRIORITY;
	if (readiness)
		handle->ready(handle->context, readiness);
}

struct loop_watch *loop_watch(struct loop *loop, int fd, int readiness, loop_ready ready, void *context)
{
	struct loop_watch *watch = mem_alloc(sizeof(*watch));
	int failed = uv_poll_init(&loop->uv, &watch->handle.uv.poll, fd);

	if (failed) {
		free(watch);
		errno = -failed;
		return NULL;
	}
	handle_new(loop, &watch->handle, context)->ready = ready;
	loop_rewatch(watch, readiness);
	return watch;
}

void loop_rewatch(struct loop_watch *watch, int readiness)
{
	int events = (readiness & LOOP_READ ? UV_READABLE : 0) | (readiness & LOOP_WRITE ? UV_WRITABLE : 0) |
		     (readiness & LOOP_PRIORITY ? UV_PRIORITIZED : 0);

	uv_poll_start(&watch->handle.uv.poll, events, watch_ready);
}

void loop_unwatch(struct loop_watch **watch)
{
	struct loop_watch *old = mem_move(watch);

	if (old)
		handle_close(&old->handle);
}

static void signal_came(uv_signal_t *uv, int signum)
{
	struct handle *handle = uv->data;

	(void)signum;
	handle->call(handle->context);
}

struct loop_signal *loop_on_signal(struct loop *loop, int signum, loop_call call, void *context)
{
	struct loop_signal *signal = mem_alloc(sizeof(*signal));

	uv_signal_init(&loop->uv, &signal->handle.uv.signal);
	handle_new(loop, &signal->handle, context)->call = call;
	uv_signal_start(&signal->handle.uv.signal, signal_came, signum);
	return signal;
}

void loop_off_signal(struct loop_signal **signal)
{
	struct loop_signal *old = mem_move(signal);

	if (old)
		handle_close(&old->handle);
}
