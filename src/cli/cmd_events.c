/* weir events: what happened last, or what happens as it does.
 *
 * Following reads the event stream of the API (text/event-stream) and resumes it by the last id that was
 * seen, so nothing is shown twice or left out when the connection breaks. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/shown.h"

#define EVENT_TEXT_MAX (4u << 20)
#define RESUME_FIRST_US 200000
#define RESUME_MOST_US 5000000

static const char *const usage[] = { "events [OPTION]..." };
static const char *const examples[] = {
	"weir events -n 20",        "the last twenty",
	"weir events -f --json",    "each as it happens, one JSON object a line",
};
static const struct cli_help help = {
	.usage = usage, .usage_count = ARRAY_COUNT(usage), .examples = examples, .example_count = ARRAY_COUNT(examples),
	.purpose = "Prints the newest events of the platform's log, oldest first, or follows them as they happen.",
};

struct events {
	struct context_options context;
	const char *type, *demand;
	int64_t limit, after;
	bool follow, json;
	/* while following: */
	struct strbuf line, data;
	char next_id[32]; /* of the event that is being read */
	char last_id[32]; /* of the last one that came whole */
	bool reset;
};

static void show_event(struct events *events, const json_t *event)
{
	const char *type = json_text(event, "type"), *demand = json_text(event, "demand");
	bool colours = terminal_colours(stdout);
	cleanup_strbuf struct strbuf out = { 0 };
	char text[SHOWN_SIZE];

	if (events->type && strcmp(events->type, type) != 0)
		return;
	if (events->demand && strcmp(events->demand, demand) != 0)
		return;
	if (events->json) {
		json_print_line(event);
		return;
	}
	strbuf_printf(&out, "%s  %s%-18s%s  ", shown_time(json_number(event, "time_us", 0), text), colours ? style_begin(STYLE_DIM) : "", type,
		      colours ? style_end(STYLE_DIM) : "");
	if (*demand)
		strbuf_printf(&out, "%s  ", demand);
	text_add_cut(&out, json_text(event, "sentence"), SIZE_MAX);
	puts(strbuf_text(&out));
	fflush(stdout);
}

/* --- the stream ----------------------------------------------------------------------------------- */

static void take_line(struct events *events, const char *line)
{
	if (strncmp(line, "id:", 3) == 0) {
		line += 3 + (line[3] == ' ');
		snprintf(events->next_id, sizeof(events->next_id), "%s", line);
	} else if (strncmp(line, "event:", 6) == 0) {
		line += 6 + (line[6] == ' ');
		events->reset = strcmp(line, "reset") == 0;
	} else if (strncmp(line, "data:", 5) == 0 && events->data.length < EVENT_TEXT_MAX) {
		if (events->data.length)
			strbuf_putc(&events->data, '\n');
		strbuf_puts(&events->data, line + 5 + (line[5] == ' '));
	} else if (*line == 0) {
		json_t *event = events->data.length ? json_loadb(events->data.data, events->data.length, 0, NULL) : NULL;

		if (events->reset)
			cli_complain("some events are no longer kept and were left out");
		else if (event)
			show_event(events, event);
		json_decref(event);
		memcpy(events->last_id, events->next_id, sizeof(events->last_id));
		strbuf_reset(&events->data);
		events->reset = false;
	}
}

static int on_data(void *context, const void *data, size_t length)
{
	struct events *events = context;
	const char *text = data;

	for (size_t i = 0; i < length; i++) {
		if (text[i] == '\n') {
			if (events->line.length && events->line.data[events->line.length - 1] == '\r')
				events->line.data[--events->line.length] = 0;
			take_line(events, strbuf_text(&events->line));
			strbuf_reset(&events->line);
		} else if (events->line.length < EVENT_TEXT_MAX) {
			strbuf_putc(&events->line, text[i]);
		}
	}
	return 0;
}

static int follow(struct client *client, struct events *events)
{
	int64_t pause_us = RESUME_FIRST_US;

	if (events->after >= 0)
		snprintf(events->last_id, sizeof(events->last_id), "%" PRId64, events->after);
	memcpy(events->next_id, events->last_id, sizeof(events->next_id));
	for (;;) {
		char resume[sizeof(events->last_id)];
		struct client_stream stream = { .path = "/v1/events", .accept = "text/event-stream", .data = on_data, .context = events };

		memcpy(resume, events->last_id, sizeof(resume));
		stream.last_event_id = resume[0] ? resume : NULL;
		client_streams(client, (struct client_stream *[]){ &stream }, 1, events->last_id[0] != 0, NULL, NULL, 0);
		if (stream.status != EXIT_OK && !stream.broken)
			return stream.status;
		if (stream.broken && !events->last_id[0])
			return EXIT_UNREACHABLE; /* never heard anything */
		if (strcmp(resume, events->last_id) != 0)
			pause_us = RESUME_FIRST_US;
		memcpy(events->next_id, events->last_id, sizeof(events->next_id));
		strbuf_reset(&events->line);
		strbuf_reset(&events->data);
		usleep((useconds_t)pause_us);
		pause_us = pause_us * 2 < RESUME_MOST_US ? pause_us * 2 : RESUME_MOST_US;
	}
}

static int show_newest(struct client *client, struct events *events)
{
	cleanup_strbuf struct strbuf path = { 0 };
	json_t *page = NULL;
	const json_t *items;
	int code;

	strbuf_printf(&path, "/v1/events?limit=%" PRId64, events->limit);
	if (events->after >= 0)
		strbuf_printf(&path, "&after=%" PRId64, events->after);
	code = client_get(client, strbuf_text(&path), &page);
	items = json_object_get(page, "items");
	if (code == EXIT_OK && json_array_size(items) > 0) {
		size_t count = json_array_size(items);
		int64_t first = json_number(json_array_get(items, 0), "sequence", 0);
		bool newest_first = first > json_number(json_array_get(items, count - 1), "sequence", 0);

		for (size_t i = 0; i < count; i++)
			show_event(events, json_array_get(items, newest_first ? count - 1 - i : i));
	}
	json_decref(page);
	return code;
}

int cmd_events(int argc, char **argv)
{
	struct events events = { .limit = 50, .after = -1 };
	const struct cli_option options[] = {
		CLI_FLAG("follow", 'f', &events.follow, "go on with events as they happen, until Ctrl-C"),
		CLI_NUMBER("limit", 'n', &events.limit, "N", 1, 1000, "how many of the newest, without --follow (default 50)"),
		CLI_NUMBER("after", 0, &events.after, "SEQUENCE", 0, INT64_MAX, "only those after this one"),
		CLI_TEXT("type", 0, &events.type, "TYPE", "only of this type, such as demand-accepted or placed"),
		CLI_TEXT("demand", 0, &events.demand, "ID", "only of this demand"),
		CLIENT_JSON(&events.json),
		CLIENT_OPTIONS(&events.context),
	};
	cleanup_arguments struct cli_arguments arguments = { 0 };
	cleanup(client_free) struct client *client = NULL;
	int code = cli_parse(argc, argv, &help, options, ARRAY_COUNT(options), &arguments);

	if (code >= 0)
		return code;
	code = client_open(&events.context, &client);
	if (code == EXIT_OK)
		code = events.follow ? follow(client, &events) : show_newest(client, &events);
	strbuf_done(&events.line);
	strbuf_done(&events.data);
	return code;
}
