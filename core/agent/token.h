/*
 * The token that every caller has to know: 64 hex digits in the file `token` of the agent's directory, written there
 * by the request that unpacks the agent, readable only by its user.
 */
#ifndef CORE_AGENT_TOKEN_H
#define CORE_AGENT_TOKEN_H

#include <stdint.h>

/* From the working directory; 0, or -1. */
int token_read(uint8_t token[]);

#endif
