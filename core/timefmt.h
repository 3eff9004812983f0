/*
 * Times as text: RFC 3339, the only form that yagna and golemfs use.
 */
#ifndef CORE_TIMEFMT_H
#define CORE_TIMEFMT_H

#include <stdbool.h>
#include <time.h>

enum { TIMEFMT_SIZE = 40 };

/* Any offset ("Z", "+02:00") and any number of decimals (those beyond nine are dropped); years 1970 to 9999.
 */
bool timefmt_parse(const char *text, struct timespec *time);
/* UTC with `digits` decimals (0 to 9), "2026-01-02T03:04:05.123Z". */
void timefmt_print(char out[TIMEFMT_SIZE], const struct timespec *time, unsigned digits);
struct timespec timefmt_now(void);
/* Milliseconds from a to b, negative when b is earlier. */
long long timefmt_ms_between(const struct timespec *a, const struct timespec *b);

#endif
