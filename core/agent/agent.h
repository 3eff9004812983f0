/*
 * What the parts of the running agent share: the jobs, the connections and the session (server.c runs them,
 * receive.c carries out what golemfs asks, report.c tells what has happened).
 */
#ifndef CORE_AGENT_AGENT_H
#define CORE_AGENT_AGENT_H

#include "core/agent/conn.h"
#include "core/agent/job.h"

/* A message that has arrived before its turn. */
struct early {
	struct early *next;
	uint32_t serial;
	size_t len;
	char data[];
};

struct agent {
	int directory;
	uint8_t token[AGENT_TOKEN_SIZE];
	uint32_t lease_s;
	uint64_t contact_ms; /* the last word of a trusted caller */
	bool quitting;
	struct job *jobs;
	struct conn *conns;
	/* The session: one golemfs at a time; a new one takes over. */
	uint8_t session[AGENT_SESSION_SIZE];
	uint32_t next_serial;
	struct early *early;
	size_t early_bytes;
	size_t unacknowledged; /* bytes of orders carried out since golemfs was last told of any */
	uint32_t starting;     /* START whose parts are being put together, and of which command */
	struct buf start;
};

struct job *agent_job(struct agent *agent, uint32_t id); /* or NULL */

/* receive.c: carries out the whole messages in conn->in. */
void receive_messages(struct agent *agent, struct conn *conn);
void receive_forget_session(struct agent *agent);

/* report.c */
void report_welcome(struct agent *agent, struct conn *conn);
/* Pushes output, exits and credits to the attached connection as far as its window goes. */
void report_push(struct agent *agent, struct conn *conn);
/* Answers conn's poll when it is due. Returns the ms until it has to be looked at again, -1 when only an event can
 * change that. */
int report_poll(struct agent *agent, struct conn *conn, uint64_t now_ms);
void report_beat(struct agent *agent, struct conn *conn);
void report_goodbye(struct agent *agent, struct conn *conn);

#endif
