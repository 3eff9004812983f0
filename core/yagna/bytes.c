/* Output captured as `bin` comes as lists of numbers; they are taken out before cJSON sees them. */
#include <ctype.h>
#include <string.h>

#include "core/yagna/call.h"

struct packer {
	const char *at, *end;
	struct buf *packed, *bytes;
};

static void skip_blanks(const char **at, const char *end)
{
	while (*at < end && strchr(" \t\r\n", **at) && **at)
		++*at;
}

/* The end of the string that begins at `at`, or `end`. */
static const char *string_end(const char *at, const char *end)
{
	for (at++; at < end && *at != '"'; at++)
		if (*at == '\\' && at + 1 < end)
			at++;
	return at < end ? at + 1 : end;
}

static bool take_number(const char **at, const char *end, struct buf *bytes)
{
	unsigned value = 0, digits = 0;

	for (; *at < end && isdigit((unsigned char)**at) && digits < 4; ++*at, digits++)
		value = value * 10 + (unsigned)(**at - '0');
	if (!digits || value > 255)
		return false;
	buf_addc(bytes, (char)value);
	return true;
}

/* `at` is behind the '['; false when it is not a list of bytes, with nothing added. */
static bool take_list(const char **at, const char *end, struct buf *bytes)
{
	size_t before = bytes->len;

	skip_blanks(at, end);
	if (*at < end && **at == ']') {
		++*at;
		return true;
	}
	while (*at < end && take_number(at, end, bytes)) {
		skip_blanks(at, end);
		char c = *at < end ? *(*at)++ : '\0';

		if (c == ']')
			return true;
		if (c != ',')
			break;
		skip_blanks(at, end);
	}
	bytes->len = before;
	return false;
}

static bool is_output(const char *string, const char *end)
{
	return end - string == 8 && (!memcmp(string, "\"stdout\"", 8) || !memcmp(string, "\"stderr\"", 8));
}

/* Behind a member name: packs its value if that is a list of bytes. */
static void pack_value(struct packer *packer)
{
	const char *at = packer->at;
	size_t first = packer->bytes->len;

	skip_blanks(&at, packer->end);
	if (at == packer->end || *at != ':')
		return;
	at++;
	skip_blanks(&at, packer->end);
	if (at == packer->end || *at != '[')
		return;
	at++;
	if (!take_list(&at, packer->end, packer->bytes))
		return;
	buf_printf(packer->packed, ":{\"at\":%zu,\"len\":%zu}", first, packer->bytes->len - first);
	packer->at = at;
}

void yagna_pack_bytes(const char *json, size_t len, struct buf *packed, struct buf *bytes)
{
	struct packer packer = {.at = json, .end = json + len, .packed = packed, .bytes = bytes};

	while (packer.at < packer.end) {
		const char *quote = memchr(packer.at, '"', (size_t)(packer.end - packer.at));
		const char *string = quote ? quote : packer.end;
		const char *after = quote ? string_end(quote, packer.end) : packer.end;

		buf_add(packed, packer.at, (size_t)(after - packer.at));
		packer.at = after;
		if (is_output(string, after))
			pack_value(&packer);
	}
}

struct yagna_bytes yagna_bytes_of(const cJSON *object, const char *key, const struct buf *bytes,
				  struct err *err)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);

	if (cJSON_IsString(item))
		return (struct yagna_bytes){item->valuestring, strlen(item->valuestring)};
	if (!item || cJSON_IsNull(item))
		return (struct yagna_bytes){"", 0};
	size_t at = (size_t)json_integer(item, "at", 0, (int64_t)bytes->len, err);
	size_t len = (size_t)json_integer(item, "len", 0, (int64_t)bytes->len, err);

	if (!err->code && len > bytes->len - at)
		err_set(err, EIO, "\"%s\" in the answer is not output", key);
	if (err->code || !len)
		return (struct yagna_bytes){"", 0};
	return (struct yagna_bytes){bytes->data + at, len};
}
