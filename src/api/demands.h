/* What the resources below a demand share. */
#ifndef WEIR_API_DEMANDS_H
#define WEIR_API_DEMANDS_H

#include "api/call.h"
#include "model/name.h"

/* Of the idempotency header; the tenant's name and '/' are put before it. */
#define DEMAND_KEY_MAX (IDEMPOTENCY_KEY_LENGTH_MAX - NAME_MAX_LENGTH - 1)

/* The demand that the path names, if the caller may see it; else it answers 404 and gives false. */
bool call_demand(struct call *call, bool full, uint64_t *ret_id, struct demand_view *ret);

#endif
