/* Output on its way to whoever follows it. A watch is named by the replies for as long as somebody waits;
 * its pump reads on where the last chunk ended and sends one chunk at a time. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "daemon/agent_site.h"

#define CHUNK_BYTES (128 << 10)
#define PUMP_MS 50
#define CALL_TIMEOUT_US 30000000

static bool attempt_ended(struct site *site, const struct weir_attempt_key *key, bool *ret_known)
{
	const struct weir_attempt_status *listed;
	size_t count;

	site->engine->ops->attempts(site->engine, &listed, &count);
	for (size_t i = 0; i < count; i++)
		if (listed[i].key.demand == key->demand && listed[i].key.replica == key->replica && listed[i].key.attempt == key->attempt) {
			*ret_known = true;
			return listed[i].state == WEIR_ENDED;
		}
	*ret_known = false;
	return true;
}

static void pump_free(struct log_pump *pump)
{
	struct log_pump **link = &pump->site->pumps;

	while (*link != pump)
		link = &(*link)->next;
	*link = pump->next;
	if (pump->call)
		http_call_cancel(pump->call);
	free(pump);
}

static void on_chunk_sent(void *context, int code, unsigned status, const void *body, size_t length, const char *message)
{
	struct log_pump *pump = context;

	pump->call = NULL;
	/* Refused: nobody waits any more. Not reached: the watch is named again, from where the platform stands. */
	if (code < 0 || status >= 300)
		pump_free(pump);
	else
		site_pump_logs(pump->site);
}

static void send_chunk(struct log_pump *pump, const struct sync_log *chunk)
{
	struct site *site = pump->site;
	const struct agent_settings *settings = site->agent->settings;
	cleanup_free char *url = mem_printf("%s/v1/sync/logs", settings->server);
	cleanup_strbuf struct strbuf body = { 0 };
	struct http_call_settings call = { .method = "POST", .url = url, .token = settings->token, .content_type = "application/json",
					   .reply_max = 65536, .timeout_us = CALL_TIMEOUT_US, .done = on_chunk_sent, .context = pump };

	schema_write_json(&sync_log_schema, chunk, true, &body);
	call.body = strbuf_text(&body);
	call.body_length = body.length;
	pump->call = http_client_call(site->agent->client, &call);
}

/* Sends what there is past the last chunk. Nothing new of a running attempt sends nothing. */
static void pump_once(struct log_pump *pump, char *buffer)
{
	struct site *site = pump->site;
	struct weir_attempt_key key = { pump->watch.demand, (uint32_t)pump->watch.replica, (uint32_t)pump->watch.attempt };
	struct sync_log chunk = { .site = site->spec->name, .watch = pump->watch.watch, .offset = pump->watch.offset, .message = "" };
	bool known, ended = attempt_ended(site, &key, &known);
	int64_t got;

	got = site->engine->ops->read_log(site->engine, &key, (uint32_t)pump->watch.worker, (int)pump->watch.stream, pump->watch.offset, buffer,
					  CHUNK_BYTES, &chunk.first);
	if (got < 0 && known && !ended)
		return; /* it has only begun, and written nothing yet */
	if (got < 0 || !known) {
		got = 0;
		chunk.end = true;
		chunk.message = "the site keeps no output of this attempt";
	}
	if (chunk.offset < chunk.first)
		chunk.offset = chunk.first;
	chunk.data = (struct bytes){ (const uint8_t *)buffer, (size_t)got };
	chunk.end = chunk.end || (ended && got == 0);
	if (got == 0 && !chunk.end)
		return;
	pump->watch.offset = chunk.offset + got;
	pump->ended = chunk.end;
	send_chunk(pump, &chunk);
}

void site_pump_logs(struct site *site)
{
	cleanup_free char *buffer = NULL;

	for (struct log_pump *pump = site->pumps; pump; pump = pump->next) {
		if (pump->call || pump->ended)
			continue;
		if (!buffer)
			buffer = mem_alloc(CHUNK_BYTES);
		pump_once(pump, buffer);
	}
}

static void on_pump_timer(uv_timer_t *timer)
{
	struct site *site = timer->data;

	if (site->pumps)
		site_pump_logs(site);
	else
		uv_timer_stop(timer);
}

static struct log_pump *pump_find(struct site *site, uint64_t watch)
{
	for (struct log_pump *pump = site->pumps; pump; pump = pump->next)
		if (pump->watch.watch == watch)
			return pump;
	return NULL;
}

void site_watch_logs(struct site *site, const struct log_watch *watches, size_t count)
{
	struct log_pump *next;

	for (struct log_pump *pump = site->pumps; pump; pump = pump->next)
		pump->wanted = false;
	for (size_t i = 0; i < count; i++) {
		struct log_pump *pump = pump_find(site, watches[i].watch);

		if (!pump) {
			pump = mem_alloc(sizeof(*pump));
			pump->site = site;
			pump->watch = watches[i];
			pump->next = site->pumps;
			site->pumps = pump;
		}
		pump->wanted = true;
	}
	for (struct log_pump *pump = site->pumps; pump; pump = next) {
		next = pump->next;
		if (!pump->wanted)
			pump_free(pump);
	}
	if (site->pumps && !uv_is_active((uv_handle_t *)&site->pump_timer)) {
		site->pump_timer.data = site;
		uv_timer_start(&site->pump_timer, on_pump_timer, 0, PUMP_MS);
	}
}

void site_logs_stop(struct site *site)
{
	while (site->pumps)
		pump_free(site->pumps);
	uv_timer_stop(&site->pump_timer);
}
