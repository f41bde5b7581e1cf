/* weir up, the second half: what it shows. On a terminal one table, redrawn in place; elsewhere a line for
 * each change; with --json an object for each. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/shown.h"
#include "cli/up.h"

#define OTHERS_SHOWN 8
#define BAR_WIDTH 10
#define BARS_FROM 80 /* columns of a terminal; a narrower one shows figures alone */
#define CALL_TIMEOUT_US 3000000

void up_say(struct up *up, const char *format, ...)
{
	cleanup_strbuf struct strbuf text = { 0 };
	va_list arguments;

	va_start(arguments, format);
	strbuf_vprintf(&text, format, arguments);
	va_end(arguments);
	progress_clear();
	screen_clear(&up->screen);
	if (up->settings->json) {
		json_t *line = json_pack("{s:s, s:s}", "type", "message", "text", strbuf_text(&text));

		json_print_line(line);
		json_decref(line);
	} else {
		puts(strbuf_text(&text));
		fflush(stdout);
	}
}

static json_t *get(struct up *up, const char *path)
{
	json_t *json = NULL;

	client_call(up->client, &(struct client_request){ .path = path, .quiet = true, .timeout_us = CALL_TIMEOUT_US }, &json);
	return json;
}

int up_refresh(struct up *up)
{
	int code = watch_poll(up->client, &up->watch, true);
	json_t *others, *summary;

	if (code != EXIT_OK)
		return code;
	others = get(up, "/v1/demands?order=newest&limit=50");
	summary = get(up, "/v1/summary");
	if (others) {
		json_decref(up->others);
		up->others = others;
	}
	if (summary) {
		json_decref(up->summary);
		up->summary = summary;
	}
	return EXIT_OK;
}

/* --- the table ---------------------------------------------------------------------------------------- */

/* Simulated work says how far it is only with its site's reports; between, the time tells, since only time passes in it. */
static int64_t done_permille(const json_t *demand, int64_t now_us)
{
	int64_t permille = json_number(demand, "progress_permille", -1), started_us = json_number(demand, "started_us", 0), duration_us;
	const char *duration = json_text(json_object_get(json_object_get(demand, "spec"), "simulate"), "duration");

	if (strcmp(json_text(demand, "state"), "succeeded") == 0)
		return 1000;
	if (started_us == 0 || unit_parse(UNIT_DURATION, duration, &duration_us, NULL) < 0 || duration_us <= 0)
		return permille;
	permille = (now_us - started_us) * 1000 / duration_us;
	return permille < 0 ? 0 : permille > 999 ? 999 : permille;
}

/* For work that does not say how far it is: something that moves. */
static void add_moving(struct strbuf *out, unsigned frame)
{
	unsigned at = frame % (2 * BAR_WIDTH - 2);

	at = at < BAR_WIDTH ? at : 2 * BAR_WIDTH - 2 - at;
	for (unsigned i = 0; i < BAR_WIDTH; i++)
		strbuf_puts(out, i == at ? "▒" : "░");
}

static void cell_done(struct table *table, const json_t *demand, int64_t now_us, unsigned frame, bool bars)
{
	const char *state = json_text(demand, "state");
	bool service = strcmp(json_text(demand, "kind"), "service") == 0, running = strcmp(state, "running") == 0;
	int64_t permille = done_permille(demand, now_us);
	cleanup_strbuf struct strbuf text = { 0 };
	char count[SHOWN_SIZE];

	if (service && !state_has_ended(state)) {
		table_cellf(table, STYLE_PLAIN, "%s%s", shown_progress(demand, count), bars ? " replicas" : "");
		return;
	}
	if (permille >= 0 && (running || strcmp(state, "succeeded") == 0)) {
		if (bars)
			bar_add(&text, (int)permille, BAR_WIDTH);
		strbuf_printf(&text, "%s%3" PRId64 " %%", bars ? " " : "", permille / 10);
	} else if (running && bars) {
		add_moving(&text, frame);
	}
	table_cell(table, running ? STYLE_ACTIVE : STYLE_DIM, strbuf_text(&text));
}

static void add_row(struct table *table, const json_t *demand, int64_t now_us, unsigned frame, bool bars)
{
	const char *state = json_text(demand, "state");
	cleanup_strbuf struct strbuf place = { 0 };
	char text[SHOWN_SIZE];

	shown_place(demand, &place);
	table_cell(table, STYLE_BOLD, json_text(demand, "name"));
	table_cell(table, style_of_state(state), state);
	cell_done(table, demand, now_us, frame, bars);
	table_cell(table, STYLE_PLAIN, shown_age(demand, now_us, text));
	table_cell(table, STYLE_PLAIN, strbuf_text(&place));
	table_cell(table, STYLE_DIM, json_text(demand, "reason"));
}

static bool is_watched(const struct up *up, const char *id)
{
	for (size_t i = 0; i < up->watch.count; i++)
		if (strcmp(up->watch.list[i].id, id) == 0)
			return true;
	return false;
}

static void add_rows(struct up *up, struct table *table)
{
	int64_t now_us = shown_now_us();
	size_t i, shown = 0, width = terminal_width(stdout);
	bool bars = width == 0 || width >= BARS_FROM;
	const json_t *demand;

	for (i = 0; i < up->watch.count; i++)
		if (up->watch.list[i].demand)
			add_row(table, up->watch.list[i].demand, now_us, up->frame, bars);
	json_array_foreach(json_object_get(up->others, "items"), i, demand)
		if (!is_watched(up, json_text(demand, "id")) && shown++ < OTHERS_SHOWN)
			add_row(table, demand, now_us, up->frame, bars);
	up->frame++;
}

static const char *program_name(void)
{
	return access("./weir", X_OK) == 0 ? "./weir" : "weir";
}

static void add_head(struct up *up, struct strbuf *out)
{
	cleanup_strbuf struct strbuf line = { 0 };
	bool colours = terminal_colours(stdout);
	size_t width = terminal_width(stdout);

	strbuf_printf(&line, "%s: %" PRId64 " of %" PRId64 " sites up, %" PRId64 " of them simulated; %zu of %zu processes run",
		      json_text(up->summary, "network"), json_number(up->summary, "sites_up", 0), json_number(up->summary, "sites", 0),
		      json_number(up->summary, "sites_simulated", 0), children_running(up->children), children_count(up->children));
	strbuf_puts(out, colours ? style_begin(STYLE_BOLD) : "");
	text_add_cut(out, strbuf_text(&line), width ? width : SIZE_MAX);
	strbuf_puts(out, colours ? style_end(STYLE_BOLD) : "");
	strbuf_puts(out, "\n\n");
}

static void add_foot(struct up *up, struct strbuf *out)
{
	const char *weir = program_name();
	size_t width = terminal_width(stdout);

	strbuf_printf(out, "\n%s http://127.0.0.1:%u/#token=%s\n", up->has_page ? "Page:" : "API: ", up->port, up->token);
	if (!up->has_page)
		strbuf_puts(out, "(built without the page)\n");
	if (width == 0 || width >= 72) {
		strbuf_printf(out, "Next: %s ls     %s sites     %s why NAME     %s logs -f NAME\n", weir, weir, weir, weir);
		strbuf_printf(out, "      %s run --chips 1 --tier edge -- sh -c 'echo hello from $WEIR_SITE'\n", weir);
	} else {
		strbuf_printf(out, "Next: %s ls, %s sites\n", weir, weir);
	}
	strbuf_puts(out, up->settings->until_done ? "It ends once all are as expected.\n" : "Ctrl-C ends it; what was submitted stays.\n");
}

static void draw_table(struct up *up)
{
	cleanup(table_free) struct table *table = table_new();
	cleanup_strbuf struct strbuf out = { 0 };

	table_column(table, "DEMAND", TABLE_SHRINK);
	table_column(table, "STATE", 0);
	table_column(table, "DONE", 0);
	table_column(table, "TIME", TABLE_RIGHT);
	table_column_least(table, "SITE", SHOWN_PLACE_LEAST);
	table_column(table, "REASON", TABLE_SHRINK);
	add_rows(up, table);
	add_head(up, &out);
	table_render(table, terminal_width(stdout), terminal_colours(stdout), &out);
	add_foot(up, &out);
	screen_show(&up->screen, strbuf_text(&out));
}

/* --- lines -------------------------------------------------------------------------------------------- */

static void print_change(struct up *up, const json_t *demand)
{
	const char *sites = json_text(demand, "sites"), *reason = json_text(demand, "reason");
	cleanup_strbuf struct strbuf line = { 0 };
	char text[SHOWN_SIZE];
	json_t *object;

	if (up->settings->json) {
		object = json_pack("{s:s, s:O}", "type", "demand", "demand", demand);
		json_print_line(object);
		json_decref(object);
		return;
	}
	strbuf_printf(&line, "%s  %-22s %-10s ", shown_time(shown_now_us(), text), json_text(demand, "name"), json_text(demand, "state"));
	if (!strstr(reason, sites)) {
		shown_place(demand, &line);
		strbuf_puts(&line, ": ");
	} else if (json_flag(demand, "simulated")) {
		strbuf_puts(&line, "(simulated) ");
	}
	text_add_cut(&line, reason, SIZE_MAX);
	puts(strbuf_text(&line));
	fflush(stdout);
}

void up_draw(struct up *up)
{
	if (up->screen.live && !up->settings->json) {
		draw_table(up);
		return;
	}
	for (size_t i = 0; i < up->watch.count; i++)
		if (up->watch.list[i].changed)
			print_change(up, up->watch.list[i].demand);
}

void up_tell_address(struct up *up)
{
	cleanup_free char *page = mem_printf("http://127.0.0.1:%u/#token=%s", up->port, up->token);
	cleanup_strbuf struct strbuf out = { 0 };
	json_t *line;

	if (up->settings->json) {
		line = json_pack("{s:s, s:s, s:s, s:I, s:I}", "type", "up", "server", up->server, "page", up->has_page ? page : "",
				 "live_sites", (json_int_t)up->live_count, "simulated_sites", (json_int_t)up->simulated_count);
		json_print_line(line);
		json_decref(line);
	} else if (!up->screen.live) {
		printf("%zu live sites and %zu simulated ones are up at %s\n", up->live_count, up->simulated_count, up->server);
		add_foot(up, &out);
		fputs(strbuf_text(&out), stdout);
		putchar('\n');
		fflush(stdout);
	}
}

/* --- the end ------------------------------------------------------------------------------------------ */

int up_verdict(struct up *up)
{
	cleanup(table_free) struct table *table = table_new();
	json_t *items = json_array(), *object;
	size_t wrong = 0;

	table_column(table, "DEMAND", 0);
	table_column(table, "EXPECTED", 0);
	table_column(table, "IS", 0);
	table_column(table, "", 0);
	table_column_least(table, "SITE", SHOWN_PLACE_LEAST);
	table_column(table, "REASON", TABLE_SHRINK);
	for (size_t i = 0; i < up->watch.count; i++) {
		const struct watched *watched = &up->watch.list[i];
		const char *state = watched_state(watched);
		bool right = watched_as_expected(watched);
		cleanup_strbuf struct strbuf place = { 0 };

		wrong += !right;
		table_cell(table, STYLE_PLAIN, json_text(watched->demand, "name"));
		table_cell(table, STYLE_PLAIN, watched_expected(watched));
		table_cell(table, style_of_state(state), state);
		table_cell(table, right ? STYLE_GOOD : STYLE_BAD, right ? "ok" : "NOT AS EXPECTED");
		shown_place(watched->demand, &place);
		table_cell(table, STYLE_PLAIN, strbuf_text(&place));
		table_cell(table, STYLE_DIM, json_text(watched->demand, "reason"));
		json_array_append_new(items, json_pack("{s:s, s:s, s:s, s:s, s:b}", "id", watched->id, "name",
						       json_text(watched->demand, "name"), "expect", watched_expected(watched), "state", state,
						       "as_expected", right));
	}
	screen_clear(&up->screen);
	object = json_pack("{s:s, s:o}", "type", "verdict", "items", items);
	if (up->settings->json) {
		json_print_line(object);
	} else {
		putchar('\n');
		table_print(table, stdout);
		printf("\n%zu of %zu demands are as expected.\n", up->watch.count - wrong, up->watch.count);
	}
	json_decref(object);
	return wrong ? EXIT_FAILED : EXIT_OK;
}
