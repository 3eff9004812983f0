#include "tests/devnet/parts.h"

#include "tests/devnet/devnet.h"

const struct route *const parts_routes[] = {
	common_routes, net_routes, gsb_routes, registry_routes, control_routes, NULL,
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
PART(nets)
PART(gsb)

/* In order of making; market before what hears of its agreements. */
static const struct part parts[] = {
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
