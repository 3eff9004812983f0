/* Scans: looking at offers without wanting them (reference/yagna-api.md 2.9). */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/mem.h"
#include "tests/devnet/market.h"
#include "tests/devnet/route.h"
#include "tests/devnet/serde.h"

enum {
	SCAN_LIFE_S = 300,
	SCAN_SWEEP_S = 60,
	SCAN_EVENTS_DEFAULT = 500,
	SCAN_LIFE_MAX_S = 1000000,
	SCAN_TRACE_FRAMES = 24
};

struct scan {
	UT_hash_handle hh;
	struct devnet *devnet;
	char id[24];
	bool offers;
	struct constraint *filter; /* NULL: everything */
	unsigned seen;             /* offers up to this number */
	unsigned long life_s;      /* without being used */
	struct loop_timer *end;
	struct poll *polls;
	struct poll *streams;
};

static cJSON *offer_json(const struct offer *offer)
{
	cJSON *json = cJSON_CreateObject();

	cJSON_AddItemToObject(json, "properties", cJSON_Duplicate(offer->provider->offer_properties, true));
	cJSON_AddStringToObject(json, "constraints", offer->provider->offer_constraints);
	cJSON_AddStringToObject(json, "offerId", offer->id);
	cJSON_AddStringToObject(json, "providerId", offer->provider->node_id);
	cJSON_AddItemToObject(json, "timestamp", market_time(&offer->created, 9));
	return json;
}

static void scan_free(struct scan *scan)
{
	HASH_DEL(scan->devnet->market->scans, scan);
	while (scan->polls)
		exchange_reply_message(poll_take(scan->polls), 410, "Iterator is removed");
	while (scan->streams)
		exchange_stream_abort(poll_take(scan->streams));
	loop_cancel(&scan->end);
	constraint_free(scan->filter);
	free(scan);
}

static void scan_unused(void *context)
{
	struct scan *scan = context;

	scan->end = NULL;
	scan_free(scan);
}

/* Every use prolongs the life; who waits or streams keeps it. What is over is swept once a minute only. */
static void scan_touch(struct scan *scan)
{
	unsigned long life_s = scan->life_s < SCAN_LIFE_MAX_S ? scan->life_s : SCAN_LIFE_MAX_S;

	loop_cancel(&scan->end);
	if (!scan->polls && !scan->streams)
		scan->end = loop_after(scan->devnet->loop, (life_s + SCAN_SWEEP_S) * 1000, scan_unused, scan);
}

/* The next offers that fit, at most `max`; NULL when there are none. What does not fit is passed over for good. */
static cJSON *collect(struct scan *scan, unsigned long max)
{
	struct offer *offer;
	cJSON *list = NULL;

	LL_FOREACH (scan->devnet->market->offers, offer) {
		if (!scan->offers || offer->number <= scan->seen || !max)
			continue;
		scan->seen = offer->number;
		if (scan->filter && constraint_evaluate(scan->filter, offer->provider->offer_properties,
							NULL) != CONSTRAINT_TRUE)
			continue;
		if (!list)
			list = cJSON_CreateArray();
		cJSON_AddItemToArray(list, offer_json(offer));
		max--;
	}
	return list;
}

static void send_offers(struct exchange *exchange, const cJSON *list)
{
	const cJSON *offer;

	cJSON_ArrayForEach (offer, list) {
		char *json = cJSON_PrintUnformatted(offer);
		char *event MEM_AUTO = mem_printf("event: offer\ndata: %s\n\n", json);

		cJSON_free(json);
		exchange_stream_chunk(exchange, event, strlen(event));
	}
}

void scan_show_offers(struct devnet *devnet)
{
	struct scan *scan, *next;
	struct poll *stream;

	HASH_ITER (hh, devnet->market->scans, scan, next) {
		cJSON *list = scan->polls || scan->streams ? collect(scan, SCAN_EVENTS_DEFAULT) : NULL;

		if (!list)
			continue;
		DL_FOREACH (scan->streams, stream)
			send_offers(stream->exchange, list);
		if (scan->polls)
			exchange_reply_json(poll_take(scan->polls), 200, cJSON_Duplicate(list, true));
		cJSON_Delete(list);
		scan_touch(scan);
	}
}

/* ---- begin ---- */

static const char *const scan_variants[] = {"offer", "demand", NULL};
static const struct serde_type scan_kind = {SERDE_VARIANT, "`offer` or `demand`", .variants = scan_variants};
static const struct serde_field scan_fields[] = {{"timeout", &serde_u64, SERDE_OPTIONAL},
						 {"type", &scan_kind, 0},
						 {"constraints", &serde_string, SERDE_OPTIONAL},
						 {NULL, NULL, 0}};
static const struct serde_type scan_type = {SERDE_STRUCT, "struct NewScan", .fields = scan_fields};

static void begin_scan(struct exchange *exchange)
{
	struct devnet *devnet = exchange_devnet(exchange);
	const cJSON *body = exchange_json_as(exchange, &scan_type);
	struct buf why BUF_AUTO = {0};
	struct constraint *filter = NULL;

	if (!body)
		return;

	unsigned long number = devnet->market->scan_count++; /* a refused one uses it up too */
	const char *constraints = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(body, "constraints"));
	const cJSON *life = cJSON_GetObjectItemCaseSensitive(body, "timeout");
	const char *type = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(body, "type"));

	if (constraints)
		filter = constraint_parse(constraints, NULL, &why);
	if (constraints && !filter) {
		exchange_reply_message(exchange, 400, "Invalid constraint. %s", buf_text(&why));
		return;
	}

	struct scan *scan = mem_alloc(sizeof(*scan));

	scan->devnet = devnet;
	snprintf(scan->id, sizeof(scan->id), "%lu", number);
	scan->offers = !strcmp(type, "offer");
	scan->filter = filter;
	scan->life_s = cJSON_IsNumber(life)
			       ? (unsigned long)(life->valuedouble < SCAN_LIFE_MAX_S ? life->valuedouble
										     : SCAN_LIFE_MAX_S)
			       : SCAN_LIFE_S;
	HASH_ADD_STR(devnet->market->scans, id, scan);
	market_look_for_offers(devnet);
	scan_touch(scan);
	exchange_reply_json(exchange, 201, cJSON_CreateString(scan->id));
}

/* ---- events ---- */

static struct scan *path_scan(struct exchange *exchange)
{
	const char *id = exchange_part(exchange, 0);
	struct scan *scan;

	HASH_FIND_STR(exchange_devnet(exchange)->market->scans, id, scan);
	if (!scan)
		exchange_reply_message(exchange, 404, "Iterator with id \"%s\" not found", id);
	return scan;
}

static void scan_gone(struct exchange *exchange, void *context)
{
	struct poll *poll = context;
	struct scan *scan = poll->scan;

	poll_take(poll);
	scan_touch(scan);
}

static void scan_timeout(struct exchange *exchange, void *context)
{
	scan_gone(exchange, context);
	exchange_reply_json(exchange, 200, cJSON_CreateArray());
}

static struct poll *scan_wait(struct scan *scan, struct poll **list, struct exchange *exchange,
			      double seconds)
{
	struct poll *poll = poll_wait(list, exchange, seconds, scan_timeout);

	poll->scan = scan;
	exchange_wait(exchange, seconds, scan_timeout, scan_gone, poll);
	scan_touch(scan);
	return poll;
}

static struct provider *find_peer(struct devnet *devnet, const char *id)
{
	struct provider *provider;

	LL_FOREACH (devnet->providers, provider)
		if (!strcasecmp(provider->node_id, id))
			return provider;
	return NULL;
}

/* The relay's word about a node that nobody knows, as a service-bus error carries it, with the trace of a daemon
 * that has no symbols. */
static void reply_unknown_peer(struct exchange *exchange)
{
	struct buf text BUF_AUTO = {0};

	buf_adds(&text,
		 "GSB failure: Net: error forwarding message: Fail to open reliable channel\n\nCaused by:\n"
		 "    Failed to find Node on relay server: Request failed: Request failed with code 404\n\n"
		 "Stack backtrace:\n");
	for (unsigned i = 0; i < SCAN_TRACE_FRAMES; i++)
		buf_printf(&text, "  %2u: <unknown>\n", i);
	buf_adds(&text,
		 "  24: start_thread\n             at ./nptl/pthread_create.c:442:8\n"
		 "  25: clone3\n             at ./misc/../sysdeps/unix/sysv/linux/x86_64/clone3.S:81:0");
	exchange_reply_message(exchange, 500, "%s", buf_text(&text));
}

static void reply_peer_offers(struct exchange *exchange, struct scan *scan, const char *peer)
{
	struct provider *provider = find_peer(scan->devnet, peer);
	struct offer *offer;
	cJSON *list;

	if (!provider) {
		reply_unknown_peer(exchange);
		return;
	}
	if (!market_reaches(scan->devnet, provider)) {
		exchange_reply_message(exchange, 504, "Timeout while attempting to fetch data from a peer");
		return;
	}
	list = cJSON_CreateArray();
	LL_FOREACH (scan->devnet->market->offers, offer)
		if (offer->provider == provider &&
		    (!scan->filter ||
		     constraint_evaluate(scan->filter, provider->offer_properties, NULL) == CONSTRAINT_TRUE))
			cJSON_AddItemToArray(list, offer_json(offer));
	exchange_reply_json(exchange, 200, list);
}

static bool is_node_id(const char *text)
{
	return strlen(text) == 42 && !strncmp(text, "0x", 2) &&
	       strspn(text + 2, "0123456789abcdefABCDEF") == 40;
}

static void scan_stream(struct exchange *exchange, struct scan *scan)
{
	struct poll *poll = scan_wait(scan, &scan->streams, exchange, 0);
	cJSON *list = collect(scan, (unsigned long)-1);

	exchange_set_header(exchange, "cache-control", "no-cache");
	exchange_stream_begin(exchange, "text/event-stream", scan_gone, poll);
	send_offers(exchange, list);
	cJSON_Delete(list);
}

static void get_scan_events(struct exchange *exchange)
{
	double timeout = MARKET_TIMEOUT_DEFAULT;
	unsigned long max = SCAN_EVENTS_DEFAULT;
	const char *peer = NULL, *accept = exchange_header(exchange, "accept");
	struct scan *scan;
	cJSON *list;

	if (!exchange_query_float(exchange, "timeout", &timeout) ||
	    !exchange_query_uint(exchange, "maxEvents", &max) ||
	    !exchange_query_text(exchange, "peerId", &peer))
		return;
	if (peer && !is_node_id(peer)) {
		exchange_refuse_query(exchange, "invalid format");
		return;
	}
	scan = path_scan(exchange);
	if (!scan)
		return;
	market_look_for_offers(scan->devnet);
	if (peer) {
		reply_peer_offers(exchange, scan, peer);
	} else if (accept && !strncmp(accept, "text/event-stream", 17)) {
		scan_stream(exchange, scan);
	} else if ((list = max ? collect(scan, max) : cJSON_CreateArray())) {
		exchange_reply_json(exchange, 200, list);
		scan_touch(scan);
	} else {
		scan_wait(scan, &scan->polls, exchange, timeout);
	}
}

static void end_scan(struct exchange *exchange)
{
	struct scan *scan = path_scan(exchange);

	if (!scan)
		return;
	scan_free(scan);
	exchange_reply_empty(exchange, 204);
}

const struct route scan_routes[] = {
	{"POST", "/market-api/v1/scan", begin_scan},
	{"GET", "/market-api/v1/scan/{}/events", get_scan_events},
	{"DELETE", "/market-api/v1/scan/{}", end_scan},
	{NULL, NULL, NULL},
};

void scan_forget(struct devnet *devnet)
{
	struct scan *scan, *next;

	HASH_ITER (hh, devnet->market->scans, scan, next)
		scan_free(scan);
}
