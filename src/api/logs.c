/* Output of attempts, on its way from the site to the reader.
 *
 * GET /v1/demands/{id}/logs makes a watch. The site's sync is answered with it, its agent posts the output
 * chunk by chunk to /v1/sync/logs, and each chunk goes on to the reader. A chunk that finds the reader's
 * buffer full is answered only when it fits: so a slow reader slows the agent's sending down, and nothing
 * piles up here. Keeping output on the platform was rejected: it would be the bulk of all its state.
 *
 * A reader who does not follow gets what there is; the agent is silent when nothing is new, so that is over
 * after a pause.
 */
#include "api/demands.h"
#include "api/sync.h"

#include <inttypes.h>
#include <string.h>

#define WATCHES_MAX 1024
#define STREAM_BUFFER_MAX ((size_t)1 << 20)
#define PUMP_MS 20
#define PAUSE_US 300000         /* nothing new as long: all there is, for those who do not follow */
#define FIRST_RUNNING_US 2000000 /* for the first chunk of an attempt that may not have written anything */
#define FIRST_ENDED_US 15000000  /* of one that ended, whose agent always answers */
#define CHECK_US 5000000         /* between looks at whether an attempt can still write, and its reader still read */
#define OFFSET_MAX INT64_C(1000000000000000)

struct watch {
	struct board *board;
	struct call *call;  /* the reader */
	struct watch *next;
	struct log_watch log; /* `offset` is where the reader stands */
	uint32_t site;
	const char *site_name;
	bool follow, begun, attempt_ended;
	int64_t left;       /* bytes that the reader still wants */
	int64_t chunk_us;   /* when the last chunk came, or the watch was made */
	int64_t checked_us;
	struct call *chunk; /* an agent's call that waits for room */
	struct sync_log *chunk_log;
};

/* --- the reader's side ------------------------------------------------------------------------- */

static void watch_remove(struct watch *watch)
{
	struct board *board = watch->board;
	struct watch **link = &board->watches;

	while (*link != watch)
		link = &(*link)->next;
	*link = watch->next;
	board->watch_count--;
	watch->call->gone = NULL;
	if (watch->chunk) {
		watch->chunk->gone = NULL;
		call_problem(watch->chunk, 410, "watch-gone", "Nobody waits", "the reader of this output has gone");
	}
}

static void on_reader_gone(struct call *call)
{
	struct watch *watch = call->state;
	struct board *board = watch->board;
	uint32_t site = watch->site;

	watch_remove(watch);
	if (!board->api->stopping)
		board_site_touch(board, site);
}

static void watch_begin(struct watch *watch, int64_t first)
{
	if (watch->begun)
		return;
	watch->begun = true;
	if (watch->log.offset < first)
		watch->log.offset = first;
	call_header(watch->call, "Weir-Log-First", arena_printf(watch->call->arena, "%" PRId64, first));
	call_stream_begin(watch->call, "text/plain; charset=utf-8", STREAM_BUFFER_MAX);
}

/* Ends the reader's answer, having begun it if nothing came. */
static void watch_end(struct watch *watch)
{
	struct board *board = watch->board;
	struct call *call = watch->call;
	uint32_t site = watch->site;

	watch_begin(watch, watch->log.offset);
	watch_remove(watch);
	call_stream_end(call);
	board_site_touch(board, site);
}

static void watch_fail(struct watch *watch, unsigned status, const char *slug, const char *title, const char *text)
{
	struct board *board = watch->board;
	struct call *call = watch->call;
	uint32_t site = watch->site;

	watch_remove(watch);
	call_problem(call, status, slug, title, "%s", text);
	board_site_touch(board, site);
}

void board_watches(struct board *board, uint32_t site, struct arena *arena, struct log_watch **ret, size_t *ret_count)
{
	size_t count = 0;

	*ret = NULL;
	*ret_count = 0;
	for (struct watch *watch = board->watches; watch; watch = watch->next)
		count += watch->site == site;
	if (!count)
		return;
	*ret = ARENA_ARRAY(arena, struct log_watch, count);
	for (struct watch *watch = board->watches; watch; watch = watch->next)
		if (watch->site == site)
			(*ret)[(*ret_count)++] = watch->log;
}

/* --- the agent's side -------------------------------------------------------------------------- */

static void chunk_accept(struct call *chunk)
{
	chunk->gone = NULL;
	chunk->status = 204;
	call_answer_now(chunk);
}

/* Hands the chunk on to the reader. False: it does not fit yet. */
static bool chunk_take(struct watch *watch, const struct sync_log *log)
{
	const uint8_t *data = log->data.data;
	int64_t length = (int64_t)log->data.length;
	int64_t skip = watch->log.offset - log->offset;

	if (!watch->begun && !length && log->end && *log->message) {
		watch_fail(watch, 404, "no-output", "No output", log->message);
		return true;
	}
	watch_begin(watch, log->first);
	/* Said twice, or cut off by rotation: the reader goes on where the chunk does. */
	if (skip > 0) {
		data += skip < length ? skip : length;
		length -= skip < length ? skip : length;
	} else {
		watch->log.offset = log->offset;
	}
	if (length > watch->left)
		length = watch->left;
	if (http_stream_write(watch->call->request, data, (size_t)length))
		return false;
	watch->log.offset += length;
	watch->left -= length;
	watch->chunk_us = core_now_us(watch->board->api->core);
	if (log->end || !watch->left || (!watch->follow && !log->data.length))
		watch_end(watch);
	return true;
}

static void on_chunk_gone(struct call *chunk)
{
	struct watch *watch = chunk->state;

	watch->chunk = NULL;
}

static struct watch *watch_find(struct board *board, uint64_t number)
{
	for (struct watch *watch = board->watches; watch; watch = watch->next)
		if (watch->log.watch == number)
			return watch;
	return NULL;
}

static void pump_start(struct board *board);

void post_sync_logs(struct call *call)
{
	struct board *board = call->api->board;
	struct sync_log *log = ARENA_NEW(call->arena, struct sync_log);
	struct problems problems;
	const struct doc *doc;
	struct watch *watch;

	if (!call_json(call, &doc))
		return;
	problems_init(&problems, call->arena, "");
	problems.message = true;
	if (schema_read(&sync_log_schema, doc, log, &problems)) {
		call_problems(call, "the output", &problems);
		return;
	}
	if (!call_speaks_for(call, log->site))
		return;
	watch = watch_find(board, log->watch);
	if (!watch || strcmp(watch->site_name, log->site)) {
		call_problem(call, 410, "watch-gone", "Nobody waits", "nobody waits for this output");
		return;
	}
	if (watch->chunk) {
		call_problem(call, 409, "conflict", "Conflict", "a chunk of this output is still on its way");
		return;
	}
	if (log->data.length > STREAM_BUFFER_MAX) {
		call_problem(call, 413, "body-too-large", "Content too large", "a chunk holds at most %zu bytes", STREAM_BUFFER_MAX);
		return;
	}
	if (chunk_take(watch, log)) {
		chunk_accept(call);
		return;
	}
	watch->chunk = call;
	watch->chunk_log = log;
	call->gone = on_chunk_gone;
	call->state = watch;
	pump_start(board);
}

/* --- time -------------------------------------------------------------------------------------- */

/* Whether the attempt's site can bring nothing more, or the reader may not hear it any more. */
static bool watch_is_hopeless(struct watch *watch)
{
	struct platform *platform = core_platform(watch->board->api->core);
	int64_t now_us = core_now_us(watch->board->api->core);
	cleanup_arena struct arena arena = { 0 };
	struct site_status site;

	arena_init(&arena);
	watch->checked_us = now_us;
	if (watch->call->who.by_token && !platform_token(platform, watch->call->who.hash))
		return true;
	if (now_us - watch->chunk_us <= CHECK_US)
		return false;
	if (view_site(platform, now_us, watch->site_name, false, &arena, &site))
		return true;
	return site.condition == CONDITION_LOST || site.condition == CONDITION_UNSEEN;
}

/* Gives false when the watch has ended. */
static bool watch_turn(struct watch *watch, int64_t now_us)
{
	int64_t silent_us = now_us - watch->chunk_us;

	if (watch->chunk) {
		struct call *chunk = watch->chunk;

		watch->chunk = NULL;
		if (!chunk_take(watch, watch->chunk_log)) {
			watch->chunk = chunk;
			return true;
		}
		chunk_accept(chunk);
		return false; /* perhaps ended: looked at again in the next turn */
	}
	if (!watch->follow && watch->begun && silent_us > PAUSE_US) {
		watch_end(watch);
		return false;
	}
	if (!watch->begun && watch->attempt_ended && silent_us > FIRST_ENDED_US) {
		watch_fail(watch, 504, "site-silent", "The site does not answer", "the site has not sent the output in time");
		return false;
	}
	if (!watch->follow && !watch->begun && !watch->attempt_ended && silent_us > FIRST_RUNNING_US) {
		watch_end(watch);
		return false;
	}
	if (now_us - watch->checked_us > CHECK_US && watch_is_hopeless(watch)) {
		watch_end(watch);
		return false;
	}
	return true;
}

static void on_pump(uv_timer_t *timer)
{
	struct board *board = timer->data;
	int64_t now_us = core_now_us(board->api->core);
	struct watch *next;

	for (struct watch *watch = board->watches; watch; watch = next) {
		next = watch->next;
		watch_turn(watch, now_us);
	}
	if (!board->watches)
		uv_timer_stop(timer);
}

static void pump_start(struct board *board)
{
	if (!uv_is_active((uv_handle_t *)board->pump))
		uv_timer_start(board->pump, on_pump, PUMP_MS, PUMP_MS);
}

void board_logs_init(struct board *board)
{
	board->pump = mem_alloc(sizeof(*board->pump));
	uv_timer_init(board->api->loop, board->pump);
	board->pump->data = board;
}

void board_logs_stop(struct board *board)
{
	while (board->watches)
		watch_end(board->watches);
}

/* --- the call ---------------------------------------------------------------------------------- */

enum log_stream { STREAM_STDOUT, STREAM_STDERR, STREAM_COUNT };
static const char *const stream_words[STREAM_COUNT] = { "stdout", "stderr" };
static const struct string_table stream_table = { "stream", stream_words, STREAM_COUNT };

struct log_query {
	int64_t replica, attempt, worker, offset, limit;
	int stream, follow;
};

static bool read_query(struct call *call, struct log_query *query)
{
	return call_integer(call, "replica", 0, DEMAND_WORKERS_MAX, 0, &query->replica) &&
	       call_integer(call, "attempt", 1, INT32_MAX, 0, &query->attempt) &&
	       call_integer(call, "worker", 0, DEMAND_WORKERS_MAX, 0, &query->worker) &&
	       call_integer(call, "offset", 0, OFFSET_MAX, 0, &query->offset) &&
	       call_integer(call, "limit", 1, OFFSET_MAX, OFFSET_MAX, &query->limit) &&
	       call_enum(call, "stream", &stream_table, &query->stream) && call_flag(call, "follow", &query->follow);
}

static bool check_site(struct call *call, const char *name)
{
	struct site_status site;

	if (view_site(core_platform(call->api->core), call->now_us, name, false, call->arena, &site)) {
		call_not_found(call, "site", name);
		return false;
	}
	if (site.condition != CONDITION_LOST && site.condition != CONDITION_UNSEEN)
		return true;
	call_header(call, "Retry-After", "10");
	call_problem(call, 503, "site-away", "The site is away", "the output lies at %s, which is %s", name,
		     site_condition_to_string(site.condition));
	return false;
}

static bool attempt_has_ended(const struct demand_view *demand, const struct attempt_name *name)
{
	for (size_t i = 0; i < demand->placement_count; i++)
		if (demand->placements[i].replica == name->replica && demand->placements[i].attempt == name->attempt)
			return demand->placements[i].state == ATTEMPT_ENDED;
	return true;
}

static void get_logs(struct call *call)
{
	struct board *board = call->api->board;
	struct platform *platform = core_platform(call->api->core);
	struct attempt_name name;
	struct demand_view demand;
	struct log_query query;
	struct watch *watch;
	const char *site;
	uint64_t id;

	if (!call_demand(call, true, &id, &demand) || !read_query(call, &query))
		return;
	if (view_placement_site(platform, id, query.replica, query.attempt, &site, &name)) {
		call_problem(call, 404, "no-output", "No output", "%s",
			     query.attempt || query.replica ? "there is no such attempt" : "it has not been placed yet");
		return;
	}
	if (!check_site(call, site))
		return;
	if (call->is_head || board->watch_count >= WATCHES_MAX) {
		if (!call->is_head)
			call_problem(call, 503, "full", "The platform is full", "%d readers follow output already", WATCHES_MAX);
		else
			call_answer(call, 200, "text/plain; charset=utf-8", NULL);
		return;
	}
	watch = ARENA_NEW(call->arena, struct watch);
	*watch = (struct watch){ .board = board, .call = call, .next = board->watches, .site_name = arena_strdup(call->arena, site),
				 .follow = query.follow == 1, .left = query.limit, .chunk_us = call->now_us, .checked_us = call->now_us,
				 .attempt_ended = attempt_has_ended(&demand, &name) };
	watch->log = (struct log_watch){ .watch = ++board->last_watch, .demand = id, .replica = name.replica, .attempt = name.attempt,
					 .worker = query.worker, .stream = query.stream == STREAM_STDERR ? 2 : 1, .offset = query.offset };
	platform_site_index(platform, site, &watch->site);
	board->watches = watch;
	board->watch_count++;
	call->gone = on_reader_gone;
	call->state = watch;
	pump_start(board);
	board_site_touch(board, watch->site);
}

static const char *const parameters[] = { "replica", "attempt", "worker", "stream", "offset", "limit", "follow", NULL };
static const struct route routes[] = {
	{ .method = "GET", .pattern = "/v1/demands/{id}/logs", .roles = FOR_OPERATOR | FOR_AUDITOR | FOR_TENANT, .produces = MEDIA_TEXT,
	  .parameters = parameters, .handle = get_logs },
};
const struct route_table log_routes = { routes, ARRAY_COUNT(routes) };
