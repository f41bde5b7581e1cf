/* weir tenants: what each holds, has used, is sure of, and may have. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/shown.h"

static const char *const usage[] = { "tenants [OPTION]..." };
static const char *const examples[] = {
	"weir tenants",         "all of them, or with a tenant's token that one",
	"weir tenants --json",  "the same for programs",
};
static const struct cli_help help = {
	.usage = usage, .usage_count = ARRAY_COUNT(usage), .examples = examples, .example_count = ARRAY_COUNT(examples),
	.purpose = "Lists tenants: what each holds now with those below it, its part of the network over time (decayed, of the resource that "
		   "it has most of) beside the part that its weight promises, its quota and its limit.",
};

/* Cores, memory and chips as "2c 4GiB 8"; what is 0 is left out. */
static void cell_amounts(struct table *table, const json_t *amounts, enum style style)
{
	cleanup_strbuf struct strbuf text = { 0 };
	int64_t cpu = json_number(amounts, "cpu_milli", 0), memory = json_number(amounts, "memory_mib", 0);
	int64_t chips = json_number(amounts, "chip_milli", 0);
	char part[SHOWN_SIZE];

	if (cpu)
		strbuf_printf(&text, "%s cores", shown_cores(cpu, part));
	if (memory)
		strbuf_printf(&text, "%s%s", text.length ? ", " : "", unit_human(UNIT_MEMORY, memory, part, sizeof(part)));
	if (chips)
		strbuf_printf(&text, "%s%s chip%s", text.length ? ", " : "", shown_cores(chips, part), chips == 1000 ? "" : "s");
	table_cell(table, style, strbuf_text(&text));
}

static void cell_ppm(struct table *table, int64_t ppm)
{
	table_cellf(table, STYLE_PLAIN, "%" PRId64 ".%02" PRId64 " %%", ppm / 10000, ppm / 100 % 100);
}

static void add_tenant(struct table *table, const json_t *tenant)
{
	bool borrows = json_flag(tenant, "borrows");

	table_cell(table, STYLE_PLAIN, json_text(tenant, "name"));
	table_cell(table, STYLE_PLAIN, json_text(tenant, "parent"));
	table_cellf(table, STYLE_PLAIN, "%" PRId64, json_number(tenant, "weight", 1));
	cell_ppm(table, json_number(tenant, "used_ppm", 0));
	cell_ppm(table, json_number(tenant, "promised_ppm", 0));
	cell_amounts(table, json_object_get(tenant, "held"), STYLE_PLAIN);
	table_cell(table, borrows ? STYLE_ACTIVE : STYLE_PLAIN, borrows ? "yes" : "");
	cell_amounts(table, json_object_get(tenant, "quota"), STYLE_DIM);
	cell_amounts(table, json_object_get(tenant, "limit"), STYLE_DIM);
}

static int show(struct client *client, bool json)
{
	cleanup(table_free) struct table *table = table_new();
	json_t *page = NULL;
	const json_t *tenant;
	size_t i;
	int code = client_get_pages(client, "/v1/tenants", 0, false, &page);

	if (code == EXIT_OK && json)
		json_print(page);
	table_column(table, "TENANT", 0);
	table_column(table, "BELOW", TABLE_SHRINK | TABLE_SPARE);
	table_column(table, "WEIGHT", TABLE_RIGHT);
	table_column(table, "USED", TABLE_RIGHT);
	table_column(table, "PROMISED", TABLE_RIGHT);
	table_column(table, "HOLDS", TABLE_SHRINK);
	table_column(table, "BORROWS", 0);
	table_column(table, "QUOTA", TABLE_SHRINK);
	table_column(table, "LIMIT", TABLE_SHRINK);
	json_array_foreach(json_object_get(page, "items"), i, tenant)
		add_tenant(table, tenant);
	if (code == EXIT_OK && !json && i == 0)
		puts("No tenant has any work yet.");
	else if (code == EXIT_OK && !json)
		table_print(table, stdout);
	json_decref(page);
	return code;
}

int cmd_tenants(int argc, char **argv)
{
	struct context_options context = { 0 };
	bool json = false;
	const struct cli_option options[] = { CLIENT_JSON(&json), CLIENT_OPTIONS(&context) };
	cleanup_arguments struct cli_arguments arguments = { 0 };
	cleanup(client_free) struct client *client = NULL;
	int code = cli_parse(argc, argv, &help, options, ARRAY_COUNT(options), &arguments);

	if (code >= 0)
		return code;
	code = client_open(&context, &client);
	return code == EXIT_OK ? show(client, json) : code;
}
