#include "base/err.h"

#include <stdio.h>
#include <string.h>

int err_set(struct err *err, int code, const char *format, ...)
{
	va_list arguments;

	if (!err)
		return code;
	va_start(arguments, format);
	vsnprintf(err->text, sizeof(err->text), format, arguments);
	va_end(arguments);
	return code;
}

int err_prefix(struct err *err, int code, const char *format, ...)
{
	char whole[2 * sizeof(err->text)];
	va_list arguments;
	size_t length;

	if (!err)
		return code;
	va_start(arguments, format);
	vsnprintf(whole, sizeof(err->text), format, arguments);
	va_end(arguments);
	length = strlen(whole);
	snprintf(whole + length, sizeof(whole) - length, ": %s", err->text);
	whole[sizeof(err->text) - 1] = 0;
	memcpy(err->text, whole, sizeof(err->text));
	return code;
}
