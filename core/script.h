/*
 * The scripts that a provider is asked to execute (reference/yagna-api.md 5.5). Pure.
 *
 * Commands run through the image's /bin/sh: a run has no environment, no working directory and no PATH search of its
 * own. The shell stays the parent of a shell text, so that a child's death by a signal is counted as 128+signal by
 * somebody who knows the signal (the provider reports any such death as -1).
 */
#ifndef CORE_SCRIPT_H
#define CORE_SCRIPT_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>

#include "core/err.h"

/* What surrounds a command: both as the settings give them, "" for none. */
struct script_place {
	const char *env, *workdir;
};

/* 0, or -1 with EINVAL when the text is a JSON array, but not one of at least one text. */
int script_check(const char *text, size_t len, struct err *err);
/* One run with captured and streamed output. `text`: for the shell, or a JSON array of strings: an argument vector.
 * The caller deletes. */
cJSON *script_run(const char *text, size_t len, const struct script_place *place);
/* deploy (with `net`, consumed; NULL: no network), start, the delivery of the agent (`agent`, consumed; NULL: none) and, unless it is empty, the setup script in
 * one batch; `again`: terminate before, for a fresh machine under the same agreement (5.8). `stages` gets what the
 * commands of the batch are, for messages and for whoever looks for the result of one. */
enum script_stage { STAGE_TERMINATE, STAGE_DEPLOY, STAGE_START, STAGE_AGENT, STAGE_SETUP, STAGES };
cJSON *script_deploy(const char *volumes, cJSON *net, bool again, cJSON *agent, const char *setup,
		     const struct script_place *place, enum script_stage stages[STAGES]);
/* The setup script alone. */
cJSON *script_setup(const char *setup, const struct script_place *place);
cJSON *script_terminate(void);
/* {"run":…} of a program with both outputs captured as text. */
cJSON *script_program_run(const char *program, char *const *arguments, size_t count);
const char *script_stage_name(enum script_stage stage);

/* A command as the agent starts it: argv, additions to the environment and the directory ("" for the agent's own). */
struct script_program {
	char **argv, **environment;
	char *directory;
};
void script_program(struct script_program *program, const char *text, size_t len,
		    const struct script_place *place);
void script_program_free(struct script_program *program);

#endif
