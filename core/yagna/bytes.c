/* Output captured as `bin` comes as lists of numbers; they are taken out, as they arrive, before cJSON sees them. */
#include <ctype.h>
#include <string.h>

#include "core/yagna/call.h"

enum { OUTPUT_MAX = 256 << 20 };

/* Where the reader is. Each state takes one character; blanks between tokens change nothing. */
enum { IN_JSON, IN_STRING, IN_ESCAPE, BEHIND_NAME, BEHIND_COLON, BEFORE_NUMBER, IN_NUMBER, BEHIND_NUMBER };

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static void take_json(struct yagna_packer *packer, char c)
{
	buf_addc(&packer->packed, c);
	if (c != '"')
		return;
	packer->state = IN_STRING;
	packer->name_len = 0;
}

static bool is_output(const struct yagna_packer *packer)
{
	return packer->name_len == 6 &&
	       (!memcmp(packer->name, "stdout", 6) || !memcmp(packer->name, "stderr", 6));
}

static void take_string(struct yagna_packer *packer, char c)
{
	buf_addc(&packer->packed, c);
	if (c == '"') {
		packer->state = is_output(packer) ? BEHIND_NAME : IN_JSON;
		return;
	}
	if (packer->name_len < sizeof(packer->name))
		packer->name[packer->name_len++] = c;
	if (c == '\\')
		packer->state = IN_ESCAPE;
}

static void take_escape(struct yagna_packer *packer, char c)
{
	buf_addc(&packer->packed, c);
	packer->state = IN_STRING;
}

static void take_behind_name(struct yagna_packer *packer, char c)
{
	if (c == ':') {
		buf_addc(&packer->packed, c);
		packer->state = BEHIND_COLON;
	} else if (!is_blank(c)) {
		take_json(packer, c);
		if (packer->state == BEHIND_NAME)
			packer->state = IN_JSON;
	}
}

static void take_behind_colon(struct yagna_packer *packer, char c)
{
	if (c == '[') {
		packer->state = BEFORE_NUMBER;
		packer->first = packer->bytes.len;
		packer->number_len = 0;
	} else if (!is_blank(c)) {
		packer->state = IN_JSON;
		take_json(packer, c);
	}
}

static void end_list(struct yagna_packer *packer)
{
	buf_printf(&packer->packed, "{\"at\":%zu,\"len\":%zu}", packer->first,
		   packer->bytes.len - packer->first);
	packer->state = IN_JSON;
}

/* Something else than bytes is in it: what was taken out goes back, and the reading of it is left to others. */
static void give_back(struct yagna_packer *packer, char c)
{
	buf_addc(&packer->packed, '[');
	for (size_t i = packer->first; i < packer->bytes.len; i++)
		buf_printf(&packer->packed, "%s%u", i > packer->first ? "," : "",
			   (unsigned)(unsigned char)packer->bytes.data[i]);
	if (packer->bytes.len > packer->first)
		buf_addc(&packer->packed, packer->state == BEHIND_NUMBER ? ' ' : ',');
	buf_add(&packer->packed, packer->number, packer->number_len);
	packer->bytes.len = packer->first;
	packer->state = IN_JSON;
	take_json(packer, c);
}

static void take_before_number(struct yagna_packer *packer, char c)
{
	if (isdigit((unsigned char)c)) {
		packer->number[0] = c;
		packer->number_len = 1;
		packer->state = IN_NUMBER;
	} else if (c == ']' && packer->bytes.len == packer->first) {
		end_list(packer);
	} else if (!is_blank(c)) {
		give_back(packer, c);
	}
}

static void take_behind_number(struct yagna_packer *packer, char c)
{
	if (c == ',')
		packer->state = BEFORE_NUMBER;
	else if (c == ']')
		end_list(packer);
	else if (!is_blank(c))
		give_back(packer, c);
}

static void take_number(struct yagna_packer *packer, char c)
{
	unsigned value = 0;

	if (isdigit((unsigned char)c) && packer->number_len < 3) {
		packer->number[packer->number_len++] = c;
		return;
	}
	for (unsigned i = 0; i < packer->number_len; i++)
		value = value * 10 + (unsigned)(packer->number[i] - '0');
	if (value > 255 || !(is_blank(c) || c == ',' || c == ']')) {
		give_back(packer, c);
		return;
	}
	buf_addc(&packer->bytes, (char)value);
	packer->number_len = 0;
	packer->state = BEHIND_NUMBER;
	take_behind_number(packer, c);
}

int yagna_pack(struct yagna_packer *packer, const char *json, size_t len, struct err *err)
{
	static void (*const take[])(struct yagna_packer * packer, char c) = {
		[IN_JSON] = take_json,
		[IN_STRING] = take_string,
		[IN_ESCAPE] = take_escape,
		[BEHIND_NAME] = take_behind_name,
		[BEHIND_COLON] = take_behind_colon,
		[BEFORE_NUMBER] = take_before_number,
		[IN_NUMBER] = take_number,
		[BEHIND_NUMBER] = take_behind_number,
	};

	for (size_t i = 0; i < len; i++)
		take[packer->state](packer, json[i]);
	if (packer->bytes.len > OUTPUT_MAX || packer->packed.len > JSON_MAX_BYTES)
		return err_set(err, EIO, "more than %d MiB of output",
			       (packer->bytes.len > OUTPUT_MAX ? OUTPUT_MAX : JSON_MAX_BYTES) >> 20);
	return 0;
}

cJSON *yagna_packed(struct yagna_packer *packer, struct err *err)
{
	/* Broken off inside a list: not JSON, whatever was packed so far. */
	if (packer->state != IN_JSON)
		buf_addc(&packer->packed, '[');
	return json_parse(buf_text(&packer->packed), packer->packed.len, EIO, err);
}

void yagna_packer_free(struct yagna_packer *packer)
{
	buf_free(&packer->packed);
	buf_free(&packer->bytes);
}

struct yagna_bytes yagna_bytes_of(const cJSON *object, const char *key, const struct yagna_packer *packer,
				  struct err *err)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
	const struct buf *bytes = &packer->bytes;

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
