#include "tests/devnet/properties.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "core/decimal.h"
#include "core/mem.h"
#include "core/timefmt.h"

/* ---- the flat form ---- */

struct flat {
	struct flat_entry {
		char *name;
		const cJSON *value;
		unsigned order;
	} * entry;
	unsigned count, room;
};

static void flat_add(struct flat *flat, const char *name, const cJSON *value)
{
	if (flat->count == flat->room) {
		flat->room = flat->room ? 2 * flat->room : 32;
		flat->entry = mem_resize(flat->entry, flat->room * sizeof(*flat->entry));
	}
	flat->entry[flat->count] = (struct flat_entry){mem_strdup(name), value, flat->count};
	flat->count++;
}

static int by_key(const void *a, const void *b)
{
	return strcmp((*(const cJSON *const *)a)->string, (*(const cJSON *const *)b)->string);
}

/* The daemon walks objects in the order of their names; which of two equal paths wins depends on it. */
static const cJSON **sorted_members(const cJSON *object, unsigned count)
{
	const cJSON **members = mem_alloc(count * sizeof(*members));
	const cJSON *member;
	unsigned n = 0;

	cJSON_ArrayForEach (member, object)
		members[n++] = member;
	qsort(members, count, sizeof(*members), by_key);
	return members;
}

static void flat_walk(struct flat *flat, const char *prefix, const cJSON *value)
{
	unsigned count = cJSON_IsObject(value) ? (unsigned)cJSON_GetArraySize(value) : 0;

	if (!count) {
		flat_add(flat, prefix, value);
		return;
	}

	const cJSON **members = sorted_members(value, count);

	for (unsigned i = 0; i < count; i++) {
		const char *key = members[i]->string;
		char *name MEM_AUTO = *prefix ? mem_printf("%s.%s", prefix, key) : mem_strdup(key);

		flat_walk(flat, strcmp(key, "@tag") ? name : prefix, members[i]);
	}
	free(members);
}

static int by_name_then_order(const void *a, const void *b)
{
	const struct flat_entry *one = a, *other = b;
	int order = strcmp(one->name, other->name);

	return order ? order : (one->order > other->order) - (one->order < other->order);
}

cJSON *properties_flatten(const cJSON *value)
{
	struct flat flat = {0};
	cJSON *properties = cJSON_CreateObject();

	flat_walk(&flat, "", value);
	qsort(flat.entry, flat.count, sizeof(*flat.entry), by_name_then_order);
	for (unsigned i = 0; i < flat.count; i++) {
		if (i + 1 == flat.count || strcmp(flat.entry[i].name, flat.entry[i + 1].name))
			cJSON_AddItemToObject(properties, flat.entry[i].name,
					      cJSON_Duplicate(flat.entry[i].value, true));
		free(flat.entry[i].name);
	}
	free(flat.entry);
	return properties;
}

/* ---- single values ---- */

/* As the daemon's language reads a floating point number: nothing around it, no hexadecimal. */
static bool parse_number(const char *text, double *out)
{
	char *end;

	if (!*text || strpbrk(text, "xXpP \t\r\n\v\f(_"))
		return false;
	*out = strtod(text, &end);
	return !*end;
}

static bool number_of(const cJSON *property, double *out)
{
	if (cJSON_IsNumber(property)) {
		*out = property->valuedouble;
		return true;
	}
	return cJSON_IsRaw(property) && parse_number(property->valuestring, out);
}

bool properties_number(const cJSON *properties, const char *name, double *out)
{
	return number_of(cJSON_GetObjectItemCaseSensitive(properties, name), out);
}

const char *properties_text(const cJSON *properties, const char *name)
{
	return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(properties, name));
}

void properties_set_integer(cJSON *properties, const char *name, long value)
{
	cJSON *number = cJSON_CreateNumber((double)value);

	if (!cJSON_ReplaceItemInObjectCaseSensitive(properties, name, number))
		cJSON_Delete(number);
}

void properties_remove(cJSON *properties, const char *name)
{
	cJSON_DeleteItemFromObjectCaseSensitive(properties, name);
}

bool property_usable(const cJSON *property)
{
	const cJSON *item;

	if (cJSON_IsNull(property) || cJSON_IsObject(property))
		return false;
	if (cJSON_IsArray(property))
		cJSON_ArrayForEach (item, property)
			if (!property_usable(item))
				return false;
	return true;
}

static enum property_order order_of(int difference)
{
	return difference < 0 ? PROPERTY_LESS : difference > 0 ? PROPERTY_MORE : PROPERTY_SAME;
}

static enum property_order compare_decimals(const char *a, const char *b)
{
	struct decimal one DECIMAL_AUTO = decimal_zero(), other DECIMAL_AUTO = decimal_zero();

	if (decimal_parse(&one, a, NULL) || decimal_parse(&other, b, NULL))
		return PROPERTY_INCOMPARABLE;
	return order_of(decimal_cmp(&one, &other));
}

static enum property_order compare_times(const char *a, const char *b)
{
	struct timespec one, other;

	if (!timefmt_parse(a, &one) || !timefmt_parse(b, &other))
		return PROPERTY_INCOMPARABLE;
	if (one.tv_sec != other.tv_sec)
		return one.tv_sec < other.tv_sec ? PROPERTY_LESS : PROPERTY_MORE;
	return order_of((one.tv_nsec > other.tv_nsec) - (one.tv_nsec < other.tv_nsec));
}

/* major.minor.patch[-prerelease][+build] */
struct version {
	unsigned long part[3];
	char prerelease[64];
};

static bool parse_version(const char *text, struct version *out)
{
	for (unsigned i = 0; i < 3; i++) {
		char *end;

		if (!isdigit((unsigned char)*text) || (*text == '0' && isdigit((unsigned char)text[1])))
			return false;
		out->part[i] = strtoul(text, &end, 10);
		if (i < 2 && *end++ != '.')
			return false;
		text = end;
	}
	out->prerelease[0] = '\0';
	if (*text == '-') {
		size_t len = strcspn(++text, "+");

		if (!len || len >= sizeof(out->prerelease))
			return false;
		memcpy(out->prerelease, text, len);
		out->prerelease[len] = '\0';
		text += len;
	}
	return !*text || (*text == '+' && text[1]);
}

/* Identifier by identifier: numbers by value and below words, a longer row above its beginning. */
static int compare_prereleases(const char *a, const char *b)
{
	while (*a && *b) {
		size_t a_len = strcspn(a, "."), b_len = strcspn(b, ".");
		bool a_number = strspn(a, "0123456789") == a_len, b_number = strspn(b, "0123456789") == b_len;
		int order;

		if (a_number && b_number && a_len != b_len)
			return a_len < b_len ? -1 : 1;
		if (a_number != b_number)
			return a_number ? -1 : 1;
		order = memcmp(a, b, a_len < b_len ? a_len : b_len);
		if (!order)
			order = (a_len > b_len) - (a_len < b_len);
		if (order)
			return order;
		a += a_len + (a[a_len] == '.');
		b += b_len + (b[b_len] == '.');
	}
	return (*a != '\0') - (*b != '\0');
}

static enum property_order compare_versions(const char *a, const char *b)
{
	struct version one, other;

	if (!parse_version(a, &one) || !parse_version(b, &other))
		return PROPERTY_INCOMPARABLE;
	for (unsigned i = 0; i < 3; i++)
		if (one.part[i] != other.part[i])
			return one.part[i] < other.part[i] ? PROPERTY_LESS : PROPERTY_MORE;
	if (!one.prerelease[0] || !other.prerelease[0])
		return order_of(!one.prerelease[0] - !other.prerelease[0]);
	return order_of(compare_prereleases(one.prerelease, other.prerelease));
}

static enum property_order compare_text(const char *a, enum property_type type, const char *b)
{
	switch (type) {
	case PROPERTY_DECIMAL:
		return compare_decimals(a, b);
	case PROPERTY_VERSION:
		return compare_versions(a, b);
	case PROPERTY_TIME:
		return compare_times(a, b);
	default:
		return order_of(strcmp(a, b));
	}
}

bool property_convertible(const cJSON *property, enum property_type type)
{
	if (type == PROPERTY_ANY)
		return true;
	return cJSON_IsString(property) &&
	       compare_text(property->valuestring, type, property->valuestring) == PROPERTY_SAME;
}

enum property_order property_compare(const cJSON *property, enum property_type type, const char *text)
{
	double one, other;

	if (cJSON_IsString(property))
		return compare_text(property->valuestring, type, text);
	if (!number_of(property, &one) || !parse_number(text, &other))
		return PROPERTY_INCOMPARABLE;
	if (one == other)
		return PROPERTY_SAME;
	return one < other ? PROPERTY_LESS : one > other ? PROPERTY_MORE : PROPERTY_INCOMPARABLE;
}

/* A star stands for any text. On a mismatch only the last star is tried further, so this takes at most
 * pattern × text steps. */
static bool matches_wildcard(const char *pattern, const char *text)
{
	const char *star = NULL, *resume = NULL;

	while (*text) {
		if (*pattern == '*') {
			star = pattern++;
			resume = text;
		} else if (*pattern == *text) {
			pattern++;
			text++;
		} else if (star) {
			pattern = star + 1;
			text = ++resume;
		} else {
			return false;
		}
	}
	return !pattern[strspn(pattern, "*")];
}

static bool list_holds(const cJSON *list, const char *text)
{
	const cJSON *item;

	cJSON_ArrayForEach (item, list)
		if (property_equals(item, PROPERTY_ANY, text))
			return true;
	return false;
}

/* "[a, b]": every one of them must be in the list, and their number be the same. */
static bool list_equals(const cJSON *list, const char *text)
{
	char *items MEM_AUTO = mem_strdup(text + 1);
	char *rest = items;
	int count = 0;

	items[strlen(items) - 1] = '\0';
	while (*items && rest) {
		char *item = strsep(&rest, ",");

		item += strspn(item, " \t\r\n");
		count++;
		if (!list_holds(list, item))
			return false;
	}
	return count == cJSON_GetArraySize(list);
}

static bool is_list_text(const char *text)
{
	size_t len = strlen(text);

	return len >= 2 && text[0] == '[' && strcspn(text + 1, "[]") == len - 2 && text[len - 1] == ']';
}

bool property_equals(const cJSON *property, enum property_type type, const char *text)
{
	if (cJSON_IsString(property) && type == PROPERTY_ANY)
		return matches_wildcard(text, property->valuestring);
	if (cJSON_IsBool(property))
		return !strcmp(text, cJSON_IsTrue(property) ? "true" : "false");
	if (cJSON_IsArray(property))
		return is_list_text(text) ? list_equals(property, text) : list_holds(property, text);
	return property_compare(property, type, text) == PROPERTY_SAME;
}
