#include "tests/devnet/latency.h"

/* "near": a provider on the next machine; "real": as measured with a real daemon (reference/yagna-api.md 11),
 * the image fetched from near by. Of ranges the middle is taken. */
#define LATENCIES(X)                                                                                         \
	/* what                  near  fast  real */                                                         \
	X(offer_ms, 50, 0, 1000)                                                                             \
	X(counter_ms, 8, 0, 9)                                                                               \
	X(approval_ms, 10, 0, 10)                                                                            \
	X(activity_create_ms, 750, 0, 1500)                                                                  \
	X(activity_destroy_step_ms, 750, 0, 750)                                                             \
	X(deploy_ms, 10, 0, 10)                                                                              \
	X(start_ms, 5, 0, 5)                                                                                 \
	X(run_ms, 20, 0, 20)                                                                                 \
	X(stream_hold_ms, 42, 0, 42)                                                                         \
	X(terminate_running_ms, 1000, 0, 1000)                                                               \
	X(invoice_ms, 300, 0, 300)                                                                           \
	X(payment_tick_ms, 1000, 0, 1000)                                                                    \
	/* how long a websocket outlives the end of its connection, and its silence: fast is a thirtieth */  \
	X(vpn_fin_ms, 90000, 3000, 90000)                                                                    \
	X(vpn_silence_ms, 120000, 4000, 120000)

struct latencies latency_of(enum latency_mood mood)
{
#define PICK(name, near_ms, fast_ms, real_ms)                                                                \
	.name = mood == LATENCY_FAST ? (fast_ms) : mood == LATENCY_REAL ? (real_ms) : (near_ms),
	return (struct latencies){LATENCIES(PICK)};
#undef PICK
}
