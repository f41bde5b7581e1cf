/* A call: one request on its way through the API, and what every resource uses to read it and to answer.
 *
 * A handler reads its parameters and body with call_*() functions that answer by themselves when something
 * is wrong and give false; the handler then just returns. An answer goes out once everything that the
 * state holds is durable (core_when_durable), so no reader sees what a crash could take back.
 *
 * The call lies in the request's arena and ends with it: answered, or `gone` when the client went away.
 */
#ifndef WEIR_API_CALL_H
#define WEIR_API_CALL_H

#include <stdbool.h>

#include "api/api.h"
#include "api/rate.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "wire/schema.h"

#define PAGE_LIMIT_MAX 1000
#define PAGE_LIMIT_DEFAULT 100
#define SEGMENTS_MAX 2   /* variable parts of a path */
#define SEGMENT_MAX 256  /* bytes of one */
#define ANSWER_HEADERS_MAX 4

struct call;
struct hub;    /* events.c */
struct board;  /* sync.c */

struct api {
	uv_loop_t *loop;
	struct api_settings settings;
	struct core *core;
	struct rate *rate;
	struct call *calls; /* open ones */
	struct hub *hub;
	struct board *board;
	uint64_t epoch; /* the platform's, once somebody asked; the same for the life of the process */
	bool stopping;
};

/* Sets of roles. */
#define ROLE_BIT(role_) (1u << (role_))
#define FOR_ALL (ROLE_BIT(ROLE_COUNT) - 1)
#define FOR_ANYONE ROLE_BIT(31) /* no token needed */
#define FOR_OPERATOR ROLE_BIT(ROLE_OPERATOR)
#define FOR_SUPPLIER ROLE_BIT(ROLE_SUPPLIER)
#define FOR_TENANT ROLE_BIT(ROLE_TENANT)
#define FOR_AUDITOR ROLE_BIT(ROLE_AUDITOR)
#define FOR_VIEWER ROLE_BIT(ROLE_VIEWER)

enum body_kind { BODY_NONE, BODY_JSON, BODY_JSON_OPTIONAL };

/* Media types that a route can answer with. */
enum media {
	MEDIA_JSON = 1,
	MEDIA_TEXT = 2,
	MEDIA_EVENTS = 4,
	MEDIA_METRICS = 8,
	MEDIA_ANY = 16, /* whatever the asset is */
};

struct route {
	const char *method;
	const char *pattern; /* "/v1/sites/{site}/drain"; {} matches one segment, a final {*} the rest */
	unsigned roles;
	enum body_kind body;
	unsigned produces;
	const char *const *parameters; /* of the query; NULL-terminated; NULL none */
	void (*handle)(struct call *call);
};

struct route_table {
	const struct route *routes;
	size_t count;
};

/* Who calls. Copied: the token may be revoked meanwhile. */
struct caller {
	bool known; /* by a token, or because the API is open */
	const char *name;
	enum role role;
	const char *tenant; /* "" none */
	const char *site;   /* "" any */
	bool by_token;
	uint8_t hash[32];
};

struct call {
	struct api *api;
	struct http_request *request;
	struct arena *arena;
	const struct route *route;
	struct caller who;
	const char *segments[SEGMENTS_MAX]; /* the variable parts of the path */
	size_t segment_count;
	const char *method; /* GET also for HEAD */
	bool is_head;
	int64_t now_us;
	struct call *next, *previous;
	/* The answer that waits. */
	unsigned status;
	const char *content_type;
	struct strbuf body;
	const char *headers[2 * ANSWER_HEADERS_MAX];
	size_t header_count;
	/* Of a call that lasts: called once when the client went away or the API stops. */
	void (*gone)(struct call *call);
	void *state;
};

/* --- answers ----------------------------------------------------------------------------------- */

/* Adds a header to the answer; name and value must outlive it. */
void call_header(struct call *call, const char *name, const char *value);
/* Takes the body over and answers once the state is durable. */
void call_answer(struct call *call, unsigned status, const char *content_type, struct strbuf *body);
void call_answer_json(struct call *call, unsigned status, struct strbuf *body);
void call_answer_empty(struct call *call);
/* The same at once: for what speaks of nothing in the state, or of what is known to be durable. */
void call_answer_now(struct call *call);
/* Begins a stream; the call lasts until stream_end or `gone`. */
int call_stream_begin(struct call *call, const char *content_type, size_t buffer_max);
void call_stream_end(struct call *call);

/* Problem details (RFC 9457). `slug` names the kind for programs: "/problems/<slug>". */
void call_problem(struct call *call, unsigned status, const char *slug, const char *title, const char *format, ...)
	__attribute__((format(printf, 5, 6)));
void call_problems(struct call *call, const char *what, const struct problems *problems); /* 422 with a list */
void call_not_found(struct call *call, const char *kind, const char *name);
/* For errors of decide_*(): 404, 409, 422, 503. */
void call_refused(struct call *call, int code, const struct err *err);

/* --- reading ----------------------------------------------------------------------------------- */

const char *call_query(const struct call *call, const char *name); /* NULL absent */
bool call_integer(struct call *call, const char *name, int64_t minimum, int64_t maximum, int64_t fallback, int64_t *ret);
bool call_enum(struct call *call, const char *name, const struct string_table *table, int *ret); /* -1 absent */
bool call_flag(struct call *call, const char *name, int *ret);                                   /* -1 absent, 0, 1 */
bool call_name(struct call *call, const char *name, const char **ret);                           /* NULL absent; a name of model/name.h */
bool call_page(struct call *call, size_t *ret_limit, const char **ret_cursor);                   /* cursor "" at the first page */
bool call_offset(struct call *call, const char *cursor, size_t *ret_offset);                     /* cursors that count */
bool call_id(struct call *call, const char *text, uint64_t *ret_id);                             /* of a demand in the path; answers 404 */
/* The body as a tree; *ret NULL when it is empty and may be. */
bool call_json(struct call *call, const struct doc **ret);

/* --- pages ------------------------------------------------------------------------------------- */

/* {"items":[a,b],"next":"..."}: page_begin, then page_item before each item, then page_end. */
void page_begin(struct strbuf *out);
void page_item(struct strbuf *out);
void page_end(struct strbuf *out, const char *next);

/* --- the router -------------------------------------------------------------------------------- */

void call_free(struct call *call);      /* forgets it; the request was answered or is gone */
bool call_has_role(const struct call *call, unsigned roles);
/* Whether the caller may see this tenant's demands. */
bool caller_sees_tenant(const struct caller *who, const char *tenant);
/* Whether the caller may see what demands run: their commands and environments. */
bool caller_sees_commands(const struct caller *who);
/* auth.c: fills call->who; then whether that will do, else it answers 401. */
void call_identify(struct call *call);
bool call_check_identity(struct call *call);
/* accept.c: whether the request's Accept header takes the media type. `exactly`: it is named, not only by a wildcard. */
bool call_accepts(const struct call *call, const char *type, bool exactly);

extern const struct route_table health_routes, summary_routes, gap_routes, network_routes, policy_routes, link_routes, chip_routes, site_routes, demand_routes, why_routes,
	log_routes, event_routes, token_routes, sync_routes, metrics_routes, page_routes;

#endif
