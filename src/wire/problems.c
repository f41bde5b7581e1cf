#include <stdarg.h>
#include <string.h>

#include "base/utf8.h"
#include "wire/schema.h"

void problems_init(struct problems *problems, struct arena *arena, const char *origin)
{
	problems->arena = arena;
	problems->origin = origin;
	problems->count = 0;
	problems->message = false;
}

__attribute__((format(printf, 5, 0))) static void add(struct problems *problems, unsigned line, unsigned column, const char *path,
						      const char *format, va_list arguments)
{
	struct problem *problem;
	char *text;

	if (problems->count++ >= PROBLEMS_MAX)
		return;
	problem = &problems->list[problems->count - 1];
	problem->line = line;
	problem->column = column;
	problem->path = text = arena_strdup(problems->arena, path);
	utf8_clean(text);
	problem->text = text = arena_vprintf(problems->arena, format, arguments);
	utf8_clean(text);
}

void problems_add(struct problems *problems, const struct doc *at, const char *path, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	add(problems, at ? at->line : 0, at ? at->column : 0, path, format, arguments);
	va_end(arguments);
}

void problems_add_place(struct problems *problems, struct doc_place place, const char *path, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	add(problems, place.line, place.column, path, format, arguments);
	va_end(arguments);
}

void problems_add_key(struct problems *problems, const struct doc *at, const char *path, const char *key, const char *format, ...)
{
	const struct doc *value = doc_get(at, key);
	va_list arguments;

	if (!value)
		value = at;
	va_start(arguments, format);
	add(problems, value ? value->line : 0, value ? value->column : 0, *path ? arena_printf(problems->arena, "%s.%s", path, key) : key,
	    format, arguments);
	va_end(arguments);
}

void problems_print(const struct problems *problems, struct strbuf *out)
{
	size_t kept = problems->count < PROBLEMS_MAX ? problems->count : PROBLEMS_MAX;

	for (size_t i = 0; i < kept; i++) {
		const struct problem *problem = &problems->list[i];

		if (*problems->origin)
			strbuf_printf(out, "%s:", problems->origin);
		if (problem->line)
			strbuf_printf(out, "%u:%u:", problem->line, problem->column);
		if (*problems->origin || problem->line)
			strbuf_putc(out, ' ');
		if (*problem->path)
			strbuf_printf(out, "%s: ", problem->path);
		strbuf_printf(out, "%s\n", problem->text);
	}
	if (problems->count > kept)
		strbuf_printf(out, "%s%sand %zu more\n", problems->origin, *problems->origin ? ": " : "", problems->count - kept);
}
