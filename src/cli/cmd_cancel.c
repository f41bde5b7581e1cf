/* weir cancel: demands that should not go on. */
#include <stdio.h>
#include <string.h>

#include "cli/shown.h"

static const char *const usage[] = { "cancel [OPTION]... ID|NAME..." };
static const char *const examples[] = {
	"weir cancel heartbeat",       "stops the newest demand of that name",
	"weir cancel 0c9v4kq2m1a0x 0c9v4kq2m1a0y", "stops two",
};
static const struct cli_help help = {
	.usage = usage, .usage_count = ARRAY_COUNT(usage), .examples = examples, .example_count = ARRAY_COUNT(examples),
	.purpose = "Cancels demands. What waits never starts; what runs is stopped, with its grace. A demand that has ended stays as it is.",
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

int cmd_cancel(int argc, char **argv)
{
	struct context_options context = { 0 };
	bool json = false;
	const struct cli_option options[] = { CLIENT_JSON(&json), CLIENT_OPTIONS(&context) };
	cleanup_arguments struct cli_arguments arguments = { 0 };
	cleanup(client_free) struct client *client = NULL;
	int code = cli_parse(argc, argv, &help, options, ARRAY_COUNT(options), &arguments), worst = EXIT_OK;

	if (code >= 0)
		return code;
	code = client_open(&context, &client);
	if (code != EXIT_OK)
		return code;
	for (size_t i = 0; i < arguments.words.count; i++) {
		json_t *demand = NULL;

		code = cancel(client, arguments.words.items[i], &demand);
		if (code > worst)
			worst = code;
		if (code == EXIT_OK && json)
			json_print(demand);
		else if (code == EXIT_OK)
			printf("%s %s is %s\n", json_text(demand, "name"), json_text(demand, "id"), json_text(demand, "state"));
		json_decref(demand);
	}
	return worst;
}
