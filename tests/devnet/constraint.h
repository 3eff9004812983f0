/*
 * The constraint language of the market: prefix filters over flat properties (reference/yagna-api.md 2.8).
 *
 * Reading follows the daemon's own parser down to its peculiarities, because clients see them: a name reaches to
 * the next of = < > ~ whatever stands between, a value to the next closing parenthesis, `(name=*` is presence
 * and nothing else, text behind the filter is ignored, and an unfinished filter is told by how many bytes it
 * would have to be long.
 */
#ifndef DEVNET_CONSTRAINT_H
#define DEVNET_CONSTRAINT_H

#include <cjson/cJSON.h>
#include <stdbool.h>

#include "core/buf.h"

struct constraint;

enum constraint_result { CONSTRAINT_FALSE, CONSTRAINT_TRUE, CONSTRAINT_UNDEFINED };

/* NULL when the text is no filter; then *building says whether it was the second step (names) that failed, and the
 * daemon's words are appended to `why`. Both may be NULL. */
struct constraint *constraint_parse(const char *text, bool *building, struct buf *why);
void constraint_free(struct constraint *constraint);

/* `properties` is a flat object (properties.h). The names that could not be resolved are appended to `missing`,
 * a list of strings, which may be NULL. */
enum constraint_result constraint_evaluate(const struct constraint *constraint, const cJSON *properties,
					   cJSON *missing);

#endif
