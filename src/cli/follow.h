/* Following a demand's output, attempt after attempt, until the demand has ended.
 *
 * A stream that ends says little: the attempt may be over, its site may have been lost, the connection may
 * have broken. So after each the demand is read again, and what is not yet over is followed on from the
 * byte where it broke. Output that was already printed is never printed twice.
 */
#ifndef WEIR_CLI_FOLLOW_H
#define WEIR_CLI_FOLLOW_H

#include "cli/client.h"

#define FOLLOW_WORKERS_MAX 16

struct follow_settings {
	const char *id;
	int64_t replica;  /* of a service */
	int64_t attempt;  /* 0: the latest, and those that come after */
	int64_t worker;   /* -1: all of them, at most FOLLOW_WORKERS_MAX; lines then begin with their number */
	bool out, err;    /* which streams */
	bool error_to_output; /* the demand's standard error goes to standard output */
	bool states;      /* say on standard error where the demand is */
	void (*turn)(void *context); /* called a few times a second; may be NULL */
	void *context;
};

/* Until the demand (or the named attempt) has ended and its output is printed. *ret_demand is its last full view; the caller's. */
int follow_output(struct client *client, const struct follow_settings *settings, json_t **ret_demand);
/* What there is of one attempt's output, once. */
int print_output(struct client *client, const struct follow_settings *settings);

#endif
