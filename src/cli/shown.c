#include "cli/shown.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>

#include "base/id.h"

int64_t shown_now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

const char *shown_time(int64_t time_us, char buffer[static SHOWN_SIZE])
{
	time_t then = (time_t)(time_us / 1000000), now = (time_t)(shown_now_us() / 1000000);
	struct tm then_parts, now_parts;
	bool today;

	buffer[0] = 0;
	if (time_us <= 0 || !localtime_r(&then, &then_parts) || !localtime_r(&now, &now_parts))
		return buffer;
	today = then_parts.tm_yday == now_parts.tm_yday && then_parts.tm_year == now_parts.tm_year;
	strftime(buffer, SHOWN_SIZE, today ? "%H:%M:%S" : "%Y-%m-%d %H:%M:%S", &then_parts);
	return buffer;
}

const char *shown_span(int64_t span_us, char buffer[static SHOWN_SIZE])
{
	if (span_us < 0) {
		buffer[0] = 0;
		return buffer;
	}
	if (span_us >= 10000000)
		span_us -= span_us % 1000000; /* nobody reads milliseconds of minutes */
	else if (span_us >= 1000000)
		span_us -= span_us % 100000;
	return unit_human(UNIT_DURATION, span_us, buffer, SHOWN_SIZE);
}

const char *shown_free(int64_t free_count, int64_t all, char buffer[static SHOWN_SIZE])
{
	buffer[0] = 0;
	if (all > 0)
		snprintf(buffer, SHOWN_SIZE, "%" PRId64 "/%" PRId64, free_count, all);
	return buffer;
}

const char *shown_cores(int64_t milli, char buffer[static SHOWN_SIZE])
{
	int64_t rest = milli % 1000;

	if (rest == 0)
		snprintf(buffer, SHOWN_SIZE, "%" PRId64, milli / 1000);
	else if (rest % 100 == 0)
		snprintf(buffer, SHOWN_SIZE, "%" PRId64 ".%" PRId64, milli / 1000, rest / 100);
	else
		snprintf(buffer, SHOWN_SIZE, "%" PRId64 ".%03" PRId64, milli / 1000, rest);
	return buffer;
}

bool state_has_ended(const char *state)
{
	static const char *const ended[] = { "succeeded", "failed", "timed-out", "cancelled" };

	for (size_t i = 0; i < ARRAY_COUNT(ended); i++)
		if (strcmp(state, ended[i]) == 0)
			return true;
	return false;
}

/* Where the latest attempt was, for one that has ended; only the full view tells. */
static const char *last_site(const json_t *demand)
{
	const json_t *placement, *last = NULL;
	size_t i;

	json_array_foreach(json_object_get(demand, "placements"), i, placement)
		if (!last || json_number(placement, "attempt", 0) > json_number(last, "attempt", 0))
			last = placement;
	return json_text(last, "site");
}

void shown_place(const json_t *demand, struct strbuf *out)
{
	const char *sites = json_text(demand, "sites");

	if (!*sites && state_has_ended(json_text(demand, "state")))
		sites = last_site(demand);
	if (json_flag(demand, "simulated"))
		strbuf_puts(out, *sites ? "(simulated) " : "(simulated)");
	strbuf_puts(out, sites);
}

const char *shown_age(const json_t *demand, int64_t now_us, char buffer[static SHOWN_SIZE])
{
	int64_t accepted_us = json_number(demand, "accepted_us", 0);
	int64_t started_us = json_number(demand, "started_us", 0);
	int64_t ended_us = json_number(demand, "ended_us", 0);
	int64_t from_us = started_us > 0 ? started_us : accepted_us;
	int64_t to_us = ended_us > 0 ? ended_us : now_us;

	return shown_span(to_us > from_us ? to_us - from_us : 0, buffer);
}

const char *shown_estimate(const json_t *demand, int64_t now_us, char buffer[static SHOWN_SIZE])
{
	int64_t start_us = json_number(demand, "estimated_start_us", 0), left_us = start_us - now_us;
	char span[SHOWN_SIZE];

	/* Nobody knows better than to a minute or so. */
	if (left_us >= 600000000)
		left_us -= left_us % 60000000;
	else
		left_us -= left_us % 1000000;
	if (start_us == 0)
		buffer[0] = 0;
	else if (start_us < 0)
		snprintf(buffer, SHOWN_SIZE, "not known");
	else if (left_us <= 0)
		snprintf(buffer, SHOWN_SIZE, "at any moment");
	else
		snprintf(buffer, SHOWN_SIZE, "in about %.40s", shown_span(left_us, span));
	return buffer;
}

const char *shown_progress(const json_t *demand, char buffer[static SHOWN_SIZE])
{
	int64_t permille = json_number(demand, "progress_permille", -1);
	const char *state = json_text(demand, "state");

	buffer[0] = 0;
	if (strcmp(json_text(demand, "kind"), "service") == 0 && !state_has_ended(state))
		snprintf(buffer, SHOWN_SIZE, "%" PRId64 "/%" PRId64, json_number(demand, "running_count", 0), json_number(demand, "workers", 0));
	else if (permille >= 0 && !state_has_ended(state))
		snprintf(buffer, SHOWN_SIZE, "%" PRId64 " %%", permille / 10);
	return buffer;
}

void shown_result(const json_t *placement, struct strbuf *out)
{
	const char *outcome = json_text(placement, "outcome");
	int64_t code = json_number(placement, "exit_code", -1);
	int64_t number = json_number(placement, "exit_signal", 0);

	if (!*outcome || strcmp(outcome, "none") == 0)
		return;
	strbuf_puts(out, outcome);
	if (number > 0)
		strbuf_printf(out, ": signal %" PRId64 " (%s)", number, strsignal((int)number));
	else if (code > 0)
		strbuf_printf(out, ": exit code %" PRId64, code);
}

struct table *demand_table_new(void)
{
	struct table *table = table_new();

	table_column(table, "ID", 0);
	table_column(table, "NAME", TABLE_SHRINK);
	table_column(table, "TENANT", TABLE_SHRINK | TABLE_SPARE);
	table_column(table, "STATE", 0);
	table_column(table, "DONE", TABLE_RIGHT | TABLE_SPARE);
	table_column(table, "TIME", TABLE_RIGHT | TABLE_SPARE);
	table_column_least(table, "SITE", SHOWN_PLACE_LEAST);
	table_column(table, "REASON", TABLE_SHRINK);
	return table;
}

void demand_table_add(struct table *table, const json_t *demand, int64_t now_us)
{
	const char *state = json_text(demand, "state");
	cleanup_strbuf struct strbuf place = { 0 };
	char text[SHOWN_SIZE];

	shown_place(demand, &place);
	table_cell(table, STYLE_PLAIN, json_text(demand, "id"));
	table_cell(table, STYLE_PLAIN, json_text(demand, "name"));
	table_cell(table, STYLE_DIM, json_text(demand, "tenant"));
	table_cell(table, style_of_state(state), state);
	table_cell(table, STYLE_PLAIN, shown_progress(demand, text));
	table_cell(table, STYLE_PLAIN, shown_age(demand, now_us, text));
	table_cell(table, STYLE_PLAIN, strbuf_text(&place));
	table_cell(table, STYLE_DIM, json_text(demand, "reason"));
}

#define KEY_WIDTH (SHOWN_INDENT - 3)

void shown_field(struct strbuf *out, const char *key, const char *value)
{
	size_t width = text_width(key);

	if (!value || !*value)
		return;
	strbuf_printf(out, "  %s%*s ", key, width < KEY_WIDTH ? (int)(KEY_WIDTH - width) : 0, "");
	text_add_cut(out, value, SIZE_MAX);
	strbuf_putc(out, '\n');
}

void shown_fieldf(struct strbuf *out, const char *key, const char *format, ...)
{
	cleanup_strbuf struct strbuf value = { 0 };
	va_list arguments;

	va_start(arguments, format);
	strbuf_vprintf(&value, format, arguments);
	va_end(arguments);
	shown_field(out, key, strbuf_text(&value));
}

/* --- finding demands ------------------------------------------------------------------------------- */

int demand_get(struct client *client, const char *id, bool quiet, json_t **ret_demand)
{
	cleanup_strbuf struct strbuf path = { 0 };

	strbuf_puts(&path, "/v1/demands/");
	path_add(&path, id);
	return client_call(client, &(struct client_request){ .path = strbuf_text(&path), .quiet = quiet }, ret_demand);
}

int demand_ask(struct client *client, const char *method, const char *id, const char *action, json_t **ret_json)
{
	cleanup_strbuf struct strbuf path = { 0 };

	strbuf_puts(&path, "/v1/demands/");
	path_add(&path, id);
	strbuf_printf(&path, "/%s", action);
	return client_call(client, &(struct client_request){ .method = method, .path = strbuf_text(&path) }, ret_json);
}

static int find_by_name(struct client *client, const char *name, json_t **ret_demand)
{
	cleanup_strbuf struct strbuf path = { 0 };
	json_t *page = NULL;
	const json_t *items;
	int code;

	strbuf_puts(&path, "/v1/demands?order=newest&limit=2");
	query_add(&path, "name", name);
	code = client_get(client, strbuf_text(&path), &page);
	if (code != EXIT_OK)
		return code;
	items = json_object_get(page, "items");
	if (json_array_size(items) == 0) {
		cli_complain("there is no demand with the id or name '%s'", name);
		code = EXIT_MISSING;
	} else {
		const char *id = json_text(json_array_get(items, 0), "id");

		if (json_array_size(items) > 1)
			fprintf(stderr, "Several demands are named %s; this is the newest, %s.\n", name, id);
		code = demand_get(client, id, false, ret_demand);
	}
	json_decref(page);
	return code;
}

int demand_resolve(struct client *client, const char *word, json_t **ret_demand)
{
	uint64_t id;
	int code;

	if (id_parse(word, &id) < 0)
		return find_by_name(client, word, ret_demand);
	/* A name may look like an id: only when there is no such demand is it looked up as one. */
	code = demand_get(client, word, true, ret_demand);
	if (code == EXIT_OK)
		return code;
	return code == EXIT_MISSING ? find_by_name(client, word, ret_demand) : demand_get(client, word, false, ret_demand);
}
