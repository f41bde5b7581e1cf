/* Watching a set of demands until all is said of them: each has ended, or is where it is expected to stay. */
#ifndef WEIR_CLI_WATCH_H
#define WEIR_CLI_WATCH_H

#include "cli/client.h"

struct watched {
	char id[16];
	json_t *demand; /* last view; NULL before the first watch_poll */
	bool changed;   /* by the last watch_poll */
};

struct watch {
	struct watched *list; /* in order of id */
	size_t count, capacity;
};

void watch_add(struct watch *watch, const char *id);
void watch_done(struct watch *watch);
#define cleanup_watch __attribute__((__cleanup__(watch_done)))

/* Reads anew those that have not ended. Gives EXIT_OK or what the call gave; says nothing with `quiet`. */
int watch_poll(struct client *client, struct watch *watch, bool quiet);

/* What the demand should come to: its `expect`, else succeeded. */
const char *watched_expected(const struct watched *watched);
const char *watched_state(const struct watched *watched); /* "" before it was read */
bool watched_as_expected(const struct watched *watched);
/* Whether every demand has ended or is where it should stay, and those expected to wait have a reason
 * that lasts (asks for it: a demand may be pending only because no round has come yet). */
bool watch_is_over(struct client *client, const struct watch *watch);
size_t watch_count_ended(const struct watch *watch);

#endif
