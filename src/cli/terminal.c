#include "cli/terminal.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

#include "base/mem.h"

#define WIDTH_MAX 1000

bool terminal_is(FILE *stream)
{
	const char *term = getenv("TERM");

	return isatty(fileno(stream)) && term && strcmp(term, "dumb") != 0;
}

size_t terminal_width(FILE *stream)
{
	const char *columns = getenv("COLUMNS");
	struct winsize size;
	long value = columns ? strtol(columns, NULL, 10) : 0;

	if (value > 0 && value <= WIDTH_MAX)
		return (size_t)value;
	if (isatty(fileno(stream)) && ioctl(fileno(stream), TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
		return size.ws_col;
	return isatty(fileno(stream)) ? 80 : 0;
}

size_t terminal_height(FILE *stream)
{
	struct winsize size;

	if (isatty(fileno(stream)) && ioctl(fileno(stream), TIOCGWINSZ, &size) == 0)
		return size.ws_row;
	return 0;
}

bool terminal_colours(FILE *stream)
{
	const char *no_color = getenv("NO_COLOR");

	return terminal_is(stream) && !(no_color && *no_color);
}

static const char *const style_codes[STYLE_COUNT] = { "", "\033[1m", "\033[2m", "\033[32m", "\033[36m", "\033[33m", "\033[31m" };

const char *style_begin(enum style style)
{
	return style_codes[style];
}

const char *style_end(enum style style)
{
	return style == STYLE_PLAIN ? "" : "\033[0m";
}

struct word_style {
	const char *word;
	enum style style;
};

static enum style find_style(const struct word_style *styles, size_t count, const char *word)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(styles[i].word, word) == 0)
			return styles[i].style;
	return STYLE_PLAIN;
}

enum style style_of_state(const char *state)
{
	static const struct word_style styles[] = {
		{ "pending", STYLE_WAITING },   { "placed", STYLE_ACTIVE }, { "running", STYLE_ACTIVE }, { "stopping", STYLE_WAITING },
		{ "succeeded", STYLE_GOOD },    { "failed", STYLE_BAD },    { "timed-out", STYLE_BAD },  { "cancelled", STYLE_DIM },
	};

	return find_style(styles, ARRAY_COUNT(styles), state);
}

enum style style_of_condition(const char *condition)
{
	static const struct word_style styles[] = {
		{ "up", STYLE_GOOD }, { "suspect", STYLE_WAITING }, { "lost", STYLE_BAD }, { "unseen", STYLE_DIM }, { "draining", STYLE_WAITING },
	};

	return find_style(styles, ARRAY_COUNT(styles), condition);
}

/* --- how wide text is ----------------------------------------------------------------------------- */

/* One character of UTF-8: its bytes, or 1 and U+FFFD for what is none. */
static size_t next_character(const char *text, wchar_t *ret)
{
	const unsigned char *b = (const unsigned char *)text;
	static const uint32_t smallest[5] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t length = b[0] < 0x80 ? 1 : b[0] >= 0xf0 && b[0] < 0xf8 ? 4 : b[0] >= 0xe0 ? 3 : b[0] >= 0xc0 ? 2 : 0;
	uint32_t code = b[0];

	if (length == 1) {
		*ret = (wchar_t)code;
		return 1;
	}
	*ret = 0xfffd;
	if (length == 0 || b[0] >= 0xf8)
		return 1;
	code = b[0] & (0xffu >> (length + 1));
	for (size_t i = 1; i < length; i++) {
		if ((b[i] & 0xc0) != 0x80)
			return 1;
		code = code << 6 | (b[i] & 0x3f);
	}
	if (code < smallest[length] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
		return 1;
	*ret = (wchar_t)code;
	return length;
}

/* Control characters, also those beyond ASCII, would let a name steer the terminal. */
static bool is_control(wchar_t character)
{
	return character < 0x20 || (character >= 0x7f && character < 0xa0) || (character >= 0x202a && character <= 0x202e) ||
	       (character >= 0x2066 && character <= 0x2069);
}

static size_t character_width(wchar_t character)
{
	int width;

	if (character < 0x7f)
		return 1;
	width = wcwidth(character);
	return width < 0 ? 1 : (size_t)width;
}

size_t text_width(const char *text)
{
	size_t width = 0;

	while (*text) {
		wchar_t character;

		text += next_character(text, &character);
		width += is_control(character) ? 1 : character_width(character);
	}
	return width;
}

size_t text_add_cut(struct strbuf *out, const char *text, size_t width)
{
	bool cut = width != SIZE_MAX && text_width(text) > width;
	size_t room = cut && width > 0 ? width - 1 : width; /* the last column is for the "…" */
	size_t used = 0;

	while (*text) {
		wchar_t character;
		size_t length = next_character(text, &character);
		bool shown = !is_control(character) && character != 0xfffd;
		size_t columns = shown ? character_width(character) : 1;

		if (used + columns > room)
			break;
		if (shown)
			strbuf_add(out, text, length);
		else
			strbuf_putc(out, '?');
		used += columns;
		text += length;
	}
	if (cut && width > 0) {
		strbuf_puts(out, "…");
		used++;
	}
	return used;
}

/* --- what is redrawn ------------------------------------------------------------------------------ */

void screen_init(struct screen *screen, FILE *stream)
{
	*screen = (struct screen){ .stream = stream, .live = terminal_is(stream) };
}

void screen_clear(struct screen *screen)
{
	if (!screen->live || screen->lines == 0)
		return;
	fprintf(screen->stream, "\033[%zuA\r\033[J", screen->lines);
	screen->lines = 0;
}

/* Rows that a line takes on the screen: escape sequences take no place, and what is too wide goes on below. */
static size_t rows_of(const char *line, size_t length, size_t columns)
{
	cleanup_strbuf struct strbuf visible = { 0 };
	size_t width;

	for (size_t i = 0; i < length; i++) {
		if (line[i] != '\033')
			strbuf_putc(&visible, line[i]);
		else
			while (i + 1 < length && line[i] != 'm')
				i++;
	}
	width = text_width(strbuf_text(&visible));
	return columns == 0 || width == 0 ? 1 : (width + columns - 1) / columns;
}

void screen_show(struct screen *screen, const char *text)
{
	size_t height = terminal_height(screen->stream), columns = terminal_width(screen->stream);
	size_t lines = 0, dropped = 0;

	if (!screen->live) {
		fputs(text, screen->stream);
		fflush(screen->stream);
		return;
	}
	/* One write a frame, each line cleared as it is drawn: nothing flickers. */
	if (screen->lines)
		fprintf(screen->stream, "\033[%zuA\r", screen->lines);
	for (const char *at = text; *at;) {
		const char *end = strchrnul(at, '\n');
		size_t rows = rows_of(at, (size_t)(end - at), columns);

		if (height > 2 && lines + rows + 1 >= height) {
			dropped++;
		} else {
			fprintf(screen->stream, "%.*s\033[K\n", (int)(end - at), at);
			lines += rows;
		}
		at = *end ? end + 1 : end;
	}
	if (dropped) {
		fprintf(screen->stream, "… %zu more lines than this terminal holds\033[K\n", dropped);
		lines++;
	}
	fputs("\033[J", screen->stream);
	fflush(screen->stream);
	screen->lines = lines;
}

void screen_end(struct screen *screen)
{
	screen->lines = 0;
	fflush(screen->stream);
}

static bool progress_shown;

void progress_show(const char *format, ...)
{
	static const char *const frames[] = { "⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏" };
	static unsigned frame;
	cleanup_strbuf struct strbuf text = { 0 }, line = { 0 };
	size_t width = terminal_width(stderr);
	va_list arguments;

	if (!terminal_is(stderr))
		return;
	va_start(arguments, format);
	strbuf_vprintf(&text, format, arguments);
	va_end(arguments);
	text_add_cut(&line, strbuf_text(&text), width > 4 ? width - 3 : 1);
	fprintf(stderr, "\r%s %s\033[K", frames[frame++ % ARRAY_COUNT(frames)], strbuf_text(&line));
	fflush(stderr);
	progress_shown = true;
}

void progress_clear(void)
{
	if (!progress_shown)
		return;
	fputs("\r\033[K", stderr);
	fflush(stderr);
	progress_shown = false;
}

void bar_add(struct strbuf *out, int permille, size_t width)
{
	static const char *const eighths[] = { "", "▏", "▎", "▍", "▌", "▋", "▊", "▉" };
	size_t parts, full;

	permille = permille < 0 ? 0 : permille > 1000 ? 1000 : permille;
	parts = (size_t)permille * width * 8 / 1000;
	full = parts / 8;
	for (size_t i = 0; i < full; i++)
		strbuf_puts(out, "█");
	strbuf_puts(out, eighths[parts % 8]);
	for (size_t i = full + (parts % 8 != 0); i < width; i++)
		strbuf_puts(out, "░");
}
