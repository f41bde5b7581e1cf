/* weir logs: what a demand's processes wrote. */
#include <stdio.h>
#include <string.h>

#include "cli/follow.h"
#include "cli/shown.h"

static const char *const usage[] = { "logs [OPTION]... ID|NAME" };
static const char *const examples[] = {
	"weir logs -f hash",                     "follow the newest demand of that name to its end",
	"weir logs --stderr --attempt 1 0c9v4kq2m1a0x", "what the first attempt complained of",
};
static const struct cli_help help = {
	.usage = usage, .usage_count = ARRAY_COUNT(usage), .examples = examples, .example_count = ARRAY_COUNT(examples),
	.purpose = "Prints what a demand wrote to its standard output (or, with --stderr, to its standard error), of all its workers or of "
		   "one. With --follow it goes on until the demand has ended, through further attempts.",
	.arguments_min = 1, .arguments_max = 1, .arguments_expected = "one demand: its id or its name",
};

int cmd_logs(int argc, char **argv)
{
	struct context_options context = { 0 };
	struct follow_settings settings = { .worker = -1 };
	bool follow = false, error = false, both = false;
	const struct cli_option options[] = {
		CLI_FLAG("follow", 'f', &follow, "go on with what is written, to the demand's end"),
		CLI_NUMBER("worker", 'w', &settings.worker, "N", 0, 100000, "only this worker's, from 0 (default all, at most 16)"),
		CLI_NUMBER("replica", 0, &settings.replica, "N", 0, 100000, "of a service: this replica's, from 0 (default 0)"),
		CLI_NUMBER("attempt", 0, &settings.attempt, "N", 1, INT32_MAX, "of this attempt, from 1 (default the latest)"),
		CLI_FLAG("stderr", 'e', &error, "its standard error instead of its standard output"),
		CLI_FLAG("both", 'b', &both, "both: its standard error goes to standard error"),
		CLIENT_OPTIONS(&context),
	};
	cleanup_arguments struct cli_arguments arguments = { 0 };
	cleanup(client_free) struct client *client = NULL;
	json_t *demand = NULL;
	int code = cli_parse(argc, argv, &help, options, ARRAY_COUNT(options), &arguments);

	if (code >= 0)
		return code;
	code = client_open(&context, &client);
	if (code == EXIT_OK)
		code = demand_resolve(client, arguments.words.items[0], &demand);
	if (code != EXIT_OK)
		return code;
	settings.id = json_text(demand, "id");
	settings.out = both || !error;
	settings.err = both || error;
	settings.error_to_output = !both;
	code = follow ? follow_output(client, &settings, NULL) : print_output(client, &settings);
	json_decref(demand);
	return code;
}
