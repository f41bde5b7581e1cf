/* weir drain, weir undrain: close a site for new work, and open it again. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/shown.h"

#define WAIT_EVERY_US 500000

static const char *const drain_usage[] = { "drain [OPTION]... SITE" };
static const char *const drain_examples[] = {
	"weir drain guian-hub --reason 'new cooling'", "nothing new starts there",
	"weir drain guian-hub --wait",                 "and come back once it is empty",
};
static const struct cli_help drain_help = {
	.usage = drain_usage, .usage_count = ARRAY_COUNT(drain_usage), .examples = drain_examples,
	.example_count = ARRAY_COUNT(drain_examples),
	.purpose = "Lets nothing new start at a site. What runs there goes on to its end.",
	.arguments_min = 1, .arguments_max = 1, .arguments_expected = "one site",
};

static const char *const undrain_usage[] = { "undrain [OPTION]... SITE" };
static const char *const undrain_examples[] = {
	"weir undrain guian-hub",        "work may be placed there again",
	"weir undrain --json guian-hub", "the same, for programs",
};
static const struct cli_help undrain_help = {
	.usage = undrain_usage, .usage_count = ARRAY_COUNT(undrain_usage), .examples = undrain_examples,
	.example_count = ARRAY_COUNT(undrain_examples),
	.purpose = "Opens a drained site again: work may be placed there.",
	.arguments_min = 1, .arguments_max = 1, .arguments_expected = "one site",
};

static void site_path(struct strbuf *path, const char *site, const char *action)
{
	strbuf_puts(path, "/v1/sites/");
	path_add(path, site);
	strbuf_puts(path, action);
}

static int post(struct client *client, const char *site, const char *action, const char *reason, json_t **ret_site)
{
	cleanup_strbuf struct strbuf path = { 0 };
	json_t *body = json_object();
	int code;

	if (reason)
		json_object_set_new(body, "reason", json_string(reason));
	site_path(&path, site, action);
	code = client_call(client, &(struct client_request){ .method = "POST", .path = strbuf_text(&path), .body = body }, ret_site);
	json_decref(body);
	return code;
}

static int wait_empty(struct client *client, const char *name)
{
	cleanup_strbuf struct strbuf path = { 0 };

	site_path(&path, name, "");
	for (;;) {
		json_t *site = NULL;
		int code = client_get(client, strbuf_text(&path), &site);
		int64_t left = json_number(site, "placements", 0);

		json_decref(site);
		if (code != EXIT_OK || left == 0) {
			progress_clear();
			return code;
		}
		progress_show("%s still has %" PRId64 " placement%s", name, left, left == 1 ? "" : "s");
		usleep(WAIT_EVERY_US);
	}
}

static void tell(const json_t *site, bool json)
{
	int64_t work = json_number(site, "placements", 0);

	if (json) {
		json_print(site);
		return;
	}
	printf("%s is %s", json_text(site, "name"), json_flag(site, "draining") ? "draining: nothing new starts there" : "open again");
	if (json_flag(site, "draining") && work > 0)
		printf("; %" PRId64 " placement%s to run to the end", work, work == 1 ? " goes on" : "s go on");
	putchar('\n');
}

int cmd_drain(int argc, char **argv)
{
	struct context_options context = { 0 };
	const char *reason = NULL;
	bool json = false, wait = false;
	const struct cli_option options[] = {
		CLI_TEXT("reason", 'r', &reason, "TEXT", "why, for those who ask"),
		CLI_FLAG("wait", 'w', &wait, "come back only once nothing runs there any more"),
		CLIENT_JSON(&json),
		CLIENT_OPTIONS(&context),
	};
	cleanup_arguments struct cli_arguments arguments = { 0 };
	cleanup(client_free) struct client *client = NULL;
	json_t *site = NULL;
	int code = cli_parse(argc, argv, &drain_help, options, ARRAY_COUNT(options), &arguments);

	if (code >= 0)
		return code;
	code = client_open(&context, &client);
	if (code == EXIT_OK)
		code = post(client, arguments.words.items[0], "/drain", reason ? reason : "drained by hand", &site);
	if (code == EXIT_OK)
		tell(site, json);
	if (code == EXIT_OK && wait)
		code = wait_empty(client, arguments.words.items[0]);
	json_decref(site);
	return code;
}

int cmd_undrain(int argc, char **argv)
{
	struct context_options context = { 0 };
	bool json = false;
	const struct cli_option options[] = { CLIENT_JSON(&json), CLIENT_OPTIONS(&context) };
	cleanup_arguments struct cli_arguments arguments = { 0 };
	cleanup(client_free) struct client *client = NULL;
	json_t *site = NULL;
	int code = cli_parse(argc, argv, &undrain_help, options, ARRAY_COUNT(options), &arguments);

	if (code >= 0)
		return code;
	code = client_open(&context, &client);
	if (code == EXIT_OK)
		code = post(client, arguments.words.items[0], "/undrain", NULL, &site);
	if (code == EXIT_OK)
		tell(site, json);
	json_decref(site);
	return code;
}
