/* What the files of `weir up` share. */
#ifndef WEIR_CLI_UP_H
#define WEIR_CLI_UP_H

#include <uv.h>

#include "base/arena.h"
#include "cli/client.h"
#include "cli/terminal.h"
#include "cli/watch.h"
#include "daemon/up_children.h"

#define UP_PORT_DEFAULT 7400

struct up_settings {
	const char *network, *catalogue, *policy, *demands, *state; /* policy NULL: none */
	int64_t port;
	bool fresh, keep, until_done, json;
	int64_t timeout_us; /* of --until-done */
};

struct up {
	const struct up_settings *settings;
	struct arena arena;
	uv_loop_t loop;
	uv_signal_t signals[3];
	uv_timer_t timer;
	struct children *children;
	struct client *client;
	char program[4096]; /* this one's path */
	int lock;           /* of the state folder */
	char *agents_folder; /* absolute */
	unsigned port;
	char *server;       /* http://127.0.0.1:7400 */
	char *token;        /* the operator's */
	const char **live_sites; /* with the engine local */
	size_t live_count, simulated_count;
	bool has_page, repeated;
	unsigned interrupts;
	bool woken, stopping, stopped;

	struct watch watch; /* the demands of the folder */
	json_t *others;     /* newest demands of anybody */
	json_t *summary;
	struct screen screen;
	unsigned frame;
};

/* --- up_start.c: each gives EXIT_OK, or says what was wrong and gives the exit status --------------- */

int up_open_state(struct up *up);     /* the folder, its lock, what an earlier run left running */
int up_read_network(struct up *up);   /* which sites are live, which simulated */
int up_start_platform(struct up *up); /* and waits until it answers */
int up_start_agents(struct up *up);   /* and waits until the sites are up */
int up_submit(struct up *up);         /* the demands of the folder */

/* Lets the loop run for a while, or until something interrupts. Gives whether it was interrupted. */
bool up_wait(struct up *up, unsigned ms);

/* --- up_show.c --------------------------------------------------------------------------------------- */

/* One line for people, above what is redrawn; nothing with --json. */
void up_say(struct up *up, const char *format, ...) __attribute__((format(printf, 2, 3)));
int up_refresh(struct up *up);         /* asks the platform */
void up_draw(struct up *up);           /* the table, or the lines of what changed */
void up_tell_address(struct up *up);   /* the page's address, and what to type next */
int up_verdict(struct up *up);         /* prints one for each demand; EXIT_OK if all are as expected */

#endif
