/* What all pools of a network share: needs, classes of states, the mix, and rows of scores.
 *
 * A row holds, for one bundle, the score of each class. It is filled as it is asked for, and stays until the mix or the
 * catalogue changes. Classes that no node is in stay known, since nodes come back to them; when there are too many they are
 * purged, and when too many are in use the grain gets coarser (states.h). Pools notice by the epochs.
 *
 * Bounds: CLASSES_KNOWN_MAX and CLASSES_USED_MAX on classes, but for the coarsest grain; ROWS_MAX on rows, of which the
 * longest unused are dropped.
 */
#ifndef WEIR_MATCH_CHOOSER_H
#define WEIR_MATCH_CHOOSER_H

#include "match/mix.h"
#include "match/pool.h"
#include "match/worth.h"

#define CLASSES_KNOWN_MAX 65536
#define CLASSES_USED_MAX 32768
#define ROWS_MAX 1024

#define CLASS_NONE 0 /* of what is in no use; nothing fits it */

/* A row's entry: ROW_UNKNOWN, ROW_NONE (no node of the class holds the bundle), else 2 * score, plus 1 when some nodes of
 * the class may hold it and others not, so that each is to be asked. */
#define ROW_UNKNOWN UINT16_MAX
#define ROW_NONE (UINT16_MAX - 1)

struct chooser {
	struct rule_context context;
	struct worth worth;
	struct mix mix;
	struct need_table needs;
	struct layout_table layouts;
	struct cell_table classes;
	struct cell **class_cells; /* by number; NULL free */
	uint32_t class_count;      /* numbers in use or free */
	size_t class_capacity;
	size_t classes_most; /* known, before the next purge */
	size_t used_most;    /* in use, before the grain gets coarser: CLASSES_USED_MAX; tests set less, and classes_most */
	uint32_t *class_free;
	size_t class_free_count, class_free_capacity;
	struct grain grain;
	struct grain_marks marks; /* that the next grain is made from */
	uint64_t class_epoch; /* numbers of classes before it mean nothing now */
	uint64_t score_epoch; /* nor do scores */
	size_t needs_next;        /* so many needs, while there is no mix, before they are made anew */
	uint64_t next_cuts;       /* arrivals by which the cuts are looked at more closely */
	uint64_t missed_permille; /* of the mix, when they were made: asks for amounts that are no cuts */
	struct need *held[WORTH_SHAPES_MAX]; /* a ref for each shape in use */
	size_t held_count;
	struct bundle *rows_newest, *rows_oldest;
	size_t row_count;
	struct chooser_figures figures;
};

/* The class of a node with so much free (chips in order), with one ref more. May make all classes anew: see class_epoch. */
struct cell *chooser_class_ref(struct chooser *chooser, const struct node_free *of);
void chooser_class_unref(struct chooser *chooser, uint32_t class);

/* The bundle's row, with an entry for each class there is. Valid until a class is made. */
uint16_t *chooser_row(struct chooser *chooser, struct bundle *bundle);
/* Works an unknown entry out. */
uint16_t chooser_score(struct chooser *chooser, struct bundle *bundle, uint32_t class);
/* The row's entry for the class, worked out when it is not known. */
static inline uint16_t chooser_entry(struct chooser *chooser, struct bundle *bundle, const uint16_t *row, uint32_t class)
{
	return row[class] == ROW_UNKNOWN ? chooser_score(chooser, bundle, class) : row[class];
}

static inline const struct need_layout *chooser_in(struct chooser *chooser, struct need *need, const struct layout *layout)
{
	return need_layout_of(need, layout, &chooser->context);
}

#endif
