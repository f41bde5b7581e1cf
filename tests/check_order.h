/* The part of check_plan() that speaks of order and of tenants: who came before whom, and what each may hold. Its own reading of
 * quotas, limits and deadlines, sharing no code with the matcher. */
#ifndef TESTS_CHECK_ORDER_H
#define TESTS_CHECK_ORDER_H

#include "match/once.h"

/* What the tenants hold, by their place in the policy. */
struct check_accounts {
	const struct policy_spec *policy; /* NULL: no quotas and no limits */
	struct amounts *held;
};

void check_accounts_open(struct check_accounts *accounts, const struct policy_spec *policy);
void check_accounts_close(struct check_accounts *accounts);
void check_charge(struct check_accounts *accounts, const char *tenant, const struct ask *ask);
/* Whether one more of the ask would pass a limit of the tenant or above it. */
bool check_limited(const struct check_accounts *accounts, const char *tenant, const struct ask *ask);

/* What is wrong with the order of the plan, or with what it says of quotas and limits; NULL nothing. Leaves in the accounts what the
 * tenants hold after the plan. */
const char *check_order(const struct once *once, const struct match_plan *plan, struct check_accounts *accounts, size_t *ret_at);

#endif
