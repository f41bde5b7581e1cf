/* UTF-8 as RFC 3629 has it. */
#ifndef WEIR_BASE_UTF8_H
#define WEIR_BASE_UTF8_H

#include <stddef.h>
#include <stdint.h>

/* Bytes of the character at `text` (ended by 0) and its code point; 0 when there is none. */
unsigned utf8_read(const char *text, uint32_t *ret_point);
/* The largest length up to `length` at which `text` can be cut without splitting a character. */
size_t utf8_cut(const char *text, size_t length);
/* Makes one printable line of it, in place: each control character and each byte that is no UTF-8 becomes '?'. */
void utf8_clean(char *text);

#endif
