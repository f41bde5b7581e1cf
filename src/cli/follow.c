#include "cli/follow.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/shown.h"

#define PAUSE_US 150000
#define LOST_US 120000000 /* without an answer for as long: give up */
#define OUTPUT_TRIES_MAX 20 /* to get the output of an attempt that has ended */
#define SINKS_MAX (2 * FOLLOW_WORKERS_MAX)

/* Where one stream of one worker goes. */
struct sink {
	FILE *to;
	const char *stream;
	int64_t worker;
	int64_t offset; /* of the next byte to ask for */
	bool prefixed;
	bool opened;    /* this connection's Weir-Log-First was looked at */
	struct strbuf line; /* of prefixed output: a line that is not whole yet */
	struct strbuf path;
	struct client_stream flow;
};

struct follower {
	struct client *client;
	const struct follow_settings *settings;
	struct sink sinks[SINKS_MAX];
	size_t sink_count;
	int64_t attempt; /* whose output the sinks are at; 0 none yet */
	unsigned tries;
	char state_told[600];
};

static void print_line(struct sink *sink)
{
	fprintf(sink->to, "[%" PRId64 "] ", sink->worker);
	fwrite(strbuf_text(&sink->line), 1, sink->line.length, sink->to);
	putc('\n', sink->to);
	strbuf_reset(&sink->line);
}

static int on_data(void *context, const void *data, size_t length)
{
	struct sink *sink = context;
	const char *text = data;

	if (!sink->opened && sink->flow.first > sink->offset)
		sink->offset = sink->flow.first; /* what came before is no longer kept */
	sink->opened = true;
	sink->offset += (int64_t)length;
	progress_clear();
	if (!sink->prefixed) {
		fwrite(text, 1, length, sink->to);
		fflush(sink->to);
		return 0;
	}
	for (size_t i = 0; i < length; i++) {
		if (text[i] == '\n')
			print_line(sink);
		else
			strbuf_putc(&sink->line, text[i]);
	}
	fflush(sink->to);
	return 0;
}

static void sinks_done(struct follower *follower)
{
	for (size_t i = 0; i < follower->sink_count; i++) {
		if (follower->sinks[i].line.length)
			print_line(&follower->sinks[i]);
		strbuf_done(&follower->sinks[i].line);
		strbuf_done(&follower->sinks[i].path);
	}
	follower->sink_count = 0;
}

static void add_sink(struct follower *follower, int64_t worker, bool error, bool prefixed)
{
	bool to_error = error && !follower->settings->error_to_output;

	follower->sinks[follower->sink_count++] = (struct sink){ .to = to_error ? stderr : stdout, .stream = error ? "stderr" : "stdout",
								 .worker = worker, .prefixed = prefixed };
}

static void sinks_begin(struct follower *follower, int64_t attempt, int64_t workers)
{
	const struct follow_settings *settings = follower->settings;
	int64_t first = settings->worker < 0 ? 0 : settings->worker;
	int64_t last = settings->worker >= 0 ? settings->worker : workers < FOLLOW_WORKERS_MAX ? workers - 1 : FOLLOW_WORKERS_MAX - 1;

	sinks_done(follower);
	follower->attempt = attempt;
	follower->tries = 0;
	if (settings->worker < 0 && workers > FOLLOW_WORKERS_MAX)
		cli_complain("showing workers 0 to %d of %" PRId64 "; --worker shows another", FOLLOW_WORKERS_MAX - 1, workers);
	for (int64_t worker = first; worker <= last; worker++) {
		if (settings->out)
			add_sink(follower, worker, false, first != last);
		if (settings->err)
			add_sink(follower, worker, true, first != last);
	}
}

static int call_turn(void *context)
{
	struct follower *follower = context;

	if (follower->settings->turn)
		follower->settings->turn(follower->settings->context);
	return 0;
}

/* One pass over the streams of the attempt: until each of them ended, for whatever reason. Gives the worst status. */
static int run_streams(struct follower *follower, bool follow, bool quiet)
{
	const struct follow_settings *settings = follower->settings;
	struct client_stream *flows[SINKS_MAX];
	int worst = EXIT_OK;

	for (size_t i = 0; i < follower->sink_count; i++) {
		struct sink *sink = &follower->sinks[i];

		strbuf_reset(&sink->path);
		strbuf_puts(&sink->path, "/v1/demands/");
		path_add(&sink->path, settings->id);
		strbuf_printf(&sink->path, "/logs?attempt=%" PRId64 "&worker=%" PRId64 "&stream=%s&offset=%" PRId64, follower->attempt,
			      sink->worker, sink->stream, sink->offset);
		if (settings->replica > 0)
			strbuf_printf(&sink->path, "&replica=%" PRId64, settings->replica);
		if (follow)
			strbuf_puts(&sink->path, "&follow=true");
		sink->opened = false;
		sink->flow = (struct client_stream){ .path = strbuf_text(&sink->path), .accept = "text/plain, application/problem+json",
						     .data = on_data, .context = sink };
		flows[i] = &sink->flow;
	}
	client_streams(follower->client, flows, follower->sink_count, quiet, call_turn, follower, PAUSE_US);
	for (size_t i = 0; i < follower->sink_count; i++)
		if (flows[i]->status > worst)
			worst = flows[i]->status;
	return worst;
}

/* --- the demand ------------------------------------------------------------------------------------- */

/* The latest attempt of the replica, or the one that was asked for; NULL when there is none. */
static const json_t *find_placement(const json_t *demand, const struct follow_settings *settings)
{
	const json_t *placement, *found = NULL;
	size_t i;

	json_array_foreach(json_object_get(demand, "placements"), i, placement) {
		int64_t attempt = json_number(placement, "attempt", 0);

		if (json_number(placement, "replica", 0) != settings->replica || (settings->attempt && attempt != settings->attempt))
			continue;
		if (!found || attempt > json_number(found, "attempt", 0))
			found = placement;
	}
	return found;
}

static void tell_state(struct follower *follower, const json_t *demand)
{
	char text[sizeof(follower->state_told)];
	const char *state = json_text(demand, "state"), *reason = json_text(demand, "reason");
	bool colours = terminal_colours(stderr);

	if (!follower->settings->states)
		return;
	snprintf(text, sizeof(text), "%s: %s", state, reason);
	if (strcmp(text, follower->state_told) == 0) {
		if (!state_has_ended(state) && strcmp(state, "running") != 0)
			progress_show("%s", text);
		return;
	}
	memcpy(follower->state_told, text, sizeof(text));
	progress_clear();
	fprintf(stderr, "%s%s%s\n", colours ? style_begin(STYLE_DIM) : "", text, colours ? style_end(STYLE_DIM) : "");
}

/* Reads the demand until it is got, or the server was away for too long. */
static int read_demand(struct follower *follower, bool first, json_t **ret_demand)
{
	int64_t since_us = shown_now_us();

	for (;;) {
		int code = demand_get(follower->client, follower->settings->id, !first, ret_demand);

		if (code == EXIT_OK || first || code != EXIT_UNREACHABLE)
			return code;
		if (shown_now_us() - since_us > LOST_US)
			return demand_get(follower->client, follower->settings->id, false, ret_demand);
		progress_show("the server does not answer; trying again");
		call_turn(follower);
		usleep(4 * PAUSE_US);
	}
}

/* Follows what there is of the placement. Gives -1 to go on, else the exit status. */
static int follow_placement(struct follower *follower, const json_t *demand, const json_t *placement)
{
	int64_t attempt = json_number(placement, "attempt", 0);
	bool ended = strcmp(json_text(placement, "state"), "ended") == 0;
	bool service = strcmp(json_text(demand, "kind"), "service") == 0;
	int code;

	if (attempt != follower->attempt)
		sinks_begin(follower, attempt, service ? 1 : json_number(demand, "workers", 1));
	code = run_streams(follower, true, true);
	if (code == EXIT_DENIED)
		return run_streams(follower, false, false);
	if (!ended)
		return -1;
	if (code == EXIT_OK)
		return EXIT_OK;
	if (++follower->tries < OUTPUT_TRIES_MAX)
		return -1;
	cli_complain("the output of attempt %" PRId64 " cannot be had", attempt);
	return code;
}

int follow_output(struct client *client, const struct follow_settings *settings, json_t **ret_demand)
{
	struct follower follower = { .client = client, .settings = settings };
	json_t *demand = NULL;
	int64_t done_attempt = 0;
	int code = read_demand(&follower, true, &demand);

	while (code == EXIT_OK) {
		const json_t *placement = find_placement(demand, settings);
		int64_t attempt = json_number(placement, "attempt", 0);
		bool ended = state_has_ended(json_text(demand, "state"));

		if (settings->attempt && !placement) {
			cli_complain("there is no attempt %" PRId64, settings->attempt);
			code = EXIT_MISSING;
			break;
		}
		if (!ended)
			tell_state(&follower, demand);
		if (placement && attempt > done_attempt && strcmp(json_text(placement, "state"), "assigned") != 0) {
			int over = follow_placement(&follower, demand, placement);

			if (over >= 0)
				done_attempt = attempt;
		}
		if ((ended && attempt <= done_attempt) || (ended && !placement) || (settings->attempt && done_attempt == settings->attempt)) {
			tell_state(&follower, demand);
			break;
		}
		call_turn(&follower);
		usleep(PAUSE_US);
		json_decref(demand);
		demand = NULL;
		code = read_demand(&follower, false, &demand);
	}
	progress_clear();
	sinks_done(&follower);
	if (code == EXIT_OK && ret_demand)
		*ret_demand = demand;
	else
		json_decref(demand);
	return code;
}

int print_output(struct client *client, const struct follow_settings *settings)
{
	struct follower follower = { .client = client, .settings = settings };
	json_t *demand = NULL;
	const json_t *placement;
	int64_t before = -1, now = 0;
	int code = demand_get(client, settings->id, false, &demand);

	placement = find_placement(demand, settings);
	if (code == EXIT_OK && !placement) {
		cli_complain("%s", settings->attempt ? "there is no such attempt" : "it has not been placed yet, so there is no output");
		code = EXIT_MISSING;
	}
	if (code == EXIT_OK)
		sinks_begin(&follower, json_number(placement, "attempt", 0),
			    strcmp(json_text(demand, "kind"), "service") == 0 ? 1 : json_number(demand, "workers", 1));
	/* An answer has a limit: ask on until nothing new comes. */
	while (code == EXIT_OK && now != before) {
		before = now;
		code = run_streams(&follower, false, false);
		now = 0;
		for (size_t i = 0; i < follower.sink_count; i++)
			now += follower.sinks[i].offset;
	}
	sinks_done(&follower);
	json_decref(demand);
	return code;
}
