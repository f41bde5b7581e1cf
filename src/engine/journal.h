/* The simulated engine's memory across restarts: one file that grows by fixed records and is rewritten
 * when most of it is of no use any more.
 *
 * A record carries a checksum; reading ends at the first that is torn or damaged, and writing goes on
 * there. Nothing is synced: what a crash of the machine takes away would have been lost with the machine
 * anyway. The lease stands in the header and is written in place: it changes often and only the newest counts.
 * Numbers are the machine's own: the file never leaves it.
 */
#ifndef WEIR_ENGINE_JOURNAL_H
#define WEIR_ENGINE_JOURNAL_H

#include <stdint.h>

#include "base/err.h"
#include "engine/folder.h"

enum journal_type { JOURNAL_START = 1, JOURNAL_END, JOURNAL_FORGET };

struct journal_record {
	uint32_t check;
	uint32_t type;
	uint64_t demand;
	uint32_t replica;
	uint32_t attempt;
	uint64_t token;
	/* START: from here to `workers`. END: outcome and ended_us. */
	int64_t started_us;
	int64_t started_boottime_us;
	int64_t duration_us;
	int64_t time_limit_us;
	int64_t exit_code;
	int64_t lease_until_us;
	int64_t workers;
	int64_t outcome;
	int64_t ended_us;
};

struct journal {
	int fd; /* -1: memory only */
	char *path;
	char life[LIFE_SIZE]; /* of the machine, now */
	bool same_life;	      /* as when the file was written; if not, it is to be rewritten */
	int64_t lease_until_us;
	uint64_t records; /* in the file */
};

/* Opens `folder`'s journal and locks it; -EBUSY when another has it. "" keeps nothing. */
int journal_open(struct journal *journal, const char *folder, struct err *err);
void journal_done(struct journal *journal);
/* Calls back for each record that is whole, in order. Once, after the opening. */
int journal_replay(struct journal *journal, void (*visit)(void *context, const struct journal_record *record), void *context);
int journal_append(struct journal *journal, struct journal_record *record);
int journal_lease(struct journal *journal, int64_t until_us);
/* Puts these records in place of all. */
int journal_rewrite(struct journal *journal, struct journal_record *records, size_t count);

#endif
