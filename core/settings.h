/*
 * The settings of a backend: the table behind `config/` and KEY=VALUE (design 2.4), with the check of each value.
 * Values are kept as the text that was given, checked once when set, and read by number, amount or list here.
 */
#ifndef CORE_SETTINGS_H
#define CORE_SETTINGS_H

#include "core/backend.h"
#include "core/decimal.h"

enum setting_id {
	SET_IMAGE,
	SET_RUNTIME,
	SET_CAPABILITIES,
	SET_MIN_CPU_THREADS,
	SET_MIN_CPU_CORES,
	SET_MIN_MEM_GIB,
	SET_MIN_STORAGE_GIB,
	SET_SUBNET,
	SET_NETWORKING,
	SET_RENT_HOURS,
	SET_MAX_INSTANCES,
	SET_MAX_GLM_PER_HOUR,
	SET_MAX_START_PRICE,
	SET_MAX_CPU_PER_HOUR_PRICE,
	SET_MAX_ENV_PER_HOUR_PRICE,
	SET_BUDGET,
	SET_PAYMENT_NETWORK,
	SET_PAYMENT_DRIVER,
	SET_WITH_PROVIDERS,
	SET_WITHOUT_PROVIDERS,
	SET_VOLUMES,
	SET_ENV,
	SET_WORKDIR,
	SET_RENT_TIMEOUT,
	SET_AGENT,
	SET_DEPLOY_TIMEOUT,
	SET_COMMAND_TIMEOUT,
	SET_OUTPUT_LIMIT,
	SET_IDLE_TIMEOUT,
	SET_SETUP,
	SET_TEARDOWN,
	SETTINGS
};

/* What was set of a backend, or of an instance over its backend's: NULL is "not set". A zeroed one is empty. */
struct values {
	char *text[SETTINGS];
};

void values_free(struct values *values);

/* NULL with EINVAL for an unknown key. */
const struct setting *setting_find(const char *name, struct err *err);
enum setting_id setting_id(const struct setting *setting);
/* Checks and keeps; empty restores "not set". EINVAL with a sentence that names key and value. */
int values_set(struct values *values, enum setting_id id, const char *value, size_t len, struct err *err);

/* The text in force: `own`, else `base` (may be NULL), else the default; NULL where the default depends. */
const char *values_text(const struct values *own, const struct values *base, enum setting_id id);

/* Of a text that passed the check. */
double setting_number(const char *text);
uint64_t setting_ms(const char *text);
void setting_glm(const char *text, struct decimal *out);

enum { NETWORKS_MAX = 16 };

/* What a value of `networking` asks for; of NETWORKING_NAMES setting_next_item() gives the names. */
enum networking { NETWORKING_NO, NETWORKING_YES, NETWORKING_RANGE, NETWORKING_NAMES };
enum networking setting_networking(const char *text);

/* One provider against a list of ids, names and /regex/ separated by blanks, commas or newlines. */
bool setting_lists_provider(const char *list, const char *id, const char *name);

/* Walks the items of a list (blanks, commas or newlines between them); *cursor starts as the text. NULL at the end; the caller frees. */
char *setting_next_item(const char **cursor);

#endif
