#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "daemon/agent_site.h"

#define HOLD_MAX_US 10000000      /* how long the platform may hold a sync */
#define LEASE_PARTS 4             /* a hold and the wait for its answer take a part each: one that is lost leaves time for another */
#define LEASE_MAX_US 86400000000  /* longer ones are cut */
#define MARGIN_MIN_US 500000      /* an answer that takes longer than that on top of the hold is given up */
#define MARGIN_MAX_US 10000000
#define REPLY_MAX (4u * SYNC_MESSAGE_MAX) /* one text alone may be as large as the platform takes, beside names of all attempts */
#define GATHER_MS 2               /* changes that come together are reported together */
#define GATHER_MAX_MS 500
#define GATHER_ATTEMPTS 100       /* a message of so many takes another millisecond of gathering */
#define PAUSE_MS 50               /* between syncs that bring nothing and are not held */
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

static int64_t part_of_lease(const struct site *site, int64_t least_us, int64_t most_us)
{
	int64_t part_us = site->lease_us / LEASE_PARTS;

	return part_us < least_us ? least_us : part_us > most_us ? most_us : part_us;
}

static void on_soon(uv_timer_t *timer)
{
	struct site *site = timer->data;

	if (site->dirty || !any_call(site))
		site_sync(site);
}

void site_changed(struct site *site)
{
	size_t gather_ms = GATHER_MS + site->reported_count / GATHER_ATTEMPTS;

	site->dirty = true;
	if (!site->agent->stopping && site->failures == 0 && !uv_is_active((uv_handle_t *)&site->soon))
		uv_timer_start(&site->soon, on_soon, gather_ms < GATHER_MAX_MS ? gather_ms : GATHER_MAX_MS, 0);
}

/* Each trouble is told once, not each of its repetitions. */
static void tell_trouble(struct site *site, const char *why)
{
	if (site->trouble && strcmp(site->trouble, why) == 0)
		return;
	log_warning("agent", "%s: no answer to act on: %s; trying again", site->spec->name, why);
	free(site->trouble);
	site->trouble = mem_strdup(why);
}

static void tell_success(struct site *site)
{
	if (site->trouble)
		log_info("agent", "%s: the platform answers again", site->spec->name);
	free(site->trouble);
	site->trouble = NULL;
	site->failures = 0;
}

static void retry_later(struct site *site, const char *why)
{
	unsigned doublings = site->failures < RETRY_DOUBLINGS_MAX ? site->failures : RETRY_DOUBLINGS_MAX;
	uint64_t most_ms = site->lease_us ? (uint64_t)part_of_lease(site, RETRY_MIN_MS * 1000, RETRY_MAX_MS * 1000) / 1000 : RETRY_MAX_MS;
	uint64_t wait_ms = (uint64_t)RETRY_MIN_MS << doublings;

	if (wait_ms > most_ms)
		wait_ms = most_ms;
	/* Apart from each other, so that many agents do not come back at the same moment. */
	wait_ms = wait_ms / 2 + rng_below(&site->agent->rng, wait_ms);
	site->failures++;
	site->dirty = true;
	tell_trouble(site, why);
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
	if (ret->lease_us > LEASE_MAX_US)
		ret->lease_us = LEASE_MAX_US;
	return 0;
}

/* Goes on after an answer: at once when there is something to say or to hear, else when the last call has ended;
 * after a pause when a platform does not hold what it has no answer to. */
static void sync_on(struct site *site, const struct site_call *ended, bool at_once, bool empty)
{
	bool quick = empty && agent_boottime_us() - ended->sent_us < PAUSE_MS * 1000;

	if (!at_once && site->dirty) {
		site_changed(site);
		return;
	}
	if (!at_once && any_call(site))
		return;
	if (!at_once && quick) {
		if (!uv_is_active((uv_handle_t *)&site->soon))
			uv_timer_start(&site->soon, on_soon, PAUSE_MS, 0);
		return;
	}
	uv_timer_stop(&site->soon);
	site_sync(site);
}

static void take_reply(struct site *site, const struct site_call *call, const void *body, size_t length)
{
	cleanup_arena struct arena arena = { 0 };
	struct sync_reply reply;
	struct err err = { "" };
	bool news, empty;

	if (read_reply(body, length, &arena, &reply, &err) < 0) {
		retry_later(site, err.text);
		return;
	}
	tell_success(site);
	news = reply_is_news(site, &reply, call->sequence);
	empty = !news || (reply.epoch == site->heard_epoch && reply.revision == site->heard_revision && reply.forget_count == 0);
	if (news) {
		site->acted_sequence = call->sequence;
		if (reply.epoch != site->heard_epoch)
			log_info("agent", "%s: speaks with platform %s", site->spec->name, reply.platform);
		site->heard_epoch = reply.epoch;
		site->heard_revision = reply.revision;
		site->want_supply = reply.want_supply;
		site->lease_us = reply.lease_us;
		site_act(site, &reply, call->sent_us);
	}
	sync_on(site, call, news && (reply.more || reply.want_supply), empty);
}

/* What a problem says (RFC 9457), or the answer as it is. */
static void describe_refusal(unsigned status, const char *body, size_t length, struct strbuf *out)
{
	json_t *problem = json_loadb(body, length, 0, NULL);
	const char *detail = json_string_value(json_object_get(problem, "detail"));

	strbuf_printf(out, "it answered %u: %.*s", status, detail ? 400 : (int)(length < 200 ? length : 200), detail ? detail : length ? body : "");
	json_decref(problem);
}

static void on_synced(void *context, int code, unsigned status, const void *body, size_t length, const char *message)
{
	struct site_call *call = context;
	struct site_call ended = *call;
	struct site *site = call->site;
	cleanup_strbuf struct strbuf why = { 0 };

	call->call = NULL;
	if (site->agent->stopping)
		return;
	if (code == 0 && status == 200) {
		take_reply(site, &ended, body, length);
		return;
	}
	if (code == 0)
		describe_refusal(status, body, length, &why);
	retry_later(site, code == 0 ? strbuf_text(&why) : message);
}

void site_sync(struct site *site)
{
	const struct agent_settings *settings = site->agent->settings;
	cleanup_free char *url = mem_printf("%s/v1/sync", settings->server);
	cleanup_strbuf struct strbuf body = { 0 };
	struct site_call *call = free_call(site);
	int64_t hold_us = part_of_lease(site, 0, HOLD_MAX_US);
	int64_t margin_us = site->lease_us ? part_of_lease(site, MARGIN_MIN_US, MARGIN_MAX_US) : MARGIN_MAX_US;
	struct http_call_settings http = { .method = "POST", .url = url, .token = settings->token, .content_type = "application/json",
					   .reply_max = REPLY_MAX, .timeout_us = hold_us + margin_us, .done = on_synced, .context = call };
	cleanup_arena struct arena arena = { 0 };
	struct sync_request request;

	if (!call)
		return; /* `dirty` brings it up when one of the two has ended */
	site->dirty = false;
	site_report(site, &arena, &request);
	site->reported_count = request.attempt_count;
	request.wait_us = hold_us;
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
	free(site->trouble);
	free(site->folder);
	if (site->lock >= 0)
		close(site->lock);
}
