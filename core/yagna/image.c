/* Images: from what a user writes to the task package of a demand (reference/yagna-api.md 3.3). */
#include <string.h>
#include <strings.h>

#include "core/mem.h"
#include "core/yagna/call.h"

enum { HASH_DIGITS = 56 /* SHA3-224 */ };

static bool is_hash(const char *text)
{
	return strlen(text) == HASH_DIGITS && strspn(text, "0123456789abcdefABCDEF") == HASH_DIGITS;
}

/* http or https, and nothing in it that could end the property it becomes a part of. */
static bool is_url(const char *text, size_t len)
{
	if (strncasecmp(text, "http://", 7) && strncasecmp(text, "https://", 8))
		return false;
	for (size_t i = 0; i < len; i++) {
		if ((unsigned char)text[i] <= ' ' || text[i] == 0x7f)
			return false;
	}
	return true;
}

static void read_image(struct yagna_call *call, const struct yagna_failure *failure, const cJSON *json)
{
	struct yagna_failure own;
	struct err err = {0};
	MEM_AUTO char *package = NULL;

	if (failure || cJSON_IsString(json)) {
		call->reply.text(call->context, failure, failure ? NULL : json->valuestring);
		return;
	}
	const char *hash = json_string(json, "sha3", &err);
	const char *url = json_string(json, "http", &err);

	if (!err.code && (!is_hash(hash) || !is_url(url, strlen(url))))
		err_set(&err, EIO, "the image's hash or address is malformed");
	failure = yagna_checked(&own, call, &err);
	package = mem_printf("hash:sha3:%s:%s", hash, url);
	call->reply.text(call->context, failure, failure ? NULL : package);
}

static struct yagna_call *look_up(struct yagna *yagna, struct yagna_ask *ask, const char *key,
				  const char *value)
{
	BUF_AUTO struct buf path = {0};

	buf_printf(&path, "/v1/image/info?count=true&%s=", key);
	http_escape(&path, value);
	ask->path = buf_take(&path);
	return yagna_ask(yagna, ask);
}

struct yagna_call *yagna_find_image(struct yagna *yagna, const char *registry, const char *image,
				    yagna_text_done done, void *context)
{
	struct yagna_ask ask = {
		.what = "find the image",
		.base = registry,
		.peer = "the image registry",
		.lasting = true,
		.read = read_image,
		.reply.text = done,
		.context = context,
	};
	const char *hash = strrchr(image, '#');
	struct err err = {0};

	if (!strncmp(image, "sha3:", 5) && is_hash(image + 5))
		return look_up(yagna, &ask, "hash", image + 5);
	if (hash && is_hash(hash + 1) && is_url(image, (size_t)(hash - image)))
		return yagna_answer(yagna, &ask,
				    mem_printf("hash:sha3:%s:%.*s", hash + 1, (int)(hash - image), image),
				    NULL);
	if (!hash && *image && !strstr(image, "://") && strncmp(image, "sha3:", 5)) {
		MEM_AUTO char *tag = mem_printf("%s%s", image, strchr(image, ':') ? "" : ":latest");

		return look_up(yagna, &ask, "tag", tag);
	}
	err_set(&err, EINVAL, "not an image (a tag, sha3:HASH or URL#HASH): '%.100s'", image);
	return yagna_answer(yagna, &ask, NULL, &err);
}
