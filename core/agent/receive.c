#include "core/agent/agent.h"

#include <signal.h>
#include <string.h>

#include "core/mem.h"

static void drop_early(struct agent *agent, struct early **link)
{
	struct early *early = *link;

	*link = early->next;
	agent->early_bytes -= early->len;
	free(early);
}

void receive_forget_session(struct agent *agent)
{
	while (agent->early)
		drop_early(agent, &agent->early);
	buf_free(&agent->start);
	agent->starting = 0;
	agent->next_serial = 1;
}

/* In constant time: the answer must not tell how much of the token was right. */
static bool is_token(const struct agent *agent, const uint8_t *token)
{
	uint8_t differs = 0;

	for (unsigned i = 0; i < AGENT_TOKEN_SIZE; i++)
		differs |= token[i] ^ agent->token[i];
	return !differs;
}

/* Who has opened them is no more. */
static void forget_channels(struct agent *agent)
{
	for (struct job **link = &agent->jobs; *link;) {
		struct job *job = *link;

		if (!job->channel) {
			link = &job->next;
			continue;
		}
		*link = job->next;
		job_kill(job, SIGKILL, 0);
		job_free(job);
	}
}

static void hello(struct agent *agent, struct conn *conn, struct frame *frame)
{
	const uint8_t *token = frame_take(&frame->payload, AGENT_TOKEN_SIZE);
	const uint8_t *session = frame_take(&frame->payload, AGENT_SESSION_SIZE);

	if (!session || !is_token(agent, token)) {
		conn_refuse(conn, "wrong token");
		return;
	}
	conn->trusted = true;
	if (memcmp(agent->session, session, AGENT_SESSION_SIZE) != 0) {
		memcpy(agent->session, session, AGENT_SESSION_SIZE);
		receive_forget_session(agent);
		forget_channels(agent);
	}
	if (frame->flags & AGENT_ATTACH) {
		/* A ghost of the same session stays ESTABLISHED for minutes; nothing may go to it any more. */
		for (struct conn *other = agent->conns; other; other = other->next)
			if (other != conn && other->attached)
				other->dead = true;
		conn->attached = true;
		for (struct job *job = agent->jobs; job; job = job->next) {
			memcpy(job->sent, job->acked, sizeof job->sent);
			job->exit_sent = job->shut_told = job->closed_told = false;
			job->told = 0;
		}
	}
	report_welcome(agent, conn);
}

static void acknowledge(struct agent *agent, uint32_t id, uint64_t out, uint64_t err)
{
	struct job *job = agent_job(agent, id);
	uint64_t offsets[JOB_STREAMS] = {out, err};

	if (job && job->channel && err > job->limit)
		job->limit = err;
	for (unsigned i = 0; job && i < JOB_STREAMS; i++) {
		uint64_t end = ring_end(&job->rings[i]), offset = offsets[i] < end ? offsets[i] : end;

		if (offset > job->acked[i])
			job->acked[i] = offset;
		ring_release(&job->rings[i], job->acked[i]);
		if (job->sent[i] < job->acked[i])
			job->sent[i] = job->acked[i];
	}
}

static void poll_begins(struct agent *agent, struct conn *conn, struct frame *frame)
{
	struct frame_view view = frame->payload;
	uint32_t hold_ms = frame_take32(&view);

	conn->quiet_ms = frame_take32(&view);
	conn->poll_until_ms = job_now_ms() + hold_ms;
	while (frame_left(&view) && !view.bad) {
		uint32_t id = frame_take32(&view);
		uint64_t out = frame_take64(&view);

		acknowledge(agent, id, out, frame_take64(&view));
	}
	if (view.bad) {
		conn_refuse(conn, "malformed poll");
		return;
	}
	buf_clear(&conn->poll);
	buf_add(&conn->poll, frame->payload.at, frame_left(&frame->payload));
}

/* Frames that change nothing, or the same however often they come: carried out at once, in any order. */
static void carry_out_unordered(struct agent *agent, struct conn *conn, struct frame *frame)
{
	uint64_t out;

	if (frame->type == AGENT_HELLO) {
		hello(agent, conn, frame);
	} else if (!conn->trusted) {
		conn_refuse(conn, "no token");
	} else if (frame->type == AGENT_ACK) {
		out = frame_take64(&frame->payload);
		acknowledge(agent, frame->channel, out, frame_take64(&frame->payload));
	} else if (frame->type == AGENT_POLL) {
		poll_begins(agent, conn, frame);
	} else if (frame->type != AGENT_BEAT) {
		conn_refuse(conn, "unknown frame");
	}
}

static void start(struct agent *agent, struct conn *conn, struct frame *frame)
{
	struct job *job;

	if (agent->starting != frame->channel)
		buf_free(&agent->start);
	agent->starting = frame->channel;
	buf_add(&agent->start, frame->payload.at, frame_left(&frame->payload));
	if (agent->start.len > AGENT_START_MAX) {
		conn_refuse(conn, "command too long");
		return;
	}
	if (frame->flags & AGENT_MORE)
		return;
	if (!agent_job(agent, frame->channel)) {
		job = job_start(frame->channel, frame_view_of(agent->start.data, agent->start.len),
				agent->directory);
		if (job) {
			struct job **link = &agent->jobs;

			while (*link)
				link = &(*link)->next;
			*link = job;
		} else {
			conn_refuse(conn, "malformed start");
		}
	}
	buf_free(&agent->start);
	agent->starting = 0;
}

static void forget(struct agent *agent, uint32_t id)
{
	for (struct job **link = &agent->jobs; *link; link = &(*link)->next) {
		struct job *job = *link;

		if (job->id == id && job->ended) {
			*link = job->next;
			job_free(job);
			return;
		}
	}
}

static void carry_out_ordered(struct agent *agent, struct conn *conn, struct frame *frame)
{
	struct job *job = agent_job(agent, frame->channel);
	struct frame_view *view = &frame->payload;
	uint32_t first;

	switch (frame->type) {
	case AGENT_START:
		start(agent, conn, frame);
		break;
	case AGENT_STDIN:
		if (job)
			job_feed(job, view->at, frame_left(view), frame->flags & AGENT_END);
		break;
	case AGENT_KILL:
		first = frame_take32(view);
		if (job && first > 0 && first < 65)
			job_kill(job, (int)first, frame_take32(view));
		break;
	case AGENT_WINSIZE:
		first = frame_take16(view);
		if (job)
			job_resize(job, (uint16_t)first, frame_take16(view));
		break;
	case AGENT_FORGET:
		forget(agent, frame->channel);
		break;
	case AGENT_QUIT:
		agent->quitting = true;
		break;
	default:
		conn_refuse(conn, "unknown order");
	}
}

static void carry_out(struct agent *agent, struct conn *conn, const char *data, size_t len, bool ordered)
{
	struct frame_view view = frame_view_of(data + AGENT_HEAD_SIZE, len - AGENT_HEAD_SIZE);
	struct frame frame;

	while (!conn->closing && frame_next(&view, &frame)) {
		if (ordered)
			carry_out_ordered(agent, conn, &frame);
		else
			carry_out_unordered(agent, conn, &frame);
	}
	if (view.bad && !conn->closing)
		conn_refuse(conn, "malformed frame");
}

static void keep_early(struct agent *agent, struct conn *conn, uint32_t serial, const char *data, size_t len)
{
	struct early *early;

	for (early = agent->early; early; early = early->next)
		if (early->serial == serial)
			return;
	if (agent->early_bytes + len > AGENT_REORDER_MAX) {
		conn_refuse(conn, "window exceeded");
		return;
	}
	early = mem_alloc(sizeof *early + len);
	early->serial = serial;
	early->len = len;
	memcpy(early->data, data, len);
	early->next = agent->early;
	agent->early = early;
	agent->early_bytes += len;
}

static void carry_out_early(struct agent *agent, struct conn *conn)
{
	struct early **link = &agent->early;

	while (*link && !conn->closing) {
		struct early *early = *link;

		if (early->serial != agent->next_serial) {
			link = &early->next;
			continue;
		}
		agent->next_serial++;
		agent->unacknowledged += early->len;
		carry_out(agent, conn, early->data, early->len, true);
		drop_early(agent, link);
		link = &agent->early;
	}
}

static void receive_message(struct agent *agent, struct conn *conn, const struct frame_message *message)
{
	uint32_t ahead = message->serial - agent->next_serial;

	if (!message->serial) {
		carry_out(agent, conn, conn->in.data, message->size, false);
	} else if (!conn->trusted) {
		conn_refuse(conn, "no token");
	} else if (ahead == 0) {
		agent->next_serial++;
		agent->unacknowledged += message->size;
		carry_out(agent, conn, conn->in.data, message->size, true);
		carry_out_early(agent, conn);
	} else if (ahead < UINT32_MAX / 2) {
		keep_early(agent, conn, message->serial, conn->in.data, message->size);
	}
}

void receive_messages(struct agent *agent, struct conn *conn)
{
	struct frame_message message;
	int whole;

	while (!conn->closing && (whole = frame_peek_message(conn->in.data, conn->in.len, &message)) != 0) {
		if (whole < 0) {
			conn_refuse(conn, "not this protocol");
			return;
		}
		receive_message(agent, conn, &message);
		if (conn->trusted)
			agent->contact_ms = job_now_ms();
		if (conn->in.len)
			buf_drop(&conn->in, message.size);
	}
	if (!conn->in.len)
		buf_free(&conn->in);
}
