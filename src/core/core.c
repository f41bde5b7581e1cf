#include "core/core.h"

#include <assert.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "core/clock.h"
#include "core/committer.h"
#include "core/recent.h"
#include "core/snapshot_file.h"

#define TICK_MIN_MS 10
#define TICK_MAX_MS 1000
#define KEEP_RECORDS 5000000 /* of the log below a snapshot, for replay and for looking back */

struct core_subscription {
	struct core *core;
	void (*event)(void *context, const struct core_event *event);
	void *context;
	struct core_subscription *next;
	bool gone; /* freed once no walk over the list is under way */
};

struct core {
	uv_loop_t *loop;
	struct core_settings settings;
	struct platform *platform;
	struct committer *committer;
	struct recent *recent;
	uv_timer_t tick;
	uv_timer_t round;
	bool round_armed;
	int64_t tick_at_us; /* CLOCK_BOOTTIME at which `tick` comes, while it is active */
	struct core_subscription *subscriptions;
	bool walking;
	void (*site_changed)(void *context, uint32_t site);
	void *site_context;
	struct core_clock clock; /* never goes back, also over a restart */
	struct strbuf encoded;
	struct core_figures figures;

	uint64_t snapshot_sequence; /* of the last one that was begun */
	uint64_t snapshot_kept;     /* of the last one that is in the store */
	uv_poll_t child_poll;
	pid_t child; /* 0: none */
	int child_fd, child_pipe;
	bool snapshot_waits; /* the committer has it */
	bool child_open; /* child_poll is, or is being closed */
	bool closing;
	unsigned open_handles; /* while closing */
};

static int64_t clock_us(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t core_now_us(const struct core *core)
{
	/* That time goes on is no change that a reader of the core could tell. */
	return core_clock_turn(&((struct core *)core)->clock, clock_us(CLOCK_BOOTTIME), clock_us(CLOCK_REALTIME));
}

struct platform *core_platform(struct core *core)
{
	return core->platform;
}

/* --- events ----------------------------------------------------------------------------------- */

static void arm_round(struct core *core);
static void arm_tick(struct core *core);
static void maybe_snapshot(struct core *core);

static void apply_all(struct core *core, struct event_list *events)
{
	for (size_t i = 0; i < events->count; i++) {
		struct event *event = &events->events[i];

		strbuf_reset(&core->encoded);
		event_encode(event, &core->encoded);
		platform_apply(core->platform, event);
		committer_add(core->committer, event->sequence, event->time_us, (uint32_t)event->type, strbuf_text(&core->encoded),
			      core->encoded.length);
	}
}

void core_commit(struct core *core, struct event_list *events, void (*done)(void *context), void *context)
{
	apply_all(core, events);
	if (done)
		committer_when_durable(core->committer, done, context);
	if (events->count > 0) {
		arm_round(core);
		arm_tick(core);
		maybe_snapshot(core);
	}
}

void core_when_durable(struct core *core, void (*done)(void *context), void *context)
{
	committer_when_durable(core->committer, done, context);
}

void core_forget(struct core *core, void *context)
{
	committer_forget(core->committer, context);
}

static void sweep_subscriptions(struct core *core)
{
	struct core_subscription **link = &core->subscriptions;

	while (*link) {
		struct core_subscription *subscription = *link;

		if (subscription->gone) {
			*link = subscription->next;
			free(subscription);
		} else {
			link = &subscription->next;
		}
	}
}

static void show_to_subscribers(void *context, const struct core_event *event)
{
	struct core *core = context;

	for (struct core_subscription *s = core->subscriptions; s; s = s->next)
		if (!s->gone)
			s->event(s->context, event);
}

static void tell_site(void *context, uint32_t site)
{
	struct core *core = context;

	if (core->site_changed)
		core->site_changed(core->site_context, site);
}

static void on_durable(void *context, const struct record *records, size_t count)
{
	struct core *core = context;

	core->figures.commits++;
	core->figures.events_committed += count;
	core->walking = true;
	for (size_t i = 0; i < count; i++) {
		recent_add(core->recent, &records[i]);
		if (core->subscriptions)
			record_show(&records[i], core->platform, show_to_subscribers, core);
	}
	core->walking = false;
	sweep_subscriptions(core);
	platform_drain_changed_sites(core->platform, tell_site, core);
}

struct core_subscription *core_subscribe(struct core *core, void (*event)(void *context, const struct core_event *event), void *context)
{
	struct core_subscription *subscription = mem_alloc(sizeof(*subscription));

	subscription->core = core;
	subscription->event = event;
	subscription->context = context;
	subscription->next = core->subscriptions;
	core->subscriptions = subscription;
	return subscription;
}

void core_unsubscribe(struct core_subscription *subscription)
{
	if (!subscription)
		return;
	subscription->gone = true;
	if (!subscription->core->walking)
		sweep_subscriptions(subscription->core);
}

size_t core_recent_events(struct core *core, uint64_t after, size_t limit, void (*visit)(void *context, const struct core_event *event),
			  void *context, uint64_t *ret_oldest)
{
	/* Nothing in memory yet: what a reader could have missed begins after what was durable at the start. */
	uint64_t oldest = recent_oldest(core->recent);

	*ret_oldest = oldest ? oldest : committer_durable(core->committer) + 1;
	return recent_visit(core->recent, core->platform, after, limit, visit, context);
}

void core_on_site_changed(struct core *core, void (*changed)(void *context, uint32_t site), void *context)
{
	core->site_changed = changed;
	core->site_context = context;
}

/* --- rounds and ticks -------------------------------------------------------------------------- */

static uint64_t count_placed(const struct event_list *events)
{
	uint64_t count = 0;

	for (size_t i = 0; i < events->count; i++)
		count += events->events[i].type == EVENT_PLACED;
	return count;
}

static void estimate_starts(struct core *core)
{
	int64_t begin = clock_us(CLOCK_MONOTONIC), now_us = core_now_us(core);

	if (!platform_estimates_wanted(core->platform, now_us))
		return;
	platform_observe_estimates(core->platform, now_us);
	core->figures.estimate_us_last = clock_us(CLOCK_MONOTONIC) - begin;
}

static void on_round(uv_timer_t *timer)
{
	struct core *core = timer->data;
	cleanup_arena struct arena arena = { 0 };
	struct event_list events;
	struct err err = { "" };
	bool complete = true;
	int64_t begin = clock_us(CLOCK_MONOTONIC);

	core->round_armed = false;
	if (!platform_round_wanted(core->platform))
		return;
	event_list_init(&events, &arena);
	if (decide_round(core->platform, core_now_us(core), &events, &complete, &err) < 0) {
		log_error("core", "the round failed: %s", err.text);
		return;
	}
	platform_observe_round(core->platform, complete);
	core->figures.rounds++;
	core->figures.placements += count_placed(&events);
	core_commit(core, &events, NULL, NULL);
	core->figures.round_us_last = clock_us(CLOCK_MONOTONIC) - begin;
	core->figures.round_us_total += core->figures.round_us_last;
	arm_round(core);
	estimate_starts(core);
}

static void arm_round(struct core *core)
{
	if (core->round_armed || !platform_round_wanted(core->platform))
		return;
	core->round_armed = true;
	uv_timer_start(&core->round, on_round, (uint64_t)(core->settings.round_delay_us + 999) / 1000, 0);
}

static void on_tick(uv_timer_t *timer)
{
	struct core *core = timer->data;
	cleanup_arena struct arena arena = { 0 };
	struct event_list events;
	struct err err = { "" };

	event_list_init(&events, &arena);
	if (decide_tick(core->platform, core_now_us(core), &events, &err) < 0)
		log_error("core", "the tick failed: %s", err.text);
	else
		core_commit(core, &events, NULL, NULL);
	arm_round(core);
	arm_tick(core);
	estimate_starts(core);
}

/* A tick that is armed only moves forward: events that keep coming must not put it off for ever. */
static void arm_tick(struct core *core)
{
	int64_t next_us = platform_next_tick_us(core->platform);
	int64_t wait_ms = TICK_MAX_MS, now_us = clock_us(CLOCK_BOOTTIME);

	if (next_us != INT64_MAX) {
		wait_ms = (next_us - core_now_us(core)) / 1000 + 1;
		wait_ms = wait_ms < TICK_MIN_MS ? TICK_MIN_MS : wait_ms > TICK_MAX_MS ? TICK_MAX_MS : wait_ms;
	}
	if (uv_is_active((uv_handle_t *)&core->tick) && core->tick_at_us <= now_us + wait_ms * 1000)
		return;
	core->tick_at_us = now_us + wait_ms * 1000;
	uv_timer_start(&core->tick, on_tick, (uint64_t)wait_ms, 0);
}

/* --- snapshots --------------------------------------------------------------------------------- */

/* In the child: nothing of the parent's is kept but the picture of its memory. Its sockets, above all: if the
 * parent is killed, they must be closed, and its address be free again, while this process still writes. */
static void child_leave_parent(pid_t parent, int fd, int pipe_end)
{
	int first = fd < pipe_end ? fd : pipe_end, second = fd < pipe_end ? pipe_end : fd;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	signal(SIGTERM, SIG_DFL);
	signal(SIGINT, SIG_DFL);
	/* Where the kernel lacks the call, the signal of the parent's death has to do. */
	if (first > STDERR_FILENO + 1)
		syscall(SYS_close_range, STDERR_FILENO + 1, first - 1, 0);
	if (second > first + 1)
		syscall(SYS_close_range, first + 1, second - 1, 0);
	syscall(SYS_close_range, second + 1, ~0u, 0);
}

/* Writes the picture of the state and says how it went by the exit status. */
static _Noreturn void snapshot_child(struct core *core, pid_t parent, int pipe_end)
{
	struct err err = { "" };

	child_leave_parent(parent, core->child_fd, pipe_end);
	_exit(snapshot_file_write(core->child_fd, core->platform, &err) < 0);
}

static void on_handle_closed(uv_handle_t *handle)
{
	struct core *core = handle->data;

	if (handle == (uv_handle_t *)&core->child_poll)
		core->child_open = false;
	if (core->closing && --core->open_handles == 0)
		free(core);
}

static int child_wait(struct core *core)
{
	int status = 0;

	while (waitpid(core->child, &status, 0) < 0 && errno == EINTR)
		;
	core->child = 0;
	uv_poll_stop(&core->child_poll);
	close(core->child_pipe);
	uv_close((uv_handle_t *)&core->child_poll, on_handle_closed);
	return status;
}

static void on_child_ended(uv_poll_t *poll, int uv_status, int events)
{
	struct core *core = poll->data;
	unsigned long long sequence = core->snapshot_sequence;
	struct err err = { "" };
	uint8_t hash[32];
	int status = child_wait(core);

	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
		log_warning("core", "the snapshot at %llu could not be written; the log goes on without it", sequence);
		close(core->child_fd);
		return;
	}
	if (snapshot_file_read_hash(core->child_fd, hash, &err) < 0) {
		log_warning("core", "the snapshot at %llu: %s", sequence, err.text);
		close(core->child_fd);
		return;
	}
	core->snapshot_waits = committer_snapshot(core->committer, core->child_fd, core->snapshot_sequence, hash) == 0;
}

static void maybe_snapshot(struct core *core)
{
	pid_t parent = getpid();
	struct err err = { "" };
	int ends[2];

	if (core->settings.snapshot_every == 0 || core->child_open || core->snapshot_waits ||
	    platform_sequence(core->platform) - core->snapshot_sequence < core->settings.snapshot_every)
		return;
	core->snapshot_sequence = platform_sequence(core->platform);
	core->child_fd = snapshot_file_create(&err);
	if (core->child_fd < 0 || pipe2(ends, O_CLOEXEC) < 0) {
		log_warning("core", "no snapshot: %s", err.text[0] ? err.text : strerror(errno));
		if (core->child_fd >= 0)
			close(core->child_fd);
		return;
	}
	core->child = fork();
	if (core->child == 0)
		snapshot_child(core, parent, ends[1]);
	close(ends[1]);
	if (core->child < 0) {
		log_warning("core", "no snapshot: cannot fork: %s", strerror(errno));
		core->child = 0;
		close(core->child_fd);
		close(ends[0]);
		return;
	}
	core->child_pipe = ends[0];
	core->child_open = true;
	uv_poll_init(core->loop, &core->child_poll, core->child_pipe);
	core->child_poll.data = core;
	uv_poll_start(&core->child_poll, UV_READABLE | UV_DISCONNECT, on_child_ended);
}

static void on_snapshot_done(void *context, int code, const struct err *err)
{
	struct core *core = context;

	core->snapshot_waits = false;
	if (code < 0) {
		log_warning("core", "the snapshot at %llu was not kept: %s", (unsigned long long)core->snapshot_sequence, err->text);
		return;
	}
	core->snapshot_kept = core->snapshot_sequence;
	log_info("core", "snapshot at %llu", (unsigned long long)core->snapshot_kept);
}

static void on_store_failed(void *context, const struct err *err)
{
	struct core *core = context;

	core->settings.failed(core->settings.context, err);
}

/* --- begin and end ------------------------------------------------------------------------------ */

struct replay {
	struct platform *platform;
	int64_t newest_us;
};

static int replay_record(void *context, const struct record *record, struct err *err)
{
	struct replay *replay = context;

	if (record->time_us > replay->newest_us)
		replay->newest_us = record->time_us;
	return platform_replay(replay->platform, record->sequence, record->time_us, record->type, record->payload, record->payload_length, err);
}

static int rebuild(struct core *core, struct err *err)
{
	struct replay replay = { .platform = core->platform };
	struct store *store = core->settings.store;
	uint8_t kept[32], now[32];
	uint64_t first, last;
	int code = store_snapshot_read(store, &core->snapshot_sequence, kept, replay_record, &replay, err);

	if (code < 0)
		return code;
	if (core->snapshot_sequence > 0) {
		platform_replay_snapshot_end(core->platform, core->snapshot_sequence);
		platform_hash(core->platform, now);
		if (memcmp(kept, now, sizeof(now)) != 0)
			return err_set(err, -EIO, "the snapshot at %llu does not rebuild the state that it was taken of",
				       (unsigned long long)core->snapshot_sequence);
	}
	core->snapshot_kept = core->snapshot_sequence;
	code = store_read(store, core->snapshot_sequence, 0, replay_record, &replay, err);
	if (code == 0)
		code = store_last(store, &first, &last, err);
	if (code < 0)
		return code;
	if (last != platform_sequence(core->platform))
		return err_set(err, -EIO, "the log ends at %llu, but the state that it gives at %llu", (unsigned long long)last,
			       (unsigned long long)platform_sequence(core->platform));
	/* Later than all that was written, also when the system's clock went back. */
	core_clock_init(&core->clock, clock_us(CLOCK_BOOTTIME), clock_us(CLOCK_REALTIME), replay.newest_us + 1);
	return 0;
}

int core_new(uv_loop_t *loop, const struct core_settings *settings, struct core **ret, struct err *err)
{
	struct core *core = mem_alloc(sizeof(*core));
	struct committer_settings committer = { .durable = on_durable, .snapshot_done = on_snapshot_done, .failed = on_store_failed,
						.context = core, .keep_records = KEEP_RECORDS };
	int code;

	core->loop = loop;
	core->settings = *settings;
	if (core->settings.round_delay_us == 0)
		core->settings.round_delay_us = 2000;
	core->platform = platform_new(&settings->platform);
	code = rebuild(core, err);
	if (code < 0) {
		platform_free(core->platform);
		store_close(settings->store);
		free(core);
		return code;
	}
	core->recent = recent_new();
	core->committer = committer_new(loop, settings->store, &committer);
	committer_set_durable(core->committer, platform_sequence(core->platform));
	uv_timer_init(loop, &core->tick);
	uv_timer_init(loop, &core->round);
	core->tick.data = core->round.data = core;
	arm_tick(core);
	*ret = core;
	return 0;
}

static void write_last_snapshot(struct core *core)
{
	uint64_t sequence = platform_sequence(core->platform);
	struct err err = { "" };
	uint8_t hash[32];
	int fd;

	if (sequence == core->snapshot_kept)
		return;
	fd = snapshot_file_create(&err);
	if (fd >= 0 && snapshot_file_write(fd, core->platform, &err) == 0 && snapshot_file_read_hash(fd, hash, &err) == 0) {
		committer_snapshot(core->committer, fd, sequence, hash); /* -EBUSY: an earlier one is on its way, that will do */
		return;
	}
	log_warning("core", "no snapshot at the end: %s", err.text);
	if (fd >= 0)
		close(fd);
}

void core_free(struct core *core)
{
	struct err err = { "" };

	if (!core)
		return;
	core->closing = true;
	core->open_handles = core->child_open ? 3 : 2;
	if (core->child > 0) {
		kill(core->child, SIGKILL);
		child_wait(core);
		close(core->child_fd);
	}
	write_last_snapshot(core);
	if (committer_free(core->committer, &err) < 0)
		log_error("core", "%s", err.text);
	while (core->subscriptions) {
		core->subscriptions->gone = true;
		sweep_subscriptions(core);
	}
	recent_free(core->recent);
	platform_free(core->platform);
	strbuf_done(&core->encoded);
	uv_close((uv_handle_t *)&core->tick, on_handle_closed);
	uv_close((uv_handle_t *)&core->round, on_handle_closed);
}

void core_figures(const struct core *core, struct core_figures *ret)
{
	*ret = core->figures;
	ret->commit_us_last = committer_last_us(core->committer);
	ret->queue_length = committer_waiting(core->committer);
}
