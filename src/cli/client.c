#include "cli/client_private.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define CONNECT_TIMEOUT_MS 5000L
#define CALL_TIMEOUT_US 60000000
#define RETRY_FIRST_US 100000
#define RETRY_MOST_US 2000000
#define BUSY_RETRIES_MAX 8 /* answers 429 */

int64_t client_now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int client_open(const struct context_options *options, struct client **ret)
{
	struct client *client;
	struct context context;
	struct err err = { "" };

	if (context_find(options, &context, &err) < 0) {
		cli_complain("%s", err.text);
		return EXIT_USAGE;
	}
	curl_global_init(CURL_GLOBAL_DEFAULT);
	client = mem_alloc(sizeof(*client));
	client->context = context;
	client->curl = curl_easy_init();
	*ret = client;
	return EXIT_OK;
}

void client_free(struct client *client)
{
	if (!client)
		return;
	curl_easy_cleanup(client->curl);
	context_done(&client->context);
	free(client);
}

const char *client_server(const struct client *client)
{
	return client->context.server;
}

/* --- one request --------------------------------------------------------------------------------- */

struct reply {
	struct strbuf body;
	long status;
	long retry_after_s;
};

static void reply_done(struct reply *reply)
{
	strbuf_done(&reply->body);
}
#define cleanup_reply __attribute__((__cleanup__(reply_done)))

static size_t keep_body(char *data, size_t size, size_t count, void *context)
{
	struct reply *reply = context;

	if (reply->body.length + size * count > CLIENT_REPLY_MAX)
		return 0;
	strbuf_add(&reply->body, data, size * count);
	return size * count;
}

struct curl_slist *client_add_header(struct curl_slist *headers, const char *name, const char *value)
{
	cleanup_free char *line = mem_printf("%s: %s", name, value);

	return value ? curl_slist_append(headers, line) : headers;
}

void client_prepare(const struct client *client, CURL *curl, const char *path, struct curl_slist **headers, char **ret_url)
{
	const char *host = strstr(client->context.server, "://") + 3;

	*ret_url = mem_printf("%s%s", client->context.server, path);
	if (client->context.token) {
		cleanup_free char *bearer = mem_printf("Bearer %s", client->context.token);

		*headers = client_add_header(*headers, "Authorization", bearer);
	}
	curl_easy_setopt(curl, CURLOPT_URL, *ret_url);
	curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, *headers);
#if LIBCURL_VERSION_NUM >= 0x075500
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
#else
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_TIMEOUT_MS);
	curl_easy_setopt(curl, CURLOPT_USERAGENT, "weir/" WEIR_VERSION);
	if (client->context.ca_file)
		curl_easy_setopt(curl, CURLOPT_CAINFO, client->context.ca_file);
	if (strncmp(host, "127.", 4) == 0 || strncmp(host, "localhost", 9) == 0 || strncmp(host, "[::1]", 5) == 0)
		curl_easy_setopt(curl, CURLOPT_PROXY, "");
}

static CURLcode perform(struct client *client, const struct client_request *request, struct reply *reply, char error[CURL_ERROR_SIZE])
{
	CURL *curl = client->curl;
	cleanup_free char *written = request->body ? json_dumps(request->body, JSON_COMPACT) : NULL;
	const char *text = request->body_text ? request->body_text : written;
	cleanup_free char *url = NULL;
	struct curl_slist *headers = NULL;
	curl_off_t wait = 0;
	CURLcode code;

	curl_easy_reset(curl); /* keeps the connection */
	headers = client_add_header(headers, "Accept", "application/json");
	headers = client_add_header(headers, "Expect", "");
	headers = client_add_header(headers, "Content-Type", text ? "application/json" : NULL);
	headers = client_add_header(headers, "Idempotency-Key", request->idempotency_key);
	client_prepare(client, curl, request->path, &headers, &url);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)((request->timeout_us ? request->timeout_us : CALL_TIMEOUT_US) / 1000));
	if (text || (request->method && strcmp(request->method, "POST") == 0)) {
		curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)(text ? strlen(text) : 0));
		curl_easy_setopt(curl, CURLOPT_POSTFIELDS, text ? text : "");
	}
	if (request->method)
		curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request->method);
	curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, error);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, keep_body);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, reply);
	error[0] = 0;
	code = curl_easy_perform(curl);
	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &reply->status);
	curl_easy_getinfo(curl, CURLINFO_RETRY_AFTER, &wait);
	reply->retry_after_s = (long)wait;
	if (code != CURLE_OK && !error[0])
		snprintf(error, CURL_ERROR_SIZE, "%s", curl_easy_strerror(code));
	curl_slist_free_all(headers);
	return code;
}

int client_explain(const struct client *client, long status, const char *body, size_t length, bool quiet)
{
	int code = status == 401 || status == 403 ? EXIT_DENIED : status == 404 ? EXIT_MISSING : EXIT_FAILED;
	json_t *problem;
	const json_t *entry;
	const char *detail;
	size_t i;

	if (quiet)
		return code;
	problem = json_loadb(body ? body : "", length, 0, NULL);
	detail = json_text(problem, "detail");
	if (!*detail)
		detail = json_text(problem, "title");
	if (*detail)
		cli_complain("%s", detail);
	else
		cli_complain("%s answered with status %ld", client->context.server, status);
	json_array_foreach(json_object_get(problem, "problems"), i, entry)
		fprintf(stderr, "  %s%s%s\n", json_text(entry, "path"), *json_text(entry, "path") ? ": " : "", json_text(entry, "text"));
	if (status == 401)
		fprintf(stderr, "  The token came from %s. --token-file, WEIR_TOKEN or a context (weir context --help) say which to use.\n",
			client->context.token_from);
	json_decref(problem);
	return code;
}

int client_unreachable(const struct client *client, const char *error, bool quiet)
{
	if (quiet)
		return EXIT_UNREACHABLE;
	cli_complain("cannot reach %s: %s", client->context.server, error);
	fprintf(stderr, "  The address came from %s. %s\n", client->context.server_from,
		strstr(error, "certificate") ? "--ca-file names the certificates to trust."
					     : "Is it running? 'weir up' or 'make run' starts a network here.");
	return EXIT_UNREACHABLE;
}

static int take_json(const struct client *client, const struct reply *reply, bool quiet, json_t **ret_json)
{
	json_error_t fault;
	json_t *json = NULL;

	if (reply->body.length)
		json = json_loadb(reply->body.data, reply->body.length, 0, &fault);
	if (reply->body.length && !json) {
		if (!quiet)
			cli_complain("%s answered with something that is no JSON: %s", client->context.server, fault.text);
		return EXIT_FAILED;
	}
	if (ret_json)
		*ret_json = json;
	else
		json_decref(json);
	return EXIT_OK;
}

/* Whether to try again, after having waited. */
static bool wait_for_retry(const struct client_request *request, const struct reply *reply, CURLcode code, int64_t begun_us,
			   unsigned *tries)
{
	int64_t pause_us = RETRY_FIRST_US << (*tries < 5 ? *tries : 5);
	bool busy = code == CURLE_OK && reply->status == 429;
	bool lost = code != CURLE_OK || reply->status == 502 || reply->status == 503 || reply->status == 504;

	if (busy && *tries >= BUSY_RETRIES_MAX)
		return false;
	if (!busy && !(lost && request->retry_us > 0 && client_now_us() - begun_us < request->retry_us))
		return false;
	if (reply->retry_after_s > 0)
		pause_us = (int64_t)reply->retry_after_s * 1000000;
	if (pause_us > RETRY_MOST_US)
		pause_us = RETRY_MOST_US;
	++*tries;
	usleep((useconds_t)pause_us);
	return true;
}

int client_call(struct client *client, const struct client_request *request, json_t **ret_json)
{
	char error[CURL_ERROR_SIZE];
	int64_t begun_us = client_now_us();
	unsigned tries = 0;

	for (;;) {
		cleanup_reply struct reply reply = { 0 };
		CURLcode code = perform(client, request, &reply, error);

		if (wait_for_retry(request, &reply, code, begun_us, &tries))
			continue;
		if (code != CURLE_OK)
			return client_unreachable(client, error, request->quiet);
		if (reply.status < 200 || reply.status > 299)
			return client_explain(client, reply.status, reply.body.data, reply.body.length, request->quiet);
		return take_json(client, &reply, request->quiet, ret_json);
	}
}

int client_get(struct client *client, const char *path, json_t **ret_json)
{
	return client_call(client, &(struct client_request){ .path = path }, ret_json);
}

int client_get_pages(struct client *client, const char *path, size_t maximum, bool quiet, json_t **ret_json)
{
	json_t *items = json_array();
	cleanup_free char *cursor = NULL;

	do {
		cleanup_strbuf struct strbuf page_path = { 0 };
		size_t left = maximum ? maximum - json_array_size(items) : CLIENT_PAGE;
		char limit[24];
		json_t *page = NULL;
		int code;

		snprintf(limit, sizeof(limit), "%zu", left < CLIENT_PAGE ? left : (size_t)CLIENT_PAGE);
		strbuf_puts(&page_path, path);
		query_add(&page_path, "limit", limit);
		query_add(&page_path, "cursor", cursor);
		code = client_call(client, &(struct client_request){ .path = strbuf_text(&page_path), .quiet = quiet }, &page);
		if (code != EXIT_OK) {
			json_decref(items);
			return code;
		}
		json_array_extend(items, json_object_get(page, "items"));
		free(cursor);
		cursor = *json_text(page, "next") ? mem_strdup(json_text(page, "next")) : NULL;
		json_decref(page);
	} while (cursor && (!maximum || json_array_size(items) < maximum));
	*ret_json = json_pack("{s:o, s:s}", "items", items, "next", cursor ? cursor : "");
	return EXIT_OK;
}

static void escape(struct strbuf *out, const char *text)
{
	for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
		if ((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9') || strchr("-._~", *c))
			strbuf_putc(out, (char)*c);
		else
			strbuf_printf(out, "%%%02X", *c);
	}
}

void query_add(struct strbuf *path, const char *name, const char *value)
{
	if (!value)
		return;
	strbuf_putc(path, strchr(strbuf_text(path), '?') ? '&' : '?');
	escape(path, name);
	strbuf_putc(path, '=');
	escape(path, value);
}

void path_add(struct strbuf *path, const char *text)
{
	escape(path, text);
}
