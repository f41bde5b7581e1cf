/* How fast nodes are chosen: arrivals and departures at 90 % load in one pool of many nodes, and calls on many small pools.
 *
 *   build/bench/pool [--nodes N] [--pools P] [--needs 100] [--load 90] [--seconds 5] [--policy weir] [--coarse] [--json]
 *
 * Without --nodes: a series from 1,000 to 1,000,000 nodes. Nodes have 96 cores, 384 GiB and 8 chips. The mix is made up: half of
 * the arrivals are shares of a chip, the rest one chip with differing CPU, a few whole nodes and a few without chips. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "base/mem.h"
#include "base/rng.h"
#include "match/pool.h"

#define NEEDS_MAX 1000
#define SAMPLES 100000

struct settings {
	long nodes, pools, needs, load, seconds;
	enum node_policy policy;
	bool json;
};

struct placement {
	uint32_t pool, need;
	struct slot slot;
};

struct bench {
	struct rng rng;
	struct chooser *chooser;
	struct pool **pools;
	uint32_t needs[NEEDS_MAX];
	int64_t milli[NEEDS_MAX];
	uint64_t weights[NEEDS_MAX], weight_total;
	struct placement *placed;
	size_t placed_count, placed_capacity;
	int64_t used_milli, total_milli;
	uint32_t *latencies_ns;
	size_t latency_count;
	uint64_t refused;
};

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* Of this thread: other programs on the machine do not count. */
static uint64_t cpu_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void make_needs(struct bench *bench, const struct settings *settings)
{
	static const int64_t shares[] = { 810, 470, 320, 650, 230, 460, 590, 160, 550, 220, 370, 110, 480, 50, 330, 350 };
	static const int64_t cores[] = { 3152, 4000, 8000, 11908, 11300, 12000, 6000, 9810, 15700, 1000 };

	for (long i = 0; i < settings->needs; i++) {
		struct ask ask = { .workers = 1 };
		unsigned kind = (unsigned)rng_below(&bench->rng, 100);

		ask.shape.cpu_milli = cores[rng_below(&bench->rng, ARRAY_COUNT(cores))] + 100 * (int64_t)rng_below(&bench->rng, 8);
		if (kind < 45)
			ask.shape.chips.milli = shares[rng_below(&bench->rng, rng_below(&bench->rng, ARRAY_COUNT(shares)) + 1)];
		else if (kind < 85)
			ask.shape.chips.milli = 1000;
		else if (kind < 93)
			ask.shape.chips.milli = 1000 << rng_below(&bench->rng, 4);
		/* A node's CPU lasts a little longer than its chips. */
		if (ask.shape.chips.milli > 0)
			ask.shape.cpu_milli = ask.shape.cpu_milli * 9 / 10 * ask.shape.chips.milli / 1000;
		else
			ask.shape.cpu_milli /= 4;
		ask.shape.memory_mib = ask.shape.cpu_milli / 1000 * 2048 + 1024 * (int64_t)rng_below(&bench->rng, 8);
		bench->needs[i] = chooser_need_add(bench->chooser, &ask);
		bench->milli[i] = ask.shape.chips.milli;
		bench->weights[i] = 1000 / (1 + (uint64_t)i) + 2;
		if (ask.shape.chips.milli > 1000)
			bench->weights[i] = 2;
		bench->weight_total += bench->weights[i];
	}
}

static uint32_t draw(struct bench *bench)
{
	uint64_t at = rng_below(&bench->rng, bench->weight_total);
	uint32_t i = 0;

	while (at >= bench->weights[i])
		at -= bench->weights[i++];
	return i;
}

static void bench_init(struct bench *bench, const struct settings *settings)
{
	static const struct catalogue no_catalogue;
	static const struct rule_context context = { .catalogue = &no_catalogue };
	struct chip_count chips = { "chip", 8 };

	*bench = (struct bench){ .total_milli = settings->nodes * 8000 };
	rng_init(&bench->rng, 7);
	bench->chooser = chooser_new(settings->policy, &context, 1);
	make_needs(bench, settings);
	bench->pools = mem_alloc((size_t)settings->pools * sizeof(*bench->pools));
	for (long p = 0; p < settings->pools; p++) {
		struct node_group groups[4];
		int64_t left = settings->nodes / settings->pools + (p < settings->nodes % settings->pools);
		size_t count = left > GROUP_NODES_MAX ? 2 : 1;
		struct supply supply;

		for (size_t g = 0; g < count; g++)
			groups[g] = (struct node_group){ .name = "group", .count = left / (int64_t)(count - g), .cpu_milli = 96000,
							 .memory_mib = 393216, .chips = &chips, .chip_count = 1 },
			left -= groups[g].count;
		supply_init(&supply, groups, count);
		bench->pools[p] = pool_new(bench->chooser, &supply);
		supply_done(&supply);
	}
	bench->latencies_ns = mem_alloc(SAMPLES * sizeof(*bench->latencies_ns));
}

/* With names borrowed no more after pool_new() nothing else is kept of the supply. */
static void bench_done(struct bench *bench, const struct settings *settings)
{
	for (long p = 0; p < settings->pools; p++)
		pool_free(bench->pools[p]);
	for (long i = 0; i < settings->needs; i++)
		chooser_need_remove(bench->chooser, bench->needs[i]);
	chooser_free(bench->chooser);
	free(bench->pools);
	free(bench->placed);
	free(bench->latencies_ns);
}

static bool arrive(struct bench *bench, const struct settings *settings)
{
	uint32_t need = draw(bench);
	struct placement *placement;
	uint32_t pool = (uint32_t)rng_below(&bench->rng, (uint64_t)settings->pools);
	int64_t loss;

	ARRAY_RESERVE(bench->placed, bench->placed_capacity, bench->placed_count + 1);
	placement = &bench->placed[bench->placed_count];
	chooser_learn(bench->chooser, bench->needs[need], 1);
	for (int tries = 0; tries < 8; tries++, pool = (pool + 1) % (uint32_t)settings->pools) {
		if (!pool_place(bench->pools[pool], bench->needs[need], 1, &placement->slot, &loss))
			continue;
		placement->pool = pool;
		placement->need = need;
		bench->placed_count++;
		bench->used_milli += bench->milli[need];
		return true;
	}
	bench->refused++;
	return false;
}

static void leave(struct bench *bench)
{
	size_t at = rng_below(&bench->rng, bench->placed_count);
	struct placement *placement = &bench->placed[at];

	pool_give(bench->pools[placement->pool], &placement->slot, 1, bench->needs[placement->need]);
	bench->used_milli -= bench->milli[placement->need];
	*placement = bench->placed[--bench->placed_count];
}

static int compare_u32(const void *a, const void *b)
{
	uint32_t first = *(const uint32_t *)a, second = *(const uint32_t *)b;

	return first < second ? -1 : first > second;
}

static uint32_t percentile(const struct bench *bench, unsigned permille)
{
	return bench->latency_count ? bench->latencies_ns[(bench->latency_count - 1) * permille / 1000] : 0;
}

static void report(struct bench *bench, const struct settings *settings, double fill, double steady)
{
	struct chooser_figures figures;
	struct rusage usage;
	size_t states = 0;

	for (long p = 0; p < settings->pools; p++) {
		struct pool_totals totals;

		pool_totals(bench->pools[p], &totals);
		states += totals.states;
	}
	chooser_figures(bench->chooser, &figures);
	getrusage(RUSAGE_SELF, &usage);
	qsort(bench->latencies_ns, bench->latency_count, sizeof(uint32_t), compare_u32);
	printf(settings->json ? "{\"pools\": %ld, \"nodes\": %ld, \"chips\": %ld, \"needs\": %ld, \"fill_per_s\": %.0f, \"placements_per_s\": %.0f, "
				"\"p50_us\": %.2f, \"p99_us\": %.2f, \"p999_us\": %.2f, \"buckets\": %zu, \"scored\": %llu, "
				"\"mix_changes\": %llu, \"refused\": %llu, \"classes\": %zu, \"grain\": %u, \"chooser_mib\": %.1f, \"peak_mib\": %.1f}\n"
			      : "%6ld pools %8ld nodes %9ld chips %4ld needs: fill %.0f/s, steady %.0f placements/s, p50 %.2f p99 %.2f p99.9 %.2f us, "
				"%zu buckets, %llu scored, %llu mixes, %llu refused, %zu classes (grain %u), chooser %.1f MiB, peak %.1f MiB\n",
	       settings->pools, settings->nodes, settings->nodes * 8, settings->needs, fill, steady, percentile(bench, 500) / 1e3,
	       percentile(bench, 990) / 1e3, percentile(bench, 999) / 1e3, states, (unsigned long long)figures.scored,
	       (unsigned long long)figures.mix_changes, (unsigned long long)bench->refused, figures.states, figures.grain, (double)figures.bytes / 1048576,
	       (double)usage.ru_maxrss / 1024);
	fflush(stdout);
}

static void bench_run(const struct settings *settings)
{
	struct bench bench;
	uint64_t start, start_cpu, end, count = 0;
	double fill;

	bench_init(&bench, settings);
	start = cpu_ns();
	while (bench.used_milli * 100 < bench.total_milli * settings->load)
		if (!arrive(&bench, settings) && ++count > 100000)
			break;
	fill = (double)bench.placed_count * 1e9 / (double)(cpu_ns() - start);
	/* Until the states are those of a long life. */
	for (long i = 0; i < (settings->nodes < 100000 ? settings->nodes : 100000); i++) {
		leave(&bench);
		arrive(&bench, settings);
	}
	bench.refused = count = 0;
	start = now_ns();
	start_cpu = cpu_ns();
	do {
		uint64_t before = now_ns();

		arrive(&bench, settings);
		end = now_ns();
		if (bench.latency_count < SAMPLES)
			bench.latencies_ns[bench.latency_count++] = (uint32_t)(end - before);
		while (bench.used_milli * 100 > bench.total_milli * settings->load)
			leave(&bench);
		count++;
	} while (end - start < (uint64_t)settings->seconds * 1000000000u);
	report(&bench, settings, fill, (double)(count - bench.refused) * 1e9 / (double)(cpu_ns() - start_cpu));
	bench_done(&bench, settings);
}

int main(int argc, char **argv)
{
	static const struct option names[] = { { "nodes", required_argument, NULL, 'n' }, { "pools", required_argument, NULL, 'p' },
					       { "needs", required_argument, NULL, 'k' }, { "load", required_argument, NULL, 'l' },
					       { "seconds", required_argument, NULL, 's' }, { "policy", required_argument, NULL, 'r' },
					       { "json", no_argument, NULL, 'j' },        { 0 } };
	struct settings settings = { .pools = 1, .needs = 100, .load = 90, .seconds = 5 };
	int letter;

	while ((letter = getopt_long(argc, argv, "", names, NULL)) != -1) {
		long value = optarg ? strtol(optarg, NULL, 10) : 1;
		long *which = letter == 'n' ? &settings.nodes : letter == 'p' ? &settings.pools : letter == 'k' ? &settings.needs :
			      letter == 'l' ? &settings.load : letter == 's' ? &settings.seconds : NULL;

		if (letter == 'j')
			settings.json = true;
		else if (letter == 'r' && node_policy_from_string(optarg) >= 0)
			settings.policy = (enum node_policy)node_policy_from_string(optarg);
		else if (which && value > 0)
			*which = value;
		else
			return fputs("usage: pool [--nodes N] [--pools P] [--needs K] [--load PERCENT] [--seconds S] [--policy P] [--json]\n", stderr), 2;
	}
	if (settings.needs > NEEDS_MAX || settings.load > 100)
		return fputs("pool: at most 1000 needs and 100 percent\n", stderr), 2;
	if (settings.nodes) {
		bench_run(&settings);
		return 0;
	}
	for (settings.nodes = 1000; settings.nodes <= 1000000; settings.nodes *= 10)
		bench_run(&settings);
	return 0;
}
