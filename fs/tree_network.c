/* networks/NETWORK, and what an instance shows of its networks. */
#include <string.h>

#include "core/forward.h"
#include "core/instance.h"
#include "core/network.h"
#include "core/range.h"
#include "core/text.h"
#include "fs/class.h"
#include "fs/help.h"

enum { PORT_MAX = 65535, PORT_BITS = 16 };

static void show_id(struct obj *obj, const struct row *row, struct buf *out)
{
	network_render_id(network_of(obj), out);
	tree_end_line(out);
}

static void show_cidr(struct obj *obj, const struct row *row, struct buf *out)
{
	network_render_cidr(network_of(obj), out);
	tree_end_line(out);
}

static void show_owner(struct obj *obj, const struct row *row, struct buf *out)
{
	network_render_owner(network_of(obj), out);
	tree_end_line(out);
}

static void show_age(struct obj *obj, const struct row *row, struct buf *out)
{
	network_render_age(network_of(obj), out);
	tree_end_line(out);
}

static void show_client(struct obj *obj, const struct row *row, struct buf *out)
{
	buf_adds(out, network_has_client(network_of(obj)) ? "yes\n" : "no\n");
}

static int set_client(struct obj *obj, const struct row *row, const char *value, size_t len, struct err *err)
{
	return network_set_client(network_of(obj), value, len, err);
}

/* --- ports: a file for each of them, on look-up ------------------------------------------------------------ */

/* The port is in the lower bits, what it is a port of, above. */
static bool find_port(struct obj *obj, uint64_t at, const char *name, uint64_t *item)
{
	uint64_t port;

	if (*name == '0' || text_integer(name, 1, PORT_MAX, &port, NULL))
		return false;
	*item = at << PORT_BITS | port;
	return true;
}

static void show_network_port(struct obj *obj, uint64_t at, struct buf *out)
{
	network_urls(network_of(obj), (unsigned)at, out, NULL);
}

static int may_network_port(struct obj *obj, uint64_t at, struct err *err)
{
	BUF_AUTO struct buf urls = {0};

	return network_urls(network_of(obj), (unsigned)at, &urls, err);
}

static const struct row network_port = {"PORT",
					&class_value,
					ROW_FRESH,
					ASPECT_CHILDREN,
					"the URLs of a port, a line for each instance; 1 to 65535",
					.show_at = show_network_port,
					.may = may_network_port};

static const struct row no_rows[] = {{0}};

static const struct dir network_ports = {.rows = no_rows, .item = &network_port, .find = find_port};

static int member_url(struct obj *obj, uint64_t at, struct buf *url, struct err *err)
{
	return membership_url(instance_of(obj), (unsigned)(at >> PORT_BITS), at & PORT_MAX, url, err);
}

static void show_member_port(struct obj *obj, uint64_t at, struct buf *out)
{
	member_url(obj, at, out, NULL);
	tree_end_line(out);
}

static int may_member_port(struct obj *obj, uint64_t at, struct err *err)
{
	BUF_AUTO struct buf url = {0};

	return member_url(obj, at, &url, err);
}

static const struct row member_port = {"PORT",
				       &class_value,
				       ROW_FRESH,
				       ASPECT_STATE,
				       "the URL of a port; 1 to 65535",
				       .show_at = show_member_port,
				       .may = may_member_port};

const struct dir tree_ports = {.rows = no_rows, .item = &member_port, .find = find_port};

/* --- an instance's networks -------------------------------------------------------------------------------- */

static bool find_membership(struct obj *obj, uint64_t at, const char *name, uint64_t *item)
{
	int position = membership_find(instance_of(obj), name);

	*item = (uint64_t)position;
	return position >= 0;
}

static bool each_membership(struct obj *obj, uint64_t *cursor, uint64_t *item, struct buf *name)
{
	struct instance *instance = instance_of(obj);

	while (*cursor < membership_count(instance)) {
		struct network *network = membership_network(instance, (unsigned)*cursor);

		*item = (*cursor)++;
		if (!network)
			continue;
		buf_adds(name, network_obj(network)->name);
		return true;
	}
	return false;
}

static void show_member_id(struct obj *obj, uint64_t at, struct buf *out)
{
	struct network *network = membership_network(instance_of(obj), (unsigned)at);

	if (network)
		network_render_id(network, out);
	tree_end_line(out);
}

static void show_member_ip(struct obj *obj, uint64_t at, struct buf *out)
{
	uint32_t address = membership_address(instance_of(obj), (unsigned)at);
	char text[RANGE_TEXT];

	range_print_address(address, text);
	if (address)
		buf_printf(out, "%s\n", text);
}

static void show_member_network(struct obj *obj, uint64_t at, struct buf *out)
{
	struct network *network = membership_network(instance_of(obj), (unsigned)at);

	if (network)
		buf_printf(out, "../../../../../../networks/%s", network_obj(network)->name);
}

static const struct row membership_rows[] = {
	{"id", &class_value, ROW_FRESH, ASPECT_STATE, "yagna's id of the network", .show_at = show_member_id},
	{"ip", &class_value, ROW_FRESH, ASPECT_STATE, "the address of the instance in it",
	 .show_at = show_member_ip},
	{"ws", &class_dir, 0, ASPECT_STATE, "websocket URLs of its ports: ws/80", .dir = &tree_ports},
	{"network", &class_link, ROW_UNLISTED, ASPECT_STATE, "leads to the network",
	 .show_at = show_member_network},
	{0},
};

static const struct dir membership_dir = {.rows = membership_rows};

static const struct row membership = {
	"NET", &class_dir, 0, ASPECT_STATE, "a network the instance is in", .dir = &membership_dir};

const struct dir tree_memberships = {
	.rows = no_rows, .item = &membership, .find = find_membership, .each = each_membership};

void tree_show_first_network(struct obj *obj, const struct row *row, struct buf *out)
{
	struct network *network = membership_network(instance_of(obj), 0);

	if (network)
		buf_printf(out, "../../../../networks/%s", network_obj(network)->name);
}

/* --- the instances of a network ---------------------------------------------------------------------------- */

static bool find_node(struct obj *obj, uint64_t at, const char *name, uint64_t *item)
{
	uint32_t address;

	if (range_parse_address(&address, name, NULL) || !network_instance(network_of(obj), address))
		return false;
	*item = address;
	return true;
}

static bool each_node(struct obj *obj, uint64_t *cursor, uint64_t *item, struct buf *name)
{
	char text[RANGE_TEXT];

	*item = *cursor = network_next_address(network_of(obj), (uint32_t)*cursor);
	range_print_address((uint32_t)*item, text);
	if (*item)
		buf_adds(name, text);
	return *item;
}

static void show_node(struct obj *obj, uint64_t at, struct buf *out)
{
	struct instance *instance = network_instance(network_of(obj), (uint32_t)at);

	if (instance)
		buf_printf(out, "../../../backends/%s/instances/%s", instance_obj(instance)->parent->name,
			   instance_obj(instance)->name);
}

static const struct row node = {
	"IP", &class_link, ROW_FRESH, ASPECT_CHILDREN, "leads to the instance", .show_at = show_node};

static const struct dir nodes_dir = {.rows = no_rows, .item = &node, .find = find_node, .each = each_node};

/* --- a network --------------------------------------------------------------------------------------------- */

static bool is_force(const char *word)
{
	return strcmp(word, "force") == 0;
}

static void destroy(struct network *network, const char *force, struct order *order)
{
	struct err err = {0};

	if (force && !is_force(force))
		order_refusef(order, EINVAL, "\"%s\": the one word that may follow is force", force);
	else if (network_destroy(network, force, order, &err))
		order_refuse(order, &err);
}

static void verb_destroy(struct obj *obj, char **word, unsigned count, struct order *order)
{
	destroy(network_of(obj), count ? word[1] : NULL, order);
}

static void verb_refresh(struct obj *obj, char **word, unsigned count, struct order *order)
{
	network_refresh(network_of(obj), order);
}

static const struct verb network_verbs[] = {
	{"destroy", "[force]", 0, 1, verb_destroy,
	 "removes the network; with force also from the instances that are in it", "destroy"},
	{"refresh", "", 0, 0, verb_refresh, "asks yagna anew, and puts right what differs", "refresh"},
	{0},
};

static void show_forward(struct obj *obj, const struct row *row, struct buf *out)
{
	forward_render(obj, out);
}

static const struct row network_rows[] = {
	{"ctl", &class_ctl, 0, ASPECT_STATE, "removes or refreshes the network", .show = help_verbs,
	 .verbs = network_verbs},
	{"state", &class_value, 0, ASPECT_STATE, "starting, ready, stopping or error",
	 .show = tree_show_state},
	{"error", &class_value, 0, ASPECT_REFUSALS, "the last 16 refusals here", .show = tree_show_error},
	{"events", &class_log, 0, ASPECT_EVENTS, "what has happened here, one JSON object per line",
	 .log = tree_events},
	{"events_pipe", &class_pipe, ROW_UNLISTED, ASPECT_EVENTS,
	 "events from the first on, and then as they come", .log = tree_events},
	{"wait", &class_wait, ROW_UNLISTED, ASPECT_STATE,
	 "waits until nothing is under way, and gives the state", .show = tree_show_state},
	{"id", &class_value, 0, ASPECT_STATE, "yagna's id of it", .show = show_id},
	{"cidr", &class_value, 0, ASPECT_STATE, "its range of addresses", .show = show_cidr},
	{"owner", &class_value, 0, ASPECT_STATE, "golemfs, the backend it is private to, or another program",
	 .show = show_owner},
	{"client", &class_setting, 0, ASPECT_STATE,
	 "yes or no: whether this machine is in it; may be written at any time", .show = show_client,
	 .set = set_client},
	{"age", &class_value, ROW_FRESH, ASPECT_STATE,
	 "seconds since yagna was last asked what the network holds", .show = show_age},
	{"nodes", &class_dir, 0, ASPECT_CHILDREN, "the instances in it, by address", .dir = &nodes_dir},
	{"ws", &class_dir, 0, ASPECT_CHILDREN, "websocket URLs of all the instances: ws/80",
	 .dir = &network_ports},
	{"forward", &class_table, ROW_FRESH, ASPECT_STATE,
	 "ports of 127.0.0.1 that lead to instances in it, through their agents: a line\n"
	 "LOCALPORT:NAME-OR-IP:PORT (with /udp: datagrams; 0 picks a port) opens one, -LOCALPORT ends it;\n"
	 "port, target, connections, bytes in and out, carrier",
	 .show = show_forward, .take = forward_take},
	{0},
};

static const struct dir network_dir = {.rows = network_rows};

static const struct row tree_network = {
	"NETWORK", &class_dir, 0, ASPECT_STATE, "mkdir makes one, rmdir removes it", .dir = &network_dir};

/* --- all of them ------------------------------------------------------------------------------------------- */

/* `client=yes|no`, and the range: in either order. */
static int read_options(char **word, unsigned count, const char **cidr, bool *client, struct err *err)
{
	for (unsigned i = 0; i < count; i++) {
		if (strncmp(word[i], "client=", 7) == 0) {
			*client = strcmp(word[i] + 7, "yes") == 0;
			if (!*client && strcmp(word[i] + 7, "no") != 0)
				return err_set(err, EINVAL, "\"%s\": client is yes or no", word[i]);
		} else if (*cidr) {
			return err_set(err, EINVAL, "too many arguments: \"%s\"", word[i]);
		} else {
			*cidr = word[i];
		}
	}
	return 0;
}

static void verb_create(struct obj *obj, char **word, unsigned count, struct order *order)
{
	const char *cidr = NULL;
	bool client = false;
	struct err err = {0};

	if (read_options(word + 2, count - 1, &cidr, &client, &err) ||
	    !network_create(obj->golem, word[1], cidr, client, order, &err))
		order_refuse(order, &err);
}

static void verb_destroy_one(struct obj *obj, char **word, unsigned count, struct order *order)
{
	struct obj *child = obj_find(obj, word[1]);

	if (child)
		destroy(network_of(child), count > 1 ? word[2] : NULL, order);
	else
		order_refusef(order, ENOENT, "there is no network \"%s\"", word[1]);
}

static void verb_refresh_all(struct obj *obj, char **word, unsigned count, struct order *order)
{
	networks_refresh(obj->golem, order);
}

static const struct verb networks_verbs[] = {
	{"create", "NAME [RANGE] [client=yes|no]", 1, 3, verb_create,
	 "makes a network; without a range, on one that is free; this machine is in it with client=yes",
	 "create lan 10.0.0.0/24 client=yes"},
	{"destroy", "NAME [force]", 1, 2, verb_destroy_one,
	 "removes a network; with force also from the instances that are in it", "destroy lan"},
	{"refresh", "", 0, 0, verb_refresh_all,
	 "asks yagna anew about all of them, and puts right what differs", "refresh"},
	{0},
};

static int make_network(struct obj *parent, const char *name, struct err *err)
{
	return network_create(parent->golem, name, NULL, false, NULL, err) ? 0 : -1;
}

static int drop_network(struct obj *child, struct err *err)
{
	return network_destroy(network_of(child), false, NULL, err);
}

static const struct row networks_rows[] = {
	{"ctl", &class_ctl, 0, ASPECT_STATE, "makes, removes and refreshes networks", .show = help_verbs,
	 .verbs = networks_verbs},
	{"wait", &class_wait_all, ROW_UNLISTED, ASPECT_STATE,
	 "waits until no network has anything under way; a line `name state` each"},
	{"any", &class_wait_any, ROW_UNLISTED, ASPECT_STATE,
	 "waits until a network has failed; those that have"},
	{0},
};

const struct dir tree_networks = {
	.rows = networks_rows, .child = &tree_network, .make = make_network, .drop = drop_network};
