/* weir sites: what each site is, how it is, and what of it is free. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/shown.h"
#include "model/site.h"

static const char *const usage[] = { "sites [OPTION]...", "sites [OPTION]... SITE" };
static const char *const examples[] = {
	"weir sites --tier hub",      "the hubs, with what is free",
	"weir sites guian-hub",       "one site, with its groups of nodes and its chips",
};
static const struct cli_help help = {
	.usage = usage, .usage_count = ARRAY_COUNT(usage), .examples = examples, .example_count = ARRAY_COUNT(examples),
	.purpose = "Lists sites with their condition and what of them is free, or shows one site. Sites whose engine is 'simulated' only "
		   "act as if they ran something.",
	.arguments_max = 1,
};

struct sites {
	struct context_options context;
	const char *region, *condition, *contains;
	int tier, engine;
	bool draining, json;
};

#define TITLE_FROM_WIDTH 140 /* narrower terminals have no room for titles */

static bool shows_titles(void)
{
	size_t width = terminal_width(stdout);

	return width == 0 || width >= TITLE_FROM_WIDTH;
}

static struct table *sites_table(void)
{
	struct table *table = table_new();

	table_column(table, "SITE", 0);
	table_column(table, "TIER", 0);
	table_column(table, "REGION", TABLE_SHRINK);
	table_column(table, "ENGINE", 0);
	table_column(table, "CONDITION", TABLE_SHRINK);
	table_column(table, "NODES", TABLE_RIGHT);
	table_column(table, "CHIPS FREE", TABLE_RIGHT);
	table_column(table, "CORES FREE", TABLE_RIGHT);
	table_column(table, "MEMORY FREE", TABLE_RIGHT);
	table_column(table, "WORK", TABLE_RIGHT);
	if (shows_titles())
		table_column(table, "TITLE", TABLE_SHRINK);
	return table;
}

static void cell_condition(struct table *table, const json_t *site)
{
	const char *condition = json_text(site, "condition");
	bool draining = json_flag(site, "draining");

	table_cellf(table, style_of_condition(draining ? "draining" : condition), "%s%s", condition, draining ? ", draining" : "");
}

static void add_site(struct table *table, const json_t *site)
{
	const char *engine = json_text(site, "engine");
	char text[SHOWN_SIZE], free_text[SHOWN_SIZE], all[SHOWN_SIZE];

	table_cell(table, STYLE_PLAIN, json_text(site, "name"));
	table_cell(table, STYLE_PLAIN, json_text(site, "tier"));
	table_cell(table, STYLE_PLAIN, json_text(site, "region"));
	table_cell(table, strcmp(engine, "simulated") == 0 ? STYLE_DIM : STYLE_BOLD, engine);
	cell_condition(table, site);
	table_cellf(table, STYLE_PLAIN, "%" PRId64, json_number(site, "nodes", 0));
	table_cell(table, STYLE_PLAIN, shown_free(json_number(site, "chips_free", 0), json_number(site, "chips", 0), text));
	table_cellf(table, STYLE_PLAIN, "%s/%s", shown_cores(json_number(site, "cpu_free_milli", 0), free_text),
		    shown_cores(json_number(site, "cpu_milli", 0), all));
	table_cell(table, STYLE_PLAIN, unit_human(UNIT_MEMORY, json_number(site, "memory_free_mib", 0), text, sizeof(text)));
	table_cellf(table, STYLE_PLAIN, "%" PRId64, json_number(site, "placements", 0));
	if (shows_titles())
		table_cell(table, STYLE_DIM, json_text(site, "title"));
}

/* --- one site ------------------------------------------------------------------------------------- */

static void show_head(struct strbuf *out, const json_t *site)
{
	char text[SHOWN_SIZE], other[SHOWN_SIZE];
	int64_t seen_s = json_number(site, "seconds_since_seen", -1);
	const char *engine = json_text(site, "engine");
	const json_t *note;
	size_t i;

	strbuf_printf(out, "%s  %s\n", json_text(site, "name"), json_text(site, "title"));
	shown_fieldf(out, "tier", "%s in %s", json_text(site, "tier"), json_text(site, "region"));
	shown_field(out, "operator", json_text(site, "operator"));
	shown_fieldf(out, "engine", "%s%s", engine, strcmp(engine, "simulated") == 0 ? ": nothing really runs here" : "");
	shown_fieldf(out, "condition", "%s since %s%s", json_text(site, "condition"),
		     shown_time(json_number(site, "condition_since_us", 0), text), json_flag(site, "draining") ? ", draining" : "");
	shown_field(out, "drained for", json_text(site, "drain_reason"));
	if (seen_s >= 0)
		shown_fieldf(out, "agent", "%s, spoke %s ago", json_text(site, "agent"), shown_span(seen_s * 1000000, text));
	shown_fieldf(out, "cores free", "%s of %s", shown_cores(json_number(site, "cpu_free_milli", 0), text),
		     shown_cores(json_number(site, "cpu_milli", 0), other));
	shown_fieldf(out, "memory free", "%s of %s", unit_human(UNIT_MEMORY, json_number(site, "memory_free_mib", 0), text, sizeof(text)),
		     unit_human(UNIT_MEMORY, json_number(site, "memory_mib", 0), other, sizeof(other)));
	shown_fieldf(out, "work", "%" PRId64 " placements", json_number(site, "placements", 0));
	json_array_foreach(json_object_get(site, "notes"), i, note)
		shown_field(out, "note", json_string_value(note));
}

static void show_chips(struct strbuf *out, const json_t *site)
{
	const json_t *uses = json_object_get(site, "chip_uses"), *use;
	cleanup(table_free) struct table *table = table_new();
	char text[SHOWN_SIZE];
	size_t i;

	if (json_array_size(uses) == 0)
		return;
	table_column(table, "CHIP MODEL", 0);
	table_column(table, "FREE", TABLE_RIGHT);
	json_array_foreach(uses, i, use) {
		table_cell(table, STYLE_PLAIN, json_text(use, "model"));
		table_cell(table, STYLE_PLAIN, shown_free(json_number(use, "free", 0), json_number(use, "count", 0), text));
	}
	strbuf_putc(out, '\n');
	table_render(table, terminal_width(stdout), terminal_colours(stdout), out);
}

/* Quantities come as text with their unit, or as integers in it. */
static void cell_quantity(struct table *table, const json_t *object, const char *key, const char *key_integer, enum unit unit)
{
	char text[SHOWN_SIZE];

	if (*json_text(object, key))
		table_cell(table, STYLE_PLAIN, json_text(object, key));
	else
		table_cell(table, STYLE_PLAIN, unit_human(unit, json_number(object, key_integer, 0), text, sizeof(text)));
}

static void show_groups(struct strbuf *out, const json_t *site)
{
	const json_t *groups = json_object_get(site, "groups"), *group;
	cleanup(table_free) struct table *table = table_new();
	size_t i;

	if (json_array_size(groups) == 0)
		return;
	table_column(table, "GROUP", 0);
	table_column(table, "NODES", TABLE_RIGHT);
	table_column(table, "CPU", TABLE_RIGHT);
	table_column(table, "MEMORY", TABLE_RIGHT);
	table_column(table, "CHIPS OF EACH", TABLE_SHRINK);
	json_array_foreach(groups, i, group) {
		cleanup_strbuf struct strbuf chips = { 0 };
		const json_t *count;
		const char *model;

		json_object_foreach(json_object_get(group, "chips"), model, count)
			strbuf_printf(&chips, "%s%" JSON_INTEGER_FORMAT " %s", chips.length ? ", " : "", json_integer_value(count), model);
		table_cell(table, STYLE_PLAIN, json_text(group, "name"));
		table_cellf(table, STYLE_PLAIN, "%" PRId64, json_number(group, "count", 0));
		cell_quantity(table, group, "cpu", "cpu_milli", UNIT_CPU);
		cell_quantity(table, group, "memory", "memory_mib", UNIT_MEMORY);
		table_cell(table, STYLE_PLAIN, strbuf_text(&chips));
	}
	strbuf_putc(out, '\n');
	table_render(table, terminal_width(stdout), terminal_colours(stdout), out);
}

static int show_one(struct client *client, const struct sites *sites, const char *name)
{
	cleanup_strbuf struct strbuf path = { 0 }, out = { 0 };
	json_t *site = NULL;
	int code;

	strbuf_puts(&path, "/v1/sites/");
	path_add(&path, name);
	code = client_get(client, strbuf_text(&path), &site);
	if (code == EXIT_OK && sites->json) {
		json_print(site);
	} else if (code == EXIT_OK) {
		show_head(&out, site);
		show_chips(&out, site);
		show_groups(&out, site);
		fputs(strbuf_text(&out), stdout);
	}
	json_decref(site);
	return code;
}

static int show_all(struct client *client, const struct sites *sites)
{
	cleanup_strbuf struct strbuf path = { 0 };
	cleanup(table_free) struct table *table = sites_table();
	const json_t *site;
	json_t *page = NULL;
	size_t i;
	int code;

	strbuf_puts(&path, "/v1/sites");
	query_add(&path, "tier", sites->tier >= 0 ? tier_to_string((enum tier)sites->tier) : NULL);
	query_add(&path, "engine", sites->engine >= 0 ? engine_kind_to_string((enum engine_kind)sites->engine) : NULL);
	query_add(&path, "region", sites->region);
	query_add(&path, "condition", sites->condition);
	query_add(&path, "contains", sites->contains);
	query_add(&path, "draining", sites->draining ? "true" : NULL);
	code = client_get_pages(client, strbuf_text(&path), 0, false, &page);
	if (code == EXIT_OK && sites->json) {
		json_print(page);
	} else if (code == EXIT_OK) {
		json_array_foreach(json_object_get(page, "items"), i, site)
			add_site(table, site);
		table_print(table, stdout);
	}
	json_decref(page);
	return code;
}

int cmd_sites(int argc, char **argv)
{
	struct sites sites = { .tier = -1, .engine = -1 };
	const struct cli_option options[] = {
		CLI_ENUM("tier", 0, &sites.tier, "TIER", &tier_table, "only of this tier: hub, regional, edge"),
		CLI_TEXT("region", 0, &sites.region, "REGION", "only in this region"),
		CLI_TEXT("condition", 0, &sites.condition, "CONDITION", "only in this condition: unseen, up, suspect, lost"),
		CLI_ENUM("engine", 0, &sites.engine, "ENGINE", &engine_kind_table, "only with this engine: local, slurm, kubernetes, simulated"),
		CLI_FLAG("draining", 0, &sites.draining, "only those that are being drained"),
		CLI_TEXT("contains", 0, &sites.contains, "TEXT", "only those whose name contains this"),
		CLIENT_JSON(&sites.json),
		CLIENT_OPTIONS(&sites.context),
	};
	cleanup_arguments struct cli_arguments arguments = { 0 };
	cleanup(client_free) struct client *client = NULL;
	int code = cli_parse(argc, argv, &help, options, ARRAY_COUNT(options), &arguments);

	if (code >= 0)
		return code;
	code = client_open(&sites.context, &client);
	if (code != EXIT_OK)
		return code;
	return arguments.words.count ? show_one(client, &sites, arguments.words.items[0]) : show_all(client, &sites);
}
