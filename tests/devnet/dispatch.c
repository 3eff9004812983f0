/* What every request passes on its way to its handler: cross-origin check, key, route, faults. In this order:
 * an unknown path without a key is 401 (reference/yagna-api.md 1.2). */
#include <string.h>

#include "tests/devnet/devnet.h"
#include "tests/devnet/exchange_impl.h"

static bool starts_with(const char *text, const char *prefix)
{
	return !strncmp(text, prefix, strlen(prefix));
}

/* Open without a key: the daemon's own paths, and those of the devnet and of its registry. */
static bool is_open(const char *path)
{
	static const char *const prefixes[] = {"/metrics-api", "/version/get", "/dashboard",
					       "/devnet/",     "/v1/image/",   "/img.gvmi"};
	for (size_t i = 0; i < sizeof(prefixes) / sizeof(*prefixes); i++)
		if (starts_with(path, prefixes[i]))
			return true;
	return false;
}

static bool is_preflight(struct exchange *exchange)
{
	return !strcmp(exchange_method(exchange), "OPTIONS") && exchange_header(exchange, "origin") &&
	       exchange_header(exchange, "access-control-request-method");
}

/* The scheme's case matters, and what is not a Bearer value counts as none. */
static const char *key_of(struct exchange *exchange)
{
	const char *value = exchange_header(exchange, "authorization");
	if (value && starts_with(value, "Bearer ") && value[7])
		return value + 7;
	return exchange_query(exchange, "authToken");
}

static bool check_key(struct exchange *exchange)
{
	const char *key = key_of(exchange);
	if (is_open(exchange->path) || (key && !strcmp(key, exchange->devnet->appkey)))
		return true;
	exchange->open = true;
	exchange_reply_text(exchange, 401, "%s application key", key ? "Invalid" : "Missing");
	return false;
}

static void call_handler(struct exchange *exchange, void *context)
{
	exchange->route->handle(exchange);
}

void exchange_dispatch(struct exchange *exchange)
{
	if (is_preflight(exchange)) {
		static const char refusal[] = "Origin is not allowed to make this request";
		exchange->open = true;
		exchange_send(exchange, 400, NULL, refusal, sizeof(refusal) - 1);
		return;
	}
	if (!check_key(exchange))
		return;
	exchange->route = route_find(exchange);
	if (!exchange->route)
		exchange_reply_empty(exchange, 404);
	else if (!spoil_request(exchange, call_handler))
		call_handler(exchange, NULL);
}
