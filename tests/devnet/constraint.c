#include "tests/devnet/constraint.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "tests/devnet/properties.h"

/* A filter nested deeper than this is refused: the daemon would run out of stack somewhere beyond. */
enum { CONSTRAINT_DEPTH_MAX = 200 };

enum constraint_kind {
	FILTER_EMPTY,
	FILTER_AND,
	FILTER_OR,
	FILTER_NOT,
	FILTER_PRESENT,
	FILTER_EQUAL,
	FILTER_LESS,
	FILTER_LESS_EQUAL,
	FILTER_GREATER,
	FILTER_GREATER_EQUAL
};

struct constraint {
	enum constraint_kind kind;
	struct constraint *next;  /* sibling */
	struct constraint *inner; /* first operand */
	char *name;
	char *aspect; /* NULL: the value itself */
	char *value;
	enum property_type type; /* what $d, $v, $t ask for */
};

/* The text being read. `need` is set when it ended too early: the length it would need at least. */
struct reader {
	const char *start, *at, *end;
	size_t need;
	unsigned depth;
};

enum reading { READ_DONE, READ_WRONG, READ_SHORT };

void constraint_free(struct constraint *constraint)
{
	while (constraint) {
		struct constraint *next = constraint->next;

		constraint_free(constraint->inner);
		free(constraint->name);
		free(constraint->aspect);
		free(constraint->value);
		free(constraint);
		constraint = next;
	}
}

static struct constraint *constraint_new(enum constraint_kind kind)
{
	struct constraint *constraint = mem_alloc(sizeof(*constraint));

	constraint->kind = kind;
	return constraint;
}

static enum reading fall_short(struct reader *reader, size_t bytes)
{
	reader->need = (size_t)(reader->at - reader->start) + bytes;
	return READ_SHORT;
}

static void skip_space(struct reader *reader)
{
	while (reader->at < reader->end && strchr(" \t\r\n", *reader->at))
		reader->at++;
}

/* One fixed word; a beginning of it at the end of the text is a text that is too short. */
static enum reading read_word(struct reader *reader, const char *word)
{
	size_t len = strlen(word);
	size_t left = (size_t)(reader->end - reader->at);

	if (memcmp(reader->at, word, left < len ? left : len))
		return READ_WRONG;
	if (left < len)
		return fall_short(reader, len);
	reader->at += len;
	return READ_DONE;
}

static char *cut(const char *from, const char *to)
{
	char *text = mem_alloc((size_t)(to - from) + 1);

	memcpy(text, from, (size_t)(to - from));
	return text;
}

static const struct {
	const char *word;
	enum constraint_kind kind;
} operators[] = {{"=", FILTER_EQUAL},
		 {"<=", FILTER_LESS_EQUAL},
		 {"<", FILTER_LESS},
		 {">=", FILTER_GREATER_EQUAL},
		 {">", FILTER_GREATER}};

static enum reading read_operator(struct reader *reader, enum constraint_kind *kind)
{
	for (unsigned i = 0; i < sizeof(operators) / sizeof(*operators); i++) {
		enum reading reading = read_word(reader, operators[i].word);

		*kind = operators[i].kind;
		if (reading != READ_WRONG)
			return reading;
	}
	return READ_WRONG;
}

/* name=*, or name OPERATOR value. */
static enum reading read_comparison(struct reader *reader, struct constraint **out)
{
	const char *name = reader->at;
	enum constraint_kind kind = FILTER_PRESENT;

	while (reader->at < reader->end && !strchr("=<>~", *reader->at))
		reader->at++;

	const char *name_end = reader->at;
	enum reading reading = read_word(reader, "=*");

	if (reading == READ_SHORT)
		return reading;
	if (reading == READ_WRONG) {
		reading = read_operator(reader, &kind);
		if (reading != READ_DONE)
			return reading;
		if (reader->at == reader->end)
			return fall_short(reader, 1);
	}

	const char *value = reader->at;
	const char *value_end =
		kind == FILTER_PRESENT ? value : memchr(value, ')', (size_t)(reader->end - value));

	if (!value_end)
		return READ_WRONG;
	reader->at = value_end;
	*out = constraint_new(kind);
	(*out)->name = cut(name, name_end);
	(*out)->value = cut(value, value_end);
	return READ_DONE;
}

static enum reading read_filter(struct reader *reader, struct constraint **out);

/* As many filters as there are; what is no filter ends the list without being an error of its own. */
static enum reading read_list(struct reader *reader, struct constraint **first)
{
	struct constraint **last = first;

	while (reader->at < reader->end) {
		const char *before = reader->at;
		enum reading reading = read_filter(reader, last);

		if (reading == READ_SHORT)
			return reading;
		if (reading == READ_WRONG) {
			reader->at = before;
			break;
		}
		last = &(*last)->next;
	}
	return READ_DONE;
}

static enum reading read_content(struct reader *reader, struct constraint **out)
{
	static const char signs[] = "&|!";
	static const enum constraint_kind kinds[] = {FILTER_AND, FILTER_OR, FILTER_NOT};

	skip_space(reader);
	if (reader->at == reader->end)
		return fall_short(reader, 1);

	const char *sign = strchr(signs, *reader->at);

	if (!sign || !*sign)
		return read_comparison(reader, out);

	const char *before = reader->at++;
	struct constraint *operands = NULL;
	enum constraint_kind kind = kinds[sign - signs];

	skip_space(reader);

	enum reading reading =
		kind == FILTER_NOT ? read_filter(reader, &operands) : read_list(reader, &operands);

	if (reading == READ_WRONG && kind == FILTER_NOT) {
		reader->at = before;
		return read_comparison(reader, out);
	}
	*out = constraint_new(kind);
	(*out)->inner = operands;
	return reading;
}

static enum reading read_filter(struct reader *reader, struct constraint **out)
{
	enum reading reading = read_word(reader, "()");

	if (reading == READ_DONE)
		*out = constraint_new(FILTER_EMPTY);
	if (reading != READ_WRONG)
		return reading;
	if (reader->depth == CONSTRAINT_DEPTH_MAX)
		return READ_WRONG;
	skip_space(reader);
	if (reader->at == reader->end)
		return fall_short(reader, 1);
	if (*reader->at != '(')
		return READ_WRONG;
	reader->at++;
	reader->depth++;

	struct constraint *content = NULL;

	reading = read_content(reader, &content);
	reader->depth--;
	if (reading == READ_DONE) {
		skip_space(reader);
		reading = read_word(reader, ")");
	}
	if (reading == READ_DONE) {
		skip_space(reader);
		*out = content;
	} else {
		constraint_free(content);
	}
	return reading;
}

/* Takes name[aspect]$t apart, in place. Returns what is left over, with `form` saying what it was read as. */
static const char *split_name(struct constraint *constraint, const char **form)
{
	static const char codes[] = "dvt";
	static const enum property_type types[] = {PROPERTY_DECIMAL, PROPERTY_VERSION, PROPERTY_TIME};
	char *rest = constraint->name + strcspn(constraint->name, "[]$");
	char *close = *rest == '[' ? rest + 1 + strcspn(rest + 1, "[]$") : NULL;
	char *behind = close && *close == ']' ? close + 1 : rest;
	const char *code = *behind == '$' && behind[1] ? strchr(codes, behind[1]) : NULL;

	*form = "Parsing no aspect no type error";
	if (behind != rest && *behind && strcmp(behind, "$") && !code)
		return rest;
	if (behind != rest) {
		*close = '\0';
		constraint->aspect = mem_strdup(rest + 1);
		*form = code ? "Parsing aspect type error" : "Parsing aspect no type error";
	} else if (code) {
		*form = "Parsing no aspect type error";
	}
	if (code) {
		constraint->type = types[code - codes];
		*behind = '\0';
		behind += 2;
	}
	if (*rest && rest != behind)
		*rest = '\0';
	return behind;
}

static bool resolve_names(struct constraint *constraint, struct buf *why)
{
	for (; constraint; constraint = constraint->next) {
		if (constraint->name) {
			const char *form;
			char *whole MEM_AUTO = mem_strdup(constraint->name);
			const char *rest = split_name(constraint, &form);

			if (*rest) {
				buf_printf(why,
					   "Error parsing property reference %s: Parse error %s: unexpected "
					   "text %s",
					   whole, form, rest);
				return false;
			}
		}
		if (!resolve_names(constraint->inner, why))
			return false;
	}
	return true;
}

struct constraint *constraint_parse(const char *text, bool *building, struct buf *why)
{
	struct buf ignored BUF_AUTO = {0};
	struct reader reader = {.start = text, .at = text, .end = text + strlen(text)};
	struct constraint *constraint = NULL;
	enum reading reading = read_filter(&reader, &constraint);

	if (!why)
		why = &ignored;
	if (building)
		*building = reading == READ_DONE;
	if (reading == READ_SHORT)
		buf_printf(why, "Incomplete expression: Size(%zu)", reader.need);
	else if (reading == READ_WRONG)
		buf_adds(why, "Parsing error: Alternative");
	else if (resolve_names(constraint, why))
		return constraint;
	constraint_free(constraint);
	return NULL;
}

/* ---- evaluation ---- */

static void note_missing(const struct constraint *constraint, cJSON *missing)
{
	char *name MEM_AUTO = constraint->aspect ? mem_printf("%s[%s]", constraint->name, constraint->aspect)
						 : mem_strdup(constraint->name);

	if (missing)
		cJSON_AddItemToArray(missing, cJSON_CreateString(name));
}

static enum constraint_result compare(const struct constraint *constraint, const cJSON *properties,
				      cJSON *missing)
{
	const cJSON *property = cJSON_GetObjectItemCaseSensitive(properties, constraint->name);
	enum property_order order;

	/* Properties on the wire have no aspects, so a comparison with one is never defined. */
	if (!property || !property_usable(property) || constraint->aspect) {
		note_missing(constraint, missing);
		return CONSTRAINT_UNDEFINED;
	}
	if (!property_convertible(property, constraint->type))
		return CONSTRAINT_UNDEFINED;
	if (constraint->kind == FILTER_EQUAL)
		return property_equals(property, constraint->type, constraint->value) ? CONSTRAINT_TRUE
										      : CONSTRAINT_FALSE;
	order = property_compare(property, constraint->type, constraint->value);
	switch (constraint->kind) {
	case FILTER_LESS:
		return order == PROPERTY_LESS;
	case FILTER_LESS_EQUAL:
		return order == PROPERTY_LESS || order == PROPERTY_SAME;
	case FILTER_GREATER:
		return order == PROPERTY_MORE;
	default:
		return order == PROPERTY_MORE || order == PROPERTY_SAME;
	}
}

static enum constraint_result present(const struct constraint *constraint, const cJSON *properties,
				      cJSON *missing)
{
	const cJSON *property = cJSON_GetObjectItemCaseSensitive(properties, constraint->name);

	if (property && property_usable(property) && !constraint->aspect)
		return CONSTRAINT_TRUE;
	note_missing(constraint, missing);
	return CONSTRAINT_FALSE;
}

/* A false operand decides at once, and then the names that were missing before it are of no interest. */
static enum constraint_result all_of(const struct constraint *operand, const cJSON *properties,
				     cJSON *missing)
{
	enum constraint_result result = CONSTRAINT_TRUE;
	int before = cJSON_GetArraySize(missing);

	for (; operand; operand = operand->next) {
		enum constraint_result one = constraint_evaluate(operand, properties, missing);

		if (one == CONSTRAINT_UNDEFINED)
			result = one;
		if (one != CONSTRAINT_FALSE)
			continue;
		while (cJSON_GetArraySize(missing) > before)
			cJSON_DeleteItemFromArray(missing, before);
		return one;
	}
	return result;
}

static enum constraint_result one_of(const struct constraint *operand, const cJSON *properties,
				     cJSON *missing)
{
	enum constraint_result result = CONSTRAINT_FALSE;
	int before = cJSON_GetArraySize(missing);

	for (; operand; operand = operand->next) {
		enum constraint_result one = constraint_evaluate(operand, properties, missing);

		if (one == CONSTRAINT_UNDEFINED)
			result = one;
		if (one != CONSTRAINT_TRUE)
			continue;
		while (cJSON_GetArraySize(missing) > before)
			cJSON_DeleteItemFromArray(missing, before);
		return one;
	}
	return result;
}

static enum constraint_result none_of(const struct constraint *operand, const cJSON *properties,
				      cJSON *missing)
{
	int before = cJSON_GetArraySize(missing);
	enum constraint_result result = constraint_evaluate(operand, properties, missing);

	if (result == CONSTRAINT_UNDEFINED)
		return result;
	while (cJSON_GetArraySize(missing) > before)
		cJSON_DeleteItemFromArray(missing, before);
	return result == CONSTRAINT_TRUE ? CONSTRAINT_FALSE : CONSTRAINT_TRUE;
}

enum constraint_result constraint_evaluate(const struct constraint *constraint, const cJSON *properties,
					   cJSON *missing)
{
	switch (constraint->kind) {
	case FILTER_EMPTY:
		return CONSTRAINT_TRUE;
	case FILTER_AND:
		return all_of(constraint->inner, properties, missing);
	case FILTER_OR:
		return one_of(constraint->inner, properties, missing);
	case FILTER_NOT:
		return none_of(constraint->inner, properties, missing);
	case FILTER_PRESENT:
		return present(constraint, properties, missing);
	default:
		return compare(constraint, properties, missing);
	}
}
