/* weir show: one demand, where it is, and what happened to it. */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "cli/shown.h"

static const char *const usage[] = { "show [OPTION]... ID|NAME" };
static const char *const examples[] = {
	"weir show compress",        "the newest demand of that name",
	"weir show --json 0c9v4kq2m1a0x", "all that the API knows of it",
};
static const struct cli_help help = {
	.usage = usage, .usage_count = ARRAY_COUNT(usage), .examples = examples, .example_count = ARRAY_COUNT(examples),
	.purpose = "Shows one demand: its state and why it is in it, what it asks for, its placements, and its story.",
	.arguments_min = 1, .arguments_max = 1, .arguments_expected = "one demand: its id or its name",
};

/* As a shell would take it, so that it can be tried. */
static void add_quoted(struct strbuf *out, const char *word)
{
	if (*word && !strpbrk(word, " \t\n\"'\\$&|;<>()*?#`!~")) {
		strbuf_puts(out, word);
		return;
	}
	strbuf_putc(out, '\'');
	for (; *word; word++) {
		if (*word == '\'')
			strbuf_puts(out, "'\\''");
		else
			strbuf_putc(out, *word);
	}
	strbuf_putc(out, '\'');
}

/* The words of a list, or of a command, on one line. */
static void add_words(struct strbuf *out, const json_t *list, bool quoted)
{
	const json_t *word;
	size_t i;

	json_array_foreach(list, i, word) {
		const char *text = json_string_value(word) ? json_string_value(word) : "";

		if (i)
			strbuf_puts(out, quoted ? " " : ", ");
		if (quoted)
			add_quoted(out, text);
		else
			strbuf_puts(out, text);
	}
}

static void show_list(struct strbuf *out, const char *key, const json_t *list)
{
	cleanup_strbuf struct strbuf text = { 0 };

	add_words(&text, list, false);
	shown_field(out, key, strbuf_text(&text));
}

/* One line of it, however long it is. */
static void show_command(struct strbuf *out, const json_t *command)
{
	cleanup_strbuf struct strbuf text = { 0 }, cut = { 0 };
	size_t width = terminal_width(stdout);

	add_words(&text, command, true);
	for (size_t i = 0; i < text.length; i++)
		if (text.data[i] == '\n')
			text.data[i] = ' ';
	text_add_cut(&cut, strbuf_text(&text), width > SHOWN_INDENT ? width - SHOWN_INDENT : SIZE_MAX);
	shown_field(out, "command", strbuf_text(&cut));
}

static void show_ask(struct strbuf *out, const json_t *demand)
{
	const json_t *spec = json_object_get(demand, "spec");
	const json_t *chips = json_object_get(json_object_get(spec, "shape"), "chips");
	const json_t *where = json_object_get(spec, "where");
	cleanup_strbuf struct strbuf shape = { 0 };
	int64_t workers = json_number(demand, "workers", 1), chip_milli = json_number(demand, "chip_milli", 0);
	char cores[SHOWN_SIZE], memory[SHOWN_SIZE], count[SHOWN_SIZE];

	strbuf_printf(&shape, "%" PRId64 " %s with %s CPU, %s", workers,
		      strcmp(json_text(demand, "kind"), "service") == 0 ? "replicas" : workers == 1 ? "worker" : "workers",
		      shown_cores(json_number(demand, "cpu_milli", 0), cores),
		      unit_human(UNIT_MEMORY, json_number(demand, "memory_mib", 0), memory, sizeof(memory)));
	if (chip_milli > 0) {
		strbuf_printf(&shape, ", %s chip%s", shown_cores(chip_milli, count), chip_milli > 1000 ? "s" : "");
		strbuf_puts(&shape, json_array_size(json_object_get(chips, "models")) ? " of " : "");
		add_words(&shape, json_object_get(chips, "models"), false);
	}
	shown_field(out, "asks for", strbuf_text(&shape));
	show_list(out, "tiers", json_object_get(where, "tiers"));
	show_list(out, "regions", json_object_get(where, "regions"));
	show_list(out, "sites", json_object_get(where, "sites"));
	show_command(out, json_object_get(spec, "command"));
	if (strcmp(json_text(spec, "time_limit"), "0s") != 0)
		shown_field(out, "time limit", json_text(spec, "time_limit"));
}

/* What it belongs to, what it waits for, by when it must have ended. */
static void show_holds(struct strbuf *out, const json_t *demand)
{
	static const char *const whens[][2] = { { "ok", "succeeds" }, { "any", "ends" }, { "failure", "fails" } };
	const json_t *after;
	char text[SHOWN_SIZE];
	size_t i;

	if (json_number(demand, "array_count", 0) > 0)
		shown_fieldf(out, "array", "member %" PRId64 " of %" PRId64 ", the first is %s", json_number(demand, "index", 0),
			     json_number(demand, "array_count", 0), json_text(demand, "array"));
	json_array_foreach(json_object_get(demand, "after"), i, after) {
		const char *name = json_text(after, "name"), *when = json_text(after, "when");

		for (size_t w = 0; w < ARRAY_COUNT(whens); w++)
			if (strcmp(when, whens[w][0]) == 0)
				when = whens[w][1];
		shown_fieldf(out, i == 0 ? "after" : "", "%s%s %s: %s", json_flag(after, "array") ? "array " : "",
			     *name ? name : json_text(after, "demand"), when, json_text(after, "state"));
	}
	shown_field(out, "deadline", shown_time(json_number(demand, "deadline_us", 0), text));
}

/* What the place costs, all counted, and what the next best would have; `weir why` says what it is made of. */
static void show_costs(struct strbuf *out, const json_t *placement)
{
	int64_t score = json_number(placement, "score_micro", 0);
	const char *second = json_text(placement, "second_site");
	char text[SHOWN_SIZE], other[SHOWN_SIZE];

	if (!placement || strcmp(json_text(placement, "state"), "ended") == 0 || (score == 0 && !*second))
		return;
	unit_human(UNIT_MONEY, score, text, sizeof(text));
	unit_human(UNIT_MONEY, json_number(placement, "second_score_micro", 0), other, sizeof(other));
	if (*second)
		shown_fieldf(out, "costs", "%s an hour; next would have been %s for %s", text, second, other);
	else
		shown_fieldf(out, "costs", "%s an hour", text);
}

static void show_demand(struct strbuf *out, const json_t *demand)
{
	const char *state = json_text(demand, "state");
	bool colours = terminal_colours(stdout);
	cleanup_strbuf struct strbuf place = { 0 };
	char text[SHOWN_SIZE], other[SHOWN_SIZE];

	strbuf_printf(out, "%s%s%s  %s\n", colours ? style_begin(STYLE_BOLD) : "", json_text(demand, "name"),
		      colours ? style_end(STYLE_BOLD) : "", json_text(demand, "id"));
	shown_field(out, "title", json_text(demand, "title"));
	strbuf_printf(out, "  %-14s %s%s%s: ", "state", colours ? style_begin(style_of_state(state)) : "", state,
		      colours ? style_end(style_of_state(state)) : "");
	text_add_cut(out, json_text(demand, "reason"), SIZE_MAX);
	strbuf_putc(out, '\n');
	shown_place(demand, &place);
	shown_field(out, "where", strbuf_text(&place));
	show_costs(out, json_array_get(json_object_get(demand, "placements"), 0));
	shown_field(out, "progress", shown_progress(demand, text));
	shown_field(out, "tenant", json_text(demand, "tenant"));
	shown_fieldf(out, "priority", "%" PRId64, json_number(demand, "priority", 0));
	shown_field(out, "accepted", shown_time(json_number(demand, "accepted_us", 0), text));
	shown_field(out, "starts", shown_estimate(demand, shown_now_us(), text));
	shown_field(out, "started", shown_time(json_number(demand, "started_us", 0), text));
	shown_field(out, "ended", shown_time(json_number(demand, "ended_us", 0), text));
	if (json_number(demand, "started_us", 0) > 0)
		shown_field(out, "ran for", shown_age(demand, shown_now_us(), other));
	show_holds(out, demand);
	show_ask(out, demand);
}

static void show_placements(struct strbuf *out, const json_t *demand)
{
	const json_t *placements = json_object_get(demand, "placements"), *placement;
	cleanup(table_free) struct table *table = table_new();
	size_t i;

	if (json_array_size(placements) == 0)
		return;
	table_column(table, "REPLICA", TABLE_RIGHT);
	table_column(table, "ATTEMPT", TABLE_RIGHT);
	table_column(table, "SITE", 0);
	table_column(table, "TIER", 0);
	table_column(table, "ENGINE", 0);
	table_column(table, "STATE", 0);
	table_column(table, "RESULT", TABLE_SHRINK);
	table_column(table, "MESSAGE", TABLE_SHRINK);
	json_array_foreach(placements, i, placement) {
		cleanup_strbuf struct strbuf result = { 0 };

		shown_result(placement, &result);
		table_cellf(table, STYLE_PLAIN, "%" PRId64, json_number(placement, "replica", 0));
		table_cellf(table, STYLE_PLAIN, "%" PRId64, json_number(placement, "attempt", 0));
		table_cell(table, STYLE_PLAIN, json_text(placement, "site"));
		table_cell(table, STYLE_PLAIN, json_text(placement, "tier"));
		table_cell(table, STYLE_PLAIN, json_text(placement, "engine"));
		table_cell(table, STYLE_PLAIN, json_text(placement, "state"));
		table_cell(table, STYLE_PLAIN, strbuf_text(&result));
		table_cell(table, STYLE_DIM, json_text(placement, "message"));
	}
	strbuf_puts(out, "\nPlacements\n");
	table_render(table, terminal_width(stdout), terminal_colours(stdout), out);
}

static void show_story(struct strbuf *out, const json_t *story)
{
	const json_t *line;
	char text[SHOWN_SIZE];
	size_t i;

	if (json_array_size(json_object_get(story, "items")) == 0)
		return;
	strbuf_puts(out, "\nStory\n");
	json_array_foreach(json_object_get(story, "items"), i, line) {
		strbuf_printf(out, "  %s  ", shown_time(json_number(line, "time_us", 0), text));
		text_add_cut(out, json_text(line, "sentence"), SIZE_MAX);
		strbuf_putc(out, '\n');
	}
}

int cmd_show(int argc, char **argv)
{
	struct context_options context = { 0 };
	bool json = false;
	const struct cli_option options[] = { CLIENT_JSON(&json), CLIENT_OPTIONS(&context) };
	cleanup_arguments struct cli_arguments arguments = { 0 };
	cleanup(client_free) struct client *client = NULL;
	cleanup_strbuf struct strbuf out = { 0 };
	json_t *demand = NULL, *story = NULL;
	int code = cli_parse(argc, argv, &help, options, ARRAY_COUNT(options), &arguments);

	if (code >= 0)
		return code;
	code = client_open(&context, &client);
	if (code == EXIT_OK)
		code = demand_resolve(client, arguments.words.items[0], &demand);
	if (code == EXIT_OK && !json)
		code = demand_ask(client, NULL, json_text(demand, "id"), "story", &story);
	if (code == EXIT_OK && json) {
		json_print(demand);
	} else if (code == EXIT_OK) {
		show_demand(&out, demand);
		show_placements(&out, demand);
		show_story(&out, story);
		fputs(strbuf_text(&out), stdout);
	}
	json_decref(demand);
	json_decref(story);
	return code;
}
