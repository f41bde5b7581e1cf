/* The terminal: its width, colours, how wide text is on it, and output that is redrawn in place. */
#ifndef WEIR_CLI_TERMINAL_H
#define WEIR_CLI_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/strbuf.h"

enum style { STYLE_PLAIN, STYLE_BOLD, STYLE_DIM, STYLE_GOOD, STYLE_ACTIVE, STYLE_WAITING, STYLE_BAD, STYLE_COUNT };

bool terminal_is(FILE *stream);
/* Columns: COLUMNS when set, else the terminal's; 0 where there is none to fit into. */
size_t terminal_width(FILE *stream);
size_t terminal_height(FILE *stream); /* 0 unknown */
/* On a terminal, unless NO_COLOR is set (no-color.org) or TERM is dumb. */
bool terminal_colours(FILE *stream);

/* The escape sequence that begins a style ("" for plain) and the one that ends any. */
const char *style_begin(enum style style);
const char *style_end(enum style style);
/* How a demand's state or a site's condition is shown. */
enum style style_of_state(const char *state);
enum style style_of_condition(const char *condition);

/* Columns that the UTF-8 text takes; ideographs take two. Bytes that are no UTF-8 count one each. */
size_t text_width(const char *text);
/* Appends `text` without control characters, cut to `width` columns with a final "…" when it is longer
 * (SIZE_MAX: never cut). Gives the columns used. */
size_t text_add_cut(struct strbuf *out, const char *text, size_t width);

/* Text that takes the place of what was shown before. On anything but a terminal it is printed only once
 * by screen_end. */
struct screen {
	FILE *stream;
	bool live;
	size_t lines; /* rows shown now */
};
void screen_init(struct screen *screen, FILE *stream);
/* Lines end with '\n'; those beyond the terminal's height are left out, with a note. */
void screen_show(struct screen *screen, const char *text);
void screen_clear(struct screen *screen); /* takes back what is shown */
void screen_end(struct screen *screen);   /* what is shown stays */

/* A line that says how long work goes, on standard error when that is a terminal; else nothing. */
void progress_show(const char *format, ...) __attribute__((format(printf, 1, 2)));
void progress_clear(void);

/* A bar of `width` columns for 0 to 1000; appended. */
void bar_add(struct strbuf *out, int permille, size_t width);

#endif
