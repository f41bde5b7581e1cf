/* Views: what a reader may see of the state, as flat structs with schemas (the API's answers).
 * Strings are borrowed from the state until the next event, lists are the arena's. */
#ifndef WEIR_PLATFORM_VIEW_H
#define WEIR_PLATFORM_VIEW_H

#include "match/relax.h"
#include "match/score.h"
#include "platform/platform.h"

enum demand_state {
	STATE_PENDING,
	STATE_PLACED,
	STATE_RUNNING,
	STATE_STOPPING,
	STATE_SUCCEEDED,
	STATE_FAILED,
	STATE_TIMED_OUT,
	STATE_CANCELLED,
	STATE_COUNT
};
STRING_TABLE_DECLARE(enum demand_state, demand_state);
bool demand_state_is_ended(enum demand_state state);

/* Of a demand, or an array, that another waits for. */
enum edge_state { EDGE_WAITS, EDGE_MET, EDGE_HOPELESS, EDGE_STATE_COUNT };
STRING_TABLE_DECLARE(enum edge_state, edge_state); /* waits, met, hopeless */

struct placement_view {
	int64_t replica;
	int64_t attempt;
	uint64_t token;
	const char *site;
	enum tier tier;
	const char *region;
	enum engine_kind engine; /* simulated ones are labelled wherever they are shown */
	enum attempt_state state;
	enum outcome outcome;
	int64_t exit_code;
	int64_t exit_signal;
	const char *message;
	int64_t placed_us, started_us, ended_us;
	int64_t progress_permille; /* -1 unknown */
	int64_t cpu_used_us, memory_peak_mib; /* -1 unknown */
	struct worker_slot *workers; /* only in the full view */
	size_t worker_count;
	int64_t policy_version, candidates, score_micro; /* why here: the record of the decision */
	bool preempted;        /* told to make room */
	uint64_t preempted_by; /* for this demand; 0 none in particular */
	int64_t predicted_start_us; /* what had been foretold; 0 nothing */
	const char *second_site; /* the next best; "" none was found with room */
	int64_t second_score_micro;
	bool backfilled, borrowed;
};

struct demand_view {
	uint64_t id;
	const char *name;
	const char *title;
	const char *tenant;
	enum demand_kind kind;
	enum demand_state state;
	const char *reason; /* one sentence: why it is in this state; never empty */
	int64_t priority;
	int64_t workers;       /* or replicas */
	int64_t running_count; /* replicas running; 0 or 1 for a job */
	int64_t attempt;       /* of the latest attempt, 0 none */
	int64_t accepted_us, started_us, ended_us;
	int64_t progress_permille;
	int64_t exit_code;
	bool simulated;
	int64_t cpu_milli, memory_mib, chip_milli; /* of one worker */
	const char *sites;  /* names of the sites of its current placements, comma-separated; "" none */
	enum expectation expect;
	struct placement_view *placements; /* current ones, then up to 16 past ones; only in the full view */
	size_t placement_count;
	uint64_t array;  /* of a member: id of the first one; 0 none */
	int64_t index, array_count;
	int64_t deadline_us; /* by which it must have ended; 0 none */
	int64_t estimated_start_us; /* of the first that waits for a place; 0 none, -1 not known */
	struct after_view {
		uint64_t demand; /* of an array: its first member */
		const char *name;
		bool array;
		enum after_when when;
		enum edge_state state;
	} *after;                /* only in the full view */
	size_t after_count;
	struct demand_spec *spec;          /* only in the full view */
};

struct site_status {
	const char *name;
	const char *title;
	enum tier tier;
	const char *region;
	const char *operator_name;
	int64_t latitude_udeg, longitude_udeg;
	enum engine_kind engine;
	enum site_condition condition;
	int64_t condition_since_us;
	bool draining;
	const char *drain_reason;
	int64_t seconds_since_seen; /* -1 never */
	const char *agent;          /* version, "" */
	int64_t nodes;
	int64_t cpu_milli, cpu_free_milli;
	int64_t memory_mib, memory_free_mib;
	int64_t chips, chips_free;  /* whole chips */
	struct chip_use {
		const char *model;
		int64_t count, free;
	} *chip_uses;
	size_t chip_use_count;
	int64_t placements;         /* attempts that hold something here */
	const char **notes;
	size_t note_count;
	struct price price;
	struct node_group *groups;  /* only in the full view */
	size_t group_count;
};

struct link_view {
	const char *from, *to;
	int64_t rtt_us, bandwidth_mbit;
	int64_t price_micro_per_gib;
};

/* Roll-up of the network: by tier and by chip model. */
struct tier_summary {
	enum tier tier;
	int64_t sites, sites_up, nodes, cpu_milli, cpu_free_milli, memory_mib, memory_free_mib, chips, chips_free;
};
struct chip_summary {
	const char *model, *vendor;
	enum origin origin;
	int64_t count, free, waiting; /* waiting: chips that pending demands ask for by this model's name */
};
/* Counts over the whole life of the platform, for its metrics. */
struct tallies {
	uint64_t preemptions;
	uint64_t predictions;        /* placements that had been foretold */
	int64_t prediction_error_us; /* sum of how far off they were */
	int64_t prediction_bias_us;  /* the same with its sign: positive is later than foretold */
};
/* How much of what was possible a round placed, in milli-chips; what asks for no chips counts by its CPU or memory
 * (bound_value_of(), match/bound.h). */
struct gap_measure {
	int64_t measured_us; /* 0: not measured */
	int64_t placed_chip_milli;
	int64_t bound_chip_milli; /* no plan places more */
	int64_t gap_permille;     /* of the bound, rounded up: what was missed at most */
	int64_t demands;          /* jobs and replicas that were to be placed */
	bool complete;            /* all that was queued was looked at */
	bool coarse;              /* too many nodes to look at each: the bound only adds up what is free */
};
struct gap_view {
	struct gap_measure now;   /* of a round made to see, of all that is queued */
	struct gap_measure *last; /* of the last round that was measured on its way; NULL none */
};
struct summary {
	const char *name, *network, *title, *note, *version;
	uint64_t epoch, sequence;
	int64_t sites, sites_up, sites_draining, sites_simulated;
	int64_t chips_domestic, chips_foreign;
	int64_t demands[STATE_COUNT]; /* written as a map of state to count */
	struct tier_summary *tiers; /* one each, in their order */
	size_t tier_count;
	struct chip_summary *chips;
	size_t chip_count;
	struct tallies tallies; /* not written */
	struct gap_measure *round; /* the last round that was measured; NULL none */
};

/* One line of a demand's story. */
struct story_line {
	uint64_t sequence;
	int64_t time_us;
	const char *event;    /* event_type_to_string */
	const char *sentence; /* "placed on guian-hub: cheapest of 12 sites that fit" */
};

struct why_group {
	enum verdict_code code;
	bool never;
	int64_t sites;
	const char *sentence;
	const char **examples; /* names of up to 8 sites, nearest to fitting first */
	size_t example_count;
};
struct why_ahead {
	const char *tenant;
	int64_t count;
};
/* A change that would let it start now; match/relax.h. */
struct why_change {
	const char *sentence;
	const char *site;
	int64_t given_up; /* thousandths */
	int64_t stops;    /* others that would be stopped for it */
	bool verified;    /* always: it was tried by matching again */
	struct why_step {
		enum relax_dimension dimension;
		const char *from, *to;
		int64_t from_value, to_value;
	} *steps;
	size_t step_count;
};
/* Why it was placed where it is, of its first current placement. */
struct why_placement {
	int64_t replica;
	const char *sentence;
	const char *site, *second_site; /* "" no second */
	int64_t score_micro, second_score_micro, candidates;
	bool backfilled, borrowed;
	struct score parts; /* of the score, as the ask and the site are today; what is left of the recorded score is fragmentation */
};
struct why_view {
	uint64_t id;
	enum demand_state state;
	const char *summary; /* never empty */
	bool fits_now, never;
	int64_t ahead;
	struct why_ahead *ahead_by; /* the tenants with the most before it */
	size_t ahead_by_count;
	const char *start;    /* "in about 2 h"; "" it waits for no place */
	int64_t start_us;     /* the estimated start; -1 not known */
	int64_t reserved_us;  /* the latest start; 0 nothing is reserved */
	const char *change;   /* one sentence: the smallest change, or that none helps; "" it waits for no place */
	struct why_change *changes; /* the smallest first */
	size_t change_count;
	struct why_group *groups;
	size_t group_count;
	struct why_placement *placement; /* NULL: it has no place */
};

struct tenant_view {
	const char *name, *parent; /* "": the root */
	int64_t weight;
	struct amounts held;           /* now, with all tenants below it */
	struct amounts *quota, *limit; /* NULL none */
	int64_t used_ppm;     /* its decayed dominant share of the supply, in millionths */
	int64_t promised_ppm; /* what its weight promises while all have work */
	bool borrows;         /* it holds more than any quota covers */
};

extern const struct schema tenant_view_schema;
extern const struct schema placement_view_schema, demand_view_schema, demand_full_schema, site_status_schema, site_full_schema,
	link_view_schema, summary_schema, gap_schema, story_line_schema, why_schema, token_view_schema;

struct demand_filter {
	int state;          /* -1 any; enum demand_state */
	bool ended_only, live_only;
	const char *tenant, *site, *name, *region; /* NULL any */
	int kind;           /* -1 any */
};
struct site_filter {
	int tier, condition, engine; /* -1 any */
	const char *region, *name_contains;
	int draining;       /* -1 any, 0, 1 */
};

int view_demand(const struct platform *platform, int64_t now_us, uint64_t id, bool full, struct arena *arena,
		struct demand_view *ret); /* -ENOENT */
/* Demands with id > after (newest_first: id < before, 0 for none), at most `limit`; gives the count. *ret_more: whether others follow. */
size_t view_demands(const struct platform *platform, int64_t now_us, const struct demand_filter *filter, uint64_t cursor, bool newest_first,
		    size_t limit, struct arena *arena, struct demand_view **ret, bool *ret_more);
int view_site(const struct platform *platform, int64_t now_us, const char *name, bool full, struct arena *arena, struct site_status *ret);
/* Sites in order of name; `after` is a name or "". */
size_t view_sites(const struct platform *platform, int64_t now_us, const struct site_filter *filter, const char *after, size_t limit,
		  struct arena *arena, struct site_status **ret, bool *ret_more);
size_t view_links(const struct platform *platform, size_t offset, size_t limit, struct arena *arena, struct link_view **ret,
		  bool *ret_more);
size_t view_regions(const struct platform *platform, const struct region **ret);
const struct policy_spec *view_policy(const struct platform *platform); /* the defaults when none was loaded */
/* Tenants by name, behind `after` ("" at first); `only` that one (NULL: all). */
size_t view_tenants(const struct platform *platform, int64_t now_us, const char *only, const char *after, size_t limit,
		    struct arena *arena, struct tenant_view **ret, bool *ret_more);
const struct catalogue *view_catalogue(const struct platform *platform);
void view_summary(const struct platform *platform, int64_t now_us, struct arena *arena, struct summary *ret);
/* The bound for what is queued now, beside what a round would place. Changes nothing. Bounded, but costs up to half a second: the
 * answer is kept for 10 s where it takes long. */
void view_gap(const struct platform *platform, int64_t now_us, struct arena *arena, struct gap_view *ret);
int view_story(const struct platform *platform, uint64_t id, struct arena *arena, struct story_line **ret, size_t *ret_count); /* -ENOENT */
int view_why(const struct platform *platform, int64_t now_us, uint64_t id, struct arena *arena, struct why_view *ret);
size_t view_tokens(const struct platform *platform, struct arena *arena, struct token_view **ret);
/* -ENOENT, or the site that holds the attempt's output. */
int view_placement_site(const struct platform *platform, uint64_t demand, int64_t replica, int64_t attempt, const char **ret_site,
			struct attempt_name *ret_name);

/* One event as the stream shows it: {"sequence","time_us","type","demand"?, "site"?, "sentence", "body":{...}}.
 * `*ret_demand` (0 none), `*ret_tenant` (NULL none) say who may see it; secrets are never written. */
void view_event_json(const struct platform *platform, const struct event *event, struct strbuf *out, uint64_t *ret_demand,
		     const char **ret_tenant);

#endif
