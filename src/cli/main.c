/* weir: one binary, one subcommand for each thing that people and machines do with it. */
#include <locale.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/terminal.h"

#define GROUP_WORK "Work"
#define GROUP_NETWORK "The network"
#define GROUP_RUN "Running weir"

const struct command commands[] = {
	{ "run", cmd_run, "run a command somewhere in the network and follow it", GROUP_WORK },
	{ "submit", cmd_submit, "submit the demands of files", GROUP_WORK },
	{ "ls", cmd_ls, "list demands", GROUP_WORK },
	{ "show", cmd_show, "show one demand and what happened to it", GROUP_WORK },
	{ "why", cmd_why, "say why a demand is where it is, or why it waits", GROUP_WORK },
	{ "logs", cmd_logs, "print or follow a demand's output", GROUP_WORK },
	{ "cancel", cmd_cancel, "cancel demands", GROUP_WORK },
	{ "check", cmd_check, "check files of networks, chips and demands", GROUP_WORK },
	{ "match", cmd_match, "try one round of matching over files, without a server", GROUP_WORK },
	{ "replay", cmd_replay, "replay a trace in simulated time, without a server", GROUP_WORK },
	{ "sites", cmd_sites, "list sites, or show one", GROUP_NETWORK },
	{ "drain", cmd_drain, "let nothing new start at a site", GROUP_NETWORK },
	{ "undrain", cmd_undrain, "open a drained site again", GROUP_NETWORK },
	{ "chips", cmd_chips, "list chip models: what there is, what is free", GROUP_NETWORK },
	{ "policy", cmd_policy, "show or set the policy: weights, tenants, the queue", GROUP_NETWORK },
	{ "tenants", cmd_tenants, "list tenants: what they hold, used and may have", GROUP_NETWORK },
	{ "summary", cmd_summary, "the whole network on one screen", GROUP_NETWORK },
	{ "events", cmd_events, "print or follow what happens", GROUP_NETWORK },
	{ "up", cmd_up, "bring up a sample network on this machine", GROUP_RUN },
	{ "serve", cmd_serve, "run a platform", GROUP_RUN },
	{ "agent", cmd_agent, "run the agent of one or more sites", GROUP_RUN },
	{ "token", cmd_token, "make, list and revoke tokens", GROUP_RUN },
	{ "context", cmd_context, "show or set which server the others talk to", GROUP_RUN },
	{ "help", cmd_help, "print this text, or that of a subcommand", GROUP_RUN },
	{ "shim", cmd_shim, NULL, NULL },
	{ "__complete", cmd_complete, NULL, NULL },
};
const size_t command_count = ARRAY_COUNT(commands);

static void print_overview(void)
{
	const char *group = "";

	printf("Usage: weir SUBCOMMAND [OPTION]...\n\n"
	       "Joins scattered AI data centres into one computing power network: watches them together and\n"
	       "matches demand to supply across them under the network's rules.\n");
	for (size_t i = 0; i < command_count; i++) {
		if (!commands[i].purpose)
			continue;
		if (strcmp(group, commands[i].group) != 0)
			printf("\n%s:\n", commands[i].group);
		group = commands[i].group;
		printf("  %-10s %s\n", commands[i].name, commands[i].purpose);
	}
	printf("\n'weir SUBCOMMAND --help' tells more. 'weir up' is a good start.\n");
}

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; i < command_count; i++)
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	return NULL;
}

static int unknown_command(const char *name)
{
	const char *names[ARRAY_COUNT(commands)];
	const char *near;
	size_t count = 0;

	for (size_t i = 0; i < command_count; i++)
		if (commands[i].purpose)
			names[count++] = commands[i].name;
	near = string_nearest(name, names, count);
	if (near)
		return cli_usage_error("there is no subcommand '%s'; did you mean '%s'?", name, near);
	return cli_usage_error("there is no subcommand '%s'", name);
}

static int dispatch(int argc, char **argv)
{
	const struct command *command = find_command(argv[0]);

	if (!command)
		return unknown_command(argv[0]);
	cli_set_name(command->name);
	return command->run(argc, argv);
}

int cmd_help(int argc, char **argv)
{
	char *with_help[] = { NULL, (char[]){ "--help" }, NULL };

	if (argc < 2 || argv[1][0] == '-') {
		print_overview();
		return EXIT_OK;
	}
	cli_set_name("");
	if (strcmp(argv[1], "help") == 0) {
		print_overview();
		return EXIT_OK;
	}
	with_help[0] = argv[1];
	return dispatch(2, with_help);
}

int main(int argc, char **argv)
{
	int code;

	setlocale(LC_CTYPE, "");
	if (MB_CUR_MAX == 1)
		setlocale(LC_CTYPE, "C.UTF-8"); /* weir's texts are UTF-8 whatever the locale says; widths need to know */
	if (argc < 2) {
		print_overview();
		return EXIT_USAGE;
	}
	if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0) {
		printf("weir %s\n", WEIR_VERSION);
		return EXIT_OK;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
		print_overview();
		return EXIT_OK;
	}
	code = dispatch(argc - 1, argv + 1);
	if (fflush(stdout) != 0 || ferror(stdout)) {
		cli_complain("standard output could not be written");
		return code ? code : EXIT_FAILED;
	}
	return code;
}
