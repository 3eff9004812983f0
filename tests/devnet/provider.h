/*
 * The providers of the network: who there is, what each offers and asks. Made from the options and by the
 * control route; every provider lives until the end of the process.
 */
#ifndef DEVNET_PROVIDER_H
#define DEVNET_PROVIDER_H

#include "tests/devnet/devnet.h"

enum { PROVIDERS_MAX = 10000 };

/* Offers as the recorded real ones look; prices, sizes and names differ. Of eight providers one rejects. */
void provider_make(struct devnet *devnet, unsigned count);
void provider_free_all(struct devnet *devnet);

struct provider *provider_find(struct devnet *devnet, const char *name_or_id); /* or NULL */
unsigned provider_count(const struct devnet *devnet);

/* Adds a provider, or alters the one of that "name"; members are those provider_show() gives. NULL with a
 * sentence in why[200]. */
struct provider *provider_set(struct devnet *devnet, const cJSON *description, char *why);
cJSON *provider_show(const struct provider *provider);

#endif
