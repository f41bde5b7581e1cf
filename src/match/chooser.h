/* What all pools of a network share: needs, states, classes, the mix, and rows of scores.
 *
 * A row holds, for one bundle, the score of each class. It is filled as it is asked for, and stays until the mix or the
 * catalogue changes. Classes without states stay known, since states come back; when there are too many they are purged,
 * and when too many are in use the grain gets coarser (states.h). Pools notice by the epochs.
 *
 * Bounds: CLASSES_LIMIT (per grain) on classes, ROWS_MAX on rows, of which the longest unused are dropped.
 */
#ifndef WEIR_MATCH_CHOOSER_H
#define WEIR_MATCH_CHOOSER_H

#include "match/mix.h"
#include "match/pool.h"
#include "match/worth.h"

#define CLASSES_LIMIT 16384 /* with the exact grain; twice that with each coarser one but the last, which has no limit */
#define ROWS_MAX 1024

#define CLASS_NONE 0 /* of what is in no use; nothing fits it */

/* A row's entry: ROW_UNKNOWN, ROW_NONE (no node of the class holds the bundle), else 2 * score, plus 1 when some nodes of
 * the class hold it and some do not, so that the state is to be asked. */
#define ROW_UNKNOWN UINT16_MAX
#define ROW_NONE (UINT16_MAX - 1)

struct chooser {
	struct rule_context context;
	struct worth worth;
	struct mix mix;
	struct need_table needs;
	struct layout_table layouts;
	struct cell_table states, classes;
	struct cell **class_cells; /* by number; NULL free */
	uint32_t class_count;      /* numbers in use or free */
	size_t class_capacity;
	uint32_t *class_free;
	size_t class_free_count, class_free_capacity;
	struct grain grain;
	uint64_t class_epoch; /* numbers of classes before it mean nothing now */
	uint64_t score_epoch; /* nor do scores */
	struct need *held[WORTH_SHAPES_MAX]; /* a ref for each shape in use */
	size_t held_count;
	struct bundle *rows_newest, *rows_oldest;
	size_t row_count;
	struct chooser_figures figures;
};

/* The state with these amounts (chips in order), with one ref more. */
struct cell *chooser_state_ref(struct chooser *chooser, const struct node_free *of);
void chooser_state_unref(struct chooser *chooser, struct cell *state);

/* The bundle's row, with an entry for each class there is. Valid until a class is made. */
uint16_t *chooser_row(struct chooser *chooser, struct bundle *bundle);
/* Works an unknown entry out. */
uint16_t chooser_score(struct chooser *chooser, struct bundle *bundle, uint32_t class);
/* Whether a node of this state holds so many workers. */
bool chooser_holds(struct chooser *chooser, struct need *need, const struct cell *state, uint32_t workers);

static inline const struct need_layout *chooser_in(struct chooser *chooser, struct need *need, const struct layout *layout)
{
	return need_layout_of(need, layout, &chooser->context);
}

#endif
