/* weir up, the first half: from a folder to a network that is up.
 *
 * STATE/lock      held while this runs        STATE/platform/   the platform's event log
 * STATE/pids      of the children             STATE/agents/     the agents' and engines' folders
 * STATE/address   the platform's URL          STATE/tokens/     one token for each role
 * STATE/context.json, for the other commands  STATE/log/        what the children say
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/shown.h"
#include "cli/submission.h"
#include "cli/up.h"
#include "daemon/up_work.h"
#include "io/file.h"
#include "wire/files.h"

#define PORTS_TRIED 200
#define HEALTH_WAIT_MS 60000
#define SITES_WAIT_MS 60000
#define STEP_MS 50
#define FAILURES_MAX 3
#define WORK_END_MS 10000
#define SUBMIT_RETRY_US 30000000

/* --- the state folder -------------------------------------------------------------------------------- */

static const char *const kept_names[] = { "lock", "pids", "address", "context.json", "platform", "agents", "tokens", "log" };

static bool is_ours(const char *name)
{
	for (size_t i = 0; i < ARRAY_COUNT(kept_names); i++)
		if (strcmp(name, kept_names[i]) == 0)
			return true;
	return false;
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *at)
{
	return remove(path);
}

/* Removes what an earlier run made, and only in a folder that holds nothing else. */
static int empty_state(const char *state)
{
	DIR *folder = opendir(state);
	struct dirent *entry;
	bool strange = false;

	if (!folder)
		return EXIT_OK;
	while ((entry = readdir(folder)))
		strange = strange || (entry->d_name[0] != '.' && !is_ours(entry->d_name));
	closedir(folder);
	if (strange) {
		cli_complain("%s holds other things than a network's state, so --fresh leaves it alone", state);
		return EXIT_FAILED;
	}
	for (size_t i = 0; i < ARRAY_COUNT(kept_names); i++) {
		cleanup_free char *path = mem_printf("%s/%s", state, kept_names[i]);

		if (strcmp(kept_names[i], "lock") != 0 && access(path, F_OK) == 0 && nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS) != 0) {
			cli_complain("%s cannot be removed: %s", path, strerror(errno));
			return EXIT_FAILED;
		}
	}
	return EXIT_OK;
}

static int take_lock(struct up *up)
{
	cleanup_free char *path = mem_printf("%s/lock", up->settings->state);

	up->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (up->lock < 0) {
		cli_complain("%s: %s", path, strerror(errno));
		return EXIT_FAILED;
	}
	if (flock(up->lock, LOCK_EX | LOCK_NB) < 0) {
		cli_complain("another 'weir up' runs with %s; end it first, or give another --state", up->settings->state);
		return EXIT_FAILED;
	}
	return EXIT_OK;
}

int up_open_state(struct up *up)
{
	const char *state = up->settings->state;
	static const char *const folders[] = { "", "/log", "/tokens", "/agents", "/platform" };
	cleanup_free char *pids = mem_printf("%s/pids", state);
	cleanup_free char *full = NULL;
	struct err err = { "" };
	int code = folder_make(state, 0700, &err), swept = 0;

	if (code == 0 && take_lock(up) != EXIT_OK)
		return EXIT_FAILED;
	full = realpath(state, NULL);
	up->agents_folder = arena_printf(&up->arena, "%s/agents", full ? full : state);
	if (code == 0)
		code = swept = children_sweep(pids, &err);
	if (swept > 0)
		up_say(up, "Ended %d process%s that an earlier run left behind.", swept, swept == 1 ? "" : "es");
	if (code >= 0 && up->settings->fresh) {
		work_end(up->agents_folder, WORK_END_MS);
		if (empty_state(state) != EXIT_OK)
			return EXIT_FAILED;
	}
	for (size_t i = 0; code >= 0 && i < ARRAY_COUNT(folders); i++) {
		cleanup_free char *path = mem_printf("%s%s", state, folders[i]);

		code = folder_make(path, 0700, &err);
	}
	if (code < 0)
		cli_complain("%s", err.text);
	return code < 0 ? EXIT_FAILED : EXIT_OK;
}

/* --- the network -------------------------------------------------------------------------------------- */

int up_read_network(struct up *up)
{
	cleanup_strbuf struct strbuf text = { 0 }, list = { 0 };
	const char *path = up->settings->network;
	struct problems problems;
	struct file file;
	struct err err = { "" };

	if (file_read(path, FILE_READ_MAX, &text, &err) < 0) {
		cli_complain("%s", err.text);
		return EXIT_FAILED;
	}
	problems_init(&problems, &up->arena, path);
	if (file_read_text(strbuf_text(&text), text.length, &problems, &file) < 0) {
		problems_print(&problems, &list);
		fputs(strbuf_text(&list), stderr);
		return EXIT_FAILED;
	}
	if (file.kind != FILE_NETWORK) {
		cli_complain("%s: holds a %s, expected a network", path, file_kind_to_string(file.kind));
		return EXIT_FAILED;
	}
	up->live_sites = ARENA_ARRAY(&up->arena, const char *, file.network.site_count + 1);
	for (size_t i = 0; i < file.network.site_count; i++) {
		if (file.network.sites[i].engine == ENGINE_LOCAL)
			up->live_sites[up->live_count++] = file.network.sites[i].name;
		else if (file.network.sites[i].engine == ENGINE_SIMULATED)
			up->simulated_count++;
	}
	if (up->live_count + 2 > CHILDREN_MAX) {
		cli_complain("%s: %zu sites have the engine local; one machine plays at most %d", path, up->live_count, CHILDREN_MAX - 2);
		return EXIT_FAILED;
	}
	return EXIT_OK;
}

/* --- the platform ------------------------------------------------------------------------------------- */

static bool port_is_free(unsigned port)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
	bool is_free;

	if (fd < 0)
		return false;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)); /* what just closed is no obstacle */
	is_free = bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0;
	close(fd);
	return is_free;
}

static int choose_port(struct up *up)
{
	unsigned first = (unsigned)up->settings->port;

	for (unsigned port = first; port < first + PORTS_TRIED && port <= UINT16_MAX; port++) {
		if (!port_is_free(port))
			continue;
		if (port != first)
			up_say(up, "Port %u is taken; this is port %u.", first, port);
		up->port = port;
		return EXIT_OK;
	}
	cli_complain("no port from %u on is free", first);
	return EXIT_FAILED;
}

/* The last lines of a child's log, for when it does not come up. */
static void show_log_end(struct up *up, const char *name)
{
	cleanup_free char *path = mem_printf("%s/log/%s.log", up->settings->state, name);
	cleanup_strbuf struct strbuf text = { 0 };
	const char *at;
	int lines = 0;

	if (file_read(path, FILE_READ_MAX, &text, NULL) < 0 || text.length == 0)
		return;
	for (at = text.data + text.length - 1; at > text.data && lines < 10; at--)
		lines += at[-1] == '\n';
	fprintf(stderr, "The end of %s:\n%s", path, at > text.data ? at + 1 : text.data);
}

static int open_client(struct up *up)
{
	cleanup_free char *token_file = mem_printf("%s/tokens/operator.token", up->settings->state);
	cleanup_free char *context_file = mem_printf("%s/context.json", up->settings->state);
	struct context_options options = { .server = up->server, .token_file = token_file };
	cleanup_strbuf struct strbuf token = { 0 };
	struct err err = { "" };

	if (client_open(&options, &up->client) != EXIT_OK)
		return EXIT_FAILED;
	if (file_read(token_file, 4096, &token, &err) < 0 || context_write(context_file, up->server, "tokens/operator.token", NULL, &err) < 0) {
		cli_complain("%s", err.text);
		return EXIT_FAILED;
	}
	up->token = arena_strndup(&up->arena, strbuf_text(&token), strcspn(strbuf_text(&token), "\r\n"));
	return EXIT_OK;
}

static int wait_for_health(struct up *up, const char *address_file)
{
	for (unsigned waited_ms = 0; waited_ms < HEALTH_WAIT_MS; waited_ms += STEP_MS) {
		int code;

		if (up_wait(up, STEP_MS))
			return EXIT_FAILED;
		if (children_failures(up->children, "platform") >= FAILURES_MAX)
			break;
		progress_show("Starting the platform");
		if (access(address_file, R_OK) != 0)
			continue;
		if (!up->client && open_client(up) != EXIT_OK)
			return EXIT_FAILED;
		code = client_call(up->client, &(struct client_request){ .path = "/v1/health", .quiet = true, .timeout_us = 2000000 }, NULL);
		if (code == EXIT_OK) {
			progress_clear();
			return EXIT_OK;
		}
	}
	progress_clear();
	cli_complain("the platform does not come up");
	show_log_end(up, "platform");
	return EXIT_FAILED;
}

int up_start_platform(struct up *up)
{
	const char *state = up->settings->state;
	char *address_file = arena_printf(&up->arena, "%s/address", state);
	struct err err = { "" };
	int code = choose_port(up);

	if (code != EXIT_OK)
		return code;
	unlink(address_file);
	up->server = arena_printf(&up->arena, "http://127.0.0.1:%u", up->port);
	if (children_start(up->children, "platform",
			   (const char *const[]){ up->program, "serve", "--state", arena_printf(&up->arena, "%s/platform", state), "--listen",
					    arena_printf(&up->arena, "127.0.0.1:%u", up->port), "--network", up->settings->network,
					    "--catalogue", up->settings->catalogue, "--write-tokens",
					    arena_printf(&up->arena, "%s/tokens", state), "--write-address", address_file,
					    up->settings->policy ? "--policy" : NULL, up->settings->policy, NULL },
			   &err) < 0) {
		cli_complain("%s", err.text);
		return EXIT_FAILED;
	}
	code = wait_for_health(up, address_file);
	if (code == EXIT_OK)
		up->has_page = client_call(up->client, &(struct client_request){ .path = "/", .quiet = true }, NULL) != EXIT_MISSING;
	return code;
}

/* --- the agents --------------------------------------------------------------------------------------- */

static int start_agent(struct up *up, const char *name, const char *choice, const char *site)
{
	const char *state = up->settings->state;
	struct err err = { "" };

	if (children_start(up->children, name,
			   (const char *const[]){ up->program, "agent", "--server", up->server, "--token-file",
					    arena_printf(&up->arena, "%s/tokens/supplier.token", state), "--state",
					    up->agents_folder, "--network", up->settings->network, choice, site,
					    NULL },
			   &err) == 0)
		return EXIT_OK;
	cli_complain("%s", err.text);
	return EXIT_FAILED;
}

static int wait_for_sites(struct up *up)
{
	int64_t expected = (int64_t)(up->live_count + up->simulated_count), sites_up = 0;

	for (unsigned waited_ms = 0; waited_ms < SITES_WAIT_MS; waited_ms += STEP_MS) {
		json_t *summary = NULL;

		if (up_wait(up, STEP_MS))
			return EXIT_FAILED;
		if (client_call(up->client, &(struct client_request){ .path = "/v1/summary", .quiet = true }, &summary) == EXIT_OK)
			sites_up = json_number(summary, "sites_up", 0);
		json_decref(summary);
		if (sites_up >= expected)
			break;
		progress_show("%lld of %lld sites are up", (long long)sites_up, (long long)expected);
	}
	progress_clear();
	if (sites_up < expected)
		up_say(up, "%lld of %lld sites are not up yet; %s/log says why.", (long long)(expected - sites_up), (long long)expected,
		       up->settings->state);
	return EXIT_OK;
}

int up_start_agents(struct up *up)
{
	int code = EXIT_OK;

	for (size_t i = 0; i < up->live_count && code == EXIT_OK; i++)
		code = start_agent(up, arena_printf(&up->arena, "agent-%s", up->live_sites[i]), "--site", up->live_sites[i]);
	if (code == EXIT_OK && up->simulated_count)
		code = start_agent(up, "agents-simulated", "--all-simulated", NULL);
	return code == EXIT_OK ? wait_for_sites(up) : code;
}

/* --- the demands -------------------------------------------------------------------------------------- */

static int is_demand_file(const struct dirent *entry)
{
	const char *dot = strrchr(entry->d_name, '.');

	return entry->d_name[0] != '.' && dot && (strcmp(dot, ".yaml") == 0 || strcmp(dot, ".yml") == 0 || strcmp(dot, ".json") == 0);
}

static int submit_file(struct up *up, const char *path)
{
	json_t *ids = json_array();
	cleanup_submission struct submission submission;
	bool repeated = false;
	int code;

	submission_init(&submission);
	code = submission_read(&submission, path);
	if (code == EXIT_OK)
		code = submission_send(up->client, &submission, NULL, SUBMIT_RETRY_US, ids, &repeated);
	submission_watch(&submission, ids, &up->watch);
	json_decref(ids);
	if (code != EXIT_OK)
		fprintf(stderr, "  while submitting %s\n", path);
	up->repeated = up->repeated || repeated;
	return code;
}

int up_submit(struct up *up)
{
	struct dirent **entries = NULL;
	int count, code = EXIT_OK;

	if (!up->settings->demands)
		return EXIT_OK;
	count = scandir(up->settings->demands, &entries, is_demand_file, alphasort);
	if (count < 0) {
		cli_complain("%s: %s", up->settings->demands, strerror(errno));
		return EXIT_FAILED;
	}
	for (int i = 0; i < count; i++) {
		cleanup_free char *path = mem_printf("%s/%s", up->settings->demands, entries[i]->d_name);

		if (code == EXIT_OK)
			code = submit_file(up, path);
		free(entries[i]);
	}
	free(entries);
	if (code == EXIT_OK && up->repeated)
		up_say(up, "Goes on from %s: what was submitted before is not submitted again. --fresh starts anew.", up->settings->state);
	return code;
}
