/*
 * The GSB API: services that a client binds on the service bus, and the websocket through which it answers for them.
 * Facts: reference/yagna-api.md 7.2. Bindings belong to no identity, outlive their websocket, end with the daemon.
 */
#include <stdio.h>
#include <uthash.h>

#include "core/buf.h"
#include "core/mem.h"
#include "tests/devnet/base64url.h"
#include "tests/devnet/devnet.h"
#include "tests/devnet/exchange.h"
#include "tests/devnet/route.h"
#include "tests/devnet/serde.h"
#include "tests/devnet/websocket.h"

static const char subprotocol[] = "gsb+flexbuffers";

struct service {
	struct gsb *gsb;
	char *on;
	cJSON *components;
	struct attachment *attachment; /* the websocket that answers for it, or NULL */
	UT_hash_handle hh;
};

/* What a websocket knows: the service it answers for, until that is unbound or another websocket takes over. */
struct attachment {
	struct websocket *websocket;
	struct service *service; /* NULL: none any more */
};

struct gsb {
	struct service *services; /* by on */
};

static void attachment_drop(struct attachment *attachment)
{
	if (attachment->service)
		attachment->service->attachment = NULL;
	attachment->service = NULL;
}

static void service_free(struct gsb *gsb, struct service *service)
{
	HASH_DEL(gsb->services, service);
	if (service->attachment)
		attachment_drop(service->attachment);
	cJSON_Delete(service->components);
	free(service->on);
	free(service);
}

/* ---- bind and unbind ---------------------------------------------------------------------------------------- */

static const struct serde_field listen_fields[] = {
	{"on", &serde_string, 0}, {"components", &serde_strings, 0}, {NULL, NULL, 0}};
static const struct serde_type listen_body = {SERDE_STRUCT, "struct ServicesListenBody",
					      .fields = listen_fields};
static const struct serde_field services_fields[] = {{"listen", &listen_body, 0}, {NULL, NULL, 0}};
static const struct serde_type services_body = {SERDE_STRUCT, "struct ServicesBody",
						.fields = services_fields};

static const cJSON *member(const cJSON *json, const char *name, int index)
{
	return cJSON_IsArray(json) ? cJSON_GetArrayItem(json, index)
				   : cJSON_GetObjectItemCaseSensitive(json, name);
}

static void reply_bound(struct exchange *exchange, const struct service *service)
{
	struct buf BUF_AUTO id = {0}, BUF_AUTO location = {0};
	base64url_encode(&id, service->on, strlen(service->on));
	buf_printf(&location, "/%s", buf_text(&id));
	cJSON *json = cJSON_CreateObject(), *listen = cJSON_AddObjectToObject(json, "listen");
	cJSON_AddStringToObject(listen, "on", service->on);
	cJSON_AddItemToObject(listen, "components", cJSON_Duplicate(service->components, true));
	cJSON_AddStringToObject(json, "servicesId", buf_text(&id));
	exchange_set_header(exchange, "location", buf_text(&location));
	exchange_reply_json(exchange, 201, json);
}

static void bind_service(struct exchange *exchange)
{
	struct gsb *gsb = exchange_devnet(exchange)->gsb;
	struct service *service;
	const cJSON *body = exchange_json_as(exchange, &services_body);
	if (!body)
		return;
	const cJSON *listen = member(body, "listen", 0);
	const char *on = cJSON_GetStringValue(member(listen, "on", 0));
	HASH_FIND_STR(gsb->services, on, service);
	if (on[0] == '\0') {
		exchange_reply_message(exchange, 400,
				       "Invalid service address prefix: Cannot bind service. Empty prefix.");
		return;
	}
	if (service) {
		exchange_reply_message(exchange, 400, "Duplicated service address prefix: %s", on);
		return;
	}
	service = mem_alloc(sizeof *service);
	service->gsb = gsb;
	service->on = mem_strdup(on);
	service->components = cJSON_Duplicate(member(listen, "components", 1), true);
	HASH_ADD_KEYPTR(hh, gsb->services, service->on, strlen(service->on), service);
	reply_bound(exchange, service);
}

/* Bytes of the UTF-8 character at `text`, 0 when there is none. */
static size_t utf8_length(const unsigned char *text, size_t len)
{
	size_t want = text[0] < 0x80   ? 1
		      : text[0] < 0xc2 ? 0
		      : text[0] < 0xe0 ? 2
		      : text[0] < 0xf0 ? 3
		      : text[0] < 0xf5 ? 4
				       : 0;
	if (want > len)
		return 0;
	for (size_t i = 1; i < want; i++)
		if ((text[i] & 0xc0) != 0x80)
			return 0;
	return want;
}

/* Inside a JSON string: what is no UTF-8 becomes a replacement character. */
static void quote(struct buf *out, const struct buf *text)
{
	const unsigned char *at = (const unsigned char *)buf_text(text), *end = at + text->len;
	while (at < end) {
		size_t len = utf8_length(at, (size_t)(end - at));
		if (len == 0)
			buf_adds(out, "\xef\xbf\xbd");
		else if (*at == '"' || *at == '\\')
			buf_printf(out, "\\%c", *at);
		else if (*at < 0x20)
			buf_printf(out, "\\u%04x", *at);
		else
			buf_add(out, at, len);
		at += len ? len : 1;
	}
}

/* The id may decode to any bytes, and the words about it quote them. */
static void reply_not_found(struct exchange *exchange, const char *prefix, const struct buf *on)
{
	struct buf BUF_AUTO json = {0};
	buf_printf(&json, "{\"message\":\"Service prefix not found: %s", prefix);
	quote(&json, on);
	buf_adds(&json, "\"}");
	exchange_reply_json_text(exchange, 404, buf_text(&json));
}

/* The service of the path, or NULL when the exchange has been answered. */
static struct service *find_service(struct exchange *exchange, const char *not_found)
{
	struct gsb *gsb = exchange_devnet(exchange)->gsb;
	struct buf BUF_AUTO on = {0}, BUF_AUTO why = {0};
	struct service *service;
	if (!base64url_decode(&on, exchange_part(exchange, 0), &why)) {
		exchange_reply_message(
			exchange, 400,
			"Service address should be encoded in base64. Unable to decode. Err: %s",
			buf_text(&why));
		return NULL;
	}
	HASH_FIND(hh, gsb->services, buf_text(&on), on.len, service);
	if (!service)
		reply_not_found(exchange, not_found, &on);
	return service;
}

static void unbind_service(struct exchange *exchange)
{
	struct service *service = find_service(exchange, "Cannot find service: ");
	if (!service)
		return;
	if (service->attachment) {
		struct buf BUF_AUTO reason = {0};
		buf_printf(&reason, "Unbinding service: %s", service->on);
		websocket_close(service->attachment->websocket, 1000, buf_text(&reason));
	}
	service_free(service->gsb, service);
	exchange_reply_json_text(exchange, 200, "null");
}

/* ---- the websocket ------------------------------------------------------------------------------------------ */

static void on_message(struct websocket *websocket, void *context, bool text, const void *data, size_t len)
{
	/* Nothing on this bus asks services yet, so an answer has an unknown id, and those are ignored. */
	if (text)
		websocket_close(websocket, 1003, "Text msg unsupported.");
}

/* The client's Close is not answered, nor is the connection closed; the service is free for the next one. */
static void on_close(struct websocket *websocket, void *context, unsigned code, const char *reason)
{
	attachment_drop(context);
}

static void on_gone(struct websocket *websocket, void *context)
{
	attachment_drop(context);
	free(context);
}

static const struct websocket_manner manner = {
	.fragment_code = 1003,
	.fragment_reason = "Continuation msg unsupported.",
	.oversize_code = 1011,
	.oversize_reason = "",
	.message = on_message,
	.close = on_close,
	.gone = on_gone,
};

/* Ours is picked out of a list, letter by letter; nothing else is echoed, and nothing is refused for it. */
static bool offers_subprotocol(struct exchange *exchange)
{
	static const char blank[] = ", \t";
	const char *list = exchange_header(exchange, "sec-websocket-protocol");
	while (list && *list) {
		list += strspn(list, blank);
		size_t len = strcspn(list, blank);
		if (len == strlen(subprotocol) && strncmp(list, subprotocol, len) == 0)
			return true;
		list += len;
	}
	return false;
}

static void attach(struct exchange *exchange)
{
	struct service *service = find_service(exchange, "");
	if (!service)
		return;
	if (!exchange_wants_websocket(exchange)) {
		exchange_reply_message(exchange, 500, "Actix error: WebSocket upgrade is expected");
		return;
	}
	struct attachment *old = service->attachment, *attachment = mem_alloc(sizeof *attachment);
	if (old) {
		websocket_close(old->websocket, 1008,
				"Closing old WS connection in favour of new WS connection");
		attachment_drop(old);
	}
	attachment->service = service;
	attachment->websocket = exchange_upgrade(exchange, offers_subprotocol(exchange) ? subprotocol : NULL);
	service->attachment = attachment;
	websocket_begin(attachment->websocket, &manner, attachment);
}

/* ---- life --------------------------------------------------------------------------------------------------- */

struct gsb *gsb_new(struct devnet *devnet)
{
	return mem_alloc(sizeof(struct gsb));
}

static void forget_all(struct gsb *gsb)
{
	struct service *service, *next;
	HASH_ITER (hh, gsb->services, service, next) {
		if (service->attachment)
			websocket_end(service->attachment->websocket);
		service_free(gsb, service);
	}
}

void gsb_forget(struct devnet *devnet)
{
	forget_all(devnet->gsb);
}

void gsb_free(struct gsb *gsb)
{
	if (!gsb)
		return;
	forget_all(gsb);
	free(gsb);
}

const struct route gsb_routes[] = {
	{"POST", "/gsb-api/v1/services", bind_service},
	{"GET", "/gsb-api/v1/services/{}", attach},
	{"DELETE", "/gsb-api/v1/services/{}", unbind_service},
	{NULL, NULL, NULL},
};
