/* The files that people write: what is taken, and the message for each thing that is wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "wire/files.h"

/* What is wrong with a text, "" when nothing is. */
static const char *read_file(struct arena *arena, const char *text, struct file *ret)
{
	cleanup_strbuf struct strbuf out = { 0 };
	struct problems problems;
	int code;

	problems_init(&problems, arena, "f");
	code = file_read_text(text, strlen(text), &problems, ret);
	assert_int_equal(code, problems.count ? -EINVAL : 0);
	problems_print(&problems, &out);
	return arena_strdup(arena, strbuf_text(&out));
}

static void assert_problems(const char *text, const char *expected)
{
	cleanup_arena struct arena arena = { 0 };
	struct file file, untouched;

	memset(&file, 0x5a, sizeof(file));
	memset(&untouched, 0x5a, sizeof(untouched));
	assert_string_equal(read_file(&arena, text, &file), expected);
	if (*expected)
		assert_memory_equal(&file, &untouched, sizeof(file));
}

static const char network_text[] = "network:\n"
				   "  name: china\n"
				   "  title: sample\n"
				   "  note: |\n"
				   "    Coordinates are real;\n"
				   "    capacities are made up.\n"
				   "  link_rule: {base: 2ms, us_per_km_milli: 10000, detour_permille: 1400}\n"
				   "  regions:\n"
				   "    - {name: guizhou, title: Guizhou \xe8\xb4\xb5\xe5\xb7\x9e}\n"
				   "  sites:\n"
				   "    - name: guian-hub\n"
				   "      tier: hub\n"
				   "      region: guizhou\n"
				   "      operator: west-compute\n"
				   "      latitude: 26.4068\n"
				   "      longitude: -106.6302\n"
				   "      engine: simulated\n"
				   "      power_limit: 60MW\n"
				   "      price: {core_hour: 0.05, gib_hour: 0.008, chip_hour: 4.2}\n"
				   "      groups:\n"
				   "        - {name: train, count: 512, cpu: 192, memory: 2TiB, chips: {ascend-910b: 8, h100: 2}}\n"
				   "        - {name: cpu, cpu: 1.5, memory: 512GiB}\n"
				   "    - {name: edge, tier: edge, region: guizhou, latitude: 0, longitude: 180}\n"
				   "  links:\n"
				   "    - {from: guian-hub, to: edge, rtt: 18ms, bandwidth: 400Gbit/s, price_per_gib: 0.002}\n";

static void assert_network(const struct network_spec *network)
{
	const struct site_spec *hub = &network->sites[0], *edge = &network->sites[1];

	assert_string_equal(network->name, "china");
	assert_string_equal(network->note, "Coordinates are real;\ncapacities are made up.\n");
	assert_string_equal(network->currency, "CNY");
	assert_int_equal(network->link_rule.base_us, 2000);
	assert_int_equal(network->link_rule.us_per_km_milli, 10000);
	assert_int_equal(network->link_rule.detour_permille, 1400);
	assert_string_equal(network->regions[0].title, "Guizhou \xe8\xb4\xb5\xe5\xb7\x9e");
	assert_int_equal(network->site_count, 2);
	assert_int_equal(hub->tier, TIER_HUB);
	assert_string_equal(hub->operator_name, "west-compute");
	assert_int_equal(hub->latitude_udeg, 26406800);
	assert_int_equal(hub->longitude_udeg, -106630200);
	assert_int_equal(hub->engine, ENGINE_SIMULATED);
	assert_int_equal(hub->power_limit_w, 60000000);
	assert_int_equal(hub->price.gib_hour_micro, 8000);
	assert_int_equal(hub->group_count, 2);
	assert_int_equal(hub->groups[0].cpu_milli, 192000);
	assert_int_equal(hub->groups[0].memory_mib, 2 << 20);
	assert_int_equal(hub->groups[0].chip_count, 2);
	assert_string_equal(hub->groups[0].chips[1].model, "h100");
	assert_int_equal(node_group_chips(&hub->groups[0]), 10);
	assert_int_equal(hub->groups[1].count, 1);
	assert_int_equal(hub->groups[1].cpu_milli, 1500);
	assert_int_equal(edge->engine, ENGINE_LOCAL);
	assert_int_equal(edge->longitude_udeg, 180000000);
	assert_int_equal(network->links[0].rtt_us, 18000);
	assert_int_equal(network->links[0].bandwidth_mbit, 400000);
	assert_int_equal(network->links[0].price_micro_per_gib, 2000);
}

static void test_network(void **state)
{
	cleanup_arena struct arena arena = { 0 };
	struct file file;

	assert_string_equal(read_file(&arena, network_text, &file), "");
	assert_int_equal(file.kind, FILE_NETWORK);
	assert_network(&file.network);
}

static void test_network_through_json_and_the_log(void **state)
{
	cleanup_arena struct arena arena = { 0 };
	cleanup_strbuf struct strbuf bytes = { 0 };
	struct network_spec network;
	struct file file;

	assert_string_equal(read_file(&arena, network_text, &file), "");
	schema_encode(&network_schema, &file.network, &bytes);
	assert_int_equal(schema_decode(&network_schema, bytes.data, bytes.length, &arena, &network, NULL), 0);
	assert_network(&network);
	for (int brief = 0; brief < 2; brief++) {
		cleanup_strbuf struct strbuf json = { 0 };
		struct file back;

		strbuf_puts(&json, "{\"network\":");
		schema_write_json(&network_schema, &network, brief, &json);
		strbuf_puts(&json, "}");
		assert_string_equal(read_file(&arena, json.data, &back), "");
		assert_network(&back.network);
	}
}

static void test_network_problems(void **state)
{
	assert_problems(
		"network:\n"
		"  name: China\n"
		"  currency: yuan\n"
		"  regions:\n"
		"    - name: guizhou\n"
		"  sites:\n"
		"    - {name: a, tier: hub, region: guizhou, latitude: 91, longitude: 0, regoin: x}\n"
		"    - {name: b, tier: hubb, region: guizhou, latitude: 1}\n"
		"    - {name: c, tier: hub, region: guizhou, latitude: 1, longitude: 1, groups: [{name: g, cpu: 0, memory: 64GB}]}\n",
		"f:2:9: network.name: is \"China\", expected a name: 1 to 63 lower-case letters, digits, '-', '.', '_', a letter or digit "
		"at both ends\n"
		"f:3:13: network.currency: is \"yuan\", expected a currency's three letters such as CNY\n"
		"f:7:55: network.sites[0].latitude: is 91, expected degrees such as 39.9042 or -3.5, with at most 6 decimals, from -90 to "
		"90\n"
		"f:7:73: network.sites[0]: unknown key \"regoin\", did you mean \"region\"?\n"
		"f:8:23: network.sites[1].tier: is \"hubb\", expected one of hub, regional, edge, did you mean \"hub\"?\n"
		"f:8:7: network.sites[1].longitude: is missing, expected degrees such as 39.9042 or -3.5, with at most 6 decimals, from "
		"-180 to 180\n"
		"f:9:96: network.sites[2].groups[0].cpu: is 0, expected a number of cores such as 2, 1.5 or 500m, from 1m to 1000000\n"
		"f:9:107: network.sites[2].groups[0].memory: is \"64GB\", expected a memory size such as 512MiB, 64GiB or 2TiB\n");
}

static void test_network_references(void **state)
{
	assert_problems("network:\n"
			"  name: n\n"
			"  regions: [{name: guizhou}, {name: gansu}, {name: gansu}]\n"
			"  sites:\n"
			"    - {name: a, tier: hub, region: guizou, latitude: 1, longitude: 1}\n"
			"    - {name: b, tier: hub, region: gansu, latitude: 1, longitude: 1}\n"
			"    - {name: a, tier: hub, region: tibet, latitude: 1, longitude: 1}\n"
			"  links:\n"
			"    - {from: a, to: b, rtt: 1ms}\n"
			"    - {from: b, to: a, rtt: 1ms}\n"
			"    - {from: a, to: a, rtt: 1ms}\n"
			"    - {from: a, to: nowhere, rtt: 1ms}\n",
			"f:3:52: network.regions[2].name: \"gansu\" is there already, as regions[1]; expected different names\n"
			"f:7:14: network.sites[2].name: \"a\" is there already, as sites[0]; expected different names\n"
			"f:5:36: network.sites[0].region: there is no region \"guizou\", did you mean \"guizhou\"?\n"
			"f:7:36: network.sites[2].region: there is no region \"tibet\", expected one of the network's\n"
			"f:11:21: network.links[2].to: is where the link begins, expected another site\n"
			"f:12:21: network.links[3].to: there is no site \"nowhere\", expected one of the network's\n"
			"f:10:7: network.links[1]: links a and b as links[0] does, expected one link between two sites\n");
}

/* What is wrong between values is told with what is wrong in them, and nothing that only follows from that. */
static void test_references_beside_other_problems(void **state)
{
	assert_problems("network:\n"
			"  name: n\n"
			"  regions: [{name: guizhou}]\n"
			"  sites:\n"
			"    - {name: a, tier: hubb, region: guizou, latitude: 1, longitude: 1}\n"
			"    - {tier: hub, region: guizhou, latitude: 1, longitude: 1}\n"
			"    - {name: a, tier: hub, region: 'No', latitude: 1, longitude: 1}\n"
			"  links:\n"
			"    - {to: nowhere, rtt: 1ms}\n"
			"    - {rtt: 1ms}\n"
			"    - {rtt: 1ms}\n",
			"f:5:23: network.sites[0].tier: is \"hubb\", expected one of hub, regional, edge, did you mean \"hub\"?\n"
			"f:6:7: network.sites[1].name: is missing, expected a name\n"
			"f:7:36: network.sites[2].region: is \"No\", expected a name: 1 to 63 lower-case letters, digits, '-', '.', '_', a "
			"letter or digit at both ends\n"
			"f:9:7: network.links[0].from: is missing, expected a site's name\n"
			"f:10:7: network.links[1].from: is missing, expected a site's name\n"
			"f:10:7: network.links[1].to: is missing, expected a site's name\n"
			"f:11:7: network.links[2].from: is missing, expected a site's name\n"
			"f:11:7: network.links[2].to: is missing, expected a site's name\n"
			"f:7:14: network.sites[2].name: \"a\" is there already, as sites[0]; expected different names\n"
			"f:5:37: network.sites[0].region: there is no region \"guizou\", did you mean \"guizhou\"?\n"
			"f:9:12: network.links[0].to: there is no site \"nowhere\", expected one of the network's\n");
	assert_problems("network: {name: n, regions: 5, sites: [{name: a, tier: hub, region: b, latitude: 1, longitude: 1}]}\n",
			"f:1:29: network.regions: is 5, expected a list\n");
	assert_problems("demands:\n- {name: a, kind: z, command: [x]}\n- {name: a, command: [x]}\n",
			"f:2:19: demands[0].kind: is \"z\", expected one of job, service\n"
			"f:3:10: demands[1].name: \"a\" is there already, as demands[0]; expected different names\n");
}

static void test_groups(void **state)
{
	assert_problems(
		"network:\n"
		"  name: n\n"
		"  regions: [{name: r}]\n"
		"  sites:\n"
		"    - {name: a, tier: hub, region: r, latitude: 1, longitude: 1, engine: simulated}\n"
		"    - name: b\n"
		"      tier: hub\n"
		"      region: r\n"
		"      latitude: 1\n"
		"      longitude: 1\n"
		"      groups:\n"
		"        - {name: g, cpu: 1, memory: 1GiB, chips: {x: 60, y: 5}}\n"
		"        - {name: g, cpu: 1, memory: 1GiB, chips: {x: 0}}\n"
		"    - {name: c, tier: hub, region: r, latitude: 1, longitude: 1, groups: [{name: g, cpu: 1, memory: 1GiB},\n"
		"       {name: g, cpu: 1, memory: 1GiB}]}\n",
		"f:5:7: network.sites[0].groups: is missing, expected a list of node groups: a simulated site has no machine to ask\n"
		"f:12:50: network.sites[1].groups[0].chips: has 65 chips in one node, expected at most 64\n"
		"f:13:54: network.sites[1].groups[1].chips.x: is 0, expected a whole number from 1 to 64\n"
		"f:15:15: network.sites[2].groups[1].name: \"g\" is there already, as groups[0]; expected different names\n");
}

static void test_catalogue(void **state)
{
	static const char text[] = "catalogue:\n"
				   "  models:\n"
				   "    - name: ascend-910b\n"
				   "      title: Ascend 910B\n"
				   "      vendor: Huawei\n"
				   "      origin: domestic\n"
				   "      memory: 64GiB\n"
				   "      memory_bandwidth: 12800Gbit/s\n"
				   "      power: 400W\n"
				   "      throughput: {fp16: 320T, int8: 0.64P}\n"
				   "      software: [cann, torch-npu]\n"
				   "      review: {state: passed, by: sample-authority, since: 2026-01-31}\n"
				   "      sources:\n"
				   "        - {figure: throughput.fp16, source: \"https://example.org/\"}\n";
	cleanup_arena struct arena arena = { 0 };
	const struct chip_model *model;
	struct file file;

	assert_string_equal(read_file(&arena, text, &file), "");
	assert_int_equal(file.kind, FILE_CATALOGUE);
	model = catalogue_find(&file.catalogue, "ascend-910b");
	assert_int_equal(model->memory_mib, 65536);
	assert_int_equal(model->bandwidth_mbit, 12800000);
	assert_int_equal(chip_model_throughput(model, FORMAT_INT8), 640000);
	assert_int_equal(model->review.state, REVIEW_PASSED);
	assert_string_equal(model->review.since, "2026-01-31");
	assert_string_equal(model->software[1], "torch-npu");
	assert_string_equal(model->sources[0].figure, "throughput.fp16");
	assert_problems(
		"catalogue:\n"
		"  models:\n"
		"    - {name: a, vendor: \"\", origin: lunar, throughput: {fp17: 1T, fp16: 1}, review: {since: 2026-02-29}}\n"
		"    - {name: a, vendor: v, origin: foreign, sources: [{figure: memroy, source: x}]}\n",
		"f:3:25: catalogue.models[0].vendor: is empty, expected a text\n"
		"f:3:37: catalogue.models[0].origin: is \"lunar\", expected one of domestic, foreign\n"
		"f:3:57: catalogue.models[0].throughput.fp17: unknown key, expected one of fp64, fp32, tf32, bf16, fp16, fp8, int8, int4, "
		"did you mean \"fp16\"?\n"
		"f:3:73: catalogue.models[0].throughput.fp16: is 1, expected a number of operations a second such as 320T, 1.2P or 500G\n"
		"f:3:93: catalogue.models[0].review.since: is \"2026-02-29\", expected a date such as 2026-01-31\n"
		"f:3:85: catalogue.models[0].review.state: is missing, expected one of none, pending, passed, revoked\n"
		"f:4:64: catalogue.models[1].sources[0].figure: is \"memroy\", expected the key of a figure such as memory, power or "
		"throughput.fp16, did you mean \"memory\"?\n"
		"f:4:14: catalogue.models[1].name: \"a\" is there already, as models[0]; expected different names\n");
	assert_problems("catalogue: {models: [{name: a, vendor: v, origin: foreign}, {name: a, vendor: v, origin: foreign}]}\n",
			"f:1:68: catalogue.models[1].name: \"a\" is there already, as models[0]; expected different names\n");
	assert_problems("catalogue: {models: []}\n", "f:1:21: catalogue.models: has 0 entries, expected at least 1\n");
}

static const char demand_text[] = "demand:\n"
				  "  name: compress-logs\n"
				  "  title: Compress a log file with gzip\n"
				  "  kind: job\n"
				  "  tenant: lab-a\n"
				  "  priority: 200\n"
				  "  preemptible: true\n"
				  "  workers: 4\n"
				  "  shape:\n"
				  "    cpu: 500m\n"
				  "    memory: 256MiB\n"
				  "    chips:\n"
				  "      count: 250m\n"
				  "      models: [h100, ascend-910b, h100]\n"
				  "      needs: {memory: 32GiB, throughput: {fp16: 100T}, software: cann}\n"
				  "  command: [sh, -c, \"gzip -9 < /usr/share/dict/words | wc -c\", 5]\n"
				  "  environment: {LEVEL: 9, EMPTY: \"\"}\n"
				  "  working_folder: /tmp\n"
				  "  time_limit: 10m\n"
				  "  grace: 5s\n"
				  "  attempts: 4\n"
				  "  on_site_loss: requeue\n"
				  "  where:\n"
				  "    tiers: [regional, hub]\n"
				  "    regions: [guizhou]\n"
				  "    near: {latitude: 0, longitude: 116.4, within: 20ms}\n"
				  "  rules: {domestic_only: true, clearance: true, residency: [guizhou]}\n"
				  "  data:\n"
				  "    - {name: corpus, size: 2TiB, site: guian-hub, residency: [sichuan, guizhou]}\n"
				  "  simulate: {duration: 90s, exit_code: 3}\n"
				  "  expect: timed-out\n";

static void assert_demand(const struct demand_spec *demand)
{
	const struct ask *ask = &demand->ask;

	assert_string_equal(demand->name, "compress-logs");
	assert_string_equal(demand->tenant, "lab-a");
	assert_int_equal(ask->kind, DEMAND_JOB);
	assert_int_equal(ask->priority, 200);
	assert_true(ask->preemptible);
	assert_true(ask->simulated);
	assert_int_equal(ask->workers, 4);
	assert_int_equal(ask->shape.cpu_milli, 500);
	assert_int_equal(ask->shape.memory_mib, 256);
	assert_int_equal(ask->shape.chips.milli, 250);
	assert_int_equal(ask->shape.chips.model_count, 2);
	assert_string_equal(ask->shape.chips.models[0], "ascend-910b");
	assert_int_equal(ask->shape.chips.needs.memory_mib, 32768);
	assert_int_equal(ask->shape.chips.needs.throughputs[0].gops, 100000);
	assert_string_equal(ask->shape.chips.needs.software[0], "cann");
	assert_int_equal(demand->command_count, 4);
	assert_string_equal(demand->command[3], "5");
	assert_int_equal(demand->environment_count, 2);
	assert_string_equal(demand->environment[0].name, "LEVEL");
	assert_string_equal(demand->environment[0].value, "9");
	assert_string_equal(demand->environment[1].value, "");
	assert_int_equal(demand->time_limit_us, 600000000);
	assert_int_equal(demand->grace_us, 5000000);
	assert_int_equal(demand->attempts_max, 4);
	assert_int_equal(demand->on_site_loss, LOSS_REQUEUE);
	assert_int_equal(ask->where.tiers[0], TIER_HUB);
	assert_true(ask->where.near->has_coordinates);
	assert_int_equal(ask->where.near->latitude_udeg, 0);
	assert_int_equal(ask->where.near->longitude_udeg, 116400000);
	assert_string_equal(ask->where.near->site, "");
	assert_true(ask->rules.domestic_only && ask->rules.clearance);
	assert_int_equal(ask->data[0].size_mib, 2 << 20);
	assert_string_equal(ask->data[0].residency[0], "guizhou");
	assert_int_equal(demand->simulate->duration_us, 90000000);
	assert_int_equal(demand->simulate->exit_code, 3);
	assert_int_equal(demand->expect, EXPECT_TIMED_OUT);
}

static void test_demand(void **state)
{
	cleanup_arena struct arena arena = { 0 };
	cleanup_strbuf struct strbuf bytes = { 0 }, json = { 0 };
	struct demand_spec back;
	struct problems problems;
	struct file file;
	struct doc *doc;

	assert_string_equal(read_file(&arena, demand_text, &file), "");
	assert_int_equal(file.kind, FILE_DEMANDS);
	assert_int_equal(file.demand_count, 1);
	assert_demand(&file.demands[0]);
	schema_encode(&demand_schema, &file.demands[0], &bytes);
	assert_int_equal(schema_decode(&demand_schema, bytes.data, bytes.length, &arena, &back, NULL), 0);
	assert_demand(&back);
	for (int brief = 0; brief < 2; brief++) {
		strbuf_reset(&json);
		schema_write_json(&demand_schema, &back, brief, &json);
		assert_int_equal(doc_parse_json(json.data, json.length, &doc_limits_request, &arena, &doc, NULL), 0);
		problems_init(&problems, &arena, "");
		assert_int_equal(demand_read(doc, &problems, &back), 0);
		assert_demand(&back);
	}
}

static void test_demand_defaults(void **state)
{
	cleanup_arena struct arena arena = { 0 };
	const struct demand_spec *demand;
	struct file file;

	assert_string_equal(read_file(&arena, "demand: {name: d, command: [\"true\"], shape: {chips: 2}}", &file), "");
	demand = &file.demands[0];
	assert_int_equal(demand->ask.kind, DEMAND_JOB);
	assert_int_equal(demand->ask.workers, 1);
	assert_int_equal(demand->ask.priority, PRIORITY_DEFAULT);
	assert_false(demand->ask.simulated);
	assert_int_equal(demand->ask.shape.cpu_milli, 1000);
	assert_int_equal(demand->ask.shape.memory_mib, 1024);
	assert_int_equal(demand->ask.shape.chips.milli, 2000);
	assert_null(demand->ask.where.near);
	assert_int_equal(demand->grace_us, 10000000);
	assert_int_equal(demand->attempts_max, 3);
	assert_int_equal(demand->on_site_loss, LOSS_WAIT);
	assert_int_equal(demand->expect, EXPECT_NONE);
	assert_string_equal(demand->tenant, "");
}

static void test_demand_rules(void **state)
{
	static const char *const cases[][2] = {
		{ "kind: service, command: [x], time_limit: 5m",
		  "f:1:60: demand.time_limit: belongs to jobs, expected none: a service stays up until it is cancelled\n" },
		{ "kind: job",
		  "f:1:9: demand.command: is missing, expected a list of words such as [sh, -c, \"echo hello\"], or simulate for "
		  "simulated sites\n" },
		{ "command: [\"\"]", "f:1:28: demand.command: begins with an empty word, expected a program's name\n" },
		{ "command: echo hello",
		  "f:1:28: demand.command: is \"echo hello\", expected a list of words such as [sh, -c, \"echo hello\"]\n" },
		{ "command: [x], where: {near: {within: 5ms}}",
		  "f:1:47: demand.where.near.site: is missing, expected a site's name, or latitude and longitude\n" },
		{ "command: [x], where: {near: {latitude: 5, within: 5ms}}",
		  "f:1:47: demand.where.near.longitude: is missing, expected both coordinates\n" },
		{ "command: [x], where: {near: {site: a, latitude: 5, longitude: 5, within: 5ms}}",
		  "f:1:54: demand.where.near.site: stands beside coordinates, expected one or the other\n" },
		{ "command: [x], where: {near: {site: a}}",
		  "f:1:47: demand.where.near.within: is missing, expected a duration such as 30s, 10m, 2h or 1h30m, from 1us to 1m\n" },
		{ "command: [x], environment: {9A: b, WEIR_SITE: c}",
		  "f:1:47: demand.environment.9A: is no name of a variable, expected letters, digits and '_', no digit first, at most 255\n"
		  "f:1:54: demand.environment.WEIR_SITE: is set by weir itself, expected a name that does not begin with WEIR_\n" },
		{ "command: [x], workers: 0", "f:1:42: demand.workers: is 0, expected a whole number from 1 to 100000\n" },
		{ "command: [x], shape: {cpu: 0}",
		  "f:1:46: demand.shape.cpu: is 0, expected a number of cores such as 2, 1.5 or 500m, from 1m to 1000000\n" },
		{ "command: [x], shape: {chips: 1.5}",
		  "f:1:48: demand.shape.chips.count: is neither whole chips nor a share of one, expected such as 2, 0.25 or 250m\n" },
		{ "command: [x], shape: {chips: {count: 65}}",
		  "f:1:56: demand.shape.chips.count: is 65, expected a number of chips such as 2, 0.25 or 250m, from 0 to 64\n" },
		{ "command: [x], shape: {chips: {models: [a]}}", "f:1:48: demand.shape.chips.count: is missing, but models or needs are "
								 "given; expected a number of chips such as 1 or 0.25\n" },
		{ "command: [x], shape: {chips: [1]}",
		  "f:1:48: demand.shape.chips: is a list, expected a map with count, models, needs\n" },
		{ "command: [x], working_folder: tmp",
		  "f:1:49: demand.working_folder: is \"tmp\", expected an absolute path such as /tmp\n" },
		{ "command: [x], data: [{name: a, site: s}, {name: a, site: t}]",
		  "f:1:67: demand.data[1].name: \"a\" is there already, as data[0]; expected different names\n" },
		{ "command: [x], priority: 1001", "f:1:43: demand.priority: is 1001, expected a whole number from 0 to 1000\n" },
		{ "command: [x], simulated: true", "f:1:33: demand: unknown key \"simulated\", did you mean \"simulate\"?\n" },
	};

	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		cleanup_arena struct arena arena = { 0 };
		struct file file;

		assert_string_equal(read_file(&arena, arena_printf(&arena, "demand: {name: d, %s}\n", cases[i][0]), &file), cases[i][1]);
	}
}

static void test_several_demands(void **state)
{
	cleanup_arena struct arena arena = { 0 };
	struct file file;

	assert_string_equal(read_file(&arena, "demands:\n- {name: a, command: [x]}\n- {name: b, command: [x]}\n", &file), "");
	assert_int_equal(file.demand_count, 2);
	assert_string_equal(file.demands[1].name, "b");
	assert_problems("demands:\n- {name: a, command: [x]}\n- {name: a, command: [x]}\n",
			"f:3:10: demands[1].name: \"a\" is there already, as demands[0]; expected different names\n");
	assert_problems("demands: []\n", "f:1:10: demands: has 0 entries, expected at least 1\n");
	assert_problems("demands: 5\n", "f:1:10: demands: is 5, expected a list\n");
}

static void test_top_keys(void **state)
{
	assert_problems("[]", "f:1:1: the file is no map, expected one of network, catalogue, demand, demands, policy\n");
	assert_problems("{}", "f:1:1: the file holds nothing, expected one of network, catalogue, demand, demands, policy\n");
	assert_problems("", "f:1:1: the text is empty, expected a map\n");
	assert_problems("netwrok: {}\n", "f:1:1: unknown key \"netwrok\", did you mean \"network\"?\n");
	assert_problems("zzz: {}\n", "f:1:1: unknown key \"zzz\", expected one of network, catalogue, demand, demands, policy\n");
	assert_problems("demand: {}\nnetwork: {}\n", "f:2:1: \"network\" stands beside \"demand\", expected one of them in a file\n");
	assert_problems("demand:\n",
			"f:1:8: demand: is empty, expected a map with name, title, tenant, kind, workers, shape, priority, preemptible, "
			"where, rules, data, price_limit, command, environment, working_folder, time_limit, deadline, after, array, grace, "
			"attempts, on_site_loss, simulate, expect\n");
}

static void test_json_files(void **state)
{
	cleanup_arena struct arena arena = { 0 };
	struct file file;

	/* places are kept where YAML's reader takes the text */
	assert_problems("{\"demand\": {\"name\": \"a\",\n \"comand\": [\"x\"]}}",
			"f:2:2: demand: unknown key \"comand\", did you mean \"command\"?\n"
			/* and the check is left out, since a key was wrong */);
	/* surrogate pairs and tabs are JSON's only */
	assert_string_equal(
		read_file(&arena, "{\n\t\"demand\": {\"name\": \"a\", \"title\": \"\\ud83d\\ude00\", \"command\": [\"x\"]}}", &file), "");
	assert_string_equal(file.demands[0].title, "\xf0\x9f\x98\x80");
	/* YAML would make a space of these (found by fuzz_yaml) */
	assert_string_equal(
		read_file(&arena, "{\"demand\": {\"name\": \"a\", \"command\": [\"x\xc2\x85y\xe2\x80\xa8z\xe2\x80\xa9\"]}}", &file), "");
	assert_string_equal(file.demands[0].command[0], "x\xc2\x85y\xe2\x80\xa8z\xe2\x80\xa9");
	assert_problems("{\"demand\": {\"name\": \"a\",}", "f:1:25: not valid JSON: string or '}' expected near '}'\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_network),		 cmocka_unit_test(test_network_through_json_and_the_log),
		cmocka_unit_test(test_network_problems), cmocka_unit_test(test_network_references),
		cmocka_unit_test(test_references_beside_other_problems),
		cmocka_unit_test(test_groups),		 cmocka_unit_test(test_catalogue),
		cmocka_unit_test(test_demand),		 cmocka_unit_test(test_demand_defaults),
		cmocka_unit_test(test_demand_rules),	 cmocka_unit_test(test_several_demands),
		cmocka_unit_test(test_top_keys),	 cmocka_unit_test(test_json_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
