/* One round. A heap holds the classes by their oldest entry left; the head is placed or its class leaves.
 *
 * Per class: the sites that its rules allow, as a bit set, and a window of the cheapest of them. A site
 * that has no room for the class is left behind for good, since a round only ever takes; when the window
 * is used up a larger one is filled with those that come after. So a class that fits at once looks into
 * one site, and one that fits nowhere looks at each site's totals once, in a handful of passes.
 * Sorting all sites for each class was rejected: ten thousand classes would sort the same 20,000 sites
 * to use the first. Windows are passed on when a class leaves, so memory follows the classes at work.
 */
#include "match/match.h"

#include "match/room.h"
#include "match/score.h"

#define WINDOW_SITES 64   /* of the first window */
#define WINDOW_LEVELS 8   /* each four times the one before */

struct class_state {
	bool begun;
	size_t next; /* entry */
	struct chip_cache chips;
	uint64_t *allowed; /* bit set over sites; NULL: not begun or left */
	uint32_t allowed_left;
	struct key_window sites;
	size_t at;    /* in the window */
	struct key after; /* sites up to here were left behind */
	bool passed;  /* `after` is set */
	unsigned level;
};

struct free_block {
	struct free_block *next;
};

struct round {
	const struct match_input *input;
	struct match_plan *plan;
	struct arena *arena;
	struct class_state *classes;
	uint32_t *heap;
	size_t heap_count;
	struct overlay overlay;
	struct room *room;
	size_t room_class, room_site; /* what `room` looks at; SIZE_MAX nothing */
	struct free_block *free_sets;
	struct free_block *free_windows[WINDOW_LEVELS];
	size_t placement_capacity;
	size_t slots;
};

static size_t window_capacity(const struct round *round, unsigned level)
{
	size_t capacity = (size_t)WINDOW_SITES << (2 * level);

	return level + 1 == WINDOW_LEVELS || capacity > round->input->site_count ? round->input->site_count : capacity;
}

static void *block_take(struct round *round, struct free_block **list, size_t size)
{
	struct free_block *block = *list;

	if (!block)
		return arena_alloc(round->arena, size < sizeof(*block) ? sizeof(*block) : size);
	*list = block->next;
	return block;
}

static void block_give(struct free_block **list, void *memory)
{
	struct free_block *block = memory;

	if (!memory)
		return;
	block->next = *list;
	*list = block;
}

static const struct match_entry *head(const struct round *round, uint32_t class)
{
	return &round->input->classes[class].entries[round->classes[class].next];
}

static bool before(const struct round *round, uint32_t a, uint32_t b)
{
	int64_t priority_a = round->input->classes[a].ask->priority;
	int64_t priority_b = round->input->classes[b].ask->priority;

	if (priority_a != priority_b)
		return priority_a > priority_b;
	if (head(round, a)->order != head(round, b)->order)
		return head(round, a)->order < head(round, b)->order;
	return a < b;
}

static void heap_down(struct round *round, size_t at)
{
	uint32_t class = round->heap[at];

	for (;;) {
		size_t child = at * 2 + 1;

		if (child >= round->heap_count)
			break;
		if (child + 1 < round->heap_count && before(round, round->heap[child + 1], round->heap[child]))
			child++;
		if (!before(round, round->heap[child], class))
			break;
		round->heap[at] = round->heap[child];
		at = child;
	}
	round->heap[at] = class;
}

static void heap_build(struct round *round)
{
	for (size_t i = 0; i < round->input->class_count; i++)
		if (round->input->classes[i].entry_count > 0)
			round->heap[round->heap_count++] = (uint32_t)i;
	for (size_t i = round->heap_count / 2; i-- > 0;)
		heap_down(round, i);
}

static void class_leave(struct round *round)
{
	struct class_state *state = &round->classes[round->heap[0]];

	block_give(&round->free_sets, state->allowed);
	block_give(&round->free_windows[state->level], state->sites.items);
	state->allowed = NULL;
	state->sites.items = NULL;
	round->heap[0] = round->heap[--round->heap_count];
	if (round->heap_count > 0)
		heap_down(round, 0);
}

static void note_verdict(struct round *round, size_t class, size_t site, struct verdict verdict)
{
	struct match_class_result *result = &round->plan->classes[class];

	if (result->nearest.code != VERDICT_FITS && verdict_compare(&verdict, &result->nearest) <= 0)
		return;
	result->nearest = verdict;
	result->nearest_site = (uint32_t)site;
}

/* The hard rules, once per class and site. */
static void class_begin(struct round *round, uint32_t class)
{
	struct class_state *state = &round->classes[class];
	size_t words = (round->input->site_count + 63) / 64;

	chip_cache_init(&state->chips, round->input->classes[class].ask, &round->input->context, round->arena);
	state->allowed = block_take(round, &round->free_sets, words * sizeof(uint64_t));
	for (size_t w = 0; w < words; w++)
		state->allowed[w] = 0;
	for (size_t s = 0; s < round->input->site_count; s++) {
		struct verdict verdict = rules_check_site_cached(&state->chips, &round->input->sites[s]);

		if (verdict.code == VERDICT_FITS) {
			state->allowed[s / 64] |= (uint64_t)1 << (s % 64);
			state->allowed_left++;
		} else {
			note_verdict(round, class, s, verdict);
		}
	}
	state->begun = true;
}

/* Fills the window with the cheapest allowed sites after those left behind. False when there are none. */
static bool window_fill(struct round *round, uint32_t class)
{
	struct class_state *state = &round->classes[class];
	const struct ask *ask = round->input->classes[class].ask;

	if (state->passed && !state->sites.truncated)
		return false;
	if (state->sites.items) {
		block_give(&round->free_windows[state->level], state->sites.items);
		state->level += state->level + 1 < WINDOW_LEVELS;
	}
	key_window_begin(&state->sites,
			 block_take(round, &round->free_windows[state->level], window_capacity(round, state->level) * sizeof(struct key)),
			 window_capacity(round, state->level));
	for (size_t w = 0; w < (round->input->site_count + 63) / 64; w++)
		for (uint64_t rest = state->allowed[w]; rest; rest &= rest - 1) {
			size_t site = w * 64 + (size_t)__builtin_ctzll(rest);
			struct key key = { (uint64_t)score_site(ask, &round->input->sites[site], &round->input->context), site };

			if (!state->passed || key_less(state->after, key))
				key_window_offer(&state->sites, key);
		}
	key_window_order(&state->sites);
	state->at = 0;
	return state->sites.count > 0;
}

static struct room *open_room(struct round *round, uint32_t class, size_t site)
{
	const struct supply *supply = round->input->sites[site].supply;

	if (round->room_class != class || round->room_site != site)
		room_open(round->room, &round->classes[class].chips, supply, overlay_site(&round->overlay, site, supply));
	round->room_class = class;
	round->room_site = site;
	return round->room;
}

/* The first site in the order of score with room for `workers`; SIZE_MAX none. */
static size_t find_site(struct round *round, uint32_t class, int64_t workers)
{
	struct class_state *state = &round->classes[class];

	if (!state->begun)
		class_begin(round, class);
	while (state->allowed_left > 0) {
		size_t site;

		if (state->at == state->sites.count && !window_fill(round, class))
			break;
		site = (size_t)state->sites.items[state->at].low;
		if (room_fits(open_room(round, class, site), workers))
			return site;
		note_verdict(round, class, site, room_verdict(round->room, workers));
		state->after = state->sites.items[state->at++];
		state->passed = true;
		state->allowed_left--;
	}
	return SIZE_MAX;
}

static void record(struct round *round, uint32_t class, size_t site, uint32_t workers)
{
	struct match_plan *plan = round->plan;
	struct class_state *state = &round->classes[class];
	const struct match_entry *entry = head(round, class);
	struct match_placement *placement;

	if (plan->placement_count == round->placement_capacity) {
		size_t capacity = round->placement_capacity ? round->placement_capacity * 2 : 64;
		struct match_placement *grown = ARENA_ARRAY(round->arena, struct match_placement, capacity);

		for (size_t i = 0; i < plan->placement_count; i++)
			grown[i] = plan->placements[i];
		plan->placements = grown;
		round->placement_capacity = capacity;
	}
	placement = &plan->placements[plan->placement_count++];
	*placement = (struct match_placement){
		.demand = entry->demand, .replica = entry->replica, .site = (uint32_t)site, .class_index = class,
		.slots = ARENA_ARRAY(round->arena, struct slot, workers), .slot_count = workers,
		.score = (int64_t)state->sites.items[state->at].high, .candidates = state->allowed_left,
	};
	room_take(round->room, &round->overlay, workers, placement->slots);
	plan->classes[class].placed++;
	round->slots += workers;
}

static bool limit_reached(const struct round *round, uint32_t workers)
{
	const struct match_limits *limits = &round->input->limits;

	if (limits->placements_max && round->plan->placement_count >= limits->placements_max)
		return true;
	return limits->slots_max && round->slots > 0 && round->slots + workers > limits->slots_max;
}

void match_round(const struct match_input *input, struct arena *arena, struct match_plan *ret)
{
	struct round round = { .input = input, .plan = ret, .arena = arena, .room_class = SIZE_MAX, .room_site = SIZE_MAX };

	*ret = (struct match_plan){ .classes = ARENA_ARRAY(arena, struct match_class_result, input->class_count ? input->class_count : 1),
				    .complete = true };
	round.classes = ARENA_ARRAY(arena, struct class_state, input->class_count ? input->class_count : 1);
	round.heap = ARENA_ARRAY(arena, uint32_t, input->class_count ? input->class_count : 1);
	round.room = ARENA_NEW(arena, struct room);
	overlay_init(&round.overlay, input->site_count, arena);
	heap_build(&round);
	while (round.heap_count > 0) {
		uint32_t class = round.heap[0];
		const struct ask *ask = input->classes[class].ask;
		uint32_t workers = ask->kind == DEMAND_JOB ? (uint32_t)ask->workers : 1;
		size_t site;

		if (limit_reached(&round, workers)) {
			ret->complete = false;
			break;
		}
		ret->classes[class].tried = true;
		site = find_site(&round, class, workers);
		if (site != SIZE_MAX) {
			record(&round, class, site, workers);
			if (++round.classes[class].next < input->classes[class].entry_count) {
				heap_down(&round, 0);
				continue;
			}
		}
		ret->classes[class].stuck = site == SIZE_MAX;
		class_leave(&round);
	}
}
