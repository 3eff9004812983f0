/*
 * An exe-unit: what executes the batches of one activity on its machine (reference/yagna-api.md 5.3 to 5.8).
 *
 * It owns the state pair, the batches with their results, and the machine. It knows nothing of REST except the
 * exchanges that wait for a batch (results.c) or stream it (stream.c). Shared by the files of the exe-unit only;
 * activity.c uses the functions.
 */
#ifndef DEVNET_EXE_UNIT_H
#define DEVNET_EXE_UNIT_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>
#include <uthash.h>

#include "tests/devnet/capture.h"
#include "tests/devnet/devnet.h"
#include "tests/devnet/exe_script.h"
#include "tests/devnet/fetch.h"
#include "tests/devnet/sandbox.h"

enum exe_state {
	EXE_NEW,
	EXE_INITIALIZED,
	EXE_DEPLOYED,
	EXE_READY,
	EXE_TERMINATED,
	EXE_UNRESPONSIVE,
	EXE_NONE /* no state is being entered */
};

struct state_pair {
	enum exe_state now, next;
};

struct exe_result {
	bool done, ok;
	struct captured out, err;
	char *message; /* NULL: none */
	struct timespec date;
};

struct batch;
struct exe_unit;
struct poll;
struct stream;
struct transfer;
struct deployment;

/* One end of a program's output. */
struct outlet {
	struct batch *batch;
	struct loop_watch *watch;
	struct loop_timer *gather;
	int fd;
	bool err;
};

struct batch {
	char id[33];
	UT_hash_handle hh;
	struct exe_unit *unit;
	struct exe_script *script;
	struct exe_result *results;
	unsigned index; /* of the command under way, or of the one that failed */
	bool ended, stopping, entered;
	struct state_pair expected; /* of the unit while a stateful command of ours is under way */
	struct loop_timer *timer;
	/* How the command under way ends, while a reader holds that back. */
	int code;
	char *message;
	/* of run */
	struct outlet outlets[2];
	uint64_t run;
	bool exited;
	struct transfer *transfer;
	struct deployment *deployment;
	struct poll *polls;
	struct stream *streams;
};

/* The machine of a deployment. It outlives its unit until its last process is gone. */
struct machine {
	struct machine *prev, *next;
	struct machine **list;
	struct loop *loop;
	struct exe_unit *unit; /* NULL when it has let go */
	struct sandbox *sandbox;
	struct vpn_port *port; /* NULL: in no network */
	char **volumes;        /* ends with NULL */
	char **env;            /* of the image; NULL: the default */
	char *directory;
	bool up, over;
};

struct exe_unit_events {
	void (*changed)(void *context); /* the state pair */
	void (*ended)(void *context);   /* Terminated; nothing will happen any more */
	void *context;
};

struct exe_unit {
	struct devnet *devnet;
	struct agreement *agreement;
	const char *id; /* of the activity, kept by it */
	struct fetches *fetches;
	struct machine **machines; /* all of the devnet */
	struct exe_unit_events events;
	struct state_pair state;
	struct batch *batches;
	struct batch *worker; /* whose stateful command is under way */
	struct machine *machine;
	struct loop_timer *end_timer;
	unsigned deployments;
	unsigned steps;  /* left until Terminated */
	bool image;      /* the deploy has found one */
	bool dead;       /* it does not answer any more */
	double cpu_past; /* of machines that are gone */
};

/* exe_unit.c */
struct exe_unit *exe_unit_new(struct devnet *devnet, const struct exe_unit *given);
void exe_unit_free(struct exe_unit *unit); /* ends the streams' source, answers the polls */
/* Ends everything and reaches Terminated in steps of the provider's; `ended` follows. May be repeated. */
void exe_unit_destroy(struct exe_unit *unit);
void exe_unit_interrupt(struct exe_unit *unit); /* the same, by the provider: soon */
void exe_unit_die(struct exe_unit *unit);       /* the process is gone without a word */
double exe_unit_cpu(struct exe_unit *unit);
const char *exe_state_name(enum exe_state state);
/* The words in which a state pair is shown in messages. */
void exe_state_print(struct state_pair state, struct buf *out);
/* NULL when the command may begin (the pair has changed then), else the daemon's refusal, the caller's to free. */
char *exe_unit_enter(struct exe_unit *unit, enum exe_kind kind, struct batch *batch);
/* NULL, or why the command has failed although its work was done. */
char *exe_unit_leave(struct exe_unit *unit, struct batch *batch);
void exe_unit_set(struct exe_unit *unit, struct state_pair state);
/* Of script command terminate: stops the other batches, drops the machine. True when a program was running. */
bool exe_unit_terminate(struct exe_unit *unit, struct batch *by);
void exe_unit_count(const struct exe_unit *unit, struct buf *out); /* {"batches_done":… of a forced end */

void machine_plug(struct machine *machine); /* into its networks, once it is up */
void machine_drop(struct machine *machine); /* kills it; it frees itself */
void machine_free_all(struct machine **list);

/* batch.c */
struct batch *batch_new(struct exe_unit *unit, struct exe_script *script /* consumed */);
struct batch *batch_find(struct exe_unit *unit, const char *id);
void batch_free(struct batch *batch);
/* The command under way is over: code 0 is Ok; message is consumed, may be NULL. */
void batch_command_end(struct batch *batch, int code, char *message);
void batch_output(struct batch *batch, bool err, const void *data, size_t len);
void batch_program_exited(struct batch *batch, int code);
struct batch *batch_running(struct exe_unit *unit, uint64_t run);

/* deploy.c: ends with batch_command_end() */
void deployment_begin(struct batch *batch);
void deployment_cancel(struct deployment *deployment); /* takes NULL */

/* transfer.c: ends with batch_command_end() */
void transfer_begin(struct batch *batch);
void transfer_cancel(struct transfer *transfer); /* takes NULL */

/* results.c */
struct exchange;
void results_poll(struct exchange *exchange, struct batch *batch, double timeout, const unsigned long *index);
void results_changed(struct batch *batch);
void results_lost(struct batch *batch); /* the unit is gone: answers what waits */

/* stream.c */
struct streams; /* all open ones of the devnet */
void stream_open(struct exchange *exchange, struct batch *batch /* NULL: nothing will come */);
/* `kind` is the JSON of the event's kind. */
void stream_event(struct batch *batch, unsigned index, const char *kind);
void stream_lost(struct batch *batch);
/* Milliseconds by which readers hold the end of a command back. */
uint64_t stream_hold(const struct batch *batch);

#define EXE_GONE  "GSB error: Bad request: Bad request: endpoint address not found"
#define EXE_LOCAL "Local service error: "

#endif
