#include "core/err.h"

#include <stdarg.h>
#include <stdio.h>

int err_set(struct err *err, int code, const char *format, ...)
{
	if (!err)
		return -1;
	char text[ERR_TEXT_MAX]; /* the arguments may be the old sentence itself */
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	*err = (struct err){.code = code};
	snprintf(err->text, sizeof(err->text), "%s", text);
	return -1;
}

void err_clear(struct err *err)
{
	if (!err)
		return;
	err->code = 0;
	err->text[0] = '\0';
}
