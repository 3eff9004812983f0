/*
 * A channel: a command without a program, that is a TCP or UDP connection from inside the instance. The job owns the
 * socket as its input and, duplicated, as its output; everything that commands have, windows, credit, changes of the
 * carrier, holds for it too.
 */
#ifndef CORE_AGENT_CHANNEL_H
#define CORE_AGENT_CHANNEL_H

#include "core/agent/job.h"

/* `address` is a literal IPv4 or IPv6 address. What cannot be reached ends the job. */
void channel_open(struct job *job, const char *address, uint16_t port, bool datagrams);
void channel_send(struct job *job, const void *datagram, size_t len);
void channel_shut(struct job *job); /* nothing more goes out; the other direction goes on */
bool channel_read(struct job *job); /* as job_read_output() */
/* 0: both directions have ended. An errno: the connection is reset. */
void channel_end(struct job *job, uint32_t error);

#endif
