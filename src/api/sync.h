/* The board: what agents wait for. Held syncs of each site (sync.c) and the output that readers wait for
 * (logs.c), which syncs tell the agents of. */
#ifndef WEIR_API_SYNC_H
#define WEIR_API_SYNC_H

#include "api/call.h"

struct held;
struct watch;

/* Of one site. */
struct desk {
	struct held *held;
	uint64_t watch_revision; /* raised whenever the site's watches change */
	uint64_t told_revision;  /* that of the last reply */
};

struct board {
	struct api *api;
	struct desk *desks; /* by the site's index */
	size_t desk_count;
	struct held *held;  /* all, newest first */
	size_t held_count;
	uv_timer_t *timer;
	struct watch *watches;
	size_t watch_count;
	uint64_t last_watch;
	uv_timer_t *pump;
};

struct board *board_new(struct api *api);
void board_free(struct board *board); /* after its calls are gone; takes NULL */
void board_stop(struct board *board); /* answers what is held, ends the logs */

/* The watches of a site changed: its agent should hear. */
void board_site_touch(struct board *board, uint32_t site);

/* logs.c */
void board_watches(struct board *board, uint32_t site, struct arena *arena, struct log_watch **ret, size_t *ret_count);
void board_logs_init(struct board *board);
void board_logs_stop(struct board *board);
void post_sync_logs(struct call *call);
/* sync.c: whether this caller may speak for the site; answers 403. */
bool call_speaks_for(struct call *call, const char *site);

#endif
