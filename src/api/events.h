/* The event streams that are open (events.c). */
#ifndef WEIR_API_EVENTS_H
#define WEIR_API_EVENTS_H

#include "api/call.h"

struct hub *hub_new(struct api *api);
void hub_stop(struct hub *hub); /* ends the streams */
void hub_free(struct hub *hub); /* takes NULL */

#endif
