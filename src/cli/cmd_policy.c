/* weir policy: what counts in the choice of a site, who may use how much, how the queue moves. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/input.h"
#include "cli/shown.h"

static const char *const usage[] = { "policy [OPTION]...", "policy --set FILE [OPTION]..." };
static const char *const examples[] = {
	"weir policy",                    "the policy that holds now",
	"weir policy --set policy.yaml",  "another one, from now on",
};
static const struct cli_help help = {
	.usage = usage, .usage_count = ARRAY_COUNT(usage), .examples = examples, .example_count = ARRAY_COUNT(examples),
	.purpose = "Shows the policy of the platform, or sets another. What tenants have used stays with their names.",
	.after = "A platform that is started with --policy begins with that file again.",
};

/* "2 cores, 4 GiB, 8 chips" of what is given; "" for nothing. */
static const char *amounts_text(const json_t *amounts, struct strbuf *out)
{
	static const char *const keys[][2] = { { "cpu", "cores" }, { "memory", "memory" }, { "chips", "chips" } };

	strbuf_reset(out);
	for (size_t i = 0; i < ARRAY_COUNT(keys); i++) {
		const char *text = json_text(amounts, keys[i][0]);

		if (*text && strcmp(text, "0") != 0 && strcmp(text, "0MiB") != 0)
			strbuf_printf(out, "%s%s %s", out->length ? ", " : "", text, keys[i][1]);
	}
	return strbuf_text(out);
}

static void show_weights(struct strbuf *out, const json_t *weights)
{
	const char *key;
	json_t *value;

	strbuf_puts(out, "\nWeights\n");
	json_object_foreach((json_t *)weights, key, value) {
		if (json_is_object(value))
			strbuf_printf(out, "  %-26s hub %" PRId64 ", regional %" PRId64 ", edge %" PRId64 "\n", key, json_number(value, "hub", 0),
				      json_number(value, "regional", 0), json_number(value, "edge", 0));
		else if (json_is_string(value))
			strbuf_printf(out, "  %-26s %s\n", key, json_string_value(value));
		else
			strbuf_printf(out, "  %-26s %" PRId64 "\n", key, (int64_t)json_integer_value(value));
	}
}

static void show_tenants(struct strbuf *out, const json_t *tenants)
{
	cleanup(table_free) struct table *table = table_new();
	cleanup_strbuf struct strbuf text = { 0 };
	const json_t *tenant;
	size_t i;

	if (json_array_size(tenants) == 0)
		return;
	table_column(table, "TENANT", TABLE_SHRINK);
	table_column(table, "PARENT", TABLE_SHRINK);
	table_column(table, "WEIGHT", TABLE_RIGHT);
	table_column(table, "QUOTA", TABLE_SHRINK);
	table_column(table, "LIMIT", TABLE_SHRINK);
	json_array_foreach(tenants, i, tenant) {
		table_cell(table, STYLE_PLAIN, json_text(tenant, "name"));
		table_cell(table, STYLE_PLAIN, json_text(tenant, "parent"));
		table_cellf(table, STYLE_PLAIN, "%" PRId64, json_number(tenant, "weight", 1));
		table_cell(table, STYLE_PLAIN, amounts_text(json_object_get(tenant, "quota"), &text));
		table_cell(table, STYLE_PLAIN, amounts_text(json_object_get(tenant, "limit"), &text));
	}
	strbuf_puts(out, "\nTenants\n");
	table_render(table, terminal_width(stdout), terminal_colours(stdout), out);
}

static void show(const json_t *policy)
{
	cleanup_strbuf struct strbuf out = { 0 };

	strbuf_printf(&out, "%s  %s\n", json_text(policy, "name"), json_text(policy, "title"));
	shown_field(&out, "half life", json_text(policy, "half_life"));
	shown_fieldf(&out, "reservations", "%" PRId64, json_number(policy, "reservations", 0));
	shown_fieldf(&out, "backfill depth", "%" PRId64, json_number(policy, "backfill_depth", 0));
	shown_field(&out, "preemption", json_flag(policy, "preemption") ? "yes" : "no");
	shown_field(&out, "nodes", json_text(policy, "nodes"));
	show_weights(&out, json_object_get(policy, "weights"));
	show_tenants(&out, json_object_get(policy, "tenants"));
	fputs(strbuf_text(&out), stdout);
}

/* Reads the file whole before it asks anybody. */
static int put(struct client *client, const char *path, json_t **ret_policy)
{
	cleanup_arena struct arena arena = { 0 };
	cleanup_strbuf struct strbuf text = { 0 };
	struct input *input = ARENA_NEW(&arena, struct input);

	if (input_read(path, &arena, input) < 0) {
		problems_print(&input->problems, &text);
		fputs(strbuf_text(&text), stderr);
		return EXIT_FAILED;
	}
	if (input->file.kind != FILE_POLICY) {
		cli_complain("%s: holds a %s, expected a policy", path, file_kind_to_string(input->file.kind));
		return EXIT_FAILED;
	}
	schema_write_json(&policy_schema, &input->file.policy, true, &text);
	return client_call(client, &(struct client_request){ .method = "PUT", .path = "/v1/policy", .body_text = strbuf_text(&text) },
			   ret_policy);
}

int cmd_policy(int argc, char **argv)
{
	struct context_options context = { 0 };
	const char *path = NULL;
	bool json = false;
	const struct cli_option options[] = {
		CLI_TEXT("set", 0, &path, "FILE", "the policy of this file from now on"),
		CLIENT_JSON(&json),
		CLIENT_OPTIONS(&context),
	};
	cleanup_arguments struct cli_arguments arguments = { 0 };
	cleanup(client_free) struct client *client = NULL;
	json_t *policy = NULL;
	int code = cli_parse(argc, argv, &help, options, ARRAY_COUNT(options), &arguments);

	if (code >= 0)
		return code;
	code = client_open(&context, &client);
	if (code == EXIT_OK)
		code = path ? put(client, path, &policy) : client_get(client, "/v1/policy", &policy);
	if (code == EXIT_OK && json)
		json_print(policy);
	else if (code == EXIT_OK && path)
		printf("The policy is now %s.\n", json_text(policy, "name"));
	else if (code == EXIT_OK)
		show(policy);
	json_decref(policy);
	return code;
}
