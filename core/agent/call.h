/*
 * `agent call`: one short conversation with the running agent, for requests as the carrier.
 */
#ifndef CORE_AGENT_CALL_H
#define CORE_AGENT_CALL_H

/* Sends the messages that `parts` (base64, cut anywhere at multiples of four) hold, with the agent's own HELLO for
 * `session` (32 hex digits) before them, and prints the answers as envelopes. Returns the exit status: 0; 64 for a
 * malformed call, 69 where no agent answers. */
int call_main(const char *directory, const char *session, char **parts);

#endif
