/* The matcher's books between rounds: sites, what is free there, what runs, and what is known of each class of demand.
 *
 * A class is a distinct ask. Per class the matcher keeps the sites that the hard rules allow, as a bit set, and a heap of
 * those that may have room, in the order of what they cost (match/score.h). A site found full for a class leaves its
 * heap; when something is freed or changes at a site, its number goes into a log, and each class catches up with
 * the log when it is next asked for. So a round costs what it places and what was freed since, however many
 * sites there are. Caches are bounded: classes lose theirs, the longest unused first, and make them anew.
 *
 * The books are derived: from the same sites and the same work they can be made again at any time.
 */
#ifndef WEIR_MATCH_MATCHER_H
#define WEIR_MATCH_MATCHER_H

#include "match/pool.h"
#include "match/shares.h"

struct matcher;

#define MATCH_CLASS_NONE UINT32_MAX

/* What runs, or was promised a place. The caller owns it and keeps it, with its slots, from matcher_begin() to matcher_end(). */
struct match_work {
	uint64_t demand;
	uint32_t replica;
	uint32_t class;
	uint32_t tenant;
	uint32_t site;
	uint32_t slot_count;
	const struct slot *slots;
	int64_t started_us;
	int64_t ends_us;  /* at the latest; INT64_MAX not known */
	bool stopping;    /* it was told to stop: it is counted on to end at any moment, and is no victim any more */
	bool borrowed;    /* its placement said so: beyond its tenant's quota */
	/* the matcher's own */
	size_t place;
	uint64_t doomed;  /* the round that chose it as a victim; 0 none */
};

/* `policy` and `context` are copied or borrowed as policy_spec is: borrowed until the next call that replaces them. */
struct matcher *matcher_new(const struct policy_spec *policy, const struct rule_context *context, uint64_t seed);
void matcher_free(struct matcher *matcher); /* takes NULL; work that is listed is forgotten */

/* All sites anew, with their catalogue and topology; classes stay, all work is forgotten. The views are copied; their
 * texts and supplies are borrowed until the site is set again. What is free in the supplies is free in the books: work that they
 * have booked already is told by matcher_adopt(). O(sites + nodes). */
void matcher_set_sites(struct matcher *matcher, const struct rule_context *context, const struct site_view *sites, size_t count);
/* The site's condition, drain or price changed, not its supply. O(1). */
void matcher_site_changed(struct matcher *matcher, const struct site_view *view);
/* How long ago it spoke, for sentences; -1 never. */
void matcher_site_seen(struct matcher *matcher, uint32_t site, int64_t seconds);
/* The site has another supply (NULL in the view: none). Its work is forgotten, see above. O(nodes). */
void matcher_site_supply(struct matcher *matcher, const struct site_view *view);
/* Another policy, which is borrowed. Its rule for nodes is not taken up: that is the books' from their making on. */
void matcher_set_policy(struct matcher *matcher, const struct policy_spec *policy);

/* A class for the ask, which is copied. Counted: equal asks are the caller's to recognise. */
uint32_t matcher_class_add(struct matcher *matcher, const struct ask *ask);
/* No work of the class is listed any more. What the last round promised is given back. */
void matcher_class_remove(struct matcher *matcher, uint32_t class);
/* So many entries of the class arrived: the mix of demand, by which nodes are chosen, learns it, and the scarcity of sites. */
void matcher_learn(struct matcher *matcher, uint32_t class, int64_t entries);
const struct ask *matcher_class_ask(const struct matcher *matcher, uint32_t class);
/* Bit set over the sites: those whose rules allow the class now. Valid until the next call for another class. O(sites) once. */
const uint64_t *matcher_class_allowed(struct matcher *matcher, uint32_t class);

/* Books the work's slots. When it is what the last round promised, in the order of its plan, the promise becomes the booking. */
void matcher_begin(struct matcher *matcher, struct match_work *work);
void matcher_end(struct matcher *matcher, struct match_work *work);
/* Lists work whose slots the site's supply had booked when it was set. */
void matcher_adopt(struct matcher *matcher, struct match_work *work);
/* Gives back what the last round promised and nobody began. Each round does so first. */
void matcher_settle(struct matcher *matcher);

size_t matcher_site_count(const struct matcher *matcher);
const struct site_view *matcher_site(const struct matcher *matcher, uint32_t site);
struct pool *matcher_pool(struct matcher *matcher, uint32_t site); /* NULL: no supply known */
/* The site's work, in no particular order. */
struct match_work *const *matcher_works(const struct matcher *matcher, uint32_t site, size_t *ret_count);
struct chooser *matcher_chooser(struct matcher *matcher);

#endif
