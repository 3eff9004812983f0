/* Any text as an address or a range: what is accepted prints as something that reads back the same. */
#include <assert.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "tests/devnet/ip.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* Two texts: up to the first newline the range, after it the mask. */
	char *MEM_AUTO text = mem_alloc(size + 1);
	memcpy(text, data, size);
	char *mask = strchr(text, '\n');
	if (mask)
		*mask++ = '\0';
	struct ip_net net, again;
	if (ip_net_parse(text, mask, &net) != IP_OK)
		return 0;
	char shown[IP_TEXT_MAX];
	struct ip first;
	ip_net_print(&net, shown);
	assert(ip_net_parse(shown, NULL, &again) == IP_OK);
	assert(again.prefix == net.prefix && ip_equal(&again.ip, &net.ip));
	ip_net_first_host(&net, &first);
	assert(ip_net_contains(&net, &first) && ip_net_contains(&net, &net.ip));
	return 0;
}
