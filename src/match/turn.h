/* Whose turn it is in a round under QUEUE_SHORT; see turn.c. */
#ifndef WEIR_MATCH_TURN_H
#define WEIR_MATCH_TURN_H

#include "match/round.h"

/* Of the heads of two streams in one tenant's turn; 0: their age decides. */
int turn_compare(const struct round *round, uint32_t a_stream, uint32_t b_stream);
/* Of the class: lower bands come first. 0 for all unless QUEUE_SHORT. */
int turn_band(struct round *round, uint32_t class);
/* The tenant in whose turn a tenant's streams stand. */
uint32_t turn_tenant(const struct round *round, uint32_t tenant);

#endif
