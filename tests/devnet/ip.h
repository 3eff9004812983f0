/*
 * Addresses and ranges of private networks, read and printed as the real daemon does: std's IpAddr, ipnet's
 * IpNet and the rule that joins an address to a mask (reference/yagna-api.md 6.1). Values only: nothing is
 * owned.
 */
#ifndef DEVNET_IP_H
#define DEVNET_IP_H

#include <stdbool.h>
#include <stdint.h>

struct ip {
	bool v6;
	uint8_t bytes[16]; /* network order; the first four for IPv4 */
};

struct ip_net {
	struct ip ip; /* as given, host bits included */
	unsigned prefix;
};

enum { IP_TEXT_MAX = 64 }; /* "address/prefix" and NUL fit */

enum ip_fault {
	IP_OK,
	IP_BAD_ADDRESS, /* not an address at all */
	IP_BAD_MASK,    /* the mask is no IPv4 address */
	IP_BAD_NET,     /* an address with a prefix that does not fit, or nonsense with a slash in it */
};

bool ip_parse(const char *text, struct ip *ip);
/* `text` is an address or "address/prefix"; `mask` counts only without a prefix, and NULL means
 * 255.255.255.0. A mask with holes counts as its leading ones; IPv6 without a prefix is a range of one. */
enum ip_fault ip_net_parse(const char *text, const char *mask, struct ip_net *net);

void ip_print(const struct ip *ip, char out[IP_TEXT_MAX]);
void ip_net_print(const struct ip_net *net, char out[IP_TEXT_MAX]);
void ip_net_mask(const struct ip_net *net, struct ip *mask);
/* The address the daemon takes for itself: the second of the range, or the first of IPv6 and of ranges of one
 * or two. */
void ip_net_first_host(const struct ip_net *net, struct ip *host);
bool ip_net_contains(const struct ip_net *net, const struct ip *ip);
/* Loopback, unspecified, multicast and the IPv4 broadcast address may be nobody's. */
bool ip_allowed(const struct ip *ip);
bool ip_equal(const struct ip *a, const struct ip *b);
/* As BTreeSet sorts them: IPv4 before IPv6, then by value. */
int ip_compare(const struct ip *a, const struct ip *b);

#endif
