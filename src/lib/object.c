/* What all handles have in common. */
#include <errno.h>
#include <inttypes.h>

#include "lib/lib.h"
#include "model/name.h"

int weir_match_abi(void)
{
	return WEIR_MATCH_ABI;
}

const char *weir_match_version(void)
{
	return WEIR_VERSION;
}

const char *weir_problem(const void *object)
{
	return object ? ((const struct err *)object)->text : "there is no such object";
}

int lib_check_range(struct err *err, const char *what, int64_t value, int64_t least, int64_t most)
{
	if (value >= least && value <= most)
		return 0;
	return err_set(err, -EINVAL, "%s is %" PRId64 ", expected %" PRId64 " to %" PRId64, what, value, least, most);
}

int lib_check_name(struct err *err, const char *what, const char *name)
{
	int code = name ? name_check(name, err) : err_set(err, -EINVAL, "is missing");

	return code < 0 ? err_prefix(err, code, "%s", what) : 0;
}

int lib_list_add(const char ***list, size_t *count, struct arena *arena, struct err *err, const char *what, const char *word)
{
	int code = lib_check_name(err, what, word);

	if (code < 0)
		return code;
	if (*count == DEMAND_LIST_MAX)
		return err_set(err, -ENOSPC, "%s: there are %d already, as many as may be", what, DEMAND_LIST_MAX);
	if (*count == 0)
		*list = ARENA_ARRAY(arena, const char *, DEMAND_LIST_MAX);
	(*list)[(*count)++] = arena_strdup(arena, word);
	return 0;
}
