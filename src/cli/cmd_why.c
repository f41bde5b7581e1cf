/* weir why: the first thing that stood in the way at each site, grouped; what would let it start now; why it is where it is. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/shown.h"

#define CHANGES_SHOWN 3

static const char *const usage[] = { "why [OPTION]... ID|NAME" };
static const char *const examples[] = {
	"weir why huge",          "why the newest demand of that name waits",
	"weir why --sites 0c9v4kq2m1a0x", "with the names of sites, nearest to fitting first",
};
static const struct cli_help help = {
	.usage = usage, .usage_count = ARRAY_COUNT(usage), .examples = examples, .example_count = ARRAY_COUNT(examples),
	.purpose = "Says why a demand is in its state. For one that waits: who is before it, when it starts, the smallest change that would let "
		   "it start now, and what stood in the way at each site, grouped, with numbers. For one that has a place: what spoke for it.",
	.arguments_min = 1, .arguments_max = 1, .arguments_expected = "one demand: its id or its name",
};

static void show_examples(struct strbuf *out, const json_t *examples_list)
{
	const json_t *site;
	size_t i;

	if (json_array_size(examples_list) == 0)
		return;
	strbuf_puts(out, "      ");
	json_array_foreach(examples_list, i, site) {
		strbuf_puts(out, i ? ", " : "");
		text_add_cut(out, json_string_value(site) ? json_string_value(site) : "", SIZE_MAX);
	}
	strbuf_putc(out, '\n');
}

static void show_ahead(struct strbuf *out, const json_t *why)
{
	int64_t ahead = json_number(why, "ahead", 0);
	const json_t *by;
	size_t i;

	if (ahead == 0)
		return;
	strbuf_printf(out, "  %" PRId64 " demand%s before it in the queue", ahead, ahead == 1 ? "" : "s");
	json_array_foreach(json_object_get(why, "ahead_by"), i, by) {
		strbuf_puts(out, i ? ", " : ": ");
		strbuf_printf(out, "%" PRId64 " of ", json_number(by, "count", 0));
		text_add_cut(out, json_text(by, "tenant"), SIZE_MAX);
	}
	strbuf_putc(out, '\n');
}

static void show_changes(struct strbuf *out, const json_t *why)
{
	const json_t *changes = json_object_get(why, "changes"), *change;
	size_t i;

	if (*json_text(why, "start")) {
		strbuf_puts(out, "  start: ");
		text_add_cut(out, json_text(why, "start"), SIZE_MAX);
		strbuf_putc(out, '\n');
	}
	if (json_array_size(changes) == 0 && *json_text(why, "change")) {
		strbuf_puts(out, "  ");
		text_add_cut(out, json_text(why, "change"), SIZE_MAX);
		strbuf_putc(out, '\n');
	}
	json_array_foreach(changes, i, change) {
		if (i == CHANGES_SHOWN)
			break;
		strbuf_puts(out, i ? "  or: " : "  smallest change: ");
		text_add_cut(out, json_text(change, "sentence"), SIZE_MAX);
		strbuf_putc(out, '\n');
	}
}

/* The parts of the score that are not 0. */
static void show_placement(struct strbuf *out, const json_t *placement)
{
	static const char *const parts[][2] = {
		{ "price_micro", "price" }, { "tier_micro", "tier" }, { "latency_micro", "latency" }, { "wait_micro", "wait for data" },
		{ "data_micro", "data moved" }, { "energy_micro", "energy" }, { "carbon_micro", "carbon" },
		{ "fragmentation_micro", "chips made useless" },
	};
	const json_t *score = json_object_get(placement, "parts");
	const char *between = " (";
	char text[SHOWN_SIZE];

	if (!placement)
		return;
	strbuf_puts(out, "  ");
	text_add_cut(out, json_text(placement, "sentence"), SIZE_MAX);
	for (size_t p = 0; p < ARRAY_COUNT(parts); p++) {
		int64_t micro = json_number(score, parts[p][0], 0);

		if (micro <= 0)
			continue;
		strbuf_printf(out, "%s%s %s", between, parts[p][1], unit_human(UNIT_MONEY, micro, text, sizeof(text)));
		between = ", ";
	}
	strbuf_puts(out, between[0] == ',' ? ")\n" : "\n");
}

static void show(struct strbuf *out, const json_t *demand, const json_t *why, bool sites)
{
	const char *state = json_text(why, "state");
	bool colours = terminal_colours(stdout);
	const json_t *group;
	size_t i;

	strbuf_printf(out, "%s %s is %s%s%s\n  ", json_text(demand, "name"), json_text(demand, "id"),
		      colours ? style_begin(style_of_state(state)) : "", state, colours ? style_end(style_of_state(state)) : "");
	text_add_cut(out, json_text(why, "summary"), SIZE_MAX);
	strbuf_putc(out, '\n');
	show_placement(out, json_object_get(why, "placement"));
	show_ahead(out, why);
	show_changes(out, why);
	json_array_foreach(json_object_get(why, "groups"), i, group) {
		bool never = json_flag(group, "never");

		strbuf_printf(out, "  %s•%s ", colours ? style_begin(never ? STYLE_DIM : STYLE_WAITING) : "",
			      colours ? style_end(never ? STYLE_DIM : STYLE_WAITING) : "");
		text_add_cut(out, json_text(group, "sentence"), SIZE_MAX);
		strbuf_puts(out, never ? "; waiting won't change that\n" : "\n");
		if (sites)
			show_examples(out, json_object_get(group, "examples"));
	}
}

int cmd_why(int argc, char **argv)
{
	struct context_options context = { 0 };
	bool json = false, sites = false;
	const struct cli_option options[] = {
		CLI_FLAG("sites", 0, &sites, "name up to eight sites of each group, nearest to fitting first"),
		CLIENT_JSON(&json),
		CLIENT_OPTIONS(&context),
	};
	cleanup_arguments struct cli_arguments arguments = { 0 };
	cleanup(client_free) struct client *client = NULL;
	cleanup_strbuf struct strbuf out = { 0 };
	json_t *demand = NULL, *why = NULL;
	int code = cli_parse(argc, argv, &help, options, ARRAY_COUNT(options), &arguments);

	if (code >= 0)
		return code;
	code = client_open(&context, &client);
	if (code == EXIT_OK)
		code = demand_resolve(client, arguments.words.items[0], &demand);
	if (code == EXIT_OK)
		code = demand_ask(client, NULL, json_text(demand, "id"), "why", &why);
	if (code == EXIT_OK && json) {
		json_print(why);
	} else if (code == EXIT_OK) {
		show(&out, demand, why, sites);
		fputs(strbuf_text(&out), stdout);
	}
	json_decref(demand);
	json_decref(why);
	return code;
}
