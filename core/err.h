/*
 * An error as a value: an errno and one sentence, made where the cause is known and passed up unchanged.
 * The errnos are those of docs/reference ("Errors"); fs gives them to the caller as they are.
 */
#ifndef CORE_ERR_H
#define CORE_ERR_H

#include <errno.h>
#include <stdbool.h>

enum { ERR_TEXT_MAX = 400 };

struct err {
	int code; /* 0: no error, else a positive errno */
	char text[ERR_TEXT_MAX];
};

/* Fills *err (which may be NULL when nobody asks for the sentence) and returns -1, for `return err_set(…)`. */
int err_set(struct err *err, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));
void err_clear(struct err *err);

#endif
