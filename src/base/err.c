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
	char before[sizeof(err->text)];
	char after[sizeof(err->text)];
	va_list arguments;
	size_t length;

	if (!err)
		return code;
	va_start(arguments, format);
	vsnprintf(before, sizeof(before), format, arguments);
	va_end(arguments);
	memcpy(after, err->text, sizeof(after));
	length = strlen(before);
	memcpy(err->text, before, length + 1);
	snprintf(err->text + length, sizeof(err->text) - length, ": %s", after);
	return code;
}
