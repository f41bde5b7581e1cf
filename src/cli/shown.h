/* How the API's objects are shown to people: demands, sites, times. */
#ifndef WEIR_CLI_SHOWN_H
#define WEIR_CLI_SHOWN_H

#include "cli/client.h"
#include "cli/table.h"

#define SHOWN_SIZE 64   /* of buffers for the functions below */
#define SHOWN_INDENT 17 /* columns before the value of a shown_field */

int64_t shown_now_us(void); /* Unix time */
/* "14:03:09" today, else "2026-11-02 14:03"; "" for 0. */
const char *shown_time(int64_t time_us, char buffer[static SHOWN_SIZE]);
/* "2 h 5 min"; "" when negative. */
const char *shown_span(int64_t span_us, char buffer[static SHOWN_SIZE]);
/* "12/64": free of all; "" when there is none. */
const char *shown_free(int64_t free, int64_t all, char buffer[static SHOWN_SIZE]);
/* Cores without trailing zeros: 1500 gives "1.5". */
const char *shown_cores(int64_t milli, char buffer[static SHOWN_SIZE]);

/* Where a demand is; first "(simulated)" where it does not really run, so that no narrow column cuts it off. */
#define SHOWN_PLACE_LEAST 13 /* columns for "(simulated) …" */
void shown_place(const json_t *demand, struct strbuf *out);
/* How long it has run, ran or waits. */
const char *shown_age(const json_t *demand, int64_t now_us, char buffer[static SHOWN_SIZE]);
/* When what waits will start: "in about 12 min", "at any moment", "not known", or "" when nothing waits or it is too new. */
const char *shown_estimate(const json_t *demand, int64_t now_us, char buffer[static SHOWN_SIZE]);
/* "2/2" replicas of a service, "43 %" of a running job, or "". */
const char *shown_progress(const json_t *demand, char buffer[static SHOWN_SIZE]);
/* How a placement ended: "succeeded", "failed: exit code 3", "failed: signal 9 (Killed)"; "" before that. */
void shown_result(const json_t *placement, struct strbuf *out);

bool state_has_ended(const char *state);

/* Columns and rows of `weir ls`. */
struct table *demand_table_new(void);
void demand_table_add(struct table *table, const json_t *demand, int64_t now_us);

/* "  key      value", skipping empty values. */
void shown_field(struct strbuf *out, const char *key, const char *value);
void shown_fieldf(struct strbuf *out, const char *key, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* The demand with this id, or else the newest of this name. *ret_demand is the full view; the caller's. */
int demand_resolve(struct client *client, const char *word, json_t **ret_demand);
int demand_get(struct client *client, const char *id, bool quiet, json_t **ret_demand);
/* Calls "/v1/demands/ID/action". */
int demand_ask(struct client *client, const char *method, const char *id, const char *action, json_t **ret_json);

#endif
