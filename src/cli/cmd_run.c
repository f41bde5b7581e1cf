/* weir run: a command becomes a demand, is submitted, and followed as if it ran here.
 *
 * The first Ctrl-C cancels the demand and goes on following it to its end; the second leaves at once,
 * and the cancellation stands. */
#include <ctype.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "cli/follow.h"
#include "cli/shown.h"
#include "cli/submission.h"
#include "model/demand.h"
#include "model/name.h"

#define RETRY_US 30000000
#define EXIT_TIMED_OUT 124 /* as timeout(1) */
#define EXIT_SIGNAL 128    /* plus the signal's number, as shells do */

static const char *const usage[] = { "run [OPTION]... -- COMMAND [ARGUMENT]..." };
static const char *const examples[] = {
	"weir run --chips 1 --tier edge -- sh -c 'echo hello from $WEIR_SITE'", "one chip, at some edge site",
	"weir run --workers 4 --chips 8 --chip-model ascend-910b --detach -- python train.py", "a gang of four; come back at once",
};
static const struct cli_help help = {
	.usage = usage, .usage_count = ARRAY_COUNT(usage), .examples = examples, .example_count = ARRAY_COUNT(examples),
	.purpose = "Runs a command somewhere in the network: submits it as a demand, prints its output as it comes, and ends with its exit "
		   "status. Everything after -- is the command. Ctrl-C cancels it.",
	.after = "Exit status: that of the command; 124 when its time limit passed, 128 + N when signal N ended it, 1 when it\n"
		 "was cancelled or could not be run. Before it is submitted: 2 usage, 3 server unreachable, 4 not allowed.",
	.arguments_max = 0,
};

struct run {
	struct context_options context;
	const char *name, *tenant, *chips, *chip_memory, *cpu, *memory, *near, *folder, *time_limit, *grace, *simulate;
	struct texts models, tiers, regions, sites, environment;
	int64_t workers, priority;
	bool preemptible, domestic, clearance, detach, quiet, json;
};

static int read_options(int argc, char **argv, struct run *run, struct cli_arguments *arguments)
{
	const struct cli_option options[] = {
		CLI_TEXT("name", 'n', &run->name, "NAME", "of the demand (default: from the command)"),
		CLI_TEXT("tenant", 't', &run->tenant, "TENANT", "on whose behalf (default: the token's)"),
		CLI_NUMBER("workers", 'w', &run->workers, "N", 1, DEMAND_WORKERS_MAX, "so many processes, all or nothing (default 1)"),
		CLI_TEXT("cpu", 0, &run->cpu, "CORES", "of each worker: 2, 1.5 or 500m (default 500m)"),
		CLI_TEXT("memory", 0, &run->memory, "SIZE", "of each worker (default 256MiB)"),
		CLI_TEXT("chips", 'c', &run->chips, "N", "of each worker: 1, 8, or 0.25 for a share of one (default none)"),
		CLI_TEXTS("chip-model", 0, &run->models, "MODEL", "any of these models; may be given again"),
		CLI_TEXT("chip-memory", 0, &run->chip_memory, "SIZE", "that a chip must have at least"),
		CLI_TEXTS("tier", 0, &run->tiers, "TIER", "hub, regional or edge; may be given again"),
		CLI_TEXTS("region", 0, &run->regions, "REGION", "only in this region; may be given again"),
		CLI_TEXTS("site", 0, &run->sites, "SITE", "only at this site; may be given again"),
		CLI_TEXT("near", 0, &run->near, "PLACE:MS", "within so many milliseconds there and back of a site, or of LATITUDE,LONGITUDE"),
		CLI_FLAG("domestic", 0, &run->domestic, "only chips of domestic origin"),
		CLI_FLAG("clearance", 0, &run->clearance, "only chips whose security review is passed"),
		CLI_NUMBER("priority", 'p', &run->priority, "N", 0, PRIORITY_MAX, "0 to 1000, more is sooner (default 100)"),
		CLI_FLAG("preemptible", 0, &run->preemptible, "may be called back for work of higher priority"),
		CLI_TEXT("time-limit", 'l', &run->time_limit, "TIME", "stop it after this time, such as 10m"),
		CLI_TEXT("grace", 0, &run->grace, "TIME", "between the polite signal and the hard one (default 10s)"),
		CLI_TEXTS("env", 'e', &run->environment, "NAME=VALUE", "a variable for the command; may be given again"),
		CLI_TEXT("working-folder", 'C', &run->folder, "FOLDER", "to run it in (default: a fresh one)"),
		CLI_TEXT("simulate", 0, &run->simulate, "TIME", "let simulated sites act as if it ran so long"),
		CLI_FLAG("detach", 'd', &run->detach, "print its id and come back at once"),
		CLI_FLAG("quiet", 'q', &run->quiet, "nothing but the command's own output"),
		CLIENT_JSON(&run->json),
		CLIENT_OPTIONS(&run->context),
	};

	return cli_parse(argc, argv, &help, options, ARRAY_COUNT(options), arguments);
}

static void run_done(struct run *run)
{
	texts_done(&run->models);
	texts_done(&run->tiers);
	texts_done(&run->regions);
	texts_done(&run->sites);
	texts_done(&run->environment);
}

/* --- the demand ------------------------------------------------------------------------------------- */

static void set_text(json_t *object, const char *key, const char *value)
{
	if (value)
		json_object_set_new(object, key, json_string(value));
}

static void set_texts(json_t *object, const char *key, const struct texts *texts)
{
	json_t *list = texts->count ? json_array() : NULL;

	for (size_t i = 0; i < texts->count; i++)
		json_array_append_new(list, json_string(texts->items[i]));
	if (list)
		json_object_set_new(object, key, list);
}

/* "/usr/bin/Python3" gives "python3": the command's last part, as far as a name may hold it. */
static char *name_from_command(const char *command)
{
	const char *base = strrchr(command, '/') ? strrchr(command, '/') + 1 : command;
	cleanup_strbuf struct strbuf name = { 0 };

	for (; *base && name.length < NAME_MAX_LENGTH; base++) {
		bool letter = isalnum((unsigned char)*base) != 0;

		if (letter || (name.length && strchr("-._", *base)))
			strbuf_putc(&name, (char)tolower((unsigned char)*base));
	}
	while (name.length && !isalnum((unsigned char)name.data[name.length - 1]))
		name.data[--name.length] = 0;
	return name.length ? strbuf_take(&name) : mem_strdup("command");
}

/* "beijing-edge:20", "beijing-edge:20ms", "39.9,116.4:20". */
static int set_near(json_t *where, const char *text)
{
	const char *colon = strrchr(text, ':'), *comma = strchr(text, ',');
	cleanup_free char *place = NULL, *within = NULL;
	json_t *near;

	if (!colon || colon == text || !colon[1] || (comma && (comma == text || comma > colon)))
		return cli_usage_error("--near %s: expected PLACE:MS, such as beijing-edge:20 or 39.9,116.4:20", text);
	place = mem_strndup(text, (size_t)(colon - text));
	within = mem_printf("%s%s", colon + 1, strspn(colon + 1, "0123456789.") == strlen(colon + 1) ? "ms" : "");
	near = json_pack("{s:s}", "within", within);
	if (comma) {
		place[comma - text] = 0;
		set_text(near, "latitude", place);
		set_text(near, "longitude", place + (comma - text) + 1);
	} else {
		set_text(near, "site", place);
	}
	json_object_set_new(where, "near", near);
	return -1;
}

static json_t *make_shape(const struct run *run)
{
	json_t *shape = json_pack("{s:s, s:s}", "cpu", run->cpu ? run->cpu : "500m", "memory", run->memory ? run->memory : "256MiB");
	json_t *chips;

	if (!run->chips && !run->models.count && !run->chip_memory)
		return shape;
	chips = json_pack("{s:s}", "count", run->chips ? run->chips : "1");
	set_texts(chips, "models", &run->models);
	if (run->chip_memory)
		json_object_set_new(chips, "needs", json_pack("{s:s}", "memory", run->chip_memory));
	json_object_set_new(shape, "chips", chips);
	return shape;
}

static int set_environment(json_t *demand, const struct texts *variables)
{
	json_t *environment = json_object();

	json_object_set_new(demand, "environment", environment);
	for (size_t i = 0; i < variables->count; i++) {
		const char *equals = strchr(variables->items[i], '=');
		cleanup_free char *name = equals ? mem_strndup(variables->items[i], (size_t)(equals - variables->items[i])) : NULL;

		if (!equals || equals == variables->items[i])
			return cli_usage_error("--env %s: expected NAME=VALUE", variables->items[i]);
		set_text(environment, name, equals + 1);
	}
	return -1;
}

static int make_demand(const struct run *run, const struct texts *command, json_t *demand)
{
	cleanup_free char *name = run->name ? mem_strdup(run->name) : name_from_command(command->items[0]);
	json_t *where = json_object(), *rules = json_object();
	int code;

	json_object_set_new(demand, "where", where);
	json_object_set_new(demand, "rules", rules);
	set_text(demand, "name", name);
	set_text(demand, "kind", "job");
	set_text(demand, "tenant", run->tenant);
	json_object_set_new(demand, "workers", json_integer(run->workers));
	json_object_set_new(demand, "priority", json_integer(run->priority));
	json_object_set_new(demand, "preemptible", json_boolean(run->preemptible));
	json_object_set_new(demand, "shape", make_shape(run));
	set_texts(demand, "command", command);
	set_text(demand, "working_folder", run->folder);
	set_text(demand, "time_limit", run->time_limit);
	set_text(demand, "grace", run->grace);
	set_texts(where, "tiers", &run->tiers);
	set_texts(where, "regions", &run->regions);
	set_texts(where, "sites", &run->sites);
	json_object_set_new(rules, "domestic_only", json_boolean(run->domestic));
	json_object_set_new(rules, "clearance", json_boolean(run->clearance));
	if (run->simulate)
		json_object_set_new(demand, "simulate", json_pack("{s:s}", "duration", run->simulate));
	code = set_environment(demand, &run->environment);
	return code < 0 && run->near ? set_near(where, run->near) : code;
}

/* --- following it ----------------------------------------------------------------------------------- */

static volatile sig_atomic_t interrupts;

static void on_interrupt(int number)
{
	interrupts++;
	if (interrupts > 1)
		_Exit(EXIT_SIGNAL + number);
}

struct running {
	struct client *client;
	const char *id;
	bool cancelled;
};

static void turn(void *context)
{
	struct running *running = context;

	if (!interrupts || running->cancelled)
		return;
	running->cancelled = true;
	progress_clear();
	fprintf(stderr, "Cancelling %s; Ctrl-C again leaves at once.\n", running->id);
	demand_ask(running->client, "POST", running->id, "cancel", NULL);
}

static int exit_status(const json_t *demand)
{
	const char *state = json_text(demand, "state");
	const json_t *placement, *last = NULL;
	int64_t code, number;
	size_t i;

	json_array_foreach(json_object_get(demand, "placements"), i, placement)
		if (!last || json_number(placement, "attempt", 0) > json_number(last, "attempt", 0))
			last = placement;
	code = json_number(last, "exit_code", -1);
	number = json_number(last, "exit_signal", 0);
	if (strcmp(state, "succeeded") == 0)
		return EXIT_OK;
	if (strcmp(state, "timed-out") == 0)
		return EXIT_TIMED_OUT;
	if (strcmp(state, "cancelled") == 0)
		return interrupts ? EXIT_SIGNAL + SIGINT : EXIT_FAILED;
	if (number > 0 && number < 128)
		return EXIT_SIGNAL + (int)number;
	return code > 0 && code < 256 ? (int)code : EXIT_FAILED;
}

static int follow_to_end(struct client *client, const struct run *run, const char *id)
{
	struct running running = { .client = client, .id = id };
	struct follow_settings settings = { .id = id, .worker = -1, .out = true, .err = true, .states = !run->quiet && !run->json,
					    .error_to_output = false, .turn = turn, .context = &running };
	struct sigaction action = { .sa_handler = on_interrupt };
	json_t *demand = NULL;
	int code;

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	code = follow_output(client, &settings, &demand);
	if (code == EXIT_OK) {
		code = exit_status(demand);
		if (run->json)
			json_print(demand);
	}
	json_decref(demand);
	return code;
}

static int submit(struct client *client, json_t *demand, json_t **ret_answer)
{
	char key[33];

	key_random(key);
	return client_call(client, &(struct client_request){ .method = "POST", .path = "/v1/demands", .body = demand, .idempotency_key = key,
							     .retry_us = RETRY_US }, ret_answer);
}

static int run_command(const struct run *run, const struct texts *command)
{
	cleanup(client_free) struct client *client = NULL;
	json_t *demand = json_object(), *answer = NULL;
	int code = make_demand(run, command, demand);

	if (code < 0)
		code = client_open(&run->context, &client);
	if (code == EXIT_OK)
		code = submit(client, demand, &answer);
	if (code == EXIT_OK && run->detach && run->json)
		json_print(answer);
	else if (code == EXIT_OK && run->detach)
		puts(json_text(answer, "id"));
	else if (code == EXIT_OK) {
		if (!run->quiet && !run->json)
			fprintf(stderr, "%s\n", json_text(answer, "id"));
		code = follow_to_end(client, run, json_text(answer, "id"));
	}
	json_decref(demand);
	json_decref(answer);
	return code;
}

int cmd_run(int argc, char **argv)
{
	struct run run = { .workers = 1, .priority = PRIORITY_DEFAULT };
	cleanup_arguments struct cli_arguments arguments = { 0 };
	int code = read_options(argc, argv, &run, &arguments);

	if (code < 0 && arguments.command.count == 0)
		code = cli_usage_error("expected a command after --");
	if (code < 0)
		code = run_command(&run, &arguments.command);
	run_done(&run);
	return code;
}
