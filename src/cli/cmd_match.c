/* weir match: one round over files, without a server: what would go where, why the rest would wait, and
 * what that uses. Every site counts as up and empty. */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/client.h"
#include "cli/input.h"
#include "cli/shown.h"
#include "cli/trial.h"
#include "match/score.h"

static const char *const usage[] = { "match --network FILE [--catalogue FILE] [--policy FILE] [OPTION]... FILE..." };
static const char *const examples[] = {
	"weir match -n examples/networks/china.yaml -c examples/chips/catalogue.yaml examples/demands/*.yaml",
	"where the sample demands would go in the sample network",
	"weir match -n examples/networks/china.yaml -p examples/policies/west.yaml examples/demands/*.yaml",
	"the same where training drifts west",
};
static const struct cli_help help = {
	.usage = usage, .usage_count = ARRAY_COUNT(usage), .examples = examples, .example_count = ARRAY_COUNT(examples),
	.purpose = "Tries one round of matching over files, without a server: prints what would be placed where, why the rest would wait "
		   "and what change would let it start, and the chips used and free. Every site counts as up and empty. The FILEs hold "
		   "demands, the oldest first.",
	.arguments_min = 0, .arguments_max = -1, .arguments_expected = "files of demands",
};

#define CHANGES_SHOWN 3

/* One row: a demand's placements at one site. */
struct row {
	const struct match_placement *first;
	size_t workers, nodes, placements;
};

struct model_total {
	const char *model;
	int64_t all_milli, free_milli;
};

struct totals {
	struct model_total *models;
	size_t model_count;
	size_t placed, partly, pending; /* demands */
	size_t workers, sites;
	int64_t price_micro; /* an hour */
};

static const char *chip_model_of(const struct trial *trial, const struct match_placement *placement, const struct slot *slot)
{
	if (!slot->chips)
		return "";
	return trial->supplies[placement->site].groups[slot->group].chip_names[__builtin_ctzll(slot->chips)];
}

static struct model_total *find_model(struct totals *totals, const char *model)
{
	for (size_t m = 0; m < totals->model_count; m++)
		if (strcmp(totals->models[m].model, model) == 0)
			return &totals->models[m];
	totals->models[totals->model_count].model = model;
	return &totals->models[totals->model_count++];
}

static size_t count_models_most(const struct trial *trial)
{
	size_t most = 0;

	for (size_t s = 0; s < trial->network->site_count; s++)
		for (size_t g = 0; g < trial->network->sites[s].group_count; g++)
			most += trial->network->sites[s].groups[g].chip_count;
	return most;
}

static void add_chips(const struct supply_group *group, struct totals *totals)
{
	for (uint32_t c = 0; c < group->chips_per_node; c++) {
		struct model_total *total = find_model(totals, group->chip_names[c]);

		total->all_milli += (int64_t)group->node_count * CHIP_MILLI;
		for (uint32_t n = 0; n < group->node_count; n++)
			total->free_milli += group->chip_free[(size_t)n * group->chips_per_node + c];
	}
}

static void sum_up(const struct trial *trial, struct arena *arena, struct totals *ret)
{
	bool *used = ARENA_ARRAY(arena, bool, trial->network->site_count + 1);

	*ret = (struct totals){ .models = ARENA_ARRAY(arena, struct model_total, count_models_most(trial) + 1) };
	for (size_t s = 0; s < trial->network->site_count; s++)
		for (size_t g = 0; g < trial->supplies[s].group_count; g++)
			add_chips(&trial->supplies[s].groups[g], ret);
	for (size_t d = 0; d < trial->demand_count; d++) {
		size_t placed = trial->placed[d];

		ret->placed += placed == demand_placements(trial->demands[d]);
		ret->pending += placed == 0;
		ret->partly += placed > 0 && placed < demand_placements(trial->demands[d]);
	}
	for (size_t p = 0; p < trial->plan.placement_count; p++) {
		const struct match_placement *placement = &trial->plan.placements[p];

		ret->workers += placement->slot_count;
		ret->sites += !used[placement->site];
		used[placement->site] = true;
		ret->price_micro += price_at_site(placement_ask(trial, placement), &trial->input.sites[placement->site]);
	}
}

/* --- for people ------------------------------------------------------------------------------------ */

static int compare_rows(const void *left, const void *right)
{
	const struct match_placement *a = ((const struct row *)left)->first, *b = ((const struct row *)right)->first;

	if (a->demand != b->demand)
		return a->demand < b->demand ? -1 : 1;
	if (a->site != b->site)
		return a->site < b->site ? -1 : 1;
	return a->replica < b->replica ? -1 : a->replica > b->replica;
}

static int compare_places(const void *left, const void *right)
{
	const struct slot *a = left, *b = right;

	if (a->group != b->group)
		return a->group < b->group ? -1 : 1;
	return a->node < b->node ? -1 : a->node > b->node;
}

static size_t count_nodes(const struct match_placement *placement, struct arena *arena)
{
	struct slot *slots = arena_dup(arena, placement->slots, placement->slot_count * sizeof(*slots));
	size_t nodes = 1;

	qsort(slots, placement->slot_count, sizeof(*slots), compare_places);
	for (size_t w = 1; w < placement->slot_count; w++)
		nodes += compare_places(&slots[w - 1], &slots[w]) != 0;
	return nodes;
}

/* Rows of one demand and site become one; gives the rows left. */
static size_t make_rows(const struct trial *trial, struct row *rows, struct arena *arena)
{
	size_t count = 0;

	for (size_t p = 0; p < trial->plan.placement_count; p++) {
		rows[p] = (struct row){ .first = &trial->plan.placements[p], .workers = trial->plan.placements[p].slot_count, .placements = 1 };
		rows[p].nodes = count_nodes(rows[p].first, arena);
	}
	qsort(rows, trial->plan.placement_count, sizeof(*rows), compare_rows);
	for (size_t p = 0; p < trial->plan.placement_count; p++) {
		if (count > 0 && rows[count - 1].first->demand == rows[p].first->demand && rows[count - 1].first->site == rows[p].first->site) {
			rows[count - 1].workers += rows[p].workers;
			rows[count - 1].placements++;
		} else {
			rows[count++] = rows[p];
		}
	}
	return count;
}

static const char *money_text(int64_t micro, char *buffer, size_t size)
{
	int64_t hundredths = (micro + 5000) / 10000;

	snprintf(buffer, size, "%" PRId64 ".%02d", hundredths / 100, (int)(hundredths % 100));
	return buffer;
}

static void print_placements(const struct trial *trial, struct arena *arena)
{
	struct row *rows = ARENA_ARRAY(arena, struct row, trial->plan.placement_count + 1);
	size_t count = make_rows(trial, rows, arena);
	cleanup(table_free) struct table *table = table_new();
	char text[SHOWN_SIZE];

	if (count == 0)
		return;
	table_column(table, "DEMAND", TABLE_SHRINK);
	table_column(table, "KIND", 0);
	table_column(table, "SITE", 0);
	table_column(table, "TIER", 0);
	table_column(table, "WORKERS", TABLE_RIGHT);
	table_column(table, "NODES", TABLE_RIGHT);
	table_column(table, "CHIPS", TABLE_RIGHT);
	table_column(table, "MODEL", TABLE_SHRINK);
	table_column(table, "PRICE/H", TABLE_RIGHT);
	for (size_t r = 0; r < count; r++) {
		const struct match_placement *first = rows[r].first;
		const struct site_view *site = &trial->input.sites[first->site];
		const struct ask *ask = placement_ask(trial, first);
		int64_t chips = ask->shape.chips.milli * (int64_t)rows[r].workers;

		table_cell(table, STYLE_PLAIN, trial->demands[first->demand - 1]->name);
		table_cell(table, STYLE_PLAIN, demand_kind_to_string(ask->kind));
		table_cell(table, STYLE_PLAIN, site->name);
		table_cell(table, STYLE_PLAIN, tier_to_string(site->tier));
		table_cellf(table, STYLE_PLAIN, "%zu", rows[r].workers);
		if (rows[r].placements == 1)
			table_cellf(table, STYLE_PLAIN, "%zu", rows[r].nodes);
		else
			table_cell(table, STYLE_PLAIN, "");
		table_cell(table, STYLE_PLAIN, chips ? shown_cores(chips, text) : "");
		table_cell(table, STYLE_PLAIN, chip_model_of(trial, first, &first->slots[0]));
		table_cell(table, STYLE_PLAIN, money_text(price_at_site(ask, site) * (int64_t)rows[r].placements, text, sizeof(text)));
	}
	table_print(table, stdout);
}

static void print_reason(const struct trial_reason *reason)
{
	const struct relaxation *relaxation = &reason->relaxation;

	printf("%s\n", reason->why.summary);
	for (size_t g = 0; g < reason->why.group_count; g++)
		printf("  %s\n", reason->why.groups[g].sentence);
	if (reason->why.start && reason->why.start_us != 0)
		printf("  start: %s\n", reason->why.start);
	for (size_t c = 0; c < relaxation->change_count && c < CHANGES_SHOWN; c++)
		printf("  %s: %s\n", c ? "or" : "smallest change", relaxation->changes[c].sentence);
	if (relaxation->sentence && relaxation->change_count == 0)
		printf("  %s\n", relaxation->sentence);
}

static void print_reasons(const struct trial *trial)
{
	for (size_t d = 0; d < trial->demand_count; d++) {
		const struct demand_spec *demand = trial->demands[d];
		size_t wanted = demand_placements(demand);

		if (trial->placed[d] == wanted)
			continue;
		printf("\n%s: ", demand->name);
		if (wanted > 1)
			printf("%zu of %zu %s placed; ", trial->placed[d], wanted, demand->array ? "members" : "replicas");
		if (trial->reasons[trial->class_of[d]].waits)
			print_reason(&trial->reasons[trial->class_of[d]]);
		else
			puts("the rest waits until some of it has ended");
	}
}

static void print_totals(const struct trial *trial, const struct totals *totals)
{
	cleanup(table_free) struct table *table = table_new();
	char text[SHOWN_SIZE];

	table_column(table, "CHIP MODEL", 0);
	table_column(table, "USED", TABLE_RIGHT);
	table_column(table, "FREE", TABLE_RIGHT);
	table_column(table, "ALL", TABLE_RIGHT);
	for (size_t m = 0; m < totals->model_count; m++) {
		const struct model_total *model = &totals->models[m];

		table_cell(table, STYLE_PLAIN, model->model);
		table_cell(table, STYLE_PLAIN, shown_cores(model->all_milli - model->free_milli, text));
		table_cell(table, STYLE_PLAIN, shown_cores(model->free_milli, text));
		table_cell(table, STYLE_PLAIN, shown_cores(model->all_milli, text));
	}
	if (totals->model_count > 0) {
		putchar('\n');
		table_print(table, stdout);
	}
	printf("\n%zu demand%s: %zu placed, %zu in part, %zu pending; %zu worker%s at %zu of %zu sites for %s %s an hour\n", trial->demand_count,
	       trial->demand_count == 1 ? "" : "s", totals->placed, totals->partly, totals->pending, totals->workers,
	       totals->workers == 1 ? "" : "s", totals->sites, trial->network->site_count,
	       money_text(totals->price_micro, text, sizeof(text)), trial->network->currency ? trial->network->currency : "");
}

/* --- for programs ---------------------------------------------------------------------------------- */

static json_t *slot_json(const struct trial *trial, const struct match_placement *placement, const struct slot *slot)
{
	const struct supply_group *group = &trial->supplies[placement->site].groups[slot->group];
	json_t *chips = json_array();

	for (uint64_t rest = slot->chips; rest; rest &= rest - 1)
		json_array_append_new(chips, json_integer(__builtin_ctzll(rest)));
	return json_pack("{s:I, s:o, s:o, s:s, s:I}", "worker", (json_int_t)slot->worker, "node",
			 json_sprintf("%s/%u", group->name, (unsigned)slot->node), "chips", chips, "chip_model",
			 chip_model_of(trial, placement, slot), "chip_milli", (json_int_t)slot->chip_milli);
}

static json_t *second_json(const struct match_placement *placement)
{
	return placement->second_score < 0 ? json_null() : json_integer(placement->second_score);
}

static json_t *second_site_json(const struct trial *trial, const struct match_placement *placement)
{
	return placement->second_score < 0 ? json_null() : json_string(trial->input.sites[placement->second_site].name);
}

static json_t *placements_json(const struct trial *trial)
{
	json_t *list = json_array();

	for (size_t p = 0; p < trial->plan.placement_count; p++) {
		const struct match_placement *placement = &trial->plan.placements[p];
		const struct site_view *site = &trial->input.sites[placement->site];
		json_t *slots = json_array();

		for (size_t w = 0; w < placement->slot_count; w++)
			json_array_append_new(slots, slot_json(trial, placement, &placement->slots[w]));
		json_array_append_new(list, json_pack("{s:s, s:I, s:s, s:s, s:I, s:o, s:o, s:I, s:I, s:b, s:b, s:o}", "demand",
						      trial->demands[placement->demand - 1]->name, "replica", (json_int_t)placement->replica,
						      "site", site->name, "tier", tier_to_string(site->tier), "score_micro",
						      (json_int_t)placement->score, "second_score_micro", second_json(placement),
						      "second_site", second_site_json(trial, placement), "price_micro",
						      (json_int_t)price_at_site(placement_ask(trial, placement), site),
						      "candidates", (json_int_t)placement->candidates, "backfilled", (int)placement->backfilled,
						      "borrowed", (int)placement->borrowed, "workers", slots));
	}
	return list;
}

static json_t *groups_json(const struct trial *trial, const struct explanation *why)
{
	json_t *groups = json_array();

	for (size_t g = 0; g < why->group_count; g++) {
		const struct explain_group *group = &why->groups[g];

		json_array_append_new(groups, json_pack("{s:s, s:b, s:I, s:s, s:s}", "code", verdict_code_to_string(group->code), "never",
							(int)group->never, "sites", (json_int_t)group->site_count, "nearest",
							trial->input.sites[group->sites[0]].name, "sentence", group->sentence));
	}
	return groups;
}

static json_t *changes_json(const struct relaxation *relaxation)
{
	json_t *changes = json_array();

	for (size_t c = 0; c < relaxation->change_count; c++) {
		const struct relax_change *change = &relaxation->changes[c];
		json_t *steps = json_array();

		for (size_t s = 0; s < change->step_count; s++)
			json_array_append_new(steps, json_pack("{s:s, s:s, s:s, s:I, s:I}", "dimension",
							       relax_dimension_to_string(change->steps[s].dimension), "from",
							       change->steps[s].from, "to", change->steps[s].to, "from_value",
							       (json_int_t)change->steps[s].from_value, "to_value",
							       (json_int_t)change->steps[s].to_value));
		json_array_append_new(changes, json_pack("{s:s, s:s, s:I, s:I, s:b, s:o}", "sentence", change->sentence, "site",
							 change->site_name, "given_up", (json_int_t)change->given_up, "stops",
							 (json_int_t)change->stops, "verified", 1, "steps", steps));
	}
	return changes;
}

/* Nothing when the rest of an array waits for its own members. */
static void add_reason(const struct trial *trial, const struct trial_reason *reason, json_t *to)
{
	json_object_set_new(to, "never", json_boolean(reason->waits && reason->why.never));
	json_object_set_new(to, "summary", json_string(reason->waits ? reason->why.summary : "the rest waits until some of it has ended"));
	json_object_set_new(to, "groups", groups_json(trial, &reason->why));
	json_object_set_new(to, "ahead", json_integer((json_int_t)reason->why.ahead));
	json_object_set_new(to, "start", json_string(reason->why.start ? reason->why.start : ""));
	json_object_set_new(to, "start_us", reason->why.start && reason->why.start_us >= 0 ? json_integer(reason->why.start_us) : json_null());
	json_object_set_new(to, "change", json_string(reason->relaxation.sentence ? reason->relaxation.sentence : ""));
	json_object_set_new(to, "changes", changes_json(&reason->relaxation));
}

static json_t *pending_json(const struct trial *trial)
{
	json_t *list = json_array();

	for (size_t d = 0; d < trial->demand_count; d++) {
		size_t wanted = demand_placements(trial->demands[d]);
		json_t *pending;

		if (trial->placed[d] == wanted)
			continue;
		pending = json_pack("{s:s, s:I, s:I}", "demand", trial->demands[d]->name, "placed", (json_int_t)trial->placed[d], "wanted",
				    (json_int_t)wanted);
		add_reason(trial, &trial->reasons[trial->class_of[d]], pending);
		json_array_append_new(list, pending);
	}
	return list;
}

static void print_json(const struct trial *trial, const struct totals *totals)
{
	json_t *chips = json_array();
	json_t *all;

	for (size_t m = 0; m < totals->model_count; m++) {
		const struct model_total *model = &totals->models[m];

		json_array_append_new(chips, json_pack("{s:s, s:I, s:I}", "model", model->model, "used_milli",
						       (json_int_t)(model->all_milli - model->free_milli), "free_milli",
						       (json_int_t)model->free_milli));
	}
	all = json_pack("{s:o, s:o, s:{s:I, s:I, s:I, s:I, s:I, s:I, s:o}}", "placements", placements_json(trial), "pending",
			pending_json(trial), "totals", "placed", (json_int_t)totals->placed, "partly_placed", (json_int_t)totals->partly,
			"pending", (json_int_t)totals->pending, "workers", (json_int_t)totals->workers, "sites_used",
			(json_int_t)totals->sites, "price_micro", (json_int_t)totals->price_micro, "chips", chips);
	json_print(all);
	json_decref(all);
}

/* --- reading ---------------------------------------------------------------------------------------- */

/* Reads every file, also after one with problems, so that all problems are told at once. */
static int read_demands(const struct texts *paths, struct arena *arena, const struct demand_spec ***ret_demands, size_t *ret_count)
{
	struct input *inputs = ARENA_ARRAY(arena, struct input, paths->count + 1);
	const struct demand_spec **demands;
	size_t total = 0, at = 0;
	int code = EXIT_OK;

	for (size_t i = 0; i < paths->count; i++) {
		if (input_read_kind(paths->items[i], FILE_DEMANDS, arena, &inputs[i]) != EXIT_OK)
			code = EXIT_FAILED;
		else
			total += inputs[i].file.demand_count;
	}
	if (code != EXIT_OK)
		return code;
	demands = ARENA_ARRAY(arena, const struct demand_spec *, total + 1);
	for (size_t i = 0; i < paths->count; i++)
		for (size_t d = 0; d < inputs[i].file.demand_count; d++)
			demands[at++] = &inputs[i].file.demands[d];
	*ret_demands = demands;
	*ret_count = total;
	return EXIT_OK;
}

static int run(const char *network_path, const char *catalogue_path, const char *policy_path, const struct texts *paths, bool json)
{
	static const struct catalogue no_catalogue;
	cleanup_arena struct arena arena = { 0 };
	struct input *network = ARENA_NEW(&arena, struct input), *catalogue = ARENA_NEW(&arena, struct input);
	struct input *policy = ARENA_NEW(&arena, struct input);
	const struct demand_spec **demands = NULL;
	struct totals totals;
	struct trial trial;
	size_t count = 0;
	int code = input_read_kind(network_path, FILE_NETWORK, &arena, network);

	if (catalogue_path && input_read_kind(catalogue_path, FILE_CATALOGUE, &arena, catalogue) != EXIT_OK)
		code = EXIT_FAILED;
	if (policy_path && input_read_kind(policy_path, FILE_POLICY, &arena, policy) != EXIT_OK)
		code = EXIT_FAILED;
	if (read_demands(paths, &arena, &demands, &count) != EXIT_OK || code != EXIT_OK)
		return EXIT_FAILED;
	trial_run(&trial, &network->file.network, catalogue_path ? &catalogue->file.catalogue : &no_catalogue,
		  policy_path ? &policy->file.policy : NULL, demands, count, &arena);
	sum_up(&trial, &arena, &totals);
	if (json) {
		print_json(&trial, &totals);
	} else {
		print_placements(&trial, &arena);
		print_reasons(&trial);
		print_totals(&trial, &totals);
	}
	trial_done(&trial);
	return EXIT_OK;
}

int cmd_match(int argc, char **argv)
{
	const char *network = NULL, *catalogue = NULL, *policy = NULL;
	cleanup_texts struct texts paths = { 0 };
	bool json = false;
	const struct cli_option options[] = {
		CLI_TEXT("network", 'n', &network, "FILE", "the network to place in"),
		CLI_TEXT("catalogue", 'c', &catalogue, "FILE", "the chip models; without it they match by name only"),
		CLI_TEXT("policy", 'p', &policy, "FILE", "weights, shares, quotas and the queue; without it the defaults"),
		CLI_TEXTS("demands", 'd', &paths, "FILE", "demands to place, as the FILEs after the options"),
		CLI_FLAG("json", 0, &json, "print one JSON object, for programs"),
	};
	cleanup_arguments struct cli_arguments arguments = { 0 };
	int code = cli_parse(argc, argv, &help, options, ARRAY_COUNT(options), &arguments);

	if (code >= 0)
		return code;
	for (size_t i = 0; i < arguments.words.count; i++)
		texts_add(&paths, arguments.words.items[i]);
	if (!network)
		return cli_usage_error("--network is missing: which network to place in");
	if (paths.count == 0)
		return cli_usage_error("no demands were given");
	return run(network, catalogue, policy, &paths, json);
}
