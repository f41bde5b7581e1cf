/* Events as they become durable: a stream (text/event-stream), or a page of the newest.
 *
 * A stream that keeps up gets each event as it comes. One whose client is slow falls behind and is fed from
 * the core's memory of the newest events when there is room again; when it asks for more than is kept, it
 * hears `reset` and goes on with the oldest kept: the client must read anew what it showed.
 *
 *   invariant: every event up to `seen` was written to the stream or is not for its caller
 */
#include "api/events.h"

#include <inttypes.h>
#include <string.h>

#include "platform/event.h"

#define STREAMS_MAX 1024
#define STREAM_BUFFER_MAX ((size_t)32 << 20) /* more than the largest event */
#define STREAM_WAITING_MAX ((size_t)4 << 20) /* bytes that wait for a slow client; then it is behind, and fed later */
#define STREAM_WAITING_FEW ((size_t)1 << 18) /* below that it is fed again; and the bound while too much waits for all together */
#define ALL_WAITING_MAX ((size_t)256 << 20)
#define FEED_MAX 256                        /* events in one go, so that a long resume does not stop everything else */
#define FEED_ALL_MAX 1024                   /* the same, for all streams that are behind together */
#define FEED_MS 10
#define QUIET_US 15000000                   /* then a comment shows that the stream lives */
#define STUCK_US 120000000                  /* its client took nothing for as long: the place is for others */
#define LOOK_BACK_MAX 8192                  /* events that a page looks through for those its caller may see */

struct stream {
	struct call *call;
	struct hub *hub;
	struct stream *next;
	uint64_t seen;
	bool behind;
	int64_t written_us; /* when it last took something */
};

struct hub {
	struct api *api;
	struct stream *streams;
	size_t stream_count;
	struct core_subscription *subscription; /* while there are streams */
	uv_timer_t *timer;
	size_t waiting;     /* bytes for all clients: counted up here, taken down by the timer */
	size_t behind;      /* streams that had room to be fed, at the last turn of the timer */
	bool token_revoked; /* since the last turn of the timer: streams of that token end */
};

/* Tenants see their own demands' events and those of sites; what is about tokens is for operators and auditors. */
static bool may_see(const struct caller *who, const struct core_event *event)
{
	if (event->type == EVENT_TOKEN_CREATED || event->type == EVENT_TOKEN_REVOKED)
		return who->role == ROLE_OPERATOR || who->role == ROLE_AUDITOR;
	return !event->demand || caller_sees_tenant(who, event->tenant ? event->tenant : "");
}

/* Gives the event's JSON without its body to those who may not see what demands run. */
static void write_event(const struct caller *who, const struct core_event *event, struct strbuf *out)
{
	static const char body[] = ",\"body\":{";
	const char *found = NULL;

	/* `body` is the last key (view_event_json), and a quote within a text is escaped, so the first match is the key. */
	if (event->type == EVENT_DEMAND_ACCEPTED && !caller_sees_commands(who))
		found = memmem(event->json, event->json_length, body, sizeof(body) - 1);
	if (!found) {
		strbuf_add(out, event->json, event->json_length);
		return;
	}
	strbuf_add(out, event->json, (size_t)(found - event->json));
	strbuf_putc(out, '}');
}

/* --- streams ----------------------------------------------------------------------------------- */

static size_t stream_waiting(const struct stream *stream)
{
	return STREAM_BUFFER_MAX - http_stream_room(stream->call->request);
}

static bool stream_write(struct stream *stream, const char *data, size_t length)
{
	size_t waiting_max = stream->hub->waiting < ALL_WAITING_MAX ? STREAM_WAITING_MAX : STREAM_WAITING_FEW;

	if (stream_waiting(stream) > waiting_max || http_stream_write(stream->call->request, data, length)) {
		stream->behind = true;
		return false;
	}
	stream->hub->waiting += length;
	stream->written_us = core_now_us(stream->hub->api->core);
	return true;
}

static void stream_event(struct stream *stream, const struct core_event *event)
{
	struct strbuf text cleanup_strbuf = { 0 };

	if (event->sequence <= stream->seen)
		return;
	if (may_see(&stream->call->who, event)) {
		strbuf_printf(&text, "id: %" PRIu64 "\ndata: ", event->sequence);
		write_event(&stream->call->who, event, &text);
		strbuf_puts(&text, "\n\n");
		if (!stream_write(stream, text.data, text.length))
			return;
	}
	stream->seen = event->sequence;
}

static void on_event(void *context, const struct core_event *event)
{
	struct hub *hub = context;

	hub->token_revoked = hub->token_revoked || event->type == EVENT_TOKEN_REVOKED;
	for (struct stream *stream = hub->streams; stream; stream = stream->next)
		if (!stream->behind)
			stream_event(stream, event);
}

static void feed_event(void *context, const struct core_event *event)
{
	struct stream *stream = context;

	if (!stream->behind)
		stream_event(stream, event);
}

static void stream_reset(struct stream *stream, uint64_t sequence)
{
	struct strbuf text cleanup_strbuf = { 0 };

	strbuf_printf(&text, "id: %" PRIu64 "\nevent: reset\ndata: {\"sequence\":%" PRIu64 "}\n\n", sequence, sequence);
	if (stream_write(stream, text.data, text.length))
		stream->seen = sequence;
}

static void ignore_event(void *context, const struct core_event *event)
{
}

/* Writes what the stream has missed, as far as there is room. */
static void stream_feed(struct stream *stream)
{
	size_t count, most = FEED_ALL_MAX / (stream->hub->behind + 1) + 1;
	uint64_t oldest;

	if (most > FEED_MAX)
		most = FEED_MAX;
	if (stream_waiting(stream) > STREAM_WAITING_FEW / 2)
		return;
	stream->behind = false;
	core_recent_events(stream->hub->api->core, stream->seen, 0, ignore_event, NULL, &oldest);
	if (stream->seen + 1 < oldest)
		stream_reset(stream, oldest - 1);
	if (stream->behind)
		return;
	count = core_recent_events(stream->hub->api->core, stream->seen, most, feed_event, stream, &oldest);
	if (count == most)
		stream->behind = true;
}

static void stream_remove(struct stream *stream)
{
	struct hub *hub = stream->hub;
	struct stream **link = &hub->streams;

	while (*link != stream)
		link = &(*link)->next;
	*link = stream->next;
	stream->call->gone = NULL;
	if (--hub->stream_count)
		return;
	core_unsubscribe(hub->subscription);
	hub->subscription = NULL;
	uv_timer_stop(hub->timer);
}

static void on_gone(struct call *call)
{
	stream_remove(call->state);
}

static void stream_end(struct stream *stream)
{
	struct call *call = stream->call;

	stream_remove(stream);
	call_stream_end(call);
}

static bool token_was_revoked(const struct stream *stream)
{
	const struct caller *who = &stream->call->who;

	return who->by_token && !platform_token(core_platform(stream->hub->api->core), who->hash);
}

static void on_timer(uv_timer_t *timer)
{
	struct hub *hub = timer->data;
	int64_t now_us = core_now_us(hub->api->core);
	bool token_revoked = hub->token_revoked;
	struct stream *next;
	size_t waiting = 0, behind = 0;

	hub->token_revoked = false;
	for (struct stream *stream = hub->streams; stream; stream = next) {
		next = stream->next;
		if ((token_revoked && token_was_revoked(stream)) || now_us - stream->written_us > STUCK_US) {
			stream_end(stream);
			continue;
		}
		if (stream->behind)
			stream_feed(stream);
		if (!stream->behind && now_us - stream->written_us >= QUIET_US)
			stream_write(stream, ":\n\n", 3);
		waiting += stream_waiting(stream);
		behind += stream->behind && stream_waiting(stream) <= STREAM_WAITING_FEW / 2;
	}
	hub->waiting = waiting;
	hub->behind = behind;
}

/* Where a stream resumes: *ret_after UINT64_MAX means from now on. */
static bool read_resume(struct call *call, uint64_t *ret_after)
{
	const char *last = http_request_header(call->request, "Last-Event-ID");
	int64_t after;

	if (!call_integer(call, "after", 0, INT64_MAX / 16, -1, &after))
		return false;
	*ret_after = after < 0 ? UINT64_MAX : (uint64_t)after;
	if (!last || !*last)
		return true;
	for (const char *c = last; *c; c++)
		if (*c < '0' || *c > '9' || c - last > 17) {
			call_problem(call, 400, "bad-parameter", "A parameter is not valid", "Last-Event-ID: '%s' is no number of an event", last);
			return false;
		}
	*ret_after = strtoull(last, NULL, 10);
	return true;
}

static void begin_stream(struct call *call, uint64_t after)
{
	struct hub *hub = call->api->hub;
	uint64_t newest = platform_sequence(core_platform(call->api->core));
	struct stream *stream;

	if (call->is_head) {
		call_answer(call, 200, "text/event-stream", NULL);
		return;
	}
	if (hub->stream_count >= STREAMS_MAX) {
		call_header(call, "Retry-After", "10");
		call_problem(call, 503, "full", "The platform is full", "%d event streams are open already", STREAMS_MAX);
		return;
	}
	stream = ARENA_NEW(call->arena, struct stream);
	*stream = (struct stream){ .call = call, .hub = hub, .next = hub->streams, .seen = after == UINT64_MAX ? newest : after,
				   .written_us = call->now_us };
	call->state = stream;
	call->gone = on_gone;
	call_stream_begin(call, "text/event-stream", STREAM_BUFFER_MAX);
	hub->streams = stream;
	hub->stream_count++;
	if (!hub->subscription) {
		hub->subscription = core_subscribe(hub->api->core, on_event, hub);
		uv_timer_start(hub->timer, on_timer, FEED_MS, FEED_MS);
	}
	stream_write(stream, ":\n\n", 3); /* so that the client hears that it is connected */
	if (stream->seen > newest)
		stream_reset(stream, newest); /* of another life of this platform */
	stream_feed(stream);
}

/* --- pages ------------------------------------------------------------------------------------- */

struct page {
	struct call *call;
	struct strbuf *out;  /* NULL: only count */
	size_t skip, limit, count;
	uint64_t last;
};

static void page_event(void *context, const struct core_event *event)
{
	struct page *page = context;

	if (!may_see(&page->call->who, event) || page->count >= page->skip + page->limit)
		return;
	page->count++;
	if (!page->out || page->count <= page->skip)
		return;
	page->last = event->sequence;
	page_item(page->out);
	write_event(&page->call->who, event, page->out);
}

static void list_events(struct call *call)
{
	struct core *core = call->api->core;
	uint64_t newest = platform_sequence(core_platform(core));
	struct page page = { .call = call };
	struct strbuf out = { 0 };
	int64_t limit, after;
	uint64_t from, oldest;
	size_t looked;

	if (!call_integer(call, "limit", 1, PAGE_LIMIT_MAX, PAGE_LIMIT_DEFAULT, &limit) ||
	    !call_integer(call, "after", 0, INT64_MAX / 16, -1, &after))
		return;
	from = after >= 0 ? (uint64_t)after : newest > LOOK_BACK_MAX ? newest - LOOK_BACK_MAX : 0;
	if (after < 0) {
		/* The newest: counted first, so that the older ones can be passed over. */
		page.limit = LOOK_BACK_MAX;
		core_recent_events(core, from, LOOK_BACK_MAX, page_event, &page, &oldest);
		page.skip = page.count > (size_t)limit ? page.count - (size_t)limit : 0;
		page.count = 0;
	}
	page.limit = (size_t)limit;
	page.out = &out;
	page_begin(&out);
	looked = core_recent_events(core, from, LOOK_BACK_MAX, page_event, &page, &oldest);
	if (from + 1 < oldest)
		from = oldest - 1;
	/* More may follow when the page is full, or when the look ended before the newest. */
	page_end(&out, after >= 0 && page.count == (size_t)limit ? arena_printf(call->arena, "%" PRIu64, page.last)
		       : after >= 0 && looked == LOOK_BACK_MAX ? arena_printf(call->arena, "%" PRIu64, from + looked)
							       : "");
	call_answer_json(call, 200, &out);
}

static void get_events(struct call *call)
{
	uint64_t after;

	if (!read_resume(call, &after))
		return;
	if (call_accepts(call, "text/event-stream", true) || !call_accepts(call, "application/json", false))
		begin_stream(call, after);
	else
		list_events(call);
}

static const char *const parameters[] = { "after", "limit", NULL };
static const struct route routes[] = {
	{ .method = "GET", .pattern = "/v1/events", .roles = FOR_ALL, .produces = MEDIA_JSON | MEDIA_EVENTS, .parameters = parameters,
	  .handle = get_events },
};
const struct route_table event_routes = { routes, ARRAY_COUNT(routes) };

/* --- the hub ----------------------------------------------------------------------------------- */

struct hub *hub_new(struct api *api)
{
	struct hub *hub = mem_alloc(sizeof(*hub));

	hub->api = api;
	hub->timer = mem_alloc(sizeof(*hub->timer));
	uv_timer_init(api->loop, hub->timer);
	hub->timer->data = hub;
	return hub;
}

void hub_stop(struct hub *hub)
{
	while (hub->streams)
		stream_end(hub->streams);
}

static void on_closed(uv_handle_t *handle)
{
	free(handle);
}

void hub_free(struct hub *hub)
{
	if (!hub)
		return;
	uv_close((uv_handle_t *)hub->timer, on_closed);
	free(hub);
}
