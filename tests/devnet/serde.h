/*
 * The words with which yagna refuses a JSON body: those of serde_json, with line and column.
 *
 * A body is checked against a description of the type the real server reads it into. cJSON cannot serve here:
 * it keeps neither positions nor duplicate members. Depth is bounded as there (128), memory by the body.
 *
 *     static const struct serde_field fields[] = {
 *             {"proposalId", &serde_string, 0}, {"validTo", &serde_time, 0}, {NULL, NULL, 0}};
 *     static const struct serde_type proposal = {SERDE_STRUCT, "struct AgreementProposal", .fields = fields};
 *     const cJSON *body = exchange_json_as(exchange, &proposal);
 */
#ifndef DEVNET_SERDE_H
#define DEVNET_SERDE_H

#include <stdbool.h>
#include <stddef.h>

#include "core/buf.h"

enum serde_kind {
	SERDE_ANY, /* any value, read as a whole */
	SERDE_STRING,
	SERDE_BOOL,
	SERDE_UNSIGNED, /* up to `limit` */
	SERDE_SIGNED,   /* from -limit-1 to `limit` */
	SERDE_FLOAT,
	SERDE_PARSED,  /* a string that `parse` accepts */
	SERDE_DECIMAL, /* a number, or a string that `parse` accepts */
	SERDE_VARIANT, /* a string that is one of `variants` */
	SERDE_STRUCT,  /* an object, or a list of all `fields` in their order */
	SERDE_FLAT,    /* a struct that keeps unknown members: never a list */
	SERDE_LIST,    /* of `item` */
	SERDE_MAP,     /* from strings to `item` */
	SERDE_TAGGED,  /* {"NAME":{…}}: exactly one member, one of `fields`, whose types are structs */
	SERDE_UNTAGGED /* whatever one of `alternatives` takes */
};

struct serde_field;

struct serde_type {
	enum serde_kind kind;
	const char *expected;             /* the words after "expected"; of SERDE_UNTAGGED the bare name */
	const struct serde_field *fields; /* ends with a NULL name */
	const struct serde_type *item;    /* what a list or a map holds */
	const struct serde_type *const *alternatives; /* ends with NULL */
	const char *const *variants;                  /* ends with NULL */
	const char *(*parse)(const char *text);       /* NULL, or why it is refused */
	unsigned long long limit;
};

enum {
	SERDE_OPTIONAL = 1, /* Option<T>: may be missing, may be null */
	SERDE_DEFAULTED = 2 /* may be missing, not null */
};

struct serde_field {
	const char *name;
	const struct serde_type *type;
	unsigned flags;
};

extern const struct serde_type serde_any, serde_string, serde_bool, serde_u64, serde_u32, serde_u16,
	serde_i64, serde_i32, serde_f64, serde_f32;
extern const struct serde_type serde_decimal; /* BigDecimal: an amount */
extern const struct serde_type serde_time;    /* DateTime<Utc> */
extern const struct serde_type serde_strings; /* Vec<String> */

/* True when `json` is one value of that type; else *why is serde's text, position included where serde gives
 * one
 * ("missing field `ip` at line 1 column 2"), without the "Json deserialize error: " before it. */
bool serde_check(const struct serde_type *type, const char *json, size_t len, struct buf *why);

/* RFC 3339 as chrono reads it: NULL, or its words ("input contains invalid characters", "premature end of
 * input", "input is out of range", "trailing input"). Also for query values. */
const char *serde_parse_time(const char *text);
/* NULL, or the words of the decimal parser ("invalid digit found in string"). */
const char *serde_parse_decimal(const char *text);

#endif
