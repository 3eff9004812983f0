/*
 * What a switch needs to know of an Ethernet frame: between which IPv4 addresses it goes. Nothing is owned.
 */
#ifndef DEVNET_FRAME_H
#define DEVNET_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct frame_ends {
	uint32_t from, to; /* network order */
};

/* False for anything that is no whole IPv4 or ARP frame. */
bool frame_read(const uint8_t *frame, size_t len, struct frame_ends *ends);

#endif
