/* Aligned tables. Columns are as wide as what is in them; when the sum is wider than the terminal, the
 * columns that may shrink do so, the widest first, and their cells end with "…". */
#ifndef WEIR_CLI_TABLE_H
#define WEIR_CLI_TABLE_H

#include "base/mem.h"
#include "cli/terminal.h"

enum table_flags {
	TABLE_RIGHT = 1,  /* numbers */
	TABLE_SHRINK = 2, /* may be cut */
	TABLE_SPARE = 4,  /* is left out, the leftmost first, when cutting is not enough */
};

struct table;

struct table *table_new(void);
void table_free(struct table *table); /* takes NULL */
DEFINE_CLEANUP(struct table *, table_free)

/* All columns come before the first cell. `title` is borrowed. */
void table_column(struct table *table, const char *title, unsigned flags);
/* As above; the column shrinks, but not below `minimum`. */
void table_column_least(struct table *table, const char *title, size_t minimum);
/* The next cell, left to right; rows end by themselves when full. The text is copied. */
void table_cell(struct table *table, enum style style, const char *text);
void table_cellf(struct table *table, enum style style, const char *format, ...) __attribute__((format(printf, 3, 4)));
size_t table_rows(const struct table *table);

/* Appends the table. `width` 0: as wide as it is. */
void table_render(const struct table *table, size_t width, bool colours, struct strbuf *out);
/* To a stream, at its width, in colours where it has them. */
void table_print(const struct table *table, FILE *stream);

#endif
