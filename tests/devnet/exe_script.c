#include "tests/devnet/exe_script.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/json.h"
#include "core/mem.h"
#include "tests/devnet/serde.h"

const char *exe_size_parse(const char *text)
{
	static const char *const units[] = {"",    "b",  "k",   "kb", "kib", "m",   "mb", "mib",
					    "g",   "gb", "gib", "t",  "tb",  "tib", "p",  "pb",
					    "pib", "ki", "mi",  "gi", "ti",  "pi",  NULL};
	char *end;
	if (!isdigit((unsigned char)*text) && *text != '.')
		return "invalid float literal";
	double value = strtod(text, &end);
	while (*end == ' ')
		end++;
	for (const char *const *unit = units; *unit; unit++)
		if (!strcasecmp(*unit, end))
			return isfinite(value) ? NULL : "invalid float literal";
	return "couldn't parse the unit";
}

/* "50ms", "1s 200ms": numbers with units. */
static const char *parse_interval(const char *text)
{
	static const char *const units[] = {
		"nsec",   "ns",  "usec", "us",    "msec", "ms", "seconds", "second", "sec", "s", "minutes",
		"minute", "min", "m",    "hours", "hour", "hr", "h",       "days",   "day", "d", NULL};
	bool any = false;
	for (text += strspn(text, " "); *text; text += strspn(text, " ")) {
		size_t digits = strspn(text, "0123456789");
		size_t letters = strcspn(text + digits, " 0123456789");
		const char *const *unit = units;
		if (!digits)
			return "expected number at 0";
		while (*unit && (strlen(*unit) != letters || strncmp(*unit, text + digits, letters) != 0))
			unit++;
		if (!*unit)
			return "time unit needed, for example 1sec or 1ms";
		text += digits + letters;
		any = true;
	}
	return any ? NULL : "value was empty";
}

static const struct serde_type usize = {SERDE_UNSIGNED, "usize", .limit = UINT64_MAX};
static const struct serde_type size_text = {SERDE_PARSED, "parsable string", .parse = exe_size_parse};
static const struct serde_type size = {SERDE_UNTAGGED, "ByteSize",
				       .alternatives =
					       (const struct serde_type *const[]){&size_text, &usize, NULL}};
static const struct serde_type interval = {SERDE_PARSED, "a duration", .parse = parse_interval};
static const struct serde_type text_map = {SERDE_MAP, "a map", .item = &serde_string};
static const struct serde_field no_fields[] = {{NULL, NULL, 0}};

static const struct serde_field network_fields[] = {{"id", &serde_string, 0},
						    {"ip", &serde_string, 0},
						    {"mask", &serde_string, SERDE_OPTIONAL},
						    {"gateway", &serde_string, SERDE_OPTIONAL},
						    {"nodeIp", &serde_string, 0},
						    {"nodes", &text_map, SERDE_DEFAULTED},
						    {NULL, NULL, 0}};
static const struct serde_type network = {SERDE_STRUCT, "struct Network", .fields = network_fields};
static const struct serde_type networks = {SERDE_LIST, "a sequence", .item = &network};

static const struct serde_field progress_fields[] = {{"updateInterval", &interval, SERDE_OPTIONAL},
						     {"updateStep", &serde_u64, SERDE_OPTIONAL},
						     {NULL, NULL, 0}};
static const struct serde_type progress = {SERDE_STRUCT, "struct ProgressArgs", .fields = progress_fields};

static const struct serde_field ram_fields[] = {{"size", &size, 0}, {NULL, NULL, 0}};
static const struct serde_field storage_fields[] = {{"size", &size, 0},
						    {"preallocate", &size, SERDE_OPTIONAL},
						    {"errors", &serde_string, SERDE_OPTIONAL},
						    {NULL, NULL, 0}};
static const struct serde_type host_mount = {SERDE_STRUCT, "struct variant VolumeMount::Host",
					     .fields = no_fields};
static const struct serde_type ram_mount = {SERDE_STRUCT, "struct variant VolumeMount::Ram",
					    .fields = ram_fields};
static const struct serde_type storage_mount = {SERDE_STRUCT, "struct variant VolumeMount::Storage",
						.fields = storage_fields};
static const struct serde_field mount_kinds[] = {
	{"host", &host_mount, 0}, {"ram", &ram_mount, 0}, {"storage", &storage_mount, 0}, {NULL, NULL, 0}};
static const struct serde_type volume_mount = {SERDE_TAGGED, "enum VolumeMount", .fields = mount_kinds};
static const struct serde_type volume_map = {SERDE_MAP, "a map", .item = &volume_mount};
static const struct serde_type volumes = {
	SERDE_UNTAGGED, "Volumes",
	.alternatives = (const struct serde_type *const[]){&serde_strings, &volume_map, NULL}};

static const struct serde_type format = {
	SERDE_VARIANT, "variant identifier",
	.variants = (const char *const[]){"str", "string", "bin", "binary", NULL}};
static const struct serde_field at_end_fields[] = {{"format", &format, SERDE_OPTIONAL}, {NULL, NULL, 0}};
static const struct serde_field stream_fields[] = {
	{"limit", &usize, SERDE_OPTIONAL}, {"format", &format, SERDE_OPTIONAL}, {NULL, NULL, 0}};
static const struct serde_type at_end = {SERDE_FLAT, "struct variant CaptureMode::AtEnd",
					 .fields = at_end_fields};
static const struct serde_type stream = {SERDE_STRUCT, "struct variant CaptureMode::Stream",
					 .fields = stream_fields};
static const struct serde_field mode_kinds[] = {
	{"atEnd", &at_end, 0}, {"stream", &stream, 0}, {NULL, NULL, 0}};
static const struct serde_type mode = {SERDE_TAGGED, "enum CaptureMode", .fields = mode_kinds};
static const struct serde_field capture_fields[] = {
	{"stdout", &mode, SERDE_OPTIONAL}, {"stderr", &mode, SERDE_OPTIONAL}, {NULL, NULL, 0}};
static const struct serde_type capture_type = {SERDE_STRUCT, "struct Capture", .fields = capture_fields};

static const struct serde_field deploy_fields[] = {{"net", &networks, SERDE_DEFAULTED},
						   {"hosts", &text_map, SERDE_DEFAULTED},
						   {"hostname", &serde_string, SERDE_OPTIONAL},
						   {"volumes", &volumes, SERDE_OPTIONAL},
						   {"env", &text_map, SERDE_DEFAULTED},
						   {"progress", &progress, SERDE_OPTIONAL},
						   {NULL, NULL, 0}};
static const struct serde_field start_fields[] = {{"args", &serde_strings, SERDE_DEFAULTED}, {NULL, NULL, 0}};
static const struct serde_field run_fields[] = {{"entry_point", &serde_string, 0},
						{"args", &serde_strings, SERDE_DEFAULTED},
						{"capture", &capture_type, SERDE_OPTIONAL},
						{NULL, NULL, 0}};
static const struct serde_field transfer_fields[] = {
	{"from", &serde_string, 0}, {"to", &serde_string, 0}, {NULL, NULL, 0}};

#define VARIANT(name) "struct variant ExeScriptCommand::" name
static const struct serde_type sign = {SERDE_STRUCT, VARIANT("Sign"), .fields = no_fields};
static const struct serde_type deploy = {SERDE_STRUCT, VARIANT("Deploy"), .fields = deploy_fields};
static const struct serde_type start = {SERDE_STRUCT, VARIANT("Start"), .fields = start_fields};
static const struct serde_type run = {SERDE_STRUCT, VARIANT("Run"), .fields = run_fields};
static const struct serde_type transfer = {SERDE_FLAT, VARIANT("Transfer"), .fields = transfer_fields};
static const struct serde_type terminate = {SERDE_STRUCT, VARIANT("Terminate"), .fields = no_fields};

/* In the order of enum exe_kind, which is also the one of the daemon's error text. */
static const struct serde_field kinds[] = {
	{"sign", &sign, 0},         {"deploy", &deploy, 0},       {"start", &start, 0}, {"run", &run, 0},
	{"transfer", &transfer, 0}, {"terminate", &terminate, 0}, {NULL, NULL, 0}};
static const struct serde_type command_type = {SERDE_TAGGED, "enum ExeScriptCommand", .fields = kinds};
static const struct serde_type script_type = {SERDE_LIST, "a sequence", .item = &command_type};

/* "text at line l column c" becomes Error("text", line: l, column: c), the text quoted as Rust does. */
static void word_error(const char *text, struct buf *why)
{
	unsigned long line = 0, column = 0;
	const char *at = NULL;
	for (const char *next = strstr(text, " at line "); next; next = strstr(next + 1, " at line "))
		at = next;
	if (at && sscanf(at, " at line %lu column %lu", &line, &column) != 2)
		at = NULL;
	buf_adds(why, "Error(");
	capture_print_string(text, at ? (size_t)(at - text) : strlen(text), why);
	buf_printf(why, ", line: %lu, column: %lu)", line, column);
}

/* A copy of the text in which the escape for NUL is the one for U+FFFF. */
static char *without_nul(const char *text, size_t len)
{
	char *copy = mem_alloc(len + 1);
	memcpy(copy, text, len);
	for (size_t i = 0; i + 1 < len; i++) {
		if (copy[i] != '\\')
			continue;
		if (len - i >= 6 && memcmp(copy + i, "\\u0000", 6) == 0)
			memcpy(copy + i + 2, "ffff", 4);
		i++; /* what follows a backslash begins no escape */
	}
	return copy;
}

static bool read_number(const cJSON *object, const char *name, size_t *number)
{
	const cJSON *found = cJSON_GetObjectItemCaseSensitive(object, name);
	if (!cJSON_IsNumber(found) || !(found->valuedouble >= 0) ||
	    found->valuedouble != floor(found->valuedouble))
		return false;
	*number = found->valuedouble >= 0x1p62 ? SIZE_MAX / 2 : (size_t)found->valuedouble;
	return true;
}

static struct capture read_capture(const cJSON *body, const char *name)
{
	static const struct {
		const char *name;
		enum capture_part part;
	} parts[] = {{"head", CAPTURE_HEAD}, {"tail", CAPTURE_TAIL}, {"headTail", CAPTURE_HEAD_TAIL}};
	const cJSON *captures = cJSON_GetObjectItemCaseSensitive(body, "capture");
	const cJSON *kind = cJSON_GetObjectItemCaseSensitive(captures, name);
	const cJSON *options = cJSON_IsObject(kind) ? kind->child : NULL;
	struct capture capture = {0};
	if (!options)
		return capture;
	capture.mode = strcmp(options->string, "stream") ? CAPTURE_AT_END : CAPTURE_STREAM;
	const char *shape = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(options, "format"));
	capture.bytes = shape && shape[0] == 'b';
	if (capture.mode == CAPTURE_STREAM) {
		if (read_number(options, "limit", &capture.limit))
			capture.part = CAPTURE_HEAD;
		return capture;
	}
	for (unsigned i = 0; i < sizeof(parts) / sizeof(*parts) && capture.part == CAPTURE_ALL; i++)
		if (read_number(options, parts[i].name, &capture.limit))
			capture.part = parts[i].part;
	return capture;
}

/* serde takes a list of the members in their order for a struct: such lists get the members' names. */
static void name_members(cJSON *value, const struct serde_type *type)
{
	const struct serde_field *field = type->fields;
	bool list = cJSON_IsArray(value) && type->kind == SERDE_STRUCT;
	cJSON *item;
	if (list)
		value->type = cJSON_Object;
	cJSON_ArrayForEach (item, value) {
		if (list && field->name)
			item->string = mem_strdup((field++)->name);
		for (const struct serde_field *one = type->fields; one && one->name; one++)
			if (item->string && strcmp(one->name, item->string) == 0)
				name_members(item, one->type);
		if (type->item)
			name_members(item, type->item);
	}
}

static void read_command(const cJSON *item, struct exe_command *command)
{
	command->body = item->child;
	for (unsigned i = 0; kinds[i].name; i++)
		if (strcmp(kinds[i].name, item->child->string) == 0)
			command->kind = (enum exe_kind)i;
	command->out = command->err = (struct capture){.mode = CAPTURE_STREAM};
	if (command->kind == EXE_RUN) {
		command->out = read_capture(command->body, "stdout");
		command->err = read_capture(command->body, "stderr");
	}
}

struct exe_script *exe_script_parse(const char *text, size_t len, struct buf *why)
{
	BUF_AUTO struct buf problem = {0};
	if (!serde_check(&script_type, text, len, &problem)) {
		word_error(buf_text(&problem), why);
		return NULL;
	}
	MEM_AUTO char *plain = without_nul(text, len);
	cJSON *json = cJSON_ParseWithLength(plain, len);
	if (!json) { /* what serde takes and cJSON does not: lone surrogates are refused by both, depth by serde */
		word_error("recursion limit exceeded at line 1 column 0", why);
		return NULL;
	}
	struct exe_script *script = mem_alloc(sizeof(*script));
	script->json = json;
	name_members(json, &script_type);
	script->commands = mem_alloc(sizeof(*script->commands) * ((size_t)cJSON_GetArraySize(json) + 1));
	const cJSON *item;
	cJSON_ArrayForEach (item, json)
		read_command(item, &script->commands[script->count++]);
	return script;
}

void exe_script_free(struct exe_script *script)
{
	if (!script)
		return;
	cJSON_Delete(script->json);
	free(script->commands);
	free(script);
}

/* A member as given, or what stands for a missing one. */
static void print_member(const cJSON *body, const char *name, const char *fallback, struct buf *out)
{
	const cJSON *found = cJSON_GetObjectItemCaseSensitive(body, name);
	if (out->data[out->len - 1] != '{')
		buf_addc(out, ',');
	buf_printf(out, "\"%s\":", name);
	if (found)
		json_print(found, out);
	else
		buf_adds(out, fallback);
}

static void print_progress(const cJSON *body, struct buf *out)
{
	const cJSON *found = cJSON_GetObjectItemCaseSensitive(body, "progress");
	if (!cJSON_IsObject(found)) {
		buf_adds(out, ",\"progress\":null");
		return;
	}
	buf_adds(out, ",\"progress\":{");
	print_member(found, "updateInterval", "null", out);
	print_member(found, "updateStep", "null", out);
	buf_addc(out, '}');
}

static void print_deploy(const cJSON *body, struct buf *out)
{
	print_member(body, "net", "[]", out);
	print_member(body, "hosts", "{}", out);
	print_member(body, "hostname", "null", out);
	if (cJSON_GetObjectItemCaseSensitive(body, "volumes"))
		print_member(body, "volumes", "", out);
	print_member(body, "env", "{}", out);
	print_progress(body, out);
}

static void print_capture(const char *name, const cJSON *captures, struct buf *out)
{
	const cJSON *kind = cJSON_GetObjectItemCaseSensitive(captures, name);
	static const char *const members[] = {"head", "tail", "headTail", "limit", "format", NULL};
	if (!cJSON_IsObject(kind))
		return;
	if (out->data[out->len - 1] != '{')
		buf_addc(out, ',');
	buf_printf(out, "\"%s\":{\"%s\":{", name, kind->child->string);
	for (const char *const *member = members; *member; member++) {
		const cJSON *value = cJSON_GetObjectItemCaseSensitive(kind->child, *member);
		if (cJSON_IsString(value)) {
			const char *shape = value->valuestring[0] == 'b' ? "\"bin\"" : "\"str\"";
			buf_printf(out, "%s\"%s\":%s", out->data[out->len - 1] == '{' ? "" : ",", *member,
				   shape);
		} else if (cJSON_IsNumber(value)) {
			print_member(kind->child, *member, "", out);
		}
	}
	buf_adds(out, "}}");
}

static void print_run(const cJSON *body, struct buf *out)
{
	const cJSON *captures = cJSON_GetObjectItemCaseSensitive(body, "capture");
	print_member(body, "entry_point", "", out);
	print_member(body, "args", "[]", out);
	if (!cJSON_IsObject(captures))
		return;
	buf_adds(out, ",\"capture\":{");
	print_capture("stdout", captures, out);
	print_capture("stderr", captures, out);
	buf_addc(out, '}');
}

static void print_transfer(const cJSON *body, struct buf *out)
{
	print_member(body, "from", "", out);
	print_member(body, "to", "", out);
	print_member(body, "format", "null", out);
	print_member(body, "depth", "null", out);
	print_member(body, "fileset", "null", out);
	print_progress(body, out);
}

static void print_start(const cJSON *body, struct buf *out)
{
	print_member(body, "args", "[]", out);
}

void exe_command_print(const struct exe_command *command, struct buf *out)
{
	static void (*const printers[])(const cJSON *, struct buf *) = {[EXE_DEPLOY] = print_deploy,
									[EXE_START] = print_start,
									[EXE_RUN] = print_run,
									[EXE_TRANSFER] = print_transfer,
									[EXE_TERMINATE] = NULL};
	buf_printf(out, "{\"%s\":{", kinds[command->kind].name);
	if (printers[command->kind])
		printers[command->kind](command->body, out);
	buf_adds(out, "}}");
}
