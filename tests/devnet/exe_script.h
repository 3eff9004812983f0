/*
 * An exe-script: the commands of one batch, read from the text inside an exec body as the real daemon reads them,
 * with its words for what is wrong (reference/yagna-api.md 5.4, 5.5).
 */
#ifndef DEVNET_EXE_SCRIPT_H
#define DEVNET_EXE_SCRIPT_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>

#include "core/buf.h"
#include "tests/devnet/capture.h"

enum exe_kind { EXE_SIGN, EXE_DEPLOY, EXE_START, EXE_RUN, EXE_TRANSFER, EXE_TERMINATE };

struct exe_command {
	enum exe_kind kind;
	const cJSON *body;       /* the member's value, as given */
	struct capture out, err; /* of run; the others capture everything as text, and stream it */
};

struct exe_script {
	cJSON *json; /* owns the bodies */
	struct exe_command *commands;
	unsigned count;
};

/* NULL with the daemon's sentence in *why: Error("…", line: 1, column: 8). */
struct exe_script *exe_script_parse(const char *text, size_t len, struct buf *why);
void exe_script_free(struct exe_script *script);

/* The command as `started` events repeat it: defaults filled in. */
void exe_command_print(const struct exe_command *command, struct buf *out);

/* Bytes of "512MiB", "10g" (decimal units without an i); NULL, or why it is refused. */
const char *exe_size_parse(const char *text);

/* NUL characters of the script's texts are kept as this one, which no valid text holds: cJSON ends texts at NUL. */
#define EXE_SCRIPT_NUL "\xef\xbf\xbf"

#endif
