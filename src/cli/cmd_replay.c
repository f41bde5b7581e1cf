/* weir replay: a recorded trace, or weir's own log, through the queue and the matcher in simulated time. */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/cli.h"
#include "cli/client.h"
#include "cli/input.h"
#include "cli/table.h"
#include "io/file.h"
#include "sim/plot.h"
#include "sim/replay_trace.h"

#define TRACE_BYTES_MAX ((size_t)4 << 30)
#define SLOTS_MAX 1000000
#define TENANTS_SHOWN 20
#define NODE_MEMORY_MIB INT32_MAX /* of the synthetic site: jobs may ask for 2 PiB together */
#define PREDICTIONS_DEFAULT 100
#define PREDICTIONS_MAX 100000
#define SQLITE_HEAD "SQLite format 3"

static const char *const usage[] = {
	"replay TRACE --network FILE [--catalogue FILE] [--policy FILE] [OPTION]...",
	"replay TRACE --slots N [--policy FILE] [OPTION]...",
};
static const char *const examples[] = {
	"weir replay trace.swf.gz --slots 1000 --plot replay.svg",
	"how long the jobs of a trace would wait at one site with 1,000 cores, and a picture of it",
	"weir replay trace.swf.gz -n network.yaml -p examples/policies/grid.yaml --json",
	"the same in a network under a policy, for programs",
	"weir replay copy-of-state -n examples/networks/china.yaml",
	"what a platform did, done again in another network",
};
static const struct cli_help help = {
	.usage = usage, .usage_count = ARRAY_COUNT(usage), .examples = examples, .example_count = ARRAY_COUNT(examples),
	.purpose = "Replays a trace through weir's queue and matcher in simulated time, and prints waits, slowdowns, use, and what each tenant "
		   "got. TRACE is a file in the Standard Workload Format (also packed by gzip; - for standard input), a platform's state "
		   "folder, or the log in one, of which no platform may be running. The same trace gives the same result each time.",
	.arguments_min = 0, .arguments_max = 1, .arguments_expected = "one trace",
};

struct asked {
	const char *trace, *network, *catalogue, *policy, *plot;
	int64_t slots, predictions;
	bool home, json, progress;
};

/* --- progress, on standard error --- */

struct told {
	bool asked;
	int percent;
};

static void tell(void *context, size_t done, size_t all, int64_t now_us)
{
	struct told *told = context;
	int percent = (int)(done * 100 / all);

	if (terminal_is(stderr)) {
		progress_show("%d %%: %zu of %zu jobs have ended", percent, done, all);
	} else if (told->asked && percent >= told->percent + 5) {
		fprintf(stderr, "%d %%: %zu of %zu jobs have ended\n", percent, done, all);
		told->percent = percent;
	}
}

/* --- for people --- */

static const char *span_text(int64_t span_us, char *buffer, size_t size)
{
	return unit_human(UNIT_DURATION, span_us, buffer, size);
}

static void print_waits(const struct replay_trace *trace, const struct replay_left_out *left_out, const struct replay *replay,
			const struct replay_summary *sum)
{
	char a[32], b[32], c[32], d[32], e[32];

	printf("%zu jobs over %s", trace->job_count, span_text(sum->span_us, a, sizeof(a)));
	if (left_out->no_run_time > 0)
		printf("; %zu without a run time left out", left_out->no_run_time);
	if (left_out->no_size > 0)
		printf("; %zu without a size left out", left_out->no_size);
	if (replay->never > 0)
		printf("; %zu never started", replay->never);
	printf("\n\nwait         mean %s, median %s, 95 %% within %s, 99 %% within %s, longest %s\n", span_text(sum->waits.mean_us, a, sizeof(a)),
	       span_text(sum->waits.median_us, b, sizeof(b)), span_text(sum->waits.p95_us, c, sizeof(c)),
	       span_text(sum->waits.p99_us, d, sizeof(d)), span_text(sum->waits.most_us, e, sizeof(e)));
	printf("slowdown     mean %" PRId64 ".%02" PRId64 ", where jobs below 10 s count as 10 s\n", sum->waits.slowdown_milli / 1000,
	       sum->waits.slowdown_milli % 1000 / 10);
	printf("use          %" PRId64 ".%" PRId64 " %% of %" PRId64 " %s; %zu backfilled, %zu preempted, %zu rounds\n", sum->used_permille / 10,
	       sum->used_permille % 10, replay->capacity_milli / 1000, replay->by_chips ? "chips" : "cores", replay->backfilled,
	       replay->preemptions, replay->rounds);
	if (sum->foretold.count > 0)
		printf("foretold     %zu starts: off by %s in the median, %s %s on average; %zu within a tenth of the wait or a minute\n",
		       sum->foretold.count, span_text(sum->foretold.median_error_us, a, sizeof(a)),
		       span_text(sum->foretold.mean_off_us < 0 ? -sum->foretold.mean_off_us : sum->foretold.mean_off_us, b, sizeof(b)),
		       sum->foretold.mean_off_us < 0 ? "earlier" : "later", sum->foretold.within_tenth);
}

static int compare_used(const void *left, const void *right)
{
	const struct replay_tenant_sum *a = left, *b = right;

	if (a->used_ppm != b->used_ppm)
		return a->used_ppm > b->used_ppm ? -1 : 1;
	return strcmp(a->name, b->name);
}

/* Those that used most. */
static void print_tenants(const struct replay_summary *sum, struct arena *arena)
{
	struct replay_tenant_sum *sorted = arena_dup(arena, sum->tenants, (sum->tenant_count + 1) * sizeof(*sorted));
	cleanup(table_free) struct table *table = table_new();
	char text[32];

	qsort(sorted, sum->tenant_count, sizeof(*sorted), compare_used);
	table_column(table, "TENANT", TABLE_SHRINK);
	table_column(table, "JOBS", TABLE_RIGHT);
	table_column(table, "WEIGHT", TABLE_RIGHT);
	table_column(table, "PROMISED", TABLE_RIGHT);
	table_column(table, "USED", TABLE_RIGHT);
	table_column(table, "MEAN WAIT", TABLE_RIGHT);
	for (size_t t = 0; t < sum->tenant_count && t < TENANTS_SHOWN; t++) {
		table_cell(table, STYLE_PLAIN, sorted[t].name);
		table_cellf(table, STYLE_PLAIN, "%zu", sorted[t].jobs);
		table_cellf(table, STYLE_PLAIN, "%" PRId64, sorted[t].weight);
		table_cellf(table, STYLE_PLAIN, "%" PRId64 ".%" PRId64 " %%", sorted[t].promised_ppm / 10000, sorted[t].promised_ppm % 10000 / 1000);
		table_cellf(table, STYLE_PLAIN, "%" PRId64 ".%" PRId64 " %%", sorted[t].used_ppm / 10000, sorted[t].used_ppm % 10000 / 1000);
		table_cell(table, STYLE_PLAIN, span_text(sorted[t].wait_mean_us, text, sizeof(text)));
	}
	putchar('\n');
	table_print(table, stdout);
	if (sum->tenant_count > TENANTS_SHOWN)
		printf("and %zu more\n", sum->tenant_count - TENANTS_SHOWN);
}

/* --- for programs --- */

static void print_json(const struct replay_trace *trace, const struct replay_left_out *left_out, const struct replay *replay,
		       const struct replay_summary *sum)
{
	json_t *tenants = json_array(), *all;

	for (size_t t = 0; t < sum->tenant_count; t++) {
		const struct replay_tenant_sum *tenant = &sum->tenants[t];

		json_array_append_new(tenants, json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I}", "name", tenant->name, "weight",
							 (json_int_t)tenant->weight, "jobs", (json_int_t)tenant->jobs, "never",
							 (json_int_t)tenant->never, "promised_ppm", (json_int_t)tenant->promised_ppm, "used_ppm",
							 (json_int_t)tenant->used_ppm, "wait_mean_us", (json_int_t)tenant->wait_mean_us));
	}
	all = json_pack("{s:I, s:{s:I, s:I}, s:I, s:I, s:{s:I, s:I, s:I, s:I, s:I, s:I}, s:I}", "jobs", (json_int_t)trace->job_count, "left_out",
			"no_run_time", (json_int_t)left_out->no_run_time, "no_size", (json_int_t)left_out->no_size, "never",
			(json_int_t)replay->never, "span_us", (json_int_t)sum->span_us, "wait", "count", (json_int_t)sum->waits.count, "mean_us",
			(json_int_t)sum->waits.mean_us, "median_us", (json_int_t)sum->waits.median_us, "p95_us", (json_int_t)sum->waits.p95_us,
			"p99_us", (json_int_t)sum->waits.p99_us, "max_us", (json_int_t)sum->waits.most_us, "slowdown_mean_milli",
			(json_int_t)sum->waits.slowdown_milli);
	json_object_update_new(all, json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:{s:I, s:I, s:I, s:I}, s:o}", "resource",
					      replay->by_chips ? "chips" : "cores", "capacity_milli", (json_int_t)replay->capacity_milli,
					      "used_permille", (json_int_t)sum->used_permille, "backfilled", (json_int_t)replay->backfilled,
					      "preemptions", (json_int_t)replay->preemptions, "rounds", (json_int_t)replay->rounds, "foretold",
					      "count", (json_int_t)sum->foretold.count, "median_error_us",
					      (json_int_t)sum->foretold.median_error_us, "mean_off_us", (json_int_t)sum->foretold.mean_off_us,
					      "within_tenth", (json_int_t)sum->foretold.within_tenth, "tenants", tenants));
	json_print(all);
	json_decref(all);
}

/* --- reading --- */

/* One site of so many cores. */
static void make_network(int64_t slots, struct arena *arena, struct network_spec *ret)
{
	struct node_group *group = ARENA_NEW(arena, struct node_group);
	struct site_spec *site = ARENA_NEW(arena, struct site_spec);
	struct region *region = ARENA_NEW(arena, struct region);

	*region = (struct region){ .name = "here", .title = "here" };
	*group = (struct node_group){ .name = "slots", .count = 1, .cpu_milli = slots * 1000, .memory_mib = NODE_MEMORY_MIB };
	*site = (struct site_spec){ .name = "site", .title = "", .tier = TIER_HUB, .region = "here", .operator_name = "",
				    .engine = ENGINE_SIMULATED, .groups = group, .group_count = 1 };
	*ret = (struct network_spec){ .name = "slots", .title = "", .currency = "", .regions = region, .region_count = 1, .sites = site,
				      .site_count = 1 };
}

static int read_swf(const char *path, const struct replay_mapping *mapping, struct arena *arena, struct replay_trace *ret,
		    struct replay_left_out *ret_left_out, struct err *err)
{
	cleanup_strbuf struct strbuf text = { 0 };
	cleanup_arena struct arena own = { 0 };
	struct swf swf;
	int code = file_read_packed(path, TRACE_BYTES_MAX, &text, err);

	if (code < 0)
		return code;
	code = swf_read(strbuf_text(&text), text.length, &own, &swf, err);
	strbuf_done(&text);
	if (code == 0)
		code = replay_trace_swf(&swf, mapping, arena, ret, ret_left_out, err);
	return code < 0 ? err_prefix(err, code, "%s", strcmp(path, "-") == 0 ? "<stdin>" : path) : 0;
}

static int read_log(const char *path, struct arena *arena, struct replay_trace *ret, struct replay_left_out *ret_left_out, struct err *err)
{
	struct store *store = NULL;
	int code = store_open_sqlite(path, NULL, &store, err);

	if (code < 0)
		return code;
	code = replay_trace_log(store, arena, ret, ret_left_out, err);
	store_close(store);
	return code < 0 ? err_prefix(err, code, "%s", path) : 0;
}

static bool is_log(const char *path)
{
	char head[sizeof(SQLITE_HEAD)] = "";
	FILE *file = fopen(path, "rb");
	bool is = file && fread(head, 1, sizeof(head), file) == sizeof(head) && memcmp(head, SQLITE_HEAD, sizeof(head)) == 0;

	if (file)
		fclose(file);
	return is;
}

static int read_trace(const struct asked *asked, const struct network_spec *network, struct arena *arena, struct replay_trace *ret,
		      struct replay_left_out *ret_left_out, struct err *err)
{
	struct stat status;
	const char *path = asked->trace;

	if (strcmp(path, "-") != 0 && stat(path, &status) == 0 && S_ISDIR(status.st_mode)) {
		path = arena_printf(arena, "%s/weir.db", path);
		if (stat(path, &status) < 0)
			return err_set(err, -ENOENT, "%s: is not there, so the folder holds no platform's state", path);
	}
	if (strcmp(path, "-") == 0 || !is_log(path)) {
		struct replay_mapping mapping = { .network = asked->home ? network : NULL, .undivided = asked->slots > 0 };

		return read_swf(path, &mapping, arena, ret, ret_left_out, err);
	}
	if (asked->home)
		return err_set(err, -EINVAL, "%s: is a platform's log, and --home is for traces in the Standard Workload Format", path);
	return read_log(path, arena, ret, ret_left_out, err);
}

static int write_plot(const struct asked *asked, const struct replay_trace *trace, const struct replay *replay,
		      const struct replay_summary *sum, struct arena *arena, struct err *err)
{
	cleanup_strbuf struct strbuf out = { 0 };
	const char *slash = strrchr(asked->trace, '/');

	plot_replay(arena_printf(arena, "weir replay %s", slash && slash[1] ? slash + 1 : asked->trace), trace, replay, sum, arena, &out);
	if (strcmp(asked->plot, "-") != 0)
		return file_write(asked->plot, out.data, out.length, 0644, err);
	fwrite(out.data, 1, out.length, stdout);
	return 0;
}

static int replay(const struct asked *asked, const struct network_spec *network, const struct catalogue *catalogue,
		  const struct policy_spec *policy, struct arena *arena)
{
	struct replay_left_out left_out;
	struct replay_summary sum;
	struct replay_trace trace;
	struct replay result;
	struct told told = { .asked = asked->progress };
	struct replay_settings settings = { .network = network, .catalogue = catalogue, .policy = policy,
					    .predictions_max = (size_t)asked->predictions, .progress = tell, .context = &told };
	struct err err = { "" };

	if (read_trace(asked, network, arena, &trace, &left_out, &err) < 0) {
		cli_complain("%s", err.text);
		return EXIT_FAILED;
	}
	replay_run(&trace, &settings, arena, &result);
	progress_clear();
	replay_sum(&trace, policy, &result, arena, &sum);
	if (asked->plot && write_plot(asked, &trace, &result, &sum, arena, &err) < 0) {
		cli_complain("%s", err.text);
		return EXIT_FAILED;
	}
	if (asked->json) {
		print_json(&trace, &left_out, &result, &sum);
	} else if (!asked->plot || strcmp(asked->plot, "-") != 0) {
		print_waits(&trace, &left_out, &result, &sum);
		print_tenants(&sum, arena);
	}
	return EXIT_OK;
}

static int run(const struct asked *asked)
{
	static const struct catalogue no_catalogue;
	cleanup_arena struct arena arena = { 0 };
	struct input *network = ARENA_NEW(&arena, struct input), *catalogue = ARENA_NEW(&arena, struct input);
	struct input *policy = ARENA_NEW(&arena, struct input);
	struct policy_spec *defaults = ARENA_NEW(&arena, struct policy_spec);
	int code = EXIT_OK;

	policy_defaults(defaults);
	if (asked->network)
		code = input_read_kind(asked->network, FILE_NETWORK, &arena, network);
	else
		make_network(asked->slots, &arena, &network->file.network);
	if (asked->catalogue && input_read_kind(asked->catalogue, FILE_CATALOGUE, &arena, catalogue) != EXIT_OK)
		code = EXIT_FAILED;
	if (asked->policy && input_read_kind(asked->policy, FILE_POLICY, &arena, policy) != EXIT_OK)
		code = EXIT_FAILED;
	if (code != EXIT_OK)
		return code;
	return replay(asked, &network->file.network, asked->catalogue ? &catalogue->file.catalogue : &no_catalogue,
		      asked->policy ? &policy->file.policy : defaults, &arena);
}

int cmd_replay(int argc, char **argv)
{
	struct asked asked = { .predictions = PREDICTIONS_DEFAULT };
	const struct cli_option options[] = {
		CLI_TEXT("network", 'n', &asked.network, "FILE", "the network to place in; every site counts as up and simulated"),
		CLI_NUMBER("slots", 's', &asked.slots, "N", 1, SLOTS_MAX, "instead of a network: one site of so many cores"),
		CLI_TEXT("catalogue", 'c', &asked.catalogue, "FILE", "the chip models; without it they match by name only"),
		CLI_TEXT("policy", 'p', &asked.policy, "FILE", "weights, shares, quotas and the queue; without it the defaults"),
		CLI_FLAG("home", 0, &asked.home, "each job only at the site that its partition names"),
		CLI_NUMBER("predictions", 0, &asked.predictions, "N", 0, PREDICTIONS_MAX,
			   "how many times starts are foretold, to compare; default 100"),
		CLI_TEXT("plot", 0, &asked.plot, "FILE", "draw the queue, the use and the waits into this SVG; - for standard output"),
		CLI_FLAG("progress", 0, &asked.progress, "say how far it is, also where standard error is no terminal"),
		CLI_FLAG("json", 0, &asked.json, "print one JSON object, for programs"),
	};
	cleanup_arguments struct cli_arguments arguments = { 0 };
	int code = cli_parse(argc, argv, &help, options, ARRAY_COUNT(options), &arguments);

	if (code >= 0)
		return code;
	if (arguments.words.count == 0)
		return cli_usage_error("no trace was given");
	if (!asked.network && !asked.slots)
		return cli_usage_error("--network is missing: which network to place in (or --slots for a single site)");
	if (asked.network && asked.slots)
		return cli_usage_error("--network and --slots exclude each other");
	if (asked.json && asked.plot && strcmp(asked.plot, "-") == 0)
		return cli_usage_error("--json and --plot - both want standard output");
	asked.trace = arguments.words.items[0];
	return run(&asked);
}
