#include "cli/table.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#define GAP 2
#define NARROWEST 6 /* a column is not made narrower than this, or than its title */

struct column {
	const char *title;
	unsigned flags;
	size_t width, minimum;
};

struct cell {
	char *text;
	size_t width;
	enum style style;
};

struct table {
	struct column *columns;
	size_t column_count, column_capacity;
	struct cell *cells;
	size_t cell_count, cell_capacity;
};

struct table *table_new(void)
{
	return mem_alloc(sizeof(struct table));
}

void table_free(struct table *table)
{
	if (!table)
		return;
	for (size_t i = 0; i < table->cell_count; i++)
		free(table->cells[i].text);
	free(table->cells);
	free(table->columns);
	free(table);
}

void table_column(struct table *table, const char *title, unsigned flags)
{
	ARRAY_RESERVE(table->columns, table->column_capacity, table->column_count + 1);
	table->columns[table->column_count++] =
		(struct column){ .title = title, .flags = flags, .width = text_width(title), .minimum = NARROWEST };
}

void table_column_least(struct table *table, const char *title, size_t minimum)
{
	table_column(table, title, TABLE_SHRINK);
	table->columns[table->column_count - 1].minimum = minimum;
}

void table_cell(struct table *table, enum style style, const char *text)
{
	struct column *column = &table->columns[table->cell_count % table->column_count];
	size_t width = text_width(text);

	ARRAY_RESERVE(table->cells, table->cell_capacity, table->cell_count + 1);
	table->cells[table->cell_count++] = (struct cell){ .text = mem_strdup(text), .width = width, .style = style };
	if (width > column->width)
		column->width = width;
}

void table_cellf(struct table *table, enum style style, const char *format, ...)
{
	cleanup_strbuf struct strbuf text = { 0 };
	va_list arguments;

	va_start(arguments, format);
	strbuf_vprintf(&text, format, arguments);
	va_end(arguments);
	table_cell(table, style, strbuf_text(&text));
}

size_t table_rows(const struct table *table)
{
	return table->column_count ? table->cell_count / table->column_count : 0;
}

static size_t narrowest(const struct column *column)
{
	size_t title = text_width(column->title);

	return title > column->minimum ? title : column->minimum;
}

#define LEFT_OUT SIZE_MAX /* in place of a width */

/* Whether it fits once all that may shrink has. */
static bool fits(const struct table *table, size_t width, const size_t *widths)
{
	size_t total = 0;

	for (size_t i = 0; i < table->column_count; i++)
		if (widths[i] != LEFT_OUT)
			total += (total ? GAP : 0) +
				 (table->columns[i].flags & TABLE_SHRINK && widths[i] > narrowest(&table->columns[i]) ?
					  narrowest(&table->columns[i]) : widths[i]);
	return total <= width;
}

static void leave_out(const struct table *table, size_t width, size_t *widths)
{
	for (size_t i = 0; i < table->column_count && !fits(table, width, widths); i++)
		if (table->columns[i].flags & TABLE_SPARE)
			widths[i] = LEFT_OUT;
}

/* Takes columns away one by one from whichever shrinking column is widest: those end up alike. */
static void shrink(const struct table *table, size_t width, size_t *widths)
{
	size_t total = 0;

	for (size_t i = 0; i < table->column_count; i++)
		if (widths[i] != LEFT_OUT)
			total += widths[i] + (total ? GAP : 0);
	while (total > width) {
		size_t widest = table->column_count;

		for (size_t i = 0; i < table->column_count; i++)
			if ((table->columns[i].flags & TABLE_SHRINK) && widths[i] != LEFT_OUT &&
			    widths[i] > narrowest(&table->columns[i]) &&
			    (widest == table->column_count || widths[i] > widths[widest]))
				widest = i;
		if (widest == table->column_count)
			return;
		widths[widest]--;
		total--;
	}
}

static void fit(const struct table *table, size_t width, size_t *widths)
{
	for (size_t i = 0; i < table->column_count; i++)
		widths[i] = table->columns[i].width;
	if (width) {
		leave_out(table, width, widths);
		shrink(table, width, widths);
	}
}

struct row_cell {
	const char *text;
	enum style style;
};

static void render_row(const struct table *table, const struct row_cell *cells, const size_t *widths, size_t width, bool colours,
		       struct strbuf *out)
{
	size_t left = width ? width : SIZE_MAX;

	for (size_t i = 0; i < table->column_count; i++) {
		cleanup_strbuf struct strbuf text = { 0 };
		bool last = i + 1 == table->column_count;
		size_t room = widths[i] < left ? widths[i] : left, padding;

		if (widths[i] == LEFT_OUT)
			continue;
		padding = room - text_add_cut(&text, cells[i].text, room);

		if (table->columns[i].flags & TABLE_RIGHT)
			strbuf_printf(out, "%*s", (int)padding, "");
		strbuf_puts(out, colours && text.length ? style_begin(cells[i].style) : "");
		strbuf_puts(out, strbuf_text(&text));
		strbuf_puts(out, colours && text.length ? style_end(cells[i].style) : "");
		left -= room;
		if (last || left <= GAP)
			break;
		if (!(table->columns[i].flags & TABLE_RIGHT))
			strbuf_printf(out, "%*s", (int)padding, "");
		strbuf_printf(out, "%*s", GAP, "");
		left -= GAP;
	}
	while (out->length && out->data[out->length - 1] == ' ')
		out->data[--out->length] = 0;
	strbuf_putc(out, '\n');
}

void table_render(const struct table *table, size_t width, bool colours, struct strbuf *out)
{
	cleanup_free size_t *widths = mem_alloc((table->column_count + 1) * sizeof(*widths));
	cleanup_free struct row_cell *row = mem_alloc((table->column_count + 1) * sizeof(*row));

	fit(table, width, widths);
	for (size_t i = 0; i < table->column_count; i++)
		row[i] = (struct row_cell){ table->columns[i].title, STYLE_BOLD };
	render_row(table, row, widths, width, colours, out);
	for (size_t at = 0; at + table->column_count <= table->cell_count && table->column_count; at += table->column_count) {
		for (size_t i = 0; i < table->column_count; i++)
			row[i] = (struct row_cell){ table->cells[at + i].text, table->cells[at + i].style };
		render_row(table, row, widths, width, colours, out);
	}
}

void table_print(const struct table *table, FILE *stream)
{
	cleanup_strbuf struct strbuf out = { 0 };

	table_render(table, terminal_width(stream), terminal_colours(stream), &out);
	fputs(strbuf_text(&out), stream);
}
