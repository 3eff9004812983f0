/* The running agent's ear: whatever a caller sends, nothing but its connection suffers. */
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/agent/agent.h"
#include "core/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct job *agent_job(struct agent *agent, uint32_t id)
{
	struct job *job = agent->jobs;

	while (job && job->id != id)
		job = job->next;
	return job;
}

uint64_t job_now_ms(void)
{
	return 1000000;
}

void job_feed(struct job *job, const void *data, size_t len, bool end)
{
	job->taken += len;
}

void job_kill(struct job *job, int signum, uint32_t grace_ms)
{
	job->kill_at_ms = grace_ms;
}

void job_resize(struct job *job, uint16_t rows, uint16_t columns)
{
	job->tty = rows > columns;
}

void job_free(struct job *job)
{
	for (unsigned i = 0; i < JOB_STREAMS; i++)
		ring_free(&job->rings[i]);
	free(job);
}

/* Programs are not started here: what a caller who knows the token may run is not the subject. */
struct job *job_start(uint32_t id, struct frame_view payload, int directory)
{
	struct job *job;

	if (frame_left(&payload) < AGENT_START_HEAD)
		return NULL;
	job = mem_alloc(sizeof *job);
	*job = (struct job){.id = id, .input = -1, .output = {-1, -1}, .ended = frame_take8(&payload) & 1};
	job->channel = id & AGENT_CHANNEL;
	job->limit = AGENT_CHANNEL_WINDOW;
	for (unsigned i = 0; i < JOB_STREAMS; i++)
		ring_init(&job->rings[i], directory, id, i + 1, 1 << 16);
	ring_add(&job->rings[0], (const char *)payload.at, frame_left(&payload));
	return job;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct agent agent = {.directory = -1, .lease_s = 60};
	int pair[2];
	struct conn *conn;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0)
		return 0;
	receive_forget_session(&agent);
	conn = conn_new(pair[0]);
	agent.conns = conn;
	conn->trusted = size && data[0] & 1;
	conn->attached = size && data[0] & 2;
	for (size_t at = 1; at < size && !conn->closing; at += 512) {
		buf_add(&conn->in, data + at, size - at < 512 ? size - at : 512);
		receive_messages(&agent, conn);
		report_poll(&agent, conn, conn->poll_until_ms);
		if (conn->attached)
			report_push(&agent, conn);
		buf_free(&conn->out);
	}
	while (agent.jobs) {
		struct job *job = agent.jobs;

		agent.jobs = job->next;
		job_free(job);
	}
	receive_forget_session(&agent);
	conn_free(conn);
	close(pair[1]);
	return 0;
}
