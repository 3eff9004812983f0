/* golemfs's end of the conversation with an agent: an instance may answer anything. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "core/agent/envelope.h"
#include "core/agent/link.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void output(void *context, uint32_t command, int stream, const void *data, size_t len)
{
	uint64_t *heard = context;

	for (size_t i = 0; i < len; i++)
		heard[stream - 1] += ((const uint8_t *)data)[i];
}

static void dropped(void *context, uint32_t command, int stream, uint64_t bytes)
{
	if (!bytes)
		abort();
}

static void exited(void *context, uint32_t command, const struct agent_link_exit *exit)
{
	struct agent_link *link = ((struct agent_link **)context)[2];

	if (agent_link_input_room(link, command))
		abort();
}

static void input_room(void *context, uint32_t command, size_t room, bool closed)
{
	if (room > AGENT_INPUT_WINDOW)
		abort();
}

static void shut(void *context, uint32_t channel)
{
	if (!(channel & AGENT_CHANNEL))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct agent_link_events events = {output, dropped, exited, input_room, shut};
	static const uint8_t secret[AGENT_TOKEN_SIZE];
	char *argv[] = {"/bin/true", NULL};
	struct agent_link_program program = {.directory = "", .argv = argv};
	uint64_t context[3] = {0};
	BUF_AUTO struct buf in = {0}, out = {0}, why = {0};
	struct agent_link *link = agent_link_new(secret, secret, &events, context);
	size_t used;

	context[2] = (uint64_t)(uintptr_t)link;
	for (uint32_t id = 1; id <= 4; id++)
		agent_link_start(link, id, &program);
	agent_link_open(link, AGENT_CHANNEL | 1, "127.0.0.1", 80, false);
	agent_link_input(link, 1, secret, sizeof secret, true);
	agent_link_compose_hello(link, &out);
	if (size && data[0] & 1) {
		if (envelope_read(&in, (const char *)data + 1, size - 1) == 0)
			agent_link_receive(link, in.data, in.len, &used, &why);
	} else if (size) {
		agent_link_receive(link, data + 1, size - 1, &used, &why);
	}
	agent_link_compose_message(link, &out);
	agent_link_compose_call(link, &out, 60000, 0, 0);
	agent_link_free(link);
	return 0;
}
