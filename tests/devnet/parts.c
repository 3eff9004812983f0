#include "tests/devnet/parts.h"

#include "tests/devnet/devnet.h"

const struct route *const parts_routes[] = {
	common_routes,
	market_routes,
	negotiation_routes,
	agreement_routes,
	agreement_event_routes,
	scan_routes,
	allocation_routes,
	decoration_routes,
	document_routes,
	document_event_routes,
	settlement_routes,
	activity_routes,
	net_routes,
	gsb_routes,
	registry_routes,
	control_routes,
	NULL,
};

struct part {
	void (*make)(struct devnet *devnet);
	void (*free)(struct devnet *devnet);
	void (*forget)(struct devnet *devnet); /* NULL: it is all in the database */
};

/* The pair of functions that keeps one part in its member of struct devnet. */
#define PART(name)                                                                                           \
	static void make_##name(struct devnet *devnet)                                                       \
	{                                                                                                    \
		devnet->name = name##_new(devnet);                                                           \
	}                                                                                                    \
	static void free_##name(struct devnet *devnet)                                                       \
	{                                                                                                    \
		name##_free(devnet->name);                                                                   \
	}
PART(market)
PART(payment)
PART(vpn)
PART(activities)
PART(nets)
PART(gsb)

/* In order of making; market before what hears of its agreements, vpn before what plugs into it. */
static const struct part parts[] = {
	{make_market, free_market, scan_forget},
	{make_payment, free_payment, NULL},
	{make_vpn, free_vpn, NULL},
	{make_activities, free_activities, NULL},
	{make_nets, free_nets, nets_forget},
	{make_gsb, free_gsb, gsb_forget},
	{NULL, NULL, NULL},
};

void parts_make(struct devnet *devnet)
{
	for (const struct part *part = parts; part->make; part++)
		part->make(devnet);
}

void parts_free(struct devnet *devnet)
{
	size_t count = sizeof(parts) / sizeof(*parts) - 1;
	while (count--)
		parts[count].free(devnet);
}

void parts_forget(struct devnet *devnet)
{
	for (const struct part *part = parts; part->make; part++)
		if (part->forget)
			part->forget(devnet);
}
