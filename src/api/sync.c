/* POST /v1/sync: agents say what is and hear what should be (wire/sync.h).
 *
 * A sync that brings its agent nothing new is held: until the site's revision or watches change, until its
 * time is over, or until a later sync of the same site comes, which makes it pointless. Being level-triggered,
 * it loses nothing when it is answered too early or not at all.
 */
#include "api/sync.h"

#include <string.h>

#include "model/network.h"

#define HOLD_MAX_US 60000000
#define HELD_MAX 100000 /* more are answered at once */
#define SWEEP_MS 250

struct held {
	struct call *call;
	struct board *board;
	struct sync_request *request;
	uint32_t site;
	int64_t until_us;
	struct held *next, *previous;           /* of the board */
	struct held *site_next, *site_previous; /* of the desk */
};

static struct desk *desk_of(struct board *board, uint32_t site)
{
	if (site >= board->desk_count) {
		size_t count = ((size_t)site + 1) * 2;

		board->desks = mem_resize(board->desks, count, sizeof(*board->desks));
		memset(board->desks + board->desk_count, 0, (count - board->desk_count) * sizeof(*board->desks));
		board->desk_count = count;
	}
	return &board->desks[site];
}

/* --- answering --------------------------------------------------------------------------------- */

/* Whether the reply says anything that the agent has not acted on. */
static bool reply_is_news(const struct desk *desk, const struct sync_request *request, const struct sync_reply *reply)
{
	return reply->epoch != request->heard_epoch || reply->revision != request->heard_revision || reply->want_supply || reply->more ||
	       reply->forget_count || desk->watch_revision != desk->told_revision;
}

static void answer_sync(struct board *board, struct call *call, uint32_t site, struct sync_reply *reply)
{
	struct desk *desk = desk_of(board, site);
	struct strbuf out = { 0 };

	board_watches(board, site, call->arena, &reply->watches, &reply->watch_count);
	desk->told_revision = desk->watch_revision;
	schema_write_json(&sync_reply_schema, reply, true, &out);
	call_answer_json(call, 200, &out);
}

static void held_remove(struct held *held)
{
	struct board *board = held->board;
	struct desk *desk = desk_of(board, held->site);

	*(held->previous ? &held->previous->next : &board->held) = held->next;
	if (held->next)
		held->next->previous = held->previous;
	*(held->site_previous ? &held->site_previous->site_next : &desk->held) = held->site_next;
	if (held->site_next)
		held->site_next->site_previous = held->site_previous;
	board->held_count--;
	held->call->gone = NULL;
}

static void on_gone(struct call *call)
{
	held_remove(call->state);
}

static void hold(struct board *board, struct call *call, uint32_t site, struct sync_request *request)
{
	struct desk *desk = desk_of(board, site);
	struct held *held = ARENA_NEW(call->arena, struct held);
	int64_t wait_us = request->wait_us < HOLD_MAX_US ? request->wait_us : HOLD_MAX_US;

	*held = (struct held){ .call = call, .board = board, .request = request, .site = site, .until_us = call->now_us + wait_us };
	held->next = board->held;
	if (held->next)
		held->next->previous = held;
	board->held = held;
	held->site_next = desk->held;
	if (held->site_next)
		held->site_next->site_previous = held;
	desk->held = held;
	board->held_count++;
	call->gone = on_gone;
	call->state = held;
}

static void release(struct held *held)
{
	struct platform *platform = core_platform(held->board->api->core);
	struct call *call = held->call;
	struct sync_reply reply;

	held_remove(held);
	platform_sync_reply(platform, held->request, call->arena, &reply);
	answer_sync(held->board, call, held->site, &reply);
}

static void release_site(struct board *board, uint32_t site)
{
	struct desk *desk = desk_of(board, site);

	while (desk->held)
		release(desk->held);
}

void board_site_touch(struct board *board, uint32_t site)
{
	desk_of(board, site)->watch_revision++;
	release_site(board, site);
}

static void on_site_changed(void *context, uint32_t site)
{
	release_site(context, site);
}

static void on_sweep(uv_timer_t *timer)
{
	struct board *board = timer->data;
	int64_t now_us = core_now_us(board->api->core);
	struct held *next;

	for (struct held *held = board->held; held; held = next) {
		next = held->next;
		if (now_us >= held->until_us)
			release(held);
	}
	if (!board->held)
		uv_timer_stop(timer);
}

/* --- the call ---------------------------------------------------------------------------------- */

bool call_speaks_for(struct call *call, const char *site)
{
	if (call->who.role != ROLE_SUPPLIER || !*call->who.site || !strcmp(call->who.site, site))
		return true;
	call_problem(call, 403, "forbidden", "Forbidden", "this token speaks for the site %s, not for %s", call->who.site, site);
	return false;
}

/* The tree of the body is given back at once: a held sync keeps only what it said. */
static bool read_sync(struct call *call, struct sync_request *ret)
{
	cleanup_arena struct arena tree = { 0 };
	struct problems problems;
	struct err err = { "" };
	struct doc *doc;
	int code;

	arena_init(&tree);
	code = doc_parse_json(call->request->body, call->request->body_length, &doc_limits_file, &tree, &doc, &err);
	if (code) {
		call_problem(call, 400, "bad-json", "The body is not JSON", "%s", err.text);
		return false;
	}
	problems_init(&problems, call->arena, "");
	problems.message = true;
	if (!schema_read(&sync_request_schema, doc, ret, &problems))
		return true;
	call_problems(call, "the sync", &problems);
	return false;
}

static void post_sync(struct call *call)
{
	struct board *board = call->api->board;
	struct platform *platform = core_platform(call->api->core);
	struct sync_request *request = ARENA_NEW(call->arena, struct sync_request);
	struct sync_reply reply;
	struct event_list events;
	struct err err = { "" };
	uint32_t site;
	int code;

	if (!read_sync(call, request) || !call_speaks_for(call, request->site))
		return;
	event_list_init(&events, call->arena);
	code = decide_sync(platform, call->now_us, request, &events, &err);
	if (code || platform_site_index(platform, request->site, &site)) {
		call_refused(call, code ? code : -ENOENT, &err);
		return;
	}
	core_commit(call->api->core, &events, NULL, NULL);
	platform_observe_sync(platform, call->now_us, request);
	release_site(board, site);
	platform_sync_reply(platform, request, call->arena, &reply);
	if (request->wait_us > 0 && board->held_count < HELD_MAX && !call->api->stopping && !reply_is_news(desk_of(board, site), request, &reply)) {
		hold(board, call, site, request);
		if (!uv_is_active((uv_handle_t *)board->timer))
			uv_timer_start(board->timer, on_sweep, SWEEP_MS, SWEEP_MS);
		return;
	}
	answer_sync(board, call, site, &reply);
}

static const struct route routes[] = {
	{ .method = "POST", .pattern = "/v1/sync", .roles = FOR_OPERATOR | FOR_SUPPLIER, .body = BODY_JSON, .produces = MEDIA_JSON,
	  .handle = post_sync },
	{ .method = "POST", .pattern = "/v1/sync/logs", .roles = FOR_OPERATOR | FOR_SUPPLIER, .body = BODY_JSON, .handle = post_sync_logs },
};
const struct route_table sync_routes = { routes, ARRAY_COUNT(routes) };

/* --- the board --------------------------------------------------------------------------------- */

struct board *board_new(struct api *api)
{
	struct board *board = mem_alloc(sizeof(*board));

	board->api = api;
	board->timer = mem_alloc(sizeof(*board->timer));
	uv_timer_init(api->loop, board->timer);
	board->timer->data = board;
	board_logs_init(board);
	core_on_site_changed(api->core, on_site_changed, board);
	return board;
}

void board_stop(struct board *board)
{
	while (board->held)
		release(board->held);
	board_logs_stop(board);
}

static void on_closed(uv_handle_t *handle)
{
	free(handle);
}

void board_free(struct board *board)
{
	if (!board)
		return;
	core_on_site_changed(board->api->core, NULL, NULL);
	uv_close((uv_handle_t *)board->timer, on_closed);
	uv_close((uv_handle_t *)board->pump, on_closed);
	free(board->desks);
	free(board);
}
