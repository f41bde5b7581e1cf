/* weir serve: a platform as a process. */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "cli/cli.h"
#include "daemon/serve.h"
#include "model/name.h"

#define LEASE_MIN_US 1000000

/* "127.0.0.1:7400", "[::1]:7400". Splits in place. */
static int split_listen(char *text, const char **ret_address, uint16_t *ret_port)
{
	char *colon = strrchr(text, ':'), *end;
	unsigned long port;

	if (!colon || colon == text)
		return -EINVAL;
	port = strtoul(colon + 1, &end, 10);
	if (end == colon + 1 || *end || port > UINT16_MAX)
		return -EINVAL;
	*colon = 0;
	if (*text == '[' && colon[-1] == ']') {
		colon[-1] = 0;
		text++;
	}
	*ret_address = text;
	*ret_port = (uint16_t)port;
	return 0;
}

/* What the option table fills and serve_settings holds in other types. */
struct numbers {
	const char *listen;
	int64_t number, rate, connections, snapshot_every;
	bool verbose;
};

static int take(struct serve_settings *settings, const struct numbers *numbers, char *listen)
{
	struct err err = { "" };

	if (!settings->state_folder)
		return cli_usage_error("--state DIR is needed: where the event log lies");
	if (listen && split_listen(listen, &settings->address, &settings->port) < 0)
		return cli_usage_error("--listen: expected ADDRESS:PORT such as 127.0.0.1:7400, not '%s'", numbers->listen);
	if (settings->lease_us != 0 && settings->lease_us < LEASE_MIN_US)
		return cli_usage_error("--lease: expected at least 1s");
	if (!settings->certificate_path != !settings->key_path)
		return cli_usage_error("--tls-certificate and --tls-key go together");
	if (name_check(settings->name, &err) < 0)
		return cli_usage_error("--name: %s", err.text);
	settings->number = (unsigned)numbers->number;
	settings->rate_per_second = (unsigned)numbers->rate;
	settings->connections_max = (unsigned)numbers->connections;
	settings->snapshot_every = (uint64_t)numbers->snapshot_every;
	if (numbers->verbose)
		log_set_level(LOG_DEBUG);
	return -1;
}

int cmd_serve(int argc, char **argv)
{
	static const char *const usage[] = { "serve --state DIR [OPTION]..." };
	static const char *const examples[] = {
		"weir serve --state /var/lib/weir --network china.yaml --catalogue chips.yaml --write-tokens /etc/weir",
		"the first start: loads the network and makes a token for each role",
		"weir serve --state /tmp/w --listen 127.0.0.1:0 --write-address /tmp/w/address",
		"on any free port, whose URL is written to a file",
	};
	static const struct cli_help help = {
		.usage = usage, .usage_count = ARRAY_COUNT(usage),
		.purpose = "Runs a platform: keeps the demands and the sites, matches them, answers the API, the page and the agents. "
			   "Listens to nothing but loopback while there is no token.",
		.examples = examples, .example_count = ARRAY_COUNT(examples),
	};
	struct serve_settings settings;
	struct numbers numbers = { .rate = 20000, .connections = 30000, .snapshot_every = 1000000 };
	cleanup_arguments struct cli_arguments arguments = { 0 };
	cleanup_free char *listen = NULL;
	struct err err = { "" };
	int status;

	serve_settings_defaults(&settings);
	const struct cli_option options[] = {
		CLI_TEXT("state", 0, &settings.state_folder, "DIR", "where the event log lies; made if missing"),
		CLI_TEXT("listen", 0, &numbers.listen, "ADDRESS:PORT", "numeric; port 0 takes any free one (default 127.0.0.1:7400)"),
		CLI_TEXT("name", 0, &settings.name, "NAME", "of the platform (default national)"),
		CLI_NUMBER("number", 0, &numbers.number, "N", 0, 1023, "of the platform, in ids (default 0)"),
		CLI_TEXT("network", 0, &settings.network_path, "FILE", "loads a network at the start"),
		CLI_TEXT("catalogue", 0, &settings.catalogue_path, "FILE", "loads a chip catalogue at the start"),
		CLI_TEXT("policy", 0, &settings.policy_path, "FILE", "loads a policy at the start"),
		CLI_TEXT("write-tokens", 0, &settings.write_tokens, "DIR", "makes a token for each role at the first start, DIR/ROLE.token"),
		CLI_TEXT("write-address", 0, &settings.write_address, "FILE", "writes the URL there once it listens"),
		CLI_TEXT("tls-certificate", 0, &settings.certificate_path, "FILE", "PEM; with --tls-key it switches TLS on"),
		CLI_TEXT("tls-key", 0, &settings.key_path, "FILE", "PEM"),
		CLI_FLAG("no-auth", 0, &settings.no_auth, "no tokens, everyone is an operator; loopback only"),
		CLI_NUMBER("rate", 0, &numbers.rate, "N", 0, 10000000, "requests a second and token (default 20000; 0 for no limit)"),
		CLI_NUMBER("connections", 0, &numbers.connections, "N", 1, 1000000, "open at once (default 30000)"),
		CLI_QUANTITY("lease", 0, &settings.lease_us, "TIME", UNIT_DURATION, "of placements (default 30s)"),
		CLI_NUMBER("snapshot-every", 0, &numbers.snapshot_every, "EVENTS", 0, INT64_MAX, "0 for only at the end (default 1000000)"),
		CLI_FLAG("verbose", 'v', &numbers.verbose, "debug messages"),
	};
	status = cli_parse(argc, argv, &help, options, ARRAY_COUNT(options), &arguments);
	if (status >= 0)
		return status;
	if (numbers.listen)
		listen = mem_strdup(numbers.listen);
	status = take(&settings, &numbers, listen);
	if (status >= 0)
		return status;
	log_set_name("serve");
	if (serve_run(&settings, &err) < 0) {
		log_error("serve", "%s", err.text);
		return EXIT_FAILED;
	}
	return EXIT_OK;
}
