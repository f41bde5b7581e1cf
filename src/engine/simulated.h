/* The simulated engine's insides: simulated.c, and the heap of attempts by the time at which they end. */
#ifndef WEIR_ENGINE_SIMULATED_H
#define WEIR_ENGINE_SIMULATED_H

#include <uv.h>

#include "base/arena.h"
#include "engine/attempt_key.h"
#include "engine/journal.h"

#define NOT_IN_HEAP SIZE_MAX

struct simulated_attempt {
	struct weir_attempt_key key;
	uint64_t token;
	int64_t started_us; /* Unix time */
	int64_t started_boottime_us;
	int64_t due_us;		/* CLOCK_BOOTTIME of its end; INT64_MAX never */
	int64_t lease_until_us; /* its own; the engine's may be longer */
	int64_t duration_us;
	int64_t time_limit_us;
	int64_t workers;
	int64_t ended_us;
	size_t heap_place;
	int32_t exit_code;
	bool ended;
	enum weir_outcome outcome;
};

struct simulated_engine {
	struct weir_engine base;
	struct arena arena;
	struct journal journal;
	struct weir_supply_group *groups;
	size_t group_count;
	struct simulated_attempt **attempts; /* sorted by key */
	size_t attempt_count, attempt_capacity;
	struct simulated_attempt **heap; /* by due_us; only those that end by themselves */
	size_t heap_count, heap_capacity;
	int64_t lease_check_us; /* no lease ends before this */
	struct weir_attempt_status *statuses;
	size_t status_capacity;
	bool news;
	uv_timer_t timer;
	void (*changed)(void *context);
	void *context;
};

/* O(log n). An attempt that is in no heap is left alone. */
void simulated_heap_add(struct simulated_engine *engine, struct simulated_attempt *attempt);
void simulated_heap_remove(struct simulated_engine *engine, struct simulated_attempt *attempt);

#endif
