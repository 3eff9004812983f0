/*
 * TAP for unit tests: each test is a function without arguments, named after the behaviour it shows, and run by
 * TEST(function). CHECK() says what was not so, and the program goes on.
 */
#ifndef UNIT_CHECK_H
#define UNIT_CHECK_H

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static unsigned check_tests, check_bad_tests;
static bool check_failed;

#define CHECK(condition)                                                                                     \
	do {                                                                                                 \
		if (!(condition)) {                                                                          \
			check_failed = true;                                                                 \
			printf("# %s:%d: not so: %s\n", __FILE__, __LINE__, #condition);                     \
		}                                                                                            \
	} while (0)

/* TAP knows no line breaks inside a line. */
static inline void check_print(const char *text)
{
	for (; *text; text++)
		*text == '\n' ? fputs("\\n", stdout) : putchar(*text);
}

static inline void check_text(const char *given, const char *wanted, const char *file, int line)
{
	if (!strcmp(given, wanted))
		return;
	check_failed = true;
	printf("# %s:%d: '", file, line);
	check_print(given);
	printf("', not '");
	check_print(wanted);
	printf("'\n");
}
#define CHECK_TEXT(given, wanted) check_text(given, wanted, __FILE__, __LINE__)

/* "a_note_is_accepted_once" -> "ok 1 - a note is accepted once" */
static inline void check_run(void (*test)(void), const char *name)
{
	check_failed = false;
	test();
	printf("%s %u - ", check_failed ? "not ok" : "ok", ++check_tests);
	for (; *name; name++)
		putchar(*name == '_' ? ' ' : *name);
	putchar('\n');
	fflush(stdout);
	check_bad_tests += check_failed;
}
#define TEST(test) check_run(test, #test)

static inline int check_end(void)
{
	printf("1..%u\n", check_tests);
	return check_bad_tests ? 1 : 0;
}

#endif
