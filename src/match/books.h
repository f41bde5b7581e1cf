/* The matcher's insides, for the files of this folder only.
 *
 * The log. Whenever something is freed at a site, or the site itself changes, its number is appended. A class that has
 * caught up to position p knows each site that its heap lacks to be refused by its rules, or to have been without room for it at
 * some moment since which nothing was freed there. LOG_MAX positions are kept; a class further behind fills its heap anew.
 *
 * Invariants
 *   B1  A site is in a class's heap once at most; `queued` says so.
 *   B2  A site that may have room for a class and is allowed is in its heap, once it has caught up.
 *   B3  A pool holds the supply less the work listed at the site, less promises, less the holds of a running round.
 */
#ifndef WEIR_MATCH_BOOKS_H
#define WEIR_MATCH_BOOKS_H

#include "match/matcher.h"
#include "match/score.h"

#define LOG_MAX (1 << 17)                            /* a power of two */
#define CLASS_CACHE_BYTES_MAX (INT64_C(256) << 20)   /* of all classes together */
#define NEAREST_SITES 8                              /* that speak for a class that does not fit */

struct site_books {
	struct site_view view;
	struct pool *pool;          /* NULL: no supply known */
	struct match_work **works;
	size_t work_count, work_capacity;
	size_t willing_count;       /* works that may be preempted */
	int32_t scarcity_permille;  /* of the scarcest site; see scarce.c */
	uint64_t logged;            /* its newest position in the log plus 1; 0 none */
};

struct candidate {
	int64_t cost;
	uint32_t site;
};

/* What is known of a class; can be made anew at any time. */
struct class_cache {
	uint64_t *allowed; /* bit set over the sites */
	uint64_t *queued;
	size_t allowed_count;
	struct candidate *heap;
	size_t heap_count, heap_capacity;
	int64_t *costs;            /* per site; -1 not worked out */
	uint64_t caught_up;        /* position in the log */
	bool stale;                /* a cost changed: make it anew */
	struct candidate cheapest[NEAREST_SITES]; /* of the allowed sites; ascending */
	size_t cheapest_count;
	struct verdict nearest;    /* of the sites that the rules refuse */
	uint32_t nearest_site;
	bool nearest_past;         /* that site has another verdict since; seen to when no site is allowed and it counts */
	int64_t bytes;
};

struct class {
	struct arena arena;        /* of the ask */
	struct ask *ask;           /* NULL: a free place */
	uint32_t need;
	uint32_t workers;          /* of one entry: a job's, or 1 */
	struct amounts amounts;    /* of one entry */
	bool asked;                /* for, at least once */
	int64_t reach;             /* of its main resource at the sites that its rules allow, in milli */
	bool reach_known;          /* false: to be summed up anew */
	struct class_cache *cache; /* NULL: to be made */
	uint64_t used;             /* the round that last asked for the cache */
	uint32_t newer, older;     /* among those with a cache, by their last use; MATCH_CLASS_NONE at the ends */
	uint32_t next_free;
};

struct promise {
	uint64_t demand;
	uint32_t replica, class, site, slot_count;
	size_t first_slot; /* in the matcher's promised slots */
};

struct matcher {
	const struct policy_spec *policy;
	struct rule_context context;
	struct chooser *chooser;
	struct site_books *sites;
	size_t site_count;
	struct class *classes;
	size_t class_count, class_capacity;
	uint32_t class_free;
	uint32_t newest, oldest;
	int64_t cache_bytes, cache_bytes_max;
	uint32_t *log;             /* LOG_MAX: site << 1 | whether the site itself changed */
	uint64_t log_end;          /* positions so far */
	uint64_t log_read;         /* the furthest that any class has caught up to */
	struct promise *promises;  /* [promise_first, promise_count) */
	size_t promise_first, promise_count, promise_capacity;
	struct slot *promised;
	size_t promised_count, promised_capacity;
	size_t willing_count;      /* works that may be preempted, everywhere */
	size_t work_count;
	uint64_t round; /* so far */
	uint64_t asked, asked_next; /* calls to learn, and with how many the scarcity of sites is made anew */
};

/* A moment so much later; the end of time at the most. */
static inline int64_t later_us(int64_t from_us, int64_t by_us)
{
	return by_us > INT64_MAX - from_us ? INT64_MAX : from_us + by_us;
}

/* --- matcher.c --- */
void books_log(struct matcher *matcher, uint32_t site, bool changed);
/* Takes without saying whose it is; promises the placement when `promised` is given. */
void books_promise(struct matcher *matcher, uint64_t demand, uint32_t replica, uint32_t class, uint32_t site, const struct slot *slots,
		   uint32_t slot_count);

/* --- scarce.c --- */
/* The class was asked for. Caches may be dropped. */
void scarcity_learn(struct matcher *matcher, uint32_t class);

/* --- classes.c --- */
struct class *class_at(struct matcher *matcher, uint32_t class);
/* Its cache, caught up with the log. O(sites) when it has to be made, else O(log entries since). */
struct class_cache *class_cache_get(struct matcher *matcher, uint32_t class);
void class_cache_drop(struct matcher *matcher, uint32_t class);
void class_caches_drop(struct matcher *matcher);
static inline bool class_allows(const struct class_cache *cache, uint32_t site)
{
	return cache->allowed[site / 64] >> (site % 64) & 1;
}
bool candidate_cheaper(const struct candidate *a, const struct candidate *b);
/* The cheapest queued site, without taking it out; false when none is queued. */
bool candidate_first(const struct class_cache *cache, struct candidate *ret);
void candidate_pop(struct class_cache *cache);
void candidate_push(struct class_cache *cache, struct candidate candidate);

#endif
