#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/rng.h"
#include "model/supply.h"

static struct chip_count mixed[] = { { "alpha", 2 }, { "beta", 1 }, { "alpha", 1 } };
static struct node_group groups[] = {
	{ .name = "train", .count = 3, .cpu_milli = 8000, .memory_mib = 4096, .chips = mixed, .chip_count = 3 },
	{ .name = "plain", .count = 2, .cpu_milli = 2000, .memory_mib = 1024 },
};

static void everything_is_free_at_first(void **state)
{
	struct supply supply;

	(void)state;
	supply_init(&supply, groups, 2);
	assert_int_equal(supply.group_count, 2);
	assert_string_equal(supply.groups[0].name, "train");
	assert_int_equal(supply.groups[0].chips_per_node, 4);
	assert_string_equal(supply.groups[0].chip_names[2], "beta");
	assert_ptr_equal(supply.groups[0].chip_names[0], supply.groups[0].chip_names[3]);
	assert_int_equal(supply.groups[0].cpu_free_total, 24000);
	assert_int_equal(supply.groups[0].memory_free_total, 3 * 4096);
	assert_int_equal(supply.groups[0].chips_free_total, 12);
	assert_int_equal(supply.groups[0].chip_milli_free_total, 12000);
	assert_int_equal(supply.groups[1].chips_free_total, 0);
	assert_true(supply_is_consistent(&supply));
	supply_done(&supply);
}

static void a_site_without_groups_is_a_site(void **state)
{
	struct supply supply;

	(void)state;
	supply_init(&supply, NULL, 0);
	assert_true(supply_is_consistent(&supply));
	supply_done(&supply);
}

static void what_is_taken_is_given_back(void **state)
{
	struct shape whole = { .cpu_milli = 3000, .memory_mib = 1000, .chips.milli = 2000 };
	struct shape share = { .cpu_milli = 500, .chips.milli = 300 };
	struct slot pair = { .group = 0, .node = 1, .chip_milli = 1000, .chips = 3 };
	struct slot part = { .group = 0, .node = 1, .chip_milli = 300, .chips = 4 };
	struct supply supply;

	(void)state;
	supply_init(&supply, groups, 2);
	supply_take(&supply, &pair, &whole);
	assert_false(supply_fits(&supply, &pair, &whole));
	supply_take(&supply, &part, &share);
	supply_take(&supply, &part, &share);
	supply_take(&supply, &part, &share);
	assert_false(supply_fits(&supply, &part, &share));
	assert_int_equal(supply.groups[0].chips_free_total, 9);
	assert_int_equal(supply.groups[0].chip_milli_free_total, 9100);
	assert_true(supply_is_consistent(&supply));
	supply_give(&supply, &pair, &whole);
	for (int i = 0; i < 3; i++)
		supply_give(&supply, &part, &share);
	assert_int_equal(supply.groups[0].chips_free_total, 12);
	assert_int_equal(supply.groups[0].cpu_free_total, 24000);
	assert_true(supply_is_consistent(&supply));
	supply_done(&supply);
}

static void further_resources_are_counted(void **state)
{
	struct countable has[] = { { "rdma", 2 }, { "licence", 1000000000 } }, want[] = { { "licence", 7 }, { "rdma", 1 } };
	struct node_group group = { .name = "g", .count = 3, .cpu_milli = 8000, .memory_mib = 4096, .chips = mixed, .chip_count = 3,
				    .resources = has, .resource_count = 2 };
	struct shape shape = { .cpu_milli = 1, .resources = want, .resource_count = 2 };
	struct slot slot = { .node = 2 };
	struct supply supply;

	(void)state;
	supply_init(&supply, &group, 1);
	assert_int_equal(supply.groups[0].resource_count, 2);
	assert_string_equal(supply.groups[0].resource_names[1], "licence");
	assert_int_equal(supply.groups[0].resource_free_total[1], INT64_C(3000000000));
	assert_int_equal(supply_group_resource(&supply.groups[0], "licence"), 1);
	assert_int_equal(supply_group_resource(&supply.groups[0], "other"), -1);
	supply_take(&supply, &slot, &shape);
	supply_take(&supply, &slot, &shape);
	assert_false(supply_fits(&supply, &slot, &shape));
	assert_int_equal(supply.groups[0].resource_free[2 * 2 + 1], 999999986);
	assert_int_equal(supply.groups[0].resource_free_total[0], 4);
	assert_true(supply_is_consistent(&supply));
	slot.node = 1;
	assert_true(supply_fits(&supply, &slot, &shape));
	want[0].name = "other";
	assert_false(supply_fits(&supply, &slot, &shape));
	want[0].name = "licence";
	slot.node = 2;
	supply_give(&supply, &slot, &shape);
	supply_give(&supply, &slot, &shape);
	assert_int_equal(supply.groups[0].resource_free_total[0], 6);
	assert_true(supply_is_consistent(&supply));
	supply.groups[0].resource_free[0]--;
	assert_false(supply_is_consistent(&supply));
	supply_done(&supply);
}

static void slots_that_make_no_sense_do_not_fit(void **state)
{
	struct shape none = { .cpu_milli = 100 };
	struct shape one = { .chips.milli = 1000 };
	struct slot bad_group = { .group = 2 };
	struct slot bad_node = { .group = 1, .node = 2 };
	struct slot bad_chip = { .group = 0, .chip_milli = 1000, .chips = 16 };
	struct slot too_many = { .group = 0, .chip_milli = 1000, .chips = 3 };
	struct slot unasked = { .group = 0, .chip_milli = 1000, .chips = 1 };
	struct supply supply;

	(void)state;
	supply_init(&supply, groups, 2);
	assert_false(supply_fits(&supply, &bad_group, &none));
	assert_false(supply_fits(&supply, &bad_node, &none));
	assert_false(supply_fits(&supply, &bad_chip, &one));
	assert_false(supply_fits(&supply, &too_many, &one));
	assert_false(supply_fits(&supply, &unasked, &none));
	supply_done(&supply);
}

/* The signal that ends a child which does `act` to a supply; 0 when it survives. */
static int signal_of(void (*act)(struct supply *supply))
{
	int status = 0;
	pid_t child = fork();

	if (child == 0) {
		struct supply supply;

		signal(SIGABRT, SIG_DFL);
		close(STDERR_FILENO);
		supply_init(&supply, groups, 2);
		act(&supply);
		supply_done(&supply);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void take_twice(struct supply *supply)
{
	struct shape shape = { .chips.milli = 1000 };
	struct slot slot = { .chip_milli = 1000, .chips = 1 };

	supply_take(supply, &slot, &shape);
	supply_take(supply, &slot, &shape);
}

static void give_untaken(struct supply *supply)
{
	struct shape shape = { .cpu_milli = 1 };
	struct slot slot = { .group = 1 };

	supply_give(supply, &slot, &shape);
}

static void take_once(struct supply *supply)
{
	struct shape shape = { .cpu_milli = 1 };
	struct slot slot = { .group = 1 };

	supply_take(supply, &slot, &shape);
}

static void giving_out_twice_aborts(void **state)
{
	(void)state;
	assert_int_equal(signal_of(take_once), 0);
	assert_int_equal(signal_of(take_twice), SIGABRT);
	assert_int_equal(signal_of(give_untaken), SIGABRT);
}

/* Random takes and gives: the totals stay the sums, and giving everything back ends where it began. */
static void totals_follow_the_nodes(void **state)
{
	enum { STEPS = 2000, KEPT = 64 };
	struct { struct slot slot; struct shape shape; } kept[KEPT];
	size_t count = 0;
	struct supply supply;
	struct rng rng;

	(void)state;
	rng_init(&rng, 7);
	supply_init(&supply, groups, 2);
	for (int i = 0; i < STEPS; i++) {
		struct shape shape = { .cpu_milli = (int64_t)rng_below(&rng, 3000), .memory_mib = (int64_t)rng_below(&rng, 600) };
		struct slot slot = { .group = (uint32_t)rng_below(&rng, 2) };

		slot.node = (uint32_t)rng_below(&rng, supply.groups[slot.group].node_count);
		if (slot.group == 0) {
			slot.chips = (uint64_t)1 << rng_below(&rng, 4);
			slot.chip_milli = (uint16_t)(1 + rng_below(&rng, 1000));
			shape.chips.milli = slot.chip_milli;
		}
		if (count < KEPT && supply_fits(&supply, &slot, &shape)) {
			supply_take(&supply, &slot, &shape);
			kept[count].slot = slot;
			kept[count++].shape = shape;
		} else if (count > 0) {
			size_t at = rng_below(&rng, count);

			supply_give(&supply, &kept[at].slot, &kept[at].shape);
			kept[at] = kept[--count];
		}
		assert_true(supply_is_consistent(&supply));
	}
	while (count > 0) {
		count--;
		supply_give(&supply, &kept[count].slot, &kept[count].shape);
	}
	assert_int_equal(supply.groups[0].chips_free_total, 12);
	assert_int_equal(supply.groups[1].memory_free_total, 2048);
	supply.groups[1].cpu_free_total++;
	assert_false(supply_is_consistent(&supply));
	supply_done(&supply);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(everything_is_free_at_first),
		cmocka_unit_test(a_site_without_groups_is_a_site),
		cmocka_unit_test(what_is_taken_is_given_back),
		cmocka_unit_test(further_resources_are_counted),
		cmocka_unit_test(slots_that_make_no_sense_do_not_fit),
		cmocka_unit_test(giving_out_twice_aborts),
		cmocka_unit_test(totals_follow_the_nodes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
