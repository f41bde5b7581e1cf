/* The environment of a worker's command. Later ones win: what every program expects (PATH, HOME, LANG,
 * USER), the demand's own, then weir's: WEIR_* and the variables by which the chips' runtimes see only
 * what was given out. So a demand cannot take chips by naming them. Nothing is inherited from the agent. */
#ifndef WEIR_ENGINE_ENVIRONMENT_H
#define WEIR_ENGINE_ENVIRONMENT_H

#include "base/arena.h"
#include "weir/engine.h"

/* NAME=value, each name once. Strings and list are the arena's. */
struct environment {
	struct arena *arena;
	const char **items;
	size_t count;
	size_t capacity;
};

void environment_set(struct environment *environment, const char *name, const char *value);
void environment_printf(struct environment *environment, const char *name, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* "NAME=value" as it stands. */
void environment_put(struct environment *environment, const char *item);

/* The folder of the worker, by which its processes are known: they all carry it. */
#define ENVIRONMENT_FOLDER "WEIR_FOLDER"

/* The same for all workers. `user` and `home` are those of who runs the command. */
void environment_common(struct environment *environment, const struct weir_start *start, const char *user, const char *home);
/* What a worker's environment says of where it is. */
struct environment_place {
	const char *site, *tier, *region;
	const struct weir_supply_group *groups; /* which chips a node has, and in which order */
	size_t group_count;
	const int *devices; /* by a node's chip: the number its runtime knows it by; NULL: counted over the group */
};

/* Of one worker, on top. `folder` is the worker's. */
void environment_worker(struct environment *environment, const struct weir_start *start, const struct weir_worker *worker,
			const struct environment_place *place, const char *folder);

/* The variable by which the runtime of a chip model is told its devices; NULL when the model is not known. */
const char *chip_variable(const char *model);

#endif
