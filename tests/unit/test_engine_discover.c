/* Finding out what the machine has, with stand-ins for the NVIDIA driver's library and for vendors' tools. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "engine/discover.h"
#include "engine/folder.h"

int nvmlShutdown(void); /* of the stand-in: named here so that it is linked, and dlopen finds it loaded */

static struct arena arena;
static char tools[32];

static int setup(void **state)
{
	arena_init(&arena);
	snprintf(tools, sizeof(tools), "/tmp/weir-tools-XXXXXX");
	assert_non_null(mkdtemp(tools));
	setenv("PATH", tools, 1);
	setenv("FAKE_NVML", "none", 1);
	return nvmlShutdown();
}

static int teardown(void **state)
{
	arena_done(&arena);
	return tree_remove(AT_FDCWD, tools);
}

static void add_tool(const char *name, const char *script)
{
	char path[64];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", tools, name);
	file = fopen(path, "w");
	assert_non_null(file);
	fprintf(file, "#!/bin/sh\n%s\n", script);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(path, 0700), 0);
}

static void test_nothing_is_no_error(void **state)
{
	struct discovery found;

	discover(&arena, &found);
	assert_string_equal(found.machine.name, "machine");
	assert_int_equal(found.machine.count, 1);
	assert_int_equal(found.machine.chip_model_count, 0);
	assert_int_equal(found.note_count, 0);
	assert_true(found.machine.cpu_milli > 0);
	assert_true(found.machine.memory_mib > 0);
}

static void test_nvidia(void **state)
{
	struct discovery found;

	setenv("FAKE_NVML", "two", 1);
	discover(&arena, &found);
	assert_int_equal(found.machine.chip_model_count, 1);
	assert_string_equal(found.machine.chip_models[0], "h100");
	assert_int_equal(found.machine.chip_counts[0], 2);
	setenv("FAKE_NVML", "broken", 1);
	discover(&arena, &found);
	assert_int_equal(found.machine.chip_model_count, 0);
	assert_int_equal(found.note_count, 1);
	assert_string_equal(found.notes[0], "the NVIDIA driver's library does not start: Driver Not Loaded");
	setenv("FAKE_NVML", "mute", 1);
	discover(&arena, &found);
	assert_string_equal(found.notes[0], "the NVIDIA driver's library does not list its chips: Unknown Error");
}

static void test_tools(void **state)
{
	struct discovery found;

	setenv("FAKE_NVML", "two", 1);
	add_tool("npu-smi", "[ \"$*\" = 'info -m' ] && echo '0 0 0 Ascend 910B3' && echo '0 1 - Mcu'");
	add_tool("hy-smi", "echo '{\"card0\": {\"Card Series\": \"K100_AI\"}}'");
	add_tool("rocm-smi", "echo '{\"card0\": {\"Card Series\": \"K100_AI\"}}'");
	add_tool("mx-smi", "exit 1");
	discover(&arena, &found);
	assert_int_equal(found.machine.chip_model_count, 3);
	assert_string_equal(found.machine.chip_models[1], "ascend-910b");
	assert_int_equal(found.machine.chip_counts[1], 1);
	assert_string_equal(found.machine.chip_models[2], "dcu-k100-ai");
	assert_int_equal(found.machine.chip_counts[2], 1);
	assert_int_equal(found.devices[2], 0);
	assert_int_equal(found.note_count, 1);
	assert_string_equal(found.notes[0], "mx-smi is installed but lists no chips");
}

/* A tool that hangs is given up, and what it said until then counts. */
static void test_a_tool_that_hangs(void **state)
{
	int64_t begin_us = engine_boottime_us();
	struct discovery found;

	add_tool("npu-smi", "echo '0 0 0 Ascend 910B3'; exec /bin/sleep 3600");
	discover(&arena, &found);
	assert_int_equal(found.machine.chip_model_count, 1);
	assert_true(engine_boottime_us() - begin_us < INT64_C(60000000));
}

#define DISCOVER(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		DISCOVER(test_nothing_is_no_error),
		DISCOVER(test_nvidia),
		DISCOVER(test_tools),
		DISCOVER(test_a_tool_that_hangs),
	};

	return cmocka_run_group_tests_name("engine_discover", tests, NULL, NULL);
}
