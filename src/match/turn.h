/* Whose turn it is in a round; see turn.c. For this folder, but for match_time_band(), which match.h tells of. */
#ifndef WEIR_MATCH_TURN_H
#define WEIR_MATCH_TURN_H

#include "match/round.h"

/* Of two heads within one tenant's turn, by what QUEUE_SHORT says; 0: their age decides. */
int turn_compare(const struct round *round, const struct match_entry *a, uint32_t a_tenant, const struct match_entry *b, uint32_t b_tenant);
/* Of the class: lower bands come first. 0 for all unless QUEUE_SHORT. */
int turn_band(struct round *round, uint32_t class);
/* The tenant in whose turn a tenant's streams stand. */
uint32_t turn_tenant(const struct round *round, uint32_t tenant);

#endif
