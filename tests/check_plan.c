#include "check_plan.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"

/* The checker's own books of a site: one flat list of nodes. */
struct book_node {
	uint32_t group, number;
	int64_t cpu, memory;
	unsigned chip_count;
	int64_t chips[64];
	const char *models[64];
};

struct book {
	struct book_node *nodes;
	size_t node_count;
};

static void book_open(struct book *book, const struct supply *supply, bool empty)
{
	size_t at = 0;

	*book = (struct book){ 0 };
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
	return listed(ask->rules.residency, ask->rules.residency_count, site->region);
}

static bool at_work(const struct site_view *site)
{
	return site->condition == CONDITION_UP && !site->draining;
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

/* Takes one worker from the node by trying each chip model; false when it does not fit. */
static bool book_take(const struct once_input *input, const struct ask *ask, struct book_node *node)
{
	int64_t milli = ask->shape.chips.milli;
	bool taken = milli == 0;

	if (node->cpu < ask->shape.cpu_milli || node->memory < ask->shape.memory_mib)
		return false;
	for (unsigned c = 0; c < node->chip_count && !taken; c++)
		if (chip_allowed(input, ask, node->models[c]))
			taken = take_chips(node, node->models[c], milli < 1000 ? 1 : milli / 1000, milli < 1000 ? milli : 1000);
	if (!taken)
		return false;
	node->cpu -= ask->shape.cpu_milli;
	node->memory -= ask->shape.memory_mib;
	return true;
}

/* Whether the book holds the whole ask. Takes it out of the book as far as it goes. */
static bool book_holds(const struct once_input *input, const struct ask *ask, struct book *book)
{
	int64_t left = ask->kind == DEMAND_JOB ? ask->workers : 1;

	for (size_t n = 0; n < book->node_count; n++)
		while (left > 0 && book_take(input, ask, &book->nodes[n]))
			left--;
	return left == 0;
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

static const char *replay_placement(const struct once_input *input, const struct once *once, struct book *books, const struct match_placement *placement)
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
	if ((int64_t)placement->slot_count != (ask->kind == DEMAND_JOB ? ask->workers : 1))
		return "tears a gang apart";
	for (size_t w = 0; w < placement->slot_count && !wrong; w++)
		wrong = placement->slots[w].worker == w ? replay_slot(input, ask, &books[placement->site], &placement->slots[w])
							: "numbers its workers wrongly";
	return wrong;
}

/* Each stream is served from its oldest entry on, without gaps (backfilled ones apart), and nothing is placed after something less
 * urgent, but into what is reserved. */
static const char *check_order(const struct once *once, const struct match_plan *plan)
{
	const struct match_input *input = &once->input;
	size_t *served = mem_alloc((input->stream_count + 1) * sizeof(*served));
	const char *wrong = NULL;
	int64_t last = INT64_MAX;

	for (size_t p = 0; p < plan->placement_count && !wrong; p++) {
		const struct match_placement *placement = &plan->placements[p];
		const struct match_stream *stream = &input->streams[placement->stream];
		const struct match_entry *entry = &stream->entries[served[placement->stream]];
		int64_t priority = matcher_class_ask(once->matcher, stream->class)->priority;

		served[placement->stream]++;
		if (placement->backfilled)
			continue;
		if (served[placement->stream] > stream->entry_count || entry->demand != placement->demand || entry->replica != placement->replica)
			wrong = "passes over an older entry of its class";
		else if (priority > last)
			wrong = "comes after something less urgent";
		last = priority;
	}
	for (size_t s = 0; s < input->stream_count && !wrong; s++)
		if (plan->streams[s].placed != served[s])
			wrong = "is counted wrongly";
	free(served);
	return wrong;
}

/* What is reserved at the site is free at the moment of the reservation, so what is left over may fit and still have to wait. */
static bool has_reservation(const struct match_plan *plan, size_t site)
{
	for (size_t r = 0; r < plan->reservation_count; r++)
		if (plan->reservations[r].site == site)
			return true;
	return false;
}

/* What is left of each stream does not fit into what is left of any site. Free only shrinks, so it must not fit at the end either. */
static bool left_over_fits(const struct once_input *input, const struct once *once, const struct match_plan *plan, struct book *books,
			   size_t stream, size_t site)
{
	const struct ask *ask = matcher_class_ask(once->matcher, once->input.streams[stream].class);
	struct book copy = books[site];
	bool holds;

	if (plan->streams[stream].placed == once->input.streams[stream].entry_count || has_reservation(plan, site))
		return false;
	if (!place_allowed(input, ask, &input->sites[site]) || !at_work(&input->sites[site]))
		return false;
	copy.nodes = mem_dup(books[site].nodes, (books[site].node_count + 1) * sizeof(*copy.nodes));
	holds = book_holds(input, ask, &copy);
	free(copy.nodes);
	return holds;
}

bool check_plan(const struct once_input *input, const struct once *once, const struct match_plan *plan, char *why, size_t why_size)
{
	struct book *books = mem_alloc((input->site_count + 1) * sizeof(*books));
	const char *wrong = NULL;
	size_t at = 0;

	for (size_t s = 0; s < input->site_count; s++)
		book_open(&books[s], input->sites[s].supply, false);
	for (size_t p = 0; p < plan->placement_count && !wrong; p++, at++)
		wrong = replay_placement(input, once, books, &plan->placements[p]);
	if (!wrong)
		wrong = check_order(once, plan);
	for (size_t c = 0; c < once->input.stream_count && plan->complete && !wrong; c++)
		for (size_t s = 0; s < input->site_count && !wrong; s++)
			if (left_over_fits(input, once, plan, books, c, s))
				wrong = "is not all: something that fits was left out";
	if (wrong)
		snprintf(why, why_size, "placement %zu %s", at, wrong);
	for (size_t s = 0; s < input->site_count; s++)
		free(books[s].nodes);
	free(books);
	return !wrong;
}
