/* What is going on, in sentences: why a demand is in its state, how an attempt ended, what an event says. */
#include <inttypes.h>
#include <string.h>

#include "base/id.h"
#include "platform/state.h"

#define MODELS_NAMED 3

const char *chips_text(const struct ask *ask, struct arena *arena)
{
	const struct chip_ask *chips = &ask->shape.chips;
	cleanup_strbuf struct strbuf text = { 0 };

	for (size_t i = 0; i < chips->model_count && i < MODELS_NAMED; i++)
		strbuf_printf(&text, "%s%s", i == 0 ? "" : " or ", chips->models[i]);
	if (chips->model_count > MODELS_NAMED)
		strbuf_printf(&text, " or %zu others", chips->model_count - MODELS_NAMED);
	return arena_strdup(arena, strbuf_text(&text));
}

void outcome_describe(enum outcome outcome, int64_t exit_code, int64_t exit_signal, const char *message, struct strbuf *out)
{
	switch (outcome) {
	case OUTCOME_SUCCEEDED:
		strbuf_puts(out, "succeeded");
		break;
	case OUTCOME_FAILED:
		strbuf_puts(out, "failed");
		if (exit_signal > 0)
			strbuf_printf(out, " by signal %" PRId64, exit_signal);
		else if (exit_code >= 0)
			strbuf_printf(out, " with exit status %" PRId64, exit_code);
		break;
	case OUTCOME_TIMED_OUT:
		strbuf_puts(out, "hit its time limit");
		break;
	case OUTCOME_STOPPED:
		strbuf_puts(out, "stopped");
		break;
	case OUTCOME_REFUSED:
		strbuf_puts(out, "refused");
		break;
	default:
		strbuf_puts(out, "lost");
	}
	if (message && *message)
		strbuf_printf(out, " (%s)", message);
}

static void describe_past(const struct demand *demand, struct strbuf *out)
{
	const struct attempt *attempt = demand->past;

	strbuf_printf(out, "attempt %u at %s ", attempt->number, attempt->site->name);
	outcome_describe(attempt->outcome, attempt->exit_code, attempt->exit_signal, attempt->message, out);
}

/* "waits for the success of train and for 2 others", "waits: 4 members of sweep are under way, and no more may be". */
static void describe_held(const struct platform *platform, const struct demand *demand, struct strbuf *out)
{
	static const char *const whens[AFTER_WHEN_COUNT] = { "the success", "the end", "the failure" };
	const struct hold *hold = demand->hold, *array;
	const struct edge *edge = hold->edges;
	const struct demand *target;
	char text[ID_TEXT_SIZE];

	if (hold->hopeless_count > 0 || !hold_is_shut(hold)) {
		strbuf_puts(out, hold->hopeless_count > 0 ? "about to be cancelled" : "about to be queued");
		return;
	}
	if (hold->waiting_count == 0) {
		strbuf_printf(out, "waits: %u members of %s are under way, and no more than %u may be", hold->loose, hold->array,
			      hold->at_once);
		return;
	}
	while (edge->state != EDGE_WAITS)
		edge++;
	array = edge->whole ? hold_find(platform, edge->target) : NULL;
	target = edge->whole ? NULL : demand_find(platform, edge->target);
	strbuf_printf(out, "waits for %s of %s%s", whens[edge->when], array ? "all of " : "",
		      array    ? array->array
		      : target ? target->name->text
			       : id_format(edge->target, text));
	if (hold->waiting_count > 1)
		strbuf_printf(out, " and for %u other%s", hold->waiting_count - 1, hold->waiting_count == 2 ? "" : "s");
}

/* Why the replicas that have no place have none. */
static void describe_pending(const struct platform *platform, const struct demand *demand, int64_t now_us, struct strbuf *out)
{
	const struct replica *waits = NULL;
	char text[32];

	if (demand_is_held(demand)) {
		describe_held(platform, demand, out);
		return;
	}
	for (uint32_t r = 0; r < demand->replica_count; r++) {
		const struct replica *replica = &demand->replicas[r];

		if (replica->place == REPLICA_QUEUED) {
			strbuf_puts(out, demand->queue->reason ? demand->queue->reason : "waiting for the next round");
			if (demand->past && demand->past->outcome != OUTCOME_SUCCEEDED) {
				strbuf_puts(out, "; ");
				describe_past(demand, out);
			}
			return;
		}
		if (replica->place == REPLICA_WAITING && (!waits || replica->ready_us < waits->ready_us))
			waits = replica;
	}
	if (!waits) {
		strbuf_puts(out, "about to end");
		return;
	}
	if (waits->ready_us > now_us)
		strbuf_printf(out, "waits %s before it is tried again: ",
			      unit_human(UNIT_DURATION, (waits->ready_us - now_us + 999999) / 1000000 * 1000000, text, sizeof(text)));
	else
		strbuf_puts(out, "about to be tried again: ");
	if (demand->past)
		describe_past(demand, out);
}

static const struct attempt *first_attempt(const struct demand *demand)
{
	for (uint32_t r = 0; r < demand->replica_count; r++)
		if (demand->replicas[r].attempt)
			return demand->replicas[r].attempt;
	return NULL;
}

static void describe_placed(const struct demand *demand, struct strbuf *out)
{
	const struct attempt *attempt = first_attempt(demand);

	if (attempt->state == ATTEMPT_ASSIGNED)
		strbuf_printf(out, "placed on %s, waiting for its agent to start it", attempt->site->name);
	else
		strbuf_printf(out, "starting at %s", attempt->site->name);
	if (attempt->site->condition != CONDITION_UP)
		strbuf_printf(out, "; the site is %s", site_condition_to_string(attempt->site->condition));
}

static void describe_running(const struct platform *platform, const struct demand *demand, int64_t now_us, struct strbuf *out)
{
	const struct attempt *attempt = first_attempt(demand);

	if (demand->replica_count == 1) {
		strbuf_printf(out, "running at %s", attempt->site->name);
		if (attempt->site->condition != CONDITION_UP)
			strbuf_printf(out, "; the site is %s", site_condition_to_string(attempt->site->condition));
		return;
	}
	strbuf_printf(out, "%u of %u replicas run", demand->running_count, demand->replica_count);
	if (demand->current_count < demand->replica_count) {
		strbuf_puts(out, "; of the others: ");
		describe_pending(platform, demand, now_us, out);
	}
}

/* "to make room for train-7". */
static void put_room(const struct platform *platform, uint64_t by, bool reclaimed, struct strbuf *out)
{
	const struct demand *demand = by ? demand_find(platform, by) : NULL;
	char text[ID_TEXT_SIZE];

	if (by)
		strbuf_printf(out, "to make room for %s%s", demand ? demand->name->text : id_format(by, text),
			      reclaimed ? ", which is within its tenant's quota" : "");
	else
		strbuf_puts(out, reclaimed ? "to give back what it had borrowed of another's quota" : "to make room");
}

static void describe_stopping(const struct platform *platform, const struct demand *demand, struct arena *arena, struct strbuf *out)
{
	const struct attempt *attempt = first_attempt(demand);

	if (demand->expired) {
		strbuf_puts(out, "past its deadline, waiting for its attempt to stop");
		return;
	}
	if (demand->cancelled) {
		strbuf_printf(out, "%s, waiting for %u attempt%s to stop", demand_cancel_text(demand->cancelled_by, arena),
			      demand->current_count, demand->current_count == 1 ? "" : "s");
		return;
	}
	strbuf_printf(out, "being stopped at %s ", attempt->site->name);
	put_room(platform, attempt->preempted_by, attempt->reclaimed, out);
	strbuf_puts(out, "; then it goes back into the queue");
}

const char *demand_reason(const struct platform *platform, const struct demand *demand, int64_t now_us, struct arena *arena)
{
	cleanup_strbuf struct strbuf text = { 0 };

	switch ((enum demand_state)demand->state) {
	case STATE_PENDING:
		describe_pending(platform, demand, now_us, &text);
		break;
	case STATE_PLACED:
		describe_placed(demand, &text);
		break;
	case STATE_RUNNING:
		describe_running(platform, demand, now_us, &text);
		break;
	case STATE_STOPPING:
		describe_stopping(platform, demand, arena, &text);
		break;
	default:
		strbuf_puts(&text, demand->message ? demand->message : demand_state_to_string(demand->state));
	}
	return arena_strdup(arena, strbuf_text(&text));
}

/* --- events ------------------------------------------------------------------------------------ */

/* "train-7 (01hx...)", or the id alone when it is not remembered. */
static void put_demand(const struct platform *platform, uint64_t id, int64_t replica, struct strbuf *out)
{
	const struct demand *demand = demand_find(platform, id);
	char text[ID_TEXT_SIZE];

	strbuf_puts(out, demand ? demand->name->text : id_format(id, text));
	if (demand && demand->replica_count > 1 && replica >= 0)
		strbuf_printf(out, " replica %" PRId64, replica);
}

static void describe_demand_event(const struct platform *platform, const struct event *event, struct strbuf *out)
{
	const struct accepted_body *accepted = event->body;
	const struct cancelled_body *cancelled = event->body;
	const struct demand_ended_body *ended = event->body;
	const struct ready_body *ready = event->body;
	const struct released_body *released = event->body;
	const struct expired_body *expired = event->body;

	switch (event->type) {
	case EVENT_DEMAND_ACCEPTED:
		strbuf_puts(out, accepted->name);
		strbuf_puts(out, " accepted");
		if (*accepted->tenant)
			strbuf_printf(out, " from %s", accepted->tenant);
		break;
	case EVENT_DEMAND_CANCELLED:
		put_demand(platform, cancelled->demand, -1, out);
		strbuf_puts(out, " cancelled");
		if (*cancelled->by)
			strbuf_printf(out, " by %s", cancelled->by);
		break;
	case EVENT_DEMAND_ENDED:
		put_demand(platform, ended->demand, -1, out);
		strbuf_printf(out, " %s", demand_state_to_string(ended->state));
		if (*ended->message)
			strbuf_printf(out, ": %s", ended->message);
		break;
	case EVENT_DEMAND_EXPIRED:
		put_demand(platform, expired->demand, -1, out);
		strbuf_puts(out, " can no longer end before its deadline");
		break;
	case EVENT_DEMAND_RELEASED:
		put_demand(platform, released->demand, -1, out);
		strbuf_puts(out, " waits for nothing else and is in the queue");
		break;
	default:
		put_demand(platform, ready->demand, ready->replica, out);
		strbuf_puts(out, " waited long enough and is in the queue again");
	}
}

/* Work that only simulated sites take is called so wherever it is told of. */
static void put_place(const struct platform *platform, uint64_t demand, const char *site, struct strbuf *out)
{
	const struct demand *found = demand_find(platform, demand);

	strbuf_printf(out, "%s%s", site, found && found->class->simulated ? " (simulated)" : "");
}

static void describe_attempt_event(const struct platform *platform, const struct event *event, struct strbuf *out)
{
	const struct placed_body *placed = event->body;
	const struct changed_body *changed = event->body;
	const struct attempt_ended_body *ended = event->body;
	const struct preempted_body *preempted = event->body;

	put_demand(platform, placed->demand, placed->replica, out);
	switch (event->type) {
	case EVENT_PLACED:
		strbuf_puts(out, " placed on ");
		put_place(platform, placed->demand, placed->site, out);
		if (placed->candidates > 1)
			strbuf_printf(out, ": best of %" PRId64 " sites that came into question", placed->candidates);
		break;
	case EVENT_ATTEMPT_PREEMPTED:
		strbuf_puts(out, " is stopped at ");
		put_place(platform, preempted->demand, preempted->site, out);
		strbuf_putc(out, ' ');
		put_room(platform, preempted->by, preempted->reclaimed, out);
		strbuf_puts(out, "; it goes back into the queue");
		break;
	case EVENT_ATTEMPT_CHANGED:
		strbuf_printf(out, " %s at ", attempt_state_to_string(changed->state));
		put_place(platform, changed->demand, changed->site, out);
		break;
	default:
		strbuf_printf(out, " attempt %" PRId64 " ", ended->attempt);
		outcome_describe(ended->outcome, ended->exit_code, ended->exit_signal, ended->message, out);
		strbuf_puts(out, " at ");
		put_place(platform, ended->demand, ended->site, out);
		if (ended->next == NEXT_QUEUE)
			strbuf_puts(out, "; it is in the queue again");
		else if (ended->next == NEXT_WAIT)
			strbuf_printf(out, "; it is tried again in %" PRId64 " s", (ended->ready_us - event->time_us + 999999) / 1000000);
	}
}

static void describe_site_event(const struct event *event, struct strbuf *out)
{
	const struct supply_body *supply = event->body;
	const struct condition_body *condition = event->body;
	const struct drained_body *drained = event->body;
	int64_t nodes = 0;

	strbuf_puts(out, supply->site);
	switch (event->type) {
	case EVENT_SITE_SUPPLY:
		for (size_t i = 0; i < supply->group_count; i++)
			nodes += supply->groups[i].count;
		strbuf_printf(out, " offers %" PRId64 " node%s in %zu group%s", nodes, nodes == 1 ? "" : "s", supply->group_count,
			      supply->group_count == 1 ? "" : "s");
		break;
	case EVENT_SITE_CONDITION:
		strbuf_printf(out, " is %s: %s", site_condition_to_string(condition->condition), condition->cause);
		break;
	case EVENT_SITE_DRAINED:
		strbuf_puts(out, " is draining");
		if (*drained->by)
			strbuf_printf(out, ", by %s", drained->by);
		if (*drained->reason)
			strbuf_printf(out, ": %s", drained->reason);
		break;
	default:
		strbuf_puts(out, " takes work again");
	}
}

void event_describe(const struct platform *platform, const struct event *event, struct strbuf *out)
{
	const struct network_spec *network = event->body;
	const struct catalogue *catalogue = event->body;
	const struct token_body *token = event->body;
	const struct policy_spec *policy = event->body;

	switch (event->type) {
	case EVENT_OPENED:
		strbuf_puts(out, "the platform began to run");
		break;
	case EVENT_NETWORK_LOADED:
		strbuf_printf(out, "network %s loaded: %zu sites in %zu regions", network->name, network->site_count,
			      network->region_count);
		break;
	case EVENT_CATALOGUE_LOADED:
		strbuf_printf(out, "catalogue loaded: %zu chip models", catalogue->model_count);
		break;
	case EVENT_POLICY_LOADED:
		strbuf_printf(out, "policy %s loaded: %zu tenants", policy->name, policy->tenant_count);
		break;
	case EVENT_TOKEN_CREATED:
		strbuf_printf(out, "token %s created for the role %s", token->name, role_to_string(token->role));
		break;
	case EVENT_TOKEN_REVOKED:
		strbuf_printf(out, "token %s revoked", token->name);
		break;
	case EVENT_DEMAND_ACCEPTED:
	case EVENT_DEMAND_CANCELLED:
	case EVENT_DEMAND_ENDED:
	case EVENT_DEMAND_READY:
	case EVENT_DEMAND_RELEASED:
	case EVENT_DEMAND_EXPIRED:
		describe_demand_event(platform, event, out);
		break;
	case EVENT_PLACED:
	case EVENT_ATTEMPT_PREEMPTED:
	case EVENT_ATTEMPT_CHANGED:
	case EVENT_ATTEMPT_ENDED:
		describe_attempt_event(platform, event, out);
		break;
	case EVENT_SITE_SUPPLY:
	case EVENT_SITE_CONDITION:
	case EVENT_SITE_DRAINED:
	case EVENT_SITE_UNDRAINED:
		describe_site_event(event, out);
		break;
	default:
		strbuf_puts(out, event_type_to_string(event->type));
	}
}
