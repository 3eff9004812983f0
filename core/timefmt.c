#include "core/timefmt.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

static bool number(const char **at, unsigned digits, int min, int max, int *out)
{
	*out = 0;
	for (; digits; digits--, ++*at) {
		if (!isdigit((unsigned char)**at))
			return false;
		*out = *out * 10 + (**at - '0');
	}
	return *out >= min && *out <= max;
}

static bool literal(const char **at, char c)
{
	if (**at != c)
		return false;
	++*at;
	return true;
}

static bool fraction(const char **at, long *nanoseconds)
{
	long unit = 100000000;

	*nanoseconds = 0;
	if (!literal(at, '.'))
		return true;
	if (!isdigit((unsigned char)**at))
		return false;
	for (; isdigit((unsigned char)**at); ++*at, unit /= 10)
		*nanoseconds += (**at - '0') * unit;
	return true;
}

static bool offset(const char **at, int *seconds)
{
	int hours, minutes, sign = **at == '-' ? -1 : 1;

	*seconds = 0;
	if (literal(at, 'Z') || literal(at, 'z'))
		return true;
	if (!literal(at, '+') && !literal(at, '-'))
		return false;
	if (!number(at, 2, 0, 23, &hours) || !literal(at, ':') || !number(at, 2, 0, 59, &minutes))
		return false;
	*seconds = sign * (hours * 3600 + minutes * 60);
	return true;
}

bool timefmt_parse(const char *text, struct timespec *time)
{
	struct tm tm = {0};
	const char *at = text;
	long nanoseconds;
	int zone;

	if (!number(&at, 4, 1970, 9999, &tm.tm_year) || !literal(&at, '-') ||
	    !number(&at, 2, 1, 12, &tm.tm_mon) || !literal(&at, '-') || !number(&at, 2, 1, 31, &tm.tm_mday))
		return false;
	if (!literal(&at, 'T') && !literal(&at, 't') && !literal(&at, ' '))
		return false;
	if (!number(&at, 2, 0, 23, &tm.tm_hour) || !literal(&at, ':') || !number(&at, 2, 0, 59, &tm.tm_min) ||
	    !literal(&at, ':') || !number(&at, 2, 0, 60, &tm.tm_sec))
		return false;
	if (!fraction(&at, &nanoseconds) || !offset(&at, &zone) || *at)
		return false;
	tm.tm_year -= 1900;
	tm.tm_mon -= 1;
	time->tv_sec = timegm(&tm) - zone;
	time->tv_nsec = nanoseconds;
	return true;
}

void timefmt_print(char out[TIMEFMT_SIZE], const struct timespec *time, unsigned digits)
{
	struct tm tm;
	char decimals[12] = "";
	char date[24] = "";

	if (digits) {
		snprintf(decimals, sizeof(decimals), ".%09ld", time->tv_nsec);
		decimals[1 + (digits < 9 ? digits : 9)] = '\0';
	}
	if (gmtime_r(&time->tv_sec, &tm))
		strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(out, TIMEFMT_SIZE, "%s%sZ", date, decimals);
}

struct timespec timefmt_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return now;
}

long long timefmt_ms_between(const struct timespec *a, const struct timespec *b)
{
	return ((long long)b->tv_sec - a->tv_sec) * 1000 + (b->tv_nsec - a->tv_nsec) / 1000000;
}
