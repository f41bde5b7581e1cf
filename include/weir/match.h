/* libweir: matching demand to supply over many sites. Supply and demand in, plan out.
 *
 *     network  what there is: chip models, sites, their nodes, links        built once, then shared by matchers
 *     policy   what counts: weights, tenants, how the queue moves            likewise; none: the defaults
 *     demand   what somebody asks for: a job or a service                    a template; submitted as often as you like
 *     matcher  the books: what is free, what runs, what is queued
 *     plan     what one round decided
 *
 * A round places what fits, in the order of priorities, quotas, fair shares and age; it reserves places for what does not fit,
 * and names work that should stop for others. What it places is booked at once and stays so until weir_end().
 *
 * There is no daemon, no clock, no global state, no thread and no floating point. The same calls give the same plans, bit by bit,
 * on every machine. An object, with all that were made from it, is used by one thread at a time; different ones by different
 * threads.
 *
 * Units: milli-cores, MiB, milli-chips (1000 are one chip), microseconds, micro-units of money, micro-degrees. Times are
 * moments on a line of your own (since 1970, say); they never go back. Amounts are 0 or more.
 *
 * Texts are UTF-8 and copied. Names are 1 to 63 lower-case letters, digits, '-', '.', '_', with a letter or digit at both ends.
 *
 * Errors: functions that can fail return 0, or a number, or a negative errno: -EINVAL an argument that makes no sense, -ENOENT
 * something that does not exist, -EEXIST something that exists already, -ENOSPC too many of something, -EBUSY an object
 * that others build on. They then changed nothing, and weir_problem() gives a sentence. Memory that runs out ends the process.
 *
 * Handles are freed by their own function, which takes NULL; in any order.
 *
 * Stable: numbers of enumerations are never given another meaning, structures never change; what comes later has new names.
 */
#ifndef WEIR_MATCH_LIBRARY_H
#define WEIR_MATCH_LIBRARY_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define WEIR_API __attribute__((visibility("default")))
#define WEIR_MATCH_ABI 1

struct weir_network;
struct weir_policy;
struct weir_demand;
struct weir_matcher;
struct weir_plan;

/* WEIR_MATCH_ABI of the library that was loaded; and its version, "0.1.0". */
WEIR_API int weir_match_abi(void);
WEIR_API const char *weir_match_version(void);

/* What went wrong in the last failing call on this object (any of the five kinds), until the next; never NULL. */
WEIR_API const char *weir_problem(const void *object);

/* --- the network --- */

enum weir_tier { WEIR_TIER_HUB = 0, WEIR_TIER_REGIONAL = 1, WEIR_TIER_EDGE = 2 };
enum weir_review { WEIR_REVIEW_NONE = 0, WEIR_REVIEW_PENDING = 1, WEIR_REVIEW_PASSED = 2, WEIR_REVIEW_REVOKED = 3 };
enum weir_format {
	WEIR_FORMAT_FP64 = 0, WEIR_FORMAT_FP32 = 1, WEIR_FORMAT_TF32 = 2, WEIR_FORMAT_BF16 = 3,
	WEIR_FORMAT_FP16 = 4, WEIR_FORMAT_FP8 = 5, WEIR_FORMAT_INT8 = 6, WEIR_FORMAT_INT4 = 7
};

WEIR_API struct weir_network *weir_network_new(void);
WEIR_API void weir_network_free(struct weir_network *network);

/* Once a matcher was made of it a network stays as it is: these then give -EBUSY. Those that add give the new one's number. */

/* A chip model. What is 0 is not known, and satisfies no need. `domestic`: 0 or 1. */
WEIR_API int64_t weir_network_add_chip(struct weir_network *network, const char *name, int domestic, int review, int64_t memory_mib,
				       int64_t power_w);
/* Dense giga-operations a second in a number format. */
WEIR_API int weir_network_chip_throughput(struct weir_network *network, int64_t chip, int format, int64_t gops);
WEIR_API int weir_network_chip_software(struct weir_network *network, int64_t chip, const char *name);

WEIR_API int64_t weir_network_add_site(struct weir_network *network, const char *name, int tier, const char *region);
WEIR_API int weir_network_site_location(struct weir_network *network, int64_t site, int64_t latitude_udeg, int64_t longitude_udeg);
/* An hour of a core, a GiB, a chip. */
WEIR_API int weir_network_site_price(struct weir_network *network, int64_t site, int64_t core_hour_micro, int64_t gib_hour_micro,
				     int64_t chip_hour_micro);
/* `overhead_permille`: watts drawn by the site for a thousand watts of its chips; 1000 none. */
WEIR_API int weir_network_site_energy(struct weir_network *network, int64_t site, int64_t price_micro_per_kwh, int64_t carbon_g_per_kwh,
				      int64_t overhead_permille);

/* `count` nodes alike; CPU and memory of each. Gives the number of the group within its site. */
WEIR_API int64_t weir_network_add_nodes(struct weir_network *network, int64_t site, const char *name, int64_t count, int64_t cpu_milli,
					int64_t memory_mib);
/* `count` more chips of a model in each node of the group, numbered on from those before. A model that was not added matches
 * by its name only. */
WEIR_API int weir_network_nodes_chips(struct weir_network *network, int64_t site, int64_t group, const char *model, int64_t count);
/* So much of something else that is counted in each node of the group: ports, licences, disks. */
WEIR_API int weir_network_nodes_resource(struct weir_network *network, int64_t site, int64_t group, const char *name, int64_t count);

/* A link: its round-trip time; bandwidth 0: not known. Sites without one are apart by the rule: base_us and so much a kilometre
 * of the great circle. */
WEIR_API int weir_network_add_link(struct weir_network *network, int64_t site_a, int64_t site_b, int64_t rtt_us, int64_t bandwidth_mbit,
				   int64_t price_micro_per_gib);
/* Default 1000, 9800 (light in fibre, there and back), 1500 (fibre is longer than the great circle). */
WEIR_API int weir_network_link_rule(struct weir_network *network, int64_t base_us, int64_t us_per_km_milli, int64_t detour_permille);

/* --- the policy --- */

enum weir_nodes { WEIR_NODES_WEIR = 0, WEIR_NODES_FGD = 1, WEIR_NODES_BESTFIT = 2, WEIR_NODES_RANDOM = 3 };

/* What weir_policy_set() sets. Permilles are of the price of an hour at the site. */
enum weir_setting {
	WEIR_POLICY_NODES = 0,                    /* enum weir_nodes: the rule by which nodes are chosen; default WEIR_NODES_WEIR */
	WEIR_POLICY_RESERVATIONS = 1,             /* demands at the head of the queue that get one; default 8; 1 is EASY backfill, 0 none */
	WEIR_POLICY_BACKFILL_DEPTH = 2,           /* of each class, looked at behind one that does not fit; default 256 */
	WEIR_POLICY_PREEMPTION = 3,               /* 0 or 1; default 1 */
	WEIR_POLICY_HALF_LIFE_US = 4,             /* of used time in the fair share; default 7 days */
	WEIR_POLICY_LATENCY_PERMILLE_PER_MS = 5,  /* services, to where they are called from; default 50 */
	WEIR_POLICY_WAIT_PERMILLE = 6,            /* an hour of waiting for data; default 1000 */
	WEIR_POLICY_DATA_PERMILLE = 7,            /* of the links' prices; default 1000 */
	WEIR_POLICY_ENERGY_PERMILLE = 8,          /* of the site's price of energy; default 1000 */
	WEIR_POLICY_CARBON_MICRO_PER_KG = 9,      /* money; default 0 */
	WEIR_POLICY_FRAGMENTATION_PERMILLE = 10,  /* of the price of chips made useless; default 1000 */
	WEIR_POLICY_JOB_HUB_PERMILLE = 11,          /* added for the tier; default 0 */
	WEIR_POLICY_JOB_REGIONAL_PERMILLE = 12,     /* 50 */
	WEIR_POLICY_JOB_EDGE_PERMILLE = 13,         /* 100 */
	WEIR_POLICY_SERVICE_HUB_PERMILLE = 14,      /* 100 */
	WEIR_POLICY_SERVICE_REGIONAL_PERMILLE = 15, /* 50 */
	WEIR_POLICY_SERVICE_EDGE_PERMILLE = 16      /* 0 */
};

WEIR_API struct weir_policy *weir_policy_new(void);
WEIR_API void weir_policy_free(struct weir_policy *policy);
/* Once a matcher was made of it a policy stays as it is: these then give -EBUSY. */
WEIR_API int weir_policy_set(struct weir_policy *policy, int setting, int64_t value);
/* A tenant below another that was added before, or below the root ("" or NULL); its weight counts against its siblings'. One that
 * is never added stands below the root with weight 1. */
WEIR_API int weir_policy_add_tenant(struct weir_policy *policy, const char *name, const char *parent, int64_t weight);
/* What it is sure of: others may borrow what it leaves idle, and willing work of theirs gives way when it asks. */
WEIR_API int weir_policy_quota(struct weir_policy *policy, const char *tenant, int64_t cpu_milli, int64_t memory_mib, int64_t chip_milli);
/* What it never has more of at once, with those below it; 0: no limit of that. */
WEIR_API int weir_policy_limit(struct weir_policy *policy, const char *tenant, int64_t cpu_milli, int64_t memory_mib, int64_t chip_milli);

/* --- demands --- */

enum weir_kind {
	WEIR_KIND_JOB = 0,    /* its workers are placed at one site, all or none */
	WEIR_KIND_SERVICE = 1 /* its workers are replicas, each placed by itself */
};
enum weir_together { WEIR_TOGETHER_SITE = 0, WEIR_TOGETHER_GROUP = 1, WEIR_TOGETHER_NODE = 2 };
enum weir_arrange { WEIR_ARRANGE_PACK = 0, WEIR_ARRANGE_SPREAD = 1 };

/* What weir_demand_set() sets. 0 is the default where none is named: nothing is asked for. */
enum weir_field {
	WEIR_DEMAND_WORKERS = 0,         /* default 1 */
	WEIR_DEMAND_CPU_MILLI = 1,       /* of each worker, as the next two */
	WEIR_DEMAND_MEMORY_MIB = 2,
	WEIR_DEMAND_CHIP_MILLI = 3,      /* less than 1000: a share of one chip; else a multiple of 1000, chips of one model */
	WEIR_DEMAND_CHIP_MEMORY_MIB = 4, /* that each chip has at least */
	WEIR_DEMAND_PRIORITY = 5,        /* 0 to 1000, more is sooner; default 100 */
	WEIR_DEMAND_PREEMPTIBLE = 6,     /* 0 or 1: it may be stopped for others */
	WEIR_DEMAND_DOMESTIC_ONLY = 7,   /* 0 or 1: only chips of domestic origin */
	WEIR_DEMAND_CLEARANCE = 8,       /* 0 or 1: only chips whose review is passed */
	WEIR_DEMAND_TOGETHER = 9,        /* enum weir_together: how close a job's workers must be */
	WEIR_DEMAND_ARRANGE = 10,        /* enum weir_arrange: on few nodes, or on many */
	WEIR_DEMAND_PRICE_MAX_MICRO = 11, /* an hour, of a job or of one replica; 0: no bound */
	WEIR_DEMAND_TIME_LIMIT_US = 12,  /* a job ends so long after its start at the latest; 0: not known */
	WEIR_DEMAND_DEADLINE_US = 13     /* the moment at which it must have ended; 0: none */
};

/* What weir_demand_add() adds a word to. Empty lists allow all. */
enum weir_list {
	WEIR_LIST_MODELS = 0,    /* any of these chip models */
	WEIR_LIST_SOFTWARE = 1,  /* each of these must run on the chips */
	WEIR_LIST_REGIONS = 2,   /* any of these */
	WEIR_LIST_SITES = 3,     /* any of these */
	WEIR_LIST_RESIDENCY = 4  /* regions that the work may not leave */
};

WEIR_API struct weir_demand *weir_demand_new(int kind);
WEIR_API void weir_demand_free(struct weir_demand *demand);
WEIR_API int weir_demand_set(struct weir_demand *demand, int field, int64_t value);
WEIR_API int weir_demand_add(struct weir_demand *demand, int list, const char *word);
WEIR_API int weir_demand_add_tier(struct weir_demand *demand, int tier);
/* What each chip computes at least. */
WEIR_API int weir_demand_add_throughput(struct weir_demand *demand, int format, int64_t gops);
/* So much of a further resource of each worker's node. */
WEIR_API int weir_demand_add_resource(struct weir_demand *demand, const char *name, int64_t count);
/* It must be within a round-trip time of a site (`site`), or of a place (NULL, and coordinates). */
WEIR_API int weir_demand_near(struct weir_demand *demand, const char *site, int64_t latitude_udeg, int64_t longitude_udeg,
			      int64_t within_us);
/* A place that a service is called from; its replicas are shared out among them by weight. Excludes weir_demand_near(). */
WEIR_API int weir_demand_add_caller(struct weir_demand *demand, const char *site, int64_t latitude_udeg, int64_t longitude_udeg,
				    int64_t within_us, int64_t weight);
/* Data that it reads, and the site where that lies. Gives its number. */
WEIR_API int64_t weir_demand_add_data(struct weir_demand *demand, const char *name, int64_t size_mib, const char *site);
/* A region that the data may not leave; any of several. */
WEIR_API int weir_demand_data_residency(struct weir_demand *demand, int64_t data, const char *region);

/* --- the matcher --- */

enum weir_condition { WEIR_SITE_UP = 0, WEIR_SITE_SUSPECT = 1, WEIR_SITE_LOST = 2, WEIR_SITE_DRAINING = 3 };
enum weir_end { WEIR_END_DONE = 0, WEIR_END_REQUEUE = 1 };

/* One worker's share of one node. */
struct weir_slot {
	uint32_t worker;
	uint32_t group;      /* of the site */
	uint32_t node;       /* of the group */
	uint32_t chip_milli; /* of each chip: 1000, or the share; 0 without chips */
	uint64_t chips;      /* bit i: chip i of the node */
};

/* Everything is free, all sites are up, the queue is empty. `policy` NULL: the defaults. `seed`: for WEIR_NODES_RANDOM.
 * Network and policy may be freed right after. NULL when they cannot be used: weir_problem(network) says why. O(nodes). */
WEIR_API struct weir_matcher *weir_matcher_new(struct weir_network *network, struct weir_policy *policy, uint64_t seed);
WEIR_API void weir_matcher_free(struct weir_matcher *matcher);
/* Nothing new goes to a site that is not up. */
WEIR_API int weir_site_condition(struct weir_matcher *matcher, int64_t site, int condition);

/* Queues it under an id of yours that is not in use, for a tenant (NULL: "default"), behind all that were queued before. The
 * demand is copied. */
WEIR_API int weir_submit(struct weir_matcher *matcher, uint64_t id, struct weir_demand *demand, const char *tenant);
/* Takes what is still queued of it out of the queue. What is placed stays until it ends. */
WEIR_API int weir_withdraw(struct weir_matcher *matcher, uint64_t id);
/* Says that a queued one (replica 0 of a job) runs there since then: for state from before. The slots must be free, one for
 * each of a job's workers. */
WEIR_API int weir_begin(struct weir_matcher *matcher, uint64_t id, uint32_t replica, int64_t site, const struct weir_slot *slots,
			size_t slot_count, int64_t started_us);
/* What was placed has ended, or never began: its place is free again. WEIR_END_REQUEUE: it goes back into the queue, at its old
 * age. An id of which nothing is left may be used anew. */
WEIR_API int weir_end(struct weir_matcher *matcher, uint64_t id, uint32_t replica, int64_t now_us, int how);

struct weir_free {
	int64_t cpu_milli, memory_mib, chip_milli, chips; /* free now; chips: whole ones */
	int64_t cpu_milli_all, memory_mib_all, chips_all; /* free or not */
};
WEIR_API int weir_site_free(const struct weir_matcher *matcher, int64_t site, struct weir_free *ret);
/* Entries in the queue: jobs and replicas. */
WEIR_API uint64_t weir_queued(const struct weir_matcher *matcher);

/* --- a round --- */

/* Decides what is queued: places and books what it can. `placements_max`: then it ends, and the next goes on; 0: no bound. For each
 * of its preemptions call weir_end() when that work has stopped, with WEIR_END_REQUEUE if it should come back; until then its
 * place is given to nobody. The plan is the caller's, and may outlive the matcher. */
WEIR_API int weir_round(struct weir_matcher *matcher, int64_t now_us, uint64_t placements_max, struct weir_plan **ret);
WEIR_API void weir_plan_free(struct weir_plan *plan);
/* 0 when `placements_max` ended the round. */
WEIR_API int weir_plan_complete(const struct weir_plan *plan);
/* What it placed, in the measure of weir_bound(). */
WEIR_API int64_t weir_plan_value(const struct weir_plan *plan);

#define WEIR_PLACEMENT_BACKFILLED 1 /* into what is reserved for another later on */
#define WEIR_PLACEMENT_BORROWED 2   /* beyond what its tenant is sure of */

struct weir_placement {
	uint64_t demand;
	uint32_t replica;
	uint32_t site;
	uint32_t worker_count; /* slots: weir_plan_placement_slot() */
	uint32_t candidates;   /* sites that the rules allow and that were not known to be full for it */
	uint32_t second_site;
	uint32_t flags;
	int64_t score_micro;        /* what this choice costs an hour; smaller was better */
	int64_t second_score_micro; /* of the second best that was looked at; -1 none */
};
WEIR_API size_t weir_plan_placement_count(const struct weir_plan *plan);
/* -ENOENT beyond the last, here and below. */
WEIR_API int weir_plan_placement(const struct weir_plan *plan, size_t index, struct weir_placement *ret);
WEIR_API int weir_plan_placement_slot(const struct weir_plan *plan, size_t index, uint32_t worker, struct weir_slot *ret);

/* A place kept for one that does not fit yet: it starts then at the latest, if nothing takes longer than its time limit. */
struct weir_reservation {
	uint64_t demand;
	uint32_t replica;
	uint32_t site;
	uint32_t worker_count;
	uint32_t unused;
	int64_t start_us;
};
WEIR_API size_t weir_plan_reservation_count(const struct weir_plan *plan);
WEIR_API int weir_plan_reservation(const struct weir_plan *plan, size_t index, struct weir_reservation *ret);
WEIR_API int weir_plan_reservation_slot(const struct weir_plan *plan, size_t index, uint32_t worker, struct weir_slot *ret);

/* Work that is to stop for another. */
struct weir_preemption {
	uint64_t demand;
	uint64_t by;
	uint32_t replica;
	uint32_t by_replica;
	uint32_t site;
	uint32_t reclaimed; /* 1: it had borrowed what the other's tenant is sure of; 0: the other's priority is higher */
};
WEIR_API size_t weir_plan_preemption_count(const struct weir_plan *plan);
WEIR_API int weir_plan_preemption(const struct weir_plan *plan, size_t index, struct weir_preemption *ret);

/* What waits: one for each distinct demand of a tenant, told by the first of its entries that are left. */
struct weir_waiting {
	uint64_t demand;
	uint32_t replica;
	uint32_t site;       /* that came closest */
	uint64_t count;      /* entries alike that wait */
	int64_t have, want;  /* the numbers of the reason */
	int64_t reserved_us; /* when the first will start at the latest; 0 not known */
};
WEIR_API size_t weir_plan_waiting_count(const struct weir_plan *plan);
WEIR_API int weir_plan_waiting(const struct weir_plan *plan, size_t index, struct weir_waiting *ret);
/* Why: a word ("chips-busy"), and a sentence ("too few free ascend-910b: has 12 of 64"). The plan's; never NULL. */
WEIR_API const char *weir_plan_waiting_code(const struct weir_plan *plan, size_t index);
WEIR_API const char *weir_plan_waiting_reason(const struct weir_plan *plan, size_t index);

/* --- questions; nothing changes --- */

/* Why it waits, in lines of text: the summary, what each group of sites lacks, its place in the queue, when it will start, and the
 * smallest change that would let it start now, tried out. NULL when nothing of it is queued. Free it with weir_text_free(). */
WEIR_API char *weir_explain(struct weir_matcher *matcher, uint64_t id, int64_t now_us);
WEIR_API void weir_text_free(char *text);
/* When it will start if everything runs for its time limit; -1: not known. -ENOENT when it is not queued. */
WEIR_API int weir_estimate(struct weir_matcher *matcher, uint64_t id, uint32_t replica, int64_t now_us, int64_t *ret_start_us);

/* The most that a round could place now, whatever it decided, without stopping anything; a relaxation's dual value. The
 * measure: milli-chips of all workers; of demands without chips the larger of CPU, 8 cores for a chip, and memory, 64 GiB for one. */
struct weir_bound {
	int64_t value;  /* never less than what any plan places */
	int64_t queued; /* all that waits */
	uint32_t steps;
	uint32_t pooled; /* 1: the network was too large to keep all kinds of nodes and sites apart; the bound is larger for it */
};
WEIR_API int weir_bound(struct weir_matcher *matcher, struct weir_bound *ret);

#ifdef __cplusplus
}
#endif

#endif
