/* The newest durable events, in their binary form, for readers that come back after a short while.
 * A ring, bounded in events and in bytes: the oldest go first. */
#ifndef WEIR_CORE_RECENT_H
#define WEIR_CORE_RECENT_H

#include "core/core.h"

#define RECENT_EVENTS_MAX 65536
#define RECENT_BYTES_MAX (64u << 20) /* of payloads; the newest event stays however large it is */

struct recent;

struct recent *recent_new(void);
void recent_free(struct recent *recent); /* takes NULL */
/* Copies the record. Its sequence follows the last one's. */
void recent_add(struct recent *recent, const struct record *record);
uint64_t recent_oldest(const struct recent *recent); /* 0: none */
/* As core_recent_events. */
size_t recent_visit(const struct recent *recent, const struct platform *platform, uint64_t after, size_t limit,
		    void (*visit)(void *context, const struct core_event *event), void *context);

/* Decodes a record and hands it on in its JSON form. Records that this version cannot read are passed over. */
void record_show(const struct record *record, const struct platform *platform,
		 void (*visit)(void *context, const struct core_event *event), void *context);

#endif
