/*
 * How the agent gets into an instance: the argument vector of one plain run that unpacks and starts it.
 *
 * The run needs /bin/sh and base64 on the image, or, in the second form, only a shell whose printf knows octal
 * escapes. It tries directories until one lets programs be written and executed (in the VM /tmp does, /dev/shm does
 * not), writes only there, and prints the directory it took. Sizes: reference/agent.md, Delivery.
 */
#ifndef CORE_AGENT_DELIVERY_H
#define CORE_AGENT_DELIVERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/agent/protocol.h"
#include "core/buf.h"

struct delivery {
	const uint8_t *token; /* AGENT_TOKEN_SIZE bytes */
	const char *name;     /* of the directory to be made, unguessable */
	uint16_t port;        /* 0: no websocket carrier */
	uint32_t lease_s;
	const char *greeted; /* IPv4 addresses, by spaces, that get a packet at the start; "": none */
	bool octal;          /* the form without base64 */
};

/* The run always succeeds, so that it may stand in a batch before others; what it prints tells the outcome. */
enum delivery_outcome { DELIVERY_DONE, DELIVERY_NO_BASE64, DELIVERY_NO_PLACE };

/* False where this golemfs was built without an agent (no compiler for it on the build machine). */
bool delivery_available(void);
/* The arguments after the entry point /bin/sh, NULL terminated; free with delivery_free(). */
char **delivery_arguments(const struct delivery *delivery);
void delivery_free(char **arguments);
/* The token as the journal keeps it (the caller frees), and back: false when the text is none. */
char *delivery_token_text(const uint8_t *token);
bool delivery_read_token(const char *text, uint8_t *token);
/* The arguments of one `agent call` with these messages, `count` of them and NULL; free with delivery_free(). */
char **delivery_call(const char *directory, const uint8_t *session, const struct buf *messages,
		     size_t *count);
/* From the output of the run; *directory (the caller's to free) where the agent is, NULL unless DONE. */
enum delivery_outcome delivery_read(const char *output, size_t len, char **directory);

#endif
