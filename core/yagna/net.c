/* Private networks and their nodes (reference/yagna-api.md 6.1, 6.2). */
#include <string.h>
#include <strings.h>

#include "core/mem.h"
#include "core/yagna/call.h"

static void read_one(const cJSON *json, struct yagna_net *net, struct err *err)
{
	net->id = json_string(json, "id", err);
	net->ip = json_string(json, "ip", err);
	net->mask = json_string(json, "mask", err);
}

static void read_net(struct yagna_call *call, const struct yagna_failure *failure, const cJSON *json)
{
	struct yagna_failure own;
	struct yagna_net net = {0};
	struct err err = {0};

	if (!failure) {
		read_one(json, &net, &err);
		failure = yagna_checked(&own, call, &err);
	}
	call->reply.net(call->context, failure, failure ? NULL : &net);
}

static void read_nets(struct yagna_call *call, const struct yagna_failure *failure, const cJSON *json)
{
	MEM_AUTO struct yagna_net *rows = yagna_rows(json, struct yagna_net);
	struct yagna_failure own;
	struct err err = {0};
	unsigned count = 0;
	const cJSON *item;

	if (!failure && !cJSON_IsArray(json))
		err_set(&err, EIO, "it is not a list");
	cJSON_ArrayForEach (item, json)
		read_one(item, &rows[count++], &err);
	if (!failure)
		failure = yagna_checked(&own, call, &err);
	call->reply.nets(call->context, failure, failure ? NULL : rows, failure ? 0 : count);
}

static void read_nodes(struct yagna_call *call, const struct yagna_failure *failure, const cJSON *json)
{
	MEM_AUTO struct yagna_net_node *rows = yagna_rows(json, struct yagna_net_node);
	struct yagna_failure own;
	struct err err = {0};
	unsigned count = 0;
	const cJSON *item;

	if (!failure && !cJSON_IsArray(json))
		err_set(&err, EIO, "it is not a list");
	cJSON_ArrayForEach (item, json) {
		rows[count].node_id = json_string(item, "id", &err);
		rows[count++].ip = json_string(item, "ip", &err);
	}
	if (!failure)
		failure = yagna_checked(&own, call, &err);
	call->reply.net_nodes(call->context, failure, failure ? NULL : rows, failure ? 0 : count);
}

struct yagna_call *yagna_create_net(struct yagna *yagna, const char *ip, const char *mask,
				    yagna_net_done done, void *context)
{
	cJSON *json = cJSON_CreateObject();

	cJSON_AddStringToObject(json, "ip", ip);
	cJSON_AddStringToObject(json, "mask", mask);
	return yagna_ask(yagna, &(struct yagna_ask){
					.what = "create the network",
					.method = "POST",
					.path = yagna_path("/net-api/v1/net"),
					.body = yagna_body(json),
					.read = read_net,
					.reply.net = done,
					.context = context,
				});
}

struct yagna_call *yagna_list_nets(struct yagna *yagna, yagna_nets_done done, void *context)
{
	return yagna_ask(yagna, &(struct yagna_ask){
					.what = "list the networks",
					.path = yagna_path("/net-api/v1/net"),
					.read = read_nets,
					.reply.nets = done,
					.context = context,
				});
}

/* Whether `failure` says that there is no such network: 404, or 403 while the identity has others (6.1). */
bool yagna_net_is_unknown(const struct yagna_failure *failure)
{
	return failure->status == 404 || failure->status == 403;
}

struct yagna_call *yagna_delete_net(struct yagna *yagna, const char *net, yagna_done done, void *context)
{
	return yagna_ask(yagna, &(struct yagna_ask){
					.what = "remove the network",
					.method = "DELETE",
					.path = yagna_path("/net-api/v1/net/%s", net),
					.done_status = 404,
					.read = yagna_read_nothing,
					.reply.plain = done,
					.context = context,
				});
}

struct yagna_call *yagna_list_net_nodes(struct yagna *yagna, const char *net, yagna_net_nodes_done done,
					void *context)
{
	return yagna_ask(yagna, &(struct yagna_ask){
					.what = "list the network's nodes",
					.path = yagna_path("/net-api/v1/net/%s/nodes", net),
					.read = read_nodes,
					.reply.net_nodes = done,
					.context = context,
				});
}

struct yagna_call *yagna_add_net_node(struct yagna *yagna, const char *net, const char *node_id,
				      const char *ip, yagna_done done, void *context)
{
	cJSON *json = cJSON_CreateObject();

	cJSON_AddStringToObject(json, "id", node_id);
	cJSON_AddStringToObject(json, "ip", ip);
	return yagna_ask(yagna, &(struct yagna_ask){
					.what = "add a node to the network",
					.method = "POST",
					.path = yagna_path("/net-api/v1/net/%s/nodes", net),
					.body = yagna_body(json),
					.read = yagna_read_nothing,
					.reply.plain = done,
					.context = context,
				});
}

struct yagna_call *yagna_remove_net_node(struct yagna *yagna, const char *net, const char *node_id,
					 yagna_done done, void *context)
{
	return yagna_ask(yagna, &(struct yagna_ask){
					.what = "take a node out of the network",
					.method = "DELETE",
					.path = yagna_path("/net-api/v1/net/%s/nodes/%s", net, node_id),
					.done_status = 404,
					.read = yagna_read_nothing,
					.reply.plain = done,
					.context = context,
				});
}

/* A websocket's scheme in place of HTTP's; host, port and path of a proxy stay as they are. */
void yagna_net_url(const struct yagna *yagna, const char *net, const char *ip, unsigned port, struct buf *url)
{
	const char *base = yagna_url(yagna), *rest = strchr(base, ':');
	bool secure = strncasecmp(base, "https:", 6) == 0;

	buf_printf(url, "%s%s/net-api/v1/net/%s/tcp/%s/%u", secure ? "wss" : "ws", rest ? rest : "", net, ip,
		   port);
}
