#include "tests/devnet/route.h"

#include <string.h>

#include "core/mem.h"
#include "tests/devnet/exchange_impl.h"
#include "tests/devnet/parts.h"

static void clear_parts(struct exchange *exchange)
{
	for (unsigned i = 0; i < EXCHANGE_PARTS_MAX; i++) {
		free(exchange->parts[i]);
		exchange->parts[i] = NULL;
	}
}

/* Segment by segment; {} takes one that is not empty, {*} all that is left. */
static bool matches(struct exchange *exchange, const char *pattern)
{
	const char *path = exchange->path;
	unsigned n = 0;
	clear_parts(exchange);
	while (*pattern) {
		if (*pattern != '{') {
			if (*pattern++ != *path++)
				return false;
			continue;
		}
		bool rest = pattern[1] == '*';
		size_t len = rest ? strlen(path) : strcspn(path, "/");
		if (!len || n == EXCHANGE_PARTS_MAX)
			return false;
		char *part = mem_printf("%.*s", (int)len, path);
		http_decode(part, false, "");
		exchange->parts[n++] = part;
		path += len;
		pattern += rest ? 3 : 2;
	}
	return !*path;
}

static const struct route *find_in(struct exchange *exchange, const struct route *table)
{
	for (const struct route *route = table; route->method; route++)
		if ((*route->method == '*' || !strcmp(route->method, exchange->request.method)) &&
		    matches(exchange, route->pattern))
			return route;
	return NULL;
}

const struct route *route_find(struct exchange *exchange)
{
	const struct route *found = NULL;
	for (const struct route *const *table = parts_routes; *table && !found; table++)
		found = find_in(exchange, *table);
	if (!found)
		clear_parts(exchange);
	return found;
}
