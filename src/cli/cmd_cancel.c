/* weir cancel: demands that should not go on. */
#include <stdio.h>
#include <string.h>

#include "cli/shown.h"

static const char *const usage[] = { "cancel [OPTION]... ID|NAME...", "cancel --array [--tenant TENANT] [OPTION]... NAME..." };
static const char *const examples[] = {
	"weir cancel heartbeat",       "stops the newest demand of that name",
	"weir cancel 0c9v4kq2m1a0x 0c9v4kq2m1a0y", "stops two",
	"weir cancel --array sweep",   "stops every member of the newest array of that name",
};
static const struct cli_help help = {
	.usage = usage, .usage_count = ARRAY_COUNT(usage), .examples = examples, .example_count = ARRAY_COUNT(examples),
	.purpose = "Cancels demands, or with --array all members of arrays. What waits never starts; what runs is stopped, with its grace. "
		   "A demand that has ended stays as it is.",
	.arguments_min = 1, .arguments_max = -1, .arguments_expected = "at least one demand: its id or its name",
};

static int cancel(struct client *client, const char *word, json_t **ret_demand)
{
	json_t *found = NULL;
	int code = demand_resolve(client, word, &found);

	if (code == EXIT_OK)
		code = demand_ask(client, "POST", json_text(found, "id"), "cancel", ret_demand);
	json_decref(found);
	return code;
}

static int cancel_array(struct client *client, const char *name, const char *tenant, json_t **ret_answer)
{
	cleanup_strbuf struct strbuf path = { 0 };

	strbuf_puts(&path, "/v1/arrays/");
	path_add(&path, name);
	strbuf_puts(&path, "/cancel");
	query_add(&path, "tenant", tenant);
	return client_call(client, &(struct client_request){ .method = "POST", .path = strbuf_text(&path) }, ret_answer);
}

static void tell(const json_t *answer, bool array)
{
	if (array)
		printf("%s of %s: %lld cancelled\n", json_text(answer, "name"), json_text(answer, "tenant"),
		       (long long)json_number(answer, "cancelled", 0));
	else
		printf("%s %s is %s\n", json_text(answer, "name"), json_text(answer, "id"), json_text(answer, "state"));
}

int cmd_cancel(int argc, char **argv)
{
	struct context_options context = { 0 };
	bool json = false, array = false;
	const char *tenant = NULL;
	const struct cli_option options[] = {
		CLI_FLAG("array", 0, &array, "names of arrays, each with all of its members"),
		CLI_TEXT("tenant", 't', &tenant, "TENANT", "with --array: whose (default: the token's)"),
		CLIENT_JSON(&json),
		CLIENT_OPTIONS(&context),
	};
	cleanup_arguments struct cli_arguments arguments = { 0 };
	cleanup(client_free) struct client *client = NULL;
	int code = cli_parse(argc, argv, &help, options, ARRAY_COUNT(options), &arguments), worst = EXIT_OK;

	if (code >= 0)
		return code;
	if (tenant && !array)
		return cli_usage_error("--tenant goes with --array only");
	code = client_open(&context, &client);
	if (code != EXIT_OK)
		return code;
	for (size_t i = 0; i < arguments.words.count; i++) {
		const char *word = arguments.words.items[i];
		json_t *answer = NULL;

		code = array ? cancel_array(client, word, tenant, &answer) : cancel(client, word, &answer);
		if (code > worst)
			worst = code;
		if (code == EXIT_OK && json)
			json_print(answer);
		else if (code == EXIT_OK)
			tell(answer, array);
		json_decref(answer);
	}
	return worst;
}
