/*
 * golemfs's end of the conversation with the agent of one instance.
 *
 * The link owns what has been asked and is not acknowledged yet, and how far each command's output has been
 * received; it knows nothing of HTTP or websockets. A carrier takes bytes from it and gives bytes to it, and one
 * carrier may follow another at any moment: whatever the agent has not acknowledged is handed out again, and output is
 * asked for from the byte that is missing, so no command notices.
 */
#ifndef CORE_AGENT_LINK_H
#define CORE_AGENT_LINK_H

#include <stdbool.h>
#include <stdint.h>

#include "core/agent/protocol.h"
#include "core/buf.h"

struct agent_link;

struct agent_link_exit {
	enum agent_exit_kind kind;
	uint32_t value; /* status, signal or errno */
	uint64_t user_us, system_us, lasted_us;
	uint32_t max_rss_kb;
};

/* What the agent tells. Called from agent_link_receive(); the link may be used, but not freed, inside. */
struct agent_link_events {
	/* stream 1 or 2; the bytes follow those of the call before without a gap, unless dropped() came between */
	void (*output)(void *context, uint32_t command, int stream, const void *data, size_t len);
	void (*dropped)(void *context, uint32_t command, int stream, uint64_t bytes);
	void (*exited)(void *context, uint32_t command, const struct agent_link_exit *exit);
	/* `room` more bytes of stdin may be given; closed: nobody reads them any more */
	void (*input_room)(void *context, uint32_t command, size_t room, bool closed);
	/* the far end of a channel has finished; the other direction goes on */
	void (*shut)(void *context, uint32_t channel);
};

struct agent_link_program {
	uint32_t flags; /* AGENT_START_… */
	uint16_t rows, columns;
	uint64_t output_bound;
	const char *directory;                  /* "" for the agent's own */
	char *const *argv, *const *environment; /* NULL terminated */
};

/* `session` and `token` are kept by the journal, so that a later golemfs finds its commands again. */
struct agent_link *agent_link_new(const uint8_t token[AGENT_TOKEN_SIZE],
				  const uint8_t session[AGENT_SESSION_SIZE],
				  const struct agent_link_events *events, void *context);
/* Channels still open are told to have been reset. */
void agent_link_free(struct agent_link *link);
/* Who hears of channels; until then nobody does. */
void agent_link_on_channels(struct agent_link *link, const struct agent_link_events *events, void *context);

/* E2BIG when the program does not fit AGENT_START_MAX: 0 or an errno. The command's output is watched from now on. */
int agent_link_start(struct agent_link *link, uint32_t command, const struct agent_link_program *program);
/* A channel to a literal address inside the instance; its number has the bit AGENT_CHANNEL. */
void agent_link_open(struct agent_link *link, uint32_t channel, const char *address, uint16_t port,
		     bool datagrams);
/* The channel may send up to this offset; never less than before. */
void agent_link_allow(struct agent_link *link, uint32_t channel, uint64_t limit);
/* Watches a command that an earlier golemfs started, from these offsets on. */
void agent_link_watch(struct agent_link *link, uint32_t command, uint64_t out, uint64_t err);
/* Takes up to agent_link_input_room() bytes; the rest is refused: returns what was taken. */
size_t agent_link_input(struct agent_link *link, uint32_t command, const void *data, size_t len, bool end);
size_t agent_link_input_room(struct agent_link *link, uint32_t command);
void agent_link_kill(struct agent_link *link, uint32_t command, int signum, uint32_t grace_ms);
void agent_link_resize(struct agent_link *link, uint32_t command, uint16_t rows, uint16_t columns);
void agent_link_quit(struct agent_link *link);

/* Something waits that the agent should hear soon (that ended commands may be forgotten is not worth a call). */
bool agent_link_has_orders(const struct agent_link *link);
/* Commands whose end has not been heard. */
unsigned agent_link_commands(const struct agent_link *link);

/* For the requests carrier: what one call says: orders not acknowledged (as many as fit `most` bytes) and the poll. */
void agent_link_compose_call(struct agent_link *link, struct buf *out, size_t most, uint32_t hold_ms,
			     uint32_t quiet_ms);
/* For the websocket carrier: first the greeting, then, each time it is writable, one message; false: nothing to say. */
void agent_link_compose_hello(struct agent_link *link, struct buf *out);
void agent_link_compose_beat(struct agent_link *link, struct buf *out);
bool agent_link_compose_message(struct agent_link *link, struct buf *out);

bool agent_link_is_attached(const struct agent_link *link); /* the agent has answered the greeting */
bool agent_link_has_left(const struct agent_link *link);    /* and has said goodbye since */
/* The websocket is no more: what was sent on it and is not acknowledged will be sent again. */
void agent_link_detach(struct agent_link *link);

/* Whole messages from the agent; `used` tells how many bytes they were. 0, or -1 when the agent does not speak this
 * protocol (the connection is to be ended), with the sentence of a refusal in `why`. */
int agent_link_receive(struct agent_link *link, const void *data, size_t len, size_t *used, struct buf *why);

#endif
