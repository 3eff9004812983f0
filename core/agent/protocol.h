/*
 * The protocol between golemfs and the agent inside an instance: what both ends share. docs/agent-protocol.md
 * describes it for people; the numbers below are the protocol.
 *
 * A message is a head and whole frames; the same bytes travel over both carriers (requests and websocket).
 * Everything is little-endian. Towards the agent, messages may arrive in another order than they were sent
 * (reference/yagna-api.md 6.4), so each that changes anything carries a serial and is carried out in order of
 * serials, once. Towards golemfs the order is kept; what can be lost there with a connection (output, exits)
 * is asked for again by offset and number, so nothing in that direction needs a serial.
 */
#ifndef CORE_AGENT_PROTOCOL_H
#define CORE_AGENT_PROTOCOL_H

enum {
	AGENT_VERSION = 1,
	AGENT_HEAD_SIZE = 16, /* u32 size of the whole message, u8 version, u8[3] zero, u32 serial, u32 ack */
	AGENT_FRAME_SIZE = 12, /* u32 channel, u32 length of what follows, u8 type, u8 flags, u16 zero */

	AGENT_MESSAGE_MAX = 2 << 20,         /* either direction, head included */
	AGENT_WEBSOCKET_MESSAGE_MAX = 60000, /* towards the agent: yagna ends the connection beyond 64 KiB */
	AGENT_REORDER_MAX = 2 << 20,         /* bytes of messages that wait for an earlier serial */
	AGENT_ORDER_WINDOW = 1 << 20, /* messages sent to the agent on one connection, not yet acknowledged */
	AGENT_ORDER_STEP = 128 << 10, /* after so many bytes of them the agent acknowledges unasked */
	AGENT_START_MAX = 3 << 19,    /* a command with its environment, put together from its parts */
	AGENT_INPUT_WINDOW = 1 << 20, /* stdin on its way to one command, not yet taken by it */
	AGENT_OUTPUT_WINDOW = 3 << 20, /* output sent on one connection, not yet acknowledged */
	AGENT_ANSWER_BYTES = 1 << 20,  /* output in one answer to a poll */

	AGENT_CHANNEL_WINDOW = 32 << 10, /* what a channel may send before golemfs has said more (ACK) */
	AGENT_DATAGRAM_MAX = 59000,      /* of UDP, towards the agent */

	AGENT_TOKEN_SIZE = 32,
	AGENT_SESSION_SIZE = 16,
};

/* The channel of a frame is the number of a command; 0 is the agent itself. */
enum agent_frame_type {
	/* golemfs to agent */
	AGENT_HELLO = 1, /* token, session; flag ATTACH: output is pushed on this connection from now on */
	AGENT_START = 2, /* struct agent_start below; a second one with the same number is ignored */
	AGENT_STDIN = 3, /* bytes; flag END: end of file after them */
	AGENT_KILL = 4,  /* u32 signal, u32 ms until SIGKILL follows (0: it does not); to the process group */
	AGENT_WINSIZE = 5, /* u16 rows, u16 columns */
	AGENT_ACK = 6,     /* u64 stdout, u64 stderr: what lies before is not asked for again */
	AGENT_POLL = 7,   /* u32 hold ms, u32 quiet ms, then per command u32 number, u64 stdout, u64 stderr */
	AGENT_FORGET = 8, /* golemfs has the exit and all output */
	AGENT_QUIT = 9,   /* everything is killed, the directory removed, the agent ends */

	/* agent to golemfs */
	AGENT_WELCOME =
		32, /* u32 next serial expected, u32 lease s, then per command as in EXIT or RUNNING */
	AGENT_RUNNING = 33, /* u64 first kept and u64 end of stdout, then of stderr */
	AGENT_STDOUT = 34,  /* u64 offset, bytes */
	AGENT_STDERR = 35,
	AGENT_DROPPED = 36, /* u8 stream (1, 2), u64 offset of the oldest byte still kept */
	AGENT_EXIT = 37,    /* struct agent_exit below; after all output of the command */
	AGENT_CREDIT = 38,  /* u64 bytes of stdin taken so far, u8 1 when nobody reads it any more */
	AGENT_BEAT = 39,    /* nothing: the line lives */
	AGENT_REFUSED = 40, /* text; the agent closes the connection after it */
	AGENT_GOODBYE = 41, /* the agent ends: yagna passes no close on (reference/yagna-api.md 6.4) */
	AGENT_SHUT = 42,    /* u64 end: the other end of a channel sends nothing more */
};

enum agent_frame_flags {
	AGENT_MORE = 1,   /* the payload goes on in the next frame of this channel and type (START only) */
	AGENT_END = 2,    /* STDIN */
	AGENT_ATTACH = 4, /* HELLO */
};

/*
 * START: u32 flags, u16 rows, u16 columns, u32 argc, u32 envc, u64 bound of kept output per stream, then the
 * working directory, argv and environment, each ended by NUL. Environment "A=b" is added to the agent's own.
 */
enum agent_start_flags {
	AGENT_START_TTY = 1,   /* a terminal in place of the three pipes; everything comes as stdout */
	AGENT_START_STDIN = 2, /* stdin comes from STDIN frames; else it is empty */
	AGENT_START_TCP = 4,   /* no program but a channel; see below */
	AGENT_START_UDP = 8,
};
enum { AGENT_START_HEAD = 24 };

/*
 * A channel is a command whose program is a connection made by the agent: argv[0] is the address, `rows` the port. STDIN
 * and its END go out (END: half-close), what comes in is its stdout, CREDIT and ACK bound both. Of an ACK and in a POLL the
 * second number is not stderr but how far the channel may send; both only grow. SHUT tells that the other end has
 * finished, EXIT that both have (AGENT_EXITED, 0) or that the connection broke (AGENT_NOT_RUN, errno). KILL resets it.
 * Of UDP each STDIN frame is a datagram, and each datagram in stdout is preceded by u16 length. The numbers of channels
 * have the highest bit; they end with the session.
 */
#define AGENT_CHANNEL 0x80000000u

/*
 * EXIT: u32 kind, u32 value, u64 end of stdout, u64 end of stderr, u64 user us, u64 system us, u32 max rss kB,
 * u64 lasted us.
 */
enum agent_exit_kind {
	AGENT_EXITED = 0,   /* value: exit status */
	AGENT_SIGNALED = 1, /* value: signal */
	AGENT_NOT_RUN = 2,  /* value: errno of the failed start */
};
enum { AGENT_EXIT_SIZE = 52 };

#endif
