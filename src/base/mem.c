#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static _Noreturn void out_of_memory(size_t size)
{
	fprintf(stderr, "weir: out of memory: %zu bytes were asked for\n", size);
	abort();
}

void *mem_alloc(size_t size)
{
	void *data = calloc(1, size ? size : 1);

	if (!data)
		out_of_memory(size);
	return data;
}

void *mem_resize(void *old, size_t count, size_t size)
{
	size_t bytes;
	void *data;

	if (__builtin_mul_overflow(count, size, &bytes))
		out_of_memory((size_t)-1);
	data = realloc(old, bytes ? bytes : 1);
	if (!data)
		out_of_memory(bytes);
	return data;
}

void *mem_dup(const void *data, size_t size)
{
	void *copy = mem_resize(NULL, 1, size);

	if (size)
		memcpy(copy, data, size);
	return copy;
}

char *mem_strndup(const char *text, size_t length)
{
	char *copy = mem_resize(NULL, 1, length + 1);

	memcpy(copy, text, length);
	copy[length] = 0;
	return copy;
}

char *mem_strdup(const char *text)
{
	return mem_strndup(text, strlen(text));
}

char *mem_printf(const char *format, ...)
{
	va_list arguments;
	char *text;
	int length;

	va_start(arguments, format);
	length = vasprintf(&text, format, arguments);
	va_end(arguments);
	if (length < 0)
		out_of_memory(0);
	return text;
}
