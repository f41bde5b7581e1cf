#include "wire/swf.h"

#include <stdbool.h>
#include <string.h>

#include "base/utf8.h"

static const char *const field_names[SWF_FIELDS] = {
	"job number", "submit time",  "wait time",    "run time", "processors used", "CPU time", "memory used", "processors asked", "time asked",
	"memory asked", "status",     "user",         "group",    "program",         "queue",    "partition",   "preceding job",    "think time",
};
/* The fields that are amounts: those in which some traces have fractions. */
#define AMOUNT_FIRST 2
#define AMOUNT_LAST 9

#define KEY_MAX 32

struct reader {
	const char *at, *end; /* what is left */
	unsigned line;
	struct arena *arena;
	struct err *err;
	struct swf swf;
	size_t partition_capacity, queue_capacity;
};

/* A line without its end; what follows the last line break is one unless it is empty. */
static bool next_line(struct reader *reader, const char **ret_line, size_t *ret_length)
{
	const char *end;

	if (reader->at == reader->end)
		return false;
	end = memchr(reader->at, '\n', (size_t)(reader->end - reader->at));
	*ret_line = reader->at;
	*ret_length = (size_t)((end ? end : reader->end) - reader->at);
	reader->at = end ? end + 1 : reader->end;
	reader->line++;
	return true;
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Leaves `*at` behind the digits and gives their value; -1 without digits, -2 when it is beyond the limit. */
static int64_t take_digits(const char **at, const char *end)
{
	const char *begin = *at;
	int64_t value = 0;

	for (; *at < end && is_digit(**at); (*at)++) {
		if (value >= 0)
			value = value * 10 + (**at - '0');
		if (value > SWF_VALUE_MAX)
			value = -2;
	}
	return *at == begin ? -1 : value;
}

/* One word as a number: digits, -1, and for amounts a fraction, which is dropped. */
static int read_number(struct reader *reader, size_t field, const char *word, size_t length, int64_t *ret)
{
	const char *at = word, *end = word + length;
	bool minus = length > 0 && *word == '-', amount = field >= AMOUNT_FIRST && field <= AMOUNT_LAST;
	int64_t value;

	at += minus;
	value = take_digits(&at, end);
	if (value == -2)
		return err_set(reader->err, -E2BIG, "line %u: field %zu (%s) is %.*s, at most %lld is read", reader->line, field + 1, field_names[field],
			       (int)(length < 40 ? length : 40), word, (long long)SWF_VALUE_MAX);
	if (value >= 0 && amount && at < end && *at == '.')
		for (at++; at < end && is_digit(*at); at++)
			;
	if (value < 0 || at != end || (minus && value > 1)) {
		cleanup_arena struct arena scratch = { 0 };
		char *shown = arena_strndup(&scratch, word, length < 40 ? length : 40);

		utf8_clean(shown);
		return err_set(reader->err, -EINVAL, "line %u: field %zu (%s) is \"%s\", expected a %s, or -1 for not known", reader->line, field + 1,
			       field_names[field], shown, amount ? "number" : "whole number");
	}
	*ret = minus && value == 1 ? -1 : value;
	return 0;
}

static int read_job(struct reader *reader, const char *line, size_t length, struct swf_job *ret)
{
	int64_t values[SWF_FIELDS];
	size_t count = 0, at = 0;

	for (;;) {
		size_t begin;
		int code;

		while (at < length && is_space(line[at]))
			at++;
		if (at == length)
			break;
		begin = at;
		while (at < length && !is_space(line[at]))
			at++;
		if (count < SWF_FIELDS) {
			code = read_number(reader, count, line + begin, at - begin, &values[count]);
			if (code < 0)
				return code;
		}
		count++;
	}
	if (count != SWF_FIELDS)
		return err_set(reader->err, -EINVAL, "line %u: has %zu field%s, expected the %d of a job in the Standard Workload Format", reader->line,
			       count, count == 1 ? "" : "s", SWF_FIELDS);
	memcpy(ret, values, sizeof(*ret));
	if (ret->submit_s < 0)
		return err_set(reader->err, -EINVAL, "line %u: field 2 (submit time) is -1, but a job without it cannot be told", reader->line);
	return 0;
}

static char *clean_text(struct reader *reader, const char *text, size_t length)
{
	char *kept;

	while (length > 0 && is_space(*text)) {
		text++;
		length--;
	}
	while (length > 0 && is_space(text[length - 1]))
		length--;
	kept = arena_strndup(reader->arena, text, length);
	utf8_clean(kept);
	return kept;
}

static int add_name(struct reader *reader, struct swf_name **names, size_t *count, size_t *capacity, const char *text, size_t length)
{
	const char *at = text, *end = text + length;
	int64_t number;

	while (at < end && is_space(*at))
		at++;
	number = take_digits(&at, end);
	if (number < 0 || (at < end && !is_space(*at)))
		return 0; /* a comment for people */
	if (*count == SWF_NAMES_MAX)
		return err_set(reader->err, -E2BIG, "line %u: at most %d partitions or queues are named", reader->line, SWF_NAMES_MAX);
	if (*count == *capacity) {
		struct swf_name *grown = ARENA_ARRAY(reader->arena, struct swf_name, *capacity ? *capacity * 2 : 16);

		if (*count > 0)
			memcpy(grown, *names, *count * sizeof(*grown));
		*names = grown;
		*capacity = *capacity ? *capacity * 2 : 16;
	}
	(*names)[(*count)++] = (struct swf_name){ number, clean_text(reader, at, (size_t)(end - at)) };
	return 0;
}

static void take_number(const char *text, size_t length, int64_t *ret)
{
	const char *at = text, *end = text + length;
	int64_t value;

	while (at < end && is_space(*at))
		at++;
	value = take_digits(&at, end);
	if (value >= 0)
		*ret = value;
}

/* "; Key: value". What is not understood is a comment. */
static int read_comment(struct reader *reader, const char *line, size_t length)
{
	struct swf_header *header = &reader->swf.header;
	const char *colon = memchr(line, ':', length), *value;
	size_t key_length, value_length;

	if (!colon)
		return 0;
	for (; line < colon && (*line == ';' || is_space(*line)); line++, length--)
		;
	key_length = (size_t)(colon - line);
	if (key_length > KEY_MAX)
		return 0;
	value = colon + 1;
	value_length = length - key_length - 1;
#define KEY_IS(word) (key_length == sizeof(word) - 1 && memcmp(line, word, sizeof(word) - 1) == 0)
	if (KEY_IS("Computer"))
		header->computer = clean_text(reader, value, value_length);
	else if (KEY_IS("Installation"))
		header->installation = clean_text(reader, value, value_length);
	else if (KEY_IS("UnixStartTime"))
		take_number(value, value_length, &header->unix_start_s);
	else if (KEY_IS("MaxProcs"))
		take_number(value, value_length, &header->processors_max);
	else if (KEY_IS("MaxNodes"))
		take_number(value, value_length, &header->nodes_max);
	else if (KEY_IS("Partition"))
		return add_name(reader, &header->partitions, &header->partition_count, &reader->partition_capacity, value, value_length);
	else if (KEY_IS("Queue"))
		return add_name(reader, &header->queues, &header->queue_count, &reader->queue_capacity, value, value_length);
#undef KEY_IS
	return 0;
}

static bool is_blank(const char *line, size_t length)
{
	while (length > 0 && is_space(line[length - 1]))
		length--;
	return length == 0;
}

/* Room for the jobs is found by counting first, so that it need not grow. */
static size_t count_jobs(const char *text, size_t length)
{
	struct reader reader = { .at = text, .end = text + length };
	const char *line;
	size_t line_length, count = 0;

	while (next_line(&reader, &line, &line_length))
		count += line_length > 0 && *line != ';' && !is_blank(line, line_length);
	return count;
}

int swf_read(const char *text, size_t length, struct arena *arena, struct swf *ret, struct err *err)
{
	struct reader reader = { .at = text, .end = text + length, .arena = arena, .err = err };
	size_t jobs = count_jobs(text, length), line_length;
	const char *line;

	reader.swf.header = (struct swf_header){ .computer = "", .installation = "", .unix_start_s = -1, .processors_max = -1, .nodes_max = -1 };
	if (jobs == 0)
		return err_set(err, -EINVAL, "there is no job in it, expected lines of %d numbers in the Standard Workload Format", SWF_FIELDS);
	if (jobs > SWF_JOBS_MAX)
		return err_set(err, -E2BIG, "it has %zu jobs, at most %d are read", jobs, SWF_JOBS_MAX);
	/* No more room than the text can fill: 18 digits and the spaces between them are 35 bytes. */
	reader.swf.jobs = ARENA_ARRAY(arena, struct swf_job, jobs < length / (2 * SWF_FIELDS - 1) + 1 ? jobs : length / (2 * SWF_FIELDS - 1) + 1);
	while (next_line(&reader, &line, &line_length)) {
		int code = 0;

		if (line_length > SWF_LINE_MAX)
			return err_set(err, -E2BIG, "line %u: has %zu bytes, at most %d are read", reader.line, line_length, SWF_LINE_MAX);
		if (line_length > 0 && *line == ';')
			code = read_comment(&reader, line, line_length);
		else if (!is_blank(line, line_length))
			code = read_job(&reader, line, line_length, &reader.swf.jobs[reader.swf.job_count++]);
		if (code < 0)
			return code;
	}
	*ret = reader.swf;
	return 0;
}

const char *swf_partition_name(const struct swf *swf, int64_t number)
{
	for (size_t i = 0; i < swf->header.partition_count; i++)
		if (swf->header.partitions[i].number == number)
			return swf->header.partitions[i].name;
	return NULL;
}
