/* The mix of demand: how many workers of each need arrived lately.
 *
 * Counts are integers that are halved after every MIX_HALF_LIFE arrivals, so that a need which does not come
 * any more is forgotten after a few of them, and the mix follows a change within one. Memory is bounded: of
 * too many needs the lighter half is dropped. When to look at the mix again depends on the number of arrivals
 * only, so the same arrivals give the same decisions.
 */
#ifndef WEIR_MATCH_MIX_H
#define WEIR_MATCH_MIX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MIX_NEEDS_MAX 4096
#define MIX_HALF_LIFE 16384 /* workers */
#define MIX_LOOK_MAX 4096   /* workers between two looks */

struct mix_entry {
	uint32_t need;
	uint64_t count; /* in 1/64 workers */
};

struct mix {
	struct mix_entry *entries;
	size_t count, capacity;
	uint32_t *places; /* by need: its entry + 1; 0 none */
	size_t place_count;
	uint32_t *dropped; /* needs that fell out since mix_take_dropped() */
	size_t dropped_count, dropped_capacity;
	uint64_t arrived, next_look, next_halving;
	bool fixed;
};

void mix_init(struct mix *mix);
void mix_done(struct mix *mix);
/* So many workers of the need arrived. True when the need was not in the mix before. */
bool mix_add(struct mix *mix, uint32_t need, int64_t workers);
/* So many at once, without decay: for a mix that is known. True when the need was not in the mix before. */
bool mix_set(struct mix *mix, uint32_t need, int64_t workers);
/* Whether enough arrived to see if the mix has changed; then not again until more did. */
bool mix_look_due(struct mix *mix);
/* The needs that fell out since the last call; the mix's, until the next. */
size_t mix_take_dropped(struct mix *mix, const uint32_t **ret);
/* Takes everything out of it (all of it is then among the dropped). */
void mix_clear(struct mix *mix);

#endif
