/* The loop: handles that may be cancelled anywhere, calls that come after the present one. */
#include "core/loop.h"
#include "core/buf.h"
#include "tests/unit/check.h"

#include <signal.h>
#include <unistd.h>

static struct loop *loop;
static struct buf story;
static struct loop_timer *timer, *other;
static struct loop_watch *watch;
static int ends[2];

static void note(void *context)
{
	buf_printf(&story, "%s ", (const char *)context);
}

static void stop(void *context)
{
	(void)context;
	loop_stop(loop);
}

static void begin(void)
{
	loop = loop_new();
	buf_clear(&story);
}

static void end(void)
{
	loop_free(loop);
	loop = NULL;
}

static void defers(void *context)
{
	(void)context;
	loop_defer(loop, note, "second");
	loop_defer(loop, note, "third");
	note("first");
}

static void deferred_calls_come_in_order_after_the_present_one(void)
{
	begin();
	loop_after(loop, 0, defers, NULL);
	loop_after(loop, 5, stop, NULL);
	loop_run(loop);
	CHECK_TEXT(buf_text(&story), "first second third ");
	end();
}

static void forgets(void *context)
{
	loop_defer(loop, note, context);
	loop_defer(loop, note, "kept");
	loop_forget(loop, context);
}

static void forgotten_calls_do_not_come(void)
{
	static char gone[] = "gone";

	begin();
	loop_after(loop, 0, forgets, gone);
	loop_after(loop, 5, stop, NULL);
	loop_run(loop);
	CHECK_TEXT(buf_text(&story), "kept ");
	end();
}

static void cancels_itself_and_the_other(void *context)
{
	(void)context;
	loop_cancel(&timer); /* fired already: harmless */
	loop_cancel(&other);
	loop_cancel(&other);
}

static void a_timer_may_be_cancelled_in_its_own_callback_and_others(void)
{
	begin();
	timer = loop_after(loop, 0, cancels_itself_and_the_other, NULL);
	other = loop_after(loop, 1, note, "cancelled");
	loop_after(loop, 10, stop, NULL);
	loop_run(loop);
	CHECK_TEXT(buf_text(&story), "");
	CHECK(!timer && !other);
	end();
}

static void defers_for_ever(void *context)
{
	loop_defer(loop, defers_for_ever, context);
}

static void calls_that_always_defer_again_do_not_starve_timers(void)
{
	begin();
	loop_defer(loop, defers_for_ever, NULL);
	loop_after(loop, 5, stop, NULL);
	loop_run(loop);
	end();
}

static void read_and_unwatch(void *context, int readiness)
{
	char c;

	(void)context;
	CHECK(readiness & LOOP_READ);
	CHECK(read(ends[0], &c, 1) == 1);
	loop_unwatch(&watch);
	note("readable");
	loop_defer(loop, stop, NULL);
}

static void a_watch_may_end_in_its_own_callback(void)
{
	begin();
	CHECK(pipe(ends) == 0);
	CHECK(write(ends[1], "ab", 2) == 2);
	watch = loop_watch(loop, ends[0], LOOP_READ, read_and_unwatch, NULL);
	loop_run(loop);
	CHECK_TEXT(buf_text(&story), "readable ");
	CHECK(!watch);
	close(ends[0]);
	close(ends[1]);
	end();
}

static void raises(void *context)
{
	(void)context;
	raise(SIGUSR1);
}

static void a_signal_is_an_event_of_the_loop(void)
{
	begin();
	struct loop_signal *usr1 = loop_on_signal(loop, SIGUSR1, stop, NULL);

	loop_after(loop, 0, raises, NULL);
	loop_run(loop);
	loop_off_signal(&usr1);
	CHECK(!usr1);
	end();
}

static void whatever_is_left_is_freed_with_the_loop(void)
{
	begin();
	CHECK(pipe(ends) == 0);
	loop_after(loop, 100000, note, "never");
	loop_watch(loop, ends[0], LOOP_READ, read_and_unwatch, NULL);
	loop_on_signal(loop, SIGUSR2, stop, NULL);
	loop_defer(loop, note, "never");
	end();
	CHECK_TEXT(buf_text(&story), "");
	close(ends[0]);
	close(ends[1]);
}

int main(void)
{
	TEST(deferred_calls_come_in_order_after_the_present_one);
	TEST(forgotten_calls_do_not_come);
	TEST(a_timer_may_be_cancelled_in_its_own_callback_and_others);
	TEST(calls_that_always_defer_again_do_not_starve_timers);
	TEST(a_watch_may_end_in_its_own_callback);
	TEST(a_signal_is_an_event_of_the_loop);
	TEST(whatever_is_left_is_freed_with_the_loop);
	buf_free(&story);
	return check_end();
}
