/* weir token: who may do what. A token's secret is shown once, when it is made. */
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "cli/shown.h"
#include "io/file.h"
#include "platform/platform.h"

static const char *const usage[] = {
	"token create [OPTION]... --role ROLE NAME",
	"token list [OPTION]...",
	"token revoke [OPTION]... NAME...",
};
static const char *const examples[] = {
	"weir token create --role tenant --tenant lab-a --out lab-a.token lab-a", "what lab-a submits with",
	"weir token create --role supplier --site guian-hub guian-agent",          "for the agent of one site; printed",
	"weir token revoke lab-a",                                                 "nobody gets in with it from now on",
};
static const struct cli_help help = {
	.usage = usage, .usage_count = ARRAY_COUNT(usage), .examples = examples, .example_count = ARRAY_COUNT(examples),
	.purpose = "Makes, lists and revokes tokens. A token's secret is shown once, when it is made; the platform keeps only its hash.",
	.arguments_min = 1, .arguments_max = -1, .arguments_expected = "create, list or revoke",
	.after = "Roles: operator (all), supplier (speaks for a site), tenant (submits; sees its own demands),\n"
		 "auditor (reads all), viewer (reads, without commands and environments).",
};

struct token {
	struct context_options context;
	const char *tenant, *site, *out;
	int role;
	bool json;
};

static int write_secret(const char *path, const char *secret)
{
	cleanup_free char *line = mem_printf("%s\n", secret);
	struct err err = { "" };

	if (file_write(path, line, strlen(line), 0600, &err) == 0)
		return EXIT_OK;
	cli_complain("%s; the token was made, and this is its secret: %s", err.text, secret);
	return EXIT_FAILED;
}

static int create(struct client *client, const struct token *token, const struct texts *words)
{
	json_t *body, *answer = NULL;
	int code;

	if (words->count != 2)
		return cli_usage_error("create: expected one name");
	if (token->role < 0)
		return cli_usage_error("create: --role is needed: operator, supplier, tenant, auditor or viewer");
	if (token->role == ROLE_TENANT && !token->tenant)
		return cli_usage_error("create: a tenant's token needs --tenant");
	body = json_pack("{s:s, s:s, s:s*, s:s*}", "name", words->items[1], "role", role_to_string((enum role)token->role), "tenant",
			 token->tenant, "site", token->site);
	if (!body)
		return cli_usage_error("create: a name holds text that is no UTF-8");
	code = client_call(client, &(struct client_request){ .method = "POST", .path = "/v1/tokens", .body = body }, &answer);
	json_decref(body);
	if (code == EXIT_OK) {
		const char *secret = *json_text(answer, "secret") ? json_text(answer, "secret") : json_text(answer, "token");

		if (token->out)
			code = write_secret(token->out, secret);
		else if (token->json)
			json_print(answer);
		else
			puts(secret);
		if (!token->out && !token->json && terminal_is(stdout))
			fprintf(stderr, "This is the only time that it is shown.\n");
	}
	json_decref(answer);
	return code;
}

static int list(struct client *client, const struct token *token)
{
	cleanup(table_free) struct table *table = table_new();
	json_t *page = NULL;
	const json_t *entry;
	char text[SHOWN_SIZE];
	size_t i;
	int code = client_get_pages(client, "/v1/tokens", 0, false, &page);

	if (code != EXIT_OK)
		return code;
	table_column(table, "NAME", 0);
	table_column(table, "ROLE", 0);
	table_column(table, "TENANT", 0);
	table_column(table, "SITE", 0);
	table_column(table, "MADE", 0);
	json_array_foreach(json_object_get(page, "items"), i, entry) {
		table_cell(table, STYLE_PLAIN, json_text(entry, "name"));
		table_cell(table, STYLE_PLAIN, json_text(entry, "role"));
		table_cell(table, STYLE_PLAIN, json_text(entry, "tenant"));
		table_cell(table, STYLE_PLAIN, json_text(entry, "site"));
		table_cell(table, STYLE_DIM, shown_time(json_number(entry, "created_us", 0), text));
	}
	if (token->json)
		json_print(page);
	else
		table_print(table, stdout);
	json_decref(page);
	return EXIT_OK;
}

static int revoke(struct client *client, const struct texts *words)
{
	int worst = EXIT_OK;

	if (words->count < 2)
		return cli_usage_error("revoke: expected at least one name");
	for (size_t i = 1; i < words->count; i++) {
		cleanup_strbuf struct strbuf path = { 0 };
		int code;

		strbuf_puts(&path, "/v1/tokens/");
		path_add(&path, words->items[i]);
		code = client_call(client, &(struct client_request){ .method = "DELETE", .path = strbuf_text(&path) }, NULL);
		if (code == EXIT_OK)
			printf("%s is revoked\n", words->items[i]);
		if (code > worst)
			worst = code;
	}
	return worst;
}

int cmd_token(int argc, char **argv)
{
	struct token token = { .role = -1 };
	const struct cli_option options[] = {
		CLI_ENUM("role", 0, &token.role, "ROLE", &role_table, "operator, supplier, tenant, auditor, viewer"),
		CLI_TEXT("tenant", 0, &token.tenant, "TENANT", "of a tenant's token: whose demands it may touch"),
		CLI_TEXT("site", 0, &token.site, "SITE", "of a supplier's token: the only site that it may speak for"),
		CLI_TEXT("out", 'o', &token.out, "FILE", "write the secret there, readable by nobody else, instead of printing it"),
		CLIENT_JSON(&token.json),
		CLIENT_OPTIONS(&token.context),
	};
	cleanup_arguments struct cli_arguments arguments = { 0 };
	cleanup(client_free) struct client *client = NULL;
	int code = cli_parse(argc, argv, &help, options, ARRAY_COUNT(options), &arguments);
	const char *action;

	if (code >= 0)
		return code;
	action = arguments.words.items[0];
	if (strcmp(action, "create") != 0 && strcmp(action, "list") != 0 && strcmp(action, "revoke") != 0)
		return cli_usage_error("'%s': expected create, list or revoke", action);
	code = client_open(&token.context, &client);
	if (code != EXIT_OK)
		return code;
	if (strcmp(action, "create") == 0)
		return create(client, &token, &arguments.words);
	return strcmp(action, "list") == 0 ? list(client, &token) : revoke(client, &arguments.words);
}
