/* weir up: a three-tier network on this machine, from nothing to jobs running.
 *
 * One loop, one thread: the children are watched by libuv; between, the platform is asked by blocking
 * calls over loopback. Ctrl-C ends the agents, then the platform, then what still runs at the live sites:
 * that counts as lost, so the next run places it anew. With --keep it is left alone, as after a crash; its
 * lease then ends it within half a minute, unless the next run comes first and picks it up where it is. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/shown.h"
#include "cli/up.h"
#include "daemon/up_work.h"

#define REFRESH_MS 300
#define AWAY_MAX 400 /* refreshes in a row without an answer: then it is given up */
#define WORK_END_MS 10000
#define TIMEOUT_DEFAULT_US 600000000

static const char *const usage[] = { "up [OPTION]..." };
static const char *const examples[] = {
	"weir up",                        "the sample network with its sample demands; goes on from where it was",
	"weir up --fresh --until-done",   "anew, and come back with 0 if each sample ended as its file says",
};
static const struct cli_help help = {
	.usage = usage, .usage_count = ARRAY_COUNT(usage), .examples = examples, .example_count = ARRAY_COUNT(examples),
	.purpose = "Brings up a network on this machine, all on loopback: a platform, an agent for each site whose engine is 'local' (these run "
		   "real processes here), and one process that plays all simulated sites. Submits the demands of a folder, shows how they go, "
		   "and stays until Ctrl-C. Started again it goes on; nothing is submitted twice.",
	.after = "Ctrl-C ends all processes, and what still runs at the live sites; the next run places that anew.",
	.arguments_max = 0,
};

/* --- waiting ------------------------------------------------------------------------------------------ */

static void on_timer(uv_timer_t *timer)
{
	struct up *up = timer->data;

	up->woken = true;
	uv_stop(&up->loop);
}

bool up_wait(struct up *up, unsigned ms)
{
	unsigned before = up->interrupts;

	up->woken = false;
	uv_update_time(&up->loop);
	uv_timer_start(&up->timer, on_timer, ms, 0);
	while (!up->woken && up->interrupts == before)
		uv_run(&up->loop, UV_RUN_DEFAULT); /* until one of the callbacks stops it */
	uv_timer_stop(&up->timer);
	return up->interrupts > 0;
}

static void on_signal(uv_signal_t *handle, int number)
{
	struct up *up = handle->data;

	if (up->interrupts++ > 0 && up->stopping && !up->stopped)
		children_stop(up->children, NULL, NULL); /* the first one is under way: now by force */
	uv_stop(&up->loop);
}

static void on_child_told(void *context, const char *sentence)
{
	up_say(context, "%s", sentence);
}

static void on_stopped(void *context)
{
	struct up *up = context;

	up->stopped = true;
	uv_stop(&up->loop);
}

/* --- beginning and end -------------------------------------------------------------------------------- */

static int prepare(struct up *up, const struct up_settings *settings)
{
	static const int numbers[] = { SIGINT, SIGTERM, SIGHUP };
	struct children_settings children = { .loop = &up->loop, .told = on_child_told, .context = up };
	ssize_t length;

	*up = (struct up){ .settings = settings, .lock = -1 };
	arena_init(&up->arena);
	screen_init(&up->screen, stdout);
	uv_loop_init(&up->loop);
	uv_timer_init(&up->loop, &up->timer);
	up->timer.data = up;
	for (size_t i = 0; i < ARRAY_COUNT(numbers); i++) {
		uv_signal_init(&up->loop, &up->signals[i]);
		up->signals[i].data = up;
		uv_signal_start(&up->signals[i], on_signal, numbers[i]);
	}
	children.log_folder = arena_printf(&up->arena, "%s/log", settings->state);
	children.pid_file = arena_printf(&up->arena, "%s/pids", settings->state);
	up->children = children_new(&children);
	length = readlink("/proc/self/exe", up->program, sizeof(up->program) - 1);
	if (length > 0)
		return EXIT_OK;
	cli_complain("cannot find this program's own path: %s", strerror(errno));
	return EXIT_FAILED;
}

static void finish(struct up *up)
{
	if (children_count(up->children) > 0) {
		progress_show("Ending %zu processes", children_running(up->children));
		up->interrupts = up->interrupts ? up->interrupts : 1; /* a Ctrl-C from here on means: by force */
		up->stopping = true;
		children_stop(up->children, on_stopped, up);
		while (!up->stopped)
			uv_run(&up->loop, UV_RUN_DEFAULT);
		if (!up->settings->keep)
			work_end(up->agents_folder, WORK_END_MS);
		progress_clear();
		if (!up->settings->until_done)
			up_say(up, "All processes have ended. What they did is kept in %s; the next run goes on from it.",
			       up->settings->state);
	}
	children_free(up->children);
	for (size_t i = 0; i < ARRAY_COUNT(up->signals); i++)
		uv_close((uv_handle_t *)&up->signals[i], NULL);
	uv_close((uv_handle_t *)&up->timer, NULL);
	uv_run(&up->loop, UV_RUN_DEFAULT);
	uv_loop_close(&up->loop);
	watch_done(&up->watch);
	json_decref(up->others);
	json_decref(up->summary);
	client_free(up->client);
	arena_done(&up->arena);
	if (up->lock >= 0)
		close(up->lock);
}

/* --- the middle --------------------------------------------------------------------------------------- */

/* Shows how it goes, until it is interrupted or, with --until-done, over. */
static int stay(struct up *up)
{
	int64_t begun_us = shown_now_us();
	unsigned away = 0;

	for (;;) {
		int code = up_refresh(up);

		away = code == EXIT_OK ? 0 : away + 1;
		if (code == EXIT_OK)
			up_draw(up);
		if (away >= AWAY_MAX) {
			cli_complain("the platform does not answer any more; %s/log says more", up->settings->state);
			return EXIT_UNREACHABLE;
		}
		if (up->settings->until_done && code == EXIT_OK && watch_is_over(up->client, &up->watch))
			return up_verdict(up);
		if (up->settings->until_done && shown_now_us() - begun_us > up->settings->timeout_us) {
			up_verdict(up);
			cli_complain("not all demands were where they are expected within the time given");
			return EXIT_FAILED;
		}
		if (up_wait(up, REFRESH_MS)) {
			screen_end(&up->screen);
			return up->settings->until_done ? EXIT_FAILED : EXIT_OK;
		}
	}
}

static int bring_up(struct up *up)
{
	int code = up_open_state(up);

	if (code == EXIT_OK)
		code = up_read_network(up);
	if (code == EXIT_OK)
		code = up_start_platform(up);
	if (code == EXIT_OK)
		code = up_start_agents(up);
	if (code == EXIT_OK)
		code = up_submit(up);
	if (code != EXIT_OK)
		return code;
	up_tell_address(up);
	return stay(up);
}

/* A sample beside the working folder, or where `make install` puts them. NULL: neither. */
static const char *find_sample(const char *name, char buffer[4096])
{
	char program[2048];
	ssize_t length = readlink("/proc/self/exe", program, sizeof(program) - 1);
	char *slash;

	snprintf(buffer, 4096, "examples/%s", name);
	if (access(buffer, R_OK) == 0)
		return buffer;
	program[length > 0 ? length : 0] = 0;
	slash = strrchr(program, '/');
	if (!slash)
		return NULL;
	*slash = 0;
	snprintf(buffer, 4096, "%s/../share/weir/examples/%s", program, name);
	return access(buffer, R_OK) == 0 ? buffer : NULL;
}

int cmd_up(int argc, char **argv)
{
	struct up_settings settings = { .state = "build/run", .port = UP_PORT_DEFAULT, .timeout_us = TIMEOUT_DEFAULT_US };
	const struct cli_option options[] = {
		CLI_TEXT("network", 0, &settings.network, "FILE", "the network (default: the sample, networks/china.yaml)"),
		CLI_TEXT("catalogue", 0, &settings.catalogue, "FILE", "its chip models (default: the sample, chips/catalogue.yaml)"),
		CLI_TEXT("policy", 0, &settings.policy, "FILE", "its policy (default: none, what holds without one)"),
		CLI_TEXT("demands", 0, &settings.demands, "FOLDER",
			 "submit every file in it (default: the samples, if the network is the sample)"),
		CLI_TEXT("state", 0, &settings.state, "FOLDER", "where all that is kept lies (default build/run)"),
		CLI_NUMBER("port", 'p', &settings.port, "N", 1, UINT16_MAX, "of the platform, or the next free one (default 7400)"),
		CLI_FLAG("fresh", 0, &settings.fresh, "forget what an earlier run left, and start anew"),
		CLI_FLAG("keep", 0, &settings.keep, "leave what runs running for half a minute: a next run within it picks it up"),
		CLI_FLAG("until-done", 0, &settings.until_done, "end once each demand is where its file expects it; exit status 0 if so"),
		CLI_QUANTITY("timeout", 0, &settings.timeout_us, "TIME", UNIT_DURATION,
			     "with --until-done: give up after this time (default 10m)"),
		CLI_FLAG("json", 0, &settings.json, "one JSON object a line: up, demand (a change), message, verdict"),
	};
	static char network[4096], catalogue[4096], demands[4096];
	cleanup_arguments struct cli_arguments arguments = { 0 };
	struct up up;
	int code = cli_parse(argc, argv, &help, options, ARRAY_COUNT(options), &arguments);

	if (code >= 0)
		return code;
	if (!settings.demands && !settings.network)
		settings.demands = find_sample("demands", demands);
	if (!settings.network)
		settings.network = find_sample("networks/china.yaml", network);
	if (!settings.catalogue)
		settings.catalogue = find_sample("chips/catalogue.yaml", catalogue);
	if (!settings.network || !settings.catalogue)
		return cli_usage_error("the samples are not here: --network and --catalogue are needed");
	code = prepare(&up, &settings);
	if (code == EXIT_OK)
		code = bring_up(&up);
	finish(&up);
	return code;
}
