/* All coordinates are tenths of a unit in integers, so the file is the same everywhere. */
#include "sim/plot.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/units.h"

#define WIDTH 960
#define PANEL_HEIGHT 190
#define PANEL_STEP 260
#define LEFT 90
#define RIGHT 30
#define TOP 92
#define PLOT_WIDTH (WIDTH - LEFT - RIGHT)
#define WAIT_POINTS 400
#define TICKS_MAX 9
#define SECOND_US INT64_C(1000000)

/* A panel and how its values become places. */
struct panel {
	struct strbuf *out;
	int64_t top;           /* of the drawing, in units */
	int64_t x_from, x_to;  /* values */
	int64_t y_to;          /* from 0 */
};

static int64_t place_x(const struct panel *panel, int64_t value)
{
	int64_t span = panel->x_to > panel->x_from ? panel->x_to - panel->x_from : 1;

	return LEFT * 10 + (int64_t)((__int128)(value - panel->x_from) * PLOT_WIDTH * 10 / span);
}

static int64_t place_y(const struct panel *panel, int64_t value)
{
	return (panel->top + PANEL_HEIGHT) * 10 - (int64_t)((__int128)value * PANEL_HEIGHT * 10 / (panel->y_to > 0 ? panel->y_to : 1));
}

static void add_place(struct strbuf *out, int64_t x, int64_t y)
{
	strbuf_printf(out, "%" PRId64 ".%" PRId64 ",%" PRId64 ".%" PRId64, x / 10, x % 10, y / 10, y % 10);
}

static void add_escaped(struct strbuf *out, const char *text)
{
	for (; *text; text++) {
		if (*text == '&')
			strbuf_puts(out, "&amp;");
		else if (*text == '<')
			strbuf_puts(out, "&lt;");
		else if (*text == '>')
			strbuf_puts(out, "&gt;");
		else
			strbuf_putc(out, *text);
	}
}

static void add_text(struct strbuf *out, const char *class, int64_t x, int64_t y, const char *text)
{
	strbuf_printf(out, "<text class=\"%s\" x=\"%" PRId64 "\" y=\"%" PRId64 "\">", class, x, y);
	add_escaped(out, text);
	strbuf_puts(out, "</text>\n");
}

/* 1, 2 or 5 times a power of ten, so that at most five steps fill the span. */
static int64_t step_of(int64_t span)
{
	static const int64_t factors[] = { 1, 2, 5 };

	for (int64_t power = 1;; power *= 10)
		for (size_t i = 0; i < ARRAY_COUNT(factors); i++)
			if (power * factors[i] * 5 >= span)
				return power * factors[i];
}

static void grid_line(struct panel *panel, int64_t x1, int64_t y1, int64_t x2, int64_t y2)
{
	strbuf_puts(panel->out, "<path class=\"grid\" d=\"M");
	add_place(panel->out, x1, y1);
	strbuf_puts(panel->out, "L");
	add_place(panel->out, x2, y2);
	strbuf_puts(panel->out, "\"/>\n");
}

static void panel_open(struct panel *panel, const char *title, const char *suffix)
{
	int64_t step = step_of(panel->y_to);

	add_text(panel->out, "title", LEFT, panel->top - 12, title);
	for (int64_t value = 0; value <= panel->y_to; value += step) {
		int64_t y = place_y(panel, value);
		char text[40];

		snprintf(text, sizeof(text), "%" PRId64 "%s", value, suffix);
		grid_line(panel, LEFT * 10, y, (WIDTH - RIGHT) * 10, y);
		add_text(panel->out, "left", LEFT - 8, y / 10 + 4, text);
	}
}

static void x_tick(struct panel *panel, int64_t value, const char *text)
{
	int64_t x = place_x(panel, value);

	grid_line(panel, x, panel->top * 10, x, (panel->top + PANEL_HEIGHT) * 10);
	add_text(panel->out, "middle", x / 10, panel->top + PANEL_HEIGHT + 18, text);
}

/* Steps of hours, days or weeks from the beginning. */
static void time_ticks(struct panel *panel)
{
	static const int64_t steps_s[] = { 1, 10, 60, 600, 3600, 6 * 3600, 86400, 2 * 86400, 7 * 86400, 28 * 86400, 364 * 86400 };
	int64_t span_s = (panel->x_to - panel->x_from) / SECOND_US, step_s = steps_s[ARRAY_COUNT(steps_s) - 1];

	for (size_t i = ARRAY_COUNT(steps_s); i-- > 0;)
		if (span_s / steps_s[i] < TICKS_MAX)
			step_s = steps_s[i];
	for (int64_t at_s = 0; at_s <= span_s && at_s / step_s < 4 * TICKS_MAX; at_s += step_s) {
		char buffer[32];

		x_tick(panel, panel->x_from + at_s * SECOND_US, at_s ? unit_human(UNIT_DURATION, at_s * SECOND_US, buffer, sizeof(buffer)) : "0");
	}
}

static void draw_samples(struct panel *panel, const struct replay *replay, const char *class, bool use)
{
	strbuf_printf(panel->out, "<path class=\"%s\" d=\"M", class);
	add_place(panel->out, place_x(panel, panel->x_from), place_y(panel, 0));
	for (size_t i = 0; i < replay->sample_count; i++) {
		const struct replay_sample *sample = &replay->samples[i];
		int64_t value = use ? (int64_t)((__int128)sample->used_milli * 1000 / (replay->capacity_milli > 0 ? replay->capacity_milli : 1))
				    : sample->queued * 10;

		strbuf_puts(panel->out, "L");
		add_place(panel->out, place_x(panel, sample->at_us),
			  (panel->top + PANEL_HEIGHT) * 10 -
				  (int64_t)((__int128)value * PANEL_HEIGHT / (panel->y_to > 0 ? panel->y_to : 1)));
	}
	strbuf_puts(panel->out, "L");
	add_place(panel->out, place_x(panel, panel->x_to), place_y(panel, 0));
	strbuf_puts(panel->out, "Z\"/>\n");
}

static void draw_queue(struct strbuf *out, const struct replay *replay)
{
	struct panel panel = { .out = out, .top = TOP, .x_from = replay->begin_us, .x_to = replay->end_us, .y_to = 5 };

	for (size_t i = 0; i < replay->sample_count; i++)
		panel.y_to = replay->samples[i].queued > panel.y_to ? replay->samples[i].queued : panel.y_to;
	panel_open(&panel, "Queued over time", "");
	time_ticks(&panel);
	draw_samples(&panel, replay, "queue", false);
}

static void draw_use(struct strbuf *out, const struct replay *replay)
{
	struct panel panel = { .out = out, .top = TOP + PANEL_STEP, .x_from = replay->begin_us, .x_to = replay->end_us, .y_to = 100 };

	panel_open(&panel, replay->by_chips ? "Chips in use over time" : "Cores in use over time", " %");
	time_ticks(&panel);
	draw_samples(&panel, replay, "use", true);
}

/* log2 of seconds plus 1, in thousandths, by the digits after the leading bit: exact enough for a picture, and the same everywhere. */
static int64_t log_of(int64_t wait_us)
{
	uint64_t seconds = (uint64_t)(wait_us / SECOND_US) + 1;
	int octave = 63 - __builtin_clzll(seconds);

	return octave * 1000 + (int64_t)((seconds - (UINT64_C(1) << octave)) * 1000 >> octave);
}

static void wait_ticks(struct panel *panel, int64_t most_us)
{
	static const int64_t seconds[] = { 0, 1, 10, 60, 600, 3600, 6 * 3600, 86400, 7 * 86400, 28 * 86400 };

	for (size_t i = 0; i < ARRAY_COUNT(seconds); i++) {
		char buffer[32];

		if (i > 0 && seconds[i] * SECOND_US > most_us)
			break;
		x_tick(panel, log_of(seconds[i] * SECOND_US),
		       seconds[i] ? unit_human(UNIT_DURATION, seconds[i] * SECOND_US, buffer, sizeof(buffer)) : "0");
	}
}

/* The part that waited at most so long. */
static void draw_waits(struct strbuf *out, const struct replay_trace *trace, const struct replay *replay, struct arena *arena)
{
	struct panel panel = { .out = out, .top = TOP + 2 * PANEL_STEP, .y_to = 100 };
	size_t count;
	const int64_t *waits = replay_sorted_waits(trace, replay, arena, &count);
	int64_t most_us = count ? waits[count - 1] : 0;

	panel.x_to = log_of(most_us) > 1000 ? log_of(most_us) : 1000;
	panel_open(&panel, "Started within a wait of at most", " %");
	wait_ticks(&panel, most_us);
	if (count == 0)
		return;
	strbuf_puts(out, "<path class=\"waits\" d=\"M");
	for (size_t i = 0; i <= WAIT_POINTS; i++) {
		size_t at = i * (count - 1) / WAIT_POINTS;

		if (i > 0)
			strbuf_puts(out, "L");
		add_place(out, place_x(&panel, log_of(waits[at])),
			  (panel.top + PANEL_HEIGHT) * 10 - (int64_t)((at + 1) * PANEL_HEIGHT * 10 / count));
	}
	strbuf_puts(out, "\"/>\n");
}

void plot_replay(const char *title, const struct replay_trace *trace, const struct replay *replay, const struct replay_summary *summary,
		 struct arena *arena, struct strbuf *out)
{
	char mean[32], p95[32], span[32];

	strbuf_printf(out, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" font-family=\"sans-serif\" font-size=\"13\">\n", WIDTH,
		      TOP + 3 * PANEL_STEP);
	strbuf_puts(out, "<style>\n.back{fill:#fff}.grid{stroke:#ddd;fill:none}.title{font-weight:bold}.left{text-anchor:end;fill:#555}"
			 ".middle{text-anchor:middle;fill:#555}\n.queue{fill:#d9822b;fill-opacity:.5;stroke:#b3660f}"
			 ".use{fill:#3b7dd8;fill-opacity:.5;stroke:#205ba8}.waits{fill:none;stroke:#2a8a57;stroke-width:2}\n</style>\n");
	strbuf_printf(out, "<rect class=\"back\" width=\"%d\" height=\"%d\"/>\n", WIDTH, TOP + 3 * PANEL_STEP);
	add_text(out, "title", LEFT, 24, title);
	strbuf_printf(out, "<text x=\"%d\" y=\"42\">%zu of %zu started over %s; wait %s on average, %s at most for 95 %%; %" PRId64 ".%" PRId64 " %% used</text>\n",
		      LEFT, summary->waits.count, trace->job_count, unit_human(UNIT_DURATION, summary->span_us, span, sizeof(span)),
		      unit_human(UNIT_DURATION, summary->waits.mean_us, mean, sizeof(mean)),
		      unit_human(UNIT_DURATION, summary->waits.p95_us, p95, sizeof(p95)), summary->used_permille / 10, summary->used_permille % 10);
	draw_queue(out, replay);
	draw_use(out, replay);
	draw_waits(out, trace, replay, arena);
	strbuf_puts(out, "</svg>\n");
}
