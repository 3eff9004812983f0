/* Scalars as yagna prints them (reference/yagna-api.md 1.4). */
#include <sys/random.h>

#include "core/mem.h"
#include "core/timefmt.h"
#include "tests/devnet/devnet.h"
#include "tests/devnet/serde.h"

void wire_hex_id(char *out, unsigned digits)
{
	unsigned char bytes[64];
	unsigned count = (digits + 1) / 2;
	if (count > sizeof(bytes) || getrandom(bytes, count, 0) != (ssize_t)count) {
		fprintf(stderr, "golem-devnet: no random numbers\n");
		abort();
	}
	for (unsigned i = 0; i < digits; i++)
		out[i] = "0123456789abcdef"[i % 2 ? bytes[i / 2] & 15 : bytes[i / 2] >> 4];
	out[digits] = 0;
}

void wire_uuid(char out[37])
{
	char hex[33];
	wire_hex_id(hex, 32);
	hex[12] = '4';
	hex[16] = "89ab"[hex[16] % 4];
	snprintf(out, 37, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16, hex + 20);
}

/* As chrono prints: in groups of three, without those at the end that are zero. */
void wire_time(char out[40], const struct timespec *time, unsigned digits)
{
	static const long unit[] = {1000000000, 1000000, 1000, 1}; /* ns in the last of n groups */
	unsigned shown = digits;
	while (shown >= 3 && time->tv_nsec % unit[shown / 3 - 1] / unit[shown / 3] == 0)
		shown -= 3;
	timefmt_print(out, time, shown);
}

struct timespec wire_now(void)
{
	return timefmt_now();
}

bool wire_parse_time(const char *text, struct timespec *time)
{
	return !serde_parse_time(text) && timefmt_parse(text, time);
}
