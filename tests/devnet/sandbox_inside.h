/*
 * What the two sides of a sandbox say to each other, and the parts that run inside. Private to sandbox*.c.
 *
 * The socket carries one message per packet (SOCK_SEQPACKET). Strings of a program travel in a memory file, since
 * they may be longer than any packet.
 */
#ifndef DEVNET_SANDBOX_INSIDE_H
#define DEVNET_SANDBOX_INSIDE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/devnet/sandbox.h"

/* Outside to inside, with three descriptors: the memory file, stdout, stderr. The file holds NUL terminated strings:
 * path, directory, argc times argv, envc times the environment. */
struct sandbox_order {
	uint64_t run;
	uint64_t size;
	uint32_t argc, envc;
};
enum { SANDBOX_ORDER_FDS = 3, SANDBOX_READY_FDS = 2 };

enum sandbox_word { SANDBOX_READY, SANDBOX_FAILED, SANDBOX_EXITED, SANDBOX_REFUSED };

/* Inside to outside; SANDBOX_READY comes with the descriptors of the root and, in a network, of the cable. */
struct sandbox_report {
	uint32_t word;
	int32_t value; /* exit code, or errno */
	uint64_t run;
	char text[232]; /* of SANDBOX_FAILED */
};

/* What the inside needs to know; lives in the memory that the new process inherits. */
struct sandbox_inside {
	const struct sandbox_spec *spec;
	int socket;
	int image; /* descriptor, or -1 */
	int cable; /* the other end of its network interface, once made; or -1 */
	bool isolated;
	unsigned uid, gid; /* outside, to be mapped to root; only without privileges */
	bool unprivileged;
	char plain[256]; /* the plain directory; "" when isolated */
};

/* Makes the root and changes into it; 0, or -1 with a sentence. */
int sandbox_build(struct sandbox_inside *inside, char *why, size_t size);
/* The whole life of the init; never returns. */
void sandbox_init(struct sandbox_inside *inside) __attribute__((noreturn));

#endif
