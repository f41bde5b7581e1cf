/* weir agent: speaks for sites to their platform and drives their engines. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "cli/cli.h"
#include "daemon/agent.h"
#include "io/file.h"
#include "model/name.h"
#include "wire/files.h"

#define TOKEN_FILE_MAX 4096
#define LOG_MIB_MAX (1 << 20)

struct choice {
	struct agent_settings settings;
	struct arena arena;
	const char *token_path, *network_path;
	struct texts names;
	int64_t log_mib;
	bool all_simulated, find_out, verbose;
	int engine;
};

static int load_network(struct choice *choice, struct file *file, struct err *err)
{
	cleanup_strbuf struct strbuf text = { 0 };
	cleanup_strbuf struct strbuf list = { 0 };
	struct problems problems;
	int code = file_read(choice->network_path, FILE_READ_MAX, &text, err);

	if (code < 0)
		return code;
	problems_init(&problems, &choice->arena, choice->network_path);
	if (file_read_text(strbuf_text(&text), text.length, &problems, file) < 0) {
		problems_print(&problems, &list);
		fputs(strbuf_text(&list), stderr);
		return err_set(err, -EINVAL, "%s has problems", choice->network_path);
	}
	if (file->kind != FILE_NETWORK)
		return err_set(err, -EINVAL, "%s: holds a %s, expected a network", choice->network_path, file_kind_to_string(file->kind));
	return 0;
}

static const struct site_spec *find_site(const struct network_spec *network, const char *name)
{
	for (size_t i = 0; i < network->site_count; i++)
		if (strcmp(network->sites[i].name, name) == 0)
			return &network->sites[i];
	return NULL;
}

static bool is_chosen(const struct site_spec *sites, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(sites[i].name, name) == 0)
			return true;
	return false;
}

/* The descriptions of the sites that were named, or of all simulated ones. */
static int choose_sites(struct choice *choice, struct err *err)
{
	struct file file = { .network = { 0 } };
	struct site_spec *sites;
	size_t count = 0;
	int code = choice->network_path ? load_network(choice, &file, err) : 0;

	if (code < 0)
		return code;
	sites = ARENA_ARRAY(&choice->arena, struct site_spec, file.network.site_count + choice->names.count + 1);
	for (size_t i = 0; choice->all_simulated && i < file.network.site_count; i++)
		if (file.network.sites[i].engine == ENGINE_SIMULATED)
			sites[count++] = file.network.sites[i];
	for (size_t i = 0; i < choice->names.count; i++) {
		const struct site_spec *found = find_site(&file.network, choice->names.items[i]);

		if (is_chosen(sites, count, choice->names.items[i]))
			continue;
		if (choice->network_path && !found)
			return err_set(err, -ENOENT, "%s has no site %s", choice->network_path, choice->names.items[i]);
		sites[count++] = found ? *found
				       : (struct site_spec){ .name = choice->names.items[i], .region = "", .engine = (enum engine_kind)choice->engine, .tier = TIER_EDGE };
	}
	for (size_t i = 0; choice->find_out && i < count; i++)
		sites[i].group_count = 0;
	choice->settings.sites = sites;
	choice->settings.site_count = count;
	return count > 0 ? 0 : err_set(err, -EINVAL, "there is no site to speak for: give --site NAME, or --network FILE --all-simulated");
}

static int read_token(struct choice *choice, struct err *err)
{
	cleanup_strbuf struct strbuf text = { 0 };
	int code;

	if (!choice->token_path)
		return 0;
	code = file_read(choice->token_path, TOKEN_FILE_MAX, &text, err);
	if (code < 0)
		return code;
	while (text.length > 0 && (text.data[text.length - 1] == '\n' || text.data[text.length - 1] == ' '))
		text.data[--text.length] = 0;
	choice->settings.token = arena_strdup(&choice->arena, strbuf_text(&text));
	return 0;
}

static int run(struct choice *choice, struct err *err)
{
	char self[4096];
	ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);
	int code;

	if (length < 0)
		return err_set(err, -errno, "cannot find this program's path: %s", strerror(errno));
	self[length] = 0;
	choice->settings.shim = self;
	code = choose_sites(choice, err);
	if (code == 0)
		code = read_token(choice, err);
	return code < 0 ? code : agent_run(&choice->settings, err);
}

/* Gives -1 to go on, else the exit status. */
static int check(const struct choice *choice)
{
	struct err err = { "" };

	if (!choice->settings.server || !choice->settings.state_folder)
		return cli_usage_error("--server URL and --state DIR are needed");
	if (choice->all_simulated && !choice->network_path)
		return cli_usage_error("--all-simulated needs --network FILE: where the sites are described");
	if (choice->names.count == 0 && !choice->all_simulated)
		return cli_usage_error("there is no site to speak for: give --site NAME, or --network FILE --all-simulated");
	if (choice->engine != ENGINE_LOCAL && choice->engine != ENGINE_SIMULATED)
		return cli_usage_error("--engine: this agent drives local and simulated");
	if (choice->log_mib < 1 || choice->log_mib > LOG_MIB_MAX)
		return cli_usage_error("--log-bytes: expected 1MiB to 1TiB");
	for (size_t i = 0; i < choice->names.count; i++)
		if (name_check(choice->names.items[i], &err) < 0)
			return cli_usage_error("--site %s: %s", choice->names.items[i], err.text);
	return -1;
}

int cmd_agent(int argc, char **argv)
{
	static const char *const usage[] = { "agent --server URL --state DIR --site NAME [OPTION]...",
					     "agent --server URL --state DIR --network FILE --all-simulated [OPTION]..." };
	static const char *const examples[] = {
		"weir agent --server http://127.0.0.1:7400 --token-file supplier.token --state /var/lib/weir-agent --site guian-hub",
		"offers this machine as the site guian-hub",
		"weir agent --server http://127.0.0.1:7400 --token-file supplier.token --state /tmp/sim --network china.yaml --all-simulated",
		"pretends to be every site that the network calls simulated",
	};
	static const struct cli_help help = {
		.usage = usage, .usage_count = ARRAY_COUNT(usage),
		.purpose = "Speaks for a site: offers what it has and runs what the platform places there. Calls out only; nothing has to be "
			   "let in through a firewall. What runs outlives the agent; an agent that comes back finds it again.",
		.examples = examples, .example_count = ARRAY_COUNT(examples),
	};
	struct choice choice = { .settings = { .run_as = "" }, .engine = ENGINE_LOCAL, .log_mib = AGENT_LOG_BYTES_MAX_DEFAULT >> 20 };
	cleanup_arguments struct cli_arguments arguments = { 0 };
	struct err err = { "" };
	int status, code;
	const struct cli_option options[] = {
		CLI_TEXT("server", 0, &choice.settings.server, "URL", "of the platform"),
		CLI_TEXT("token-file", 0, &choice.token_path, "FILE", "holds the supplier's token"),
		CLI_TEXT("ca-file", 0, &choice.settings.ca_path, "FILE", "PEM to trust for https instead of the system's"),
		CLI_TEXT("state", 0, &choice.settings.state_folder, "DIR", "what has to outlive this process, a folder for each site below it"),
		CLI_TEXTS("site", 0, &choice.names, "NAME", "a site to speak for; may be given again"),
		CLI_TEXT("network", 0, &choice.network_path, "FILE", "what the sites offer; without it the agent finds out what this machine has"),
		CLI_FLAG("find-out", 0, &choice.find_out, "finds out what this machine has even so"),
		CLI_FLAG("all-simulated", 0, &choice.all_simulated, "speaks for every site of the network whose engine is simulated"),
		CLI_ENUM("engine", 0, &choice.engine, "ENGINE", &engine_kind_table, "for sites that no network describes: local (default) or simulated"),
		CLI_TEXT("run-as", 0, &choice.settings.run_as, "USER", "runs attempts as this user; needs root"),
		CLI_QUANTITY("log-bytes", 0, &choice.log_mib, "SIZE", UNIT_MEMORY, "output kept for each worker and stream (default 64MiB)"),
		CLI_FLAG("verbose", 'v', &choice.verbose, "debug messages"),
	};

	status = cli_parse(argc, argv, &help, options, ARRAY_COUNT(options), &arguments);
	if (status < 0)
		status = check(&choice);
	if (status >= 0) {
		texts_done(&choice.names);
		return status;
	}
	choice.settings.log_bytes_max = choice.log_mib << 20;
	log_set_name(choice.names.count == 1 ? choice.names.items[0] : "agent");
	if (choice.verbose)
		log_set_level(LOG_DEBUG);
	arena_init(&choice.arena);
	code = run(&choice, &err);
	arena_done(&choice.arena);
	texts_done(&choice.names);
	if (code < 0) {
		log_error("agent", "%s", err.text);
		return EXIT_FAILED;
	}
	return EXIT_OK;
}
