#include "core/range.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"

enum { PREFIX_MIN = 8, PREFIX_MAX = 30, PREFIX_DEFAULT = 24 };

static uint32_t mask_of(unsigned prefix)
{
	return ~(uint32_t)0 << (32 - prefix);
}

int range_parse_address(uint32_t *address, const char *text, struct err *err)
{
	struct in_addr in;

	if (strchr(text, ':'))
		return err_set(err, EINVAL, "\"%s\": IPv6 is not possible in a network of yagna", text);
	if (inet_pton(AF_INET, text, &in) != 1)
		return err_set(err, EINVAL, "\"%s\" is no IPv4 address", text);
	*address = ntohl(in.s_addr);
	return 0;
}

static int parse_prefix(unsigned *prefix, const char *text, const char *whole, struct err *err)
{
	char *end;
	long value = strtol(text, &end, 10);

	if (end == text || *end || text[0] < '0' || text[0] > '9')
		return err_set(err, EINVAL, "\"%s\": what follows the slash is no number", whole);
	if (value < PREFIX_MIN || value > PREFIX_MAX)
		return err_set(err, EINVAL, "\"%s\": a range has a prefix of /%d to /%d", whole, PREFIX_MIN,
			       PREFIX_MAX);
	*prefix = (unsigned)value;
	return 0;
}

int range_parse(struct range *range, const char *text, struct err *err)
{
	const char *slash = strchr(text, '/');
	MEM_AUTO char *address = slash ? mem_printf("%.*s", (int)(slash - text), text) : mem_strdup(text);
	unsigned first;

	range->prefix = PREFIX_DEFAULT;
	if (range_parse_address(&range->network, address, err) < 0 ||
	    (slash && parse_prefix(&range->prefix, slash + 1, text, err) < 0))
		return -1;
	if (range->network & ~mask_of(range->prefix))
		return err_set(err, EINVAL, "\"%s\" is an address inside the range, not the range's own",
			       text);
	first = range->network >> 24;
	if (first == 0 || first == 127 || first >= 224)
		return err_set(err, EINVAL, "\"%s\": these addresses are not for networks", text);
	return 0;
}

void range_print_address(uint32_t address, char text[RANGE_TEXT])
{
	struct in_addr in = {.s_addr = htonl(address)};

	inet_ntop(AF_INET, &in, text, RANGE_TEXT);
}

void range_print(const struct range *range, char text[RANGE_TEXT])
{
	size_t len;

	range_print_address(range->network, text);
	len = strlen(text);
	snprintf(text + len, RANGE_TEXT - len, "/%u", range->prefix);
}

void range_print_mask(const struct range *range, char text[RANGE_TEXT])
{
	range_print_address(mask_of(range->prefix), text);
}

bool range_holds(const struct range *range, uint32_t address)
{
	return (address & mask_of(range->prefix)) == range->network;
}

bool range_overlaps(const struct range *a, const struct range *b)
{
	return range_holds(a, b->network) || range_holds(b, a->network);
}

uint32_t range_client(const struct range *range)
{
	return range->network + 1;
}

bool range_is_for_instances(const struct range *range, uint32_t address)
{
	return range_holds(range, address) && address > range_client(range) &&
	       address != (range->network | ~mask_of(range->prefix));
}

/* One of the first count + 1 must be free. */
uint32_t range_free_address(const struct range *range, const uint32_t *taken, size_t count)
{
	MEM_AUTO bool *is_taken = mem_alloc(count + 1);
	uint32_t first = range_client(range) + 1;
	size_t at = 0;

	for (size_t i = 0; i < count; i++)
		if (taken[i] >= first && taken[i] - first <= count)
			is_taken[taken[i] - first] = true;
	while (at < count && is_taken[at])
		at++;
	return range_is_for_instances(range, first + (uint32_t)at) ? first + (uint32_t)at : 0;
}
