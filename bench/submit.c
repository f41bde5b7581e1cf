/* How fast demands are acknowledged, durably: one by one over 64 connections, and in batches, beside the
 * disk's own sync rate; how long from a submission to the start of its process; how long a restart takes
 * and how much memory it needs with many sites and live demands. Real processes over loopback. */
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/strbuf.h"
#include "load.h"
#include "server.h"

#define SINGLE_CONNECTIONS 64
#define BATCH_CONNECTIONS 4
#define BATCH_DEMANDS 1000
#define FILL_DEMANDS 10000
#define STARTS 200

struct settings {
	bool json;
	const char *only;
	int64_t seconds;
	long sites, demands;
};

static const char usage[] = "usage: submit [--json] [--only single|batch|start|restart] [--seconds N] [--sites N] [--demands N]\n";

/* A bare site that takes nothing, so that what is measured is the acknowledgement. */
static const char bare_network[] = "network:\n  name: bench\n  regions: [{name: here}]\n  sites:\n"
				   "    - {name: bench-site, title: Bench, tier: hub, region: here, operator: bench, latitude: 30, longitude: 110,\n"
				   "       engine: local, groups: [{name: machine, count: 1, cpu: 64, memory: 64GiB}]}\n";

static const char demand_text[] = "{\"name\":\"bench\",\"workers\":1,\"shape\":{\"cpu\":\"1\",\"memory\":\"1GiB\",\"chips\":{\"count\":8,"
				  "\"models\":[\"nobody-has-it\"]}},\"command\":[\"sh\",\"-c\",\"echo hello from $WEIR_SITE\"],\"time_limit\":\"1h\"}";

static int64_t disk_syncs_per_s(const struct server *server)
{
	cleanup_free char *path = mem_printf("%s/sync-probe", server->folder);
	char page[4096] = { 1 };
	int64_t begin_us = load_now_us(), syncs = 0;
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);

	while (fd >= 0 && load_now_us() - begin_us < 2000000) {
		if (pwrite(fd, page, sizeof(page), (syncs % 1024) * 4096) < 0 || fdatasync(fd) < 0)
			break;
		syncs++;
	}
	begin_us = load_now_us() - begin_us;
	if (fd >= 0)
		close(fd);
	unlink(path);
	return syncs * 1000000 / (begin_us ? begin_us : 1);
}

static const char *single_body(void *context, uint64_t number, size_t *ret_length)
{
	*ret_length = sizeof(demand_text) - 1;
	return demand_text;
}

static void make_batch(struct strbuf *out, int count)
{
	strbuf_puts(out, "{\"demands\":[");
	for (int i = 0; i < count; i++)
		strbuf_printf(out, "%s%s", i ? "," : "", demand_text);
	strbuf_puts(out, "]}");
}

static const char *batch_body(void *context, uint64_t number, size_t *ret_length)
{
	const struct strbuf *batch = context;

	*ret_length = batch->length;
	return batch->data;
}

static void print_row(const struct settings *settings, const char *mode, double acks, int64_t syncs, const struct load_result *result)
{
	if (settings->json)
		printf("{\"mode\":\"%s\",\"acks_per_s\":%.0f,\"fsync_per_s\":%lld,\"p50_ms\":%.3f,\"p99_ms\":%.3f,\"p999_ms\":%.3f,\"refused\":%llu}\n",
		       mode, acks, (long long)syncs, (double)result->p50_us / 1000, (double)result->p99_us / 1000,
		       (double)result->p999_us / 1000, (unsigned long long)result->refused);
	else
		printf("%-7s %9.0f acks/s   disk alone %6lld syncs/s   p50 %.2f ms   p99 %.2f ms\n", mode, acks, (long long)syncs,
		       (double)result->p50_us / 1000, (double)result->p99_us / 1000);
	fflush(stdout);
}

static int run_load(const struct settings *settings, const char *mode, struct err *err)
{
	bool batch = strcmp(mode, "batch") == 0;
	cleanup_strbuf struct strbuf body = { 0 };
	struct load_settings load = { .path = batch ? "/v1/demands/batch" : "/v1/demands", .duration_us = settings->seconds * 1000000,
				      .connections = batch ? BATCH_CONNECTIONS : SINGLE_CONNECTIONS, .body = batch ? batch_body : single_body,
				      .context = &body };
	struct load_result result = { 0 };
	struct server server;
	char network[512];
	int64_t syncs;
	int code = server_init(&server, err);

	if (code < 0)
		return code;
	make_batch(&body, BATCH_DEMANDS);
	code = server_write(&server, "network.yaml", bare_network, network, sizeof(network), err);
	if (code == 0)
		code = server_start(&server, network, err);
	if (code == 0) {
		load.port = server.port;
		load.token = server.token;
		syncs = disk_syncs_per_s(&server);
		code = load_run(&load, &result);
		if (code < 0)
			err_set(err, code, "the load broke off: %s", strerror(-code));
		else
			print_row(settings, mode, (double)result.answers * (batch ? BATCH_DEMANDS : 1) * 1e6 / (double)result.elapsed_us, syncs,
				  &result);
	}
	server_done(&server);
	return code;
}

static int64_t unix_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

struct start {
	int number;
	char body[512];
};

static const char *start_body(void *context, uint64_t number, size_t *ret_length)
{
	struct start *start = context;

	snprintf(start->body, sizeof(start->body),
		 "{\"name\":\"start-%d\",\"workers\":1,\"shape\":{\"cpu\":\"100m\",\"memory\":\"16MiB\"},\"command\":[\"true\"]}", start->number);
	*ret_length = strlen(start->body);
	return start->body;
}

/* Waits for the demand of this number to have ended and gives when its process was started; 0 in vain. */
static int64_t wait_for_start_us(const struct server *server, int number)
{
	cleanup_free char *path = mem_printf("/v1/demands?limit=1&name=start-%d&state=ended", number);

	for (int tries = 0; tries < 5000; tries++) {
		json_t *page = server_get(server, path);
		json_t *item = json_array_get(json_object_get(page, "items"), 0);
		int64_t started_us = item ? json_integer_value(json_object_get(item, "started_us")) : 0;

		json_decref(page);
		if (item)
			return started_us;
		usleep(1000);
	}
	return 0;
}

static int run_start(const struct settings *settings, struct err *err)
{
	struct server server;
	struct start start = { 0 };
	char network[512];
	int64_t *latencies = mem_alloc(STARTS * sizeof(*latencies));
	int64_t p50_us, p99_us;
	size_t count = 0;
	int code = server_init(&server, err);

	if (code == 0)
		code = server_write(&server, "network.yaml", bare_network, network, sizeof(network), err);
	if (code == 0)
		code = server_start(&server, network, err);
	if (code == 0)
		code = server_start_agent(&server, network, "bench-site", err);
	for (int i = 0; i < STARTS && code == 0; i++) {
		struct load_settings load = { .port = server.port, .path = "/v1/demands", .token = server.token, .connections = 1,
					      .requests_max = 1, .body = start_body, .context = &start };
		struct load_result result;
		int64_t begin_us = unix_us(), started_us;

		start.number = i;
		code = load_run(&load, &result);
		started_us = code == 0 ? wait_for_start_us(&server, i) : 0;
		if (started_us > 0)
			latencies[count++] = started_us - begin_us;
	}
	p50_us = load_percentile(latencies, count, 500);
	p99_us = load_percentile(latencies, count, 990);
	if (code == 0 && settings->json)
		printf("{\"mode\":\"start\",\"count\":%zu,\"p50_ms\":%.3f,\"p99_ms\":%.3f}\n", count, (double)p50_us / 1000, (double)p99_us / 1000);
	else if (code == 0)
		printf("start   %zu demands   submission to process start p50 %.2f ms   p99 %.2f ms\n", count, (double)p50_us / 1000,
		       (double)p99_us / 1000);
	fflush(stdout);
	server_done(&server);
	free(latencies);
	return code;
}

/* What each of the sites has: 63 nodes and 400 chips. */
#define SITE_GROUPS                                                                                                                        \
	"[{\"name\": \"a\", \"count\": 50, \"cpu\": 64, \"memory\": \"256GiB\", \"chips\": {\"h100\": 8}}, "                             \
	"{\"name\": \"b\", \"count\": 13, \"cpu\": 96, \"memory\": \"1TiB\"}]"

static void make_network(struct strbuf *out, long sites)
{
	strbuf_puts(out, "network:\n  name: bench\n  regions: [{name: here}]\n  sites:\n");
	for (long i = 0; i < sites; i++)
		strbuf_printf(out,
			      "    - {name: site-%ld, title: Site %ld, tier: %s, region: here, operator: bench, latitude: %ld.%02ld, longitude: %ld.%02ld, "
			      "engine: simulated, groups: " SITE_GROUPS "}\n",
			      i, i, i % 100 == 0 ? "hub" : i % 10 == 0 ? "regional" : "edge", 20 + i % 25, i % 100, 80 + i / 25 % 45, i % 97);
}

static const char *supply_body(void *context, uint64_t number, size_t *ret_length)
{
	struct strbuf *body = context;

	strbuf_reset(body);
	strbuf_printf(body,
		      "{\"version\": 1, \"site\": \"site-%llu\", \"epoch\": \"1\", \"sequence\": \"1\", \"agent\": \"bench\", "
		      "\"engine\": \"simulated\", \"supply_hash\": \"1\", \"groups\": " SITE_GROUPS "}",
		      (unsigned long long)number);
	*ret_length = body->length;
	return body->data;
}

static int send_all(struct load_settings *load, const char *what, struct err *err)
{
	struct load_result result;
	int code = load_run(load, &result);

	if (code < 0)
		return err_set(err, code, "%s broke off: %s", what, strerror(-code));
	return result.refused == 0 ? 0 : err_set(err, -EIO, "%s: %llu were refused", what, (unsigned long long)result.refused);
}

/* Every site reports what it has, as its agent would, and then live demands that nobody can take. */
static int fill(const struct settings *settings, struct server *server, struct err *err)
{
	cleanup_strbuf struct strbuf text = { 0 };
	cleanup_strbuf struct strbuf batch = { 0 };
	struct load_settings supply = { .port = server->port, .path = "/v1/sync", .token = server->token, .connections = SINGLE_CONNECTIONS,
					.requests_max = (uint64_t)settings->sites, .body = supply_body, .context = &text };
	struct load_settings demands = { .port = server->port, .path = "/v1/demands/batch", .token = server->token, .connections = 1,
					 .requests_max = (uint64_t)(settings->demands / FILL_DEMANDS), .body = batch_body, .context = &batch };
	int code = send_all(&supply, "the sites' supply", err);

	make_batch(&batch, FILL_DEMANDS);
	return code < 0 ? code : send_all(&demands, "the demands", err);
}

/* What the platform itself counts. */
struct counts {
	long long nodes, chips, live;
};

static struct counts count(const struct server *server)
{
	static const char *const live[] = { "pending", "placed", "running", "stopping" };
	json_t *summary = server_get(server, "/v1/summary"), *tier;
	struct counts counts = { 0 };
	size_t i;

	json_array_foreach(json_object_get(summary, "tiers"), i, tier) {
		counts.nodes += json_integer_value(json_object_get(tier, "nodes"));
		counts.chips += json_integer_value(json_object_get(tier, "chips"));
	}
	for (i = 0; i < ARRAY_COUNT(live); i++)
		counts.live += json_integer_value(json_object_get(json_object_get(summary, "demands"), live[i]));
	json_decref(summary);
	return counts;
}

static void print_restart(const struct settings *settings, const char *from, const struct server *server)
{
	struct counts counts = count(server);

	if (settings->json)
		printf("{\"mode\":\"restart\",\"from\":\"%s\",\"sites\":%ld,\"nodes\":%lld,\"chips\":%lld,\"demands\":%lld,\"restart_s\":%.3f,"
		       "\"peak_mib\":%lld}\n",
		       from, settings->sites, counts.nodes, counts.chips, counts.live, (double)server->up_us / 1e6,
		       (long long)server_peak_mib(server));
	else
		printf("restart from the %-8s  %ld sites, %lld nodes, %lld chips, %lld live demands: %.2f s, %lld MiB\n", from, settings->sites,
		       counts.nodes, counts.chips, counts.live, (double)server->up_us / 1e6, (long long)server_peak_mib(server));
	fflush(stdout);
}

static int run_restart(const struct settings *settings, struct err *err)
{
	cleanup_strbuf struct strbuf text = { 0 };
	struct server server;
	char network[512];
	int code = server_init(&server, err);

	make_network(&text, settings->sites);
	if (code == 0)
		code = server_write(&server, "network.yaml", strbuf_text(&text), network, sizeof(network), err);
	if (code == 0)
		code = server_start(&server, network, err);
	if (code == 0)
		code = fill(settings, &server, err);
	if (code == 0) {
		server_stop(&server, SIGKILL);
		code = server_start(&server, NULL, err);
	}
	if (code == 0) {
		print_restart(settings, "log", &server);
		server_stop(&server, SIGTERM); /* writes a snapshot */
		code = server_start(&server, NULL, err);
	}
	if (code == 0)
		print_restart(settings, "snapshot", &server);
	server_done(&server);
	return code;
}

static bool wanted(const struct settings *settings, const char *mode)
{
	return !settings->only || strcmp(settings->only, mode) == 0;
}

static int run_all(const struct settings *settings, struct err *err)
{
	int code = 0;

	if (wanted(settings, "single"))
		code = run_load(settings, "single", err);
	if (code == 0 && wanted(settings, "batch"))
		code = run_load(settings, "batch", err);
	if (code == 0 && wanted(settings, "start"))
		code = run_start(settings, err);
	if (code == 0 && wanted(settings, "restart"))
		code = run_restart(settings, err);
	return code;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },	     { "only", required_argument, NULL, 'o' },	  { "seconds", required_argument, NULL, 's' },
		{ "sites", required_argument, NULL, 'S' },   { "demands", required_argument, NULL, 'D' }, { "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct settings settings = { .seconds = 10, .sites = 20000, .demands = 1000000 };
	struct err err = { "" };
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'j')
			settings.json = true;
		else if (option == 'o')
			settings.only = optarg;
		else if (option == 's')
			settings.seconds = atol(optarg);
		else if (option == 'S')
			settings.sites = atol(optarg);
		else if (option == 'D')
			settings.demands = atol(optarg);
		else {
			fputs(usage, option == 'h' ? stdout : stderr);
			return option == 'h' ? 0 : 2;
		}
	}
	signal(SIGPIPE, SIG_IGN);
	if (run_all(&settings, &err) < 0) {
		fprintf(stderr, "submit: %s\n", err.text);
		return 1;
	}
	return 0;
}
