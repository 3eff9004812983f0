/*
 * What the two halves of the line share: the agent and the carriers (line.c), and the commands on it (line_commands.c).
 */
#ifndef CORE_LINE_IMPL_H
#define CORE_LINE_IMPL_H

#include <uthash.h>

#include "core/agent/delivery.h"
#include "core/agent/link.h"
#include "core/line.h"

struct line_websocket;
struct batch;

/* A command on the line: the agent's number for it, and the hold on it. */
struct carried {
	UT_hash_handle hh;
	uint32_t id;
	struct line *line;
	struct command *command;
	struct loop_timer *limit; /* command_timeout */
	unsigned calls;           /* that have carried its start, or asked for it */
	bool adopted;             /* an earlier golemfs has put it on the line, or was about to */
};

struct line {
	struct instance *instance;
	uint8_t token[AGENT_TOKEN_SIZE], session[AGENT_SESSION_SIZE];
	char *name, *directory; /* directory NULL: not delivered */
	enum delivery_outcome outcome;
	bool octal; /* the second form */
	unsigned deliveries;
	char *why_not;
	struct agent_link *link;
	struct line_websocket *websocket; /* NULL: the instance is in no network */
	struct carried *carried;
	struct batch *batch;
	struct loop_timer *next; /* the pause between two calls */
	uint64_t news_ms;
	unsigned busy;
	void (*told)(struct instance *instance);
	void (*quitted)(struct instance *instance);
	struct loop_timer *quit_limit;
};

/* --- line.c ----------------------------------------------------------------------------------------------------- */

static inline struct loop *line_loop(const struct line *line)
{
	return line->instance->obj.golem->loop;
}

/* Something is to be said: at once, unless a call is under way, whose end goes on with it. */
void line_call_soon(struct line *line);
bool line_is_attached(const struct line *line); /* a websocket carries it */

/* --- line_commands.c --------------------------------------------------------------------------------------------- */

extern const struct agent_link_events line_events; /* the context is the line */

/* A call with all their starts is on its way; and: the agent may know every one of them. */
void line_called(struct line *line);
void line_known(struct line *line);
/* What the agent carried is lost with it; but for commands that cannot have reached it, if they may be spared. */
void line_lose(struct line *line, bool spare, const char *why);
/* Starts, by a new agent, those that were spared. */
void line_start_again(struct line *line);
/* Puts what ran under an earlier golemfs on the line; without the agent that ran it, it is lost. */
void line_replay(struct line *line, bool known);

#endif
