/* weir check: everything that is wrong in files of networks, chips, demands and policies, and between them. */
#include <jansson.h>
#include <stdio.h>

#include "cli/cli.h"
#include "cli/client.h"
#include "cli/input.h"

static const char *const usage[] = { "check [OPTION]... FILE..." };
static const char *const examples[] = {
	"weir check job.yaml", "one file by itself",
	"weir check examples/networks/china.yaml examples/chips/catalogue.yaml examples/demands/*.yaml",
	"files that name each other's chips, sites and regions",
};
static const struct cli_help help = {
	.usage = usage, .usage_count = ARRAY_COUNT(usage), .examples = examples, .example_count = ARRAY_COUNT(examples),
	.purpose = "Reads files of networks, chip catalogues, demands and policies, and prints each problem as FILE:LINE:COLUMN: PATH: what is "
		   "wrong. "
		   "With a catalogue among the files, chip models must be in it; with a network, the sites and regions that demands name "
		   "must be. FILE '-' is standard input. The exit status is 1 when there was a problem.",
	.arguments_min = 1, .arguments_max = -1, .arguments_expected = "at least one file",
};

static const char *kind_of(const struct input *input)
{
	return input->read ? file_kind_to_string(input->file.kind) : "";
}

static void print_json(const struct input *inputs, size_t count, size_t total)
{
	json_t *files = json_array();
	json_t *all;

	for (size_t i = 0; i < count; i++) {
		const struct problems *problems = &inputs[i].problems;
		json_t *list = json_array();

		for (size_t p = 0; p < problems->count && p < PROBLEMS_MAX; p++) {
			const struct problem *problem = &problems->list[p];

			json_array_append_new(list, json_pack("{s:i, s:i, s:s, s:s}", "line", (int)problem->line, "column", (int)problem->column,
							      "path", problem->path ? problem->path : "", "text", problem->text));
		}
		json_array_append_new(files, json_pack("{s:s, s:s, s:I, s:o}", "file", inputs[i].shown, "kind", kind_of(&inputs[i]),
						       "problem_count", (json_int_t)problems->count, "problems", list));
	}
	all = json_pack("{s:o, s:I}", "files", files, "problem_count", (json_int_t)total);
	json_print(all);
	json_decref(all);
}

static const char *plural(size_t count)
{
	return count == 1 ? "" : "s";
}

/* "network china: 260 sites, 31 regions" */
static void describe(const struct input *input, struct strbuf *out)
{
	const struct file *file = &input->file;

	switch (file->kind) {
	case FILE_NETWORK:
		strbuf_printf(out, "network %s, %zu site%s in %zu region%s, %zu link%s", file->network.name, file->network.site_count,
			      plural(file->network.site_count), file->network.region_count, plural(file->network.region_count),
			      file->network.link_count, plural(file->network.link_count));
		break;
	case FILE_CATALOGUE:
		strbuf_printf(out, "catalogue, %zu chip model%s", file->catalogue.model_count, plural(file->catalogue.model_count));
		break;
	case FILE_POLICY:
		strbuf_printf(out, "policy %s, %zu tenant%s", file->policy.name, file->policy.tenant_count, plural(file->policy.tenant_count));
		break;
	default:
		strbuf_printf(out, "%zu demand%s", file->demand_count, plural(file->demand_count));
	}
}

static void print_text(const struct input *inputs, size_t count)
{
	cleanup_strbuf struct strbuf out = { 0 };

	for (size_t i = 0; i < count; i++) {
		if (inputs[i].problems.count > 0) {
			problems_print(&inputs[i].problems, &out);
			continue;
		}
		strbuf_printf(&out, "%s: ok: ", inputs[i].shown);
		describe(&inputs[i], &out);
		strbuf_putc(&out, '\n');
	}
	fputs(strbuf_text(&out), stdout);
}

int cmd_check(int argc, char **argv)
{
	bool json = false;
	const struct cli_option options[] = { CLI_FLAG("json", 0, &json, "print one JSON object, for programs") };
	cleanup_arguments struct cli_arguments arguments = { 0 };
	cleanup_arena struct arena arena = { 0 };
	struct input *inputs;
	size_t total = 0;
	int code;

	arena_init(&arena);
	code = cli_parse(argc, argv, &help, options, ARRAY_COUNT(options), &arguments);
	if (code >= 0)
		return code;
	inputs = ARENA_ARRAY(&arena, struct input, arguments.words.count);
	for (size_t i = 0; i < arguments.words.count; i++)
		input_read(arguments.words.items[i], &arena, &inputs[i]);
	inputs_cross_check(inputs, arguments.words.count);
	for (size_t i = 0; i < arguments.words.count; i++)
		total += inputs[i].problems.count;
	if (json)
		print_json(inputs, arguments.words.count, total);
	else
		print_text(inputs, arguments.words.count);
	return total ? EXIT_FAILED : EXIT_OK;
}
