#include "base/mem.h"
#include "engine/simulated.h"

static void heap_put(struct simulated_engine *engine, struct simulated_attempt *attempt, size_t place)
{
	engine->heap[place] = attempt;
	attempt->heap_place = place;
}

static void heap_up(struct simulated_engine *engine, struct simulated_attempt *attempt, size_t place)
{
	while (place > 0 && engine->heap[(place - 1) / 2]->due_us > attempt->due_us) {
		heap_put(engine, engine->heap[(place - 1) / 2], place);
		place = (place - 1) / 2;
	}
	heap_put(engine, attempt, place);
}

static void heap_down(struct simulated_engine *engine, struct simulated_attempt *attempt, size_t place)
{
	for (;;) {
		size_t child = place * 2 + 1;

		if (child + 1 < engine->heap_count && engine->heap[child + 1]->due_us < engine->heap[child]->due_us)
			child++;
		if (child >= engine->heap_count || engine->heap[child]->due_us >= attempt->due_us)
			break;
		heap_put(engine, engine->heap[child], place);
		place = child;
	}
	heap_put(engine, attempt, place);
}

void simulated_heap_add(struct simulated_engine *engine, struct simulated_attempt *attempt)
{
	ARRAY_RESERVE(engine->heap, engine->heap_capacity, engine->heap_count + 1);
	heap_up(engine, attempt, engine->heap_count++);
}

void simulated_heap_remove(struct simulated_engine *engine, struct simulated_attempt *attempt)
{
	size_t place = attempt->heap_place;
	struct simulated_attempt *last;

	if (place == NOT_IN_HEAP)
		return;
	attempt->heap_place = NOT_IN_HEAP;
	last = engine->heap[--engine->heap_count];
	if (last == attempt)
		return;
	heap_down(engine, last, place);
	heap_up(engine, last, last->heap_place);
}
