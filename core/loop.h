/*
 * The one loop (libuv): timers, descriptors, signals and deferred calls, with handles that may be cancelled
 * anywhere, also inside their own callback. One thread; nothing here may be called from another one.
 */
#ifndef CORE_LOOP_H
#define CORE_LOOP_H

#include <stdbool.h>
#include <stdint.h>

struct uv_loop_s;
struct loop;
struct loop_timer;
struct loop_watch;
struct loop_signal;

typedef void (*loop_call)(void *context);
/* readiness: LOOP_READ | LOOP_WRITE; an error on the descriptor shows as LOOP_READ | LOOP_WRITE (try, and
 * see), and the watch then rests until loop_rewatch(). LOOP_PRIORITY alone is how /proc/self/mountinfo tells
 * of a change. */
typedef void (*loop_ready)(void *context, int readiness);
enum { LOOP_READ = 1, LOOP_WRITE = 2, LOOP_PRIORITY = 4 };

struct loop *loop_new(void);       /* NULL with errno set */
void loop_free(struct loop *loop); /* closes what is left; adapters close their own libuv handles before */
void loop_run(struct loop *loop);  /* until loop_stop() */
void loop_stop(struct loop *loop);
struct uv_loop_s *loop_uv(struct loop *loop); /* for adapters of libraries that speak libuv */

uint64_t loop_now_ms(struct loop *loop); /* monotonic, of this turn */

/* One shot after `ms` milliseconds; 0 is the next turn. The timer is gone after its call or its cancelling.
 */
struct loop_timer *loop_after(struct loop *loop, uint64_t ms, loop_call call, void *context);
void loop_cancel(struct loop_timer **timer); /* takes NULL and sets it to NULL; a fired timer's owner sets it
						NULL in the callback itself */

/* Calls in this turn after the present callback has returned, in the order given: completions that must not
 * reach their owner before it has finished asking (reference/fuse.md 3.3, trap 11). */
void loop_defer(struct loop *loop, loop_call call, void *context);
void loop_forget(struct loop *loop, void *context); /* drops the deferred calls with this context */

/* One watch per descriptor; NULL with errno when it cannot be polled (a regular file). */
struct loop_watch *loop_watch(struct loop *loop, int fd, int readiness, loop_ready ready, void *context);
void loop_rewatch(struct loop_watch *watch, int readiness);
void loop_unwatch(struct loop_watch **watch); /* the descriptor stays open: it is the caller's */

struct loop_signal *loop_on_signal(struct loop *loop, int signum, loop_call call, void *context);
void loop_off_signal(struct loop_signal **signal);

#endif
