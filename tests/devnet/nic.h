/*
 * The network interface of a machine: "eth0" in a network namespace of its own, whose cable ends in a packet socket
 * that the devnet holds. Every frame the machine sends is read there, and what is written there the machine receives;
 * nothing of it is on the host. Made by netlink, without any program; it needs no root, only the machine's namespaces.
 *
 * All of this is called inside the machine's process; what it makes ends with that process and the packet socket.
 */
#ifndef DEVNET_NIC_H
#define DEVNET_NIC_H

#include <stdint.h>

enum {
	NIC_MTU =
		1220, /* as in the machines of a real provider: pieces of 1180 bytes, reference/yagna-api.md 11 */
	NIC_FRAME_MAX = 2048
};

struct nic_address {
	uint32_t ip; /* network order */
	unsigned prefix;
};

/* Leaves the network namespace for a new one that has "eth0", up, with these addresses. The packet socket, or -1 with
 * errno and *what naming the step that failed. */
int nic_make(const struct nic_address *addresses, unsigned count, const char **what);
int nic_add(const struct nic_address *address); /* one more; 0, or -1 with errno */

#endif
