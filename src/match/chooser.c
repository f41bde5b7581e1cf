#include "match/chooser.h"

#include <assert.h>
#include <string.h>

#include "base/mem.h"

#define DISTANCE_LEAST (WORTH_ONE / 6) /* of the mix before scores are worked out anew; 2 * WORTH_ONE is the most */

static void classes_reset(struct chooser *chooser, unsigned level);

/* The policies that stand for published rules score states as they are, as long as there are few. */
static unsigned grain_first(const struct chooser *chooser)
{
	return chooser->worth.policy == NODE_POLICY_WEIR ? 1 : 0;
}

struct chooser *chooser_new(enum node_policy policy, const struct rule_context *context, uint64_t seed)
{
	struct chooser *chooser = mem_alloc(sizeof(*chooser));

	chooser->context = *context;
	chooser->score_epoch = 1;
	chooser->classes_most = CLASSES_KNOWN_MAX;
	chooser->used_most = CLASSES_USED_MAX;
	worth_init(&chooser->worth, policy, &chooser->context, seed);
	mix_init(&chooser->mix);
	worth_set_mix(&chooser->worth, NULL, NULL, 0);
	worth_marks(&chooser->worth, NULL, NULL, 0, &chooser->marks);
	classes_reset(chooser, grain_first(chooser));
	return chooser;
}

void chooser_free(struct chooser *chooser)
{
	if (!chooser)
		return;
	worth_done(&chooser->worth);
	mix_done(&chooser->mix);
	need_table_done(&chooser->needs);
	cell_table_done(&chooser->classes);
	layout_table_done(&chooser->layouts);
	free(chooser->class_cells);
	free(chooser->class_free);
	free(chooser);
}

void chooser_set_context(struct chooser *chooser, const struct rule_context *context)
{
	chooser->context = *context;
	for (size_t i = 0; i < chooser->needs.count; i++)
		if (chooser->needs.needs[i])
			need_forget(chooser->needs.needs[i]);
	worth_forget(&chooser->worth);
	chooser->score_epoch++;
}

/* --- rows --- */

static void row_unlink(struct chooser *chooser, struct bundle *bundle)
{
	*(bundle->newer ? &bundle->newer->older : &chooser->rows_newest) = bundle->older;
	*(bundle->older ? &bundle->older->newer : &chooser->rows_oldest) = bundle->newer;
	bundle->newer = bundle->older = NULL;
}

static void row_link(struct chooser *chooser, struct bundle *bundle)
{
	bundle->older = chooser->rows_newest;
	*(bundle->older ? &bundle->older->newer : &chooser->rows_oldest) = bundle;
	chooser->rows_newest = bundle;
}

static void row_drop(struct chooser *chooser, struct bundle *bundle)
{
	row_unlink(chooser, bundle);
	free(bundle->row);
	bundle->row = NULL;
	bundle->row_size = 0;
	chooser->row_count--;
}

uint16_t *chooser_row(struct chooser *chooser, struct bundle *bundle)
{
	if (!bundle->row) {
		if (chooser->row_count == ROWS_MAX)
			row_drop(chooser, chooser->rows_oldest);
		chooser->row_count++;
		row_link(chooser, bundle);
	} else if (chooser->rows_newest != bundle) {
		row_unlink(chooser, bundle);
		row_link(chooser, bundle);
	}
	if (bundle->row_size < chooser->class_count) {
		uint32_t size = (uint32_t)chooser->class_capacity;

		bundle->row = mem_resize(bundle->row, size, sizeof(*bundle->row));
		memset(bundle->row + bundle->row_size, 0xff, (size - bundle->row_size) * sizeof(*bundle->row));
		bundle->row_size = size;
	}
	if (bundle->row_epoch != chooser->score_epoch) {
		memset(bundle->row, 0xff, bundle->row_size * sizeof(*bundle->row));
		bundle->row_epoch = chooser->score_epoch;
	}
	bundle->row[CLASS_NONE] = ROW_NONE;
	return bundle->row;
}

uint16_t chooser_score(struct chooser *chooser, struct bundle *bundle, uint32_t class)
{
	struct need *need = need_at(&chooser->needs, bundle->need);
	struct node_free free = cell_free(chooser->class_cells[class]);
	const struct need_layout *in = chooser_in(chooser, need, free.layout);
	struct node_copy ceil;
	uint16_t entry = 0;

	chooser->figures.scored++;
	if (need_workers(need, in, &free, bundle->workers) < bundle->workers) {
		entry = 1;
		grain_ceil(&chooser->grain, &free, &ceil);
		free = copy_free(&ceil);
		if (chooser->grain.level == 0 || need_workers(need, in, &free, bundle->workers) < bundle->workers)
			return bundle->row[class] = ROW_NONE;
	}
	entry = (uint16_t)(entry | worth_score(&chooser->worth, need, in, &free, bundle->workers) << 1);
	return bundle->row[class] = entry;
}

/* --- classes --- */

static void class_remove(struct chooser *chooser, struct cell *class)
{
	struct layout *layout = class->layout;

	chooser->class_cells[class->number] = NULL;
	ARRAY_RESERVE(chooser->class_free, chooser->class_free_capacity, chooser->class_free_count + 1);
	chooser->class_free[chooser->class_free_count++] = class->number;
	cell_remove(&chooser->classes, class);
	layout_unref(&chooser->layouts, layout);
}

/* Forgets the classes without nodes, and what rows say of their numbers. */
static void classes_purge(struct chooser *chooser)
{
	size_t first = chooser->class_free_count;

	for (uint32_t i = chooser->class_count; i-- > 1;)
		if (chooser->class_cells[i] && chooser->class_cells[i]->refs == 0)
			class_remove(chooser, chooser->class_cells[i]);
	for (struct bundle *bundle = chooser->rows_newest; bundle; bundle = bundle->older)
		for (size_t i = first; i < chooser->class_free_count; i++)
			if (chooser->class_free[i] < bundle->row_size)
				bundle->row[chooser->class_free[i]] = ROW_UNKNOWN;
}

static struct cell *class_add(struct chooser *chooser, const struct node_free *floor, uint64_t hash)
{
	struct cell *class = cell_add(&chooser->classes, floor, hash);

	class->layout->refs++;
	if (chooser->class_free_count > 0) {
		class->number = chooser->class_free[--chooser->class_free_count];
	} else {
		ARRAY_RESERVE(chooser->class_cells, chooser->class_capacity, chooser->class_count + (size_t)1);
		class->number = chooser->class_count++;
	}
	chooser->class_cells[class->number] = class;
	return class;
}

/* Without a mix: the marks of whatever needs there are. */
static void marks_of_needs(struct chooser *chooser)
{
	struct need *needs[GRAIN_MARKS_MAX];
	uint64_t counts[GRAIN_MARKS_MAX];
	size_t count = 0;

	for (size_t i = 0; i < chooser->needs.count && count < GRAIN_MARKS_MAX; i++) {
		if (!chooser->needs.needs[i])
			continue;
		needs[count] = chooser->needs.needs[i];
		counts[count++] = 1;
	}
	worth_marks(&chooser->worth, needs, counts, count, &chooser->marks);
}

/* Makes the grain anew. Classes are forgotten: each pool finds its nodes' again when it is next asked. */
static void classes_reset(struct chooser *chooser, unsigned level)
{
	for (uint32_t i = 1; i < chooser->class_count; i++)
		if (chooser->class_cells[i])
			layout_unref(&chooser->layouts, chooser->class_cells[i]->layout);
	cell_table_done(&chooser->classes);
	chooser->class_free_count = 0;
	chooser->class_count = 1;
	ARRAY_RESERVE(chooser->class_cells, chooser->class_capacity, 1);
	chooser->class_cells[CLASS_NONE] = NULL;
	if (chooser->mix.count == 0)
		marks_of_needs(chooser);
	grain_init(&chooser->grain, level, &chooser->marks);
	chooser->class_epoch++;
	chooser->score_epoch++;
}

/* Keeps the number of classes bounded: those in no use go first, then the grain gets coarser. */
static void classes_bound(struct chooser *chooser)
{
	if (chooser->classes.count < chooser->classes_most)
		return;
	classes_purge(chooser);
	if (chooser->classes.count > chooser->used_most && chooser->grain.level < GRAIN_LEVEL_MAX)
		classes_reset(chooser, chooser->grain.level + 1);
	if (chooser->classes_most < chooser->classes.count * 2)
		chooser->classes_most = chooser->classes.count * 2;
}

struct cell *chooser_class_ref(struct chooser *chooser, const struct node_free *of)
{
	struct node_copy copy;
	struct node_free floor;
	struct cell *class;
	uint64_t hash;

	grain_floor(&chooser->grain, of, &copy);
	floor = copy_free(&copy);
	hash = node_free_hash(&floor);
	class = cell_find(&chooser->classes, &floor, hash);
	if (!class) {
		uint64_t epoch = chooser->class_epoch;

		classes_bound(chooser);
		if (chooser->class_epoch != epoch)
			return chooser_class_ref(chooser, of);
		class = class_add(chooser, &floor, hash);
	}
	class->refs++;
	return class;
}

void chooser_class_unref(struct chooser *chooser, uint32_t class)
{
	assert(chooser->class_cells[class]->refs > 0);
	chooser->class_cells[class]->refs--;
}

/* --- needs and the mix --- */

uint32_t chooser_need_add(struct chooser *chooser, const struct ask *ask)
{
	uint32_t handle = need_ref(&chooser->needs, ask)->handle;

	/* Until there is a mix for the cuts to follow, they follow the needs, as these grow by a quarter. */
	if (chooser->mix.count == 0 && chooser->grain.level > 0 && chooser->needs.in_use >= chooser->needs_next &&
	    chooser->needs.in_use <= GRAIN_MARKS_MAX) {
		classes_reset(chooser, chooser->grain.level);
		chooser->needs_next = chooser->needs.in_use + chooser->needs.in_use / 4 + 1;
	}
	return handle;
}

void chooser_need_remove(struct chooser *chooser, uint32_t handle)
{
	struct need *need = need_at(&chooser->needs, handle);

	if (!need_unref(need))
		return;
	for (size_t i = 0; i < need->bundle_count; i++)
		if (need->bundles[i]->row)
			row_drop(chooser, need->bundles[i]);
	need_free(&chooser->needs, need);
}

/* The needs and counts of the mix. */
static void mix_list(struct chooser *chooser, struct need ***ret_needs, uint64_t **ret_counts)
{
	size_t count = chooser->mix.count;

	*ret_needs = mem_alloc((count + 1) * sizeof(**ret_needs));
	*ret_counts = mem_alloc((count + 1) * sizeof(**ret_counts));
	for (size_t i = 0; i < count; i++) {
		(*ret_needs)[i] = need_at(&chooser->needs, chooser->mix.entries[i].need);
		(*ret_counts)[i] = chooser->mix.entries[i].count;
	}
}

static void mix_release(struct chooser *chooser)
{
	const uint32_t *dropped;
	size_t count = mix_take_dropped(&chooser->mix, &dropped);

	for (size_t i = 0; i < count; i++)
		chooser_need_remove(chooser, dropped[i]);
}

/* How much of the mix asks for amounts that are no cuts, so that nodes must be asked one by one. */
static uint64_t cuts_missed(const struct chooser *chooser, struct need *const *needs, const uint64_t *counts)
{
	uint64_t total = 1, missed = 0;

	for (size_t i = 0; i < chooser->mix.count; i++) {
		total += counts[i];
		if (!grain_cuts(&chooser->grain, needs[i]->cpu, needs[i]->memory, needs[i]->milli))
			missed += counts[i];
	}
	return missed * 1000 / total;
}

/* Whether that is much more than when the cuts were made. The longer it runs, the rarer this is looked at closely: new cuts put
 * every node into its class again. */
static bool cuts_due(const struct chooser *chooser, struct need *const *needs, const uint64_t *counts)
{
	uint64_t more = chooser->mix.arrived >= chooser->next_cuts ? 15 : 250;

	return chooser->grain.level == 1 && cuts_missed(chooser, needs, counts) > chooser->missed_permille + more;
}

static void mix_use(struct chooser *chooser, struct need *const *needs, const uint64_t *counts)
{
	unsigned level;
	struct need *held[WORTH_SHAPES_MAX];
	size_t held_count = chooser->held_count;

	memcpy(held, chooser->held, held_count * sizeof(*held));
	worth_set_mix(&chooser->worth, needs, counts, chooser->mix.count);
	worth_marks(&chooser->worth, needs, counts, chooser->mix.count, &chooser->marks);
	chooser->held_count = chooser->worth.shape_count;
	for (size_t i = 0; i < chooser->held_count; i++) {
		chooser->held[i] = chooser->worth.shapes[i].need;
		chooser->held[i]->refs++;
	}
	for (size_t i = 0; i < held_count; i++)
		chooser_need_remove(chooser, held[i]->handle);
	chooser->figures.mix_changes++;
	/* The cuts follow the mix; and what many classes made coarse may be fine again. Where they serve, all nodes stay where
	 * they are. */
	level = chooser->classes.count < chooser->used_most / 4 ? grain_first(chooser) : chooser->grain.level;
	if (level == chooser->grain.level && (level == 0 || (grain_follows(&chooser->grain, &chooser->marks) &&
							     !cuts_due(chooser, needs, counts))))
		chooser->score_epoch++;
	else
		classes_reset(chooser, level);
	chooser->next_cuts = chooser->mix.arrived * 2;
	chooser->missed_permille = cuts_missed(chooser, needs, counts);
}

void chooser_learn(struct chooser *chooser, uint32_t need, int64_t workers)
{
	cleanup_free struct need **needs = NULL;
	cleanup_free uint64_t *counts = NULL;

	if (chooser->mix.fixed)
		return;
	if (mix_add(&chooser->mix, need, workers))
		need_at(&chooser->needs, need)->refs++;
	mix_release(chooser);
	if (!mix_look_due(&chooser->mix))
		return;
	mix_list(chooser, &needs, &counts);
	if (worth_distance(&chooser->worth, needs, counts, chooser->mix.count) >= DISTANCE_LEAST || cuts_due(chooser, needs, counts))
		mix_use(chooser, needs, counts);
}

void chooser_fix_mix(struct chooser *chooser, const uint32_t *handles, const int64_t *amounts, size_t count)
{
	cleanup_free struct need **needs = NULL;
	cleanup_free uint64_t *counts = NULL;

	mix_clear(&chooser->mix);
	mix_release(chooser);
	for (size_t i = 0; i < count; i++)
		if (mix_set(&chooser->mix, handles[i], amounts[i]))
			need_at(&chooser->needs, handles[i])->refs++;
	mix_release(chooser);
	chooser->mix.fixed = true;
	mix_list(chooser, &needs, &counts);
	mix_use(chooser, needs, counts);
}

void chooser_figures(const struct chooser *chooser, struct chooser_figures *ret)
{
	*ret = chooser->figures;
	ret->states = chooser->classes.count;
	ret->grain = chooser->grain.level;
	ret->needs = chooser->needs.in_use;
	ret->mix_shapes = chooser->worth.shape_count;
	ret->bytes = chooser->classes.bytes + chooser->classes.capacity * sizeof(void *);
	for (const struct bundle *bundle = chooser->rows_newest; bundle; bundle = bundle->older)
		ret->bytes += bundle->row_size * sizeof(*bundle->row);
}
