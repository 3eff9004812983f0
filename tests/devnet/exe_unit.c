#include "tests/devnet/exe_unit.h"

#include <utlist.h>

#include "core/mem.h"
#include "tests/devnet/fault.h"
#include "tests/devnet/vpn.h"

enum { UNRESPONSIVE_MS = 5000, RUNNING_STEPS = 3, INTERRUPT_MS = 20 };

const char *exe_state_name(enum exe_state state)
{
	static const char *const names[] = {"New",   "Initialized", "Deployed",
					    "Ready", "Terminated",  "Unresponsive"};
	return state == EXE_NONE ? NULL : names[state];
}

void exe_state_print(struct state_pair state, struct buf *out)
{
	if (state.next == EXE_NONE)
		buf_printf(out, "StatePair(%s, None)", exe_state_name(state.now));
	else
		buf_printf(out, "StatePair(%s, Some(%s))", exe_state_name(state.now),
			   exe_state_name(state.next));
}

static bool same(struct state_pair a, struct state_pair b)
{
	return a.now == b.now && a.next == b.next;
}

void exe_unit_set(struct exe_unit *unit, struct state_pair state)
{
	if (same(unit->state, state))
		return;
	unit->state = state;
	unit->events.changed(unit->events.context);
}

static char *busy(struct exe_unit *unit)
{
	BUF_AUTO struct buf text = {0};
	buf_adds(&text, EXE_LOCAL "State error: Busy: ");
	exe_state_print(unit->state, &text);
	return buf_take(&text);
}

/* What the unit expects in each state, and what it says of anything else. */
static const struct {
	enum exe_state now;
	enum exe_kind kind;
	enum exe_state next;
	const char *refusal;
} steps[] = {
	{EXE_INITIALIZED, EXE_DEPLOY, EXE_DEPLOYED,
	 "Activity is initialized - deploy() command is expected now"},
	{EXE_DEPLOYED, EXE_START, EXE_READY, "Activity is deployed - start() command is expected now"},
	{EXE_READY, EXE_RUN, EXE_READY, "Cannot send command after a successful start()"},
	{EXE_READY, EXE_TRANSFER, EXE_READY, "Cannot send command after a successful start()"},
};

char *exe_unit_enter(struct exe_unit *unit, enum exe_kind kind, struct batch *batch)
{
	const char *refusal = NULL;
	if (unit->state.next != EXE_NONE)
		return busy(unit);
	for (unsigned i = 0; i < sizeof(steps) / sizeof(*steps); i++) {
		if (steps[i].now != unit->state.now)
			continue;
		refusal = steps[i].refusal;
		if (steps[i].kind != kind)
			continue;
		exe_unit_set(unit, (struct state_pair){steps[i].now, steps[i].next});
		batch->expected = unit->state;
		batch->entered = true;
		unit->worker = batch;
		return NULL;
	}
	if (refusal)
		return mem_printf(EXE_LOCAL "State error: %s", refusal);
	return mem_printf(EXE_LOCAL
			  "State error: This command is not allowed when activity is in the %s state",
			  exe_state_name(unit->state.now));
}

char *exe_unit_leave(struct exe_unit *unit, struct batch *batch)
{
	batch->entered = false;
	if (unit->worker == batch)
		unit->worker = NULL;
	if (same(unit->state, batch->expected)) {
		exe_unit_set(unit, (struct state_pair){unit->state.next, EXE_NONE});
		return NULL;
	}
	BUF_AUTO struct buf text = {0};
	buf_adds(&text, EXE_LOCAL "State error: Unexpected state: ");
	exe_state_print(unit->state, &text);
	buf_adds(&text, ", expected ");
	exe_state_print(batch->expected, &text);
	return buf_take(&text);
}

struct exe_unit *exe_unit_new(struct devnet *devnet, const struct exe_unit *given)
{
	struct exe_unit *unit = mem_dup(given, sizeof(*given));
	unit->devnet = devnet;
	unit->state = (struct state_pair){EXE_INITIALIZED, EXE_NONE};
	return unit;
}

static void free_batches(struct exe_unit *unit)
{
	struct batch *batch, *next;
	unit->worker = NULL;
	HASH_ITER (hh, unit->batches, batch, next) {
		HASH_DEL(unit->batches, batch);
		results_lost(batch);
		stream_lost(batch);
		batch_free(batch);
	}
}

static void drop_machine(struct exe_unit *unit)
{
	struct machine *machine = unit->machine;
	struct batch *worker = unit->worker;
	if (machine) {
		unit->cpu_past += machine->sandbox ? sandbox_cpu(machine->sandbox) : 0;
		unit->machine = NULL;
		machine_drop(machine);
	}
	if (worker && worker->run)
		batch_program_exited(worker, -1);
	else if (worker && worker->deployment) {
		deployment_cancel(worker->deployment);
		worker->deployment = NULL;
		batch_command_end(worker, -1, NULL);
	}
}

void exe_unit_free(struct exe_unit *unit)
{
	if (!unit)
		return;
	loop_cancel(&unit->end_timer);
	free_batches(unit);
	drop_machine(unit);
	free(unit);
}

double exe_unit_cpu(struct exe_unit *unit)
{
	struct machine *machine = unit->machine;
	return unit->cpu_past + (machine && machine->sandbox ? sandbox_cpu(machine->sandbox) : 0);
}

bool exe_unit_terminate(struct exe_unit *unit, struct batch *by)
{
	struct batch *batch, *next;
	bool running = unit->worker && unit->worker != by;
	HASH_ITER (hh, unit->batches, batch, next)
		if (batch != by)
			batch->stopping = true;
	drop_machine(unit);
	unit->image = false;
	return running;
}

static void end(struct exe_unit *unit)
{
	free_batches(unit);
	unit->state = (struct state_pair){EXE_TERMINATED, EXE_NONE};
	unit->events.changed(unit->events.context);
	unit->events.ended(unit->events.context); /* frees the unit */
}

static void on_step(void *context)
{
	struct exe_unit *unit = context;
	unit->end_timer = NULL;
	if (--unit->steps)
		unit->end_timer = loop_after(unit->devnet->loop,
					     unit->devnet->latencies.activity_destroy_step_ms, on_step, unit);
	else
		end(unit);
}

static void destroy(struct exe_unit *unit, unsigned count, uint64_t first_ms)
{
	struct batch *batch, *next;
	if (unit->end_timer)
		return;
	unit->steps = count;
	HASH_ITER (hh, unit->batches, batch, next)
		batch->stopping = true;
	exe_unit_set(unit, (struct state_pair){unit->state.now, EXE_TERMINATED});
	drop_machine(unit);
	unit->end_timer = loop_after(unit->devnet->loop, first_ms, on_step, unit);
}

/* Never sooner than a killed program's end is heard of. */
void exe_unit_destroy(struct exe_unit *unit)
{
	unsigned ms = unit->devnet->latencies.activity_destroy_step_ms;
	destroy(unit, unit->worker ? RUNNING_STEPS : 1,
		unit->worker && ms < INTERRUPT_MS ? INTERRUPT_MS : ms);
}

void exe_unit_interrupt(struct exe_unit *unit)
{
	destroy(unit, 1, INTERRUPT_MS);
}

/* The provider's daemon misses the reports: Unresponsive after 5 s, given up after 10 s. */
static void on_silence(void *context)
{
	struct exe_unit *unit = context;
	unit->end_timer = NULL;
	if (unit->state.now == EXE_UNRESPONSIVE) {
		end(unit);
		return;
	}
	exe_unit_set(unit, (struct state_pair){EXE_UNRESPONSIVE, EXE_NONE});
	unit->end_timer = loop_after(unit->devnet->loop, UNRESPONSIVE_MS, on_silence, unit);
}

void exe_unit_die(struct exe_unit *unit)
{
	if (unit->dead)
		return;
	unit->dead = true;
	free_batches(unit);
	drop_machine(unit);
	loop_cancel(&unit->end_timer);
	unit->end_timer = loop_after(unit->devnet->loop, UNRESPONSIVE_MS, on_silence, unit);
}

void exe_unit_count(const struct exe_unit *unit, struct buf *out)
{
	unsigned batches[2] = {0}, commands[2] = {0}; /* pending, done */
	for (const struct batch *batch = unit->batches; batch; batch = batch->hh.next) {
		unsigned done = 0;
		for (unsigned i = 0; i < batch->script->count; i++)
			done += batch->results[i].done;
		batches[done == batch->script->count]++;
		commands[true] += done;
		commands[false] += batch->script->count - done;
	}
	buf_printf(out, "{\"batches_done\":%u,\"batches_pending\":%u,\"cmds_done\":%u,\"cmds_pending\":%u}",
		   batches[true], batches[false], commands[true], commands[false]);
}

void machine_plug(struct machine *machine)
{
	if (machine->port)
		vpn_port_open(machine->port, sandbox_cable(machine->sandbox));
}

static void unplug(struct machine *machine)
{
	vpn_port_free(machine->port);
	machine->port = NULL;
}

static void machine_free(struct machine *machine)
{
	DL_DELETE(*machine->list, machine);
	loop_forget(machine->loop, machine);
	unplug(machine);
	sandbox_free(machine->sandbox);
	for (char **one = machine->volumes; one && *one; one++)
		free(*one);
	for (char **one = machine->env; one && *one; one++)
		free(*one);
	free(machine->volumes);
	free(machine->env);
	free(machine->directory);
	free(machine);
}

/* Its end is awaited by the loop, not here: many machines may be dropped at once. */
void machine_drop(struct machine *machine)
{
	machine->unit = NULL;
	unplug(machine);
	if (machine->sandbox && !machine->over)
		sandbox_kill(machine->sandbox);
	else
		machine_free(machine);
}

void machine_free_all(struct machine **list)
{
	struct machine *machine, *next;
	DL_FOREACH (*list, machine)
		if (machine->sandbox)
			sandbox_kill(machine->sandbox);
	DL_FOREACH_SAFE (*list, machine, next)
		machine_free(machine);
}
