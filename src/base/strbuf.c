#include "base/strbuf.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"

void strbuf_done(struct strbuf *buf)
{
	free(buf->data);
	*buf = (struct strbuf){ 0 };
}

void strbuf_reset(struct strbuf *buf)
{
	buf->length = 0;
	if (buf->data)
		buf->data[0] = 0;
}

char *strbuf_reserve(struct strbuf *buf, size_t more)
{
	size_t needed;

	if (__builtin_add_overflow(buf->length + 1, more, &needed))
		abort();
	ARRAY_RESERVE(buf->data, buf->capacity, needed);
	return buf->data + buf->length;
}

void strbuf_add(struct strbuf *buf, const void *data, size_t length)
{
	char *end = strbuf_reserve(buf, length);

	if (length)
		memcpy(end, data, length);
	end[length] = 0;
	buf->length += length;
}

void strbuf_puts(struct strbuf *buf, const char *text)
{
	strbuf_add(buf, text, strlen(text));
}

void strbuf_putc(struct strbuf *buf, char c)
{
	char *end = strbuf_reserve(buf, 1);

	end[0] = c;
	end[1] = 0;
	buf->length++;
}

void strbuf_vprintf(struct strbuf *buf, const char *format, va_list arguments)
{
	va_list again;
	int length;
	char *end;

	va_copy(again, arguments);
	length = vsnprintf(NULL, 0, format, again);
	va_end(again);
	if (length < 0)
		abort();
	end = strbuf_reserve(buf, (size_t)length);
	vsnprintf(end, (size_t)length + 1, format, arguments);
	buf->length += (size_t)length;
}

void strbuf_printf(struct strbuf *buf, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	strbuf_vprintf(buf, format, arguments);
	va_end(arguments);
}

const char *strbuf_text(const struct strbuf *buf)
{
	return buf->data ? buf->data : "";
}

char *strbuf_take(struct strbuf *buf)
{
	char *text = buf->data ? buf->data : mem_strdup("");

	*buf = (struct strbuf){ 0 };
	return text;
}
