/* Demands from files to the platform: read, written as JSON in batches, submitted under idempotency keys. */
#ifndef WEIR_CLI_SUBMISSION_H
#define WEIR_CLI_SUBMISSION_H

#include "base/arena.h"
#include "cli/client.h"
#include "cli/watch.h"
#include "model/demand.h"

#define BATCH_DEMANDS_MAX 10000
#define BATCH_BYTES_MAX (8u << 20)

struct submission {
	struct arena arena;
	struct demand_spec *demands;
	size_t count, capacity;
};

void submission_init(struct submission *submission);
void submission_done(struct submission *submission);
#define cleanup_submission __attribute__((__cleanup__(submission_done)))

/* Adds a file's demands. With problems: says all of them and gives EXIT_FAILED. "-" is standard input. */
int submission_read(struct submission *submission, const char *path);

/* Submits all, in batches; tries each again for `retry_us` while the server can't be reached. Batch N is
 * sent under the key "KEY-N": the same demands under the same key are never accepted twice. With key
 * NULL, the key is made of the demands themselves, so it is the same in each run of the program.
 * Appends the ids, in the demands' order, to the JSON array `ids`. *ret_repeated: they were there already. */
int submission_send(struct client *client, const struct submission *submission, const char *key, int64_t retry_us, json_t *ids,
		    bool *ret_repeated);
/* Adds each demand to the watch, of an array all members. `ids` are those of submission_send(). */
void submission_watch(const struct submission *submission, const json_t *ids, struct watch *watch);
/* 32 random letters and digits. */
void key_random(char ret_key[33]);

#endif
