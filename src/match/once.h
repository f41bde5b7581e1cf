/* A round over sites as they are, with books made for it alone: for trials over files and for tests.
 *
 * Opening costs what the books cost, O(sites + nodes); a platform keeps its own. */
#ifndef WEIR_MATCH_ONCE_H
#define WEIR_MATCH_ONCE_H

#include "match/match.h"

/* Entries of equal ask and tenant. */
struct once_class {
	const struct ask *ask;
	const char *tenant; /* NULL: one that everybody shares */
	const struct match_entry *entries;
	size_t entry_count;
};

struct once_input {
	const struct site_view *sites;
	size_t site_count;
	const struct once_class *classes;
	size_t class_count;
	struct rule_context context;
	const struct policy_spec *policy; /* NULL: the defaults */
	int64_t now_us;
	struct match_limits limits;
};

struct once {
	struct match_input input;
	size_t *class_of; /* per stream of the input; a service with callers has a stream for each */
	struct matcher *matcher;
	struct shares *shares;
	struct policy_spec *policy;
};

/* Borrows what the input holds, until once_close(). What is the arena's must live as long. */
void once_open(struct once *once, const struct once_input *input, struct arena *arena);
void once_close(struct once *once);

#endif
