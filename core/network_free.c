/* Which addresses nobody uses: neither yagna's networks, nor ours, nor this machine's routes. */
#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "core/mem.h"
#include "core/model.h"

/* Where it is looked for: private addresses (RFC 1918) that homes and clouds use least, first. */
static const struct {
	uint32_t first;
	unsigned prefix;
} pools[] = {{0x0A640000, 10}, {0x0AC00000, 10}, {0x0A000000, 8}, {0xAC100000, 12}, {0xC0A80000, 16}};

struct span {
	uint32_t first, last;
};

struct spans {
	struct span *list;
	unsigned count, room;
};

static void add(struct spans *spans, uint32_t address, unsigned prefix)
{
	uint32_t mask = prefix ? ~(uint32_t)0 << (32 - prefix) : 0;

	if (!prefix || prefix > 32)
		return; /* a way to everywhere is no use of addresses */
	if (spans->count == spans->room) {
		spans->room = spans->room ? 2 * spans->room : 32;
		spans->list = mem_resize(spans->list, spans->room * sizeof(*spans->list));
	}
	spans->list[spans->count++] = (struct span){address & mask, address | ~mask};
}

/* As yagna shows them; what is no IPv4 is in nobody's way. */
static void add_text(struct spans *spans, const char *text)
{
	MEM_AUTO char *copy = mem_strdup(text);
	char *slash = strchr(copy, '/');
	uint32_t address;

	if (slash)
		*slash = '\0';
	if (range_parse_address(&address, copy, NULL) == 0)
		add(spans, address, slash ? (unsigned)strtoul(slash + 1, NULL, 10) : 24);
}

static void add_interfaces(struct spans *spans)
{
	struct ifaddrs *list = NULL;

	if (getifaddrs(&list))
		return;
	for (const struct ifaddrs *at = list; at; at = at->ifa_next) {
		const struct sockaddr_in *address = (const struct sockaddr_in *)at->ifa_addr;
		const struct sockaddr_in *mask = (const struct sockaddr_in *)at->ifa_netmask;

		if (address && mask && address->sin_family == AF_INET)
			add(spans, ntohl(address->sin_addr.s_addr),
			    (unsigned)__builtin_popcount(mask->sin_addr.s_addr));
	}
	freeifaddrs(list);
}

/* proc(5): destination and mask as hexadecimal words, bytes in network order as the machine reads them. */
static void add_routes(struct spans *spans)
{
	FILE *file = fopen("/proc/net/route", "re");
	char line[512];
	unsigned destination, mask;

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "%*s %x %*x %*x %*d %*d %*d %x", &destination, &mask) == 2)
			add(spans, ntohl(destination), (unsigned)__builtin_popcount(mask));
	if (file)
		fclose(file);
}

/* 0: nobody is there; else the first address behind what is. */
static uint64_t behind(const struct spans *spans, uint32_t first, uint32_t last)
{
	for (unsigned i = 0; i < spans->count; i++)
		if (spans->list[i].first <= last && spans->list[i].last >= first)
			return (uint64_t)spans->list[i].last + 1;
	return 0;
}

static bool choose(const struct spans *spans, uint32_t pool, unsigned pool_prefix, struct range *range)
{
	uint64_t size = (uint64_t)1 << (32 - range->prefix);
	uint64_t at = pool, end = (uint64_t)pool + ((uint64_t)1 << (32 - pool_prefix));

	while (at + size <= end) {
		uint64_t next = behind(spans, (uint32_t)at, (uint32_t)(at + size - 1));

		if (!next) {
			range->network = (uint32_t)at;
			return true;
		}
		at = (next + size - 1) / size * size;
	}
	return false;
}

int network_choose_range(struct golem *golem, struct range *range, const struct yagna_net *nets,
			 unsigned count, struct err *err)
{
	struct spans spans = {0};
	const struct network *network;
	bool found = false;

	for (unsigned i = 0; i < count; i++)
		add_text(&spans, nets[i].ip);
	DL_FOREACH (golem->nets, network)
		if (network->range.network)
			add(&spans, network->range.network, network->range.prefix);
	add_interfaces(&spans);
	add_routes(&spans);
	for (unsigned i = 0; i < sizeof(pools) / sizeof(*pools) && !found; i++)
		found = choose(&spans, pools[i].first, pools[i].prefix, range);
	free(spans.list);
	return found ? 0 : err_set(err, ENOSPC, "no private range of a /%u is free: give one", range->prefix);
}
