/* A frame's addresses are found in IPv4 and ARP, and in nothing else. */
#include <arpa/inet.h>
#include <assert.h>
#include <string.h>

#include "tests/devnet/frame.h"

enum { ETHERNET = 14 };

static size_t make(uint8_t *frame, uint16_t type, const void *body, size_t len)
{
	memset(frame, 0xee, 12);
	frame[12] = (uint8_t)(type >> 8);
	frame[13] = (uint8_t)type;
	memcpy(frame + ETHERNET, body, len);
	return ETHERNET + len;
}

static const uint8_t ip[20] = {0x45, 0, 0, 20, 0, 0, 0, 0, 64, 1, 0, 0, 10, 0, 0, 2, 10, 0, 0, 3};
static const uint8_t arp[28] = {0,  1, 8, 0, 6, 4, 0, 1, 2, 2, 2,  2, 2, 2,
				10, 0, 0, 4, 0, 0, 0, 0, 0, 0, 10, 0, 0, 5};

static void expect(const uint8_t *frame, size_t len, const char *from, const char *to)
{
	struct frame_ends ends;
	assert(frame_read(frame, len, &ends));
	assert(ends.from == inet_addr(from) && ends.to == inet_addr(to));
	for (size_t less = 0; less < len; less++)
		assert(!frame_read(frame, less, &ends));
}

int main(void)
{
	uint8_t frame[128];
	struct frame_ends ends;
	expect(frame, make(frame, 0x0800, ip, sizeof(ip)), "10.0.0.2", "10.0.0.3");
	expect(frame, make(frame, 0x0806, arp, sizeof(arp)), "10.0.0.4", "10.0.0.5");
	assert(!frame_read(frame, make(frame, 0x86dd, ip, sizeof(ip)), &ends)); /* IPv6 */
	assert(!frame_read(frame, make(frame, 0x8100, ip, sizeof(ip)), &ends)); /* VLAN */
	assert(!frame_read(frame, make(frame, 0x0806, ip, sizeof(ip)), &ends));
	size_t len = make(frame, 0x0800, ip, sizeof(ip));
	frame[ETHERNET] = 0x65;
	assert(!frame_read(frame, len, &ends));
	return 0;
}
