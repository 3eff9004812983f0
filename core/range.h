/*
 * IPv4 ranges of private networks: reading them, comparing them, and handing out addresses.
 */
#ifndef CORE_RANGE_H
#define CORE_RANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/err.h"

enum { RANGE_TEXT = 20 }; /* "255.255.255.255/32" */

struct range {
	uint32_t network; /* host byte order, host bits zero */
	unsigned prefix;  /* 8 to 30 */
};

/* "10.0.0.0/24"; an address without prefix is /24. EINVAL with a sentence: IPv6, host bits set, prefix out of range,
 * addresses that yagna does not route (loopback, multicast …). */
int range_parse(struct range *range, const char *text, struct err *err);
void range_print(const struct range *range, char text[RANGE_TEXT]);
void range_print_mask(const struct range *range, char text[RANGE_TEXT]);
bool range_overlaps(const struct range *a, const struct range *b);
bool range_holds(const struct range *range, uint32_t address);

int range_parse_address(uint32_t *address, const char *text, struct err *err);
void range_print_address(uint32_t address, char text[RANGE_TEXT]);

/* The client's: yagna gives the first host address to itself, whether it joins or not (reference/yagna-api.md 6.2). */
uint32_t range_client(const struct range *range);
/* An instance may have it: inside, and not the network's, the client's or the broadcast address. */
bool range_is_for_instances(const struct range *range, uint32_t address);
/* The lowest one that is not among `taken`; 0: the range is full. */
uint32_t range_free_address(const struct range *range, const uint32_t *taken, size_t count);

#endif
