/* A verdict: why this site can or can't take this demand, with its numbers.
 *
 * Codes are ordered as they are tried: a site's verdict is the first rule that stood in the way, so a
 * greater code came nearer to fitting. What the site is comes before how it is at the moment: a lost
 * site of the wrong tier says that its tier is wrong, because waiting for it would be in vain.
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
	VERDICT_ENGINE_SIMULATED, /* never: the site only simulates, the demand runs a command */
	VERDICT_ENGINE_REAL,      /* never: the site runs commands, the demand is simulated */
	VERDICT_TIER,             /* never; name: the site's tier */
	VERDICT_REGION,           /* never; name: the site's region */
	VERDICT_SITE,             /* never: not among the sites asked for */
	VERDICT_LATENCY,          /* never; have, want: microseconds; have -1: the place is unknown */
	VERDICT_RESIDENCY,        /* never; name: the site's region; other: the data that may not go there, NULL the work itself */
	VERDICT_SITE_UNSEEN,      /* no agent has spoken for the site yet; what it holds is not known */
	VERDICT_CHIP_MODEL,       /* never: no chips, or none of the models asked for; name: a model it has */
	VERDICT_CHIP_NEEDS,       /* never: chips there are, but none has the memory, throughput or software; name: the model */
	VERDICT_CHIP_ORIGIN,      /* never: no chips of domestic origin; name: the model */
	VERDICT_CHIP_CLEARANCE,   /* name: the model; its review is not passed */
	VERDICT_PRICE,            /* never; have, want: micro-units of money an hour, the site's price and the most that is accepted */
	VERDICT_NODE_TOO_SMALL,   /* never: no node could hold one worker even when empty; have, want of `resource`; name: the further resource */
	VERDICT_SITE_TOO_SMALL,   /* never: all nodes empty hold `have` of `want` workers; name: node or group, when the
	                             largest of them alone is too small for workers that must lie together */
	VERDICT_LIMIT,            /* name: the tenant whose limit it is; have, want of `resource`: what the limit leaves */
	VERDICT_SITE_LOST,        /* have: seconds since the last sync, -1 never */
	VERDICT_SITE_SUSPECT,     /* likewise */
	VERDICT_SITE_DRAINING,
	VERDICT_SITE_CROWDED,     /* it holds as many attempts as one site may report */
	VERDICT_CHIPS_BUSY,       /* have, want: chips; for shares (`resource` chip-share) milli-chips: of the chip with the most
	                             left when one share is asked for, else what all usable chips still give in such shares */
	VERDICT_CPU_BUSY,         /* have, want: milli-cores */
	VERDICT_MEMORY_BUSY,      /* have, want: MiB */
	VERDICT_RESOURCE_BUSY,    /* name: the further resource; have, want */
	VERDICT_APART,            /* room for all, but not as close together as asked; name: group or node; have, want: workers */
	VERDICT_RESERVED,         /* it would fit, but would delay what is reserved for others; want: seconds until then, 0 not known */
	VERDICT_SCATTERED,        /* enough in total, but only `have` of `want` workers fit on nodes */
	VERDICT_BACKOFF,          /* a service's replica that failed waits; want: seconds left */
	VERDICT_ROUND_PENDING,    /* it fits; the next round will take it */
	VERDICT_COUNT
};
STRING_TABLE_DECLARE(enum verdict_code, verdict_code); /* fits, site-unseen, ... */

enum verdict_resource { RESOURCE_CPU, RESOURCE_MEMORY, RESOURCE_CHIPS, RESOURCE_CHIP_SHARE, RESOURCE_OTHER, RESOURCE_COUNT };
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
/* Greater than 0 when `a` came nearer to fitting than `b`, less when `b` did: those that waiting may cure
 * first, then the later code, then the better numbers. */
int verdict_compare(const struct verdict *a, const struct verdict *b);
/* Appends a sentence without a final stop: "too few free ascend-910b: has 12 of 64". `chips` names the
 * models asked for, for the sentences that speak of them; NULL or "": any. */
void verdict_describe(const struct verdict *verdict, const char *chips, struct strbuf *out);
/* Its two parts: the reason ("too few free ascend-910b"), which leaves out `name` and `other` where they
 * are NULL, and the numbers ("12 of 64"); false when the verdict has none. */
void verdict_reason(const struct verdict *verdict, const char *chips, struct strbuf *out);
bool verdict_numbers(const struct verdict *verdict, struct strbuf *out);

#endif
