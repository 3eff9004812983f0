/* The commands of one batch, one after another, until the first that fails (reference/yagna-api.md 5.5, 5.8). */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "core/mem.h"
#include "tests/devnet/exe_unit.h"
#include "tests/devnet/fault.h"

enum { READ_SIZE = 128 << 10, TERMINATE_IDLE_MS = 2, GATHER_MS = 1, KILLED_MS = 20 };

static void step(struct batch *batch);

static struct exe_command *command_of(struct batch *batch)
{
	return &batch->script->commands[batch->index];
}

static struct loop *loop_of(struct batch *batch)
{
	return batch->unit->devnet->loop;
}

static void close_outlet(struct outlet *outlet)
{
	loop_unwatch(&outlet->watch);
	loop_cancel(&outlet->gather);
	if (outlet->fd >= 0)
		close(outlet->fd);
	outlet->fd = -1;
}

static void print_finished(int code, const char *message, struct buf *out)
{
	buf_printf(out, "{\"finished\":{\"return_code\":%d,\"message\":", code);
	if (message)
		capture_print_string(message, strlen(message), out);
	else
		buf_adds(out, "null");
	buf_adds(out, "}}");
}

/* The end of the command under way, after what readers hold back. */
static void over(struct batch *batch)
{
	struct exe_result *result = &batch->results[batch->index];
	BUF_AUTO struct buf event = {0};
	char *unexpected = batch->entered ? exe_unit_leave(batch->unit, batch) : NULL;
	if (unexpected) {
		free(batch->message);
		batch->message = unexpected;
		batch->code = -1;
	}
	if (batch->code && !batch->message)
		batch->message = mem_printf("ExeScript command exited with code %d", batch->code);
	result->ok = batch->code == 0;
	result->message = batch->message;
	batch->message = NULL;
	result->date = wire_now();
	result->done = true;
	print_finished(batch->code, result->message, &event);
	stream_event(batch, batch->index, buf_text(&event));
	if (result->ok)
		batch->index++;
	else
		batch->ended = true;
	results_changed(batch);
	if (!batch->ended)
		step(batch);
}

static void on_held(void *context)
{
	struct batch *batch = context;
	batch->timer = NULL;
	over(batch);
}

void batch_command_end(struct batch *batch, int code, char *message)
{
	uint64_t hold = stream_hold(batch);
	loop_cancel(&batch->timer);
	batch->code = code;
	batch->message = message;
	batch->run = 0;
	batch->timer = loop_after(loop_of(batch), hold, on_held, batch);
}

static void fail(struct batch *batch, const char *message)
{
	batch_command_end(batch, -1, mem_strdup(message));
}

void batch_output(struct batch *batch, bool err, const void *data, size_t len)
{
	const struct exe_command *command = command_of(batch);
	const struct capture *capture = err ? &command->err : &command->out;
	struct exe_result *result = &batch->results[batch->index];
	size_t shown = capture_add(capture, err ? &result->err : &result->out, data, len);
	if (!shown || !batch->streams ||
	    fault_hits(batch->unit->devnet, "lose-output", batch->unit->agreement->provider))
		return;
	BUF_AUTO struct buf event = {0};
	buf_printf(&event, "{\"%s\":", err ? "stderr" : "stdout");
	capture_print_event(capture, data, shown, &event);
	buf_addc(&event, '}');
	stream_event(batch, batch->index, buf_text(&event));
}

/* A run is over when its program is and nobody holds its output any more. */
static void check_run(struct batch *batch)
{
	if (batch->run && batch->exited && batch->outlets[0].fd < 0 && batch->outlets[1].fd < 0)
		batch_command_end(batch, batch->code, NULL);
}

void batch_program_exited(struct batch *batch, int code)
{
	batch->exited = true;
	batch->code = code;
	check_run(batch);
}

/* What is there, up to one event's worth. */
static void take_output(struct outlet *outlet)
{
	char data[READ_SIZE];
	struct batch *batch = outlet->batch;
	size_t len = 0;
	ssize_t got;
	do {
		got = read(outlet->fd, data + len, sizeof(data) - len);
		len += got > 0 ? (size_t)got : 0;
	} while ((got > 0 && len < sizeof(data)) || (got < 0 && errno == EINTR));
	bool over = len < sizeof(data) && (got == 0 || errno != EAGAIN);
	if (len)
		batch_output(batch, outlet->err, data, len);
	if (over) {
		close_outlet(outlet);
		check_run(batch);
	}
}

static void on_gathered(void *context)
{
	struct outlet *outlet = context;
	outlet->gather = NULL;
	loop_rewatch(outlet->watch, LOOP_READ);
	take_output(outlet);
}

/* The real exe-unit looks a moment later than the program writes: with a reader attached this shows, since the lines
 * of a burst come as one event. */
static void on_output(void *context, int readiness)
{
	struct outlet *outlet = context;
	struct batch *batch = outlet->batch;
	int waiting = 0;
	(void)readiness;
	if (!batch->streams || !batch->unit->devnet->latencies.stream_hold_ms ||
	    ioctl(outlet->fd, FIONREAD, &waiting) || !waiting) {
		take_output(outlet);
		return;
	}
	loop_rewatch(outlet->watch, 0);
	outlet->gather = loop_after(loop_of(batch), GATHER_MS, on_gathered, outlet);
}

static bool open_outlet(struct batch *batch, bool err, int *write_end)
{
	struct outlet *outlet = &batch->outlets[err];
	int pair[2];
	if (pipe2(pair, O_CLOEXEC))
		return false;
	fcntl(pair[0], F_SETFL, O_NONBLOCK);
	*outlet = (struct outlet){.batch = batch, .fd = pair[0], .err = err};
	outlet->watch = loop_watch(loop_of(batch), pair[0], LOOP_READ, on_output, outlet);
	*write_end = pair[1];
	return true;
}

/* Arguments as the machine takes them; NULL when one holds a NUL. The list is the caller's, the texts are not. */
static const char **arguments(const struct exe_command *command, const char **path)
{
	const cJSON *args = cJSON_GetObjectItemCaseSensitive(command->body, "args"), *arg;
	const char **list = mem_alloc(sizeof(*list) * ((size_t)cJSON_GetArraySize(args) + 2));
	unsigned count = 1;
	*path = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(command->body, "entry_point"));
	const char *slash = strrchr(*path, '/');
	list[0] = slash ? slash + 1 : *path;
	bool broken = strstr(*path, EXE_SCRIPT_NUL);
	cJSON_ArrayForEach (arg, args) {
		broken |= strstr(arg->valuestring, EXE_SCRIPT_NUL) != NULL;
		list[count++] = arg->valuestring;
	}
	if (!broken)
		return list;
	free(list);
	return NULL;
}

static void launch(struct batch *batch, const char *path, const char **argv)
{
	struct machine *machine = batch->unit->machine;
	struct sandbox_program program = {.path = path,
					  .argv = argv,
					  .env = (const char *const *)machine->env,
					  .directory = machine->directory,
					  .out = -1,
					  .err = -1};
	batch->exited = false;
	if (open_outlet(batch, false, &program.out) && open_outlet(batch, true, &program.err))
		batch->run = sandbox_run(machine->sandbox, &program);
	int error = errno;
	if (program.out >= 0)
		close(program.out);
	if (program.err >= 0)
		close(program.err);
	if (batch->run)
		return;
	close_outlet(&batch->outlets[0]);
	close_outlet(&batch->outlets[1]);
	batch_command_end(batch, -1, mem_printf("IO error: %s (os error %d)", strerror(error), error));
}

static void run_begin(struct batch *batch)
{
	struct exe_unit *unit = batch->unit;
	const char *path = NULL;
	MEM_AUTO const char **argv = arguments(command_of(batch), &path);
	if (!unit->image)
		fail(batch, "task package (image) path was not provided");
	else if (!argv)
		fail(batch, "IO error: nul byte found in provided data");
	else if (!unit->machine || !unit->machine->up)
		batch_command_end(batch, -1, NULL); /* terminated meanwhile */
	else
		launch(batch, path, argv);
}

static void start_begin(struct batch *batch)
{
	if (batch->unit->machine && batch->unit->machine->up)
		machine_plug(batch->unit->machine);
	if (batch->unit->image)
		batch_command_end(batch, 0, NULL);
	else
		fail(batch, "task package (image) path was not provided");
}

static void sign_begin(struct batch *batch)
{
	fail(batch, "signing not supported: binary built without the 'sgx' feature");
}

static void terminated(void *context)
{
	struct batch *batch = context;
	batch->timer = NULL;
	if (batch->unit->state.next != EXE_TERMINATED)
		exe_unit_set(batch->unit, (struct state_pair){EXE_INITIALIZED, EXE_NONE});
	batch_command_end(batch, 0, NULL);
}

static void terminate_begin(struct batch *batch)
{
	bool running = exe_unit_terminate(batch->unit, batch);
	unsigned ms = running ? batch->unit->devnet->latencies.terminate_running_ms : TERMINATE_IDLE_MS;
	if (running && ms < KILLED_MS)
		ms = KILLED_MS; /* the broken run ends first */
	batch->timer = loop_after(loop_of(batch), ms, terminated, batch);
}

/* One row per command, in the order of enum exe_kind. */
static const struct {
	bool stateful;
	const char *fault;
	size_t latency; /* where in struct latencies, for stateful ones that have one */
	void (*begin)(struct batch *batch);
} kinds[] = {
	[EXE_SIGN] = {false, NULL, 0, sign_begin},
	[EXE_DEPLOY] = {true, "deploy", offsetof(struct latencies, deploy_ms), deployment_begin},
	[EXE_START] = {true, "start", offsetof(struct latencies, start_ms), start_begin},
	[EXE_RUN] = {true, "run", offsetof(struct latencies, run_ms), run_begin},
	[EXE_TRANSFER] = {true, "transfer", 0, transfer_begin},
	[EXE_TERMINATE] = {false, NULL, 0, terminate_begin},
};

static void begin(void *context)
{
	struct batch *batch = context;
	enum exe_kind kind = command_of(batch)->kind;
	batch->timer = NULL;
	const struct fault *fault = kinds[kind].fault ? fault_hit(batch->unit->devnet, kinds[kind].fault,
								  batch->unit->agreement->provider)
						      : NULL;
	if (fault)
		fail(batch, fault->message);
	else
		kinds[kind].begin(batch);
}

static uint64_t latency(struct batch *batch, enum exe_kind kind)
{
	struct devnet *devnet = batch->unit->devnet;
	const struct fault *slow = fault_hit(devnet, "slow", batch->unit->agreement->provider);
	uint64_t ms = slow ? slow->delay_ms : 0;
	if (kinds[kind].stateful && kind != EXE_TRANSFER)
		ms += *(const unsigned *)(const void *)((const char *)&devnet->latencies +
							kinds[kind].latency);
	return ms;
}

static void step(struct batch *batch)
{
	if (batch->stopping || batch->index == batch->script->count) {
		batch->ended = true;
		return;
	}
	BUF_AUTO struct buf event = {0};
	const struct exe_command *command = command_of(batch);
	buf_adds(&event, "{\"started\":{\"command\":");
	exe_command_print(command, &event);
	buf_adds(&event, "}}");
	stream_event(batch, batch->index, buf_text(&event));
	char *refusal =
		kinds[command->kind].stateful ? exe_unit_enter(batch->unit, command->kind, batch) : NULL;
	if (refusal)
		batch_command_end(batch, -1, refusal);
	else
		batch->timer = loop_after(loop_of(batch), latency(batch, command->kind), begin, batch);
}

static void first_step(void *context)
{
	struct batch *batch = context;
	batch->timer = NULL;
	step(batch);
}

struct batch *batch_new(struct exe_unit *unit, struct exe_script *script)
{
	struct batch *batch = mem_alloc(sizeof(*batch));
	wire_hex_id(batch->id, 32);
	batch->unit = unit;
	batch->script = script;
	batch->results = mem_alloc(sizeof(*batch->results) * (script->count + 1));
	batch->outlets[0].fd = batch->outlets[1].fd = -1;
	HASH_ADD_STR(unit->batches, id, batch);
	batch->timer = loop_after(loop_of(batch), 0, first_step, batch);
	return batch;
}

struct batch *batch_find(struct exe_unit *unit, const char *id)
{
	struct batch *batch;
	HASH_FIND_STR(unit->batches, id, batch);
	return batch;
}

struct batch *batch_running(struct exe_unit *unit, uint64_t run)
{
	return unit->worker && unit->worker->run == run ? unit->worker : NULL;
}

void batch_free(struct batch *batch)
{
	loop_cancel(&batch->timer);
	close_outlet(&batch->outlets[0]);
	close_outlet(&batch->outlets[1]);
	transfer_cancel(batch->transfer);
	deployment_cancel(batch->deployment);
	for (unsigned i = 0; i < batch->script->count; i++) {
		captured_free(&batch->results[i].out);
		captured_free(&batch->results[i].err);
		free(batch->results[i].message);
	}
	free(batch->results);
	free(batch->message);
	exe_script_free(batch->script);
	free(batch);
}
