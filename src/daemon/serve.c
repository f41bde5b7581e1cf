#include "daemon/serve.h"

#include <arpa/inet.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <uv.h>

#include "api/api.h"
#include "base/log.h"
#include "base/mem.h"
#include "core/core.h"
#include "core/secret.h"
#include "io/file.h"
#include "io/http_server.h"
#include "store/store.h"
#include "wire/files.h"

#define BODY_MAX (16u << 20)
#define BODIES_MAX ((size_t)512 << 20) /* of all requests on their way together */
#define HEADER_MAX (16u << 10)
#define IDLE_TIMEOUT_S 120
#define LAST_ANSWERS_MS 200 /* for answers to leave once they are durable */
#define STOP_MARGIN_US 15000000 /* after a lease ran out, the time that an engine may take to stop, and the clocks' drift */

struct serve {
	const struct serve_settings *settings;
	uv_loop_t loop;
	uv_signal_t on_term, on_int;
	uv_timer_t last_answers;
	bool stopping;
	struct core *core;
	struct api *api;
	struct http_server *server;
};

void serve_settings_defaults(struct serve_settings *settings)
{
	*settings = (struct serve_settings){ .name = "national", .address = "127.0.0.1", .port = 7400, .rate_per_second = 20000,
					     .connections_max = 30000, .snapshot_every = 1000000 };
}

static bool address_is_loopback(const char *address)
{
	struct in_addr v4;
	struct in6_addr v6;

	if (inet_pton(AF_INET, address, &v4) == 1)
		return (ntohl(v4.s_addr) >> 24) == 127;
	return inet_pton(AF_INET6, address, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

/* --- what is loaded at the start ---------------------------------------------------------------- */

typedef int (*file_taker)(struct serve *serve, const struct file *file, struct event_list *events, struct err *err);

static int take_network(struct serve *serve, const struct file *file, struct event_list *events, struct err *err)
{
	return decide_load_network(core_platform(serve->core), core_now_us(serve->core), &file->network, events, err);
}

static int take_catalogue(struct serve *serve, const struct file *file, struct event_list *events, struct err *err)
{
	return decide_load_catalogue(core_platform(serve->core), core_now_us(serve->core), &file->catalogue, events, err);
}

static int take_policy(struct serve *serve, const struct file *file, struct event_list *events, struct err *err)
{
	return decide_load_policy(core_platform(serve->core), core_now_us(serve->core), &file->policy, events, err);
}

static int load_file(struct serve *serve, const char *path, enum file_kind kind, file_taker take, struct err *err)
{
	cleanup_strbuf struct strbuf text = { 0 };
	cleanup_arena struct arena arena = { 0 };
	struct problems problems;
	struct event_list events;
	struct file file;
	int code;

	code = file_read(path, FILE_READ_MAX, &text, err);
	if (code < 0)
		return code;
	problems_init(&problems, &arena, path);
	if (file_read_text(strbuf_text(&text), text.length, &problems, &file) < 0) {
		cleanup_strbuf struct strbuf list = { 0 };

		problems_print(&problems, &list);
		fprintf(stderr, "%s", strbuf_text(&list));
		return err_set(err, -EINVAL, "%s has %zu problem%s", path, problems.count, problems.count == 1 ? "" : "s");
	}
	if (file.kind != kind)
		return err_set(err, -EINVAL, "%s: holds a %s, expected a %s", path, file_kind_to_string(file.kind), file_kind_to_string(kind));
	event_list_init(&events, &arena);
	code = take(serve, &file, &events, err);
	if (code < 0)
		return err_prefix(err, code, "%s", path);
	core_commit(serve->core, &events, NULL, NULL);
	return 0;
}

static int open_platform(struct serve *serve, struct err *err)
{
	cleanup_arena struct arena arena = { 0 };
	struct event_list events;
	int64_t now_us = core_now_us(serve->core);
	int code;

	event_list_init(&events, &arena);
	code = decide_open(core_platform(serve->core), now_us, (uint64_t)now_us, &events, err);
	if (code < 0)
		return code;
	core_commit(serve->core, &events, NULL, NULL);
	platform_observe_restart(core_platform(serve->core), now_us, (uint64_t)now_us);
	return 0;
}

/* --- tokens -------------------------------------------------------------------------------------- */

static int write_token(struct serve *serve, enum role role, struct err *err)
{
	cleanup_free char *path = mem_printf("%s/%s.token", serve->settings->write_tokens, role_to_string(role));
	cleanup_free char *name = mem_printf("first-%s", role_to_string(role));
	cleanup_arena struct arena arena = { 0 };
	struct token_view token = { .name = name, .role = role, .tenant = role == ROLE_TENANT ? "default" : "", .site = "" };
	struct event_list events;
	char secret[SECRET_TEXT_SIZE + 1];
	struct stat status;
	int code;

	event_list_init(&events, &arena);
	secret_new(secret);
	secret_hash(secret, token.hash);
	token.created_us = core_now_us(serve->core);
	code = decide_token_create(core_platform(serve->core), core_now_us(serve->core), &token, &events, err);
	if (code == -EEXIST && stat(path, &status) == 0)
		return 0;
	if (code == -EEXIST) {
		/* The file was removed: make the token anew, the old secret is of no use to anyone. */
		code = decide_token_revoke(core_platform(serve->core), core_now_us(serve->core), name, &events, err);
		if (code < 0)
			return code;
		core_commit(serve->core, &events, NULL, NULL);
		event_list_init(&events, &arena);
		code = decide_token_create(core_platform(serve->core), core_now_us(serve->core), &token, &events, err);
	}
	if (code < 0)
		return code;
	strcat(secret, "\n");
	code = file_write(path, secret, strlen(secret), 0600, err);
	if (code == 0)
		core_commit(serve->core, &events, NULL, NULL);
	return code;
}

static int write_tokens(struct serve *serve, struct err *err)
{
	static const enum role roles[] = { ROLE_OPERATOR, ROLE_SUPPLIER, ROLE_TENANT, ROLE_AUDITOR, ROLE_VIEWER };
	int code = folder_make(serve->settings->write_tokens, 0700, err);

	for (size_t i = 0; i < ARRAY_COUNT(roles) && code == 0; i++)
		code = write_token(serve, roles[i], err);
	return code;
}

static int check_exposure(struct serve *serve, struct err *err)
{
	cleanup_arena struct arena arena = { 0 };
	struct token_view *tokens;

	if (address_is_loopback(serve->settings->address))
		return 0;
	if (serve->settings->no_auth)
		return err_set(err, -EACCES, "--no-auth is for loopback only, and %s is not", serve->settings->address);
	if (view_tokens(core_platform(serve->core), &arena, &tokens) == 0)
		return err_set(err, -EACCES, "no token exists yet, so only loopback is listened to; make one with --write-tokens FOLDER first");
	if (!serve->settings->certificate_path)
		log_warning("serve", "listening on %s without TLS: tokens travel in the clear", serve->settings->address);
	return 0;
}

/* --- the process ----------------------------------------------------------------------------------- */

/* Half-built is fine. */
static void end(struct serve *serve)
{
	http_server_free(serve->server);
	api_free(serve->api);
	core_free(serve->core);
	serve->server = NULL;
	serve->api = NULL;
	serve->core = NULL;
	uv_close((uv_handle_t *)&serve->last_answers, NULL);
	uv_close((uv_handle_t *)&serve->on_term, NULL);
	uv_close((uv_handle_t *)&serve->on_int, NULL);
}

static void on_last_answers(uv_timer_t *timer)
{
	end(timer->data);
}

/* What was asked before is durable, so its answer is on its way. */
static void on_all_durable(void *context)
{
	struct serve *serve = context;

	uv_timer_start(&serve->last_answers, on_last_answers, LAST_ANSWERS_MS, 0);
}

/* New requests are refused, those that wait for the disk get their answers, then the process ends. The second
 * signal does not wait. */
static void on_signal(uv_signal_t *handle, int number)
{
	struct serve *serve = handle->data;

	if (serve->stopping) {
		if (serve->core)
			end(serve);
		return;
	}
	serve->stopping = true;
	log_info("serve", "stopping on %s", number == SIGINT ? "SIGINT" : "SIGTERM");
	api_stop(serve->api);
	core_when_durable(serve->core, on_all_durable, serve);
}

/* Nothing that was answered is lost: the log holds it. What was not durable must not be served. */
static void on_store_failed(void *context, const struct err *err)
{
	log_error("serve", "the event log failed: %s; ending, the log tells what was true", err->text);
	_Exit(74); /* EX_IOERR */
}

static int listen_and_tell(struct serve *serve, struct err *err)
{
	const struct serve_settings *s = serve->settings;
	struct api_settings api = { .core = serve->core, .open = s->no_auth, .rate_per_second = s->rate_per_second,
				    .rate_burst = s->rate_per_second * 2, .body_max = BODY_MAX };
	struct http_settings http = { .address = s->address, .port = s->port, .certificate_path = s->certificate_path,
				      .key_path = s->key_path, .body_max = BODY_MAX, .bodies_max = BODIES_MAX,
				      .body_max_for = api_body_max, .header_max = HEADER_MAX,
				      .connections_max = s->connections_max, .connections_per_address_max = s->connections_max,
				      .idle_timeout_s = IDLE_TIMEOUT_S, .handle = api_handle, .gone = api_gone };
	cleanup_free char *url = NULL;
	bool v6 = strchr(s->address, ':') != NULL;
	int code;

	serve->api = api_new(&serve->loop, &api);
	http.context = serve->api;
	code = http_server_new(&serve->loop, &http, &serve->server, err);
	if (code < 0)
		return code;
	url = mem_printf("%s://%s%s%s:%u\n", s->certificate_path ? "https" : "http", v6 ? "[" : "", s->address, v6 ? "]" : "",
			 http_server_port(serve->server));
	log_info("serve", "platform %s listens on %.*s", s->name, (int)strlen(url) - 1, url);
	return s->write_address ? file_write(s->write_address, url, strlen(url), 0644, err) : 0;
}

static int start(struct serve *serve, struct err *err)
{
	const struct serve_settings *s = serve->settings;
	cleanup_free char *path = mem_printf("%s/weir.db", s->state_folder);
	struct core_settings core = { .snapshot_every = s->snapshot_every, .failed = on_store_failed, .context = serve };
	int code = folder_make(s->state_folder, 0700, err);

	if (code < 0)
		return code;
	platform_settings_defaults(&core.platform);
	core.platform.name = s->name;
	core.platform.number = s->number;
	if (s->lease_us > 0) {
		core.platform.lease_us = s->lease_us;
		core.platform.suspect_after_us = s->lease_us / 2;
		core.platform.lost_after_us = s->lease_us + STOP_MARGIN_US;
	}
	code = store_open_sqlite(path, NULL, &core.store, err);
	if (code < 0)
		return code;
	code = core_new(&serve->loop, &core, &serve->core, err);
	if (code < 0)
		return code;
	log_info("serve", "state rebuilt up to event %llu", (unsigned long long)platform_sequence(core_platform(serve->core)));
	code = open_platform(serve, err);
	if (code == 0 && s->catalogue_path)
		code = load_file(serve, s->catalogue_path, FILE_CATALOGUE, take_catalogue, err);
	if (code == 0 && s->network_path)
		code = load_file(serve, s->network_path, FILE_NETWORK, take_network, err);
	if (code == 0 && s->policy_path)
		code = load_file(serve, s->policy_path, FILE_POLICY, take_policy, err);
	if (code == 0 && s->write_tokens)
		code = write_tokens(serve, err);
	if (code == 0)
		code = check_exposure(serve, err);
	return code < 0 ? code : listen_and_tell(serve, err);
}

int serve_run(const struct serve_settings *settings, struct err *err)
{
	struct serve serve = { .settings = settings };
	int code;

	if (sodium_init() < 0)
		return err_set(err, -EIO, "libsodium could not be initialised");
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN); /* a file that may not grow is a disk that is full */
	uv_loop_init(&serve.loop);
	uv_signal_init(&serve.loop, &serve.on_term);
	uv_signal_init(&serve.loop, &serve.on_int);
	uv_timer_init(&serve.loop, &serve.last_answers);
	serve.on_term.data = serve.on_int.data = serve.last_answers.data = &serve;
	code = start(&serve, err);
	if (code == 0) {
		uv_signal_start(&serve.on_term, on_signal, SIGTERM);
		uv_signal_start(&serve.on_int, on_signal, SIGINT);
	} else {
		end(&serve);
	}
	uv_run(&serve.loop, UV_RUN_DEFAULT);
	uv_loop_close(&serve.loop);
	return code;
}
