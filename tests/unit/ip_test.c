/* Addresses and ranges as the daemon reads them; the odd ones are those of the recorded exchanges. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "tests/devnet/ip.h"

struct range_case {
	const char *ip, *mask;
	enum ip_fault fault;
	const char *shown, *shown_mask, *first;
};

static const struct range_case ranges[] = {
	{"10.78.1.0/24", NULL, IP_OK, "10.78.1.0/24", "255.255.255.0", "10.78.1.1"},
	{"10.78.1.0/24", "255.255.0.0", IP_OK, "10.78.1.0/24", "255.255.255.0", "10.78.1.1"},
	{"10.78.1.0/24", "nonsense", IP_OK, "10.78.1.0/24", "255.255.255.0", "10.78.1.1"},
	{"10.78.1.0", NULL, IP_OK, "10.78.1.0/24", "255.255.255.0", "10.78.1.1"},
	{"10.78.1.77", "255.255.255.0", IP_OK, "10.78.1.77/24", "255.255.255.0", "10.78.1.1"},
	{"10.78.1.0/30", NULL, IP_OK, "10.78.1.0/30", "255.255.255.252", "10.78.1.1"},
	{"10.78.1.0/31", NULL, IP_OK, "10.78.1.0/31", "255.255.255.254", "10.78.1.0"},
	{"10.78.1.1/32", NULL, IP_OK, "10.78.1.1/32", "255.255.255.255", "10.78.1.1"},
	{"0.0.0.0/0", NULL, IP_OK, "0.0.0.0/0", "0.0.0.0", "0.0.0.1"},
	{"10.78.1.0", "255.0.255.0", IP_OK, "10.78.1.0/8", "255.0.0.0", "10.0.0.1"},
	{"fd00::/64", NULL, IP_OK, "fd00::/64", "ffff:ffff:ffff:ffff::", "fd00::"},
	{"fd00::1", NULL, IP_OK, "fd00::1/128", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "fd00::1"},
	{"010.078.1.0/08", NULL, IP_OK, "10.78.1.0/8", "255.0.0.0", "10.0.0.1"},
	{"10.78.1.0/33", NULL, IP_BAD_NET, NULL, NULL, NULL},
	{"10.78.1.0/", NULL, IP_BAD_NET, NULL, NULL, NULL},
	{"10.78.1.0/008", NULL, IP_BAD_NET, NULL, NULL, NULL},
	{"10.78.1.0/24/24", NULL, IP_BAD_NET, NULL, NULL, NULL},
	{"10.78.1/24", NULL, IP_BAD_NET, NULL, NULL, NULL},
	{"10.78.1.256/24", NULL, IP_BAD_NET, NULL, NULL, NULL},
	{"fd00::/129", NULL, IP_BAD_NET, NULL, NULL, NULL},
	{"/", NULL, IP_BAD_NET, NULL, NULL, NULL},
	{"10.78.1.0", "24", IP_BAD_MASK, NULL, NULL, NULL},
	{"10.78.1.0", "", IP_BAD_MASK, NULL, NULL, NULL},
	{"10.78.1.0", "ffff::", IP_BAD_MASK, NULL, NULL, NULL},
	{"010.78.1.0", NULL, IP_BAD_ADDRESS, NULL, NULL, NULL},
	{"xyz", NULL, IP_BAD_ADDRESS, NULL, NULL, NULL},
	{"", NULL, IP_BAD_ADDRESS, NULL, NULL, NULL},
	{" 10.78.1.0", NULL, IP_BAD_ADDRESS, NULL, NULL, NULL},
};

static void check_range(const struct range_case *given)
{
	struct ip_net net;
	struct ip mask, first;
	char text[IP_TEXT_MAX];
	printf("# %s %s\n", given->ip, given->mask ? given->mask : "");
	assert(ip_net_parse(given->ip, given->mask, &net) == given->fault);
	if (given->fault != IP_OK)
		return;
	ip_net_print(&net, text);
	assert(strcmp(text, given->shown) == 0);
	ip_net_mask(&net, &mask);
	ip_print(&mask, text);
	assert(strcmp(text, given->shown_mask) == 0);
	ip_net_first_host(&net, &first);
	ip_print(&first, text);
	assert(strcmp(text, given->first) == 0);
	assert(ip_net_contains(&net, &first));
}

static struct ip address(const char *text)
{
	struct ip ip;
	assert(ip_parse(text, &ip));
	return ip;
}

static void range_holds_its_addresses_only(void)
{
	struct ip_net net;
	assert(ip_net_parse("10.77.1.0/28", NULL, &net) == IP_OK);
	struct ip inside = address("10.77.1.15"), outside = address("10.77.1.16"),
		  v6 = address("::ffff:10.77.1.1");
	assert(ip_net_contains(&net, &inside));
	assert(!ip_net_contains(&net, &outside));
	assert(!ip_net_contains(&net, &v6));
}

static void some_addresses_are_nobodys(void)
{
	static const char *const refused[] = {"127.0.0.1",       "127.9.9.9",       "0.0.0.0", "224.0.0.1",
					      "239.255.255.255", "255.255.255.255", "::",      "::1",
					      "ff02::1"};
	static const char *const fine[] = {"10.0.0.0", "10.0.0.255", "223.255.255.255", "240.0.0.1",
					   "fe80::1"};
	for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
		struct ip ip = address(refused[i]);
		assert(!ip_allowed(&ip));
	}
	for (size_t i = 0; i < sizeof fine / sizeof *fine; i++) {
		struct ip ip = address(fine[i]);
		assert(ip_allowed(&ip));
	}
}

static void order_is_by_family_then_value(void)
{
	struct ip two = address("10.0.0.2"), ten = address("10.0.0.10"), v6 = address("::2");
	assert(ip_compare(&two, &ten) < 0);
	assert(ip_compare(&ten, &v6) < 0);
	assert(ip_equal(&two, &two) && !ip_equal(&two, &ten));
}

int main(void)
{
	for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
		check_range(&ranges[i]);
	range_holds_its_addresses_only();
	some_addresses_are_nobodys();
	order_is_by_family_then_value();
	return 0;
}
