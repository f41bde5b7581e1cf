/* Room at one site for one ask: whether it fits now, why not, and which nodes and chips it gets.
 *
 * Best fit, in integers: the node with the least left over, chips first, then CPU, then memory, ties by
 * group and node. Whole chips come from the model of which the node has least left. A share goes to the
 * chip with the least left that still holds it, wherever that is, so that whole chips stay whole.
 * After a worker was placed its node has less left over and so stays the best for the next worker alike;
 * a window of the best nodes is therefore exact as long as nobody else takes from the site.
 */
#ifndef WEIR_MATCH_ROOM_H
#define WEIR_MATCH_ROOM_H

#include "match/keys.h"
#include "match/overlay.h"

struct room {
	struct worker_need need;
	const struct supply *supply;
	struct site_overlay *overlay;
	size_t group_count; /* groups whose empty nodes hold a worker */
	struct room_group {
		uint32_t group;
		int64_t empty_workers; /* in an empty node */
		struct chip_parts parts;
	} groups[SITE_GROUPS_MAX];
	struct key_window nodes; /* kept between calls; valid while `serial` is the overlay's */
	size_t nodes_capacity;
	uint64_t serial;
	bool nodes_valid;
};

/* Looks at another site (or for another ask). Keeps the window's memory; `room` was zeroed before the first call. */
void room_open(struct room *room, struct chip_cache *cache, const struct supply *supply, struct site_overlay *overlay);
/* Whether so many workers fit now. O(groups) where totals rule it out, else O(nodes) until they are found. */
bool room_fits(struct room *room, int64_t want);
/* Workers that fit now, `limit` at most. */
int64_t room_count(struct room *room, int64_t limit);
/* Why fewer than `want` fit. VERDICT_FITS when they do. O(nodes) at most. */
struct verdict room_verdict(struct room *room, int64_t want);
/* Places workers 0 to count-1 into `slots`. They fit: room_fits() said so. */
void room_take(struct room *room, struct overlay *overlay, uint32_t count, struct slot *slots);

#endif
