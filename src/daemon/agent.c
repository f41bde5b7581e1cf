#include "daemon/agent.h"

#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "daemon/agent_site.h"
#include "io/file.h"

static int64_t clock_us(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t agent_boottime_us(void)
{
	return clock_us(CLOCK_BOOTTIME);
}

int64_t agent_unix_us(void)
{
	return clock_us(CLOCK_REALTIME);
}

/* Later lives of an agent have greater epochs, also when the clock went back. */
static int next_epoch(const char *folder, uint64_t *ret, struct err *err)
{
	cleanup_free char *path = mem_printf("%s/epoch", folder);
	cleanup_strbuf struct strbuf text = { 0 };
	uint64_t last = 0, epoch = (uint64_t)agent_unix_us();
	char line[32];
	int code = file_read(path, sizeof(line), &text, err);

	if (code < 0 && code != -ENOENT)
		return code;
	if (code == 0)
		last = strtoull(strbuf_text(&text), NULL, 10);
	if (epoch <= last)
		epoch = last + 1;
	snprintf(line, sizeof(line), "%llu\n", (unsigned long long)epoch);
	code = file_write(path, line, strlen(line), 0600, err);
	if (code == 0)
		*ret = epoch;
	return code;
}

static const struct weir_engine_ops *engine_for(enum engine_kind kind)
{
	switch (kind) {
	case ENGINE_LOCAL:
		return &weir_engine_local;
	case ENGINE_SIMULATED:
		return &weir_engine_simulated;
	default:
		return NULL;
	}
}

static struct weir_supply_group *told_groups(const struct site_spec *spec, struct arena *arena)
{
	struct weir_supply_group *groups = ARENA_ARRAY(arena, struct weir_supply_group, spec->group_count + 1);

	for (size_t g = 0; g < spec->group_count; g++) {
		const struct node_group *from = &spec->groups[g];
		const char **models = ARENA_ARRAY(arena, const char *, from->chip_count + 1);
		int64_t *counts = ARENA_ARRAY(arena, int64_t, from->chip_count + 1);
		const char **names = ARENA_ARRAY(arena, const char *, from->resource_count + 1);
		int64_t *amounts = ARENA_ARRAY(arena, int64_t, from->resource_count + 1);

		for (size_t r = 0; r < from->resource_count; r++) {
			names[r] = from->resources[r].name;
			amounts[r] = from->resources[r].count;
		}
		for (size_t c = 0; c < from->chip_count; c++) {
			models[c] = from->chips[c].model;
			counts[c] = from->chips[c].count;
		}
		groups[g] = (struct weir_supply_group){ .name = from->name, .count = from->count, .cpu_milli = from->cpu_milli,
							.memory_mib = from->memory_mib, .chip_models = models, .chip_counts = counts,
							.chip_model_count = from->chip_count, .resource_names = names,
							.resource_counts = amounts, .resource_count = from->resource_count };
	}
	return groups;
}

static void on_engine_changed(void *context)
{
	struct site *site = context;

	site_changed(site);
	site_pump_logs(site);
}

static int open_engine(struct site *site, struct arena *arena, struct err *err)
{
	const struct agent_settings *agent = site->agent->settings;
	const struct weir_engine_ops *ops = engine_for(site->spec->engine);
	char *folder = arena_printf(arena, "%s/engine", site->folder);
	struct weir_engine_settings settings = {
		.site = site->spec->name,
		.tier = tier_to_string(site->spec->tier),
		.region = site->spec->region,
		.folder = folder,
		.run_as = agent->run_as,
		.log_bytes_max = agent->log_bytes_max,
		.shim = agent->shim,
		.loop = &site->agent->loop,
		.changed = on_engine_changed,
		.context = site,
	};
	char message[200] = "";
	int code;

	if (!ops)
		return err_set(err, -ENOTSUP, "site %s: this agent has no engine %s", site->spec->name, engine_kind_to_string(site->spec->engine));
	if (site->spec->group_count > 0) {
		settings.groups = told_groups(site->spec, arena);
		settings.group_count = site->spec->group_count;
	}
	code = ops->open(&settings, &site->engine, message, sizeof(message));
	return code < 0 ? err_set(err, code, "site %s: engine %s: %s", site->spec->name, ops->name, message) : 0;
}

static int lock_folder(struct site *site, struct err *err)
{
	cleanup_free char *path = mem_printf("%s/lock", site->folder);
	int code = file_lock(path, &site->lock, err);

	return code == -EBUSY ? err_set(err, code, "site %s: another agent is at work in %s", site->spec->name, site->folder) : code;
}

/* Whom attempts run as must pass through to reach their own folders below; nobody else gets to read anything. */
static int make_folder(struct site *site, struct err *err)
{
	const char *run_as = site->agent->settings->run_as;
	bool passable = run_as && *run_as && geteuid() == 0;
	int code = folder_make(site->folder, passable ? 0711 : 0700, err);

	/* Made by an earlier life without --run-as, or narrowed by the mask. */
	if (code == 0 && passable && chmod(site->folder, 0711) < 0)
		return err_set(err, -errno, "cannot open up %s for user %s: %s", site->folder, run_as, strerror(errno));
	return code;
}

static int site_start(struct site *site, struct agent *agent, const struct site_spec *spec, struct arena *arena, struct err *err)
{
	int code;

	site->agent = agent;
	site->spec = spec;
	site->lock = -1;
	site->folder = mem_printf("%s/%s", agent->settings->state_folder, spec->name);
	uv_timer_init(&agent->loop, &site->soon);
	uv_timer_init(&agent->loop, &site->pump_timer);
	site->soon.data = site->pump_timer.data = site;
	code = make_folder(site, err);
	if (code == 0)
		code = lock_folder(site, err);
	if (code == 0)
		code = next_epoch(site->folder, &site->epoch, err);
	if (code == 0)
		code = open_engine(site, arena, err);
	return code;
}

static void stop(struct agent *agent)
{
	if (agent->stopping)
		return;
	agent->stopping = true;
	for (size_t i = 0; i < agent->site_count; i++)
		site_stop(&agent->sites[i]);
	http_client_free(agent->client);
	uv_close((uv_handle_t *)&agent->on_term, NULL);
	uv_close((uv_handle_t *)&agent->on_int, NULL);
}

static void on_signal(uv_signal_t *handle, int number)
{
	log_info("agent", "stopping; what runs goes on");
	stop(handle->data);
}

int agent_run(const struct agent_settings *settings, struct err *err)
{
	struct agent agent = { .settings = settings };
	cleanup_arena struct arena arena = { 0 };
	int code = 0;

	if (sodium_init() < 0)
		return err_set(err, -EIO, "libsodium could not be initialised");
	signal(SIGPIPE, SIG_IGN);
	uv_loop_init(&agent.loop);
	rng_init(&agent.rng, (uint64_t)agent_unix_us() ^ (uint64_t)getpid());
	agent.client = http_client_new(&agent.loop, settings->ca_path);
	agent.sites = mem_alloc((settings->site_count + 1) * sizeof(*agent.sites));
	uv_signal_init(&agent.loop, &agent.on_term);
	uv_signal_init(&agent.loop, &agent.on_int);
	agent.on_term.data = agent.on_int.data = &agent;
	uv_signal_start(&agent.on_term, on_signal, SIGTERM);
	uv_signal_start(&agent.on_int, on_signal, SIGINT);
	for (size_t i = 0; i < settings->site_count && code == 0; i++) {
		agent.site_count++;
		code = site_start(&agent.sites[i], &agent, &settings->sites[i], &arena, err);
	}
	if (code < 0)
		stop(&agent);
	for (size_t i = 0; i < agent.site_count && code == 0; i++)
		site_sync(&agent.sites[i]);
	uv_run(&agent.loop, UV_RUN_DEFAULT);
	uv_loop_close(&agent.loop);
	free(agent.sites);
	return code;
}
