#include "tests/devnet/frame.h"

#include <string.h>

enum { ETHERNET = 14, TYPE_AT = 12 };

/* Where the addresses are in each kind of frame, and what it begins with. */
static const struct kind {
	uint8_t type[2];
	uint8_t least; /* bytes behind the Ethernet head */
	uint8_t from, to;
	uint8_t start[6], start_len, start_mask;
} kinds[] = {
	{{0x08, 0x00}, 20, 12, 16, {0x40}, 1, 0xf0},             /* IPv4: version 4 */
	{{0x08, 0x06}, 28, 14, 24, {0, 1, 8, 0, 6, 4}, 6, 0xff}, /* ARP: IPv4 over Ethernet */
};

bool frame_read(const uint8_t *frame, size_t len, struct frame_ends *ends)
{
	if (len < ETHERNET)
		return false;
	const uint8_t *body = frame + ETHERNET;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		const struct kind *kind = &kinds[i];
		if (memcmp(frame + TYPE_AT, kind->type, sizeof(kind->type)) != 0)
			continue;
		if (len < ETHERNET + (size_t)kind->least)
			return false;
		for (unsigned at = 0; at < kind->start_len; at++)
			if ((body[at] & kind->start_mask) != kind->start[at])
				return false;
		memcpy(&ends->from, body + kind->from, sizeof(ends->from));
		memcpy(&ends->to, body + kind->to, sizeof(ends->to));
		return true;
	}
	return false;
}
