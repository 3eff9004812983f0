/* Networks of the fake model: every instance is in all of them, with the address 10.0.0.2, and nothing is asked of
 * anybody. */
#include <stdlib.h>
#include <string.h>

#include "core/forward.h"
#include "core/instance.h"
#include "core/mem.h"
#include "core/model.h"

static const char *state(const struct obj *obj)
{
	return "ready";
}

static bool yes(const struct obj *obj)
{
	return true;
}

static bool no(const struct obj *obj)
{
	return false;
}

static const struct err *no_outcome(const struct obj *obj)
{
	return NULL;
}

static void nothing(struct obj *obj)
{
}

static void release(struct obj *obj)
{
	obj_fini(obj);
	free(obj);
}

static const struct obj_class class = {state, yes, no, no_outcome, nothing, NULL, release};
static const struct obj_class all_class = {state, yes, no, no_outcome, nothing, NULL, obj_fini};

void networks_init(struct golem *golem)
{
	obj_init(&golem->networks, &all_class, OBJ_NETWORKS, golem, &golem->obj, "networks");
}

void networks_free(struct golem *golem)
{
	while (obj_first(&golem->networks))
		obj_remove(obj_first(&golem->networks));
	obj_unref(&golem->networks);
}

struct obj *golem_networks(struct golem *golem)
{
	return &golem->networks;
}

struct network *network_of(struct obj *obj)
{
	return (struct network *)obj;
}

struct obj *network_obj(struct network *network)
{
	return &network->obj;
}

struct network *network_create(struct golem *golem, const char *name, const char *cidr, bool client,
			       struct order *order, struct err *err)
{
	struct network *network;

	if (obj_check_name(name, err))
		return NULL;
	if (obj_find(&golem->networks, name)) {
		err_set(err, EEXIST, "%s exists already", name);
		return NULL;
	}
	network = mem_alloc(sizeof *network);
	network->client = client;
	obj_init(&network->obj, &class, OBJ_NETWORK, golem, &golem->networks, name);
	network->obj.events = bytelog_new("/tmp", 1 << 16, 0);
	obj_enlist(&network->obj);
	obj_unref(&network->obj);
	order_accept(order, name);
	return network;
}

int network_destroy(struct network *network, bool force, struct order *order, struct err *err)
{
	obj_remove(&network->obj);
	order_accept(order, NULL);
	return 0;
}

void network_refresh(struct network *network, struct order *order)
{
	order_accept(order, NULL);
}

void networks_refresh(struct golem *golem, struct order *order)
{
	order_accept(order, NULL);
}

int network_set_client(struct network *network, const char *value, size_t len, struct err *err)
{
	network->client = len == 3;
	obj_changed(&network->obj, ASPECT_STATE);
	return 0;
}

bool network_has_client(const struct network *network)
{
	return network->client;
}

void network_render_id(struct network *network, struct buf *out)
{
	buf_printf(out, "id-of-%s", network->obj.name);
}

void network_render_cidr(struct network *network, struct buf *out)
{
	buf_adds(out, "10.0.0.0/24");
}

void network_render_owner(struct network *network, struct buf *out)
{
	buf_adds(out, "golemfs");
}

void network_render_age(struct network *network, struct buf *out)
{
	buf_adds(out, "0");
}

/* The first instance there is. */
static struct obj *somebody(const struct network *network)
{
	struct obj *backend = obj_first(&network->obj.golem->obj);

	return backend ? obj_first(backend) : NULL;
}

uint32_t network_next_address(const struct network *network, uint32_t address)
{
	return !address && somebody(network) ? 0x0A000002 : 0;
}

struct instance *network_instance(const struct network *network, uint32_t address)
{
	return address == 0x0A000002 && somebody(network) ? instance_of(somebody(network)) : NULL;
}

int network_urls(struct network *network, unsigned port, struct buf *out, struct err *err)
{
	if (!network->client)
		return err_set(err, ENETUNREACH, "client not connected to network %s", network->obj.name);
	buf_printf(out, "ws://%s:%u\n", network->obj.name, port);
	return 0;
}

static struct obj *first_network(const struct instance *instance)
{
	return obj_first(&((const struct obj *)instance)->golem->networks);
}

unsigned membership_count(const struct instance *instance)
{
	unsigned count = 0;

	for (struct obj *obj = first_network(instance); obj; obj = obj_next(obj))
		count++;
	return count;
}

struct network *membership_network(const struct instance *instance, unsigned position)
{
	struct obj *obj = first_network(instance);

	while (obj && position-- > 0)
		obj = obj_next(obj);
	return obj ? network_of(obj) : NULL;
}

uint32_t membership_address(const struct instance *instance, unsigned position)
{
	return 0x0A000002;
}

int membership_find(const struct instance *instance, const char *name)
{
	int position = 0;

	for (struct obj *obj = first_network(instance); obj; obj = obj_next(obj), position++)
		if (strcmp(obj->name, name) == 0)
			return position;
	return -1;
}

int membership_url(const struct instance *instance, unsigned position, unsigned port, struct buf *url,
		   struct err *err)
{
	struct network *network = membership_network(instance, position);

	if (!network || !network->client)
		return err_set(err, ENETUNREACH, "client not connected");
	buf_printf(url, "ws://%s:%u", network->obj.name, port);
	return 0;
}

void forward_take(struct obj *obj, const char *text, struct order *order)
{
	order_accept(order, text);
}

void forward_render(struct obj *obj, struct buf *out)
{
	buf_adds(out, "#port\n");
}
