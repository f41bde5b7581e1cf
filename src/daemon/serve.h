/* `weir serve`: a platform as a process. */
#ifndef WEIR_DAEMON_SERVE_H
#define WEIR_DAEMON_SERVE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct serve_settings {
	const char *state_folder;
	const char *name;
	unsigned number;             /* of the platform, in ids */
	const char *address;         /* numeric */
	uint16_t port;               /* 0: any free one */
	const char *network_path;    /* loaded at the start; NULL: what the log holds */
	const char *catalogue_path;
	const char *policy_path;
	const char *write_tokens;    /* folder for ROLE.token files made at the first start; NULL none */
	const char *write_address;   /* file for the URL, once it listens; NULL none */
	const char *certificate_path, *key_path;
	bool no_auth;                /* loopback only */
	unsigned rate_per_second;
	unsigned connections_max;
	int64_t lease_us;            /* 0: the default; suspect and lost follow from it */
	uint64_t snapshot_every;
};
void serve_settings_defaults(struct serve_settings *settings);

/* Runs until SIGTERM or SIGINT. 0, or a negative errno with a sentence. */
int serve_run(const struct serve_settings *settings, struct err *err);

#endif
