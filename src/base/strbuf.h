/* A growing string. Invariant: data[length] is 0 whenever data is not NULL; strbuf_text() is never NULL. */
#ifndef WEIR_BASE_STRBUF_H
#define WEIR_BASE_STRBUF_H

#include <stdarg.h>
#include <stddef.h>

struct strbuf {
	char *data;
	size_t length;
	size_t capacity;
};

void strbuf_done(struct strbuf *buf); /* frees; the buffer may be used again */
void strbuf_reset(struct strbuf *buf); /* length 0, memory kept */
void strbuf_add(struct strbuf *buf, const void *data, size_t length);
void strbuf_puts(struct strbuf *buf, const char *text);
void strbuf_putc(struct strbuf *buf, char c);
void strbuf_printf(struct strbuf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
void strbuf_vprintf(struct strbuf *buf, const char *format, va_list arguments) __attribute__((format(printf, 2, 0)));
/* Room for `more` bytes and a final 0 behind the text; gives the end of the text. Whoever writes there adds to
 * `length` and puts the 0 back. */
char *strbuf_reserve(struct strbuf *buf, size_t more);
const char *strbuf_text(const struct strbuf *buf);
char *strbuf_take(struct strbuf *buf); /* the caller frees; the buffer is empty after; never NULL */

#define cleanup_strbuf __attribute__((__cleanup__(strbuf_done)))

#endif
