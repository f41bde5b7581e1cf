/* weir __complete KIND: words for the shell's completion, one a line. Quick, and silent when anything is wrong. */
#include <stdio.h>
#include <string.h>

#include "cli/client.h"

#define TIMEOUT_US 1500000

struct kind {
	const char *name, *path, *key, *second_key;
};

static const struct kind kinds[] = {
	{ "sites", "/v1/sites?limit=1000", "name", NULL },
	{ "regions", "/v1/regions?limit=1000", "name", NULL },
	{ "chips", "/v1/chips?limit=1000", "name", NULL },
	{ "tokens", "/v1/tokens?limit=1000", "name", NULL },
	{ "demands", "/v1/demands?order=newest&limit=200", "name", "id" },
	{ "live-demands", "/v1/demands?order=newest&state=live&limit=200", "name", "id" },
};

static void print_subcommands(void)
{
	for (size_t i = 0; i < command_count; i++)
		if (commands[i].purpose)
			printf("%s\n", commands[i].name);
}

static void print_words(const json_t *items, const struct kind *kind)
{
	const json_t *item;
	size_t i;

	json_array_foreach(items, i, item) {
		printf("%s\n", json_text(item, kind->key));
		if (kind->second_key)
			printf("%s\n", json_text(item, kind->second_key));
	}
}

int cmd_complete(int argc, char **argv)
{
	cleanup(client_free) struct client *client = NULL;
	struct context_options context = { 0 };
	json_t *page = NULL;

	if (argc == 2 && strcmp(argv[1], "subcommands") == 0) {
		print_subcommands();
		return EXIT_OK;
	}
	for (size_t i = 0; argc == 2 && i < ARRAY_COUNT(kinds); i++) {
		struct client_request request = { .path = kinds[i].path, .quiet = true, .timeout_us = TIMEOUT_US };

		if (strcmp(kinds[i].name, argv[1]) != 0)
			continue;
		if (client_open(&context, &client) == EXIT_OK && client_call(client, &request, &page) == EXIT_OK)
			print_words(json_object_get(page, "items"), &kinds[i]);
		json_decref(page);
		return EXIT_OK;
	}
	return EXIT_USAGE;
}
