/* weir ls: the demands, newest first. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/shown.h"
#include "platform/view.h"

#define LS_LIMIT_DEFAULT 200
#define LS_LIMIT_MAX 1000000
#define WATCH_EVERY_US 1000000

static const char *const usage[] = { "ls [OPTION]..." };
static const char *const examples[] = {
	"weir ls --state pending",          "what waits, and why",
	"weir ls --all --site guian-hub --json", "everything at one site, for programs",
};
static const struct cli_help help = {
	.usage = usage, .usage_count = ARRAY_COUNT(usage), .examples = examples, .example_count = ARRAY_COUNT(examples),
	.purpose = "Lists demands, newest first: those that are live, or all of them.",
};

struct ls {
	struct context_options context;
	const char *state, *tenant, *site, *region, *name;
	int kind;
	int64_t limit;
	bool all, watch, json;
};

static int read_options(int argc, char **argv, struct ls *ls, struct cli_arguments *arguments)
{
	const struct cli_option options[] = {
		CLI_TEXT("state", 's', &ls->state, "STATE", "only in this state: pending, placed, running, stopping, succeeded, failed, "
			 "timed-out, cancelled, or live, ended"),
		CLI_TEXT("tenant", 't', &ls->tenant, "TENANT", "only of this tenant"),
		CLI_TEXT("site", 0, &ls->site, "SITE", "only with something at this site"),
		CLI_TEXT("region", 0, &ls->region, "REGION", "only with something in this region"),
		CLI_TEXT("name", 0, &ls->name, "NAME", "only of this name"),
		CLI_ENUM("kind", 0, &ls->kind, "KIND", &demand_kind_table, "only jobs (job) or services (service)"),
		CLI_FLAG("all", 'a', &ls->all, "also those that have ended"),
		CLI_NUMBER("limit", 'n', &ls->limit, "N", 1, LS_LIMIT_MAX, "at most so many (default 200)"),
		CLI_FLAG("watch", 'w', &ls->watch, "go on and show changes, until Ctrl-C"),
		CLIENT_JSON(&ls->json),
		CLIENT_OPTIONS(&ls->context),
	};

	return cli_parse(argc, argv, &help, options, ARRAY_COUNT(options), arguments);
}

static void show(const struct ls *ls, const json_t *page, struct strbuf *out)
{
	cleanup(table_free) struct table *table = demand_table_new();
	int64_t now_us = shown_now_us();
	const json_t *demand;
	size_t i;

	json_array_foreach(json_object_get(page, "items"), i, demand)
		demand_table_add(table, demand, now_us);
	table_render(table, terminal_width(stdout), terminal_colours(stdout), out);
	if (i == 0)
		strbuf_printf(out, "No demand%s.\n", ls->all || ls->state ? " like that" : " is live; --all shows ended ones");
	else if (*json_text(page, "next"))
		strbuf_puts(out, "There are more; see --limit.\n");
}

/* Goes on through the server's absence, once it was there. */
static int watch(struct client *client, const struct ls *ls, const char *path)
{
	cleanup_strbuf struct strbuf last = { 0 };
	struct screen screen;
	bool seen = false;

	screen_init(&screen, stdout);
	for (;;) {
		json_t *page = NULL;
		int code = client_get_pages(client, path, (size_t)ls->limit, seen, &page);

		if (code != EXIT_OK && !(seen && code == EXIT_UNREACHABLE))
			return seen ? client_get_pages(client, path, (size_t)ls->limit, false, &page) : code;
		if (code == EXIT_OK && ls->json) {
			json_print_line(page);
		} else if (code == EXIT_OK) {
			strbuf_reset(&last);
			show(ls, page, &last);
			screen_show(&screen, strbuf_text(&last));
		} else if (screen.live && !ls->json) {
			cleanup_strbuf struct strbuf text = { 0 };

			strbuf_printf(&text, "%sThe server does not answer; trying again.\n", strbuf_text(&last));
			screen_show(&screen, strbuf_text(&text));
		}
		seen = true;
		json_decref(page);
		usleep(WATCH_EVERY_US);
	}
}

static int once(struct client *client, const struct ls *ls, const char *path)
{
	cleanup_strbuf struct strbuf text = { 0 };
	json_t *page = NULL;
	int code = client_get_pages(client, path, (size_t)ls->limit, false, &page);

	if (code != EXIT_OK)
		return code;
	if (ls->json) {
		json_print(page);
	} else {
		show(ls, page, &text);
		fputs(strbuf_text(&text), stdout);
	}
	json_decref(page);
	return EXIT_OK;
}

int cmd_ls(int argc, char **argv)
{
	struct ls ls = { .kind = -1, .limit = LS_LIMIT_DEFAULT };
	cleanup_arguments struct cli_arguments arguments = { 0 };
	cleanup(client_free) struct client *client = NULL;
	cleanup_strbuf struct strbuf path = { 0 };
	int code = read_options(argc, argv, &ls, &arguments);

	if (code >= 0)
		return code;
	if (ls.state && demand_state_from_string(ls.state) < 0 && strcmp(ls.state, "live") != 0 && strcmp(ls.state, "ended") != 0)
		return cli_usage_error("--state %s: expected a state (see --help), live or ended", ls.state);
	code = client_open(&ls.context, &client);
	if (code != EXIT_OK)
		return code;
	strbuf_puts(&path, "/v1/demands?order=newest");
	query_add(&path, "state", ls.state ? ls.state : ls.all ? NULL : "live");
	query_add(&path, "tenant", ls.tenant);
	query_add(&path, "site", ls.site);
	query_add(&path, "region", ls.region);
	query_add(&path, "name", ls.name);
	query_add(&path, "kind", ls.kind >= 0 ? demand_kind_to_string((enum demand_kind)ls.kind) : NULL);
	return ls.watch ? watch(client, &ls, strbuf_text(&path)) : once(client, &ls, strbuf_text(&path));
}
