#include "match/worth.h"

#include <assert.h>
#include <string.h>

#include "base/mem.h"
#include "match/sizes.h"

#define LIMIT_BITS 20
#define SCORE_STEPS 100
#define VALUE_STEPS 60 /* a chip's worth in a score */
#define NODE_STEPS 512 /* a node's */

void worth_init(struct worth *worth, enum node_policy policy, const struct rule_context *context, uint64_t seed)
{
	*worth = (struct worth){ .policy = policy, .context = context, .cpu_most = 1, .chip_most = 1 };
	rng_init(&worth->rng, seed);
}

void worth_forget(struct worth *worth)
{
	for (size_t i = 0; i < worth->layout_count; i++) {
		free(worth->layouts[i].kinds);
		free(worth->layouts[i].terms);
	}
	free(worth->layouts);
	worth->layouts = NULL;
	worth->layout_count = 0;
}

void worth_done(struct worth *worth)
{
	worth_forget(worth);
}

/* --- the mix as seen by one layout --- */

/* Whether shape `i` stands in a kind; else `ret` is made for it. */
static struct worth_kind kind_of(const struct worth_shape *shape, const struct need_layout *in)
{
	return (struct worth_kind){ .parts = in->parts, .chips = shape->need->chips, .milli = shape->need->milli };
}

static bool kind_equals(const struct worth_kind *a, const struct worth_kind *b)
{
	return a->parts == b->parts && a->chips == b->chips && a->milli == b->milli;
}

/* Adds the term in the order of CPU. */
static void term_add(const struct worth *worth, const struct worth_shape *shape, struct worth_layout *in, const struct worth_kind *kind,
		     uint16_t *terms)
{
	uint16_t at = (*terms)++;

	for (; at > kind->first && in->terms[at - 1].cpu > shape->need->cpu; at--)
		in->terms[at] = in->terms[at - 1];
	in->terms[at] = (struct worth_term){
		.cpu = shape->need->cpu,
		.memory = worth->policy == NODE_POLICY_FGD ? 0 : shape->need->memory,
		.cpu_factor = shape->cpu_factor,
		.memory_factor = shape->memory_factor,
		.weight = shape->weight,
		.resources = shape->need->resource_count ? shape->need : NULL,
	};
}

static void layout_fill(struct worth *worth, const struct layout *layout, struct worth_layout *ret)
{
	uint16_t kinds[WORTH_SHAPES_MAX];
	uint16_t terms = 0;

	*ret = (struct worth_layout){ .serial = layout->serial,
				      .kinds = mem_alloc((worth->shape_count + 1) * sizeof(struct worth_kind)),
				      .terms = mem_alloc((worth->shape_count + 1) * sizeof(struct worth_term)) };
	for (size_t i = 0; i < worth->shape_count; i++) {
		const struct need_layout *in = need_layout_of(worth->shapes[i].need, layout, worth->context);
		struct worth_kind kind = kind_of(&worth->shapes[i], in);
		size_t k = 0;

		kinds[i] = UINT16_MAX;
		if (!in->possible || kind.chips == 0)
			continue;
		while (k < ret->kind_count && !kind_equals(&ret->kinds[k], &kind))
			k++;
		if (k == ret->kind_count)
			ret->kinds[ret->kind_count++] = kind;
		kinds[i] = (uint16_t)k;
	}
	for (size_t k = 0; k < ret->kind_count; k++) {
		ret->kinds[k].first = terms;
		for (size_t i = 0; i < worth->shape_count; i++)
			if (kinds[i] == k)
				term_add(worth, &worth->shapes[i], ret, &ret->kinds[k], &terms);
		ret->kinds[k].end = terms;
	}
}

static const struct worth_layout *layout_of(struct worth *worth, const struct layout *layout)
{
	if (layout->id >= worth->layout_count) {
		size_t count = layout->id + 1;

		worth->layouts = mem_resize(worth->layouts, count, sizeof(*worth->layouts));
		memset(worth->layouts + worth->layout_count, 0, (count - worth->layout_count) * sizeof(*worth->layouts));
		worth->layout_count = count;
	}
	if (worth->layouts[layout->id].serial != layout->serial) {
		free(worth->layouts[layout->id].kinds);
		free(worth->layouts[layout->id].terms);
		layout_fill(worth, layout, &worth->layouts[layout->id]);
	}
	return &worth->layouts[layout->id];
}

/* --- the worth of a node --- */

struct node_worth {
	int64_t values; /* the chips by themselves */
	int64_t usable; /* what the mix can use, by the weights */
	int64_t left;   /* of all chips, in milli */
};

static int64_t kind_usable(const struct worth *worth, const struct worth_kind *kind, const struct node_free *free)
{
	int64_t usable = 0;

	for (uint64_t rest = kind->parts; rest; rest &= rest - 1) {
		unsigned p = (unsigned)__builtin_ctzll(rest);
		const uint16_t *start = free->chips + free->layout->part_start[p];
		const uint16_t *end = free->chips + free->layout->part_start[p + 1];
		int64_t sum = 0;

		/* Chips rise within a part. */
		while (end > start && end[-1] >= kind->milli)
			sum += worth->usable[*--end];
		if (kind->milli < CHIP_MILLI || sum >= (int64_t)kind->chips * CHIP_MILLI)
			usable += sum;
	}
	return usable;
}

static bool resources_fit(struct worth *worth, const struct need *need, const struct node_free *free)
{
	const struct need_layout *in = need_layout_of((struct need *)need, free->layout, worth->context);

	for (uint32_t i = 0; i < need->resource_count; i++)
		if (need->resources[i] > 0 && free->resources[in->resource_place[i]] < need->resources[i])
			return false;
	return true;
}

/* `factor` 0 sets no limit. */
static inline int64_t least_limited(int64_t most, int32_t left, uint64_t factor)
{
	int64_t limit = (int64_t)((uint64_t)left * factor >> LIMIT_BITS);

	return factor && limit < most ? limit : most;
}

static void node_worth(struct worth *worth, const struct worth_layout *in, const struct node_free *free, struct node_worth *ret)
{
	*ret = (struct node_worth){ 0 };
	for (uint32_t c = 0; c < free->layout->chip_count; c++) {
		ret->values += worth->values[free->chips[c]];
		ret->left += free->chips[c];
	}
	for (size_t k = 0; k < in->kind_count; k++) {
		const struct worth_kind *kind = &in->kinds[k];
		int64_t usable = kind_usable(worth, kind, free);

		for (uint16_t t = kind->first; usable > 0 && t < kind->end; t++) {
			const struct worth_term *term = &in->terms[t];
			int64_t most = usable;

			if (free->cpu < term->cpu)
				break;
			if (free->memory < term->memory || (term->resources && !resources_fit(worth, term->resources, free)))
				continue;
			most = least_limited(most, free->cpu, term->cpu_factor);
			most = least_limited(most, free->memory, term->memory_factor);
			ret->usable += most * term->weight;
		}
	}
}

/* --- choosing chips --- */

static void choice_fill(struct worth *worth, const struct node_worth *before, const struct node_worth *after, struct worth_choice *ret)
{
	ret->value_fall = before->values - after->values;
	ret->usable_fall = before->usable - after->usable;
	ret->useless = before->usable - after->usable - (before->left - after->left) * WORTH_ONE;
}

/* 0 to 100: hundredths of the sigmoid of the fragments' growth, floored; of which the published rule takes the greatest. */
static int fgd_grade(int64_t less_fragments)
{
	/* The growth, in milli times WORTH_ONE, from which the grade is 50 + i. */
	static const int64_t from[] = {
		0, 2621790, 5245679, 7873778, 10508216, 13151155, 15804797, 18471398, 21153278, 23852835, 26572562, 29315054, 32083033,
		34879362, 37707065, 40569354, 43469650, 46411616, 49399189, 52436619, 55528513, 58679889, 61896236, 65183586, 68548596,
		71998655, 75542005, 79187884, 82946712, 86830312, 90852188, 95027867, 99375350, 103915669, 108673636, 113678815, 118966844,
		124581234, 130575904, 137018809, 143997310, 151626379, 160061656, 169521273, 180324619, 192966753, 208276936, 227809604,
		255054336, 301145775,
	};
	int grade = 0;

	if (less_fragments >= 0) {
		while (grade + 1 < (int)ARRAY_COUNT(from) && less_fragments >= from[grade + 1])
			grade++;
		return 50 + grade;
	}
	/* The curve is symmetric: it falls below 50 - i just where it would rise above 50 + i. */
	while (grade + 1 < (int)ARRAY_COUNT(from) && -less_fragments >= from[grade + 1])
		grade++;
	return 49 - grade;
}

/* To the nearest. */
static int64_t steps_of(int64_t usable_fall)
{
	return (usable_fall + (int64_t)WORTH_STEP * WORTH_ONE / 2) / ((int64_t)WORTH_STEP * WORTH_ONE);
}

/* Of two options with the greater use of chips last: whether `a` is the better one for the policy. */
static bool choice_better(const struct worth *worth, const struct worth_choice *a, const struct worth_choice *b)
{
	int a_grade, b_grade;

	switch (worth->policy) {
	case NODE_POLICY_FGD:
		a_grade = fgd_grade(-a->useless);
		b_grade = fgd_grade(-b->useless);
		return a_grade != b_grade ? a_grade > b_grade : a->chip < b->chip;
	case NODE_POLICY_BESTFIT:
		return a->chip < b->chip;
	default:
		if (a->value_fall != b->value_fall)
			return a->value_fall < b->value_fall;
		return steps_of(a->usable_fall) != steps_of(b->usable_fall) ? a->usable_fall < b->usable_fall : a->chip < b->chip;
	}
}

void worth_apply(const struct need *need, const struct need_layout *in, const struct worth_choice *choice, struct node_copy *copy)
{
	uint32_t end = copy->layout->part_start[choice->part + 1];
	uint32_t at;

	copy->cpu -= (int32_t)need->cpu;
	copy->memory -= (int32_t)need->memory;
	for (uint32_t i = 0; i < need->resource_count; i++)
		if (need->resources[i] > 0)
			copy->resources[in->resource_place[i]] -= (int32_t)need->resources[i];
	if (need->chips == 0)
		return;
	at = end;
	while (copy->chips[at - 1] != choice->chip)
		at--;
	/* The last `chips` of those alike, which end at `at`, move down to where less is left. */
	for (uint32_t i = 0; i < need->chips; i++) {
		uint16_t left = (uint16_t)(choice->chip - need->milli);
		uint32_t hole = at - 1;

		for (; hole > copy->layout->part_start[choice->part] && copy->chips[hole - 1] > left; hole--)
			copy->chips[hole] = copy->chips[hole - 1];
		copy->chips[hole] = left;
	}
}

static void option_try(struct worth *worth, const struct need *need, const struct need_layout *in, const struct node_free *free,
		       const struct node_worth *before, struct worth_choice *option)
{
	struct node_copy copy;
	struct node_free after;
	struct node_worth left;

	copy_set(&copy, free);
	worth_apply(need, in, option, &copy);
	after = copy_free(&copy);
	node_worth(worth, layout_of(worth, free->layout), &after, &left);
	choice_fill(worth, before, &left, option);
}

/* The ways to give chips: per part the distinct amounts left that suffice. */
static size_t options_list(const struct need *need, const struct need_layout *in, const struct node_free *free,
			   struct worth_choice options[NODE_CHIPS_MAX + 1])
{
	size_t count = 0;

	if (need->chips == 0) {
		options[0] = (struct worth_choice){ 0 };
		return 1;
	}
	for (uint64_t rest = in->parts; rest; rest &= rest - 1) {
		unsigned p = (unsigned)__builtin_ctzll(rest);
		const uint16_t *start = free->chips + free->layout->part_start[p];
		const uint16_t *end = free->chips + free->layout->part_start[p + 1];

		if (need->milli == CHIP_MILLI) {
			if (end - start >= (ptrdiff_t)need->chips && end[-(ptrdiff_t)need->chips] == CHIP_MILLI)
				options[count++] = (struct worth_choice){ .part = (uint8_t)p, .chip = CHIP_MILLI };
			continue;
		}
		for (const uint16_t *chip = end; chip > start && chip[-1] >= need->milli; chip--)
			if (chip == end || chip[-1] != chip[0])
				options[count++] = (struct worth_choice){ .part = (uint8_t)p, .chip = chip[-1] };
	}
	return count;
}

void worth_choose(struct worth *worth, const struct need *need, const struct need_layout *in, const struct node_free *free,
		  struct worth_choice *ret)
{
	struct worth_choice options[NODE_CHIPS_MAX + 1];
	size_t count = options_list(need, in, free, options);
	size_t best = 0;
	struct node_worth before;

	assert(count > 0);
	node_worth(worth, layout_of(worth, free->layout), free, &before);
	for (size_t i = 0; i < count; i++) {
		option_try(worth, need, in, free, &before, &options[i]);
		if (i > 0 && choice_better(worth, &options[i], &options[best]))
			best = i;
	}
	if (worth->policy == NODE_POLICY_RANDOM)
		best = rng_below(&worth->rng, count);
	*ret = options[best];
}

/* Hundredths of the largest node that stay free, CPU and chips counting half each. */
static uint16_t bestfit_score(const struct worth *worth, const struct need *need, const struct node_free *free, uint32_t workers)
{
	int64_t cpu = free->cpu - need->cpu * workers;
	int64_t chips = -(int64_t)need->chips * need->milli * workers;
	__int128 left;

	for (uint32_t c = 0; c < free->layout->chip_count; c++)
		chips += free->chips[c];
	left = (__int128)cpu * worth->chip_most + (__int128)chips * worth->cpu_most;
	left = (left * (SCORE_STEPS / 2) + worth->cpu_most * worth->chip_most - 1) / (worth->cpu_most * worth->chip_most);
	return (uint16_t)(left < 0 ? 0 : left > WORTH_SCORE_MAX ? WORTH_SCORE_MAX : left);
}

static int64_t clamp(int64_t value, int64_t most)
{
	return value < 0 ? 0 : value > most ? most : value;
}

/* Both parts in one number of 15 bits: the chips' in 60ths of a chip, above what such a share costs at least. */
static uint16_t weir_score(const struct need *need, const struct node_free *free, int64_t value_fall, int64_t steps)
{
	if (need->chips == 0)
		return (uint16_t)clamp(steps * 2 + (free->layout->chip_count > 0), WORTH_SCORE_MAX);
	value_fall = (value_fall * VALUE_STEPS + SIZE_ONE / 2) / SIZE_ONE;
	return (uint16_t)(clamp(value_fall, WORTH_SCORE_MAX / NODE_STEPS - 1) * NODE_STEPS + clamp(steps, NODE_STEPS - 1));
}

uint16_t worth_score(struct worth *worth, const struct need *need, const struct need_layout *in, const struct node_free *free,
		     uint32_t workers)
{
	struct node_copy copy;
	struct worth_choice choice;
	int64_t value_fall = 0, usable_fall = 0, useless = 0;

	if (worth->policy == NODE_POLICY_RANDOM)
		return 0;
	/* A mix that uses no chips says nothing of their worth: best fit spares them. */
	if (worth->policy == NODE_POLICY_BESTFIT || (worth->policy == NODE_POLICY_WEIR && worth->shape_count == 0))
		return bestfit_score(worth, need, free, workers);
	copy_set(&copy, free);
	for (uint32_t w = 0; w < workers; w++) {
		struct node_free now = copy_free(&copy);

		worth_choose(worth, need, in, &now, &choice);
		worth_apply(need, in, &choice, &copy);
		value_fall += choice.value_fall - (int64_t)need->chips * worth->values[need->milli];
		usable_fall += choice.usable_fall;
		useless += choice.useless;
	}
	if (worth->policy == NODE_POLICY_FGD)
		return (uint16_t)(SCORE_STEPS - fgd_grade(-useless));
	return weir_score(need, free, value_fall, steps_of(usable_fall));
}
