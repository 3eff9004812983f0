/*
 * A message of the agent as text that survives JSON: what `agent call` prints and golemfs reads back.
 *
 * One header line `message SERIAL ACK`, then a line per frame, `CHANNEL TYPE FLAGS HEAD KIND LENGTH`, its bytes and a
 * newline. HEAD is hex: the offset of output, all of any other frame. Output that is valid UTF-8 without NUL goes as
 * it is (kind t), the rest as base64 (kind b): captured as `str`, text costs a third of what bytes cost
 * (reference/agent.md, Requests as carrier).
 */
#ifndef CORE_AGENT_ENVELOPE_H
#define CORE_AGENT_ENVELOPE_H

#include <stddef.h>

#include "core/buf.h"

/* `message` is one whole message, head included. */
void envelope_write(struct buf *out, const void *message, size_t len);
/* Appends the messages that the text holds, one after another, to `out`; -1 when it is anything else. */
int envelope_read(struct buf *out, const char *text, size_t len);

/* Standard base64 with padding; decoding skips nothing: -1 on any foreign character. */
void envelope_base64(struct buf *out, const void *data, size_t len);
int envelope_unbase64(struct buf *out, const char *text, size_t len);

#endif
