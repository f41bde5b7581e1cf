/* For relax.c, relax_steps.c and relax_text.c. */
#ifndef WEIR_MATCH_RELAX_PRIVATE_H
#define WEIR_MATCH_RELAX_PRIVATE_H

#include "match/books.h"
#include "match/relax.h"

/* The demand, changed or not. */
struct variant {
	struct ask ask;
	int64_t time_us;
	struct amounts raise; /* of the limits of its tenant and of those above */
	bool may_stop; /* a place counts that others must leave first */
};

#define OUTCOME_MODELS_MAX 8

/* What became of it. */
struct outcome {
	bool tried;
	bool placed; /* or others stop for it, where that counts */
	uint32_t site;
	size_t stops;
	const char *models[OUTCOME_MODELS_MAX]; /* of the chips that it got, different ones */
	size_t model_count;
	struct amounts lacking;
	const char *limited;
	struct verdict nearest;
	uint32_t nearest_site;
	int64_t reserved_us;
	int64_t *starts_us; /* of all reservations of the round, ascending; the search's arena's */
	size_t start_count;
};

/* Values of a dimension, from the most that can be given up to the least. */
struct ladder {
	int64_t *values; /* NULL: first, first + step, ... */
	int64_t first, step;
	size_t count;
};

struct search {
	struct matcher *matcher;
	struct match_input input; /* the probe is its last stream */
	struct match_stream *streams;
	struct match_entry entry;
	struct match_probe probe;
	struct arena *arena;
	const struct variant *original;
	const struct outcome *base; /* of the original */
	size_t tries;
};

/* --- relax.c --- */
/* False also when the tries are used up. */
bool relax_try(struct search *search, const struct variant *variant, struct outcome *ret);

/* --- relax_steps.c --- */
/* Gives up all there is to give in the dimension; false when there is nothing. */
bool relax_open(struct search *search, enum relax_dimension dimension, struct variant *variant, struct ladder *ret);
/* Takes back what need not be given up: `variant` is opened and was placed with `outcome`; both are of the least change after.
 * `before` is the same without this dimension's change. */
void relax_narrow(struct search *search, enum relax_dimension dimension, const struct ladder *ladder, const struct variant *before,
		  struct variant *variant, struct outcome *outcome);

/* Takes the dimension's part of one variant over into another. */
void relax_copy(enum relax_dimension dimension, const struct variant *from, struct variant *to);

/* --- relax_text.c --- */
/* What differs between the two in the dimension. */
struct relax_step relax_step_of(struct search *search, enum relax_dimension dimension, const struct variant *before,
				const struct variant *after);
/* The change's steps, site and stops are known. */
const char *relax_sentence(const struct relax_change *change, struct arena *arena);

#endif
