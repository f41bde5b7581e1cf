/* What a change is called. Numbers are rounded so that what is said still does: up, or down where less is given. */
#include <inttypes.h>
#include <string.h>

#include "base/units.h"
#include "match/relax_private.h"

#define GIVEN_UP_MAX 900

/* --- steps --------------------------------------------------------------------------------------- */

/* Thousandths that `difference` is of `whole`, at least 1. */
static int64_t part_of(int64_t difference, int64_t whole)
{
	__int128 part = whole > 0 ? (__int128)difference * 1000 / whole : GIVEN_UP_MAX;

	return part < 1 ? 1 : part > GIVEN_UP_MAX ? GIVEN_UP_MAX : (int64_t)part;
}

static int64_t given_up(const struct relax_step *step)
{
	switch (step->dimension) {
	case RELAX_TOGETHER:
	case RELAX_PREEMPTIBLE:
		return 100;
	case RELAX_TIER:
		return 150;
	case RELAX_SITE:
	case RELAX_REGION:
		return 200;
	case RELAX_MODEL:
		return 300;
	case RELAX_LATENCY:
	case RELAX_PRICE:
		return part_of(step->to_value - step->from_value, step->from_value);
	case RELAX_TIME:
	case RELAX_WORKERS:
		return part_of(step->from_value - step->to_value, step->from_value);
	case RELAX_PRIORITY:
		return 400 + part_of(step->to_value - step->from_value, PRIORITY_MAX);
	default:
		return 600;
	}
}

/* "alpha, beta or gamma". */
static const char *join(const char *const *words, size_t count, struct arena *arena)
{
	const char *text = count ? words[0] : "any";

	for (size_t i = 1; i < count; i++)
		text = arena_printf(arena, "%s%s%s", text, i + 1 == count ? " or " : ", ", words[i]);
	return text;
}

static const char *join_tiers(const enum tier *tiers, size_t count, struct arena *arena)
{
	const char *words[DEMAND_LIST_MAX];

	for (size_t i = 0; i < count && i < DEMAND_LIST_MAX; i++)
		words[i] = tier_to_string(tiers[i]);
	return join(words, count < DEMAND_LIST_MAX ? count : DEMAND_LIST_MAX, arena);
}

/* A list was made longer, or forgotten. */
static void list_texts(const char *const *before, size_t before_count, const char *const *after, size_t after_count, struct arena *arena,
		       struct relax_step *ret)
{
	ret->from = join(before, before_count, arena);
	ret->to = after_count ? join(after + before_count, after_count - before_count, arena) : "any";
}

static void tier_texts(const struct where *before, const struct where *after, struct arena *arena, struct relax_step *ret)
{
	ret->from = join_tiers(before->tiers, before->tier_count, arena);
	ret->to = after->tier_count ? join_tiers(after->tiers + before->tier_count, after->tier_count - before->tier_count, arena) : "any";
}

static int64_t round_up(int64_t value, int64_t to)
{
	return value > INT64_MAX - to ? value : (value + to - 1) / to * to;
}

static const char *human(enum unit unit, int64_t value, struct arena *arena)
{
	char text[32];

	return arena_strdup(arena, unit_human(unit, value, text, sizeof(text)));
}

/* Durations are cut off after three digits, so a bound is first made a number that has no more. */
static const char *latency_text(int64_t within_us, struct arena *arena)
{
	int64_t digits = 1;

	while (within_us / digits >= 1000)
		digits *= 10;
	return within_us == 0 ? "0 ms" : human(UNIT_DURATION, round_up(within_us, digits), arena);
}

static void number_texts(enum relax_dimension dimension, const struct variant *before, const struct variant *after, struct arena *arena,
			 struct relax_step *ret)
{
	switch (dimension) {
	case RELAX_LATENCY:
		ret->from_value = before->ask.where.near->within_us;
		ret->to_value = after->ask.where.near->within_us;
		ret->from = latency_text(ret->from_value, arena);
		ret->to = latency_text(ret->to_value, arena);
		break;
	case RELAX_PRICE:
		ret->from_value = before->ask.price_max_micro;
		ret->to_value = after->ask.price_max_micro;
		ret->from = human(UNIT_MONEY, ret->from_value, arena);
		ret->to = human(UNIT_MONEY, ret->to_value < 10000 ? ret->to_value : round_up(ret->to_value, 10000), arena);
		break;
	case RELAX_TIME:
		ret->from_value = before->time_us;
		ret->to_value = after->time_us;
		ret->from = ret->from_value ? human(UNIT_DURATION, ret->from_value, arena) : "none";
		ret->to = human(UNIT_DURATION, ret->to_value, arena);
		break;
	case RELAX_WORKERS:
		ret->from_value = before->ask.workers;
		ret->to_value = after->ask.workers;
		break;
	default:
		ret->from_value = before->ask.priority;
		ret->to_value = after->ask.priority;
	}
	if (ret->from)
		return;
	ret->from = arena_printf(arena, "%" PRId64, ret->from_value);
	ret->to = arena_printf(arena, "%" PRId64, ret->to_value);
}

/* Thousandths as a decimal. */
static const char *decimal(int64_t milli, struct arena *arena)
{
	char *text = arena_printf(arena, "%" PRId64 ".%03d", milli / 1000, (int)(milli % 1000));
	size_t length = strlen(text);

	while (text[length - 1] == '0')
		text[--length] = 0;
	if (text[length - 1] == '.')
		text[length - 1] = 0;
	return text;
}

/* "16 chips", "1.5 cores and 64GiB". */
static const char *lacking_text(const struct amounts *lacking, struct arena *arena)
{
	const char *parts[3];
	size_t count = 0;
	char text[32];

	if (lacking->chip_milli > 0)
		parts[count++] = arena_printf(arena, "%s chip%s", decimal(lacking->chip_milli, arena),
					      lacking->chip_milli == 1000 ? "" : "s");
	if (lacking->cpu_milli > 0)
		parts[count++] = arena_printf(arena, "%s core%s", decimal(lacking->cpu_milli, arena),
					      lacking->cpu_milli == 1000 ? "" : "s");
	if (lacking->memory_mib > 0)
		parts[count++] = arena_strdup(arena, unit_format(UNIT_MEMORY, lacking->memory_mib, text, sizeof(text)));
	if (count == 0)
		return "0";
	for (size_t i = 1; i < count; i++)
		parts[0] = arena_printf(arena, "%s and %s", parts[0], parts[i]);
	return parts[0];
}

struct relax_step relax_step_of(struct search *search, enum relax_dimension dimension, const struct variant *before,
				const struct variant *after)
{
	const struct where *old = &before->ask.where, *new = &after->ask.where;
	struct relax_step step = { .dimension = dimension };
	struct arena *arena = search->arena;

	switch (dimension) {
	case RELAX_TOGETHER:
		step.from = together_to_string(old->together);
		step.to = together_to_string(new->together);
		break;
	case RELAX_TIER:
		tier_texts(old, new, arena, &step);
		break;
	case RELAX_SITE:
		list_texts(old->sites, old->site_count, new->sites, new->site_count, arena, &step);
		break;
	case RELAX_REGION:
		list_texts(old->regions, old->region_count, new->regions, new->region_count, arena, &step);
		break;
	case RELAX_MODEL:
		list_texts(before->ask.shape.chips.models, before->ask.shape.chips.model_count, after->ask.shape.chips.models,
			   after->ask.shape.chips.model_count, arena, &step);
		break;
	case RELAX_PREEMPTIBLE:
		step.from = "no";
		step.to = "yes";
		break;
	case RELAX_LIMIT:
		step.from = "";
		step.lacking = after->raise;
		step.limited = search->base->limited;
		step.to = lacking_text(&step.lacking, arena);
		break;
	default:
		number_texts(dimension, before, after, arena, &step);
	}
	step.given_up = given_up(&step);
	return step;
}

/* --- sentences ----------------------------------------------------------------------------------- */

static void put_added(const char *what, const char *to, struct strbuf *out)
{
	if (strcmp(to, "any") == 0)
		strbuf_printf(out, "any %s allowed", what);
	else
		strbuf_printf(out, "the %s %s allowed too", what, to);
}

static void put_step(const struct relax_step *step, struct strbuf *out)
{
	switch (step->dimension) {
	case RELAX_TOGETHER:
		strbuf_printf(out, "its workers in one %s instead of one %s", step->to, step->from);
		break;
	case RELAX_TIER:
	case RELAX_SITE:
	case RELAX_REGION:
		put_added(relax_dimension_to_string(step->dimension), step->to, out);
		break;
	case RELAX_MODEL:
		if (strcmp(step->to, "any") == 0)
			strbuf_puts(out, "chips of any model allowed");
		else
			strbuf_printf(out, "%s allowed too", step->to);
		break;
	case RELAX_LATENCY:
		strbuf_printf(out, "a round trip of %s instead of %s", step->to, step->from);
		break;
	case RELAX_PRICE:
		strbuf_printf(out, "a price of up to %s instead of %s an hour", step->to, step->from);
		break;
	case RELAX_TIME:
		strbuf_printf(out, "a time limit of %s instead of %s", step->to, step->from);
		break;
	case RELAX_WORKERS:
		strbuf_printf(out, "%s instead of %s workers", step->to, step->from);
		break;
	case RELAX_PREEMPTIBLE:
		strbuf_puts(out, "leave to be stopped for others");
		break;
	case RELAX_PRIORITY:
		strbuf_printf(out, "priority %s instead of %s", step->to, step->from);
		break;
	default:
		strbuf_printf(out, "%s more in the limit of the tenant %s", step->to, step->limited);
	}
}

const char *relax_sentence(const struct relax_change *change, struct arena *arena)
{
	struct strbuf text = { 0 };
	const char *sentence;

	strbuf_puts(&text, "with ");
	for (size_t s = 0; s < change->step_count; s++) {
		strbuf_puts(&text, s ? " and " : "");
		put_step(&change->steps[s], &text);
	}
	if (change->stops > 0)
		strbuf_printf(&text, " %zu other%s that may be stopped would make room for it at %s", change->stops, change->stops == 1 ? "" : "s",
			      change->site_name);
	else
		strbuf_printf(&text, " it would start now at %s", change->site_name);
	sentence = arena_strdup(arena, strbuf_text(&text));
	strbuf_done(&text);
	return sentence;
}
