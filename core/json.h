/*
 * JSON from outside: bounded parsing and typed reading over cJSON.
 *
 * Readers take a sticky error: the first thing that is missing or of the wrong type fills *err (EIO, with a
 * sentence naming the member), later reads leave it alone and give their harmless default, so that one check
 * after a row of reads is enough. `err` must not be NULL and must be zeroed (struct err err = {0}).
 */
#ifndef CORE_JSON_H
#define CORE_JSON_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "core/buf.h"
#include "core/decimal.h"
#include "core/err.h"

enum { JSON_MAX_BYTES = 32 << 20, JSON_MAX_DEPTH = 64 };

/* The whole input must be one value; no NUL bytes, also not as \u0000. NULL with `code` and a sentence on
 * failure. The caller frees with cJSON_Delete() or JSON_AUTO. */
cJSON *json_parse(const void *data, size_t len, int code, struct err *err);

static inline void json_free_at(cJSON **json)
{
	cJSON_Delete(*json);
}
#define JSON_AUTO __attribute__((cleanup(json_free_at)))

/* A member of an object that must be there. Texts and nodes belong to `object`. */
const char *json_string(const cJSON *object, const char *key, struct err *err); /* "" on failure */
double json_number(const cJSON *object, const char *key, struct err *err);      /* finite; 0 on failure */
int64_t json_integer(const cJSON *object, const char *key, int64_t min, int64_t max,
		     struct err *err); /* min */
bool json_bool(const cJSON *object, const char *key, struct err *err);
const cJSON *json_object(const cJSON *object, const char *key, struct err *err); /* NULL on failure */
const cJSON *json_array(const cJSON *object, const char *key, struct err *err);  /* NULL on failure */
/* An amount: a text or a number. *out must be initialised. */
void json_decimal(const cJSON *object, const char *key, struct decimal *out, struct err *err);
struct timespec json_time(const cJSON *object, const char *key, struct err *err); /* RFC 3339 */

/* A member that may be absent or null: then the fallback; of the wrong type it is an error all the same. */
const char *json_string_or(const cJSON *object, const char *key, const char *fallback, struct err *err);
double json_number_or(const cJSON *object, const char *key, double fallback, struct err *err);
int64_t json_integer_or(const cJSON *object, const char *key, int64_t min, int64_t max, int64_t fallback,
			struct err *err);
bool json_bool_or(const cJSON *object, const char *key, bool fallback, struct err *err);
const cJSON *json_object_or_null(const cJSON *object, const char *key, struct err *err);
const cJSON *json_array_or_null(const cJSON *object, const char *key, struct err *err);
struct timespec json_time_or(const cJSON *object, const char *key, struct timespec fallback, struct err *err);

/* Appends without white space. */
void json_print(const cJSON *json, struct buf *out);

#endif
