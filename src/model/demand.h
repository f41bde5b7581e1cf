/* A demand as a tenant writes it. `struct ask` is the part that matching reads: demands with equal asks
 * are interchangeable for the matcher, and weir keeps one copy of each distinct ask. */
#ifndef WEIR_MODEL_DEMAND_H
#define WEIR_MODEL_DEMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "model/chip.h"
#include "model/site.h"

#define DEMAND_WORKERS_MAX 100000
#define DEMAND_COMMAND_MAX 256       /* words */
#define DEMAND_ENVIRONMENT_MAX 256   /* variables */
#define DEMAND_LIST_MAX 64           /* models, tiers, regions, sites, data references */
#define DEMAND_TEXT_MAX 65536        /* bytes of one word of the command or value of a variable */
#define DEMAND_AFTER_MAX 64          /* demands that one waits for */
#define DEMAND_ARRAY_MAX 100000      /* members of one array */
#define CALLER_WEIGHT_MAX 1000000
#define PRIORITY_MAX 1000
#define PRIORITY_DEFAULT 100

enum demand_kind { DEMAND_JOB, DEMAND_SERVICE, DEMAND_KIND_COUNT };
STRING_TABLE_DECLARE(enum demand_kind, demand_kind);

enum on_site_loss { LOSS_WAIT, LOSS_REQUEUE, LOSS_COUNT };
STRING_TABLE_DECLARE(enum on_site_loss, on_site_loss);

/* What one chip must at least offer. Fields that are 0 or empty ask for nothing. */
struct chip_needs {
	int64_t memory_mib;
	struct throughput *throughputs;
	size_t throughput_count;
	const char **software; /* each of them must be there */
	size_t software_count;
};

/* Chips of one worker. `milli` is a multiple of 1000 (whole chips), or below 1000 (a share of one). */
struct chip_ask {
	int64_t milli;
	const char **models; /* any of these; empty: any model */
	size_t model_count;
	struct chip_needs needs;
};

struct shape {
	int64_t cpu_milli;
	int64_t memory_mib;
	struct chip_ask chips;
	struct countable *resources; /* further resources of each worker's node */
	size_t resource_count;
};

/* A bound on the round-trip time from a place: a site of the network, or coordinates. */
struct near {
	const char *site;       /* "" when coordinates are given */
	bool has_coordinates;
	int64_t latitude_udeg;
	int64_t longitude_udeg;
	int64_t within_us;
};

/* A place that calls a service, and its share of the calls. */
struct caller_place {
	struct near place;
	int64_t weight;
};

/* How close a job's workers must be to each other. */
enum together { TOGETHER_SITE, TOGETHER_GROUP, TOGETHER_NODE, TOGETHER_COUNT };
STRING_TABLE_DECLARE(enum together, together);

/* Whether workers go to as few nodes as may be, or to as many. */
enum arrange { ARRANGE_PACK, ARRANGE_SPREAD, ARRANGE_COUNT };
STRING_TABLE_DECLARE(enum arrange, arrange);

/* Empty lists allow all. */
struct where {
	enum tier *tiers;
	size_t tier_count;
	const char **regions;
	size_t region_count;
	const char **sites;
	size_t site_count;
	struct near *near; /* NULL: anywhere */
	struct caller_place *callers; /* of a service: its replicas are shared out among them; then `near` is NULL */
	size_t caller_count;
	enum together together;
	enum arrange arrange;
};

struct rules {
	bool domestic_only;    /* only chips of domestic origin */
	bool clearance;        /* only chips whose security review is passed */
	const char **residency; /* regions that the work may not leave; empty: free to go */
	size_t residency_count;
};

/* Data that the demand reads; it may lie under a residency of its own. */
struct data_reference {
	const char *name;
	int64_t size_mib;
	const char *site;       /* where it lies */
	const char **residency; /* regions that it may not leave; empty: free */
	size_t residency_count;
};

struct ask {
	enum demand_kind kind;
	int64_t workers; /* of a job: all or nothing; of a service: replicas, each placed by itself */
	struct shape shape;
	int64_t priority; /* 0 to 1000, more is sooner */
	bool preemptible;
	bool simulated; /* has `simulate`: only simulated sites take it, and only real ones take the others */
	struct where where;
	struct rules rules;
	struct data_reference *data;
	size_t data_count;
	int64_t data_hours; /* over which the cost of moving the data is spread: the time limit in hours, a power of two; 0: one.
			       Follows from the demand's time limit where it has data */
	int64_t price_max_micro; /* an hour, all workers of a job, one replica of a service; 0: no bound */
};

/* A demand that another waits for, and how it must have ended. */
enum after_when { AFTER_OK, AFTER_ANY, AFTER_FAILURE, AFTER_WHEN_COUNT };
STRING_TABLE_DECLARE(enum after_when, after_when); /* ok, any, failure */
struct after {
	const char *demand; /* an id, or the name of the tenant's newest demand of this name */
	enum after_when when;
};

/* A submission that stands for many jobs alike. Member i is a demand of its own, named NAME.i, and finds its number in
 * WEIR_ARRAY_INDEX. */
struct array {
	int64_t count;
	int64_t at_once; /* members that may be placed at the same time; 0: all */
};

struct variable {
	const char *name;
	const char *value;
};

/* What a simulated engine makes of the demand. */
struct simulate {
	int64_t duration_us;
	int64_t exit_code;
};

/* How a sample says it should end; read by `weir up --until-done` only. */
enum expectation { EXPECT_NONE, EXPECT_SUCCEEDED, EXPECT_FAILED, EXPECT_TIMED_OUT, EXPECT_CANCELLED, EXPECT_RUNNING, EXPECT_PENDING, EXPECT_COUNT };
STRING_TABLE_DECLARE(enum expectation, expectation);

struct demand_spec {
	const char *name;
	const char *title; /* a sentence for people, "" none */
	const char *tenant; /* "" : the token's */
	struct ask ask;
	const char **command;
	size_t command_count;
	struct variable *environment;
	size_t environment_count;
	const char *working_folder; /* "" : the attempt's own folder */
	int64_t time_limit_us;      /* 0: none; a service has none */
	int64_t deadline_us;        /* after its acceptance, by which a job must have ended; 0: none */
	struct after *after;
	size_t after_count;
	struct array *array;        /* NULL: a single demand */
	int64_t grace_us;           /* between the polite signal and the hard one; default 10 s */
	int64_t attempts_max;       /* attempts after loss of a site; default 3 */
	enum on_site_loss on_site_loss;
	struct simulate *simulate; /* NULL: real */
	enum expectation expect;
};

/* Brings the lists that are sets (models, software, resources, tiers, regions, sites, callers, residency, data) into one order
 * and drops repetitions, so that equal asks are equal byte by byte in their binary form. In place. */
void ask_canonicalize(struct ask *ask);
/* What data_hours is for a time limit: the hours, rounded up to a power of two, so that limits nearly alike make one ask. */
int64_t ask_data_hours(int64_t time_limit_us);
/* The ask of the replicas that serve one of its callers: near that place, and no callers. The rest is shared with `ask`. */
struct ask ask_at_caller(const struct ask *ask, size_t caller);
/* A deep copy, the arena's. */
struct ask *ask_copy(const struct ask *ask, struct arena *arena);
/* Replicas of a service by caller, `caller_count` numbers that add up to `workers`: shared out by the callers' weights, what
 * is left to the largest remainders (Hamilton's method), the first of equals. Callers are not empty. O(callers^2). */
void ask_caller_counts(const struct ask *ask, int64_t ret_counts[static DEMAND_LIST_MAX]);
/* The same added up: the replicas of caller c are those from ret_ends[c - 1], or 0, to below ret_ends[c]. */
void ask_caller_ends(const struct ask *ask, int64_t ret_ends[static DEMAND_LIST_MAX]);
/* The caller that replica `replica` serves: the first caller's replicas come first, then the second's. Replicas beyond
 * `workers` count as the last one. Callers are not empty. O(callers^2). */
size_t ask_caller_of(const struct ask *ask, uint32_t replica);

#endif
