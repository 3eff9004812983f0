/*
 * golemfs-agent: `serve DIRECTORY PORT LEASE [ADDRESS…]` inside an instance, `call DIRECTORY SESSION PART…` for each request.
 * Nobody starts it by hand.
 */
#include <string.h>

#include "core/agent/call.h"
#include "core/agent/server.h"

/* Digits only; 0 for anything else, also beyond `most`. */
static uint32_t number(const char *text, uint32_t most)
{
	uint64_t value = 0;

	for (; *text >= '0' && *text <= '9' && value <= most; text++)
		value = value * 10 + (uint64_t)(*text - '0');
	return *text || value > most ? 0 : (uint32_t)value;
}

int main(int argc, char **argv)
{
	struct server_options options;

	if (argc >= 5 && strcmp(argv[1], "call") == 0)
		return call_main(argv[2], argv[3], argv + 4);
	if (argc < 5 || strcmp(argv[1], "serve") != 0)
		return 64;
	options = (struct server_options){.directory = argv[2],
					  .port = (uint16_t)number(argv[3], 65535),
					  .lease_s = number(argv[4], 30 * 86400),
					  .greeted = argv + 5};
	return options.lease_s ? server_main(&options) : 64;
}
