#include "core/agent/delivery.h"

#include <stdio.h>
#include <string.h>

#include "core/agent/envelope.h"
#include "core/mem.h"

/* The program, put here by embedded.S; both the same where there is none. */
extern const unsigned char agent_image_begin[], agent_image_end[];

static size_t image_size(void)
{
	return (uintptr_t)agent_image_end - (uintptr_t)agent_image_begin;
}

enum {
	/* One argument may have 131,071 bytes (reference/agent.md, Delivery). A multiple of four: base64 is cut at
	 * whole groups, octal escapes have four characters. */
	PART_MAX = 100000,
};

/* $1 token, $2 port, $3 lease, $4 name of the directory, $5 whom to greet, then the parts of the program. */
static const char script_head[] = "token=$1 port=$2 lease=$3 name=$4 greeted=$5; shift 5; umask 077\n";
static const char script_base64[] = "base64 -d </dev/null >/dev/null 2>&1 || { echo no base64; exit 0; }\n"
				    "unpack() { printf %s \"$@\" | base64 -d; }\n";
static const char script_octal[] = "unpack() { for part do printf \"$part\"; done; }\n";
static const char script_tail[] =
	"for place in \"$TMPDIR\" /tmp /var/tmp /run /dev/shm \"$HOME\" /golem/work \"$PWD\"; do\n"
	"  directory=$place/$name\n"
	"  [ -n \"$place\" ] && mkdir \"$directory\" 2>/dev/null || continue\n"
	"  unpack \"$@\" 2>/dev/null >\"$directory/agent\" && printf %s \"$token\" >\"$directory/token\" &&\n"
	"  chmod 700 \"$directory/agent\" && \"$directory/agent\" serve \"$directory\" \"$port\" \"$lease\" "
	"$greeted "
	"2>/dev/null &&\n"
	"  { printf '%s\\n' \"$directory\"; exit 0; }\n"
	"  rm -rf \"$directory\"\n"
	"done\n"
	"echo no place\n";

bool delivery_available(void)
{
	return image_size() > 0;
}

static char *hex(const uint8_t *data, size_t len)
{
	struct buf out = {0};

	for (size_t i = 0; i < len; i++)
		buf_printf(&out, "%02x", data[i]);
	return buf_take(&out);
}

static void encode(struct buf *out, bool octal)
{
	size_t len = image_size();

	if (!octal) {
		envelope_base64(out, agent_image_begin, len);
		return;
	}
	for (size_t i = 0; i < len; i++)
		buf_printf(out, "\\%03o", agent_image_begin[i]);
}

char **delivery_arguments(const struct delivery *delivery)
{
	BUF_AUTO struct buf program = {0};
	char **arguments;
	size_t parts, n = 0;

	encode(&program, delivery->octal);
	parts = (program.len + PART_MAX - 1) / PART_MAX;
	arguments = mem_alloc((parts + 9) * sizeof *arguments);
	arguments[n++] = mem_strdup("-c");
	arguments[n++] = mem_printf("%s%s%s", script_head, delivery->octal ? script_octal : script_base64,
				    script_tail);
	arguments[n++] = mem_strdup("sh");
	arguments[n++] = hex(delivery->token, AGENT_TOKEN_SIZE);
	arguments[n++] = mem_printf("%u", delivery->port);
	arguments[n++] = mem_printf("%u", delivery->lease_s);
	arguments[n++] = mem_strdup(delivery->name);
	arguments[n++] = mem_strdup(delivery->greeted);
	for (size_t at = 0; at < program.len; at += PART_MAX) {
		size_t left = program.len - at;
		char *part = mem_dup(program.data + at, (left < PART_MAX ? left : PART_MAX) + 1);

		part[left < PART_MAX ? left : PART_MAX] = 0;
		arguments[n++] = part;
	}
	return arguments;
}

void delivery_free(char **arguments)
{
	for (char **at = arguments; at && *at; at++)
		free(*at);
	free(arguments);
}

char *delivery_token_text(const uint8_t *token)
{
	return hex(token, AGENT_TOKEN_SIZE);
}

bool delivery_read_token(const char *text, uint8_t *token)
{
	unsigned byte;

	if (strlen(text) != 2 * AGENT_TOKEN_SIZE)
		return false;
	for (unsigned i = 0; i < AGENT_TOKEN_SIZE; i++) {
		if (sscanf(text + 2 * i, "%2x", &byte) != 1)
			return false;
		token[i] = (uint8_t)byte;
	}
	return true;
}

char **delivery_call(const char *directory, const uint8_t *session, const struct buf *messages, size_t *count)
{
	BUF_AUTO struct buf text = {0};
	char **arguments;

	envelope_base64(&text, messages->data, messages->len);
	arguments = mem_alloc((text.len / PART_MAX + 5) * sizeof *arguments);
	arguments[0] = mem_strdup("call");
	arguments[1] = mem_strdup(directory);
	arguments[2] = hex(session, AGENT_SESSION_SIZE);
	*count = 3;
	for (size_t at = 0; at < text.len; at += PART_MAX) {
		size_t left = text.len - at;

		arguments[(*count)++] =
			mem_printf("%.*s", (int)(left < PART_MAX ? left : PART_MAX), text.data + at);
	}
	return arguments;
}

enum delivery_outcome delivery_read(const char *output, size_t len, char **directory)
{
	static const char no_base64[] = "no base64\n";
	const char *end = memchr(output, '\n', len);

	*directory = NULL;
	if (len == sizeof(no_base64) - 1 && memcmp(output, no_base64, len) == 0)
		return DELIVERY_NO_BASE64;
	if (!len || output[0] != '/' || !end || end + 1 != output + len || memchr(output, 0, len))
		return DELIVERY_NO_PLACE;
	*directory = mem_printf("%.*s", (int)(len - 1), output);
	return DELIVERY_DONE;
}
