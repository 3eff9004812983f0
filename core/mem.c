#include "core/mem.h"

#ifdef __GLIBC__
#include <malloc.h>
#endif

#include <stdarg.h>
#include <unistd.h>

/* _exit: the handlers of exit() would want memory too. */
static void *must(void *memory)
{
	if (memory)
		return memory;
	static const char text[] = "out of memory\n";
	ssize_t written = write(STDERR_FILENO, text, sizeof(text) - 1);
	_exit(written > 0 ? EXIT_FAILURE : EXIT_FAILURE + 1);
}

void *mem_alloc(size_t size)
{
	return must(calloc(1, size ? size : 1));
}

void *mem_resize(void *old, size_t size)
{
	return must(realloc(old, size ? size : 1));
}

char *mem_strdup(const char *text)
{
	return must(strdup(text));
}

void *mem_dup(const void *data, size_t size)
{
	void *copy = mem_alloc(size);

	if (size)
		memcpy(copy, data, size);
	return copy;
}

char *mem_printf(const char *format, ...)
{
	va_list args;
	char *text = NULL;

	va_start(args, format);
	if (vasprintf(&text, format, args) < 0)
		text = NULL;
	va_end(args);
	return must(text);
}

void mem_give_back(void)
{
#ifdef __GLIBC__
	malloc_trim(0);
#endif
}
