/* Events as readers see them: the stream's JSON, and the story of a demand. */
#include <inttypes.h>
#include <string.h>

#include "base/id.h"
#include "platform/state.h"
#include "wire/files.h"

/* --- the stream ---------------------------------------------------------------------------------- */

static uint64_t event_demand(const struct event *event)
{
	switch (event->type) {
	case EVENT_DEMAND_ACCEPTED:
	case EVENT_DEMAND_CANCELLED:
	case EVENT_PLACED:
	case EVENT_ATTEMPT_PREEMPTED:
	case EVENT_ATTEMPT_CHANGED:
	case EVENT_ATTEMPT_ENDED:
	case EVENT_DEMAND_ENDED:
	case EVENT_DEMAND_READY:
	case EVENT_DEMAND_RELEASED:
	case EVENT_DEMAND_EXPIRED:
		return *(const uint64_t *)event->body; /* each of these begins with it */
	default:
		return 0;
	}
}
_Static_assert(offsetof(struct accepted_body, demand) == 0 && offsetof(struct cancelled_body, demand) == 0 &&
		       offsetof(struct placed_body, demand) == 0 && offsetof(struct changed_body, demand) == 0 &&
		       offsetof(struct attempt_ended_body, demand) == 0 && offsetof(struct demand_ended_body, demand) == 0 &&
		       offsetof(struct ready_body, demand) == 0 && offsetof(struct preempted_body, demand) == 0 &&
		       offsetof(struct released_body, demand) == 0 && offsetof(struct expired_body, demand) == 0,
	       "bodies of demands begin with the demand");

static const char *event_site(const struct event *event)
{
	switch (event->type) {
	case EVENT_PLACED:
		return ((const struct placed_body *)event->body)->site;
	case EVENT_ATTEMPT_PREEMPTED:
		return ((const struct preempted_body *)event->body)->site;
	case EVENT_ATTEMPT_CHANGED:
		return ((const struct changed_body *)event->body)->site;
	case EVENT_ATTEMPT_ENDED:
		return ((const struct attempt_ended_body *)event->body)->site;
	case EVENT_SITE_SUPPLY:
	case EVENT_SITE_CONDITION:
	case EVENT_SITE_DRAINED:
	case EVENT_SITE_UNDRAINED:
		return *(const char *const *)event->body; /* each of these begins with it */
	default:
		return NULL;
	}
}
_Static_assert(offsetof(struct supply_body, site) == 0 && offsetof(struct condition_body, site) == 0 &&
		       offsetof(struct drained_body, site) == 0 && offsetof(struct undrained_body, site) == 0,
	       "bodies of sites begin with the site");

/* The body as JSON. A network or catalogue is named only: readers get it whole where it lies. */
static void write_body(const struct event *event, struct strbuf *out)
{
	const struct accepted_body *accepted = event->body;
	const struct network_spec *network = event->body;
	const struct policy_spec *policy = event->body;
	cleanup_arena struct arena arena = { 0 };
	struct demand_spec spec;

	switch (event->type) {
	case EVENT_NETWORK_LOADED:
		strbuf_puts(out, "{\"name\":");
		json_write_string(out, network->name);
		strbuf_printf(out, ",\"sites\":%zu}", network->site_count);
		return;
	case EVENT_POLICY_LOADED:
		strbuf_puts(out, "{\"name\":");
		json_write_string(out, policy->name);
		strbuf_printf(out, ",\"tenants\":%zu}", policy->tenant_count);
		return;
	case EVENT_CATALOGUE_LOADED:
		strbuf_printf(out, "{\"models\":%zu}", ((const struct catalogue *)event->body)->model_count);
		return;
	case EVENT_DEMAND_ACCEPTED:
		arena_init(&arena);
		schema_write_json(event_schema(event->type), event->body, false, out);
		if (schema_decode(&demand_schema, accepted->spec.data, accepted->spec.length, &arena, &spec, NULL) == 0 &&
		    schema_decode(&ask_schema, accepted->ask.data, accepted->ask.length, &arena, &spec.ask, NULL) == 0) {
			spec.name = accepted->name;
			spec.tenant = accepted->tenant;
			out->length--; /* the brace comes again */
			strbuf_puts(out, ",\"spec\":");
			schema_write_json(&demand_schema, &spec, true, out);
			strbuf_putc(out, '}');
		}
		return;
	default:
		schema_write_json(event_schema(event->type), event->body, false, out);
	}
}

void view_event_json(const struct platform *platform, const struct event *event, struct strbuf *out, uint64_t *ret_demand,
		     const char **ret_tenant)
{
	uint64_t id = event_demand(event);
	const struct demand *demand = id ? demand_find(platform, id) : NULL;
	const char *site = event_site(event);
	struct strbuf sentence = { 0 };
	char text[ID_TEXT_SIZE];

	*ret_demand = id;
	*ret_tenant = demand ? demand->tenant->text : NULL;
	if (event->type == EVENT_DEMAND_ACCEPTED)
		*ret_tenant = ((const struct accepted_body *)event->body)->tenant;
	event_describe(platform, event, &sentence);
	strbuf_printf(out, "{\"sequence\":\"%" PRIu64 "\",\"time_us\":%" PRId64 ",\"type\":\"%s\"", event->sequence, event->time_us,
		      event_type_to_string(event->type));
	if (id)
		strbuf_printf(out, ",\"demand\":\"%s\"", id_format(id, text));
	if (site) {
		strbuf_puts(out, ",\"site\":");
		json_write_string(out, site);
	}
	strbuf_puts(out, ",\"sentence\":");
	json_write_string(out, strbuf_text(&sentence));
	strbuf_puts(out, ",\"body\":");
	write_body(event, out);
	strbuf_putc(out, '}');
	strbuf_done(&sentence);
}

/* --- the story ------------------------------------------------------------------------------------ */

struct story {
	const struct platform *platform;
	const struct demand *demand;
	struct arena *arena;
	struct story_line *lines;
	size_t count;
};

/* Tells it in the words of the event that it came from. */
static void tell(struct story *story, uint64_t sequence, int64_t time_us, enum event_type type, const void *body)
{
	struct event event = { .sequence = sequence, .time_us = time_us, .type = type, .body = body };
	cleanup_strbuf struct strbuf sentence = { 0 };

	event_describe(story->platform, &event, &sentence);
	story->lines[story->count++] = (struct story_line){ sequence, time_us, event_type_to_string(type),
							    arena_strdup(story->arena, strbuf_text(&sentence)) };
}

static void tell_attempt(struct story *story, const struct attempt *attempt)
{
	uint64_t id = story->demand->id;
	struct placed_body placed = { .demand = id, .replica = attempt->replica, .attempt = attempt->number, .token = attempt->token,
				      .site = attempt->site->name, .candidates = attempt->candidates };
	struct changed_body changed = { .demand = id, .replica = attempt->replica, .attempt = attempt->number, .site = attempt->site->name,
					.state = ATTEMPT_RUNNING };
	struct attempt_ended_body ended = { .demand = id, .replica = attempt->replica, .attempt = attempt->number,
					    .site = attempt->site->name, .outcome = attempt->outcome, .exit_code = attempt->exit_code,
					    .exit_signal = attempt->exit_signal, .failed_worker = attempt->failed_worker,
					    .message = attempt->message ? attempt->message : "" };

	struct preempted_body preempted = { .demand = id, .replica = attempt->replica, .attempt = attempt->number,
					    .site = attempt->site->name, .by = attempt->preempted_by, .reclaimed = attempt->reclaimed };

	tell(story, attempt->placed_sequence, attempt->placed_us, EVENT_PLACED, &placed);
	if (attempt->started_sequence)
		tell(story, attempt->started_sequence, attempt->started_us, EVENT_ATTEMPT_CHANGED, &changed);
	if (attempt->preempted_sequence)
		tell(story, attempt->preempted_sequence, attempt->preempted_us, EVENT_ATTEMPT_PREEMPTED, &preempted);
	if (attempt->ended_sequence)
		tell(story, attempt->ended_sequence, attempt->ended_us, EVENT_ATTEMPT_ENDED, &ended);
}

static int compare_lines(const void *left, const void *right)
{
	const struct story_line *a = left, *b = right;

	return (a->sequence > b->sequence) - (a->sequence < b->sequence);
}

int view_story(const struct platform *platform, uint64_t id, struct arena *arena, struct story_line **ret, size_t *ret_count)
{
	const struct demand *demand = demand_find(platform, id);
	struct story story = { .platform = platform, .demand = demand, .arena = arena };
	struct accepted_body accepted;
	struct cancelled_body cancelled;
	struct demand_ended_body ended;

	if (!demand)
		return -ENOENT;
	story.lines = ARENA_ARRAY(arena, struct story_line, 3 + 4 * ((size_t)demand->current_count + demand->past_count));
	accepted = (struct accepted_body){ .demand = id, .name = demand->name->text, .tenant = demand->tenant->text };
	tell(&story, demand->sequence, demand->accepted_us, EVENT_DEMAND_ACCEPTED, &accepted);
	for (const struct attempt *attempt = demand->past; attempt; attempt = attempt->older)
		tell_attempt(&story, attempt);
	for (uint32_t r = 0; r < demand->replica_count; r++)
		if (demand->replicas[r].attempt)
			tell_attempt(&story, demand->replicas[r].attempt);
	if (demand->cancelled) {
		cancelled = (struct cancelled_body){ .demand = id, .by = demand->cancelled_by };
		tell(&story, demand->cancelled_sequence, demand->cancelled_us,
		     demand->expired ? EVENT_DEMAND_EXPIRED : EVENT_DEMAND_CANCELLED, &cancelled);
	}
	if (demand_state_is_ended(demand->state)) {
		ended = (struct demand_ended_body){ .demand = id, .state = demand->state, .exit_code = demand->exit_code,
						    .message = demand->message ? demand->message : "" };
		tell(&story, demand->ended_sequence, demand->ended_us, EVENT_DEMAND_ENDED, &ended);
	}
	qsort(story.lines, story.count, sizeof(*story.lines), compare_lines);
	*ret = story.lines;
	*ret_count = story.count;
	return 0;
}
