/* Errors: a negative errno for the program, a sentence for the person.
 *
 * A function that can fail returns 0 (or a count) or a negative errno. Where a person will read the
 * reason it takes a `struct err *` last and fills it. On failure it leaves its outputs untouched.
 */
#ifndef WEIR_BASE_ERR_H
#define WEIR_BASE_ERR_H

#include <errno.h>
#include <stdarg.h>

struct err {
	char text[512]; /* a sentence without a final stop; "" when nothing went wrong */
};

/* Writes the sentence and gives back `code`, so that callers can write `return err_set(...)`.
 * `code` is negative. `err` may be NULL. A text that is too long is cut. */
int err_set(struct err *err, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Puts "prefix: " before the sentence that is there. Gives back `code`. */
int err_prefix(struct err *err, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
