/* Supply groups that an engine was told, kept for as long as it is open. */
#ifndef WEIR_ENGINE_SUPPLY_COPY_H
#define WEIR_ENGINE_SUPPLY_COPY_H

#include "base/arena.h"
#include "weir/engine.h"

/* Everything is the arena's. */
struct weir_supply_group *supply_copy(const struct weir_supply_group *groups, size_t count, struct arena *arena);

#endif
