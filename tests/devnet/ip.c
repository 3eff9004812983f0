#include "tests/devnet/ip.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

static unsigned ip_bits(const struct ip *ip)
{
	return ip->v6 ? 128 : 32;
}

bool ip_parse(const char *text, struct ip *ip)
{
	/* inet_pton and std agree: no leading zeros, no zone, an embedded IPv4 tail is fine. */
	memset(ip, 0, sizeof *ip);
	if (inet_pton(AF_INET, text, ip->bytes) == 1)
		return true;
	ip->v6 = true;
	return inet_pton(AF_INET6, text, ip->bytes) == 1;
}

/* Up to `digits` decimal digits that are at most `max`; NULL when there is no such number. */
static const char *read_number(const char *text, unsigned digits, unsigned max, unsigned *value)
{
	unsigned n = 0;
	*value = 0;
	while (n < digits && text[n] >= '0' && text[n] <= '9')
		*value = *value * 10 + (unsigned)(text[n++] - '0');
	return n == 0 || *value > max ? NULL : text + n;
}

/* ipnet reads IPv4 by itself, and unlike std lets leading zeros pass. */
static bool parse_ipnet_v4(const char *text, struct ip *ip)
{
	memset(ip, 0, sizeof *ip);
	for (unsigned i = 0; i < 4; i++) {
		unsigned octet;
		if (i > 0 && *text++ != '.')
			return false;
		text = read_number(text, 3, 255, &octet);
		if (!text)
			return false;
		ip->bytes[i] = (uint8_t)octet;
	}
	return *text == '\0';
}

static bool parse_with_prefix(const char *text, const char *slash, struct ip_net *net)
{
	char address[IP_TEXT_MAX];
	size_t len = (size_t)(slash - text);
	if (len >= sizeof address)
		return false;
	memcpy(address, text, len);
	address[len] = '\0';
	if (!parse_ipnet_v4(address, &net->ip) && !(ip_parse(address, &net->ip) && net->ip.v6))
		return false;
	const char *end = read_number(slash + 1, net->ip.v6 ? 3 : 2, ip_bits(&net->ip), &net->prefix);
	return end && *end == '\0';
}

static unsigned leading_ones(const uint8_t *bytes, unsigned count)
{
	unsigned ones = 0;
	while (ones < count && (bytes[ones / 8] & (0x80 >> ones % 8)))
		ones++;
	return ones;
}

enum ip_fault ip_net_parse(const char *text, const char *mask, struct ip_net *net)
{
	const char *slash = strchr(text, '/');
	if (slash)
		return parse_with_prefix(text, slash, net) ? IP_OK : IP_BAD_NET;
	if (!ip_parse(text, &net->ip))
		return IP_BAD_ADDRESS;
	net->prefix = ip_bits(&net->ip);
	if (net->ip.v6)
		return IP_OK;
	struct ip bits;
	if (!ip_parse(mask ? mask : "255.255.255.0", &bits) || bits.v6)
		return IP_BAD_MASK;
	net->prefix = leading_ones(bits.bytes, 32);
	return IP_OK;
}

void ip_print(const struct ip *ip, char out[IP_TEXT_MAX])
{
	inet_ntop(ip->v6 ? AF_INET6 : AF_INET, ip->bytes, out, IP_TEXT_MAX);
}

void ip_net_print(const struct ip_net *net, char out[IP_TEXT_MAX])
{
	ip_print(&net->ip, out);
	size_t len = strlen(out);
	snprintf(out + len, IP_TEXT_MAX - len, "/%u", net->prefix);
}

void ip_net_mask(const struct ip_net *net, struct ip *mask)
{
	memset(mask, 0, sizeof *mask);
	mask->v6 = net->ip.v6;
	for (unsigned bit = 0; bit < net->prefix; bit++)
		mask->bytes[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
}

void ip_net_first_host(const struct ip_net *net, struct ip *host)
{
	struct ip mask;
	ip_net_mask(net, &mask);
	*host = net->ip;
	for (unsigned i = 0; i < sizeof host->bytes; i++)
		host->bytes[i] &= mask.bytes[i];
	if (!host->v6 && net->prefix < 31)
		host->bytes[3] |= 1;
}

bool ip_net_contains(const struct ip_net *net, const struct ip *ip)
{
	struct ip mask;
	if (ip->v6 != net->ip.v6)
		return false;
	ip_net_mask(net, &mask);
	for (unsigned i = 0; i < sizeof mask.bytes; i++)
		if ((ip->bytes[i] ^ net->ip.bytes[i]) & mask.bytes[i])
			return false;
	return true;
}

bool ip_allowed(const struct ip *ip)
{
	static const uint8_t zero[16], loopback6[16] = {[15] = 1};
	if (memcmp(ip->bytes, zero, sizeof zero) == 0)
		return false;
	if (ip->v6)
		return memcmp(ip->bytes, loopback6, sizeof loopback6) != 0 && ip->bytes[0] != 0xff;
	bool multicast = (ip->bytes[0] & 0xf0) == 0xe0;
	bool broadcast = memcmp(ip->bytes, "\xff\xff\xff\xff", 4) == 0;
	return ip->bytes[0] != 127 && !multicast && !broadcast;
}

bool ip_equal(const struct ip *a, const struct ip *b)
{
	return ip_compare(a, b) == 0;
}

int ip_compare(const struct ip *a, const struct ip *b)
{
	if (a->v6 != b->v6)
		return a->v6 ? 1 : -1;
	return memcmp(a->bytes, b->bytes, sizeof a->bytes);
}
