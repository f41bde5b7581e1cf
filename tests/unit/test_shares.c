#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "base/mem.h"
#include "match/shares.h"

#define HOUR_US INT64_C(3600000000)
#define DAY_US (24 * HOUR_US)

static struct amounts chips(int64_t count)
{
	return (struct amounts){ .cpu_milli = count * 8000, .memory_mib = count * 65536, .chip_milli = count * 1000 };
}

static void the_lowest_share_over_weight_comes_first(void **state)
{
	struct tenant_spec tenants[] = { { .name = "one", .parent = "", .weight = 1 }, { .name = "three", .parent = "", .weight = 3 } };
	struct policy_spec policy;
	struct amounts all = chips(100), one_chip = chips(1);
	struct share_pick *pick;
	struct shares *shares;
	uint32_t one, three;
	int given[2] = { 0 };

	(void)state;
	policy_defaults(&policy);
	policy.tenants = tenants;
	policy.tenant_count = 2;
	shares = shares_new(&policy);
	shares_set_supply(shares, &all);
	one = shares_tenant(shares, "one");
	three = shares_tenant(shares, "three");
	pick = share_pick_new(shares, DAY_US);
	assert_int_equal(share_pick_next(pick), TENANT_NONE);
	share_pick_set(pick, one, true);
	share_pick_set(pick, three, true);
	for (int i = 0; i < 100; i++) {
		uint32_t next = share_pick_next(pick);

		given[next == three]++;
		share_pick_charge(pick, next, &one_chip);
	}
	assert_int_equal(given[0], 25);
	assert_int_equal(given[1], 75);
	share_pick_set(pick, one, false);
	share_pick_set(pick, three, false);
	assert_int_equal(share_pick_next(pick), TENANT_NONE);
	share_pick_free(pick);
	shares_free(shares);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_lowest_share_over_weight_comes_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
