/* What engines read of other programs and of the kernel, from recorded output. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/mem.h"
#include "engine/attempt_key.h"
#include "engine/cgroup.h"
#include "engine/discover.h"
#include "engine/environment.h"

static struct arena arena;

static int setup(void **state)
{
	arena_init(&arena);
	return 0;
}

static int teardown(void **state)
{
	arena_done(&arena);
	return 0;
}

static void test_names(void **state)
{
	static const struct {
		const char *(*name)(const char *product, struct arena *arena);
		const char *product, *expected;
	} cases[] = {
		{ chip_name_nvidia, "NVIDIA H100 80GB HBM3", "h100" },
		{ chip_name_nvidia, "NVIDIA A100-SXM4-80GB", "a100" },
		{ chip_name_nvidia, "Tesla T4", "t4" },
		{ chip_name_nvidia, "NVIDIA L40S", "l40s" },
		{ chip_name_nvidia, "NVIDIA H20", "h20" },
		{ chip_name_nvidia, "NVIDIA GeForce RTX 4090", "rtx-4090" },
		{ chip_name_nvidia, "NVIDIA GeForce RTX 4090 D", "rtx-4090-d" },
		{ chip_name_nvidia, "Tesla V100-SXM2-32GB", "v100" },
		{ chip_name_nvidia, "", "unknown-chip" },
		{ chip_name_nvidia, "Some (new) thing!", "some-new-thing" },
		{ chip_name_ascend, "Ascend 910B3", "ascend-910b" },
		{ chip_name_ascend, "Ascend910_9391", "ascend-910c" },
		{ chip_name_ascend, "310P3", "ascend-310p" },
		{ chip_name_ascend, "Ascend910", "ascend-910" },
		{ chip_name_ascend, "Ascend", "ascend" },
		{ chip_name_rocm, "AMD Instinct MI300X", "mi300x" },
		{ chip_name_rocm, "AMD INSTINCT MI210 (MCM) OAM AC MBA", "mi210" },
		{ chip_name_rocm, "Radeon RX 7900 XTX", "radeon-rx-7900-xtx" },
		{ chip_name_hygon, "K100_AI", "dcu-k100-ai" },
		{ chip_name_hygon, "Z100L", "dcu-z100l" },
		{ chip_name_metax, "MXC500", "metax-c500" },
	};

	for (size_t i = 0; i < ARRAY_COUNT(cases); i++)
		assert_string_equal(cases[i].name(cases[i].product, &arena), cases[i].expected);
}

static void assert_chips(const struct chip_names *chips, const char *expected)
{
	cleanup_strbuf struct strbuf list = { 0 };

	for (size_t i = 0; i < chips->count; i++)
		strbuf_printf(&list, "%s%s", i ? " " : "", chips->names[i]);
	assert_string_equal(strbuf_text(&list), expected);
}

static void test_ascend(void **state)
{
	struct chip_names chips = { .count = 0 };

	chips_read_ascend("\tNPU ID                         Chip ID                        Chip Logic ID                  Chip Name        "
			  "             \n"
			  "\t0                              0                              0                              Ascend 910B3\n"
			  "\t0                              1                              -                              Mcu              "
			  "             \n"
			  "\t5                              0                              1                              Ascend 910B3\n"
			  "\t5                              1                              -                              Mcu              "
			  "             \n",
			  &arena, &chips);
	assert_chips(&chips, "ascend-910b ascend-910b");
	chips.count = 0;
	chips_read_ascend("NPU ID  Chip ID  Chip Logic ID  Chip Phy-ID Chip Name\r\n0 0 0 0 Ascend910_9391\r\n0 1 1 1 Ascend910_9391\r\n0 "
			  "2 - - Mcu\r\n",
			  &arena, &chips);
	assert_chips(&chips, "ascend-910c ascend-910c");
	chips.count = 0;
	chips_read_ascend("dcmi model initialized failed, because the device is used. ret is -8020\n", &arena, &chips);
	chips_read_ascend("", &arena, &chips);
	chips_read_ascend("1 2", &arena, &chips);
	chips_read_ascend("1 2 3", &arena, &chips);
	assert_chips(&chips, "");
}

static void test_rocm(void **state)
{
	struct chip_names chips = { .count = 0 };

	chips_read_rocm("{\"card0\": {\"Card Series\": \"AMD Instinct MI300X\", \"Card Model\": \"0x74a1\"},\n"
			" \"card1\": {\"Card series\": \"AMD Instinct MI300X\"}, \"card2\": {\"Card Model\": \"0x1\"}, \"system\": "
			"{\"Driver version\": \"6.7.0\"}}",
			chip_name_rocm, &arena, &chips);
	assert_chips(&chips, "mi300x mi300x unknown");
	chips.count = 0;
	/* hy-smi, with the commas that it forgets. */
	chips_read_rocm("{\"card0\": {\"Card Series\": \"K100_AI\" \"Card Vendor\": \"C-3000 IC Design Co., Ltd.\"} \"card1\": {\"Card "
			"Series\": \"K100_AI\"}}",
			chip_name_hygon, &arena, &chips);
	assert_chips(&chips, "dcu-k100-ai dcu-k100-ai");
	chips.count = 0;
	chips_read_rocm("", chip_name_rocm, &arena, &chips);
	chips_read_rocm("\"card", chip_name_rocm, &arena, &chips);
	chips_read_rocm("\"cardinal\": 1", chip_name_rocm, &arena, &chips);
	assert_chips(&chips, "");
	chips_read_rocm("\"card7\": {\"Card series\"", chip_name_rocm, &arena, &chips);
	assert_chips(&chips, "unknown");
}

static void test_metax(void **state)
{
	struct chip_names chips = { .count = 0 };

	chips_read_metax(
		"mx-smi  version: 2.1.6\n\n=================== MetaX System Management Interface Log ===================\n"
		"GPU#0    MXC500    0000:06:00.0    Available (UUID: GPU-1)\nGPU#1    MXC500    0000:07:00.0    Available (UUID: GPU-2)\n"
		"End of Log\nGPU#x  MXC500\nGPU#2\n",
		&arena, &chips);
	assert_chips(&chips, "metax-c500 metax-c500");
}

static void test_too_many_chips(void **state)
{
	cleanup_strbuf struct strbuf text = { 0 };
	struct chip_names chips = { .count = 0 };

	for (int i = 0; i < 200; i++)
		strbuf_printf(&text, "%d 0 %d Ascend 910B1\n", i, i);
	chips_read_ascend(strbuf_text(&text), &arena, &chips);
	assert_int_equal(chips.count, DISCOVERED_CHIPS_MAX);
}

/* The node's chips of one model come together; each keeps the number that its runtime knows it by. */
static void test_mixed_chips(void **state)
{
	struct chip_names chips = { { "h100", "t4", "h100", "ascend-910b", "t4" }, 5 };
	struct discovery found = { .machine = { .name = "machine", .count = 1 } };
	const int expected[] = { 0, 2, 1, 3, 0 };

	discovery_set_chips(&found, &chips, &arena);
	assert_int_equal(found.machine.chip_model_count, 3);
	assert_string_equal(found.machine.chip_models[0], "h100");
	assert_int_equal(found.machine.chip_counts[0], 2);
	assert_string_equal(found.machine.chip_models[2], "ascend-910b");
	assert_memory_equal(found.devices, expected, sizeof(expected));
}

static void test_quota(void **state)
{
	assert_int_equal(quota_cpu_milli("max 100000", " 100000"), 0);
	assert_int_equal(quota_cpu_milli("150000 100000\n", " 100000\n"), 1500);
	assert_int_equal(quota_cpu_milli("-1\n", "100000\n"), 0);
	assert_int_equal(quota_cpu_milli("", ""), 0);
}

static void test_cgroup_v2(void **state)
{
	struct cgroup_mount *mounts;
	size_t count = cgroup_parse(
		"25 30 0:23 / /sys rw,nosuid shared:7 - sysfs sysfs rw\n"
		"29 25 0:26 / /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime shared:9 - cgroup2 cgroup2 rw,nsdelegate\n",
		"0::/system.slice/weir-agent.service\n", &arena, &mounts);

	assert_int_equal(count, 1);
	assert_true(mounts[0].unified);
	assert_string_equal(mounts[0].folder, "/sys/fs/cgroup");
	assert_string_equal(mounts[0].own, "/system.slice/weir-agent.service");
}

static void test_cgroup_hybrid(void **state)
{
	struct cgroup_mount *mounts;
	size_t count = cgroup_parse("33 32 0:28 / /sys/fs/cgroup/unified rw shared:10 - cgroup2 cgroup2 rw\n"
				    "34 32 0:29 / /sys/fs/cgroup/systemd rw shared:11 - cgroup cgroup rw,xattr,name=systemd\n"
				    "35 32 0:30 / /sys/fs/cgroup/cpu,cpuacct rw shared:12 - cgroup cgroup rw,cpu,cpuacct\n"
				    "36 32 0:31 / /sys/fs/cgroup/memory rw shared:13 - cgroup cgroup rw,memory\n"
				    "37 32 0:32 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n",
				    "9:pids:/a\n5:memory:/b/c\n3:cpu,cpuacct:/\n1:name=systemd:/x\n0::/\n", &arena, &mounts);

	assert_int_equal(count, 4);
	assert_true(mounts[0].unified);
	assert_string_equal(mounts[0].own, "/");
	assert_string_equal(mounts[1].controllers, "cpu,cpuacct");
	assert_string_equal(mounts[1].own, "/");
	assert_string_equal(mounts[2].own, "/b/c");
	assert_string_equal(mounts[3].controllers, "pids");
	assert_string_equal(mounts[3].own, "/a");
	assert_int_equal(cgroup_parse("", "", &arena, &mounts), 0);
	assert_int_equal(cgroup_parse("1 2 3 / - cgroup2", "0::/", &arena, &mounts), 0);
	assert_int_equal(cgroup_parse("35 32 0:30 / /m rw - cgroup cgroup rw,cpu\n", "garbage\n", &arena, &mounts), 0);
}

static void test_key_names(void **state)
{
	const struct weir_attempt_key keys[] = { { 1, 0, 0 }, { 1, 2, 3 }, { UINT64_MAX, UINT32_MAX, UINT32_MAX } };
	const char *const bad[] = { "",
				    "making",
				    "0000000000001",
				    "0000000000001.1",
				    "0000000000001.1.1x",
				    "0000000000001.01.1",
				    "000000000000u.1.1",
				    "0000000000001.1.99999999999" };
	struct weir_attempt_key key;
	char name[KEY_NAME_BYTES];

	for (size_t i = 0; i < ARRAY_COUNT(keys); i++) {
		key_name(&keys[i], name);
		assert_int_equal(key_from_name(name, &key), 0);
		assert_int_equal(key_order(&keys[i], &key), 0);
	}
	for (size_t i = 0; i < ARRAY_COUNT(bad); i++)
		assert_int_equal(key_from_name(bad[i], &key), -EINVAL);
	assert_true(key_order(&keys[0], &keys[1]) < 0);
	assert_true(key_order(&keys[2], &keys[1]) > 0);
}

static void test_chip_variables(void **state)
{
	static const char *const cuda[] = { "a100", "h100",	"h20",	"h200",	      "l20",	 "l40s",
					    "t4",   "rtx-4090", "v100", "metax-c500", "bi-v100", "zhenwu-810e" };

	for (size_t i = 0; i < ARRAY_COUNT(cuda); i++)
		assert_string_equal(chip_variable(cuda[i]), "CUDA_VISIBLE_DEVICES");
	assert_string_equal(chip_variable("ascend-910b"), "ASCEND_RT_VISIBLE_DEVICES");
	assert_string_equal(chip_variable("mlu370-x8"), "MLU_VISIBLE_DEVICES");
	assert_string_equal(chip_variable("br104"), "SUPA_VISIBLE_DEVICES");
	assert_string_equal(chip_variable("mtt-s4000"), "MUSA_VISIBLE_DEVICES");
	assert_string_equal(chip_variable("dcu-k100"), "HIP_VISIBLE_DEVICES");
	assert_string_equal(chip_variable("mi300x"), "HIP_VISIBLE_DEVICES");
	assert_string_equal(chip_variable("kunlun-p800"), "XPU_VISIBLE_DEVICES");
	assert_string_equal(chip_variable("enflame-s60"), "TOPS_VISIBLE_DEVICES");
	assert_null(chip_variable("hanguang-800"));
	assert_null(chip_variable(""));
}

static const char *value_of(const struct environment *environment, const char *name)
{
	size_t length = strlen(name);

	for (size_t i = 0; i < environment->count; i++)
		if (strncmp(environment->items[i], name, length) == 0 && environment->items[i][length] == '=')
			return environment->items[i] + length + 1;
	return NULL;
}

static void test_environment(void **state)
{
	const struct weir_variable variables[] = { { "PATH", "/mine" }, { "WEIR_SITE", "elsewhere" }, { "A", "1" }, { "A", "2" } };
	const struct weir_worker worker = { .index = 2, .node = "big/17", .chip_model = "hanguang-800", .chips = 6, .chip_milli = 250 };
	const struct weir_worker bare = { .index = 0, .node = "none/0", .chip_model = "" };
	const struct environment_place place = { .site = "here", .tier = "edge", .region = "north" };
	const struct weir_start start = {
		.key = { 5, 1, 2 }, .name = "n", .environment = variables, .environment_count = 4, .workers_total = 4
	};
	struct environment environment = { .arena = &arena };

	environment_common(&environment, &start, "me", "/home/me");
	environment_worker(&environment, &start, &worker, &place, "/f");
	assert_string_equal(value_of(&environment, "PATH"), "/mine");
	assert_string_equal(value_of(&environment, "A"), "2");
	assert_string_equal(value_of(&environment, "HOME"), "/home/me");
	assert_string_equal(value_of(&environment, "WEIR_SITE"), "here");
	assert_string_equal(value_of(&environment, "WEIR_REPLICA"), "1");
	assert_string_equal(value_of(&environment, "WEIR_PROGRESS"), "/f/progress");
	assert_string_equal(value_of(&environment, "WEIR_CHIP_MILLI"), "250");
	/* A model that no table knows: whatever its runtime reads, it finds its chips. */
	assert_string_equal(value_of(&environment, "CUDA_VISIBLE_DEVICES"), "1,2");
	assert_string_equal(value_of(&environment, "TOPS_VISIBLE_DEVICES"), "1,2");
	for (size_t i = 0; i < environment.count; i++)
		for (size_t j = 0; j < i; j++)
			assert_true(strncmp(environment.items[i], environment.items[j], strcspn(environment.items[i], "=") + 1) != 0);
	environment_worker(&environment, &start, &bare, &place, "/f");
	assert_string_equal(value_of(&environment, "CUDA_VISIBLE_DEVICES"), "");
	assert_string_equal(value_of(&environment, "WEIR_CHIPS"), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),	  cmocka_unit_test(test_ascend),	 cmocka_unit_test(test_rocm),
		cmocka_unit_test(test_metax),	  cmocka_unit_test(test_too_many_chips), cmocka_unit_test(test_mixed_chips),
		cmocka_unit_test(test_quota),	  cmocka_unit_test(test_cgroup_v2),	 cmocka_unit_test(test_cgroup_hybrid),
		cmocka_unit_test(test_key_names), cmocka_unit_test(test_chip_variables), cmocka_unit_test(test_environment),
	};

	return cmocka_run_group_tests_name("engine_text", tests, setup, teardown);
}
