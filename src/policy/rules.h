/* Hard rules as predicates: what does not depend on what is free. Pure; results may be cached per
 * (ask, site) as long as site, catalogue and topology stay the same. */
#ifndef WEIR_POLICY_RULES_H
#define WEIR_POLICY_RULES_H

#include "model/chip.h"
#include "model/demand.h"
#include "model/supply.h"
#include "model/topology.h"
#include "policy/verdict.h"

/* Raised whenever a rule's meaning changes; recorded with each placement. */
#define POLICY_VERSION 2

enum site_condition { CONDITION_UNSEEN, CONDITION_UP, CONDITION_SUSPECT, CONDITION_LOST, CONDITION_COUNT };
STRING_TABLE_DECLARE(enum site_condition, site_condition); /* unseen, up, suspect, lost */

/* A site as rules and matching see it. All pointers are borrowed. */
struct site_view {
	uint32_t index; /* in the network and the topology */
	const char *name;
	const char *title;
	enum tier tier;
	const char *region;
	enum engine_kind engine;
	enum site_condition condition;
	bool draining;
	bool crowded; /* holds as many attempts as a site may report */
	int64_t seconds_since_seen; /* -1 never */
	struct price price;
	struct energy energy;
	const struct supply *supply;
};

struct rule_context {
	const struct catalogue *catalogue;
	const struct topology *topology;
};

/* The first rule that the site breaks apart from what is free there, or VERDICT_FITS; in the order of
 * the verdict's codes. A worker's chips are all of one model. An ask with callers passes the bound on latency when at
 * least one of them is within its own: the matcher splits such an ask into one with `near` for each caller, and these
 * are held to it. */
struct verdict rules_check_site(const struct ask *ask, const struct site_view *site, const struct rule_context *context);
/* The chips of one node of the group that the ask may use, as a bit set. All of them when it asks for none. */
uint64_t rules_chip_mask(const struct ask *ask, const struct supply_group *group, const struct rule_context *context);
/* The verdict on one chip model by itself (VERDICT_FITS or one of the CHIP codes). */
struct verdict rules_check_chip(const struct ask *ask, const char *model, const struct rule_context *context);

#endif
