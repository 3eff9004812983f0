#include "core/network.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "core/backend.h"
#include "core/forward.h"
#include "core/line.h"
#include "core/mem.h"
#include "core/model.h"
#include "core/root.h"

enum { PREFIX_DEFAULT = 24 };

struct net_wait {
	struct order *order;
	struct net_wait *next;
};

struct network *network_of(struct obj *obj)
{
	return (struct network *)obj;
}

struct obj *network_obj(struct network *network)
{
	return &network->obj;
}

/* --- the class --------------------------------------------------------------------------------------------- */

static const char *state(const struct obj *obj)
{
	static const char *const names[] = {
		[NETWORK_STARTING] = "starting",
		[NETWORK_READY] = "ready",
		[NETWORK_STOPPING] = "stopping",
		[NETWORK_ERROR] = "error",
	};

	return names[((const struct network *)obj)->state];
}

/* A node whose instance is gone is on its way out; until then its address is not free. */
static bool is_leaving(const struct network *network)
{
	const struct net_node *node;

	DL_FOREACH (network->nodes, node)
		if (!node->instance)
			return true;
	return false;
}

static bool settled(const struct obj *obj)
{
	const struct network *network = (const struct network *)obj;

	return network->state == NETWORK_ERROR ||
	       (network->state == NETWORK_READY && !network->check && network->client == network->client_in &&
		!is_leaving(network));
}

static bool ended(const struct obj *obj)
{
	return ((const struct network *)obj)->state == NETWORK_ERROR;
}

static const struct err *outcome(const struct obj *obj)
{
	return ((const struct network *)obj)->outcome;
}

static void nothing_to_abort(struct obj *obj)
{
}

static void release(struct obj *obj)
{
	struct network *network = network_of(obj);

	forward_end(obj);
	while (network->nodes)
		network_drop(network, network->nodes);
	free(network->outcome);
	free(network->foreign_range);
	free(network->id);
	cJSON_Delete(network->before);
	cJSON_Delete(network->strays);
	obj_fini(obj);
	free(network);
}

static const struct obj_class class = {state, settled, ended, outcome, nothing_to_abort, NULL, release};

/* --- the directory of them --------------------------------------------------------------------------------- */

static const char *all_state(const struct obj *obj)
{
	return "ready";
}

static bool all_settled(const struct obj *obj)
{
	for (const struct obj *child = obj->children; child; child = child->hh.next)
		if (!obj_settled(child))
			return false;
	return true;
}

static bool never(const struct obj *obj)
{
	return false;
}

static const struct err *no_outcome(const struct obj *obj)
{
	return NULL;
}

static const struct obj_class all_class = {all_state,        all_settled, never,   no_outcome,
					   nothing_to_abort, NULL,        obj_fini};

void networks_init(struct golem *golem)
{
	obj_init(&golem->networks, &all_class, OBJ_NETWORKS, golem, &golem->obj, "networks");
}

struct obj *golem_networks(struct golem *golem)
{
	return &golem->networks;
}

/* Everything it still asks for is given up; what is in yagna stays there, and in the journal. */
static void forget(struct network *network)
{
	struct err leaving;

	err_set(&leaving, ECANCELED, "golemfs is leaving");
	yagna_cancel(&network->call);
	loop_cancel(&network->retry);
	order_refuse(mem_move(&network->asked), &leaving);
	network_answer(&network->waits, &leaving);
	DL_DELETE(network->obj.golem->nets, network);
	if (network->backend)
		obj_unref(&mem_move(&network->backend)->obj);
	obj_remove(&network->obj);
	obj_unref(&network->obj); /* the one of the list */
}

void networks_free(struct golem *golem)
{
	struct err leaving;

	err_set(&leaving, ECANCELED, "golemfs is leaving");
	yagna_cancel(&golem->nets_call);
	loop_cancel(&golem->nets_timer);
	network_answer(&golem->nets_waits, &leaving);
	while (golem->nets)
		forget(golem->nets);
	obj_unref(&golem->networks);
}

/* --- creation ---------------------------------------------------------------------------------------------- */

struct network *network_find(struct golem *golem, const char *name)
{
	struct obj *found = obj_find(&golem->networks, name);
	struct network *network;

	if (found)
		return network_of(found);
	DL_FOREACH (golem->nets, network)
		if (!network->obj.removed && network->id && strcmp(network->id, name) == 0)
			return network;
	return NULL;
}

/* The backend whose private network has, or will have, this name. */
static const struct backend *backend_named(struct golem *golem, const char *name)
{
	struct obj *obj = obj_find(&golem->obj, name);
	enum networking networking;

	if (!obj)
		return NULL;
	networking = setting_networking(backend_text(backend_of(obj), SET_NETWORKING));
	return networking == NETWORKING_YES || networking == NETWORKING_RANGE ? backend_of(obj) : NULL;
}

int network_check_name(struct golem *golem, const char *name, const struct backend *backend, struct err *err)
{
	const struct backend *owner = backend_named(golem, name);
	struct obj *there = obj_find(&golem->networks, name);

	if (obj_check_name(name, err))
		return -1;
	if (!name[strspn(name, "0123456789")])
		return err_set(err, EINVAL, "a network's name is not all digits: \"%s\"", name);
	if (there && !(backend && network_of(there)->backend == backend))
		return err_set(err, EEXIST, "there is a network \"%s\" already", name);
	if (owner && owner != backend)
		return err_set(err, EEXIST, "the private network of the backend \"%s\" has this name", name);
	return 0;
}

struct network *network_make(struct golem *golem, const char *name, const struct range *range, bool client)
{
	struct network *network = mem_alloc(sizeof(*network));

	network->range = *range;
	network->client = client;
	obj_init(&network->obj, &class, OBJ_NETWORK, golem, &golem->networks, name);
	network->obj.events = bytelog_new(root_spill_dir(golem), INSTANCE_EVENTS_IN_MEMORY, 0);
	obj_enlist(&network->obj);
	DL_APPEND(golem->nets, network); /* the list keeps the first reference */
	return network;
}

struct network *network_make_foreign(struct golem *golem, const char *id, const char *range)
{
	struct range none = {0};
	struct network *network = network_make(golem, id, &none, false);

	network->foreign = true;
	network->foreign_range = mem_strdup(range);
	network->id = mem_strdup(id);
	network->state = NETWORK_READY;
	return network;
}

struct network *network_create(struct golem *golem, const char *name, const char *cidr, bool client,
			       struct order *order, struct err *err)
{
	struct range range = {.prefix = PREFIX_DEFAULT};
	struct network *network;

	if (network_check_name(golem, name, NULL, err) || (cidr && range_parse(&range, cidr, err)))
		return NULL;
	if (golem->leaving) {
		err_set(err, ECANCELED, "golemfs is leaving");
		return NULL;
	}
	if (golem_asked(golem) && root_check_yagna(golem, err))
		return NULL;
	network = network_make(golem, name, &range, client);
	network->asked = order;
	network_step(network);
	return network;
}

/* --- states and events ------------------------------------------------------------------------------------- */

void network_enter(struct network *network, enum network_state state, const struct err *why)
{
	network->state = state;
	outcome_set(&network->outcome, why);
	obj_changed(&network->obj, ASPECT_STATE);
	obj_changed(&network->obj.golem->networks, ASPECT_CHILDREN);
}

void network_event(struct network *network, const char *event, const struct net_node *node,
		   const char *message)
{
	cJSON *extra = cJSON_CreateObject();
	char ip[RANGE_TEXT];

	if (network->id)
		cJSON_AddStringToObject(extra, "id", network->id);
	if (node) {
		range_print_address(node->address, ip);
		cJSON_AddStringToObject(extra, "ip", ip);
		cJSON_AddStringToObject(extra, "provider", node->provider);
	}
	if (node) {
		cJSON_AddStringToObject(extra, "backend", node->owner[0]);
		cJSON_AddStringToObject(extra, "instance", node->owner[1]);
	}
	if (message)
		cJSON_AddStringToObject(extra, "message", message);
	obj_changed(&network->obj, ASPECT_CHILDREN);
	obj_event(&network->obj, event, extra);
}

void network_wait(struct net_wait **list, struct order *order)
{
	struct net_wait *wait = mem_alloc(sizeof(*wait));

	wait->order = order;
	LL_APPEND(*list, wait);
}

void network_answer(struct net_wait **list, const struct err *why)
{
	struct net_wait *wait = mem_move(list), *next;

	for (; wait; wait = next) {
		next = wait->next;
		if (why)
			order_refuse(wait->order, why);
		else
			order_accept(wait->order, NULL);
		free(wait);
	}
}

/* --- nodes ------------------------------------------------------------------------------------------------- */

static struct net_node *node_at(const struct network *network, uint32_t address)
{
	struct net_node *node;

	DL_FOREACH (network->nodes, node)
		if (node->address == address)
			return node;
	return NULL;
}

static uint32_t free_address(const struct network *network)
{
	const struct net_node *node;
	size_t count, filled = 0;
	MEM_AUTO uint32_t *taken = NULL;

	DL_COUNT(network->nodes, node, count);
	taken = mem_alloc((count + 1) * sizeof(*taken));
	DL_FOREACH (network->nodes, node)
		taken[filled++] = node->address;
	return range_free_address(&network->range, taken, filled);
}

bool network_has_provider(const struct network *network, const char *provider)
{
	const struct net_node *node;

	DL_FOREACH (network->nodes, node)
		if (node->provider && strcasecmp(node->provider, provider) == 0)
			return true;
	return false;
}

static bool has_room(const struct network *network)
{
	uint64_t hosts = ((uint64_t)1 << (32 - network->range.prefix)) - 3;
	const struct net_node *node;
	uint64_t count;

	DL_COUNT(network->nodes, node, count);
	return count < hosts;
}

static int check_chosen(const struct network *network, uint32_t chosen, struct err *err)
{
	char ip[RANGE_TEXT];

	range_print_address(chosen, ip);
	if (!range_is_for_instances(&network->range, chosen))
		return err_set(err, EINVAL, "%s is not an address for instances in the network %s", ip,
			       network->obj.name);
	if (node_at(network, chosen))
		return err_set(err, EEXIST, "%s is taken in the network %s", ip, network->obj.name);
	return 0;
}

struct net_node *network_claim(struct network *network, struct instance *instance, uint32_t chosen,
			       struct err *err)
{
	struct net_node *node;

	if (chosen && check_chosen(network, chosen, err))
		return NULL;
	if (!has_room(network)) {
		err_set(err, ENOSPC, "no address is free in the network %s", network->obj.name);
		return NULL;
	}
	node = mem_alloc(sizeof(*node));
	node->instance = instance;
	node->owner[0] = mem_strdup(instance->obj.parent->name);
	node->owner[1] = mem_strdup(instance->obj.name);
	node->address = chosen ? chosen : network->range.network ? free_address(network) : 0;
	DL_APPEND(network->nodes, node);
	obj_changed(&network->obj, ASPECT_CHILDREN);
	return node;
}

void network_choose_addresses(struct network *network)
{
	struct net_node *node;

	DL_FOREACH (network->nodes, node)
		if (!node->address)
			node->address = free_address(network);
}

void network_drop(struct network *network, struct net_node *node)
{
	if (network->subject == node) {
		yagna_cancel(&network->call);
		network->subject = NULL;
	}
	DL_DELETE(network->nodes, node);
	free(node->provider);
	free(node->owner[0]);
	free(node->owner[1]);
	free(node);
	obj_changed(&network->obj, ASPECT_CHILDREN);
	obj_changed(&network->obj, ASPECT_STATE); /* the last one to leave ends the waiting */
}

void network_let_go(struct network *network, struct net_node *node)
{
	node->instance = NULL;
	node->wanted = false;
	if (node->in || network->subject == node) { /* asked for: it is taken out again */
		loop_cancel(&network->retry);
		obj_changed(&network->obj, ASPECT_CHILDREN);
		network_step(network);
	} else {
		network_drop(network, node);
	}
}

/* --- the end ----------------------------------------------------------------------------------------------- */

static void let_all_go(struct network *network)
{
	struct net_node *node, *next;

	DL_FOREACH_SAFE (network->nodes, node, next) {
		if (node->in)
			network_event(network, "nodeRemoved", node, NULL);
		if (node->instance)
			membership_forget(network, node->instance, node);
		node->in = false;
		network_drop(network, node);
	}
}

void network_doom(struct network *network, bool quietly)
{
	if (network->doomed)
		return;
	obj_ref(&network->obj);
	network->doomed = true;
	network->tries = 0;
	loop_cancel(&network->retry);
	if (network->id || !network->call) { /* else the answer tells what there is to be removed */
		yagna_cancel(&network->call);
		network->subject = NULL;
	}
	let_all_go(network);
	network_enter(network, NETWORK_STOPPING, NULL);
	network->obj.cancels++;
	if (quietly)
		obj_remove(&network->obj);
	network_step(network);
	obj_unref(&network->obj);
}

void network_over(struct network *network, const struct err *why)
{
	struct golem *golem = network->obj.golem;
	struct backend *backend = mem_move(&network->backend);

	if (network->made)
		network_event(network, "networkRemoved", NULL, why ? why->text : NULL);
	DL_DELETE(golem->nets, network);
	if (why)
		order_refuse(mem_move(&network->asked), why);
	else
		order_accept(mem_move(&network->asked), NULL);
	network_answer(&network->waits, why);
	obj_remove(&network->obj);
	if (backend) {
		backend_look(backend);
		obj_unref(&backend->obj);
	}
	golem_look(golem);
	obj_unref(&network->obj); /* the one of the list */
}

/* --- verbs ------------------------------------------------------------------------------------------------- */

bool network_is_used(const struct network *network)
{
	for (struct obj *obj = obj_first(&network->obj.golem->obj); obj; obj = obj_next(obj))
		if (backend_uses(backend_of(obj), network))
			return true;
	return false;
}

static unsigned instances_in(const struct network *network)
{
	const struct net_node *node;
	unsigned count = 0;

	DL_FOREACH (network->nodes, node)
		count += node->instance != NULL;
	return count;
}

static int check_own(const struct network *network, struct err *err)
{
	return network->foreign
		       ? err_set(err, EPERM, "the network %s belongs to another program", network->obj.name)
		       : 0;
}

int network_destroy(struct network *network, bool force, struct order *order, struct err *err)
{
	if (check_own(network, err))
		return -1;
	if (!force && instances_in(network))
		return err_set(err, EBUSY,
			       "%u instances are in the network %s: stop them first, or use force",
			       instances_in(network), network->obj.name);
	if (!force && network_is_used(network))
		return err_set(err, EBUSY,
			       "a started backend uses the network %s: stop it first, or use force",
			       network->obj.name);
	if (network->asked) {
		struct err gone;

		err_set(&gone, ECANCELED, "the network is destroyed");
		order_refuse(mem_move(&network->asked), &gone);
	}
	network->asked = order;
	network_doom(network, true);
	return 0;
}

void network_refresh(struct network *network, struct order *order)
{
	struct err err = {0};

	if (root_check_yagna(network->obj.golem, &err)) {
		order_refuse(order, &err);
		return;
	}
	if (network->foreign) {
		networks_refresh(network->obj.golem, order);
		return;
	}
	network_wait(&network->waits, order);
	network->check = true;
	network->tries = 0;
	if (network->state == NETWORK_ERROR)
		network_enter(network, NETWORK_STARTING, NULL);
	loop_cancel(&network->retry);
	obj_changed(&network->obj, ASPECT_STATE);
	network_step(network);
}

void networks_refresh(struct golem *golem, struct order *order)
{
	struct err err = {0};

	if (root_check_yagna(golem, &err)) {
		order_refuse(order, &err);
		return;
	}
	network_wait(&golem->nets_waits, order);
	networks_up(golem);
}

int network_set_client(struct network *network, const char *value, size_t len, struct err *err)
{
	bool yes = len == 3 && memcmp(value, "yes", 3) == 0;
	struct net_node *node;

	if (check_own(network, err))
		return -1;
	if (!yes && !(len == 2 && memcmp(value, "no", 2) == 0))
		return err_set(err, EINVAL, "client is yes or no");
	if (network->client == yes)
		return 0;
	network->client = yes;
	DL_FOREACH (network->nodes, node)
		if (node->instance)
			line_network_changed(node->instance->line);
	obj_changed(&network->obj, ASPECT_STATE);
	network_step(network);
	return 0;
}

/* --- what is shown ----------------------------------------------------------------------------------------- */

bool network_has_client(const struct network *network)
{
	return network->client;
}

void network_render_id(struct network *network, struct buf *out)
{
	buf_adds(out, network->id ? network->id : "");
}

void network_render_cidr(struct network *network, struct buf *out)
{
	char text[RANGE_TEXT];

	range_print(&network->range, text);
	if (network->foreign)
		buf_add_clean(out, network->foreign_range);
	else if (network->range.network)
		buf_adds(out, text);
}

void network_render_owner(struct network *network, struct buf *out)
{
	if (network->foreign)
		buf_adds(out, "another program");
	else if (network->backend)
		buf_printf(out, "backend %s", network->backend->obj.name);
	else
		buf_adds(out, "golemfs");
}

void network_render_age(struct network *network, struct buf *out)
{
	if (network->checked_ms)
		buf_printf(out, "%.1f",
			   (double)(loop_now_ms(network->obj.golem->loop) - network->checked_ms) / 1000);
}

uint32_t network_next_address(const struct network *network, uint32_t address)
{
	const struct net_node *node;
	uint32_t best = 0;

	DL_FOREACH (network->nodes, node)
		if (node->instance && node->in && node->address > address && (!best || node->address < best))
			best = node->address;
	return best;
}

struct instance *network_instance(const struct network *network, uint32_t address)
{
	const struct net_node *node = address ? node_at(network, address) : NULL;

	return node && node->in ? node->instance : NULL;
}

static int by_address(const void *a, const void *b)
{
	uint32_t left = (*(struct net_node *const *)a)->address;
	uint32_t right = (*(struct net_node *const *)b)->address;

	return left < right ? -1 : left > right;
}

int network_urls(struct network *network, unsigned port, struct buf *out, struct err *err)
{
	MEM_AUTO struct net_node **list = NULL;
	struct net_node *node;
	unsigned count = 0, all;

	if (!network->client)
		return err_set(err, ENETUNREACH, "client not connected to network %s", network->obj.name);
	DL_COUNT(network->nodes, node, all);
	list = mem_alloc((all + 1) * sizeof(struct net_node *));
	DL_FOREACH (network->nodes, node)
		if (node->instance && node->in)
			list[count++] = node;
	qsort(list, count, sizeof(struct net_node *), by_address);
	for (unsigned i = 0; i < count; i++)
		for (unsigned at = 0; at < membership_count(list[i]->instance); at++)
			if (membership_network(list[i]->instance, at) == network &&
			    !membership_url(list[i]->instance, at, port, out, NULL))
				buf_addc(out, '\n');
	return 0;
}
