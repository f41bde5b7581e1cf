/* weir summary: the whole network on one screen. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/shown.h"
#include "platform/view.h"

#define WATCH_EVERY_US 1000000

static const char *const usage[] = { "summary [OPTION]..." };
static const char *const examples[] = {
	"weir summary --watch",  "and go on showing it, until Ctrl-C",
	"weir summary --json",   "for programs",
};
static const struct cli_help help = {
	.usage = usage, .usage_count = ARRAY_COUNT(usage), .examples = examples, .example_count = ARRAY_COUNT(examples),
	.purpose = "Shows the network by tier, the demands by state, how good the last round was, and the chip models that are short.",
};

/* Used share with a bar. */
static void cell_used(struct table *table, int64_t free_count, int64_t all)
{
	cleanup_strbuf struct strbuf text = { 0 };
	int64_t used = all - free_count;
	int permille = all > 0 ? (int)(used * 1000 / all) : 0;

	if (all == 0) {
		table_cell(table, STYLE_PLAIN, "");
		return;
	}
	bar_add(&text, permille, 10);
	strbuf_printf(&text, " %3d %%", permille / 10);
	table_cell(table, permille > 900 ? STYLE_WAITING : STYLE_PLAIN, strbuf_text(&text));
}

static void show_tiers(struct strbuf *out, const json_t *summary)
{
	cleanup(table_free) struct table *table = table_new();
	const json_t *tier;
	char text[SHOWN_SIZE];
	size_t i;

	table_column(table, "TIER", 0);
	table_column(table, "SITES UP", TABLE_RIGHT);
	table_column(table, "NODES", TABLE_RIGHT);
	table_column(table, "CHIPS FREE", TABLE_RIGHT);
	table_column(table, "CHIPS USED", 0);
	table_column(table, "CORES USED", 0);
	table_column(table, "MEMORY USED", 0);
	json_array_foreach(json_object_get(summary, "tiers"), i, tier) {
		table_cell(table, STYLE_PLAIN, json_text(tier, "tier"));
		table_cell(table, STYLE_PLAIN, shown_free(json_number(tier, "sites_up", 0), json_number(tier, "sites", 0), text));
		table_cellf(table, STYLE_PLAIN, "%" PRId64, json_number(tier, "nodes", 0));
		table_cell(table, STYLE_PLAIN, shown_free(json_number(tier, "chips_free", 0), json_number(tier, "chips", 0), text));
		cell_used(table, json_number(tier, "chips_free", 0), json_number(tier, "chips", 0));
		cell_used(table, json_number(tier, "cpu_free_milli", 0), json_number(tier, "cpu_milli", 0));
		cell_used(table, json_number(tier, "memory_free_mib", 0), json_number(tier, "memory_mib", 0));
	}
	table_render(table, terminal_width(stdout), terminal_colours(stdout), out);
}

static void show_short(struct strbuf *out, const json_t *summary)
{
	cleanup(table_free) struct table *table = table_new();
	const json_t *chip;
	char text[SHOWN_SIZE];
	size_t i;

	table_column(table, "CHIPS WAITED FOR", 0);
	table_column(table, "ORIGIN", 0);
	table_column(table, "WAITED FOR", TABLE_RIGHT);
	table_column(table, "FREE", TABLE_RIGHT);
	json_array_foreach(json_object_get(summary, "chips"), i, chip) {
		if (json_number(chip, "waiting", 0) == 0)
			continue;
		table_cell(table, STYLE_PLAIN, json_text(chip, "model"));
		table_cell(table, STYLE_PLAIN, json_text(chip, "origin"));
		table_cellf(table, STYLE_WAITING, "%" PRId64, json_number(chip, "waiting", 0));
		table_cell(table, STYLE_PLAIN, shown_free(json_number(chip, "free", 0), json_number(chip, "count", 0), text));
	}
	if (table_rows(table) == 0)
		return;
	strbuf_putc(out, '\n');
	table_render(table, terminal_width(stdout), terminal_colours(stdout), out);
}

/* "the last round placed 60.5 of at most 64 chips (gap 5.5 %)". */
static void show_round(struct strbuf *out, const json_t *round)
{
	int64_t bound = json_number(round, "bound_chip_milli", 0), gap = json_number(round, "gap_permille", 0);
	int64_t ago_us = shown_now_us() - json_number(round, "measured_us", 0);
	char placed[SHOWN_SIZE], most[SHOWN_SIZE], ago[SHOWN_SIZE];

	if (bound == 0)
		return;
	strbuf_printf(out, "the last round measured, %s ago, placed %s of at most %s chips (gap %" PRId64 ".%" PRId64 " %%)\n",
		      shown_span(ago_us > 0 ? ago_us : 0, ago), shown_cores(json_number(round, "placed_chip_milli", 0), placed),
		      shown_cores(bound, most), gap / 10, gap % 10);
}

static void show(struct strbuf *out, const json_t *summary)
{
	const json_t *demands = json_object_get(summary, "demands");
	bool colours = terminal_colours(stdout), any = false;
	int64_t simulated = json_number(summary, "sites_simulated", 0), draining = json_number(summary, "sites_draining", 0);

	strbuf_printf(out, "%s: ", json_text(summary, "name"));
	text_add_cut(out, json_text(summary, "title"), SIZE_MAX);
	strbuf_printf(out, "\n%" PRId64 " of %" PRId64 " sites up", json_number(summary, "sites_up", 0), json_number(summary, "sites", 0));
	if (simulated)
		strbuf_printf(out, ", %" PRId64 " of them simulated", simulated);
	if (draining)
		strbuf_printf(out, ", %" PRId64 " draining", draining);
	strbuf_printf(out, "; chips: %" PRId64 " domestic, %" PRId64 " foreign\n", json_number(summary, "chips_domestic", 0),
		      json_number(summary, "chips_foreign", 0));
	strbuf_puts(out, "demands: ");
	for (int state = 0; state < STATE_COUNT; state++) {
		const char *word = demand_state_to_string((enum demand_state)state);
		int64_t count = json_number(demands, word, 0);

		if (count == 0)
			continue;
		strbuf_printf(out, "%s%s%" PRId64 " %s%s", any ? ", " : "", colours ? style_begin(style_of_state(word)) : "", count, word,
			      colours ? style_end(style_of_state(word)) : "");
		any = true;
	}
	strbuf_puts(out, any ? "\n" : "none\n");
	show_round(out, json_object_get(summary, "round"));
	strbuf_putc(out, '\n');
	show_tiers(out, summary);
	show_short(out, summary);
}

int cmd_summary(int argc, char **argv)
{
	struct context_options context = { 0 };
	bool json = false, watch = false;
	const struct cli_option options[] = {
		CLI_FLAG("watch", 'w', &watch, "go on and show changes, until Ctrl-C"),
		CLIENT_JSON(&json),
		CLIENT_OPTIONS(&context),
	};
	cleanup_arguments struct cli_arguments arguments = { 0 };
	cleanup(client_free) struct client *client = NULL;
	struct screen screen;
	int code = cli_parse(argc, argv, &help, options, ARRAY_COUNT(options), &arguments);

	if (code >= 0)
		return code;
	code = client_open(&context, &client);
	screen_init(&screen, stdout);
	while (code == EXIT_OK) {
		cleanup_strbuf struct strbuf out = { 0 };
		json_t *summary = NULL;

		code = client_get(client, "/v1/summary", &summary);
		if (code == EXIT_OK && json && watch)
			json_print_line(summary);
		else if (code == EXIT_OK && json)
			json_print(summary);
		else if (code == EXIT_OK)
			show(&out, summary);
		if (out.length)
			screen_show(&screen, strbuf_text(&out));
		json_decref(summary);
		if (!watch)
			break;
		usleep(WATCH_EVERY_US);
	}
	return code;
}
