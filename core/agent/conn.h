/*
 * One connection to the agent: bytes in, bytes out, and the poll it waits with.
 */
#ifndef CORE_AGENT_CONN_H
#define CORE_AGENT_CONN_H

#include <stdbool.h>

#include "core/agent/frame.h"

struct conn {
	struct conn *next;
	int fd;
	struct buf in, out;
	bool trusted;  /* HELLO with the right token */
	bool attached; /* output is pushed here */
	bool closing;  /* close when `out` is empty */
	bool dead;
	uint64_t heard_ms, spoke_ms;
	struct buf poll; /* payload of the POLL that waits for its answer; empty: none */
	uint64_t poll_until_ms;
	uint32_t quiet_ms;
};

struct conn *conn_new(int fd);
void conn_free(struct conn *conn);
/* Reads what is there, within AGENT_MESSAGE_MAX; sets `dead` at the end or on an error. */
void conn_read(struct conn *conn);
void conn_write(struct conn *conn);
/* The last words: REFUSED with a sentence, then closing. */
void conn_refuse(struct conn *conn, const char *sentence);

#endif
