/* How long jobs wait on many sites: the LHC Computing Grid's log (or any trace in the Standard Workload Format whose jobs name their
 * partition) under several policies. lcg.h has the rules of the experiment.
 *
 * Bounded slowdown: max(1, (wait + run) / max(run, 10 s)) (Feitelson and Rudolph, JSSPP 1998). */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "io/file.h"
#include "lcg.h"

#define TRACE_BYTES_MAX ((size_t)2 << 30)
#define SLOWDOWN_BOUND_S 10

static const struct {
	const char *name;
	void (*run)(struct lcg *lcg);
} policies[] = {
	{ "home", lcg_home },	      { "earliest", lcg_earliest }, { "weir", lcg_weir },
	{ "weir-age", lcg_weir_age }, { "pooled", lcg_pooled },
};

static const char usage[] = "usage: lcg TRACE.swf[.gz] [--json] [--policy home|earliest|weir|weir-age|pooled] [--divisor 4]\n";

static int compare_waits(const void *left, const void *right)
{
	int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;

	return (a > b) - (a < b);
}

static void print_figures(const struct lcg *lcg, const char *policy, double wall_s, bool json)
{
	int64_t *waits = mem_alloc((lcg->job_count + 1) * sizeof(*waits));
	double wait = 0, slowdown = 0, mean_s, p95_s, p99_s, max_s, count = (double)lcg->job_count;

	for (size_t j = 0; j < lcg->job_count; j++) {
		const struct lcg_job *job = &lcg->jobs[j];
		double bound_s = (double)(job->run_s > SLOWDOWN_BOUND_S ? job->run_s : SLOWDOWN_BOUND_S), one;

		waits[j] = job->start_s - job->submit_s;
		wait += (double)waits[j];
		one = (double)(waits[j] + job->run_s) / bound_s;
		slowdown += one > 1 ? one : 1;
	}
	qsort(waits, lcg->job_count, sizeof(*waits), compare_waits);
	mean_s = wait / count;
	p95_s = (double)waits[lcg->job_count * 95 / 100];
	p99_s = (double)waits[lcg->job_count * 99 / 100];
	max_s = (double)waits[lcg->job_count - 1];
	if (json)
		printf("{\"policy\":\"%s\",\"wait_s_mean\":%.1f,\"wait_s_p95\":%.0f,\"wait_s_p99\":%.0f,\"wait_s_max\":%.0f,\"slowdown_mean\":%.2f,"
		       "\"slowdown_bound_s\":%d,\"wall_s\":%.2f,\"jobs\":%zu,\"jobs_left_out\":%zu,\"sites\":%zu,\"slots\":%llu}\n",
		       policy, mean_s, p95_s, p99_s, max_s, slowdown / count, SLOWDOWN_BOUND_S, wall_s, lcg->job_count, lcg->left_out,
		       lcg->site_count, (unsigned long long)lcg->slots);
	else
		printf("%-9s wait %8.0f s on average, p95 %7.0f s, p99 %7.0f s, max %7.0f s   bounded slowdown %6.1f   in %.1f s\n", policy, mean_s,
		       p95_s, p99_s, max_s, slowdown / count, wall_s);
	fflush(stdout);
	free(waits);
}

static double now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static int load(const char *path, int64_t divisor, struct arena *arena, struct lcg *ret, struct err *err)
{
	cleanup_strbuf struct strbuf text = { 0 };
	cleanup_arena struct arena scratch = { 0 };
	struct swf swf;
	int code = file_read_packed(path, TRACE_BYTES_MAX, &text, err);

	if (code < 0)
		return code;
	code = swf_read(strbuf_text(&text), text.length, &scratch, &swf, err);
	if (code < 0)
		return err_prefix(err, code, "%s", path);
	lcg_load(&swf, divisor, arena, ret);
	return ret->job_count > 0 ? 0 : err_set(err, -EINVAL, "%s: no job has a run time, a size and a partition", path);
}

static int run(const char *path, const char *only, int64_t divisor, bool json, struct err *err)
{
	cleanup_arena struct arena arena = { 0 };
	struct lcg lcg;
	int code = load(path, divisor, &arena, &lcg, err);

	if (code < 0)
		return code;
	if (!json)
		printf("%zu jobs of %zu groups at %zu sites with %llu slots; %zu left out\n", lcg.job_count, lcg.group_count, lcg.site_count,
		       (unsigned long long)lcg.slots, lcg.left_out);
	for (size_t i = 0; i < ARRAY_COUNT(policies); i++) {
		double begin_s = now_s();

		if (only && strcmp(only, policies[i].name) != 0)
			continue;
		policies[i].run(&lcg);
		print_figures(&lcg, policies[i].name, now_s() - begin_s, json);
	}
	return 0;
}

static bool is_policy(const char *name)
{
	for (size_t i = 0; i < ARRAY_COUNT(policies); i++)
		if (strcmp(name, policies[i].name) == 0)
			return true;
	return false;
}

int main(int argc, char **argv)
{
	static const struct option options[] = { { "json", no_argument, NULL, 'j' }, { "policy", required_argument, NULL, 'p' },
						 { "divisor", required_argument, NULL, 'd' }, { "help", no_argument, NULL, 'h' }, { 0 } };
	const char *only = NULL;
	struct err err = { "" };
	int64_t divisor = 4;
	bool json = false;
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'j')
			json = true;
		else if (option == 'p' && is_policy(optarg))
			only = optarg;
		else if (option == 'd' && atoll(optarg) > 0)
			divisor = atoll(optarg);
		else {
			fputs(usage, option == 'h' ? stdout : stderr);
			return option == 'h' ? 0 : 2;
		}
	}
	if (optind + 1 != argc) {
		fputs(usage, stderr);
		return 2;
	}
	if (run(argv[optind], only, divisor, json, &err) < 0) {
		fprintf(stderr, "lcg: %s\n", err.text);
		return 1;
	}
	return 0;
}
