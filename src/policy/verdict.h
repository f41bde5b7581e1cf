/* A verdict: why this site can or can't take this demand, with its numbers.
 *
 * Codes are ordered as they are tried: a site's verdict is the first rule that stood in the way.
 * `never` codes can't change by waiting: they depend on what the site is, not on what is free.
 */
#ifndef WEIR_POLICY_VERDICT_H
#define WEIR_POLICY_VERDICT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/strbuf.h"
#include "base/string_table.h"

enum verdict_code {
	VERDICT_FITS,
	VERDICT_SITE_UNSEEN,      /* no agent has spoken for the site yet */
	VERDICT_SITE_LOST,        /* since when: `have` = seconds since the last sync */
	VERDICT_SITE_SUSPECT,
	VERDICT_SITE_DRAINING,
	VERDICT_ENGINE_SIMULATED, /* never: the site only simulates, the demand runs a command */
	VERDICT_ENGINE_REAL,      /* never: the site runs commands, the demand is simulated */
	VERDICT_TIER,             /* never; name: the site's tier */
	VERDICT_REGION,           /* never; name: the site's region */
	VERDICT_SITE,             /* never: not among the sites asked for */
	VERDICT_LATENCY,          /* never; have, want: microseconds */
	VERDICT_RESIDENCY,        /* never; name: the site's region; what may not leave is in `other` */
	VERDICT_CHIP_MODEL,       /* never: no chips, or none of the models asked for */
	VERDICT_CHIP_NEEDS,       /* never: chips there are, but none has the memory, throughput or software */
	VERDICT_CHIP_ORIGIN,      /* never: no chips of domestic origin */
	VERDICT_CHIP_CLEARANCE,   /* name: the model; its review is not passed */
	VERDICT_NODE_TOO_SMALL,   /* never: no node could hold one worker even when empty; have, want of `resource` */
	VERDICT_SITE_TOO_SMALL,   /* never: all nodes empty hold `have` of `want` workers */
	VERDICT_CHIPS_BUSY,       /* have, want: chips (or milli-chips of the fullest chip for shares) */
	VERDICT_CPU_BUSY,         /* have, want: milli-cores */
	VERDICT_MEMORY_BUSY,      /* have, want: MiB */
	VERDICT_SCATTERED,        /* enough in total, but only `have` of `want` workers fit on nodes */
	VERDICT_BACKOFF,          /* a service's replica that failed waits; want: seconds left */
	VERDICT_ROUND_PENDING,    /* it fits; the next round will take it */
	VERDICT_COUNT
};
STRING_TABLE_DECLARE(enum verdict_code, verdict_code); /* fits, site-unseen, ... */

enum verdict_resource { RESOURCE_CPU, RESOURCE_MEMORY, RESOURCE_CHIPS, RESOURCE_COUNT };
STRING_TABLE_DECLARE(enum verdict_resource, verdict_resource);

struct verdict {
	enum verdict_code code;
	enum verdict_resource resource;
	int64_t have;
	int64_t want;
	const char *name;  /* borrowed from the state; NULL none */
	const char *other; /* likewise */
};

bool verdict_is_never(enum verdict_code code);
/* Appends a sentence without a final stop: "too few free ascend-910b: has 12 of 64". `chips` names the
 * models asked for, for the sentences that speak of them. */
void verdict_describe(const struct verdict *verdict, const char *chips, struct strbuf *out);

#endif
