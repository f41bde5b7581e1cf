#include "share_queue.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"

static void split(const struct amounts *amounts, int64_t *values)
{
	values[0] = amounts->cpu_milli;
	values[1] = amounts->memory_mib;
	values[2] = amounts->chip_milli;
}

static void job_draw(struct share_queue *queue, struct queue_tenant *tenant)
{
	int64_t units = 1 + (int64_t)rng_below(&queue->rng, (uint64_t)tenant->units_max);
	double spread = log((double)tenant->time_max_us / (double)tenant->time_min_us);

	tenant->next = (struct amounts){ tenant->unit.cpu_milli * units, tenant->unit.memory_mib * units, tenant->unit.chip_milli * units };
	tenant->next_time_us = (int64_t)((double)tenant->time_min_us * exp(spread * (double)rng_below(&queue->rng, 1 << 20) / (1 << 20)));
}

void share_queue_init(struct share_queue *queue, uint64_t seed)
{
	rng_init(&queue->rng, seed);
	shares_set_supply(queue->shares, &queue->supply);
	split(&queue->supply, queue->free);
	for (size_t i = 0; i < queue->tenant_count; i++) {
		queue->tenants[i].number = shares_tenant(queue->shares, queue->tenants[i].name);
		job_draw(queue, &queue->tenants[i]);
	}
}

void share_queue_done(struct share_queue *queue)
{
	free(queue->jobs);
}

static void jobs_push(struct share_queue *queue, struct queue_job job)
{
	size_t place = queue->job_count;

	ARRAY_RESERVE(queue->jobs, queue->job_capacity, queue->job_count + 1);
	queue->job_count++;
	for (; place > 0 && queue->jobs[(place - 1) / 2].ends_us > job.ends_us; place = (place - 1) / 2)
		queue->jobs[place] = queue->jobs[(place - 1) / 2];
	queue->jobs[place] = job;
}

static struct queue_job jobs_pop(struct share_queue *queue)
{
	struct queue_job first = queue->jobs[0], last = queue->jobs[--queue->job_count];
	size_t place = 0;

	for (size_t child = 1; child < queue->job_count; child = place * 2 + 1) {
		if (child + 1 < queue->job_count && queue->jobs[child + 1].ends_us < queue->jobs[child].ends_us)
			child++;
		if (queue->jobs[child].ends_us >= last.ends_us)
			break;
		queue->jobs[place] = queue->jobs[child];
		place = child;
	}
	queue->jobs[place] = last;
	return first;
}

static void hold(struct share_queue *queue, struct queue_tenant *tenant, const struct amounts *amounts, int64_t sign)
{
	int64_t values[3];

	split(amounts, values);
	for (int r = 0; r < 3; r++) {
		tenant->held[r] += sign * values[r];
		queue->free[r] -= sign * values[r];
	}
}

static bool fits(const struct share_queue *queue, const struct amounts *amounts)
{
	return amounts->cpu_milli <= queue->free[0] && amounts->memory_mib <= queue->free[1] && amounts->chip_milli <= queue->free[2];
}

static size_t tenant_index(const struct share_queue *queue, uint32_t number)
{
	size_t i = 0;

	while (queue->tenants[i].number != number)
		i++;
	return i;
}

/* Decides on the pick first, and only then changes the shares, as a platform does. */
static void round_run(struct share_queue *queue)
{
	struct share_pick *pick = share_pick_new(queue->shares, queue->now_us);
	struct queue_job *placed = NULL;
	size_t placed_count = 0, placed_capacity = 0;

	for (size_t i = 0; i < queue->tenant_count; i++)
		share_pick_set(pick, queue->tenants[i].number, queue->now_us >= queue->tenants[i].from_us);
	for (uint32_t next; (next = share_pick_next(pick)) != TENANT_NONE; queue->picks++) {
		size_t index = tenant_index(queue, next);
		struct queue_tenant *tenant = &queue->tenants[index];

		if (share_pick_admit(pick, next, &tenant->next).code != VERDICT_FITS) {
			share_pick_set(pick, next, false);
			continue;
		}
		if (!fits(queue, &tenant->next))
			break;
		share_pick_charge(pick, next, &tenant->next);
		hold(queue, tenant, &tenant->next, 1);
		ARRAY_RESERVE(placed, placed_capacity, placed_count + 1);
		placed[placed_count++] = (struct queue_job){ queue->now_us + tenant->next_time_us, (uint32_t)index, tenant->next };
		job_draw(queue, tenant);
	}
	share_pick_free(pick);
	for (size_t i = 0; i < placed_count; i++) {
		shares_charge(queue->shares, queue->tenants[placed[i].tenant].number, &placed[i].amounts, queue->now_us);
		jobs_push(queue, placed[i]);
	}
	free(placed);
}

static void time_pass(struct share_queue *queue, int64_t to_us)
{
	for (size_t i = 0; i < queue->tenant_count; i++)
		for (int r = 0; r < 3; r++)
			queue->tenants[i].used[r] += (double)queue->tenants[i].held[r] * (double)(to_us - queue->now_us);
	queue->now_us = to_us;
}

void share_queue_run(struct share_queue *queue, int64_t until_us)
{
	for (;;) {
		int64_t next_us = until_us;

		round_run(queue);
		if (queue->job_count && queue->jobs[0].ends_us < next_us)
			next_us = queue->jobs[0].ends_us;
		for (size_t i = 0; i < queue->tenant_count; i++)
			if (queue->tenants[i].from_us > queue->now_us && queue->tenants[i].from_us < next_us)
				next_us = queue->tenants[i].from_us;
		time_pass(queue, next_us);
		while (queue->job_count && queue->jobs[0].ends_us <= queue->now_us) {
			struct queue_job job = jobs_pop(queue);

			shares_release(queue->shares, queue->tenants[job.tenant].number, &job.amounts, queue->now_us);
			hold(queue, &queue->tenants[job.tenant], &job.amounts, -1);
		}
		if (queue->now_us >= until_us)
			return;
	}
}

void share_queue_measure(struct share_queue *queue, double *ret_shares)
{
	double span = (double)(queue->now_us - queue->measured_us);
	int64_t supply[3];

	split(&queue->supply, supply);
	for (size_t i = 0; i < queue->tenant_count; i++) {
		ret_shares[i] = 0;
		for (int r = 0; r < 3; r++) {
			double share = supply[r] ? queue->tenants[i].used[r] / (double)supply[r] / span : 0;

			ret_shares[i] = share > ret_shares[i] ? share : ret_shares[i];
			queue->tenants[i].used[r] = 0;
		}
	}
	queue->measured_us = queue->now_us;
}

void share_queue_charge_again(struct share_queue *queue, int64_t at_us)
{
	shares_set_supply(queue->shares, &queue->supply);
	for (size_t i = 0; i < queue->tenant_count; i++)
		queue->tenants[i].number = shares_tenant(queue->shares, queue->tenants[i].name);
	for (size_t i = 0; i < queue->job_count; i++)
		shares_charge(queue->shares, queue->tenants[queue->jobs[i].tenant].number, &queue->jobs[i].amounts, at_us);
}
