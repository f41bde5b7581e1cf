/* The event log in memory: for tests and for networks that need not outlive their process. It keeps the
 * same rules as the others, apart from outliving anything. */
#include <string.h>

#include "base/mem.h"
#include "store/store.h"

struct record_list {
	struct record *records; /* payloads are owned */
	size_t count, capacity;
};

struct snapshot {
	uint64_t sequence; /* 0: there is none */
	uint8_t hash[32];
	struct record_list list;
};

struct memory_store {
	struct store store;
	uint64_t first; /* sequence of log.records[0], if there is one */
	struct record_list log;
	struct snapshot complete;
	struct snapshot building;
};

static void list_done(struct record_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		free((void *)list->records[i].payload);
	free(list->records);
	*list = (struct record_list){ 0 };
}

static void list_add(struct record_list *list, const struct record *record, uint64_t sequence)
{
	struct record copy = *record;

	copy.sequence = sequence;
	copy.payload = mem_dup(record->payload_length > 0 ? record->payload : "", record->payload_length);
	ARRAY_RESERVE(list->records, list->capacity, list->count + 1);
	list->records[list->count++] = copy;
}

static struct memory_store *memory(struct store *store)
{
	return (struct memory_store *)store;
}

static uint64_t log_last(const struct memory_store *m)
{
	return m->first + m->log.count - 1;
}

static void memory_close(struct store *store)
{
	struct memory_store *m = memory(store);

	list_done(&m->log);
	list_done(&m->complete.list);
	list_done(&m->building.list);
	free(m);
}

static int check_sizes(const struct record *records, size_t count, struct err *err)
{
	for (size_t i = 0; i < count; i++)
		if (records[i].payload_length > STORE_PAYLOAD_MAX)
			return err_set(err, -E2BIG, "a record has %zu bytes, at most %u fit", records[i].payload_length, STORE_PAYLOAD_MAX);
	return 0;
}

static int memory_append(struct store *store, const struct record *records, size_t count, struct err *err)
{
	struct memory_store *m = memory(store);
	uint64_t last = log_last(m);

	for (size_t i = 0; i < count; i++)
		if (records[i].sequence != last + 1 + i)
			return err_set(err, -EINVAL, "record %llu cannot follow record %llu", (unsigned long long)records[i].sequence,
				       (unsigned long long)(last + i));
	if (check_sizes(records, count, err) < 0)
		return -E2BIG;
	for (size_t i = 0; i < count; i++)
		list_add(&m->log, &records[i], records[i].sequence);
	return 0;
}

static int memory_read(struct store *store, uint64_t after, size_t count_max, record_visit visit, void *context, struct err *err)
{
	struct memory_store *m = memory(store);

	if (after >= log_last(m))
		return 0;
	if (after + 1 < m->first)
		return err_set(err, -ENODATA, "records up to %llu were trimmed away", (unsigned long long)(m->first - 1));
	for (size_t i = after + 1 - m->first, seen = 0; i < m->log.count && (count_max == 0 || seen < count_max); i++, seen++) {
		int code = visit(context, &m->log.records[i], err);

		if (code != 0)
			return code;
	}
	return 0;
}

static int memory_last(struct store *store, uint64_t *ret_first, uint64_t *ret_last, struct err *err)
{
	*ret_first = memory(store)->first;
	*ret_last = log_last(memory(store));
	return 0;
}

static int memory_snapshot_begin(struct store *store, uint64_t sequence, struct err *err)
{
	struct memory_store *m = memory(store);

	if (sequence == 0 || sequence < m->complete.sequence)
		return err_set(err, -EINVAL, "a snapshot at %llu would be older than the one at %llu", (unsigned long long)sequence,
			       (unsigned long long)m->complete.sequence);
	list_done(&m->building.list);
	m->building.sequence = sequence;
	return 0;
}

static int memory_snapshot_add(struct store *store, const struct record *records, size_t count, struct err *err)
{
	struct memory_store *m = memory(store);

	if (m->building.sequence == 0)
		return err_set(err, -EINVAL, "no snapshot was begun");
	if (check_sizes(records, count, err) < 0)
		return -E2BIG;
	for (size_t i = 0; i < count; i++)
		list_add(&m->building.list, &records[i], 0);
	return 0;
}

static int memory_snapshot_commit(struct store *store, const uint8_t hash[32], struct err *err)
{
	struct memory_store *m = memory(store);

	if (m->building.sequence == 0)
		return err_set(err, -EINVAL, "no snapshot was begun");
	if (m->building.sequence > log_last(m))
		return err_set(err, -EINVAL, "the snapshot at %llu is ahead of the log, which ends at %llu",
			       (unsigned long long)m->building.sequence, (unsigned long long)log_last(m));
	list_done(&m->complete.list);
	m->complete = m->building;
	memcpy(m->complete.hash, hash, sizeof(m->complete.hash));
	m->building = (struct snapshot){ 0 };
	return 0;
}

static int memory_snapshot_read(struct store *store, uint64_t *ret_sequence, uint8_t ret_hash[32], record_visit visit, void *context,
				struct err *err)
{
	struct memory_store *m = memory(store);

	for (size_t i = 0; i < m->complete.list.count; i++) {
		int code = visit(context, &m->complete.list.records[i], err);

		if (code != 0)
			return code;
	}
	*ret_sequence = m->complete.sequence;
	if (m->complete.sequence > 0)
		memcpy(ret_hash, m->complete.hash, sizeof(m->complete.hash));
	return 0;
}

static int memory_trim(struct store *store, uint64_t keep_after, struct err *err)
{
	struct memory_store *m = memory(store);
	size_t dropped;

	if (keep_after < m->first)
		return 0;
	if (keep_after > m->complete.sequence)
		return err_set(err, -EINVAL, "records up to %llu cannot be dropped: the snapshot holds those up to %llu",
			       (unsigned long long)keep_after, (unsigned long long)m->complete.sequence);
	dropped = keep_after + 1 - m->first;
	for (size_t i = 0; i < dropped; i++)
		free((void *)m->log.records[i].payload);
	memmove(m->log.records, m->log.records + dropped, (m->log.count - dropped) * sizeof(*m->log.records));
	m->log.count -= dropped;
	m->first = keep_after + 1;
	return 0;
}

static const struct store_ops memory_ops = {
	.name = "memory",
	.close = memory_close,
	.append = memory_append,
	.read = memory_read,
	.last = memory_last,
	.snapshot_begin = memory_snapshot_begin,
	.snapshot_add = memory_snapshot_add,
	.snapshot_commit = memory_snapshot_commit,
	.snapshot_read = memory_snapshot_read,
	.trim = memory_trim,
};

int store_open_memory(struct store **ret, struct err *err)
{
	struct memory_store *m = mem_alloc(sizeof(*m));

	m->store.ops = &memory_ops;
	m->first = 1;
	*ret = &m->store;
	return 0;
}
