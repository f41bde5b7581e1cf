/* libcurl's multi interface on the uv loop: curl says which sockets and when, uv waits.
 *
 * curl forbids putting a call in or taking one out from inside its own callbacks, so a call that is made
 * or cancelled there is only marked, and the rest is done when curl has returned. In the same way a client
 * that is freed from a callback goes when the callback has returned.
 */
#include "io/http_client.h"

#include <curl/curl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/strbuf.h"

#define CONNECT_TIMEOUT_MS 10000L
#define REPLY_HEADER_MAX ((size_t)256 << 10)
#define CONNECTIONS_KEPT 16L

/* One socket of curl's. */
struct watch {
	uv_poll_t poll;
	struct http_client *client;
	struct watch *next, *previous;
	curl_socket_t fd;
};

struct http_client {
	uv_loop_t *loop;
	CURLM *multi;
	uv_timer_t *timer; /* on the heap: its close outlives the client */
	struct watch *watches;
	struct http_call *calls;
	char *ca_path;
	char *no_proxy;
	bool inside;  /* curl is on the stack */
	bool busy;    /* client_act is on the stack */
	bool dying;   /* freed meanwhile */
};

struct http_call {
	struct http_client *client;
	struct http_call *next, *previous;
	CURL *easy;
	struct curl_slist *headers;
	struct http_call_settings settings; /* only numbers and functions are read after the call was made */
	struct strbuf reply;
	size_t header_length;
	int stopped; /* negative errno of our own that ended it */
	bool cancelled;
	bool added; /* curl has it */
	char error[CURL_ERROR_SIZE];
};

static void call_free(struct http_call *call)
{
	struct http_client *client = call->client;

	if (call->next)
		call->next->previous = call->previous;
	if (call->previous)
		call->previous->next = call->next;
	else
		client->calls = call->next;
	if (call->added)
		curl_multi_remove_handle(client->multi, call->easy);
	curl_easy_cleanup(call->easy);
	curl_slist_free_all(call->headers);
	strbuf_done(&call->reply);
	free(call);
}

/* ---- ends ---- */

static int error_of(CURLcode code)
{
	switch (code) {
	case CURLE_OK:
		return 0;
	case CURLE_URL_MALFORMAT:
	case CURLE_UNSUPPORTED_PROTOCOL:
		return -EINVAL;
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_RESOLVE_PROXY:
		return -EHOSTUNREACH;
	case CURLE_COULDNT_CONNECT:
		return -ECONNREFUSED;
	case CURLE_OPERATION_TIMEDOUT:
		return -ETIMEDOUT;
	case CURLE_FILESIZE_EXCEEDED:
		return -EMSGSIZE;
	case CURLE_GOT_NOTHING:
	case CURLE_RECV_ERROR:
	case CURLE_SEND_ERROR:
	case CURLE_PARTIAL_FILE:
		return -ECONNRESET;
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_SSL_CACERT_BADFILE:
		return -EACCES;
	default:
		return -EIO;
	}
}

static void call_done(struct http_call *call, CURLcode result)
{
	char message[CURL_ERROR_SIZE + 512];
	struct http_call_settings settings = call->settings;
	int code = call->stopped ? call->stopped : error_of(result);
	struct strbuf reply cleanup_strbuf = call->reply;
	char *url = NULL;
	long status = 0;

	call->reply = (struct strbuf){ 0 };
	curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(call->easy, CURLINFO_EFFECTIVE_URL, &url);
	if (code == -EMSGSIZE)
		snprintf(message, sizeof(message), "%.400s: the answer is longer than %zu bytes", url ? url : "", settings.reply_max);
	else if (code == -ECANCELED)
		snprintf(message, sizeof(message), "%.400s: the answer was not read to its end", url ? url : "");
	else
		snprintf(message, sizeof(message), "%.400s: %s", url ? url : "", call->error[0] ? call->error : curl_easy_strerror(result));
	call_free(call);
	if (code)
		settings.done(settings.context, code, 0, NULL, 0, message);
	else
		settings.done(settings.context, 0, (unsigned)status, strbuf_text(&reply), reply.length, "");
}

static void call_add(struct http_call *call)
{
	call->added = true;
	/* Sets the timer; nothing is done before the loop turns. */
	curl_multi_add_handle(call->client->multi, call->easy);
}

/* After curl returned: takes out what was cancelled, puts in what was made, tells of what ended. */
static void client_reap(struct http_client *client)
{
	struct http_call *call, *next;
	CURLMsg *message;
	int left;

	for (call = client->calls; call; call = next) {
		next = call->next;
		if (call->cancelled)
			call_free(call);
		else if (!call->added)
			call_add(call);
	}
	while ((message = curl_multi_info_read(client->multi, &left))) {
		CURLcode result = message->data.result;

		if (message->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &call);
		call_done(call, result);
	}
}

/* ---- curl's callbacks ---- */

static size_t on_data(char *data, size_t size, size_t count, void *context)
{
	struct http_call *call = context;
	size_t length = size * count;

	if (call->cancelled)
		return 0;
	if (call->settings.data) {
		if (call->settings.data(call->settings.context, data, length))
			call->stopped = -ECANCELED;
		return call->stopped || call->cancelled ? 0 : length;
	}
	if (length > call->settings.reply_max - call->reply.length) {
		call->stopped = -EMSGSIZE;
		return 0;
	}
	strbuf_add(&call->reply, data, length);
	return length;
}

static size_t on_header(char *data, size_t size, size_t count, void *context)
{
	struct http_call *call = context;

	call->header_length += size * count;
	if (call->header_length <= REPLY_HEADER_MAX)
		return size * count;
	call->stopped = -EPROTO;
	snprintf(call->error, sizeof(call->error), "the answer's header is longer than %zu bytes", REPLY_HEADER_MAX);
	return 0;
}

static void client_destroy(struct http_client *client);

static void client_act(struct http_client *client, curl_socket_t fd, int flags)
{
	int running;

	client->busy = client->inside = true;
	curl_multi_socket_action(client->multi, fd, flags, &running);
	client->inside = false;
	client_reap(client);
	client->busy = false;
	if (client->dying)
		client_destroy(client);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
	struct watch *watch = poll->data;
	int flags = status < 0 ? CURL_CSELECT_ERR : 0;

	if (events & UV_READABLE)
		flags |= CURL_CSELECT_IN;
	if (events & UV_WRITABLE)
		flags |= CURL_CSELECT_OUT;
	client_act(watch->client, watch->fd, flags);
}

static void on_timer(uv_timer_t *timer)
{
	client_act(timer->data, CURL_SOCKET_TIMEOUT, 0);
}

static int on_timer_change(CURLM *multi, long timeout_ms, void *context)
{
	struct http_client *client = context;

	if (timeout_ms < 0)
		uv_timer_stop(client->timer);
	else
		uv_timer_start(client->timer, on_timer, (uint64_t)timeout_ms, 0);
	return 0;
}

static void on_watch_closed(uv_handle_t *handle)
{
	free(handle->data);
}

static void watch_close(struct watch *watch)
{
	if (watch->next)
		watch->next->previous = watch->previous;
	if (watch->previous)
		watch->previous->next = watch->next;
	else
		watch->client->watches = watch->next;
	uv_poll_stop(&watch->poll);
	uv_close((uv_handle_t *)&watch->poll, on_watch_closed);
}

static struct watch *watch_new(struct http_client *client, curl_socket_t fd)
{
	struct watch *watch = mem_alloc(sizeof(*watch));

	if (uv_poll_init_socket(client->loop, &watch->poll, fd)) {
		free(watch);
		return NULL;
	}
	watch->poll.data = watch;
	watch->client = client;
	watch->fd = fd;
	watch->next = client->watches;
	if (watch->next)
		watch->next->previous = watch;
	client->watches = watch;
	curl_multi_assign(client->multi, fd, watch);
	return watch;
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *context, void *socket_context)
{
	struct http_client *client = context;
	struct watch *watch = socket_context;
	int events = 0;

	if (what == CURL_POLL_REMOVE) {
		if (watch)
			watch_close(watch);
		curl_multi_assign(client->multi, fd, NULL);
		return 0;
	}
	if (!watch)
		watch = watch_new(client, fd);
	if (!watch)
		return -1;
	if (what != CURL_POLL_IN)
		events |= UV_WRITABLE;
	if (what != CURL_POLL_OUT)
		events |= UV_READABLE;
	uv_poll_start(&watch->poll, events, on_poll);
	return 0;
}

/* ---- the client ---- */

struct http_client *http_client_new(uv_loop_t *loop, const char *ca_path)
{
	struct http_client *client;
	const char *no_proxy = getenv("no_proxy") ? getenv("no_proxy") : getenv("NO_PROXY");

	if (curl_global_init(CURL_GLOBAL_DEFAULT))
		abort();
	client = mem_alloc(sizeof(*client));
	client->loop = loop;
	client->ca_path = ca_path ? mem_strdup(ca_path) : NULL;
	client->no_proxy = mem_printf("localhost,127.0.0.1,::1,%s", no_proxy ? no_proxy : "");
	client->multi = curl_multi_init();
	if (!client->multi)
		abort();
	client->timer = mem_alloc(sizeof(*client->timer));
	uv_timer_init(loop, client->timer);
	client->timer->data = client;
	curl_multi_setopt(client->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
	curl_multi_setopt(client->multi, CURLMOPT_SOCKETDATA, client);
	curl_multi_setopt(client->multi, CURLMOPT_TIMERFUNCTION, on_timer_change);
	curl_multi_setopt(client->multi, CURLMOPT_TIMERDATA, client);
	curl_multi_setopt(client->multi, CURLMOPT_MAXCONNECTS, CONNECTIONS_KEPT);
	return client;
}

static void on_timer_closed(uv_handle_t *handle)
{
	free(handle);
}

static void client_destroy(struct http_client *client)
{
	while (client->calls)
		call_free(client->calls);
	curl_multi_cleanup(client->multi);
	while (client->watches)
		watch_close(client->watches);
	uv_timer_stop(client->timer);
	uv_close((uv_handle_t *)client->timer, on_timer_closed);
	free(client->ca_path);
	free(client->no_proxy);
	free(client);
	curl_global_cleanup();
}

void http_client_free(struct http_client *client)
{
	if (!client)
		return;
	if (!client->busy) {
		client_destroy(client);
		return;
	}
	client->dying = true;
	if (client->inside) {
		for (struct http_call *call = client->calls; call; call = call->next)
			call->cancelled = true;
		return;
	}
	while (client->calls)
		call_free(client->calls);
}

static void header_add(struct http_call *call, const char *name, const char *value)
{
	cleanup_free char *line = mem_printf("%s: %s", name, value);
	struct curl_slist *longer = curl_slist_append(call->headers, line);

	if (!longer)
		abort();
	call->headers = longer;
}

static void call_headers(struct http_call *call, const struct http_call_settings *settings)
{
	header_add(call, "Accept", settings->accept ? settings->accept : "application/json");
	header_add(call, "Content-Type", settings->content_type ? settings->content_type : ""); /* empty: curl leaves it out */
	if (settings->token) {
		cleanup_free char *value = mem_printf("Bearer %s", settings->token);

		header_add(call, "Authorization", value);
	}
	for (const char *const *line = settings->headers; line && *line; line++) {
		struct curl_slist *longer = curl_slist_append(call->headers, *line);

		if (!longer)
			abort();
		call->headers = longer;
	}
	/* The body is sent at once: waiting for leave costs a round trip on each sync. */
	header_add(call, "Expect", "");
	curl_easy_setopt(call->easy, CURLOPT_HTTPHEADER, call->headers);
}

static void call_body(struct http_call *call, const struct http_call_settings *settings)
{
	bool head = !strcmp(settings->method, "HEAD");

	if (settings->body_length || !strcmp(settings->method, "POST") || !strcmp(settings->method, "PUT")) {
		curl_easy_setopt(call->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)settings->body_length);
		curl_easy_setopt(call->easy, CURLOPT_COPYPOSTFIELDS, settings->body_length ? settings->body : "");
	}
	if (head)
		curl_easy_setopt(call->easy, CURLOPT_NOBODY, 1L);
	else
		curl_easy_setopt(call->easy, CURLOPT_CUSTOMREQUEST, settings->method);
}

static void call_options(struct http_call *call, const struct http_call_settings *settings)
{
	curl_easy_setopt(call->easy, CURLOPT_PRIVATE, call);
	curl_easy_setopt(call->easy, CURLOPT_URL, settings->url);
#if LIBCURL_VERSION_NUM >= 0x075500
	curl_easy_setopt(call->easy, CURLOPT_PROTOCOLS_STR, "http,https");
#else
	curl_easy_setopt(call->easy, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
	curl_easy_setopt(call->easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(call->easy, CURLOPT_NOPROXY, call->client->no_proxy);
	curl_easy_setopt(call->easy, CURLOPT_USERAGENT, "weir/" WEIR_VERSION);
	curl_easy_setopt(call->easy, CURLOPT_ERRORBUFFER, call->error);
	curl_easy_setopt(call->easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(call->easy, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(call->easy, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_TIMEOUT_MS);
	curl_easy_setopt(call->easy, CURLOPT_WRITEFUNCTION, on_data);
	curl_easy_setopt(call->easy, CURLOPT_WRITEDATA, call);
	curl_easy_setopt(call->easy, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(call->easy, CURLOPT_HEADERDATA, call);
	if (settings->timeout_us > 0)
		curl_easy_setopt(call->easy, CURLOPT_TIMEOUT_MS, (long)((settings->timeout_us + 999) / 1000));
	if (call->client->ca_path)
		curl_easy_setopt(call->easy, CURLOPT_CAINFO, call->client->ca_path);
}

struct http_call *http_client_call(struct http_client *client, const struct http_call_settings *settings)
{
	struct http_call *call = mem_alloc(sizeof(*call));

	call->client = client;
	call->settings = *settings;
	call->easy = curl_easy_init();
	if (!call->easy)
		abort();
	call->next = client->calls;
	if (call->next)
		call->next->previous = call;
	client->calls = call;
	call_body(call, settings);
	call_headers(call, settings);
	call_options(call, settings);
	if (!client->inside)
		call_add(call);
	return call;
}

void http_call_cancel(struct http_call *call)
{
	if (call->client->inside)
		call->cancelled = true;
	else
		call_free(call);
}
