#include "core/agent/agent.h"

#include <string.h>

enum {
	OUTPUT_PIECE = 64 << 10,
	OUT_PENDING_MAX = 256 << 10, /* bytes that wait in one connection */
	CREDIT_STEP = AGENT_INPUT_WINDOW / 4,
};

/* A message under way into conn->out; begun with its first frame, so that none goes out empty. */
struct writing {
	struct agent *agent;
	struct conn *conn;
	size_t begin;
	bool begun;
};

static void add(struct writing *writing, uint32_t channel, uint8_t type, const struct buf *head,
		const void *data, size_t len)
{
	if (!writing->begun)
		writing->begin = frame_begin_message(&writing->conn->out, 0, writing->agent->next_serial - 1);
	writing->begun = true;
	writing->agent->unacknowledged = 0;
	frame_add(&writing->conn->out, channel, type, 0, head ? head->data : NULL, head ? head->len : 0, data,
		  len);
}

static void finish(struct writing *writing)
{
	if (writing->begun)
		frame_end_message(&writing->conn->out, writing->begin);
	conn_write(writing->conn);
}

static void add_exit(struct writing *writing, const struct job *job)
{
	BUF_AUTO struct buf head = {0};

	frame_put32(&head, job->exit_kind);
	frame_put32(&head, job->exit_value);
	frame_put64(&head, ring_end(&job->rings[JOB_STDOUT]));
	frame_put64(&head, ring_end(&job->rings[JOB_STDERR]));
	frame_put64(&head, job->user_us);
	frame_put64(&head, job->system_us);
	frame_put32(&head, job->max_rss_kb);
	frame_put64(&head, job->lasted_us);
	add(writing, job->id, AGENT_EXIT, &head, NULL, 0);
}

/* Up to `room` bytes from *offset, which moves on; says so where the oldest part was dropped. */
static size_t add_output(struct writing *writing, struct job *job, unsigned stream, uint64_t *offset,
			 size_t room)
{
	static char data[OUTPUT_PIECE];
	struct ring *ring = &job->rings[stream];
	BUF_AUTO struct buf head = {0};
	size_t added = 0;

	while (added < room && *offset < ring_end(ring)) {
		size_t want = room - added < sizeof data ? room - added : sizeof data;
		ssize_t n;

		buf_clear(&head);
		n = *offset < ring_first(ring) ? -1 : ring_read(ring, *offset, data, want);
		if (n < 0) {
			/* Dropped, or its file cannot be read: the same for the reader. */
			uint8_t which = (uint8_t)(stream + 1);
			uint64_t kept = *offset < ring_first(ring) ? ring_first(ring) : ring->memory_first;

			buf_add(&head, &which, 1);
			frame_put64(&head, kept);
			add(writing, job->id, AGENT_DROPPED, &head, NULL, 0);
			*offset = kept;
			continue;
		}
		frame_put64(&head, *offset);
		add(writing, job->id, stream == JOB_STDOUT ? AGENT_STDOUT : AGENT_STDERR, &head, data,
		    (size_t)n);
		*offset += (uint64_t)n;
		added += (size_t)n;
	}
	return added;
}

/* A channel sends no further than it may. */
static size_t allowed(const struct job *job, unsigned stream, uint64_t offset, size_t room)
{
	uint64_t limit = job->channel && stream == JOB_STDOUT ? job->limit : UINT64_MAX;

	return offset >= limit ? 0 : room < limit - offset ? room : (size_t)(limit - offset);
}

static bool is_shut(const struct job *job, uint64_t offset)
{
	bool broken = job->ended && job->exit_kind != AGENT_EXITED;

	return job->channel && !broken && job->output[JOB_STDOUT] < 0 &&
	       offset >= ring_end(&job->rings[JOB_STDOUT]);
}

static void add_shut(struct writing *writing, struct job *job)
{
	BUF_AUTO struct buf head = {0};

	frame_put64(&head, ring_end(&job->rings[JOB_STDOUT]));
	add(writing, job->id, AGENT_SHUT, &head, NULL, 0);
	job->shut_told = true;
}

static bool at_end(const struct job *job, const uint64_t *offsets)
{
	return job->ended && offsets[JOB_STDOUT] >= ring_end(&job->rings[JOB_STDOUT]) &&
	       offsets[JOB_STDERR] >= ring_end(&job->rings[JOB_STDERR]);
}

static void add_credit(struct writing *writing, struct job *job)
{
	BUF_AUTO struct buf head = {0};
	uint8_t closed = job->input < 0;

	frame_put64(&head, job->taken);
	buf_add(&head, &closed, 1);
	add(writing, job->id, AGENT_CREDIT, &head, NULL, 0);
	job->told = job->taken;
	job->closed_told = closed;
}

/* The writer at the other end waits for room, or should hear that nobody reads. */
static bool owes_credit(const struct job *job)
{
	bool broken = job->input < 0 && job->taken && !job->input_ends && !job->ended;

	return job->taken - job->told >= CREDIT_STEP || (broken && !job->closed_told);
}

void report_welcome(struct agent *agent, struct conn *conn)
{
	struct writing writing = {.agent = agent, .conn = conn};
	BUF_AUTO struct buf head = {0};

	frame_put32(&head, agent->next_serial);
	frame_put32(&head, agent->lease_s);
	add(&writing, 0, AGENT_WELCOME, &head, NULL, 0);
	for (struct job *job = agent->jobs; job && conn->attached; job = job->next) {
		buf_clear(&head);
		for (unsigned i = 0; i < JOB_STREAMS; i++) {
			frame_put64(&head, ring_first(&job->rings[i]));
			frame_put64(&head, ring_end(&job->rings[i]));
		}
		add(&writing, job->id, AGENT_RUNNING, &head, NULL, 0);
	}
	finish(&writing);
}

static uint64_t unacknowledged(const struct agent *agent)
{
	uint64_t sum = 0;

	for (const struct job *job = agent->jobs; job; job = job->next)
		for (unsigned i = 0; i < JOB_STREAMS; i++)
			sum += job->sent[i] - job->acked[i];
	return sum;
}

void report_push(struct agent *agent, struct conn *conn)
{
	struct writing writing = {.agent = agent, .conn = conn};
	uint64_t window = unacknowledged(agent);
	size_t room = window < AGENT_OUTPUT_WINDOW ? (size_t)(AGENT_OUTPUT_WINDOW - window) : 0;

	if (conn->out.len >= OUT_PENDING_MAX)
		return;
	if (room > OUT_PENDING_MAX)
		room = OUT_PENDING_MAX;
	for (struct job *job = agent->jobs; job; job = job->next) {
		for (unsigned i = 0; i < JOB_STREAMS; i++) {
			/* One piece each in turn: a flood of one command does not hold up the others. */
			size_t piece = room < OUTPUT_PIECE ? room : OUTPUT_PIECE;

			room -= add_output(&writing, job, i, &job->sent[i],
					   allowed(job, i, job->sent[i], piece));
		}
		if (owes_credit(job))
			add_credit(&writing, job);
		if (is_shut(job, job->sent[JOB_STDOUT]) && !job->shut_told)
			add_shut(&writing, job);
		if (!job->exit_sent && at_end(job, job->sent)) {
			add_exit(&writing, job);
			job->exit_sent = true;
		}
	}
	if (agent->unacknowledged >= AGENT_ORDER_STEP)
		add(&writing, 0, AGENT_BEAT, NULL, NULL, 0);
	finish(&writing);
}

void report_beat(struct agent *agent, struct conn *conn)
{
	struct writing writing = {.agent = agent, .conn = conn};

	add(&writing, 0, AGENT_BEAT, NULL, NULL, 0);
	finish(&writing);
}

void report_goodbye(struct agent *agent, struct conn *conn)
{
	struct writing writing = {.agent = agent, .conn = conn};

	add(&writing, 0, AGENT_GOODBYE, NULL, NULL, 0);
	finish(&writing);
}

struct polled {
	uint32_t id;
	uint64_t offsets[JOB_STREAMS];
	struct job *job;
};

static bool next_polled(struct agent *agent, struct frame_view *view, struct polled *polled)
{
	if (!frame_left(view))
		return false;
	polled->id = frame_take32(view);
	polled->offsets[JOB_STDOUT] = frame_take64(view);
	polled->offsets[JOB_STDERR] = frame_take64(view);
	polled->job = agent_job(agent, polled->id);
	for (unsigned i = 0; polled->job && i < JOB_STREAMS; i++)
		if (polled->offsets[i] > ring_end(&polled->job->rings[i]))
			polled->offsets[i] = ring_end(&polled->job->rings[i]);
	return true;
}

static struct frame_view polled_commands(const struct conn *conn)
{
	struct frame_view view = frame_view_of(conn->poll.data, conn->poll.len);

	frame_take(&view, 8);
	return view;
}

static bool owes_news(const struct job *job)
{
	return job->taken - job->told >= CREDIT_STEP ||
	       (job->channel && job->output[JOB_STDOUT] < 0 && !job->shut_told);
}

/* How long the answer may still wait: 0 when it is due. */
static uint64_t poll_patience(struct agent *agent, struct conn *conn, uint64_t now_ms)
{
	struct frame_view view = polled_commands(conn);
	uint64_t patience = conn->poll_until_ms > now_ms ? conn->poll_until_ms - now_ms : 0, bytes = 0;
	struct polled polled;
	bool all_over = true;

	while (next_polled(agent, &view, &polled)) {
		if (!polled.job)
			return 0;
		if (polled.job->taken - polled.job->told >= CREDIT_STEP)
			return 0;
		all_over &= polled.job->ended;
		for (unsigned i = 0; i < JOB_STREAMS; i++) {
			uint64_t there = ring_end(&polled.job->rings[i]) - polled.offsets[i], quiet;
			size_t ready = allowed(polled.job, i, polled.offsets[i], there);

			bytes += ready;
			/* An end is news too, but others that end right after it may share its answer. */
			quiet = polled.job->output_ms + conn->quiet_ms;
			if ((ready || polled.job->ended || owes_news(polled.job)) &&
			    quiet < now_ms + patience)
				patience = quiet > now_ms ? quiet - now_ms : 0;
		}
	}
	return all_over || bytes >= AGENT_ANSWER_BYTES ? 0 : patience;
}

int report_poll(struct agent *agent, struct conn *conn, uint64_t now_ms)
{
	struct writing writing = {.agent = agent, .conn = conn};
	struct frame_view view;
	struct polled polled;
	size_t room = AGENT_ANSWER_BYTES;
	uint64_t patience;

	if (!conn->poll.len)
		return -1;
	patience = poll_patience(agent, conn, now_ms);
	if (patience)
		return (int)(patience < 60000 ? patience : 60000);
	view = polled_commands(conn);
	while (next_polled(agent, &view, &polled)) {
		struct job unknown = {
			.id = polled.id, .exit_kind = AGENT_NOT_RUN, .exit_value = 3 /* ESRCH */};

		if (!polled.job) {
			add_exit(&writing, &unknown);
			continue;
		}
		for (unsigned i = 0; i < JOB_STREAMS; i++)
			room -= add_output(&writing, polled.job, i, &polled.offsets[i],
					   allowed(polled.job, i, polled.offsets[i], room));
		add_credit(&writing, polled.job);
		if (is_shut(polled.job, polled.offsets[JOB_STDOUT]))
			add_shut(&writing, polled.job);
		if (at_end(polled.job, polled.offsets))
			add_exit(&writing, polled.job);
	}
	add(&writing, 0, AGENT_BEAT, NULL, NULL, 0);
	buf_free(&conn->poll);
	finish(&writing);
	return -1;
}
