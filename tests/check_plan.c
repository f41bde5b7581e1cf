#include "check_plan.h"

#include <stdio.h>
#include <string.h>

#include "check_order.h"

#include "base/mem.h"

/* The checker's own books of a site: one flat list of nodes. */
struct book_node {
	uint32_t group, number;
	int64_t cpu, memory;
	unsigned chip_count;
	int64_t chips[64];
	const char *models[64];
	size_t resource_count;
	const char *resource_names[RESOURCES_MAX];
	int64_t resources[RESOURCES_MAX];
};

struct book {
	struct book_node *nodes;
	size_t node_count;
};

static void book_open(struct book *book, const struct supply *supply, bool empty)
{
	size_t at = 0;

	*book = (struct book){ 0 };
	if (!supply)
		return;
	for (size_t g = 0; g < supply->group_count; g++)
		book->node_count += supply->groups[g].node_count;
	book->nodes = mem_alloc((book->node_count + 1) * sizeof(*book->nodes));
	for (size_t g = 0; g < supply->group_count; g++) {
		const struct supply_group *group = &supply->groups[g];

		for (uint32_t n = 0; n < group->node_count; n++) {
			struct book_node *node = &book->nodes[at++];

			node->group = (uint32_t)g;
			node->number = n;
			node->cpu = empty ? group->cpu_milli : group->cpu_free[n];
			node->memory = empty ? group->memory_mib : group->memory_free[n];
			node->chip_count = group->chips_per_node;
			for (unsigned c = 0; c < node->chip_count; c++) {
				node->chips[c] = empty ? 1000 : group->chip_free[n * group->chips_per_node + c];
				node->models[c] = group->chip_names[c];
			}
			node->resource_count = group->resource_count;
			for (uint32_t r = 0; r < group->resource_count; r++) {
				node->resources[r] = empty ? group->resource_capacity[r] : group->resource_free[n * group->resource_count + r];
				node->resource_names[r] = group->resource_names[r];
			}
		}
	}
}

static bool listed(const char *const *list, size_t count, const char *word)
{
	bool found = count == 0;

	for (size_t i = 0; i < count; i++)
		found = found || !strcmp(list[i], word);
	return found;
}

static bool chip_allowed(const struct once_input *input, const struct ask *ask, const char *model)
{
	const struct chip_needs *needs = &ask->shape.chips.needs;
	const struct chip_model *entry = NULL;

	if (!listed(ask->shape.chips.models, ask->shape.chips.model_count, model))
		return false;
	for (size_t i = 0; i < input->context.catalogue->model_count; i++)
		if (!strcmp(input->context.catalogue->models[i].name, model))
			entry = &input->context.catalogue->models[i];
	if (!entry)
		return !needs->memory_mib && !needs->throughput_count && !needs->software_count && !ask->rules.domestic_only &&
		       !ask->rules.clearance;
	for (size_t i = 0; i < needs->throughput_count; i++) {
		int64_t best = 0;

		for (size_t k = 0; k < entry->throughput_count; k++)
			if (entry->throughputs[k].format == needs->throughputs[i].format)
				best = entry->throughputs[k].gops;
		if (best < needs->throughputs[i].gops)
			return false;
	}
	for (size_t i = 0; i < needs->software_count; i++)
		if (entry->software_count == 0 || !listed(entry->software, entry->software_count, needs->software[i]))
			return false;
	return entry->memory_mib >= needs->memory_mib && !(ask->rules.domestic_only && entry->origin == ORIGIN_FOREIGN) &&
	       !(ask->rules.clearance && entry->review.state != REVIEW_PASSED);
}

static int64_t workers_of(const struct ask *ask)
{
	return ask->kind == DEMAND_JOB ? ask->workers : 1;
}

/* An hour, in micro-units of money; each part rounded down. */
static int64_t price_of(const struct ask *ask, const struct site_view *site)
{
	const struct shape *shape = &ask->shape;

	return (site->price.core_hour_micro * shape->cpu_milli / 1000 + site->price.gib_hour_micro * shape->memory_mib / 1024 +
		site->price.chip_hour_micro * shape->chips.milli / 1000) * workers_of(ask);
}

static bool place_allowed(const struct once_input *input, const struct ask *ask, const struct site_view *site)
{
	bool tier = ask->where.tier_count == 0;
	int64_t near_us;

	for (size_t i = 0; i < ask->where.tier_count; i++)
		tier = tier || ask->where.tiers[i] == site->tier;
	if (!tier || ask->simulated != (site->engine == ENGINE_SIMULATED))
		return false;
	if (!listed(ask->where.regions, ask->where.region_count, site->region) || !listed(ask->where.sites, ask->where.site_count, site->name))
		return false;
	if (ask->where.near && topology_near_us(input->context.topology, site->index, ask->where.near, &near_us) < 0)
		return false;
	if (ask->where.near && near_us > ask->where.near->within_us)
		return false;
	for (size_t i = 0; i < ask->data_count; i++)
		if (!listed(ask->data[i].residency, ask->data[i].residency_count, site->region))
			return false;
	if (ask->price_max_micro && price_of(ask, site) > ask->price_max_micro)
		return false;
	return listed(ask->rules.residency, ask->rules.residency_count, site->region);
}

static bool at_work(const struct site_view *site)
{
	return site->condition == CONDITION_UP && !site->draining && !site->crowded;
}

/* Takes `count` chips of `each` milli-chips of one model; nothing when there are not so many. */
static bool take_chips(struct book_node *node, const char *model, int64_t count, int64_t each)
{
	int64_t there = 0;

	for (unsigned c = 0; c < node->chip_count; c++)
		there += node->chips[c] >= each && !strcmp(node->models[c], model);
	if (there < count)
		return false;
	for (unsigned c = 0; c < node->chip_count && count > 0; c++)
		if (node->chips[c] >= each && !strcmp(node->models[c], model)) {
			node->chips[c] -= each;
			count--;
		}
	return true;
}

static int64_t *resource_of(struct book_node *node, const char *name)
{
	for (size_t r = 0; r < node->resource_count; r++)
		if (!strcmp(node->resource_names[r], name))
			return &node->resources[r];
	return NULL;
}

/* Takes a worker's further resources; false when it finds too little of one. */
static bool take_resources(const struct ask *ask, struct book_node *node)
{
	for (size_t i = 0; i < ask->shape.resource_count; i++) {
		int64_t *left = resource_of(node, ask->shape.resources[i].name);

		if (!left || *left < ask->shape.resources[i].count)
			return false;
		*left -= ask->shape.resources[i].count;
	}
	return true;
}

/* Takes one worker from the node by trying each chip model; false when it does not fit. */
static bool book_take(const struct once_input *input, const struct ask *ask, struct book_node *node)
{
	int64_t milli = ask->shape.chips.milli;
	struct book_node before = *node;
	bool taken = milli == 0;

	if (node->cpu < ask->shape.cpu_milli || node->memory < ask->shape.memory_mib)
		return false;
	for (unsigned c = 0; c < node->chip_count && !taken; c++)
		if (chip_allowed(input, ask, node->models[c]))
			taken = take_chips(node, node->models[c], milli < 1000 ? 1 : milli / 1000, milli < 1000 ? milli : 1000);
	if (!taken || !take_resources(ask, node)) {
		*node = before;
		return false;
	}
	node->cpu -= ask->shape.cpu_milli;
	node->memory -= ask->shape.memory_mib;
	return true;
}

/* Workers of the ask, as many as it has at the most, that the node holds. */
static int64_t node_holds(const struct once_input *input, const struct ask *ask, const struct book_node *node)
{
	struct book_node copy = *node;
	int64_t workers = 0;

	while (workers < workers_of(ask) && book_take(input, ask, &copy))
		workers++;
	return workers;
}

/* Whether the book holds the whole ask, as close together as it says. */
static bool book_holds(const struct once_input *input, const struct ask *ask, const struct book *book)
{
	enum together together = workers_of(ask) == 1 ? TOGETHER_SITE : ask->where.together;
	int64_t here = 0;

	for (size_t n = 0; n < book->node_count; n++) {
		if (together == TOGETHER_NODE || (together == TOGETHER_GROUP && n > 0 && book->nodes[n].group != book->nodes[n - 1].group))
			here = 0;
		here += node_holds(input, ask, &book->nodes[n]);
		if (here >= workers_of(ask))
			return true;
	}
	return false;
}

bool check_holds(const struct once_input *input, const struct ask *ask, size_t site, bool empty)
{
	struct book book;
	bool holds;

	if (!place_allowed(input, ask, &input->sites[site]) || (!empty && !at_work(&input->sites[site])))
		return false;
	book_open(&book, input->sites[site].supply, empty);
	holds = book_holds(input, ask, &book);
	free(book.nodes);
	return holds;
}

static struct book_node *book_find(struct book *book, const struct slot *slot)
{
	for (size_t n = 0; n < book->node_count; n++)
		if (book->nodes[n].group == slot->group && book->nodes[n].number == slot->node)
			return &book->nodes[n];
	return NULL;
}

/* Books one slot; gives back what is wrong with it, NULL nothing. */
static const char *replay_slot(const struct once_input *input, const struct ask *ask, struct book *book, const struct slot *slot)
{
	struct book_node *node = book_find(book, slot);
	const char *model = NULL;
	int64_t milli = 0;

	if (!node)
		return "names a node that does not exist";
	node->cpu -= ask->shape.cpu_milli;
	node->memory -= ask->shape.memory_mib;
	if (node->cpu < 0 || node->memory < 0)
		return "books CPU or memory twice";
	if (!take_resources(ask, node))
		return "books a further resource twice, or one that is not there";
	for (unsigned c = 0; c < 64; c++) {
		if (!(slot->chips >> c & 1))
			continue;
		if (c >= node->chip_count)
			return "names a chip that does not exist";
		if (!chip_allowed(input, ask, node->models[c]))
			return "uses a chip that the ask may not use";
		if (model && strcmp(model, node->models[c]))
			return "mixes chip models in one worker";
		model = node->models[c];
		node->chips[c] -= slot->chip_milli;
		milli += slot->chip_milli;
		if (node->chips[c] < 0)
			return "books a chip twice";
	}
	if (milli != ask->shape.chips.milli)
		return "gives another number of chips than asked for";
	if (milli > 0 && slot->chip_milli != (milli < 1000 ? milli : 1000))
		return "divides chips wrongly";
	return NULL;
}

/* --- where the workers of a gang lie ------------------------------------------------------------------ */

static int compare_down(const void *left, const void *right)
{
	int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;

	return (a < b) - (a > b);
}

/* The number of nodes that a gang needs at least, or can use at most, among those of `group` (-1: any); 0 when it is not known: where
 * many workers fit in one node, packing may take a node more than it needs. */
static size_t nodes_due(const struct once_input *input, const struct ask *ask, const struct book *book, int64_t group)
{
	int64_t *holds = mem_alloc((book->node_count + 1) * sizeof(*holds));
	int64_t left = workers_of(ask);
	size_t count = 0, due = 0;

	for (size_t n = 0; n < book->node_count; n++)
		if (group < 0 || book->nodes[n].group == group)
			holds[count++] = node_holds(input, ask, &book->nodes[n]);
	qsort(holds, count, sizeof(*holds), compare_down);
	if (ask->where.arrange == ARRANGE_SPREAD)
		while (due < count && holds[due] > 0 && due < (size_t)left)
			due++;
	else if (count > 0 && holds[0] <= 16)
		for (; due < count && left > 0; due++)
			left -= holds[due];
	free(holds);
	return due;
}

/* What is reserved at the site is held at the moment, so what is left over may fit and still have to wait, or lie elsewhere. */
static bool has_reservation(const struct match_plan *plan, size_t site)
{
	for (size_t r = 0; r < plan->reservation_count; r++)
		if (plan->reservations[r].site == site)
			return true;
	return false;
}

static const char *check_shape(const struct once_input *input, const struct ask *ask, const struct book *book, const struct match_plan *plan,
			       const struct match_placement *placement)
{
	size_t nodes = 0, due;

	if (workers_of(ask) == 1)
		return NULL;
	for (size_t w = 0; w < placement->slot_count; w++) {
		const struct slot *slot = &placement->slots[w];
		bool seen = false;

		if (ask->where.together != TOGETHER_SITE && slot->group != placement->slots[0].group)
			return "is not in one group";
		if (ask->where.together == TOGETHER_NODE && slot->node != placement->slots[0].node)
			return "is not in one node";
		for (size_t v = 0; v < w && !seen; v++)
			seen = placement->slots[v].group == slot->group && placement->slots[v].node == slot->node;
		nodes += !seen;
	}
	if (ask->where.together == TOGETHER_NODE || has_reservation(plan, placement->site))
		return NULL;
	due = nodes_due(input, ask, book, ask->where.together == TOGETHER_GROUP ? (int64_t)placement->slots[0].group : -1);
	return due > 0 && due != nodes ? "is not spread out, or not packed together, as it could be" : NULL;
}

/* The caller of a service that the replica serves: as many replicas each as the weights say, rounded down; what is left goes to
 * the largest remainders. The first caller's replicas come first. */
static size_t caller_of(const struct ask *ask, int64_t replica)
{
	int64_t total = 0, given = 0, counts[DEMAND_LIST_MAX];
	size_t count = ask->where.caller_count, c = 0;

	for (size_t i = 0; i < count; i++)
		total += ask->where.callers[i].weight;
	for (size_t i = 0; i < count; i++)
		given += counts[i] = ask->workers * ask->where.callers[i].weight / total;
	for (size_t i = 0; i < count; i++) {
		size_t before = 0; /* callers whose remainder is larger, or as large and that come first */

		for (size_t k = 0; k < count; k++) {
			int64_t mine = ask->workers * ask->where.callers[i].weight % total;
			int64_t theirs = ask->workers * ask->where.callers[k].weight % total;

			before += theirs > mine || (theirs == mine && k < i);
		}
		counts[i] += (int64_t)before < ask->workers - given;
	}
	while (c + 1 < count && replica >= counts[c])
		replica -= counts[c++];
	return c;
}

/* Within the bound of the very caller that the replica is for. */
static const char *check_caller(const struct once_input *input, const struct ask *whole, const struct match_placement *placement)
{
	const struct near *near;
	int64_t near_us;

	if (whole->where.caller_count == 0)
		return NULL;
	near = &whole->where.callers[caller_of(whole, placement->replica)].place;
	if (topology_near_us(input->context.topology, placement->site, near, &near_us) < 0 || near_us > near->within_us)
		return "is too far from its caller";
	return NULL;
}

static const char *replay_placement(const struct once_input *input, const struct once *once, struct book *books,
				    const struct match_plan *plan, const struct match_placement *placement)
{
	const struct ask *ask;
	const char *wrong = NULL;

	if (placement->site >= input->site_count || placement->stream >= once->input.stream_count)
		return "names a site or class that does not exist";
	ask = matcher_class_ask(once->matcher, once->input.streams[placement->stream].class);
	if (!place_allowed(input, ask, &input->sites[placement->site]))
		return "breaks a rule of place";
	if (!at_work(&input->sites[placement->site]))
		return "uses a site that is not at work";
	if ((int64_t)placement->slot_count != workers_of(ask))
		return "tears a gang apart";
	wrong = check_shape(input, ask, &books[placement->site], plan, placement);
	if (!wrong && once->class_of)
		wrong = check_caller(input, input->classes[once->class_of[placement->stream]].ask, placement);
	for (size_t w = 0; w < placement->slot_count && !wrong; w++)
		wrong = placement->slots[w].worker == w ? replay_slot(input, ask, &books[placement->site], &placement->slots[w])
							: "numbers its workers wrongly";
	return wrong;
}

/* What is left of each stream does not fit into what is left of any site. Free only shrinks, so it must not fit at the end either. */
static bool left_over_fits(const struct once_input *input, const struct once *once, const struct match_plan *plan, const struct book *books,
			   const struct check_accounts *accounts, size_t stream)
{
	const struct match_stream *in = &once->input.streams[stream];
	const struct ask *ask = matcher_class_ask(once->matcher, in->class);

	if (plan->streams[stream].placed == in->entry_count || check_limited(accounts, shares_tenant_name(once->input.shares, in->tenant), ask))
		return false;
	for (size_t site = 0; site < input->site_count; site++)
		if (!has_reservation(plan, site) && place_allowed(input, ask, &input->sites[site]) && at_work(&input->sites[site]) &&
		    book_holds(input, ask, &books[site]))
			return true;
	return false;
}

static const char *replay(const struct once_input *input, const struct once *once, const struct match_plan *plan,
			  struct check_accounts *accounts, size_t *ret_at)
{
	struct book *books = mem_alloc((input->site_count + 1) * sizeof(*books));
	const char *wrong = check_order(once, plan, accounts, ret_at);

	for (size_t s = 0; s < input->site_count; s++)
		book_open(&books[s], input->sites[s].supply, false);
	for (size_t p = 0; p < plan->placement_count && !wrong; p++) {
		*ret_at = p;
		wrong = replay_placement(input, once, books, plan, &plan->placements[p]);
	}
	for (size_t c = 0; c < once->input.stream_count && plan->complete && !wrong; c++) {
		*ret_at = c;
		if (left_over_fits(input, once, plan, books, accounts, c))
			wrong = "(a stream) is not all: something that fits was left out";
	}
	for (size_t s = 0; s < input->site_count; s++)
		free(books[s].nodes);
	free(books);
	return wrong;
}

bool check_plan(const struct once_input *input, const struct once *once, const struct match_plan *plan, char *why, size_t why_size)
{
	struct check_accounts accounts;
	const char *wrong;
	size_t at = 0;

	check_accounts_open(&accounts, input->policy);
	wrong = replay(input, once, plan, &accounts, &at);
	if (wrong)
		snprintf(why, why_size, "placement %zu %s", at, wrong);
	check_accounts_close(&accounts);
	return !wrong;
}
