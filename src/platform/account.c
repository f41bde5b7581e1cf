/* Who holds and used how much: the fair-share accounts (match/shares.h) as part of the state.
 *
 * A placement charges its tenant from the moment of its event to that of its end. The accounts are exact sums, so that
 * those rebuilt from a log, or from a snapshot's accounts with the current attempts charged again at the moment
 * they speak of, are the same bit for bit. Numbers of tenants follow from history and are in no record: names are.
 *
 * What all of the network has is kept up site by site: what the sites that are up report.
 */
#include <string.h>

#include "model/name.h"
#include "platform/snapshot.h"
#include "platform/state.h"

#define WHOLE_MAX (INT64_C(1) << 60) /* of all accounts of a snapshot together, by resource */

struct amounts attempt_amounts(const struct attempt *attempt)
{
	const struct class *class = attempt->demand->class;
	int64_t workers = class->kind == DEMAND_JOB ? class->workers : 1;

	return (struct amounts){ .cpu_milli = class->shape.cpu_milli * workers, .memory_mib = class->shape.memory_mib * workers,
				 .chip_milli = class->shape.chips.milli * workers };
}

void account_charge(struct platform *platform, const struct attempt *attempt, int64_t time_us)
{
	struct amounts amounts = attempt_amounts(attempt);

	shares_charge(platform->shares, shares_tenant(platform->shares, attempt->demand->tenant->text), &amounts, time_us);
	if (time_us > platform->shares_us)
		platform->shares_us = time_us;
}

void account_release(struct platform *platform, const struct attempt *attempt, int64_t time_us)
{
	struct amounts amounts = attempt_amounts(attempt);

	shares_release(platform->shares, shares_tenant(platform->shares, attempt->demand->tenant->text), &amounts, time_us);
	if (time_us > platform->shares_us)
		platform->shares_us = time_us;
}

/* --- what there is ------------------------------------------------------------------------------- */

struct amounts site_amounts(const struct site *site)
{
	struct amounts amounts = { 0 };

	if (site->index == SITE_NONE || site->condition != CONDITION_UP)
		return amounts;
	for (size_t g = 0; g < site->supply.group_count; g++) {
		const struct supply_group *group = &site->supply.groups[g];

		amounts.cpu_milli += group->cpu_milli * group->node_count;
		amounts.memory_mib += group->memory_mib * group->node_count;
		amounts.chip_milli += (int64_t)group->chips_per_node * group->node_count * CHIP_MILLI;
	}
	return amounts;
}

void account_site(struct platform *platform, struct site *site)
{
	struct amounts amounts = site_amounts(site), *total = &platform->supply_total;

	if (memcmp(&amounts, &site->counted, sizeof(amounts)) == 0)
		return;
	total->cpu_milli += amounts.cpu_milli - site->counted.cpu_milli;
	total->memory_mib += amounts.memory_mib - site->counted.memory_mib;
	total->chip_milli += amounts.chip_milli - site->counted.chip_milli;
	site->counted = amounts;
	shares_set_supply(platform->shares, total);
}

/* --- snapshots ----------------------------------------------------------------------------------- */

static int compare_names(const void *left, const void *right)
{
	return strcmp(((const struct account_body *)left)->name, ((const struct account_body *)right)->name);
}

void accounts_export(const struct platform *platform, struct arena *arena, struct snap_shares *ret)
{
	struct share_account *accounts;
	size_t count = shares_export(platform->shares, arena, &accounts);

	*ret = (struct snap_shares){ .at_us = platform->shares_us, .accounts = ARENA_ARRAY(arena, struct account_body, count + 1),
				     .account_count = count };
	for (size_t i = 0; i < count; i++) {
		struct account_body *body = &ret->accounts[i];

		body->name = accounts[i].name;
		for (int r = 0; r < 3; r++) {
			body->whole[r] = accounts[i].used[r].whole;
			body->part[r] = accounts[i].used[r].part;
		}
	}
	if (count > 1)
		qsort(ret->accounts, count, sizeof(*ret->accounts), compare_names);
}

static int accounts_check(const struct snap_shares *body, struct err *err)
{
	int64_t whole[3] = { 0 };

	if (body->at_us < 0)
		return err_set(err, -EINVAL, "accounts of a time that cannot be");
	for (size_t i = 0; i < body->account_count; i++)
		for (int r = 0; r < 3; r++) {
			const struct account_body *account = &body->accounts[i];

			if (account->whole[r] < 0 || account->whole[r] > WHOLE_MAX - whole[r] || account->part[r] < 0 ||
			    account->part[r] >= INT64_C(1) << 62 || strlen(account->name) > NAME_MAX_LENGTH)
				return err_set(err, -EINVAL, "an account that cannot be");
			whole[r] += account->whole[r];
		}
	return 0;
}

int accounts_import(struct platform *platform, const struct snap_shares *body, struct err *err)
{
	struct share_account *accounts;
	int code = platform->shares_us > 0 ? err_set(err, -EINVAL, "accounts after others") : accounts_check(body, err);

	if (code < 0)
		return code;
	accounts = mem_alloc((body->account_count + 1) * sizeof(*accounts));
	for (size_t i = 0; i < body->account_count; i++) {
		accounts[i].name = body->accounts[i].name;
		accounts[i].at_us = body->at_us;
		for (int r = 0; r < 3; r++)
			accounts[i].used[r] = (struct share_sum){ body->accounts[i].whole[r], body->accounts[i].part[r] };
	}
	shares_import(platform->shares, accounts, body->account_count);
	free(accounts);
	platform->shares_us = body->at_us;
	return 0;
}

/* In a snapshot from before there were accounts, those of its attempts begin with the latest of their placements. */
void accounts_charge_all(struct platform *platform)
{
	int64_t at_us = platform->shares_us;

	for (size_t i = 0; i < platform->site_count && platform->shares_us == 0; i++)
		for (size_t k = 0; k < platform->sites[i]->attempt_count; k++)
			if (platform->sites[i]->attempts[k]->placed_us > at_us)
				at_us = platform->sites[i]->attempts[k]->placed_us;
	for (size_t i = 0; i < platform->site_count; i++)
		for (size_t k = 0; k < platform->sites[i]->attempt_count; k++)
			account_charge(platform, platform->sites[i]->attempts[k], at_us);
}
