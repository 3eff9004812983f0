#include "core/json.h"

#include <math.h>
#include <string.h>

#include "core/mem.h"
#include "core/timefmt.h"

/* cJSON recurses per level and ends strings at \u0000, so both are looked for before it gets the text. */
static const char *check(const char *text, size_t len)
{
	unsigned depth = 0;
	bool quoted = false;

	for (size_t i = 0; i < len; i++) {
		char c = text[i];

		if (!c)
			return "a NUL byte";
		if (quoted && c == '\\') {
			if (len - i >= 6 && !memcmp(text + i, "\\u0000", 6))
				return "a NUL character";
			i++;
		} else if (c == '"') {
			quoted = !quoted;
		} else if (!quoted && (c == '[' || c == '{')) {
			if (++depth > JSON_MAX_DEPTH)
				return "too many levels";
		} else if (!quoted && (c == ']' || c == '}') && depth) {
			depth--;
		}
	}
	return NULL;
}

cJSON *json_parse(const void *data, size_t len, int code, struct err *err)
{
	const char *text = data, *end = NULL;

	if (len > JSON_MAX_BYTES) {
		err_set(err, code, "JSON of %zu bytes is too large", len);
		return NULL;
	}
	const char *bad = len ? check(text, len) : "nothing";

	if (bad) {
		err_set(err, code, "not usable as JSON: %s in it", bad);
		return NULL;
	}
	cJSON *json = cJSON_ParseWithLengthOpts(text, len, &end, false);

	while (json && end < text + len && strchr(" \t\r\n", *end))
		end++;
	if (json && end == text + len)
		return json;
	err_set(err, code, "not JSON: breaks off or is wrong at byte %zu of %zu",
		end ? (size_t)(end - text) : 0, len);
	cJSON_Delete(json);
	return NULL;
}

static const cJSON *member(const cJSON *object, const char *key)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);

	return cJSON_IsNull(item) ? NULL : item;
}

static void complain(struct err *err, const cJSON *item, const char *key, const char *want)
{
	if (!err->code)
		err_set(err, EIO,
			item ? "\"%s\" in the answer is not %s" : "no \"%s\" in the answer, %s wanted", key,
			want);
}

/* The member when `fits` likes it; else NULL, with a complaint unless it is absent and need not be there. */
static const cJSON *want(const cJSON *object, const char *key, cJSON_bool (*fits)(const cJSON *),
			 const char *what, bool needed, struct err *err)
{
	const cJSON *item = member(object, key);

	if (item && fits(item))
		return item;
	if (item || needed)
		complain(err, item, key, what);
	return NULL;
}

static cJSON_bool is_finite_number(const cJSON *item)
{
	return cJSON_IsNumber(item) && isfinite(item->valuedouble);
}

static cJSON_bool is_amount(const cJSON *item)
{
	return cJSON_IsString(item) || is_finite_number(item);
}

const char *json_string(const cJSON *object, const char *key, struct err *err)
{
	const cJSON *item = want(object, key, cJSON_IsString, "a text", true, err);

	return item ? item->valuestring : "";
}

const char *json_string_or(const cJSON *object, const char *key, const char *fallback, struct err *err)
{
	const cJSON *item = want(object, key, cJSON_IsString, "a text", false, err);

	return item ? item->valuestring : fallback;
}

double json_number(const cJSON *object, const char *key, struct err *err)
{
	const cJSON *item = want(object, key, is_finite_number, "a number", true, err);

	return item ? item->valuedouble : 0;
}

double json_number_or(const cJSON *object, const char *key, double fallback, struct err *err)
{
	const cJSON *item = want(object, key, is_finite_number, "a number", false, err);

	return item ? item->valuedouble : fallback;
}

static int64_t integer(const cJSON *item, const char *key, int64_t min, int64_t max, struct err *err)
{
	double value = item->valuedouble;

	/* 2^53: beyond it a double is not sure of its units */
	if (value == floor(value) && fabs(value) <= 9007199254740992.0 && value >= (double)min &&
	    value <= (double)max)
		return (int64_t)value;
	complain(err, item, key, "a whole number in range");
	return min;
}

int64_t json_integer(const cJSON *object, const char *key, int64_t min, int64_t max, struct err *err)
{
	const cJSON *item = want(object, key, is_finite_number, "a number", true, err);

	return item ? integer(item, key, min, max, err) : min;
}

int64_t json_integer_or(const cJSON *object, const char *key, int64_t min, int64_t max, int64_t fallback,
			struct err *err)
{
	const cJSON *item = want(object, key, is_finite_number, "a number", false, err);

	return item ? integer(item, key, min, max, err) : fallback;
}

bool json_bool(const cJSON *object, const char *key, struct err *err)
{
	return cJSON_IsTrue(want(object, key, cJSON_IsBool, "true or false", true, err));
}

bool json_bool_or(const cJSON *object, const char *key, bool fallback, struct err *err)
{
	const cJSON *item = want(object, key, cJSON_IsBool, "true or false", false, err);

	return item ? cJSON_IsTrue(item) : fallback;
}

const cJSON *json_object(const cJSON *object, const char *key, struct err *err)
{
	return want(object, key, cJSON_IsObject, "an object", true, err);
}

const cJSON *json_object_or_null(const cJSON *object, const char *key, struct err *err)
{
	return want(object, key, cJSON_IsObject, "an object", false, err);
}

const cJSON *json_array(const cJSON *object, const char *key, struct err *err)
{
	return want(object, key, cJSON_IsArray, "a list", true, err);
}

const cJSON *json_array_or_null(const cJSON *object, const char *key, struct err *err)
{
	return want(object, key, cJSON_IsArray, "a list", false, err);
}

void json_decimal(const cJSON *object, const char *key, struct decimal *out, struct err *err)
{
	const cJSON *item = want(object, key, is_amount, "an amount", true, err);

	if (!item)
		return;
	int failed = cJSON_IsString(item) ? decimal_parse(out, item->valuestring, NULL)
					  : decimal_from_double(out, item->valuedouble, NULL);

	if (failed)
		complain(err, item, key, "an amount");
}

struct timespec json_time(const cJSON *object, const char *key, struct err *err)
{
	const cJSON *item = want(object, key, cJSON_IsString, "a time", true, err);
	struct timespec time = {0};

	if (item && !timefmt_parse(item->valuestring, &time))
		complain(err, item, key, "a time");
	return time;
}

struct timespec json_time_or(const cJSON *object, const char *key, struct timespec fallback, struct err *err)
{
	return member(object, key) ? json_time(object, key, err) : fallback;
}

void json_print(const cJSON *json, struct buf *out)
{
	char *text = cJSON_PrintUnformatted(json);

	if (text)
		buf_adds(out, text);
	cJSON_free(text);
}
