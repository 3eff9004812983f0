/* The networks of a backend, and an instance in them. */
#include "core/membership.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "core/json.h"
#include "core/market.h"
#include "core/mem.h"
#include "core/model.h"
#include "core/rental.h"
#include "core/text.h"

/* --- a backend --------------------------------------------------------------------------------------------- */

static const char *networking_of(const struct backend *backend)
{
	return backend_text(backend, SET_NETWORKING);
}

static bool has_private(const struct backend *backend)
{
	enum networking networking = setting_networking(networking_of(backend));

	return networking == NETWORKING_YES || networking == NETWORKING_RANGE;
}

static int check_overlap(const struct network *a, const struct network *b, struct err *err)
{
	if (a == b)
		return err_set(err, EINVAL, "networking: %s is named twice", a->obj.name);
	if (!a->range.network || !b->range.network || !range_overlaps(&a->range, &b->range))
		return 0;
	return err_set(err, EINVAL,
		       "networking: the ranges of %s and %s overlap: an instance cannot be in both",
		       a->obj.name, b->obj.name);
}

static struct network *shared_one(struct golem *golem, const char *name, struct err *err)
{
	struct network *network = network_find(golem, name);

	if (!network || network->doomed)
		err_set(err, ENOENT, "networking: there is no network \"%s\"", name);
	else if (network->foreign)
		err_set(err, EPERM, "networking: the network %s belongs to another program", name);
	else if (network->backend)
		err_set(err, EBUSY, "networking: the network %s is private to a backend", name);
	else if (network->state == NETWORK_ERROR)
		err_set(err, EIO, "networking: the network %s could not be made; see its error", name);
	else
		return network;
	return NULL;
}

int backend_check_networks(struct backend *backend, struct err *err)
{
	const char *list = networking_of(backend);
	struct golem *golem = backend->obj.golem;
	struct network *networks[NETWORKS_MAX];
	unsigned count = 0;

	if (has_private(backend))
		return network_check_name(golem, backend->obj.name, backend, err);
	if (setting_networking(list) == NETWORKING_NO)
		return 0;
	for (char *item; (item = setting_next_item(&list)); free(item)) {
		networks[count] = shared_one(golem, item, err);
		for (unsigned i = 0; networks[count] && i < count; i++)
			if (check_overlap(networks[i], networks[count], err))
				networks[count] = NULL;
		if (!networks[count++]) {
			free(item);
			return -1;
		}
	}
	return 0;
}

/* Of `yes`: room for all the instances there may be. */
static unsigned prefix_for(unsigned instances)
{
	unsigned prefix = 24;

	while (prefix > 8 && ((uint64_t)1 << (32 - prefix)) - 3 < instances)
		prefix--;
	return prefix;
}

static struct network *private_one(struct backend *backend, bool adopting)
{
	struct golem *golem = backend->obj.golem;
	struct obj *there = obj_find(&golem->networks, backend->obj.name);
	struct range range = {.prefix = prefix_for(backend_max_instances(backend))};
	struct network *network;

	if (setting_networking(networking_of(backend)) == NETWORKING_RANGE)
		range_parse(&range, networking_of(backend), NULL);
	network =
		adopting && there ? network_of(there) : network_make(golem, backend->obj.name, &range, true);
	network->backend = backend;
	obj_ref(&backend->obj);
	return network;
}

static void take(struct backend *backend, struct network *network)
{
	obj_ref(&network->obj);
	backend->networks[backend->network_count++] = network;
}

void backend_take_networks(struct backend *backend, bool adopting)
{
	const char *list = networking_of(backend);
	struct golem *golem = backend->obj.golem;

	if (setting_networking(list) == NETWORKING_NO)
		return;
	if (has_private(backend)) {
		backend->private_network = private_one(backend, adopting);
		take(backend, backend->private_network);
		network_step(backend->private_network);
		return;
	}
	for (char *item; (item = setting_next_item(&list)); free(item)) {
		struct network *network = network_find(golem, item);

		if (network)
			take(backend, network);
	}
}

void backend_release_networks(struct backend *backend)
{
	while (backend->network_count) {
		struct network *network = backend->networks[--backend->network_count];

		obj_unref(&network->obj);
	}
	backend->private_network = NULL;
}

bool backend_uses(const struct backend *backend, const struct network *network)
{
	if (backend->state != BACKEND_STARTING && backend->state != BACKEND_READY)
		return false;
	for (unsigned i = 0; i < backend->network_count; i++)
		if (backend->networks[i] == network)
			return true;
	return false;
}

const struct network *backend_network_with(const struct backend *backend, const char *provider)
{
	for (unsigned i = 0; i < backend->network_count; i++)
		if (network_has_provider(backend->networks[i], provider))
			return backend->networks[i];
	return NULL;
}

/* --- making and ending ------------------------------------------------------------------------------------- */

/* The one of the chosen addresses that is in this network; 0: none is. */
static int chosen_of(const struct network *network, const char *addresses, uint32_t *chosen, struct err *err)
{
	for (char *item; (item = setting_next_item(&addresses)); free(item)) {
		uint32_t address;

		if (range_parse_address(&address, item, err)) {
			free(item);
			return -1;
		}
		if (network->range.network && range_holds(&network->range, address))
			*chosen = address;
	}
	return 0;
}

static int check_addresses(const struct backend *backend, const char *addresses, struct err *err)
{
	const char *list = addresses;

	if (!backend->network_count)
		return err_set(err, EINVAL, "ip=%.60s: the backend has no network", addresses);
	for (char *item; (item = setting_next_item(&list)); free(item)) {
		bool held = false;
		uint32_t address;

		if (range_parse_address(&address, item, err)) {
			free(item);
			return -1;
		}
		for (unsigned i = 0; i < backend->network_count; i++)
			held = held || (backend->networks[i]->range.network &&
					range_holds(&backend->networks[i]->range, address));
		if (!held) {
			err_set(err, EINVAL, "ip=%s is in no network of the backend", item);
			free(item);
			return -1;
		}
	}
	return 0;
}

static int claim(struct instance *instance, struct network *network, const char *addresses, struct err *err)
{
	struct membership *membership = &instance->memberships[instance->membership_count];
	uint32_t chosen = 0;

	if (network->doomed)
		return err_set(err, ENOENT, "the network %s is gone: stop the backend and start it again",
			       network->obj.name);
	if (addresses && chosen_of(network, addresses, &chosen, err))
		return -1;
	membership->node = network_claim(network, instance, chosen, err);
	if (!membership->node)
		return -1;
	membership->network = network;
	obj_ref(&network->obj);
	instance->membership_count++;
	return 0;
}

int membership_make(struct instance *instance, const char *addresses, struct err *err)
{
	struct backend *backend = backend_of_instance(instance);

	if (addresses && check_addresses(backend, addresses, err))
		return -1;
	instance->memberships = mem_alloc((backend->network_count + 1) * sizeof(*instance->memberships));
	for (unsigned i = 0; i < backend->network_count; i++)
		if (claim(instance, backend->networks[i], addresses, err))
			return -1;
	return 0;
}

void membership_leave(struct instance *instance)
{
	instance->joining = false;
	for (unsigned i = 0; i < instance->membership_count; i++) {
		struct membership *membership = &instance->memberships[i];
		struct net_node *node = mem_move(&membership->node);

		if (!node)
			continue;
		membership->address = node->address;
		network_let_go(membership->network, node);
	}
}

void membership_forget(struct network *network, struct instance *instance, struct net_node *node)
{
	for (unsigned i = 0; i < instance->membership_count; i++)
		if (instance->memberships[i].node == node) {
			instance->memberships[i].address = node->address;
			instance->memberships[i].node = NULL;
		}
	obj_changed(&instance->obj, ASPECT_STATE);
	deploy_joined(instance); /* what it waited for may have been this one */
}

void membership_free(struct instance *instance)
{
	membership_leave(instance);
	for (unsigned i = 0; i < instance->membership_count; i++) {
		free(instance->memberships[i].net);
		obj_unref(&instance->memberships[i].network->obj);
	}
	free(instance->memberships);
}

/* --- on the way to the machine ----------------------------------------------------------------------------- */

void membership_name(struct instance *instance, const char *provider)
{
	for (unsigned i = 0; i < instance->membership_count; i++) {
		struct net_node *node = instance->memberships[i].node;

		if (!node)
			continue;
		free(node->provider);
		node->provider = provider ? mem_strdup(provider) : NULL;
	}
}

void membership_join(struct instance *instance)
{
	for (unsigned i = 0; i < instance->membership_count; i++) {
		struct net_node *node = instance->memberships[i].node;

		if (!node)
			continue;
		node->wanted = true;
		network_step(instance->memberships[i].network);
	}
}

bool membership_joined(const struct instance *instance)
{
	for (unsigned i = 0; i < instance->membership_count; i++)
		if (instance->memberships[i].node && !instance->memberships[i].node->in)
			return false;
	return true;
}

/* Everybody who is known: the first packets teach the others (reference/yagna-api.md 6.3). */
static cJSON *node_map(const struct network *network)
{
	cJSON *map = cJSON_CreateObject();
	const struct net_node *node;
	char ip[RANGE_TEXT];

	range_print_address(range_client(&network->range), ip);
	if (network->client && network->obj.golem->node_id)
		cJSON_AddStringToObject(map, ip, network->obj.golem->node_id);
	DL_FOREACH (network->nodes, node) {
		if (!node->in)
			continue;
		range_print_address(node->address, ip);
		cJSON_AddStringToObject(map, ip, node->provider);
	}
	return map;
}

static cJSON *entry_of(const struct membership *membership)
{
	const struct network *network = membership->network;
	cJSON *entry = cJSON_CreateObject();
	char text[RANGE_TEXT];

	cJSON_AddStringToObject(entry, "id", network->id);
	range_print_address(network->range.network, text);
	cJSON_AddStringToObject(entry, "ip", text);
	range_print_mask(&network->range, text);
	cJSON_AddStringToObject(entry, "mask", text);
	range_print_address(membership->node->address, text);
	cJSON_AddStringToObject(entry, "nodeIp", text);
	cJSON_AddItemToObject(entry, "nodes", node_map(network));
	return entry;
}

cJSON *membership_deploy(struct instance *instance)
{
	cJSON *list = NULL;

	for (unsigned i = 0; i < instance->membership_count; i++) {
		struct membership *membership = &instance->memberships[i];

		if (!membership->node)
			continue;
		if (!list)
			list = cJSON_CreateArray();
		cJSON_AddItemToArray(list, entry_of(membership));
		free(membership->net);
		membership->net = mem_strdup(membership->network->id);
	}
	return list;
}

/* --- a later run ------------------------------------------------------------------------------------------- */

cJSON *membership_facts(const struct instance *instance)
{
	cJSON *list = cJSON_CreateArray();

	for (unsigned i = 0; i < instance->membership_count; i++) {
		cJSON *fact = cJSON_CreateObject();
		char ip[RANGE_TEXT];

		range_print_address(membership_address(instance, i), ip);
		cJSON_AddStringToObject(fact, "network", instance->memberships[i].network->obj.name);
		cJSON_AddStringToObject(fact, "ip", ip);
		cJSON_AddItemToArray(list, fact);
	}
	return list;
}

static void adopt_one(struct instance *instance, const cJSON *fact)
{
	struct membership *membership = &instance->memberships[instance->membership_count];
	struct backend *backend = backend_of_instance(instance);
	struct err err = {0};
	const char *name = json_string_or(fact, "network", "", &err);
	uint32_t address;

	if (range_parse_address(&address, json_string_or(fact, "ip", "", &err), NULL))
		return;
	for (unsigned i = 0; i < backend->network_count; i++) {
		struct network *network = backend->networks[i];

		if (strcmp(network->obj.name, name) != 0)
			continue;
		membership->node = network_claim(network, instance, address, NULL);
		if (!membership->node)
			return;
		membership->network = network;
		obj_ref(&network->obj);
		membership->net = network->id ? mem_strdup(network->id) : NULL;
		membership->node->provider = mem_strdup(instance->provider);
		membership->node->wanted = true;
		membership->node->in = network->id;
		instance->membership_count++;
	}
}

void membership_adopt(struct instance *instance, const cJSON *facts)
{
	const cJSON *list = cJSON_GetObjectItem(facts, "networks"), *fact;

	instance->memberships =
		mem_alloc(((size_t)cJSON_GetArraySize(list) + 1) * sizeof(*instance->memberships));
	cJSON_ArrayForEach (fact, list)
		adopt_one(instance, fact);
}

/* --- what is shown ----------------------------------------------------------------------------------------- */

unsigned membership_count(const struct instance *instance)
{
	return instance->membership_count;
}

struct network *membership_network(const struct instance *instance, unsigned position)
{
	struct network *network =
		position < instance->membership_count ? instance->memberships[position].network : NULL;

	return network && !network->doomed ? network : NULL;
}

uint32_t membership_address(const struct instance *instance, unsigned position)
{
	const struct membership *membership = &instance->memberships[position];

	return membership->node ? membership->node->address : membership->address;
}

void membership_clients(const struct instance *instance, struct buf *out)
{
	for (unsigned i = 0; i < membership_count(instance); i++) {
		const struct network *network = membership_network(instance, i);
		char text[RANGE_TEXT];

		if (!network)
			continue;
		range_print_address(range_client(&network->range), text);
		buf_printf(out, "%s%s", out->len ? " " : "", text);
	}
}

int membership_find(const struct instance *instance, const char *name)
{
	uint64_t position;

	if (!text_integer(name, 0, NETWORKS_MAX, &position, NULL) && (*name != '0' || !name[1]))
		return membership_network(instance, (unsigned)position) ? (int)position : -1;
	for (unsigned i = 0; i < instance->membership_count; i++) {
		const struct network *network = membership_network(instance, i);

		if (network &&
		    (strcmp(network->obj.name, name) == 0 || (network->id && strcmp(network->id, name) == 0)))
			return (int)i;
	}
	return -1;
}

int membership_url(const struct instance *instance, unsigned position, unsigned port, struct buf *url,
		   struct err *err)
{
	const struct network *network = membership_network(instance, position);
	const struct membership *membership = network ? &instance->memberships[position] : NULL;
	char ip[RANGE_TEXT];

	if (!membership)
		return err_set(err, ENETUNREACH, "the instance is in no such network");
	if (!network->client)
		return err_set(err, ENETUNREACH, "client not connected to network %s", network->obj.name);
	if (!membership->node || !membership->node->in || !network->id)
		return err_set(err, EHOSTUNREACH, "the instance is %s: nobody is reached at its address",
			       obj_state(&instance->obj));
	if (membership->net && strcmp(membership->net, network->id) != 0)
		return err_set(err, EHOSTUNREACH,
			       "the instance was made before yagna forgot the network %s: reset it",
			       network->obj.name);
	range_print_address(membership->node->address, ip);
	yagna_net_url(network->obj.golem->yagna, network->id, ip, port, url);
	return 0;
}

int network_url(struct instance *instance, unsigned port, struct buf *url, struct err *err)
{
	for (unsigned i = 0; i < instance->membership_count; i++) {
		const struct network *network = membership_network(instance, i);

		if (network && network->client)
			return membership_url(instance, i, port, url, err);
	}
	if (!instance->membership_count)
		return err_set(err, ENETUNREACH, "the instance has no network");
	return err_set(err, ENETUNREACH, "client not connected to network %s",
		       instance->memberships[0].network->obj.name);
}
