/* The JSON body of a request, and its refusals in the words of the API it belongs to. */
#include <strings.h>

#include "core/mem.h"
#include "tests/devnet/exchange_impl.h"
#include "tests/devnet/serde.h"

const char *exchange_body(struct exchange *exchange, size_t *len)
{
	*len = exchange->request.body.len;
	return buf_text(&exchange->request.body);
}

/* The market API has error handlers of its own. */
static void refuse(struct exchange *exchange, int status, const char *text)
{
	if (exchange_is_market(exchange))
		exchange_reply_message(exchange, 400, "%s", text);
	else
		exchange_reply_text(exchange, status, "%s", text);
}

/* application/json or application/…+json, parameters or not. */
static bool is_json_type(const char *type)
{
	if (!type || strncasecmp(type, "application/", 12))
		return false;
	const char *sub = type + 12;
	size_t len = strcspn(sub, "; \t");
	return (len == 4 && !strncasecmp(sub, "json", 4)) ||
	       (len > 5 && !strncasecmp(sub + len - 5, "+json", 5));
}

static bool check_frame(struct exchange *exchange)
{
	struct http_request *request = &exchange->request;
	if (!is_json_type(http_header(request, "content-type"))) {
		refuse(exchange, 400, "Content type error");
		return false;
	}
	if (request->body_size <= HTTP_BODY_KEEP)
		return true;
	char text[160];
	if (request->sized)
		snprintf(text, sizeof(text),
			 "JSON payload (%zu bytes) is larger than allowed (limit: %d bytes).",
			 request->body_size, HTTP_BODY_KEEP);
	else
		snprintf(text, sizeof(text), "JSON payload has exceeded limit (%d bytes).", HTTP_BODY_KEEP);
	refuse(exchange, 413, text);
	return false;
}

const cJSON *exchange_json(struct exchange *exchange)
{
	return exchange_json_as(exchange, &serde_any);
}

const cJSON *exchange_json_as(struct exchange *exchange, const struct serde_type *type)
{
	if (!exchange->json && !check_frame(exchange))
		return NULL;
	const struct buf *body = &exchange->request.body;
	struct buf why BUF_AUTO = {0};
	if (!serde_check(type, buf_text(body), body->len, &why)) {
		MEM_AUTO char *text = mem_printf("Json deserialize error: %s", buf_text(&why));
		refuse(exchange, 400, text);
		return NULL;
	}
	if (!exchange->json)
		exchange->json = cJSON_ParseWithLength(buf_text(body), body->len);
	if (!exchange->json)
		refuse(exchange, 400, "Json deserialize error: expected value at line 1 column 1");
	return exchange->json;
}
