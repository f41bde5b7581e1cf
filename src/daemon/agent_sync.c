#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "daemon/agent_site.h"

#define HOLD_US 10000000          /* how long the platform may hold a sync */
#define CALL_MARGIN_US 10000000   /* an answer that takes longer than that on top is given up */
#define GATHER_MS 2               /* changes that come together are reported together */
#define RETRY_MIN_MS 200
#define RETRY_MAX_MS 5000
#define RETRY_DOUBLINGS_MAX 5

static struct site_call *free_call(struct site *site)
{
	for (size_t i = 0; i < CALLS_MAX; i++)
		if (!site->calls[i].call)
			return &site->calls[i];
	return NULL;
}

static bool any_call(const struct site *site)
{
	for (size_t i = 0; i < CALLS_MAX; i++)
		if (site->calls[i].call)
			return true;
	return false;
}

static void on_soon(uv_timer_t *timer)
{
	site_sync(timer->data);
}

void site_changed(struct site *site)
{
	site->dirty = true;
	if (!site->agent->stopping && site->failures == 0 && !uv_is_active((uv_handle_t *)&site->soon))
		uv_timer_start(&site->soon, on_soon, GATHER_MS, 0);
}

static void retry_later(struct site *site, const char *why)
{
	unsigned doublings = site->failures < RETRY_DOUBLINGS_MAX ? site->failures : RETRY_DOUBLINGS_MAX;
	uint64_t wait_ms = (uint64_t)RETRY_MIN_MS << doublings;

	if (wait_ms > RETRY_MAX_MS)
		wait_ms = RETRY_MAX_MS;
	/* Apart from each other, so that many agents do not come back at the same moment. */
	wait_ms = wait_ms / 2 + rng_below(&site->agent->rng, wait_ms);
	if (site->failures++ == 0)
		log_warning("agent", "%s: the platform was not reached: %s; trying again", site->spec->name, why);
	uv_timer_start(&site->soon, on_soon, wait_ms, 0);
}

/* Newer than what was acted on: of a later life of the platform, or of this one and not behind. */
static bool reply_is_news(const struct site *site, const struct sync_reply *reply, uint64_t sequence)
{
	if (sequence <= site->acted_sequence || reply->epoch < site->heard_epoch)
		return false;
	return reply->epoch > site->heard_epoch || reply->revision >= site->heard_revision;
}

static int read_reply(const void *body, size_t length, struct arena *arena, struct sync_reply *ret, struct err *err)
{
	struct problems problems;
	struct doc *doc;
	int code = doc_parse_json(body, length, &doc_limits_file, arena, &doc, err);

	if (code < 0)
		return code;
	problems_init(&problems, arena, "");
	problems.message = true;
	code = schema_read(&sync_reply_schema, doc, ret, &problems);
	if (code < 0)
		return err_set(err, code, "%s: %s", problems.list[0].path, problems.list[0].text);
	if (ret->version < SYNC_VERSION_MIN)
		return err_set(err, -EPROTO, "the platform speaks version %lld, at least %d is needed", (long long)ret->version, SYNC_VERSION_MIN);
	return 0;
}

static void take_reply(struct site *site, const struct site_call *call, const void *body, size_t length)
{
	cleanup_arena struct arena arena = { 0 };
	struct sync_reply reply;
	struct err err = { "" };

	arena_init(&arena);
	if (read_reply(body, length, &arena, &reply, &err) < 0) {
		retry_later(site, err.text);
		return;
	}
	if (site->failures > 0)
		log_info("agent", "%s: the platform was reached again", site->spec->name);
	site->failures = 0;
	if (reply_is_news(site, &reply, call->sequence)) {
		site->acted_sequence = call->sequence;
		if (reply.epoch != site->heard_epoch)
			log_info("agent", "%s: speaks with platform %s", site->spec->name, reply.platform);
		site->heard_epoch = reply.epoch;
		site->heard_revision = reply.revision;
		site->want_supply = reply.want_supply;
		site_act(site, &reply, call->sent_us);
		if (reply.more || reply.want_supply)
			site->dirty = true;
	}
	if (!any_call(site) || site->dirty)
		site_sync(site);
}

static void on_synced(void *context, int code, unsigned status, const void *body, size_t length, const char *message)
{
	struct site_call *call = context;
	struct site_call ended = *call;
	struct site *site = call->site;

	call->call = NULL;
	if (site->agent->stopping)
		return;
	if (code == 0 && status == 200) {
		take_reply(site, &ended, body, length);
		return;
	}
	if (code == 0) {
		char why[160];

		snprintf(why, sizeof(why), "it answered %u: %.*s", status, (int)(length < 120 ? length : 120), length ? (const char *)body : "");
		retry_later(site, why);
	} else {
		retry_later(site, message);
	}
}

void site_sync(struct site *site)
{
	const struct agent_settings *settings = site->agent->settings;
	cleanup_free char *url = mem_printf("%s/v1/sync", settings->server);
	cleanup_strbuf struct strbuf body = { 0 };
	struct site_call *call = free_call(site);
	struct http_call_settings http = { .method = "POST", .url = url, .token = settings->token, .content_type = "application/json",
					   .reply_max = SYNC_MESSAGE_MAX, .timeout_us = HOLD_US + CALL_MARGIN_US, .done = on_synced,
					   .context = call };
	cleanup_arena struct arena arena = { 0 };
	struct sync_request request;

	if (!call)
		return; /* `dirty` brings it up when one of the two has ended */
	arena_init(&arena);
	site->dirty = false;
	site_report(site, &arena, &request);
	request.wait_us = HOLD_US;
	if (request.has_groups)
		site->supply_hash_told = request.supply_hash;
	site->want_supply = false;
	call->site = site;
	call->sequence = request.sequence;
	call->sent_us = agent_boottime_us();
	schema_write_json(&sync_request_schema, &request, true, &body);
	http.body = strbuf_text(&body);
	http.body_length = body.length;
	call->call = http_client_call(site->agent->client, &http);
}

void site_stop(struct site *site)
{
	for (size_t i = 0; i < CALLS_MAX; i++)
		if (site->calls[i].call)
			http_call_cancel(site->calls[i].call);
	uv_timer_stop(&site->soon);
	site_logs_stop(site);
	uv_close((uv_handle_t *)&site->soon, NULL);
	uv_close((uv_handle_t *)&site->pump_timer, NULL);
	if (site->engine)
		site->engine->ops->close(site->engine);
	free(site->refusals);
	free(site->kept);
	free(site->folder);
}
