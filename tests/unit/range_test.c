/* Ranges of private networks, and the addresses in them. */
#include "core/range.h"
#include "tests/unit/check.h"

static void ranges_from_8_to_30_bits_are_read_and_printed(void)
{
	static const char *const good[] = {"10.0.0.0/8", "10.0.0.0/24", "192.168.7.0/30", "172.16.4.4/30"};

	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		char text[RANGE_TEXT];
		struct range range;

		CHECK(!range_parse(&range, good[i], NULL));
		range_print(&range, text);
		CHECK_TEXT(text, good[i]);
	}
}

static void an_address_alone_is_the_range_of_24_bits(void)
{
	char mask[RANGE_TEXT];
	struct range range;

	CHECK(!range_parse(&range, "10.1.2.0", NULL));
	range_print_mask(&range, mask);
	CHECK(range.prefix == 24);
	CHECK_TEXT(mask, "255.255.255.0");
}

static void what_is_no_range_is_refused_with_a_sentence(void)
{
	static const struct {
		const char *text, *word;
	} bad[] = {
		{"fd00::/64", "IPv6"},
		{"10.0.0.0/7", "/8 to /30"},
		{"10.0.0.0/31", "/8 to /30"},
		{"10.0.0.1/24", "inside"},
		{"127.0.0.0/8", "not for"},
		{"224.0.0.0/24", "not for"},
		{"0.0.0.0/8", "not for"},
		{"10.0.0.0/x", "no number"},
		{"10.0.0.0/", "no number"},
		{"10.0.0/24", "IPv4"},
		{"", "IPv4"},
		{"10.0.0.0/-8", "no number"},
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct range range;
		struct err err = {0};

		CHECK(range_parse(&range, bad[i].text, &err) && err.code == EINVAL);
		CHECK(strstr(err.text, bad[i].word));
	}
}

static void ranges_overlap_when_one_holds_the_other(void)
{
	struct range wide, narrow, other;

	range_parse(&wide, "10.0.0.0/8", NULL);
	range_parse(&narrow, "10.200.0.0/24", NULL);
	range_parse(&other, "10.201.0.0/24", NULL);
	CHECK(range_overlaps(&wide, &narrow) && range_overlaps(&narrow, &wide));
	CHECK(!range_overlaps(&narrow, &other));
}

static void the_lowest_free_address_is_handed_out_until_broadcast(void)
{
	struct range range;
	uint32_t taken[8];
	size_t count = 0;

	range_parse(&range, "10.0.0.0/29", NULL);
	for (uint32_t host = 2; host <= 6; host++) {
		uint32_t address = range_free_address(&range, taken, count);

		CHECK(address == range.network + host);
		taken[count++] = address;
	}
	CHECK(range_free_address(&range, taken, count) == 0);
	taken[1] = taken[4];
	CHECK(range_free_address(&range, taken, 4) == range.network + 3);
	taken[0] = 0;
	CHECK(range_free_address(&range, taken, 4) == range.network + 2);
}

static void network_client_and_broadcast_are_not_for_instances(void)
{
	struct range range;

	range_parse(&range, "10.0.0.0/30", NULL);
	CHECK(!range_is_for_instances(&range, range.network));
	CHECK(!range_is_for_instances(&range, range_client(&range)));
	CHECK(range_is_for_instances(&range, range.network + 2));
	CHECK(!range_is_for_instances(&range, range.network + 3));
	CHECK(!range_is_for_instances(&range, range.network + 4));
}

int main(void)
{
	TEST(ranges_from_8_to_30_bits_are_read_and_printed);
	TEST(an_address_alone_is_the_range_of_24_bits);
	TEST(what_is_no_range_is_refused_with_a_sentence);
	TEST(ranges_overlap_when_one_holds_the_other);
	TEST(the_lowest_free_address_is_handed_out_until_broadcast);
	TEST(network_client_and_broadcast_are_not_for_instances);
	return check_end();
}
