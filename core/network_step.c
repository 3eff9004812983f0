/*
 * The conversation of a network with yagna: one request at a time, always the next one that brings yagna's network
 * closer to what it should be. Whatever goes wrong is tried again after a pause, a few times.
 */
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "core/json.h"
#include "core/market.h"
#include "core/mem.h"
#include "core/model.h"
#include "core/rental.h"

enum { PAUSE_MS = 200, PAUSE_DOUBLINGS = 4, TRIES = 5, END_TRIES = 8, LOOK_MS = 1000 };

static struct yagna *yagna_of(const struct network *network)
{
	return network->obj.golem->yagna;
}

static void again(void *context)
{
	struct network *network = context;

	network->retry = NULL;
	network_step(network);
}

/* False: often enough. */
static bool pause_before(struct network *network, unsigned tries)
{
	unsigned doublings = network->tries < PAUSE_DOUBLINGS ? network->tries : PAUSE_DOUBLINGS;

	if (++network->tries >= tries)
		return false;
	network->retry =
		loop_after(network->obj.golem->loop, (uint64_t)PAUSE_MS << doublings, again, network);
	return true;
}

static bool is_wanted(const struct net_node *node)
{
	return node->wanted && node->instance && node->provider && node->address;
}

/* --- yagna has forgotten it -------------------------------------------------------------------------------- */

static void tell_of_loss(struct network *network, struct instance *instance)
{
	struct err why;

	if (instance->step < RENTAL_DEPLOYING || instance->step > RENTAL_READY)
		return;
	err_set(&why, EHOSTUNREACH,
		"yagna has forgotten the network %s, which is made again; the machine knows the old one "
		"until it is reset",
		network->obj.name);
	obj_refuse(&instance->obj, 0, "network", &why);
}

static void forgotten(struct network *network)
{
	struct net_node *node, *next;

	journal_gone(network->obj.golem->journal, network->entry);
	network->entry = 0;
	if (network->doomed) {
		network_over(network, NULL);
		return;
	}
	network_event(network, "networkRemoved", NULL, "yagna has forgotten it");
	free(mem_move(&network->id));
	cJSON_Delete(mem_move(&network->strays));
	network->client_in = network->check = false;
	DL_FOREACH_SAFE (network->nodes, node, next) {
		node->in = false;
		if (node->instance)
			tell_of_loss(network, node->instance);
		else
			network_drop(network, node);
	}
	network_enter(network, NETWORK_STARTING, NULL);
	network_step(network);
}

/* --- making ------------------------------------------------------------------------------------------------ */

static void took(struct network *network, const char *id)
{
	network->id = mem_strdup(id);
	network->unsure = false;
	network->made = true;
	network->tries = 0;
	network->checked_ms = loop_now_ms(network->obj.golem->loop);
	journal_confirm(network->obj.golem->journal, network->entry, id);
	if (!network->doomed) {
		network_event(network, "networkCreated", NULL, NULL);
		network_enter(network, NETWORK_READY, NULL);
		order_accept(mem_move(&network->asked), network->obj.name);
		if (network->backend)
			backend_network_ready(network->backend);
	}
	network_step(network);
}

/* Yagna will not make it. What was there once is tried for as long as it is wanted. */
static void not_made(struct network *network, const struct err *err)
{
	struct err why = *err;
	bool asked = network->asked;

	if (network->doomed) {
		network_over(network, NULL);
		return;
	}
	if (network->made) {
		network->tries = 0;
		pause_before(network, TRIES);
		outcome_set(&network->outcome, &why);
		return;
	}
	if (network->backend || asked) {
		struct backend *backend = network->backend;

		if (backend)
			obj_ref(&backend->obj);
		order_refuse(mem_move(&network->asked), &why);
		network_over(network, NULL);
		if (backend) {
			backend_network_failed(backend, &why);
			obj_unref(&backend->obj);
		}
		return;
	}
	obj_refuse(&network->obj, 0, "create", &why);
	network_enter(network, NETWORK_ERROR, &why);
	network_answer(&network->waits, &why);
}

static void created(void *context, const struct yagna_failure *failure, const struct yagna_net *net)
{
	struct network *network = context;

	network->call = NULL;
	if (!failure) {
		took(network, net->id);
		return;
	}
	network->unsure = failure->unsure;
	if (failure->unsure && pause_before(network, TRIES))
		return;
	if (failure->unsure)
		adopt_doubt(network->obj.golem, network->entry); /* looks for it, and ends it */
	else
		journal_gone(network->obj.golem->journal, network->entry);
	network->entry = 0;
	network->unsure = false;
	not_made(network, &failure->err);
}

static uint64_t write_down(struct network *network, struct err *err)
{
	cJSON *facts = cJSON_CreateObject();
	char cidr[RANGE_TEXT];

	range_print(&network->range, cidr);
	cJSON_AddStringToObject(facts, "name", network->obj.name);
	cJSON_AddStringToObject(facts, "cidr", cidr);
	cJSON_AddBoolToObject(facts, "client", network->client);
	cJSON_AddItemToObject(facts, "before", cJSON_Duplicate(network->before, true));
	return journal_intend(network->obj.golem->journal, JOURNAL_NETWORK, facts, err);
}

static void create(struct network *network)
{
	char ip[RANGE_TEXT], mask[RANGE_TEXT];
	struct err err = {0};

	if (!network->entry)
		network->entry = write_down(network, &err);
	if (!network->entry) {
		not_made(network, &err);
		return;
	}
	range_print_address(network->range.network, ip);
	range_print_mask(&network->range, mask);
	network->call = yagna_create_net(yagna_of(network), ip, mask, created, network);
}

static bool names(const cJSON *list, const char *id)
{
	const cJSON *item;

	cJSON_ArrayForEach (item, list)
		if (cJSON_IsString(item) && strcmp(item->valuestring, id) == 0)
			return true;
	return false;
}

static bool is_ours(struct golem *golem, const char *id)
{
	const struct network *network;
	const struct journal_entry *entry;

	DL_FOREACH (golem->nets, network)
		if (!network->foreign && network->id && strcmp(network->id, id) == 0)
			return true;
	for (entry = journal_first(golem->journal); entry; entry = journal_next(golem->journal, entry))
		if (entry->kind == JOURNAL_NETWORK && entry->id && strcmp(entry->id, id) == 0)
			return true;
	return false;
}

const char *network_recognise(struct golem *golem, const struct range *range, const cJSON *before,
			      const struct yagna_net *nets, unsigned count)
{
	struct range theirs;

	for (unsigned i = 0; i < count; i++)
		if (range_parse(&theirs, nets[i].ip, NULL) == 0 && theirs.network == range->network &&
		    theirs.prefix == range->prefix && !names(before, nets[i].id) &&
		    !is_ours(golem, nets[i].id))
			return nets[i].id;
	return NULL;
}

static void remember(struct network *network, const struct yagna_net *nets, unsigned count)
{
	cJSON_Delete(network->before);
	network->before = cJSON_CreateArray();
	for (unsigned i = 0; i < count; i++)
		cJSON_AddItemToArray(network->before, cJSON_CreateString(nets[i].id));
}

static void listed(void *context, const struct yagna_failure *failure, const struct yagna_net *nets,
		   unsigned count)
{
	struct network *network = context;
	const char *lost = NULL;
	struct err err = {0};

	network->call = NULL;
	if (failure) {
		if (!(failure->unsure || network->unsure) || !pause_before(network, TRIES))
			not_made(network, &failure->err);
		return;
	}
	if (network->unsure)
		lost = network_recognise(network->obj.golem, &network->range, network->before, nets, count);
	if (lost) {
		took(network, lost);
		return;
	}
	if (network->doomed) {
		journal_gone(network->obj.golem->journal, network->entry);
		network_over(network, NULL);
		return;
	}
	if (!network->unsure)
		remember(network, nets, count);
	if (!network->range.network &&
	    network_choose_range(network->obj.golem, &network->range, nets, count, &err)) {
		not_made(network, &err);
		return;
	}
	network_choose_addresses(network);
	obj_changed(&network->obj, ASPECT_STATE);
	create(network);
}

/* --- ending ------------------------------------------------------------------------------------------------ */

static void removed(void *context, const struct yagna_failure *failure)
{
	struct network *network = context;

	network->call = NULL;
	if (failure && !yagna_net_is_unknown(failure)) {
		if (!pause_before(network, END_TRIES))
			network_over(network, &failure->err); /* it stays in the journal for the next start */
		return;
	}
	journal_gone(network->obj.golem->journal, network->entry);
	network_over(network, NULL);
}

static void take_down(struct network *network)
{
	if (network->id)
		network->call = yagna_delete_net(yagna_of(network), network->id, removed, network);
	else
		network->call = yagna_list_nets(yagna_of(network), listed, network);
}

/* --- looking ----------------------------------------------------------------------------------------------- */

static bool is_listed(const struct yagna_net_node *nodes, unsigned count, const char *id, const char *ip)
{
	for (unsigned i = 0; i < count; i++)
		if (strcmp(nodes[i].ip, ip) == 0 && strcasecmp(nodes[i].node_id, id) == 0)
			return true;
	return false;
}

/* Whose the address should be; NULL: nobody's. */
static const char *holder_of(const struct network *network, const char *ip)
{
	const struct net_node *node;
	uint32_t address;

	if (range_parse_address(&address, ip, NULL))
		return NULL;
	if (address == range_client(&network->range))
		return network->client ? network->obj.golem->node_id : NULL;
	DL_FOREACH (network->nodes, node)
		if (node->address == address && is_wanted(node))
			return node->provider;
	return NULL;
}

static void find_strays(struct network *network, const struct yagna_net_node *nodes, unsigned count)
{
	cJSON_Delete(network->strays);
	network->strays = cJSON_CreateArray();
	for (unsigned i = 0; i < count; i++) {
		const char *holder = holder_of(network, nodes[i].ip);

		if (holder ? strcasecmp(holder, nodes[i].node_id) != 0 : network->tidy)
			cJSON_AddItemToArray(network->strays, cJSON_CreateString(nodes[i].node_id));
	}
	network->tidy = false;
}

static void compare(struct network *network, const struct yagna_net_node *nodes, unsigned count)
{
	struct net_node *node;
	char ip[RANGE_TEXT];

	range_print_address(range_client(&network->range), ip);
	network->client_in = is_listed(nodes, count, network->obj.golem->node_id, ip);
	find_strays(network, nodes, count);
	DL_FOREACH (network->nodes, node) {
		if (!node->provider)
			continue;
		range_print_address(node->address, ip);
		node->in = is_listed(nodes, count, node->provider, ip);
	}
	network->check = false;
	network->tries = 0;
	network->checked_ms = loop_now_ms(network->obj.golem->loop);
	obj_changed(&network->obj, ASPECT_CHILDREN);
}

static void looked(void *context, const struct yagna_failure *failure, const struct yagna_net_node *nodes,
		   unsigned count)
{
	struct network *network = context;

	network->call = NULL;
	if (failure && yagna_net_is_unknown(failure)) {
		forgotten(network);
		return;
	}
	if (failure) {
		if (pause_before(network, TRIES))
			return;
		network->check = false;
		network->tries = 0;
		network_answer(&network->waits, &failure->err);
	} else {
		compare(network, nodes, count);
	}
	network_step(network);
}

/* --- nodes ------------------------------------------------------------------------------------------------- */

static void stray_removed(void *context, const struct yagna_failure *failure)
{
	struct network *network = context;

	network->call = NULL;
	if (failure && yagna_net_is_unknown(failure))
		forgotten(network);
	else
		network_step(network); /* what is still in the way is seen at the next look */
}

static void remove_stray(struct network *network)
{
	cJSON *stray = cJSON_DetachItemFromArray(network->strays, 0);

	network->call = yagna_remove_net_node(yagna_of(network), network->id, stray->valuestring,
					      stray_removed, network);
	cJSON_Delete(stray);
}

static void left(void *context, const struct yagna_failure *failure)
{
	struct network *network = context;
	struct net_node *node = mem_move(&network->subject);

	network->call = NULL;
	if (failure && yagna_net_is_unknown(failure)) {
		forgotten(network);
		return;
	}
	if (failure && pause_before(network, TRIES))
		return;
	network->tries = 0;
	network_event(network, "nodeRemoved", node, failure ? failure->err.text : NULL);
	network_drop(network, node);
	for (struct obj *obj = obj_first(&network->obj.golem->obj); obj; obj = obj_next(obj))
		if (backend_of(obj)->market)
			market_look(backend_of(obj)->market); /* the provider may be taken again */
	network_step(network);
}

static void joined(void *context, const struct yagna_failure *failure)
{
	struct network *network = context;
	struct net_node *node = mem_move(&network->subject);
	bool later = failure && (failure->unsure || failure->status >= 500);

	network->call = NULL;
	if (failure && yagna_net_is_unknown(failure)) {
		forgotten(network);
		return;
	}
	node->in = !failure || failure->unsure; /* unsure: what is to leave is taken out to be sure */
	if (failure && node->instance) {
		node->in = false;
		if (later && pause_before(network, TRIES))
			return;
		node->wanted = false;
		deploy_not_joined(node->instance, &failure->err);
		network_step(network);
		return;
	}
	network->tries = 0;
	if (node->instance)
		network_event(network, "nodeAdded", node, NULL);
	if (node->instance)
		deploy_joined(node->instance);
	network_step(network);
}

static void client_told(void *context, const struct yagna_failure *failure)
{
	struct network *network = context;

	network->call = NULL;
	if (failure && yagna_net_is_unknown(failure)) {
		forgotten(network);
		return;
	}
	if (failure && pause_before(network, TRIES))
		return;
	network->tries = 0;
	network->client_in = network->client;
	if (failure)
		obj_refuse(&network->obj, 0, network->client ? "client yes" : "client no", &failure->err);
	else
		network_event(network, network->client ? "clientJoined" : "clientLeft", NULL, NULL);
	network_step(network);
}

static void tell_client(struct network *network)
{
	const char *self = network->obj.golem->node_id;
	char ip[RANGE_TEXT];

	range_print_address(range_client(&network->range), ip);
	network->call =
		network->client
			? yagna_add_net_node(yagna_of(network), network->id, self, ip, client_told, network)
			: yagna_remove_net_node(yagna_of(network), network->id, self, client_told, network);
}

/* A node to be taken out, else one to be put in; NULL: all is as it should be. */
static struct net_node *next_node(const struct network *network)
{
	struct net_node *node;

	DL_FOREACH (network->nodes, node)
		if (!node->instance && node->in)
			return node;
	DL_FOREACH (network->nodes, node)
		if (is_wanted(node) && !node->in)
			return node;
	return NULL;
}

static void tell_node(struct network *network, struct net_node *node)
{
	char ip[RANGE_TEXT];

	network->subject = node;
	range_print_address(node->address, ip);
	network->call = node->in ? yagna_remove_net_node(yagna_of(network), network->id, node->provider, left,
							 network)
				 : yagna_add_net_node(yagna_of(network), network->id, node->provider, ip,
						      joined, network);
}

/* --- the whole --------------------------------------------------------------------------------------------- */

static void answer_all(struct golem *golem)
{
	const struct network *network;

	DL_FOREACH (golem->nets, network)
		if (network->check)
			return;
	if (!golem->nets_call)
		network_answer(&golem->nets_waits, NULL);
}

static void drop_let_go(struct network *network)
{
	struct net_node *node, *next;

	DL_FOREACH_SAFE (network->nodes, node, next)
		if (!node->instance && !node->in)
			network_drop(network, node);
}

static void rest(struct network *network)
{
	network_answer(&network->waits, NULL);
	answer_all(network->obj.golem);
	obj_changed(&network->obj, ASPECT_STATE);
}

void network_step(struct network *network)
{
	struct golem *golem = network->obj.golem;
	struct net_node *node;

	if (network->call || network->retry || network->foreign)
		return;
	if (network->doomed && !network->id && !network->unsure) {
		forgotten(network);
		return;
	}
	if (golem->link != LINK_UP || !golem->adopted)
		return;
	if (network->doomed) {
		take_down(network);
		return;
	}
	if (network->state == NETWORK_ERROR)
		return;
	if (!network->id) {
		network->call = yagna_list_nets(golem->yagna, listed, network);
		return;
	}
	drop_let_go(network);
	node = next_node(network);
	if (network->check)
		network->call = yagna_list_net_nodes(golem->yagna, network->id, looked, network);
	else if (cJSON_GetArraySize(network->strays))
		remove_stray(network);
	else if (network->client != network->client_in)
		tell_client(network);
	else if (node)
		tell_node(network, node);
	else
		rest(network);
}

/* One that is marked, with the mark taken away: what is done with it may end it, or others. */
static struct network *next_due(struct golem *golem)
{
	struct network *network;

	DL_FOREACH (golem->nets, network) {
		if (!network->due)
			continue;
		network->due = false;
		return network;
	}
	return NULL;
}

static void look_again(void *context)
{
	struct golem *golem = context;

	golem->nets_timer = NULL;
	networks_look(golem);
}

static struct network *foreign_one(struct golem *golem, const char *id)
{
	struct obj *obj = obj_find(&golem->networks, id);

	return obj && network_of(obj)->foreign ? network_of(obj) : NULL;
}

static void all_listed(void *context, const struct yagna_failure *failure, const struct yagna_net *nets,
		       unsigned count)
{
	struct golem *golem = context;
	struct network *network;
	uint64_t now = loop_now_ms(golem->loop);

	golem->nets_call = NULL;
	golem->nets_timer = loop_after(golem->loop, LOOK_MS, look_again, golem);
	for (unsigned i = 0; !failure && i < count; i++) {
		if (is_ours(golem, nets[i].id) || obj_check_name(nets[i].id, NULL))
			continue;
		network = foreign_one(golem, nets[i].id);
		if (!network && !obj_find(&golem->networks, nets[i].id))
			network = network_make_foreign(golem, nets[i].id, nets[i].ip);
		if (network)
			network->checked_ms = now;
	}
	DL_FOREACH (golem->nets, network)
		network->due = !failure && network->foreign && network->checked_ms != now;
	while ((network = next_due(golem)))
		network_over(network, NULL);
	answer_all(golem);
}

void networks_look(struct golem *golem)
{
	if (!golem->all_networks) {
		answer_all(golem);
		return;
	}
	loop_cancel(&golem->nets_timer);
	if (!golem->nets_call && golem->link == LINK_UP)
		golem->nets_call = yagna_list_nets(golem->yagna, all_listed, golem);
}

void networks_up(struct golem *golem)
{
	struct network *network;

	DL_FOREACH (golem->nets, network)
		network->due = !network->foreign;
	while ((network = next_due(golem))) {
		loop_cancel(&network->retry);
		network->check = network->id && !network->doomed;
		network->tries = 0;
		network_step(network);
	}
	networks_look(golem);
}

/* --- a later run ------------------------------------------------------------------------------------------- */

struct network *network_adopt(struct golem *golem, uint64_t entry, const char *id, const cJSON *facts)
{
	struct err err = {0};
	const char *name = json_string_or(facts, "name", "", &err);
	struct network *network;
	struct range range;

	if (range_parse(&range, json_string_or(facts, "cidr", "", &err), NULL) ||
	    network_check_name(golem, name, NULL, NULL))
		return NULL;
	network = network_make(golem, name, &range, json_bool_or(facts, "client", false, &err));
	network->entry = entry;
	network->id = mem_strdup(id);
	network->made = network->tidy = true;
	network_enter(network, NETWORK_READY, NULL);
	return network;
}

void networks_end_unused(struct golem *golem)
{
	struct network *network;

	DL_FOREACH (golem->nets, network)
		network->due = network->tidy && !network_is_used(network) && !network->nodes;
	while ((network = next_due(golem)))
		network_doom(network, true);
}

bool networks_end(struct golem *golem)
{
	struct network *network;

	DL_FOREACH (golem->nets, network)
		network->due = !network->foreign;
	while ((network = next_due(golem)))
		network_doom(network, true);
	DL_FOREACH (golem->nets, network)
		if (!network->foreign)
			return true;
	return false;
}
