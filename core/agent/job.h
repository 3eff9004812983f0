/*
 * One command inside the instance: its process group, its pipes or terminal, and what it has written.
 *
 * The agent is the parent (subreaper) of them all. A job ends with its process; background children that still
 * hold the pipes do not hold it (design 2.5). Started by vfork: a kill right behind a start must never find a
 * child that has no process group of its own yet (reference/agent.md, Traps).
 */
#ifndef CORE_AGENT_JOB_H
#define CORE_AGENT_JOB_H

#include <stdbool.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "core/agent/frame.h"
#include "core/agent/ring.h"

enum { JOB_STDOUT, JOB_STDERR, JOB_STREAMS };

struct job {
	struct job *next;
	uint32_t id;
	pid_t pid; /* also its process group; 0 when it is over or never began */
	bool tty, ended;
	bool channel, datagrams; /* no process: a connection (channel.c) */
	uint64_t limit;          /* a channel's output may be sent so far */
	bool shut_told, closed_told;
	int input;               /* -1: closed */
	int output[JOB_STREAMS]; /* -1: at its end */
	struct buf queued;       /* stdin on its way into the pipe */
	bool input_ends;         /* close the pipe when the queue is empty */
	uint64_t taken, told;    /* bytes of stdin the command has taken; of which golemfs knows */
	struct ring rings[JOB_STREAMS];
	uint64_t sent[JOB_STREAMS]; /* on the attached connection */
	uint64_t acked[JOB_STREAMS];
	bool exit_sent;
	uint64_t kill_at_ms;          /* SIGKILL follows then; 0: never */
	uint64_t began_us, output_ms; /* output_ms: of the last output, or the end */
	uint32_t exit_kind, exit_value;
	uint64_t user_us, system_us, lasted_us;
	uint32_t max_rss_kb;
};

/* What programs get: the agent itself takes all it may have, for its connections. */
extern struct rlimit job_descriptors;

uint64_t job_now_ms(void);

/* From the payload of START, put together; NULL when it is malformed. A program that cannot be started gives a
 * job that has ended with AGENT_NOT_RUN. */
struct job *job_start(uint32_t id, struct frame_view payload, int directory);
void job_free(struct job *job);

void job_feed(struct job *job, const void *data, size_t len, bool end);
void job_write_input(struct job *job); /* when the pipe takes bytes */
/* Takes what has been written; true when there was something, or the end. */
bool job_read_output(struct job *job, unsigned stream);
void job_kill(struct job *job, int signum, uint32_t grace_ms);
void job_resize(struct job *job, uint16_t rows, uint16_t columns);
/* Nobody reads stdin any more: what waits for it has been taken. */
void job_close_input(struct job *job);
void job_end(struct job *job, enum agent_exit_kind kind, uint32_t value);
/* The process is over: drains the pipes and closes them. */
void job_reaped(struct job *job, int status, const struct rusage *usage);

#endif
