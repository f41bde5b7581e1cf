/* The openb experiment: how much of a real cluster's GPUs a rule for nodes can allocate.
 *
 *   build/bench/openb NODES.csv PODS.csv [--policy weir|fgd|bestfit|random] [--mix known|learned] [--seeds 10] [--json]
 *
 * The protocol is that of Weng et al., "Beware of Fragmentation", USENIX ATC 2023, so that figures stand beside the published
 * ones. For each seed: pods sorted by name are shuffled, then drawn with replacement until the GPU demand would pass 1.3 times the
 * supply (where it is above that already, random pods are left out); nodes stand in random order. Pods come one at a time and
 * stay; one that does not fit is dropped but counts as arrived. The figure is the share of GPUs allocated, averaged over the events
 * at which 130 % have arrived. `--mix known` tells the rule how often each shape occurs, not in which order; `learned` tells
 * it nothing.
 *
 * Node order decides ties, so each run of equal nodes in it becomes a group. Floats only for what is printed.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "base/mem.h"
#include "base/rng.h"
#include "match/pool.h"

#define LINE_MAX_BYTES 4096
#define FIELDS_MAX 16
#define ROWS_LIMIT 1000000
#define LOAD_PERCENT 130

struct node_row {
	int64_t cpu_milli, memory_mib, gpu;
	char *model;
};

struct pod_row {
	char *name;
	int64_t cpu_milli, memory_mib, num_gpu, gpu_milli;
	char *gpu_spec;
	uint32_t need;
};

struct workload {
	struct node_row *nodes;
	size_t node_count, node_capacity;
	struct pod_row *pods;
	size_t pod_count, pod_capacity;
	int64_t total_milli; /* of all GPUs */
};

struct outcome {
	double alloc_percent, first_failure_percent, seconds;
	size_t placed;
};

/* --- reading --- */

static _Noreturn void fail_at(const char *path, size_t line, const char *what)
{
	fprintf(stderr, "openb: %s:%zu: %s\n", path, line, what);
	exit(1);
}

static size_t split(char *line, char **fields)
{
	size_t count = 0;

	line[strcspn(line, "\r\n")] = 0;
	while (count < FIELDS_MAX) {
		fields[count++] = line;
		line = strchr(line, ',');
		if (!line)
			break;
		*line++ = 0;
	}
	return count;
}

static int64_t number(const char *path, size_t line, const char *text, const char *what, int64_t most)
{
	char message[256], *end;
	long long value;

	errno = 0;
	value = strtoll(text, &end, 10);
	/* Some exports write whole numbers as 4000.0. */
	if (end != text && *end == '.' && strspn(end + 1, "0") == strlen(end + 1))
		end += strlen(end);
	if (end == text || *end || errno || value < 0 || value > most) {
		snprintf(message, sizeof(message), "%s is \"%.40s\", expected a whole number from 0 to %lld", what, text, (long long)most);
		fail_at(path, line, message);
	}
	return value;
}

static void read_node(struct workload *work, const char *path, size_t line, char **fields, size_t count)
{
	struct node_row node = { 0 };

	if (count < 5)
		fail_at(path, line, "expected sn,cpu_milli,memory_mib,gpu,model");
	node.cpu_milli = number(path, line, fields[1], "cpu_milli", INT32_MAX);
	node.memory_mib = number(path, line, fields[2], "memory_mib", INT32_MAX);
	node.gpu = number(path, line, fields[3], "gpu", NODE_CHIPS_MAX);
	node.model = mem_strdup(fields[4]);
	if (node.gpu > 0 && !*node.model)
		fail_at(path, line, "a node with GPUs has no model");
	work->total_milli += node.gpu * CHIP_MILLI;
	ARRAY_RESERVE(work->nodes, work->node_capacity, work->node_count + 1);
	work->nodes[work->node_count++] = node;
}

static void read_pod(struct workload *work, const char *path, size_t line, char **fields, size_t count)
{
	struct pod_row pod = { 0 };

	if (count < 5)
		fail_at(path, line, "expected name,cpu_milli,memory_mib,num_gpu,gpu_milli and perhaps gpu_spec");
	pod.name = mem_strdup(fields[0]);
	pod.cpu_milli = number(path, line, fields[1], "cpu_milli", INT32_MAX);
	pod.memory_mib = number(path, line, fields[2], "memory_mib", INT32_MAX);
	pod.num_gpu = number(path, line, fields[3], "num_gpu", 1000);
	pod.gpu_milli = number(path, line, fields[4], "gpu_milli", CHIP_MILLI);
	pod.gpu_spec = mem_strdup(count > 5 ? fields[5] : "");
	if (pod.num_gpu > 0 && pod.gpu_milli == 0)
		fail_at(path, line, "num_gpu is given but gpu_milli is 0");
	if (pod.num_gpu == 0)
		pod.gpu_milli = 0;
	if (pod.num_gpu > 1)
		pod.gpu_milli = CHIP_MILLI;
	ARRAY_RESERVE(work->pods, work->pod_capacity, work->pod_count + 1);
	work->pods[work->pod_count++] = pod;
}

static void read_table(struct workload *work, const char *path, const char *first_column,
		       void (*read_row)(struct workload *, const char *, size_t, char **, size_t))
{
	char line[LINE_MAX_BYTES], *fields[FIELDS_MAX];
	size_t number_of_line = 0;
	FILE *file = fopen(path, "r");

	if (!file) {
		fprintf(stderr, "openb: %s: %s\n", path, strerror(errno));
		exit(1);
	}
	while (fgets(line, sizeof(line), file)) {
		size_t count;

		number_of_line++;
		if (!strchr(line, '\n') && !feof(file))
			fail_at(path, number_of_line, "the line is too long");
		if (number_of_line > ROWS_LIMIT)
			fail_at(path, number_of_line, "too many lines");
		if (line[strspn(line, " \r\n")] == 0)
			continue;
		count = split(line, fields);
		if (number_of_line == 1) {
			if (strcmp(fields[0], first_column) != 0)
				fail_at(path, 1, "the first line should name the columns");
			continue;
		}
		read_row(work, path, number_of_line, fields, count);
	}
	fclose(file);
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(((const struct pod_row *)a)->name, ((const struct pod_row *)b)->name);
}

static void workload_read(struct workload *work, const char *nodes, const char *pods)
{
	*work = (struct workload){ 0 };
	read_table(work, nodes, "sn", read_node);
	read_table(work, pods, "name", read_pod);
	if (work->total_milli == 0 || work->pod_count == 0) {
		fprintf(stderr, "openb: there is no GPU in %s or no pod in %s\n", nodes, pods);
		exit(1);
	}
	qsort(work->pods, work->pod_count, sizeof(*work->pods), compare_names);
}

static void workload_done(struct workload *work)
{
	for (size_t i = 0; i < work->node_count; i++)
		free(work->nodes[i].model);
	for (size_t i = 0; i < work->pod_count; i++) {
		free(work->pods[i].name);
		free(work->pods[i].gpu_spec);
	}
	free(work->nodes);
	free(work->pods);
}

/* --- one seed --- */

static int64_t pod_milli(const struct pod_row *pod)
{
	return pod->num_gpu * pod->gpu_milli;
}

/* The pods in the order in which they come. */
static uint32_t *arrivals_make(const struct workload *work, struct rng *rng, size_t *ret_count)
{
	size_t count = work->pod_count, capacity = count;
	uint32_t *order = mem_resize(NULL, count, sizeof(*order));
	int64_t limit = work->total_milli * LOAD_PERCENT / 100, demand = 0;

	for (size_t i = 0; i < count; i++) {
		order[i] = (uint32_t)i;
		demand += pod_milli(&work->pods[i]);
	}
	for (size_t i = count - 1; i > 0; i--) {
		size_t other = rng_below(rng, i + 1);
		uint32_t pod = order[i];

		order[i] = order[other];
		order[other] = pod;
	}
	while (demand > limit && count > 0) {
		size_t gone = rng_below(rng, count);

		demand -= pod_milli(&work->pods[order[gone]]);
		memmove(order + gone, order + gone + 1, (count - gone - 1) * sizeof(*order));
		count--;
	}
	/* As published, the check adds one GPU's share, however many GPUs the pod asks for. A workload without any never ends. */
	for (size_t draws = 0; draws < ROWS_LIMIT * 10; draws++) {
		uint32_t pod = (uint32_t)rng_below(rng, work->pod_count);

		if (demand + work->pods[pod].gpu_milli > limit)
			break;
		ARRAY_RESERVE(order, capacity, count + 1);
		order[count++] = pod;
		demand += pod_milli(&work->pods[pod]);
	}
	*ret_count = count;
	return order;
}

static bool nodes_alike(const struct node_row *a, const struct node_row *b)
{
	return a->cpu_milli == b->cpu_milli && a->memory_mib == b->memory_mib && a->gpu == b->gpu && !strcmp(a->model, b->model);
}

static void supply_make(const struct workload *work, struct rng *rng, struct supply *ret)
{
	cleanup_free uint32_t *order = mem_resize(NULL, work->node_count, sizeof(*order));

	for (size_t i = 0; i < work->node_count; i++)
		order[i] = (uint32_t)i;
	for (size_t i = work->node_count - 1; i > 0; i--) {
		size_t other = rng_below(rng, i + 1);
		uint32_t node = order[i];

		order[i] = order[other];
		order[other] = node;
	}
	/* More groups than a site may have: made one by one. */
	*ret = (struct supply){ .groups = mem_alloc(work->node_count * sizeof(*ret->groups)) };
	for (size_t i = 0, next; i < work->node_count; i = next) {
		const struct node_row *node = &work->nodes[order[i]];
		struct chip_count chips = { node->model, node->gpu };
		struct node_group group = { .name = "nodes", .cpu_milli = node->cpu_milli, .memory_mib = node->memory_mib,
					    .chips = &chips, .chip_count = node->gpu > 0 };
		struct supply one;

		for (next = i + 1; next < work->node_count && nodes_alike(node, &work->nodes[order[next]]); next++)
			;
		group.count = (int64_t)(next - i);
		supply_init(&one, &group, 1);
		ret->groups[ret->group_count++] = one.groups[0];
		free(one.groups);
	}
}

static uint32_t need_of(struct chooser *chooser, const struct pod_row *pod)
{
	struct ask ask = { .workers = 1 };
	const char *models[DEMAND_LIST_MAX];
	cleanup_free char *spec = mem_strdup(pod->gpu_spec);
	char *rest = spec, *model;

	ask.shape.cpu_milli = pod->cpu_milli;
	ask.shape.memory_mib = pod->memory_mib;
	ask.shape.chips.milli = pod_milli(pod);
	ask.shape.chips.models = models;
	while (pod->num_gpu > 0 && ask.shape.chips.model_count < DEMAND_LIST_MAX && (model = strsep(&rest, "|")) != NULL)
		if (*model)
			models[ask.shape.chips.model_count++] = model;
	ask_canonicalize(&ask);
	return chooser_need_add(chooser, &ask);
}

static void mix_tell(struct chooser *chooser, const struct workload *work)
{
	cleanup_free uint32_t *needs = mem_resize(NULL, work->pod_count, sizeof(*needs));
	cleanup_free int64_t *counts = mem_resize(NULL, work->pod_count, sizeof(*counts));

	for (size_t i = 0; i < work->pod_count; i++) {
		needs[i] = work->pods[i].need;
		counts[i] = 1;
	}
	chooser_fix_mix(chooser, needs, counts, work->pod_count);
}

static double now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static void events_run(const struct workload *work, struct chooser *chooser, struct pool *pool, bool learned, const uint32_t *order,
		       size_t count, struct outcome *ret)
{
	int64_t arrived = 0, allocated = 0;
	double percents = 0, start = now_s();
	size_t events = 0;

	*ret = (struct outcome){ .first_failure_percent = LOAD_PERCENT };
	for (size_t i = 0; i < count; i++) {
		const struct pod_row *pod = &work->pods[order[i]];
		struct slot slot;
		int64_t loss;

		arrived += pod_milli(pod);
		if (learned)
			chooser_learn(chooser, pod->need, 1);
		if (pool_place(pool, pod->need, 1, &slot, &loss)) {
			allocated += pod_milli(pod);
			ret->placed++;
		} else if (ret->placed == i) {
			ret->first_failure_percent = 100.0 * (double)arrived / (double)work->total_milli;
		}
		if ((200 * arrived + work->total_milli) / (2 * work->total_milli) == LOAD_PERCENT) {
			percents += 100.0 * (double)allocated / (double)work->total_milli;
			events++;
		}
	}
	ret->seconds = now_s() - start;
	ret->alloc_percent = events ? percents / (double)events : 0;
}

static void seed_run(struct workload *work, enum node_policy policy, bool learned, uint64_t seed, struct outcome *ret)
{
	static const struct catalogue no_catalogue;
	struct rule_context context = { .catalogue = &no_catalogue };
	struct chooser *chooser = chooser_new(policy, &context, seed);
	struct supply supply;
	struct pool *pool;
	struct rng rng;
	uint32_t *order;
	size_t count;

	rng_init(&rng, seed);
	for (size_t i = 0; i < work->pod_count; i++)
		work->pods[i].need = need_of(chooser, &work->pods[i]);
	order = arrivals_make(work, &rng, &count);
	supply_make(work, &rng, &supply);
	if (!learned)
		mix_tell(chooser, work);
	pool = pool_new(chooser, &supply);
	events_run(work, chooser, pool, learned, order, count, ret);
	if (!pool_is_consistent(pool)) {
		fputs("openb: the books do not add up\n", stderr);
		exit(1);
	}
	pool_free(pool);
	supply_done(&supply);
	free(order);
	chooser_free(chooser);
}

/* --- the whole --- */

struct summary {
	double mean, least, most, first_failure, placements_per_s;
};

static void print_summary(const struct summary *summary, const char *name, enum node_policy policy, bool learned, uint64_t seeds, bool json)
{
	struct rusage usage;
	double peak_mib;

	getrusage(RUSAGE_SELF, &usage);
	peak_mib = (double)usage.ru_maxrss / 1024;
	if (json)
		printf("{\"workload\": \"%s\", \"policy\": \"%s\", \"mix\": \"%s\", \"alloc_percent_mean\": %.3f, \"alloc_percent_min\": %.3f, "
		       "\"alloc_percent_max\": %.3f, \"first_failure_percent_mean\": %.3f, \"placements_per_s\": %.0f, \"peak_mib\": %.1f, "
		       "\"seeds\": %llu}\n",
		       name, node_policy_to_string(policy), learned ? "learned" : "known", summary->mean, summary->least, summary->most,
		       summary->first_failure, summary->placements_per_s, peak_mib, (unsigned long long)seeds);
	else
		printf("%-12s %-8s %-8s allocated %.2f %% (%.2f to %.2f), first failure at %.1f %%, %.0f placements/s, %.1f MiB\n", name,
		       node_policy_to_string(policy), learned ? "learned" : "known", summary->mean, summary->least, summary->most,
		       summary->first_failure, summary->placements_per_s, peak_mib);
}

/* The file's name without folder, "pods_" and ".csv". */
static char *workload_name(const char *path)
{
	const char *base = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
	size_t length;

	if (!strncmp(base, "pods_", 5))
		base += 5;
	length = strlen(base);
	if (length > 4 && !strcmp(base + length - 4, ".csv"))
		length -= 4;
	return mem_strndup(base, length);
}

static _Noreturn void usage(void)
{
	fputs("usage: openb NODES.csv PODS.csv [--policy weir|fgd|bestfit|random] [--mix known|learned] [--seeds 10] [--json]\n", stderr);
	exit(2);
}

struct options {
	enum node_policy policy;
	bool learned, json;
	uint64_t seeds;
};

static bool policy_read(const char *text, enum node_policy *ret)
{
	int policy = node_policy_from_string(text);

	if (policy >= 0)
		*ret = (enum node_policy)policy;
	return policy >= 0;
}

static void options_read(struct options *options, int argc, char **argv)
{
	static const struct option names[] = { { "policy", required_argument, NULL, 'p' }, { "mix", required_argument, NULL, 'm' },
					       { "seeds", required_argument, NULL, 's' }, { "json", no_argument, NULL, 'j' }, { 0 } };
	int letter;

	*options = (struct options){ .policy = NODE_POLICY_WEIR, .seeds = 10 };
	while ((letter = getopt_long(argc, argv, "", names, NULL)) != -1) {
		if (letter == 'p' && policy_read(optarg, &options->policy))
			continue;
		if (letter == 'm' && (!strcmp(optarg, "known") || !strcmp(optarg, "learned"))) {
			options->learned = !strcmp(optarg, "learned");
			continue;
		}
		if (letter == 's' && (options->seeds = strtoull(optarg, NULL, 10)) > 0 && options->seeds <= 100000)
			continue;
		if (letter != 'j')
			usage();
		options->json = true;
	}
	if (argc - optind != 2)
		usage();
}

int main(int argc, char **argv)
{
	struct options options;
	struct workload work;
	struct summary summary = { .least = 1e9 };
	double seconds = 0;
	size_t placed = 0;
	cleanup_free char *name = NULL;

	options_read(&options, argc, argv);
	workload_read(&work, argv[optind], argv[optind + 1]);
	name = workload_name(argv[optind + 1]);
	for (uint64_t seed = 1; seed <= options.seeds; seed++) {
		struct outcome outcome;

		seed_run(&work, options.policy, options.learned, seed, &outcome);
		summary.mean += outcome.alloc_percent / (double)options.seeds;
		summary.first_failure += outcome.first_failure_percent / (double)options.seeds;
		summary.least = outcome.alloc_percent < summary.least ? outcome.alloc_percent : summary.least;
		summary.most = outcome.alloc_percent > summary.most ? outcome.alloc_percent : summary.most;
		seconds += outcome.seconds;
		placed += outcome.placed;
	}
	summary.placements_per_s = seconds > 0 ? (double)placed / seconds : 0;
	print_summary(&summary, name, options.policy, options.learned, options.seeds, options.json);
	workload_done(&work);
	return 0;
}
