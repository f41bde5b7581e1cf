/* The public library: include/weir/match.h over src/match. Every handle begins with its struct err. */
#ifndef WEIR_LIB_LIB_H
#define WEIR_LIB_LIB_H

#include "base/err.h"
#include "match/bound.h"
#include "match/match.h"
#include "weir/match.h"

#define LIB_CPU_MILLI_MAX 1000000000
#define LIB_MEMORY_MIB_MAX (INT64_C(1) << 30)
#define LIB_MONEY_MICRO_MAX INT64_C(1000000000000)
#define LIB_TIME_US_MAX (INT64_C(1) << 60)
#define LIB_RTT_US_MAX 600000000
#define LIB_GOPS_MAX INT64_C(1000000000000)

/* Checks that write a sentence and give 0 or -EINVAL. `what` begins it. */
int lib_check_range(struct err *err, const char *what, int64_t value, int64_t least, int64_t most);
int lib_check_name(struct err *err, const char *what, const char *name); /* NULL is none */

/* Adds a name to a list that holds DEMAND_LIST_MAX at most; it is allocated whole when the first comes. */
int lib_list_add(const char ***list, size_t *count, struct arena *arena, struct err *err, const char *what, const char *word);

/* --- network and policy: shared by the matchers made of them --- */

struct weir_network {
	struct err err;
	unsigned users; /* the caller's handle and matchers; the last one frees */
	bool sealed;
	struct arena arena; /* texts */
	struct catalogue catalogue;
	size_t model_capacity;
	struct network_spec spec;
	size_t site_capacity, link_capacity;
};

struct weir_policy {
	struct err err;
	unsigned users;
	bool sealed;
	struct arena arena;
	struct policy_spec spec;
	size_t tenant_capacity;
};

void lib_network_unref(struct weir_network *network);
void lib_policy_unref(struct weir_policy *policy);

/* --- demands --- */

struct weir_demand {
	struct err err;
	struct arena arena;
	struct ask ask;
	int64_t time_limit_us, deadline_us;
};

/* The ask as it is matched: sorted, in the arena; -EINVAL when its parts do not go together. */
int lib_demand_ask(struct weir_demand *demand, struct arena *arena, struct ask **ret);
/* Appends bytes that are equal for equal asks only. */
void lib_ask_key(const struct ask *ask, struct strbuf *out);

/* --- the matcher --- */

/* A distinct ask; it stays as long as the matcher. */
struct lib_class {
	struct ask *ask; /* the matcher's arena's */
	uint32_t class;  /* of the books */
	int64_t value;   /* bound_value_of() */
	const char *key; /* lib_ask_key() */
	size_t key_size;
	uint64_t hash;
};

/* What is queued of one class by one tenant. */
struct lib_stream {
	size_t class; /* of the matcher's list */
	uint32_t tenant;
	struct match_entry *entries;
	size_t entry_count, entry_capacity;
	bool sorted;
	bool changed; /* some of them are not queued any more */
};

/* A demand that is queued, or runs, in part at least. */
struct lib_item {
	uint64_t id;
	uint64_t order;
	int64_t time_limit_us, deadline_us;
	uint32_t replica_count; /* 1 of a job */
	uint32_t left;          /* replicas that are queued or run */
	const struct ask *ask;  /* with its callers; the class's when it has none */
	size_t *streams;        /* per caller; one without callers */
	unsigned char *queued;  /* per replica */
	struct match_work **works; /* per replica: where it runs; NULL */
};

struct weir_matcher {
	struct err err;
	struct weir_network *network;
	struct weir_policy *policy;
	struct arena arena;
	struct topology *topology;
	struct rule_context context;
	struct supply *supplies; /* what is free, as the books say too */
	struct site_view *views;
	size_t site_count;
	struct matcher *books;
	struct shares *shares;
	struct lib_class *classes;
	size_t class_count, class_capacity;
	struct lib_stream *streams;
	size_t stream_count, stream_capacity;
	size_t *class_table, *stream_table; /* number + 1; 0 free */
	size_t class_places, stream_places;
	struct lib_item **items; /* a hash table by id */
	size_t item_count, item_places;
	uint64_t order; /* of the next */
	uint64_t queued;
	int64_t now_us;
};

const struct lib_item *lib_item_find(const struct weir_matcher *matcher, uint64_t id);
size_t lib_item_stream(const struct lib_item *item, uint32_t replica);
/* What is queued, sorted, for one use; `*ret_streams`: per stream of the input its number. The arena's. */
void lib_queue(struct weir_matcher *matcher, int64_t now_us, struct arena *arena, struct match_input *ret, size_t **ret_streams);
/* Books a placement of the last round, or one from before. */
void lib_item_begin(struct weir_matcher *matcher, uint64_t id, uint32_t replica, uint32_t site, const struct slot *slots, size_t slot_count,
		    int64_t started_us, bool borrowed);
/* Takes what runs out of the queues. */
void lib_queue_clear(struct weir_matcher *matcher);
/* Names of the models asked for, for sentences. */
const char *lib_chips_text(const struct ask *ask, struct arena *arena);

#endif
