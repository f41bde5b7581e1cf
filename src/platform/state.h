/* The state, for the files of this folder only.
 *
 * Ownership: the platform owns sites, demands, attempts, classes, labels, tokens and keys; they point at
 * each other freely and live exactly as long as an event says so. Durable fields change in apply only;
 * those marked "observed" may change elsewhere, are neither hashed nor kept, and steer only by way of
 * events that decide_*() gives.
 *
 * Invariants (check.c walks them all):
 *   P1  A site's supply is its capacity less the slots of the attempts in its list, and nothing else.
 *   P2  A replica has a current attempt, or is queued, or waits, or is held, or its demand is cancelled or ended.
 *   P3  A class's queue holds exactly its queued replicas, by order; order is age.
 *   P4  At most one current attempt a replica; its number is the replica's count of attempts; its token
 *       is greater than that of each earlier one.
 *   P5  Demands stand by ascending id, and of those live none has ended.
 */
#ifndef WEIR_PLATFORM_STATE_H
#define WEIR_PLATFORM_STATE_H

#include "base/mem.h"
#include "match/match.h"
#include "platform/body.h"
#include "platform/hold.h"
#include "platform/table.h"
#include "platform/view.h"

#define PAST_ATTEMPTS_MAX 16     /* that a demand remembers */
#define REPLICA_BITS 17          /* of an order; DEMAND_WORKERS_MAX fits */
#define MESSAGE_MAX 500          /* bytes of a sentence that is kept */
#define SITE_NODES_MAX 2000000   /* of all groups of a site */
#define SITE_CHIPS_MAX 16000000
#define BACKOFF_MAX_US INT64_C(300000000)
#define SITE_NONE UINT32_MAX
#define SLOTS_A_ROUND_MAX 200000 /* workers that one round places */

struct demand;
struct site;

/* A text that several demands share, and the list of them by ascending id. */
struct label {
	uint64_t hash;
	struct demand *first, *last;
	size_t count;
	char text[];
};

struct label_link {
	struct demand *previous, *next;
};

/* The replicas of one class and one tenant that wait for a place; those with a deadline stand apart, and where the policy says
 * `order: short` those of different bands of time limits, by the policy at the time that the demand was first queued. */
struct queue {
	struct class *class;
	char *tenant; /* owned */
	bool dated;
	uint32_t band; /* match_time_band() */
	/* entries[head .. end), by order. demand 0: a hole, left by one that was taken out of the middle. */
	struct match_entry *entries;
	size_t head, end, capacity, holes;
	size_t active_index; /* place in platform->active plus 1; 0: nothing queued */
	/* observed */
	uint64_t blocked_serial; /* supply_serial at which nothing more of it could be placed */
	uint64_t stuck_round;    /* the last round that it was stuck in; 0 none */
	char *reason;            /* what the last round said; NULL: not tried yet */
	int64_t reserved_us;     /* when its oldest will start at the latest; 0 not known */
	/* of estimate.c */
	uint64_t estimate_run;    /* the forecast that what follows is from; 0 none */
	size_t estimate_count;    /* entries that it looked at, the oldest */
	int64_t estimate_last_us; /* start of the last of them; -1 not known */
	int64_t estimate_step_us; /* from one of those behind to the next */
	uint64_t foretold;        /* order of the newest entry that has a first estimate */
};

/* Demands with equal asks, and their queues. */
struct class {
	uint64_t hash;
	struct bytes key; /* the ask's binary form; owned */
	enum demand_kind kind;
	int64_t workers, priority;
	bool simulated;
	struct shape shape; /* its numbers and resources, owned; the lists about chips are empty */
	size_t demand_count;
	uint64_t network_serial; /* of the network that it was checked against */
	struct queue **queues; /* by tenant, then by dated, then by band; they live as long as the class */
	size_t queue_count, queue_capacity;
	/* observed: in the books (books.c) */
	uint64_t books_serial; /* of the books that know it; 0 none */
	uint32_t *match_classes; /* one, or one for each caller */
	size_t match_class_count;
};

struct attempt {
	struct demand *demand;
	struct site *site;
	uint64_t token;
	uint32_t replica;
	uint32_t number;
	size_t site_index;    /* in site->attempts, while it is current */
	enum attempt_state state;
	enum outcome outcome;
	int32_t exit_code, exit_signal, failed_worker;
	uint32_t slot_count;
	struct slot *slots;   /* NULL once ended */
	char *message;        /* NULL none */
	int64_t placed_us, started_us, ended_us;
	uint64_t placed_sequence, started_sequence, ended_sequence;
	uint64_t report_epoch, report_sequence; /* of the newest sync whose report is recorded; 0 none */
	uint64_t preempted_by, preempted_sequence; /* sequence 0: it was not */
	int64_t preempted_us;
	bool reclaimed;
	uint32_t policy_version, candidates;
	int64_t score_micro;
	int64_t predicted_start_us;
	bool borrowed; /* its placement was beyond its tenant's quota */
	bool backfilled;
	const struct site *second_site; /* the next best; NULL none */
	int64_t second_score_micro;
	int64_t cpu_used_us, memory_peak_mib; /* durable once ended, observed before; -1 unknown */
	struct attempt *older; /* past attempts of the demand, newest first */
	/* observed */
	struct match_work work;     /* in the books, while it is current and they are there */
	uint64_t unwanted_revision; /* of the site when it left the list of what should run; 0: it should */
	int32_t progress_permille;
};

/* HELD: kept from the queue by its demand's hold, not tried yet. */
enum replica_place { REPLICA_QUEUED, REPLICA_WAITING, REPLICA_PLACED, REPLICA_OUT, REPLICA_HELD, REPLICA_PLACE_COUNT };
STRING_TABLE_DECLARE(enum replica_place, replica_place);

struct replica {
	struct attempt *attempt; /* the current one, or NULL */
	int64_t ready_us;        /* while it waits */
	uint32_t attempts;       /* made so far */
	uint32_t losses;
	uint32_t failures;       /* in a row */
	enum replica_place place;
	/* observed, while it is queued */
	int64_t estimate_us;  /* when it will start; 0 none, -1 not known */
	int64_t predicted_us; /* the first estimate; 0 none */
};

struct demand {
	uint64_t id;
	uint64_t sequence; /* of its acceptance: its age */
	struct class *class;
	struct queue *queue;
	struct label *name, *tenant;
	struct label_link by_name, by_tenant;
	uint8_t *spec;     /* binary form of demand_schema without the ask */
	uint32_t spec_length;
	uint32_t attempts_max;
	struct replica *replicas; /* &single, or owned */
	uint32_t replica_count;
	uint32_t current_count; /* replicas with an attempt */
	uint32_t running_count;
	uint32_t preempted_count; /* of the current ones, those that make room */
	uint8_t state;          /* enum demand_state */
	uint8_t on_site_loss;
	bool cancelled;
	bool expired;   /* cancelled by its deadline */
	bool finishing; /* its last attempt ended, the event of its own end follows */
	uint8_t past_count;
	struct replica single;
	struct attempt *past;
	int64_t accepted_us, started_us, ended_us, cancelled_us;
	uint64_t cancelled_sequence, ended_sequence;
	char *cancelled_by; /* NULL none */
	char *message;      /* of its end; NULL none */
	int32_t exit_code;
	struct demand *ended_next; /* the next to have ended */
	struct hold *hold;         /* NULL none */
	uint32_t index;            /* in it */
	struct edge *dependents;   /* those that wait for it */
	int64_t time_limit_us;     /* of an attempt; 0: none, or not known */
	int64_t deadline_us;       /* by which it must have ended; 0 none */
	int64_t due_us;            /* while it stands in platform->due_demands */
	size_t due_index;          /* place there plus 1; 0 none */
};

struct demand_row {
	uint64_t id;
	struct demand *demand; /* NULL: gone */
};

struct site {
	char *name;
	uint32_t index;               /* SITE_NONE: no longer in the network, remembered by past attempts */
	const struct site_spec *spec; /* NULL likewise */
	uint64_t hash;                /* of the name */
	enum site_condition condition;
	int64_t condition_since_us;
	uint64_t agent_epoch;
	bool draining;
	char *drain_by, *drain_reason;
	bool has_supply;
	uint64_t supply_hash, supply_epoch, supply_sequence;
	struct supply supply;
	struct amounts counted;       /* its part of platform->supply_total */
	struct attempt **attempts;    /* current ones, in no particular order */
	size_t attempt_count, attempt_capacity;
	/* observed */
	int64_t seen_us;              /* 0 never in this life */
	uint64_t sequence;            /* of the newest sync of agent_epoch */
	uint64_t revision;
	bool changed;                 /* since platform_drain_changed_sites() */
	char *agent;
	char **notes;
	size_t note_count;
	struct site_watch *watch;     /* the list it stands in, or NULL */
	struct site *earlier, *later; /* in that list, by seen_us */
};

/* Sites of one condition by when they were last seen: the head is the next to be late. */
struct site_watch {
	struct site *first, *last;
};

struct key_entry {
	uint64_t hash; /* of the text */
	uint64_t request_hash;
	uint64_t first; /* id of the batch's first demand */
	uint32_t count;
	struct key_entry *next; /* younger */
	char text[];
};

struct waiting {
	int64_t ready_us;
	uint64_t order;
	uint64_t demand;
	uint32_t replica;
};

/* What rounds and syncs noted; lost at a restart. decide_round() leaves its findings here and
 * platform_observe_round() puts them in force. */
struct observed {
	bool round_wanted;
	bool arrived;   /* something was queued since the last round */
	uint64_t round; /* rounds so far */
	struct queue_note {
		struct queue *queue;
		char *reason;
		int64_t reserved_us;
	} *notes;
	size_t note_count, note_capacity;
	uint64_t note_serial; /* supply_serial of the round that made them */
	struct matcher *matcher; /* the books; NULL: not made */
	struct rule_context context; /* of the books */
	uint64_t books_serial;   /* raised with each making */
	uint64_t estimate_runs;      /* forecasts so far */
	int64_t estimate_next_us;    /* when the next is due */
	int64_t learned_time_us, learned_limit_us; /* how long work ran of late, and might have; estimate.c */
	uint32_t learned_count;
	struct gap_measure gap, asked_gap; /* of a round on its way, and on request; measured_us 0: none */
};

struct platform {
	struct platform_settings settings;
	uint64_t sequence;
	uint64_t epoch;
	uint64_t last_id;
	uint64_t last_token;
	struct tallies tallies;

	struct arena network_arena, catalogue_arena;
	struct network_spec network;
	struct catalogue catalogue;
	struct topology *topology;
	struct policy_spec policy;  /* the defaults until one is loaded */
	struct arena policy_arena;
	bool has_policy;
	struct shares *shares;      /* account.c */
	int64_t shares_us;          /* of the latest charge or release */
	struct amounts supply_total; /* of the sites that are up */
	struct site **sites;
	struct site_view *views;
	size_t site_count;
	struct table site_table;   /* struct site by name, also those that left the network */
	struct table region_table; /* struct region by name */
	struct site **sorted_sites; /* by name */
	uint64_t network_serial;
	uint64_t supply_serial;    /* raised whenever more may fit than before */

	struct token_view **tokens; /* by name; each with its strings in one block */
	size_t token_count;
	struct table token_table;  /* by secret's hash */

	struct table class_table, name_table, tenant_table;
	struct queue **active;     /* with something queued */
	size_t active_count, active_capacity;

	struct demand_row *rows;   /* by id */
	size_t row_count, row_capacity, row_holes;
	size_t live_count;
	size_t live_replicas; /* of them, a job counting as one */
	struct demand *ended_first, *ended_last;
	size_t ended_count;
	size_t state_counts[STATE_COUNT];

	struct table key_table;
	struct key_entry *key_first, *key_last; /* oldest first */

	struct table hold_table, array_table; /* holds by the first member; the newest array of each name */
	struct hold **due_holds;
	size_t due_hold_count, due_hold_capacity;

	struct demand **due_demands; /* heap, deadline.c */
	size_t due_demand_count, due_demand_capacity;

	struct waiting *waiting;   /* heap by ready_us, order; entries out of date are dropped when they come up */
	size_t waiting_count, waiting_capacity, waiting_live;

	struct site_watch up, suspect;
	struct site **changed;
	size_t changed_count, changed_capacity;
	struct observed *observed;
	struct arena replay_arena;
	bool in_snapshot;          /* between the first record of a snapshot and its end */
	bool checks;               /* debug builds: walk everything after each event */
	uint64_t checked;          /* sequence of the last walk */
};

/* --- sites (site.c) --- */
struct site *site_find(const struct platform *platform, const char *name); /* in the network, or NULL */
struct site *site_find_any(const struct platform *platform, const char *name);
struct site *site_make(struct platform *platform, const char *name); /* not in the network yet */
void site_free(struct site *site);
void site_touch(struct platform *platform, struct site *site); /* what it should do changed */
void site_refresh_view(struct platform *platform, struct site *site);
void site_list(struct platform *platform, struct site *site); /* puts it where its condition and seen_us belong */
void site_unlist(struct platform *platform, struct site *site);
void site_add_attempt(struct platform *platform, struct site *site, struct attempt *attempt);
void site_remove_attempt(struct platform *platform, struct site *site, struct attempt *attempt);
void site_set_supply(struct platform *platform, struct site *site, struct supply *supply_taken);

/* --- tokens and keys (token.c) --- */
void token_free(struct token_view *token);
size_t token_place(const struct platform *platform, const char *name, bool *ret_found);
struct key_entry *key_find(const struct platform *platform, const char *text);
const struct region *region_find(const struct platform *platform, const char *name); /* apply.c */

/* --- demands (demand.c) --- */
struct demand *demand_find(const struct platform *platform, uint64_t id);
size_t demand_row_after(const struct platform *platform, uint64_t id); /* the first row with a greater id */
struct demand *demand_make(struct platform *platform, uint64_t id, uint64_t sequence, const char *name, const char *tenant,
			   struct class *class, const struct bytes *spec);
void demand_drop(struct platform *platform, struct demand *demand); /* forgets an ended one */
void demand_free(struct demand *demand);                            /* its memory only */
void demand_refresh(struct platform *platform, struct demand *demand, int64_t now_us);
void demand_end(struct platform *platform, struct demand *demand, enum demand_state state);
void demand_keep_past(struct demand *demand, struct attempt *attempt);
uint64_t demand_order(const struct demand *demand, uint32_t replica);
struct attempt *attempt_current(const struct platform *platform, uint64_t demand, int64_t replica, int64_t number);
void attempt_free(struct attempt *attempt);
bool attempt_is_running(const struct attempt *attempt);
/* Whether its site should have it: not when its demand is cancelled or it makes room for another. */
bool attempt_is_wanted(const struct attempt *attempt);
void attempt_leave(struct platform *platform, struct attempt *attempt); /* what its site should do changed: this no more */
/* The spec with its ask and tenant, the arena's. */
struct demand_spec *demand_spec_read(const struct demand *demand, struct arena *arena);

/* --- classes and the queue (queue.c) --- */
struct class *class_find(const struct platform *platform, const struct bytes *key);
/* Makes it when missing; -EINVAL for bytes that are no sound ask. */
int class_get(struct platform *platform, const struct bytes *key, struct class **ret, struct err *err);
void class_release(struct platform *platform, struct class *class); /* frees it once no demand has it */
void class_free(struct class *class);
const struct ask *class_ask(const struct class *class, struct arena *arena); /* decoded */
/* The queue of the class's replicas of the tenant; made when missing. O(log queues) once it is there. */
struct queue *queue_get(struct class *class, const char *tenant, bool dated, uint32_t band);
size_t queue_length(const struct queue *queue);
size_t queue_older(const struct queue *queue, uint64_t order); /* entries, holes included, that are older */
void queue_add(struct platform *platform, struct demand *demand, uint32_t replica);
void queue_remove(struct platform *platform, struct demand *demand, uint32_t replica);
/* The entries without holes, `limit` at most (0: all), oldest first: the queue's own memory, or the arena's. */
const struct match_entry *queue_entries(const struct queue *queue, size_t limit, struct arena *arena, size_t *ret_count);
void waiting_add(struct platform *platform, struct demand *demand, uint32_t replica);
void waiting_remove(struct platform *platform); /* one of them waits no longer; call after its replica was changed */
/* Those due at `now_us`, by time and age; the arena's. */
const struct waiting *waiting_due(const struct platform *platform, int64_t now_us, struct arena *arena, size_t *ret_count);
int64_t waiting_next_us(const struct platform *platform);

/* --- deadlines (deadline.c) --- */
/* The moment from which it can no longer end in time; INT64_MAX: never, or it ends already. */
int64_t demand_due_us(const struct demand *demand);
void deadline_refresh(struct platform *platform, struct demand *demand); /* after anything that demand_due_us() reads changed */
int64_t deadline_next_us(const struct platform *platform);
struct demand **deadlines_due(const struct platform *platform, int64_t now_us, struct arena *arena, size_t *ret_count); /* by moment, id */

/* --- soundness of what comes from a log or an agent (sound.c) --- */
int ask_check(const struct ask *ask, struct err *err);
int groups_check(const struct node_group *groups, size_t count, struct err *err);
int network_check(const struct network_spec *network, struct err *err);
int policy_check(const struct policy_spec *policy, struct err *err);
/* Whether the slots name nodes and chips of the supply and fit now; takes them when all do. */
bool slots_take(struct supply *supply, const struct slot *slots, size_t count, const struct shape *shape);
/* The same slots in other groups of the same names; false when one of them is gone. `ret` has `count` entries. */
bool slots_remap(const struct supply *from, const struct supply *to, const struct slot *slots, size_t count, struct slot *ret);

/* --- applying (apply.c, apply_demand.c, snapshot_read.c); 0, or -EINVAL and nothing changed --- */
/* Shared with the reader of snapshots. */
int accepted_numbers_check(const struct accepted_body *body, uint64_t sequence, struct err *err);
struct slot *slots_read(const struct slot_body *bodies, size_t count, int64_t workers);
int apply_accepted(struct platform *platform, const struct event *event, struct err *err);
int apply_cancelled(struct platform *platform, const struct event *event, struct err *err);
int apply_expired(struct platform *platform, const struct event *event, struct err *err);
int apply_placed(struct platform *platform, const struct event *event, struct err *err);
int apply_preempted(struct platform *platform, const struct event *event, struct err *err);
int apply_changed(struct platform *platform, const struct event *event, struct err *err);
int apply_attempt_ended(struct platform *platform, const struct event *event, struct err *err);
int apply_demand_ended(struct platform *platform, const struct event *event, struct err *err);
int apply_ready(struct platform *platform, const struct event *event, struct err *err);
int apply_released(struct platform *platform, const struct event *event, struct err *err);
int apply_supply(struct platform *platform, const struct event *event, struct err *err);
int apply_network(struct platform *platform, const struct network_spec *network, struct err *err);
int apply_catalogue(struct platform *platform, const struct catalogue *catalogue, struct err *err);
int apply_policy(struct platform *platform, const struct policy_spec *policy, struct err *err);
int apply_token(struct platform *platform, const struct token_body *body, struct err *err);
int apply_token_revoked(struct platform *platform, const struct token_revoked_body *body, struct err *err);
int apply_key(struct platform *platform, const char *text, uint64_t request_hash, uint64_t first, int64_t count, struct err *err);
int apply_snapshot_record(struct platform *platform, const struct event *event, struct err *err);

/* --- accounts (account.c) --- */
struct snap_shares;
void account_charge(struct platform *platform, const struct attempt *attempt, int64_t time_us);
void account_release(struct platform *platform, const struct attempt *attempt, int64_t time_us);
struct amounts attempt_amounts(const struct attempt *attempt); /* of all of its workers */
struct amounts site_amounts(const struct site *site); /* what it adds to the network's supply now */
void account_site(struct platform *platform, struct site *site); /* after its supply or condition changed */
void accounts_export(const struct platform *platform, struct arena *arena, struct snap_shares *ret);
int accounts_import(struct platform *platform, const struct snap_shares *body, struct err *err);
void accounts_charge_all(struct platform *platform); /* the current attempts, after a snapshot was read */

/* --- deciding the end of attempts (end.c) --- */
/* Collects the ends of one decision, so that a demand whose last attempts end together ends once. */
struct ending {
	const struct platform *platform;
	int64_t now_us;
	struct event_list *list;
	struct demand **cancelled; /* one entry per ended attempt of a cancelled demand */
	size_t cancelled_count, cancelled_capacity;
};
/* `delay_us`: what is lost may still run for as long; another attempt waits. */
void ending_add(struct ending *ending, const struct attempt *attempt, const struct attempt_report *report, int64_t delay_us);
void ending_finish(struct ending *ending);
/* Has the attempt make room for the demand `by` (0: none in particular), or for a tenant within its quota (`reclaimed`): its site
 * stops it, and its replica goes back into the queue. The attempt is wanted until then. */
void preempt(const struct platform *platform, const struct attempt *attempt, uint64_t by, bool reclaimed, int64_t now_us,
	     struct event_list *ret);
/* A report of the platform's own about an attempt that nobody will report on. */
struct attempt_report report_of(const struct attempt *attempt, enum outcome outcome, const char *message);
const char *demand_cancel_text(const char *by, struct arena *arena); /* "cancelled by ann" */
/* Current attempts of a site by demand, replica; the arena's. */
struct attempt **site_attempts_sorted(const struct site *site, struct arena *arena);

/* --- rounds (decide_round.c) --- */
/* Queues with something in them, by age: all, or those whose turn it is (*ret_complete false: others too). The arena's. */
struct queue **queues_choose(const struct platform *platform, bool all, struct arena *arena, size_t *ret_count, bool *ret_complete);
/* The queues as matching reads them, at most `entries_max` entries of each (0: all). A queue gives a stream, or one for each
 * caller of its service; `*ret_queue_of` says for each stream which queue it is of. The arena's, or borrowed. */
void match_input_make(const struct platform *platform, struct queue *const *queues, size_t count, size_t entries_max, int64_t now_us,
		      struct arena *arena, struct match_input *ret, size_t **ret_queue_of);

/* --- the matcher's books (books.c) ---
 * Derived from the state, made when they are first asked for, kept up with it from then on, and thrown away when the network,
 * the catalogue or the policy changes. Nothing durable depends on them but by way of events. */
struct matcher *books_get(const struct platform *platform);
void books_drop(const struct platform *platform);
/* The matcher's classes for the class: one, or one for each caller of the service. */
const uint32_t *books_classes(const struct platform *platform, struct class *class, size_t *ret_count);
void books_forget_class(const struct platform *platform, struct class *class); /* before it is freed */
/* Each after the state has changed so; cheap when there are no books. */
void books_learn(const struct platform *platform, struct class *class, int64_t entries); /* so many arrived */
void books_placed(const struct platform *platform, struct attempt *attempt);
void books_started(const struct platform *platform, struct attempt *attempt);
void books_stopping(const struct platform *platform, struct attempt *attempt);
void books_ended(const struct platform *platform, struct attempt *attempt); /* before its slots are freed */
void books_site_changed(const struct platform *platform, const struct site *site);
void books_supply_changed(const struct platform *platform, const struct site *site);

/* --- estimated starts (estimate.c) --- */
/* When the demand will start, or the first of its replicas that wait: 0: nothing of it is queued, or it is too new for an estimate;
 * -1: not known, since it waits for something whose end nobody knows, or fits nowhere. O(replicas + log queue). */
int64_t estimate_of(const struct platform *platform, const struct demand *demand);
int64_t estimate_time_permille(const struct platform *platform); /* of its time limit that work takes of late */
void estimate_learn(struct platform *platform, const struct attempt *attempt); /* it ended */

/* --- how good a round was (gap.c) --- */
/* Notes it when it costs next to nothing and was not noted within the last second. After match_round(), before anything of its
 * plan is applied. */
void gap_measure(const struct platform *platform, const struct match_input *input, const struct match_plan *plan, struct arena *arena);
struct gap_measure *gap_last(const struct platform *platform, struct arena *arena); /* the arena's; NULL none */

/* A site as a view (view_site.c). */
void site_fill(const struct site *site, int64_t now_us, bool full, struct arena *arena, struct site_status *ret);
/* The groups that a supply was made of (snapshot.c); names borrowed, the rest the arena's. */
struct node_group *supply_groups(const struct supply *supply, struct arena *arena);
/* Where the workers of a current attempt are (sync_reply.c); the arena's. */
struct worker_slot *worker_slots(const struct attempt *attempt, struct arena *arena);

/* --- sentences (sentence.c) --- */
/* Chip models that the ask names, for verdict_describe(): the arena's. */
const char *chips_text(const struct ask *ask, struct arena *arena);
const char *demand_reason(const struct platform *platform, const struct demand *demand, int64_t now_us, struct arena *arena);
void outcome_describe(enum outcome outcome, int64_t exit_code, int64_t exit_signal, const char *message, struct strbuf *out);
/* What an event says, in one sentence. */
void event_describe(const struct platform *platform, const struct event *event, struct strbuf *out);

#endif
