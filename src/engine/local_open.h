/* Opening the local engine's folder, and what is found out then. */
#ifndef WEIR_ENGINE_LOCAL_OPEN_H
#define WEIR_ENGINE_LOCAL_OPEN_H

#include "engine/local.h"

/* Everything but the loop's handles and the attempts. -EBUSY when another agent has the folder. */
int engine_prepare(struct local_engine *engine, const struct weir_engine_settings *settings, struct err *err);
/* Frees it, open or half open; the loop's handles are closed by then. */
void engine_release(struct local_engine *engine);
/* Removes what lies in trash/ on another thread. */
void engine_empty_trash(uv_loop_t *loop, const char *folder);

#endif
