/* weir context: which server the other subcommands talk to, and as whom. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/client.h"
#include "cli/shown.h"

static const char *const usage[] = { "context [OPTION]...", "context --set --server URL [--token-file FILE] [--ca-file FILE]" };
static const char *const examples[] = {
	"weir context",                                                             "what holds now, where it comes from, and whether it answers",
	"weir context --set --server https://weir.example:7400 --token-file ~/t", "from now on",
};
static const struct cli_help help = {
	.usage = usage, .usage_count = ARRAY_COUNT(usage), .examples = examples, .example_count = ARRAY_COUNT(examples),
	.purpose = "Shows which server the other subcommands talk to and whose token they show, or writes both to the context file: "
		   "WEIR_CONTEXT, else ~/.config/weir/context.json.",
	.after = "The token of the context file is sent to the context file's server only.",
};

/* The file may be read from any folder later. */
static char *absolute(const char *path)
{
	char *full = path ? realpath(path, NULL) : NULL;

	return full ? full : path ? mem_strdup(path) : NULL;
}

static int set(const struct context_options *options)
{
	cleanup_free char *path = context_path();
	cleanup_free char *token_file = absolute(options->token_file);
	cleanup_free char *ca_file = absolute(options->ca_file);
	struct err err = { "" };

	if (!options->server)
		return cli_usage_error("--set needs --server");
	if (!path) {
		cli_complain("there is no home folder to keep a context in; WEIR_CONTEXT names a file");
		return EXIT_FAILED;
	}
	if (context_check(options, &err) < 0 || context_write(path, options->server, token_file, ca_file, &err) < 0) {
		cli_complain("%s", err.text);
		return EXIT_FAILED;
	}
	printf("%s says now: %s\n", path, options->server);
	return EXIT_OK;
}

static int show(const struct context_options *options, bool json)
{
	cleanup(client_free) struct client *client = NULL;
	struct context context;
	struct err err = { "" };
	json_t *health = NULL, *object;
	int code;

	if (context_find(options, &context, &err) < 0) {
		cli_complain("%s", err.text);
		return EXIT_FAILED;
	}
	code = client_open(options, &client);
	if (code == EXIT_OK)
		code = client_call(client, &(struct client_request){ .path = "/v1/health", .quiet = true, .timeout_us = 5000000 }, &health);
	if (json) {
		object = json_pack("{s:s*, s:s, s:s, s:s, s:b, s:s}", "file", context.path, "server", context.server, "server_from",
				   context.server_from, "token_from", context.token_from, "reachable", code == EXIT_OK, "version",
				   json_text(health, "version"));
		json_print(object);
		json_decref(object);
	} else {
		printf("server  %s (from %s)\n", context.server, context.server_from);
		printf("token   %s%s\n", context.token ? "from " : "none known", context.token ? context.token_from : "");
		printf("file    %s\n", context.path ? context.path : "none");
		printf("answers %s%s\n", code == EXIT_OK ? "yes, version " : "no", json_text(health, "version"));
	}
	json_decref(health);
	context_done(&context);
	return code;
}

int cmd_context(int argc, char **argv)
{
	struct context_options context = { 0 };
	bool write = false, json = false;
	const struct cli_option options[] = {
		CLI_FLAG("set", 0, &write, "write the options below to the context file"),
		CLI_FLAG("json", 0, &json, "for programs"),
		CLIENT_OPTIONS(&context),
	};
	cleanup_arguments struct cli_arguments arguments = { 0 };
	int code = cli_parse(argc, argv, &help, options, ARRAY_COUNT(options), &arguments);

	if (code >= 0)
		return code;
	return write ? set(&context) : show(&context, json);
}
