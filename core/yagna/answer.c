/* The one place where yagna's answers become errors (reference/yagna-api.md 1.3, 5.10). */
#include <string.h>

#include "core/mem.h"
#include "core/yagna/call.h"

enum { RAW_MAX = 200 };

/* The first row that fits. `text` is looked for in the message; NULL fits any. */
static const struct {
	int status; /* 0: any */
	const char *text;
	int code;
} refusals[] = {
	{401, NULL, EKEYREJECTED},
	{400, "nsufficient", EDQUOT},
	{400, "Not enough funds", EDQUOT},
	{408, NULL, ETIMEDOUT},
	{504, NULL, ETIMEDOUT},
	{0, "Connection timed out", EHOSTUNREACH},
	{0, "Net: error", EHOSTUNREACH},
	{0, "GSB failure", EHOSTUNREACH},
	{502, NULL, EHOSTUNREACH},
	{503, NULL, EHOSTUNREACH},
};

static int code_of(int status, const char *message)
{
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		bool fits = !refusals[i].status || refusals[i].status == status;

		if (fits && (!refusals[i].text || strstr(message, refusals[i].text)))
			return refusals[i].code;
	}
	return EIO;
}

/* JSON's "message", or "detail" of a problem document; else the beginning of the raw text. */
static void find_message(const struct http_response *response, struct buf *out)
{
	struct err err = {0};
	JSON_AUTO cJSON *json = json_parse(response->body, response->len, EIO, NULL);
	static const char *const members[] = {"message", "detail", "internalError"};

	for (size_t i = 0; json && i < sizeof(members) / sizeof(members[0]) && !out->len; i++)
		buf_add_clean(out, json_string_or(json, members[i], "", &err));
	if (json)
		return;
	char raw[RAW_MAX + 1] = "";

	memcpy(raw, response->body, response->len < RAW_MAX ? response->len : RAW_MAX);
	buf_add_clean(out, raw);
}

void yagna_explain(struct yagna_failure *failure, const char *peer, const char *what,
		   const struct http_response *response)
{
	BUF_AUTO struct buf message = {0};

	*failure = (struct yagna_failure){.status = response->status};
	if (response->err.code) {
		failure->err = response->err;
		failure->unsure = response->sent;
		return;
	}
	find_message(response, &message);
	int code = code_of(response->status, buf_text(&message));

	if (response->status == 401)
		err_set(&failure->err, code, "%s refuses the app key: %s", peer, buf_text(&message));
	else
		err_set(&failure->err, code, "%s could not %s: %s%s(%d)", peer, what, buf_text(&message),
			message.len ? " " : "", response->status);
}

void yagna_unreadable(struct yagna_failure *failure, const char *peer, const char *what,
		      const struct err *err)
{
	*failure = (struct yagna_failure){.status = 200, .unsure = true};
	err_set(&failure->err, EIO, "asked to %s, yagna gave an answer that cannot be read: %s", what,
		err->text);
}

const struct yagna_failure *yagna_checked(struct yagna_failure *failure, const struct yagna_call *call,
					  const struct err *err)
{
	if (!err->code)
		return NULL;
	yagna_unreadable(failure, call->peer, call->what, err);
	return failure;
}
