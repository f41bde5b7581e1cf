/* What keeps demands from the queue until others have ended: dependencies, and an array's bound on how many at once.
 *
 * A demand that waits for others has a hold; so has each array, one for all of its members, since what they wait for
 * is the same. A hold is `open` for a member when every dependency is met and fewer than `at_once` of its members
 * are loose, that is live and no longer held. Members are loosened in the order of their index, by a demand-released
 * event of decide_tick(); one whose dependency can never be met is cancelled there. So an end costs what waits for
 * it directly, however long the chain behind that is, and each step is in the log.
 *
 * A dependency is an edge, kept in its hold and linked from its target: a demand, or the hold of a whole array. It
 * points to demands that were accepted earlier, so there are no circles.
 *
 * An alternative was to loosen and cancel while the end is applied, without events of their own. Readers of the
 * stream would then have to work out why a demand is queued.
 *
 * Invariants (check.c):
 *   H1  Edges that wait are linked from a live target while a member of their hold is live; no others are.
 *   H2  held_count members are held; loose ones are those that are live and not held.
 *   H3  A hold stands in platform->due_holds exactly when decide_tick() has something to say about it.
 */
#ifndef WEIR_PLATFORM_HOLD_H
#define WEIR_PLATFORM_HOLD_H

#include "platform/body.h"

struct demand;
struct platform;
struct hold;

struct edge {
	struct hold *hold; /* that waits */
	uint64_t target;   /* a demand; when `whole`, the first member of an array */
	bool whole;
	enum after_when when;
	enum edge_state state;
	struct edge **head; /* of the target's list that it stands in; NULL none */
	struct edge *previous, *next;
};

struct hold {
	uint64_t first; /* id of its first member */
	char *array;    /* its name; NULL: of a single demand */
	uint64_t name_hash; /* of tenant and name, of an array */
	struct hold *older; /* array of the same tenant and name */
	uint32_t count, at_once; /* at_once 0: all */
	uint32_t ended, failed;  /* members that ended; of them those that did not succeed */
	uint32_t loose, held_count;
	uint32_t next_held;      /* no member before it is held */
	uint32_t remembered;
	uint32_t lowest;         /* index of the first member that is remembered */
	struct demand **members; /* by index; NULL: forgotten, or not accepted yet */
	struct edge *edges;
	uint32_t edge_count, waiting_count, hopeless_count;
	struct edge *dependents; /* of the whole array */
	size_t due_index;        /* place in platform->due_holds plus 1; 0 none */
};

/* Makes one for members to come, from an event or a snapshot. -EINVAL: the numbers cannot be, or a target is not there. */
int hold_make(struct platform *platform, uint64_t first, const struct hold_body *body, struct hold **ret, struct err *err);
void hold_drop(struct platform *platform, struct hold *hold); /* that has no members */
void hold_free(struct hold *hold); /* its memory only */
struct hold *hold_find(const struct platform *platform, uint64_t first);
/* The newest array of this name that is remembered, or NULL. */
struct hold *array_find(const struct platform *platform, const char *tenant, const char *name);
/* A member, live and loose. */
void hold_add(struct platform *platform, struct hold *hold, struct demand *demand, uint32_t index);
bool hold_is_shut(const struct hold *hold);                             /* for one more member */
void hold_hold(struct platform *platform, struct demand *demand);       /* all of its replicas */
void hold_loosen(struct platform *platform, struct demand *demand);     /* its replicas are the caller's to place */
bool demand_is_held(const struct demand *demand);
/* The demand ended: edges to it are decided, its own hold has room. */
void hold_member_ended(struct platform *platform, struct demand *demand);
void hold_member_dropped(struct platform *platform, struct demand *demand); /* is forgotten */
/* The same for a member that a snapshot says has ended. */
void hold_add_ended(struct platform *platform, struct hold *hold, struct demand *demand, uint32_t index);
/* The first member that is held, from next_held on; NULL none. */
struct demand *hold_first_held(const struct hold *hold);
struct hold **holds_due_sorted(const struct platform *platform, struct arena *arena);
/* Whether the edge's target is ended as it must be, or never will: from the state now. */
enum edge_state edge_judge(const struct platform *platform, const struct edge *edge);

#endif
