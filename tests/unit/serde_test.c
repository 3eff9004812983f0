/* Bodies that the real server refused when it was asked, and with which words (reference/yagna-api.md 1.3). */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "core/mem.h"
#include "tests/devnet/serde.h"

static const char *const reasons[] = {"UNSOLICITED_SERVICE", "BAD_SERVICE", "INCORRECT_AMOUNT", NULL};
static const char *const scans[] = {"offer", "demand", NULL};
static const struct serde_type reason_type = {SERDE_VARIANT, .variants = reasons};
static const struct serde_type scan_type = {SERDE_VARIANT, .variants = scans};
static const struct serde_type platform_type = {
	SERDE_UNTAGGED, "PaymentPlatformEnum",
	.alternatives = (const struct serde_type *const[]){&serde_string, &reason_type, NULL}};

static const struct serde_field demand_fields[] = {
	{"properties", &serde_any, 0}, {"constraints", &serde_string, 0}, {NULL, NULL, 0}};
static const struct serde_type demand = {SERDE_STRUCT, "struct DemandOfferBase", demand_fields};
static const struct serde_field flat_fields[] = {{"message", &serde_string, 0}, {NULL, NULL, 0}};
static const struct serde_type flat = {SERDE_FLAT, "struct Reason", flat_fields};
static const struct serde_field allocation_fields[] = {{"address", &serde_string, SERDE_OPTIONAL},
						       {"paymentPlatform", &platform_type, SERDE_OPTIONAL},
						       {"totalAmount", &serde_decimal, 0},
						       {"timeout", &serde_time, SERDE_OPTIONAL},
						       {"deposit", &serde_any, SERDE_OPTIONAL},
						       {"makeDeposit", &serde_bool, 0},
						       {"extendTimeout", &serde_any, SERDE_OPTIONAL},
						       {NULL, NULL, 0}};
static const struct serde_type allocation = {SERDE_STRUCT, "struct NewAllocation", allocation_fields};
static const struct serde_field scan_fields[] = {
	{"type", &scan_type, 0}, {"timeout", &serde_u64, SERDE_OPTIONAL}, {NULL, NULL, 0}};
static const struct serde_type new_scan = {SERDE_STRUCT, "struct NewScan", scan_fields};
static const struct serde_field reject_fields[] = {
	{"rejectionReason", &reason_type, 0}, {"totalAmountAccepted", &serde_decimal, 0}, {NULL, NULL, 0}};
static const struct serde_type rejection = {SERDE_STRUCT, "struct Rejection", reject_fields};
static const struct serde_type run_type = {SERDE_STRUCT, "struct variant Command::Run", flat_fields};
static const struct serde_field command_fields[] = {
	{"deploy", &serde_any, 0}, {"run", &run_type, 0}, {"terminate", &serde_any, 0}, {NULL, NULL, 0}};
static const struct serde_type command = {SERDE_TAGGED, "enum Command", command_fields};
static const struct serde_type script = {SERDE_LIST, "a sequence", .item = &command};

static const struct {
	const struct serde_type *type;
	const char *body;
	const char *why; /* NULL: taken */
} rows[] = {
	{&demand, "{\"properties\":{},\"constraints\":\"()\",\"more\":[[{}]]}", NULL},
	{&demand, "[{},\"()\"]", NULL},
	{&demand, "5", "invalid type: integer `5`, expected struct DemandOfferBase at line 1 column 1"},
	{&demand, "-5.5",
	 "invalid type: floating point `-5.5`, expected struct DemandOfferBase at line 1 column 4"},
	{&demand, "null", "invalid type: null, expected struct DemandOfferBase at line 1 column 4"},
	{&demand, "{}", "missing field `properties` at line 1 column 2"},
	{&demand, "{\"properties\":{}}", "missing field `constraints` at line 1 column 17"},
	{&demand, "{\"properties\":{},\"constraints\":5}",
	 "invalid type: integer `5`, expected a string at line 1 column 32"},
	{&demand, "{\"properties\"", "EOF while parsing an object at line 1 column 13"},
	{&demand, "{", "EOF while parsing an object at line 1 column 1"},
	{&demand, "", "EOF while parsing a value at line 1 column 0"},
	{&demand, "{\n \"properties\":{},\n}", "trailing comma at line 3 column 1"},
	{&demand, "{\"properties\":{},\"constraints\":\"\"} x", "trailing characters at line 1 column 36"},
	{&flat, "\"words\"", "invalid type: string \"words\", expected struct Reason at line 1 column 7"},
	{&flat, "[]", "invalid type: sequence, expected struct Reason at line 1 column 0"},
	{&allocation, "[]",
	 "invalid length 0, expected struct NewAllocation with 7 elements at line 1 column 2"},
	{&allocation, "{\"totalAmount\":\"\xff\"}", "invalid unicode code point at line 1 column 18"},
	{&allocation, "\xef\xbb\xbf{\"totalAmount\":\"0\"}", "expected value at line 1 column 1"},
	{&allocation, "{\"totalAmount\":\"0\",\"totalAmount\":\"0\",\"makeDeposit\":false}",
	 "duplicate field `totalAmount` at line 1 column 32"},
	{&allocation, "{\"totalAmount\":\"1\",\"paymentPlatform\":5,\"makeDeposit\":false}",
	 "data did not match any variant of untagged enum PaymentPlatformEnum at line 1 column 38"},
	{&allocation, "{\"totalAmount\":\"abc\",\"makeDeposit\":false}",
	 "invalid digit found in string at line 1 column 20"},
	{&allocation, "{\"totalAmount\":1.25e3,\"makeDeposit\":false,\"timeout\":null}", NULL},
	{&allocation, "{\"totalAmount\":\"1\",\"timeout\":\"2037-01-01T02:00:00\"}",
	 "premature end of input at line 1 column 50"},
	{&allocation, "{\"totalAmount\":\"1\",\"timeout\":\"tomorrow\"}",
	 "input contains invalid characters at line 1 column 39"},
	{&allocation, "{\"timeout\":5}",
	 "invalid type: integer `5`, expected an RFC 3339 formatted date and time string at line 1 column "
	 "12"},
	{&platform_type, "5", "data did not match any variant of untagged enum PaymentPlatformEnum"},
	{&new_scan, "{\"type\":\"nonsense\"}",
	 "unknown variant `nonsense`, expected `offer` or `demand` at line 1 column 18"},
	{&new_scan, "{\"type\":\"offer\",\"timeout\":\"x\"}",
	 "invalid type: string \"x\", expected u64 at line 1 column 29"},
	{&new_scan, "{\"type\":\"offer\",\"timeout\":-1}",
	 "invalid value: integer `-1`, expected u64 at line 1 column 28"},
	{&rejection, "{\"rejectionReason\":\"NO\",\"totalAmountAccepted\":\"0\"}",
	 "unknown variant `NO`, expected one of `UNSOLICITED_SERVICE`, `BAD_SERVICE`, `INCORRECT_AMOUNT` at "
	 "line 1 "
	 "column 23"},
	{&script, "[{\"deploy\":{}},{\"run\":{\"message\":\"x\"}}]", NULL},
	{&script, "[{\"dance\":{}}]",
	 "unknown variant `dance`, expected one of `deploy`, `run`, `terminate` at line 1 column 9"},
	{&script, "[{\"deploy\":{},\"run\":{}}]", "expected value at line 1 column 13"},
	{&serde_any, "\"\\ud800\"", "unexpected end of hex escape at line 1 column 8"},
	{&serde_any, "\"a\tb\"",
	 "control character (\\u0000-\\u001F) found while parsing a string at line 1 column 3"},
	{&serde_any, "01", "invalid number at line 1 column 2"},
	{&serde_any, "1e999", "number out of range at line 1 column 5"},
	{&serde_any, "nul", "EOF while parsing a value at line 1 column 3"},
};

static void check_row(size_t i)
{
	struct buf why BUF_AUTO = {0};
	bool taken = serde_check(rows[i].type, rows[i].body, strlen(rows[i].body), &why);
	bool good = taken ? !rows[i].why : rows[i].why && !strcmp(rows[i].why, buf_text(&why));
	printf("%sok %zu %s: %s\n", good ? "" : "not ", i + 1, rows[i].body,
	       rows[i].why ? "is refused as by the real server" : "is taken");
	if (!good)
		printf("# \"%s\", not \"%s\"\n", buf_text(&why), rows[i].why ? rows[i].why : "");
	assert(good);
}

/* 128 structures may be open; the demand's object is the first. */
static void check_depth(unsigned lists, const char *words)
{
	struct buf body BUF_AUTO = {0}, why BUF_AUTO = {0};
	buf_adds(&body, "{\"properties\":");
	for (unsigned i = 0; i < lists; i++)
		buf_addc(&body, '[');
	for (unsigned i = 0; i < lists; i++)
		buf_addc(&body, ']');
	buf_adds(&body, ",\"constraints\":\"()\"}");
	bool taken = serde_check(&demand, body.data, body.len, &why);
	assert(words ? !taken && !strcmp(words, buf_text(&why)) : taken);
}

int main(void)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		check_row(i);
	check_depth(200, "recursion limit exceeded at line 1 column 141");
	check_depth(127, "recursion limit exceeded at line 1 column 141");
	check_depth(126, NULL);
	return 0;
}
