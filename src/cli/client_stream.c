#include <string.h>
#include <strings.h>

#include "cli/client_private.h"

#define PROBLEM_BODY_MAX 65536

/* One stream under way. */
struct flow {
	struct client_stream *stream;
	const struct client *client;
	CURL *curl;
	struct curl_slist *headers;
	char *url;
	struct strbuf problem; /* the body of an answer that is a refusal */
	char error[CURL_ERROR_SIZE];
	bool stopped; /* by `data` */
};

static size_t on_data(char *data, size_t size, size_t count, void *context)
{
	struct flow *flow = context;
	long status = 0;

	curl_easy_getinfo(flow->curl, CURLINFO_RESPONSE_CODE, &status);
	if (status < 200 || status > 299) {
		if (flow->problem.length + size * count <= PROBLEM_BODY_MAX)
			strbuf_add(&flow->problem, data, size * count);
		return size * count;
	}
	flow->stopped = flow->stream->data(flow->stream->context, data, size * count) != 0;
	return flow->stopped ? 0 : size * count;
}

static size_t on_header(char *data, size_t size, size_t count, void *context)
{
	static const char name[] = "Weir-Log-First:";
	struct flow *flow = context;

	if (size * count > strlen(name) && strncasecmp(data, name, strlen(name)) == 0) {
		cleanup_free char *value = mem_strndup(data + strlen(name), size * count - strlen(name));

		flow->stream->first = strtoll(value, NULL, 10);
	}
	return size * count;
}

static void begin(struct flow *flow, CURLM *multi)
{
	struct client_stream *stream = flow->stream;

	stream->ended = stream->broken = false;
	stream->status = EXIT_OK;
	stream->first = -1;
	flow->curl = curl_easy_init();
	flow->headers = client_add_header(flow->headers, "Accept", stream->accept);
	flow->headers = client_add_header(flow->headers, "Last-Event-ID", stream->last_event_id);
	client_prepare(flow->client, flow->curl, stream->path, &flow->headers, &flow->url);
	curl_easy_setopt(flow->curl, CURLOPT_WRITEFUNCTION, on_data);
	curl_easy_setopt(flow->curl, CURLOPT_WRITEDATA, flow);
	curl_easy_setopt(flow->curl, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(flow->curl, CURLOPT_HEADERDATA, flow);
	curl_easy_setopt(flow->curl, CURLOPT_ERRORBUFFER, flow->error);
	curl_easy_setopt(flow->curl, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(flow->curl, CURLOPT_PRIVATE, flow);
	curl_multi_add_handle(multi, flow->curl);
}

static void end(struct flow *flow, CURLM *multi)
{
	if (!flow->curl)
		return;
	curl_multi_remove_handle(multi, flow->curl);
	curl_easy_cleanup(flow->curl);
	curl_slist_free_all(flow->headers);
	free(flow->url);
	strbuf_done(&flow->problem);
	flow->curl = NULL;
}

static void conclude(struct flow *flow, CURLcode code, bool quiet)
{
	struct client_stream *stream = flow->stream;
	long status = 0;

	curl_easy_getinfo(flow->curl, CURLINFO_RESPONSE_CODE, &status);
	stream->ended = true;
	if (flow->stopped)
		return;
	if (code == CURLE_OK && status >= 200 && status <= 299)
		return;
	if (code == CURLE_OK) {
		stream->status = client_explain(flow->client, status, flow->problem.data, flow->problem.length, quiet);
		return;
	}
	stream->broken = true;
	stream->status = client_unreachable(flow->client, flow->error[0] ? flow->error : curl_easy_strerror(code), quiet);
}

void client_streams(struct client *client, struct client_stream **streams, size_t count, bool quiet, int (*turn)(void *context),
		    void *context, int64_t turn_us)
{
	cleanup_free struct flow *flows = mem_alloc((count + 1) * sizeof(*flows));
	CURLM *multi = curl_multi_init();
	int64_t turned_us = client_now_us();
	int running = 1;

	for (size_t i = 0; i < count; i++) {
		flows[i] = (struct flow){ .stream = streams[i], .client = client };
		begin(&flows[i], multi);
	}
	while (running) {
		CURLMsg *message;
		int left;

		curl_multi_perform(multi, &running);
		while ((message = curl_multi_info_read(multi, &left))) {
			char *flow = NULL;

			curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &flow);
			conclude((struct flow *)(void *)flow, message->data.result, quiet);
		}
		if (turn && client_now_us() - turned_us >= turn_us) {
			turned_us = client_now_us();
			if (turn(context))
				break;
		}
		if (running)
			curl_multi_poll(multi, NULL, 0, turn ? (int)(turn_us / 1000) : 1000, NULL);
	}
	for (size_t i = 0; i < count; i++)
		end(&flows[i], multi);
	curl_multi_cleanup(multi);
}
