/* weir chips: the catalogue, with how many of each model there are and are free. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/shown.h"

static const char *const usage[] = { "chips [OPTION]..." };
static const char *const examples[] = {
	"weir chips",            "every model of the catalogue",
	"weir chips --present",  "only those that some site has",
};
static const struct cli_help help = {
	.usage = usage, .usage_count = ARRAY_COUNT(usage), .examples = examples, .example_count = ARRAY_COUNT(examples),
	.purpose = "Lists chip models: where they come from, what they hold, whether their security review is passed, how many there are "
		   "and how many of them are free, and how many pending demands wait for.",
};

static const json_t *find_use(const json_t *summary, const char *model)
{
	const json_t *use;
	size_t i;

	json_array_foreach(json_object_get(summary, "chips"), i, use)
		if (strcmp(json_text(use, "model"), model) == 0)
			return use;
	return NULL;
}

static void cell_count(struct table *table, const json_t *use, const char *key)
{
	int64_t count = json_number(use, key, 0);

	if (count)
		table_cellf(table, STYLE_PLAIN, "%" PRId64, count);
	else
		table_cell(table, STYLE_PLAIN, "");
}

static void add_model(struct table *table, const json_t *model, const json_t *use)
{
	const char *review = json_text(json_object_get(model, "review"), "state");
	const json_t *throughput = json_object_get(model, "throughput");
	const char *memory = json_text(model, "memory");

	table_cell(table, STYLE_PLAIN, json_text(model, "name"));
	table_cell(table, STYLE_PLAIN, json_text(model, "vendor"));
	table_cell(table, STYLE_PLAIN, json_text(model, "origin"));
	table_cell(table, strcmp(review, "passed") == 0 ? STYLE_GOOD : strcmp(review, "revoked") == 0 ? STYLE_BAD : STYLE_DIM, review);
	table_cell(table, STYLE_PLAIN, strcmp(memory, "0MiB") == 0 ? "" : memory); /* not known */
	table_cell(table, STYLE_PLAIN, json_text(throughput, "fp16"));
	cell_count(table, use, "count");
	cell_count(table, use, "free");
	cell_count(table, use, "waiting");
}

static int show(struct client *client, bool present, bool json)
{
	cleanup(table_free) struct table *table = table_new();
	json_t *page = NULL, *summary = NULL;
	const json_t *model;
	size_t i;
	int code = client_get_pages(client, "/v1/chips", 0, false, &page);

	if (code == EXIT_OK)
		code = client_get(client, "/v1/summary", &summary);
	if (code == EXIT_OK && json)
		json_print(page);
	table_column(table, "MODEL", 0);
	table_column(table, "VENDOR", TABLE_SHRINK);
	table_column(table, "ORIGIN", 0);
	table_column(table, "REVIEW", 0);
	table_column(table, "MEMORY", TABLE_RIGHT);
	table_column(table, "FP16", TABLE_RIGHT);
	table_column(table, "COUNT", TABLE_RIGHT);
	table_column(table, "FREE", TABLE_RIGHT);
	table_column(table, "WAITED FOR", TABLE_RIGHT);
	json_array_foreach(json_object_get(page, "items"), i, model) {
		const json_t *use = find_use(summary, json_text(model, "name"));

		if (!present || json_number(use, "count", 0) > 0)
			add_model(table, model, use);
	}
	if (code == EXIT_OK && !json)
		table_print(table, stdout);
	json_decref(page);
	json_decref(summary);
	return code;
}

int cmd_chips(int argc, char **argv)
{
	struct context_options context = { 0 };
	bool json = false, present = false;
	const struct cli_option options[] = {
		CLI_FLAG("present", 0, &present, "only models that some site has"),
		CLIENT_JSON(&json),
		CLIENT_OPTIONS(&context),
	};
	cleanup_arguments struct cli_arguments arguments = { 0 };
	cleanup(client_free) struct client *client = NULL;
	int code = cli_parse(argc, argv, &help, options, ARRAY_COUNT(options), &arguments);

	if (code >= 0)
		return code;
	code = client_open(&context, &client);
	return code == EXIT_OK ? show(client, present, json) : code;
}
