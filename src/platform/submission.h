/* A submission on its way to be accepted, for decide_submit.c and decide_after.c only. */
#ifndef WEIR_PLATFORM_SUBMISSION_H
#define WEIR_PLATFORM_SUBMISSION_H

#include "platform/state.h"

struct submission {
	const struct platform *platform;
	const struct demand_spec *specs;
	size_t count;
	struct event_list list;         /* with what was there before, at `begin` */
	size_t begin;
	size_t *first;                  /* of each spec: the place of its first event in the list */
	struct table names;             /* places in `first` of those resolved so far, by name */
	int64_t now_us;
	const char *tenant;             /* of specs that name none */
};

/* The accepted-body of an event of the list. */
struct accepted_body *submission_body(const struct submission *submission, size_t event);
/* Resolves what the specs wait for into their first bodies: by the tenant's demands, those earlier in the submission among
 * them. -EINVAL names one that is not there. O(demands of the name, or of the tenant, whichever are fewer) for each. */
int submission_resolve(struct submission *submission, struct err *err);

#endif
