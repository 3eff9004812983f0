#include "tests/devnet/nic.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/ethtool.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <linux/veth.h>
#include <arpa/inet.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define INSIDE "eth0"
#define OUTER  "port0"

/* An index that no interface has that comes with a namespace. */
enum { OUTER_INDEX = 1000, REQUEST_MAX = 512, WINDOW = 60 * 1024, QUEUE = 4 * 1024 * 1024 };

struct request {
	struct nlmsghdr head;
	char rest[REQUEST_MAX];
};

static void *append(struct request *request, size_t len)
{
	void *at = (char *)request + NLMSG_ALIGN(request->head.nlmsg_len);
	request->head.nlmsg_len = (uint32_t)(NLMSG_ALIGN(request->head.nlmsg_len) + len);
	return at;
}

static void begin(struct request *request, uint16_t type, uint16_t flags)
{
	*request = (struct request){.head = {.nlmsg_len = NLMSG_HDRLEN,
					     .nlmsg_type = type,
					     .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | flags}};
}

static struct rtattr *put(struct request *request, uint16_t type, const void *data, size_t len)
{
	struct rtattr *attribute = append(request, RTA_LENGTH(len));
	*attribute = (struct rtattr){.rta_len = (uint16_t)RTA_LENGTH(len), .rta_type = type};
	if (len)
		memcpy(RTA_DATA(attribute), data, len);
	return attribute;
}

static void put_number(struct request *request, uint16_t type, uint32_t value)
{
	put(request, type, &value, sizeof(value));
}

/* Everything since belongs into the attribute. */
static void close_nest(struct request *request, struct rtattr *nest)
{
	nest->rta_len = (uint16_t)((char *)request + NLMSG_ALIGN(request->head.nlmsg_len) - (char *)nest);
}

/* Sends it and takes the kernel's word for it: 0, or -1 with errno. */
static int ask(int netlink, struct request *request)
{
	struct {
		struct nlmsghdr head;
		struct nlmsgerr error;
		char rest[REQUEST_MAX];
	} answer = {0};
	if (send(netlink, request, request->head.nlmsg_len, 0) < 0)
		return -1;
	ssize_t got = recv(netlink, &answer, sizeof(answer), 0);
	if (got < (ssize_t)NLMSG_LENGTH(sizeof(answer.error)) || answer.head.nlmsg_type != NLMSG_ERROR) {
		errno = got < 0 ? errno : EPROTO;
		return -1;
	}
	errno = -answer.error.error;
	return errno ? -1 : 0;
}

static int open_netlink(void)
{
	return socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
}

/* The outer end where the netlink socket was opened, the inner one where the caller is now. */
static int make_pair(int netlink, const struct nic_address *first)
{
	struct request request;
	uint8_t hardware[6] = {
		0x02, 0x00}; /* made up by ourselves; the same again for the next who has the address */
	const struct ifinfomsg outer = {.ifi_index = OUTER_INDEX}, inner = {0};
	begin(&request, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
	memcpy(append(&request, sizeof(outer)), &outer, sizeof(outer));
	put(&request, IFLA_IFNAME, OUTER, sizeof(OUTER));
	put_number(&request, IFLA_MTU, NIC_MTU);
	struct rtattr *info = put(&request, IFLA_LINKINFO, NULL, 0);
	put(&request, IFLA_INFO_KIND, "veth", 4);
	struct rtattr *data = put(&request, IFLA_INFO_DATA, NULL, 0);
	struct rtattr *peer = put(&request, VETH_INFO_PEER, &inner, sizeof(inner));
	memcpy(hardware + 2, &first->ip, sizeof(first->ip));
	put(&request, IFLA_IFNAME, INSIDE, sizeof(INSIDE));
	put(&request, IFLA_ADDRESS, hardware, sizeof(hardware));
	put_number(&request, IFLA_MTU, NIC_MTU);
	put_number(&request, IFLA_NET_NS_PID, (uint32_t)getpid());
	close_nest(&request, peer);
	close_nest(&request, data);
	close_nest(&request, info);
	return ask(netlink, &request);
}

static int bring_up(int netlink, int index)
{
	struct request request;
	const struct ifinfomsg up = {.ifi_index = index, .ifi_flags = IFF_UP, .ifi_change = IFF_UP};
	begin(&request, RTM_NEWLINK, 0);
	memcpy(append(&request, sizeof(up)), &up, sizeof(up));
	return ask(netlink, &request);
}

/* The range is behind the interface. Windows are kept so small that the frames of some connections at full speed fit
 * into the cable's queue: a program empties it, not a wire. */
static int add_route(int netlink, int index, const struct nic_address *address)
{
	struct request request;
	uint32_t range = address->prefix ? address->ip & htonl(~0u << (32 - address->prefix)) : 0;
	const struct rtmsg about = {.rtm_family = AF_INET,
				    .rtm_dst_len = (uint8_t)address->prefix,
				    .rtm_table = RT_TABLE_MAIN,
				    .rtm_protocol = RTPROT_KERNEL,
				    .rtm_scope = RT_SCOPE_LINK,
				    .rtm_type = RTN_UNICAST};
	begin(&request, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_APPEND);
	memcpy(append(&request, sizeof(about)), &about, sizeof(about));
	put_number(&request, RTA_DST, range);
	put_number(&request, RTA_PREFSRC, address->ip);
	put_number(&request, RTA_OIF, (uint32_t)index);
	struct rtattr *metrics = put(&request, RTA_METRICS, NULL, 0);
	put_number(&request, RTAX_WINDOW, WINDOW);
	close_nest(&request, metrics);
	return ask(netlink, &request) && errno != EEXIST ? -1 : 0;
}

static int add_address(int netlink, int index, const struct nic_address *address)
{
	struct request request;
	const struct ifaddrmsg about = {.ifa_family = AF_INET,
					.ifa_prefixlen = (uint8_t)address->prefix,
					.ifa_index = (uint32_t)index};
	uint32_t host_bits = address->prefix < 31 ? htonl(~0u >> address->prefix) : 0;
	begin(&request, RTM_NEWADDR, NLM_F_CREATE);
	memcpy(append(&request, sizeof(about)), &about, sizeof(about));
	put_number(&request, IFA_LOCAL, address->ip);
	put_number(&request, IFA_ADDRESS, address->ip);
	put_number(&request, IFA_FLAGS, IFA_F_NOPREFIXROUTE);
	if (host_bits)
		put_number(&request, IFA_BROADCAST, address->ip | host_bits);
	if (ask(netlink, &request) && errno != EEXIST)
		return -1;
	return address->prefix < 32 ? add_route(netlink, index, address) : 0;
}

/* Frames leave whole and with their sums, as on a cable: the other end is a program. */
static int unload_nothing(void)
{
	struct ethtool_value off = {.cmd = ETHTOOL_STXCSUM};
	struct ifreq request = {.ifr_name = INSIDE, .ifr_data = (void *)&off};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	int done = ioctl(fd, SIOCETHTOOL, &request);
	close(fd);
	return done;
}

static int listen_outside(int cable)
{
	const struct sockaddr_ll outer = {
		.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = OUTER_INDEX};
	int yes = 1, queue = QUEUE;
	if (setsockopt(cable, SOL_SOCKET, SO_RCVBUFFORCE, &queue, sizeof(queue)))
		setsockopt(cable, SOL_SOCKET, SO_RCVBUF, &queue, sizeof(queue)); /* as much as one may */
	if (setsockopt(cable, SOL_PACKET, PACKET_IGNORE_OUTGOING, &yes, sizeof(yes)))
		return -1;
	return bind(cable, (const struct sockaddr *)&outer, sizeof(outer));
}

static int set_up_inside(const struct nic_address *addresses, unsigned count)
{
	int netlink = open_netlink(), index = (int)if_nametoindex(INSIDE), failed = netlink < 0 || !index;
	failed = failed || unload_nothing() || bring_up(netlink, index);
	for (unsigned i = 0; !failed && i < count; i++)
		failed = add_address(netlink, index, addresses + i);
	int saved = errno;
	if (netlink >= 0)
		close(netlink);
	errno = saved;
	return failed ? -1 : 0;
}

int nic_make(const struct nic_address *addresses, unsigned count, const char **what)
{
	int netlink = open_netlink(), cable = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int failed = 1;
	*what = "opening the sockets of its network";
	if (netlink < 0 || cable < 0)
		goto out;
	*what = "entering a second network namespace";
	if (unshare(CLONE_NEWNET))
		goto out;
	*what = "making a pair of virtual Ethernet devices";
	if (make_pair(netlink, addresses))
		goto out;
	*what = "listening to its network";
	if (bring_up(netlink, OUTER_INDEX) || listen_outside(cable)) /* one that is down cannot be heard */
		goto out;
	*what = "giving it its addresses";
	failed = set_up_inside(addresses, count);
out:
	if (failed) {
		int saved = errno;
		if (cable >= 0)
			close(cable);
		errno = saved;
	}
	if (netlink >= 0)
		close(netlink);
	return failed ? -1 : cable;
}

int nic_add(const struct nic_address *address)
{
	return set_up_inside(address, 1);
}
