/* The schema mechanism over a struct with a field of each kind: reading with all problems at once, JSON,
 * the binary form with its bounds and its tolerance of other versions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/rng.h"
#include "model/name.h"
#include "wire/schema.h"

enum colour { RED, GREEN, DARK_BLUE, COLOUR_COUNT };
STRING_TABLE_DECLARE(enum colour, colour);
static const char *const colour_words[] = { "red", "green", "dark-blue" };
STRING_TABLE_DEFINE(enum colour, colour, COLOUR_COUNT);

struct inner {
	int64_t count;
	const char *name;
};

struct pair {
	const char *key;
	int64_t value;
};

struct sample {
	bool flag;
	int64_t integer;
	int64_t memory;
	uint64_t id;
	uint64_t token;
	const char *text;
	enum colour colour;
	struct inner inner;
	struct inner *pointer;
	struct inner *list;
	size_t list_count;
	const char **words;
	size_t word_count;
	enum colour *colours;
	size_t colour_count;
	int64_t *numbers;
	size_t number_count;
	struct pair *map;
	size_t map_count;
	struct bytes bytes;
	bool has_maybe;
	int64_t maybe;
	const char *secret;
	int64_t computed;
};

static void check_inner(void *value, const struct doc *at, const char *path, struct problems *problems)
{
	const struct inner *inner = value;

	if (inner->count == 13)
		problems_add_key(problems, at, path, "count", "brings bad luck, expected another number");
}

static const struct field inner_fields[] = {
	FIELD(FIELD_INTEGER, struct inner, count, "count", 1, .minimum = 0, .maximum = 100, .fallback = 1),
	FIELD(FIELD_STRING, struct inner, name, "name", 2, .check = name_check),
};
static const struct schema inner_schema = SCHEMA("inner", struct inner, inner_fields, .check = check_inner);

static const struct field pair_fields[] = {
	FIELD(FIELD_STRING, struct pair, key, "key", 1, .maximum = 8),
	FIELD(FIELD_QUANTITY, struct pair, value, "value", 2, .unit = UNIT_DURATION),
};
static const struct schema pair_schema = SCHEMA("pair", struct pair, pair_fields);

static const struct field sample_fields[] = {
	FIELD(FIELD_BOOL, struct sample, flag, "flag", 1, .fallback = true),
	FIELD(FIELD_INTEGER, struct sample, integer, "integer", 2, .minimum = -5, .maximum = 1000, .fallback = 7),
	FIELD(FIELD_QUANTITY, struct sample, memory, "memory", 3, .unit = UNIT_MEMORY, .minimum = 1, .maximum = 1 << 20,
	      .flags = FIELD_REQUIRED),
	FIELD(FIELD_ID, struct sample, id, "id", 4),
	FIELD(FIELD_U64, struct sample, token, "token", 5),
	FIELD(FIELD_STRING, struct sample, text, "text", 6, .maximum = 10, .fallback_text = "hello"),
	FIELD(FIELD_ENUM, struct sample, colour, "colour", 7, .table = &colour_table, .fallback = GREEN),
	FIELD(FIELD_OBJECT, struct sample, inner, "inner", 8, .schema = &inner_schema, .flags = FIELD_SINGLE_OK),
	FIELD(FIELD_POINTER, struct sample, pointer, "pointer", 9, .schema = &inner_schema),
	FIELD_LIST_OF(FIELD_OBJECT, struct sample, list, list_count, "list", 10, .schema = &inner_schema, .maximum = 3),
	FIELD_LIST_OF(FIELD_STRING, struct sample, words, word_count, "words", 11, .flags = FIELD_SINGLE_OK, .element_maximum = 5,
		      .maximum = 4),
	FIELD_LIST_OF(FIELD_ENUM, struct sample, colours, colour_count, "colours", 12, .table = &colour_table),
	FIELD_LIST_OF(FIELD_INTEGER, struct sample, numbers, number_count, "numbers", 13, .element_minimum = 1, .element_maximum = 9,
		      .minimum = 1),
	{ .key = "map",
	  .number = 14,
	  .kind = FIELD_MAP,
	  .offset = offsetof(struct sample, map),
	  .count_offset = offsetof(struct sample, map_count),
	  .schema = &pair_schema,
	  .maximum = 2 },
	FIELD(FIELD_BYTES, struct sample, bytes, "bytes", 15, .maximum = 4),
	FIELD(FIELD_INTEGER, struct sample, maybe, "maybe", 16, .flags = FIELD_PRESENCE,
	      .present_offset = offsetof(struct sample, has_maybe)),
	FIELD(FIELD_STRING, struct sample, secret, "secret", 17, .flags = FIELD_HIDDEN),
	FIELD(FIELD_INTEGER, struct sample, computed, "computed", 18, .flags = FIELD_OUTPUT_ONLY),
};
static const struct schema sample_schema = SCHEMA("sample", struct sample, sample_fields);

static const char full_text[] =
	"flag: false\ninteger: -5\nmemory: 2GiB\nid: 0123456789abc\ntoken: \"18446744073709551615\"\ntext: 12.50\ncolour: dark-blue\n"
	"inner: 4\npointer: {name: x}\nlist: [{count: 2}, {name: y}]\nwords: one\ncolours: [red, green]\nnumbers: [1, 9]\n"
	"map: {a: 1s, b: 2h}\nbytes: \"AAEC\"\nmaybe: 0\n";

/* Reads YAML; gives what was wrong as text, "" when nothing was. The text is the arena's. */
static const char *read_yaml(struct arena *arena, const char *text, struct sample *ret)
{
	cleanup_strbuf struct strbuf out = { 0 };
	struct problems problems;
	struct doc *doc;
	struct err err;
	int code;

	problems_init(&problems, arena, "f");
	if (doc_parse_yaml(text, strlen(text), &doc_limits_file, arena, &doc, &err) < 0)
		fail_msg("%s", err.text);
	code = schema_read(&sample_schema, doc, ret, &problems);
	assert_int_equal(code, problems.count ? -EINVAL : 0);
	problems_print(&problems, &out);
	return arena_strdup(arena, strbuf_text(&out));
}

static void assert_full(const struct sample *sample)
{
	assert_false(sample->flag);
	assert_int_equal(sample->integer, -5);
	assert_int_equal(sample->memory, 2048);
	assert_true(sample->id == UINT64_C(38390726480144748));
	assert_true(sample->token == UINT64_MAX);
	assert_string_equal(sample->text, "12.50");
	assert_int_equal(sample->colour, DARK_BLUE);
	assert_int_equal(sample->inner.count, 4);
	assert_string_equal(sample->inner.name, "");
	assert_int_equal(sample->pointer->count, 1);
	assert_string_equal(sample->pointer->name, "x");
	assert_int_equal(sample->list_count, 2);
	assert_int_equal(sample->list[0].count, 2);
	assert_string_equal(sample->list[1].name, "y");
	assert_int_equal(sample->word_count, 1);
	assert_string_equal(sample->words[0], "one");
	assert_int_equal(sample->colour_count, 2);
	assert_int_equal(sample->colours[1], GREEN);
	assert_int_equal(sample->number_count, 2);
	assert_int_equal(sample->numbers[1], 9);
	assert_int_equal(sample->map_count, 2);
	assert_string_equal(sample->map[1].key, "b");
	assert_int_equal(sample->map[1].value, 7200000000);
	assert_int_equal(sample->bytes.length, 3);
	assert_memory_equal(sample->bytes.data, "\0\1\2", 3);
	assert_true(sample->has_maybe);
	assert_int_equal(sample->maybe, 0);
}

static void test_reads_each_kind(void **state)
{
	cleanup_arena struct arena arena = { 0 };
	struct sample sample;

	assert_string_equal(read_yaml(&arena, full_text, &sample), "");
	assert_full(&sample);
}

static void test_defaults(void **state)
{
	cleanup_arena struct arena arena = { 0 };
	struct sample sample;

	assert_string_equal(read_yaml(&arena, "memory: 1MiB\n", &sample), "");
	assert_true(sample.flag);
	assert_int_equal(sample.integer, 7);
	assert_string_equal(sample.text, "hello");
	assert_int_equal(sample.colour, GREEN);
	assert_int_equal(sample.inner.count, 1);
	assert_string_equal(sample.inner.name, "");
	assert_null(sample.pointer);
	assert_int_equal(sample.list_count, 0);
	assert_false(sample.has_maybe);
	assert_string_equal(sample.secret, "");
}

static void test_every_problem_at_once(void **state)
{
	cleanup_arena struct arena arena = { 0 };
	struct sample sample;

	assert_string_equal(
		read_yaml(&arena,
			  "flag: maybe\ninteger: 1001\nid: abc\ntoken: -1\ntext: elevenbytes\ncolour: gren\ninner: {count: 13}\n"
			  "pointer: []\nlist: [{count: x}, 7]\nwords: [abc, abcdef]\ncolours: red\nnumbers: []\nmap: {a: 5}\nbytes: \"?\"\n"
			  "memroy: 1\nsecret: x\ncomputed: 1\nzzzzz: 1\nmaybe:\n",
			  &sample),
		"f:1:7: flag: is \"maybe\", expected true or false\n"
		"f:2:10: integer: is 1001, expected a whole number from -5 to 1000\n"
		"f:3:5: id: is \"abc\", expected an id of 13 characters\n"
		"f:4:8: token: is -1, expected a whole number written as a text\n"
		"f:5:7: text: is 11 bytes long, expected at most 10\n"
		"f:6:9: colour: is \"gren\", expected one of red, green, dark-blue, did you mean \"green\"?\n"
		"f:7:16: inner.count: brings bad luck, expected another number\n"
		"f:8:10: pointer: is a list, expected a map with count, name\n"
		"f:9:16: list[0].count: is \"x\", expected a whole number from 0 to 100\n"
		"f:9:20: list[1]: is 7, expected a map with count, name\n"
		"f:10:14: words[1]: is 6 bytes long, expected at most 5\n"
		"f:11:10: colours: is \"red\", expected a list\n"
		"f:12:10: numbers: has 0 entries, expected at least 1\n"
		"f:13:10: map.a: is 5, expected a duration such as 30s, 10m, 2h or 1h30m\n"
		"f:14:8: bytes: is \"?\", expected bytes in base64\n"
		"f:15:1: unknown key \"memroy\", did you mean \"memory\"?\n"
		"f:16:1: unknown key \"secret\", expected one of flag, integer, memory, id, token, text, colour, inner, pointer, list, "
		"words, "
		"colours, numbers, map, bytes, maybe\n"
		"f:17:11: computed: is set by weir, expected it left out\n"
		"f:18:1: unknown key \"zzzzz\", expected one of flag, integer, memory, id, token, text, colour, inner, pointer, list, "
		"words, "
		"colours, numbers, map, bytes, maybe\n"
		"f:19:7: maybe: is empty, expected a whole number\n"
		"f:1:1: memory: is missing, expected a memory size such as 512MiB, 64GiB or 2TiB, from 1MiB to 1TiB\n");
}

static void test_problems_are_bounded(void **state)
{
	cleanup_arena struct arena arena = { 0 };
	cleanup_strbuf struct strbuf text = { 0 };
	struct sample sample;
	const char *out;

	strbuf_puts(&text, "memory: 1MiB\n\"bad\\e[31m\\x85\": 1\n");
	for (int i = 0; i < 1000; i++)
		strbuf_printf(&text, "unknown%d: 1\n", i);
	out = read_yaml(&arena, text.data, &sample);
	assert_non_null(strstr(out, "unknown key \"bad?[31m??\""));
	assert_non_null(strstr(out, "f: and 901 more\n"));
}

static void test_messages_between_programs(void **state)
{
	static const char text[] = "{\"memory\": \"1GiB\", \"later\": [1], \"computed\": 5, \"inner\": {\"new\": 1}, \"text\": \"x\"}";
	cleanup_arena struct arena arena = { 0 };
	struct problems problems;
	struct sample sample;
	struct doc *doc;

	assert_int_equal(doc_parse_json(text, strlen(text), &doc_limits_request, &arena, &doc, NULL), 0);
	problems_init(&problems, &arena, "");
	assert_int_equal(schema_read(&sample_schema, doc, &sample, &problems), -EINVAL);
	assert_int_equal(problems.count, 3);
	problems_init(&problems, &arena, "");
	problems.message = true;
	assert_int_equal(schema_read(&sample_schema, doc, &sample, &problems), 0);
	assert_int_equal(sample.computed, 5);
}

/* A default that would not pass is as good as missing. */
static void test_checked_default(void **state)
{
	static const struct field fields[] = {
		FIELD(FIELD_STRING, struct inner, name, "name", 1, .check = name_check, .flags = FIELD_SINCE_CHECKED),
		FIELD(FIELD_INTEGER, struct inner, count, "count", 2),
	};
	static const struct schema schema = SCHEMA("checked", struct inner, fields);
	cleanup_arena struct arena arena = { 0 };
	struct problems problems;
	struct inner inner;
	struct doc *doc;

	assert_int_equal(doc_parse_json("{\"count\": 2}", 12, &doc_limits_request, &arena, &doc, NULL), 0);
	problems_init(&problems, &arena, "");
	assert_int_equal(schema_read(&schema, doc, &inner, &problems), -EINVAL);
	assert_string_equal(problems.list[0].path, "name");
	assert_int_equal(strncmp(problems.list[0].text, "is missing: is \"\", expected a name", 34), 0);
}

/* A request has no places, and a number is no text there. */
static void test_requests_are_strict(void **state)
{
	static const char text[] = "{\"memory\": \"1GiB\", \"text\": 12, \"words\": [true]}";
	cleanup_arena struct arena arena = { 0 };
	cleanup_strbuf struct strbuf out = { 0 };
	struct problems problems;
	struct sample sample;
	struct doc *doc;

	assert_int_equal(doc_parse_json(text, strlen(text), &doc_limits_request, &arena, &doc, NULL), 0);
	problems_init(&problems, &arena, "");
	assert_int_equal(schema_read_at(&sample_schema, doc, "demands[3]", &sample, &problems), -EINVAL);
	problems_print(&problems, &out);
	assert_string_equal(out.data, "demands[3].text: is 12, expected a text\ndemands[3].words[0]: is true, expected a text\n");
}

static void test_json_reads_back(void **state)
{
	cleanup_arena struct arena arena = { 0 };
	struct sample sample, back;

	assert_string_equal(read_yaml(&arena, full_text, &sample), "");
	for (int brief = 0; brief < 2; brief++) {
		cleanup_strbuf struct strbuf json = { 0 };
		struct problems problems;
		struct doc *doc;

		schema_write_json(&sample_schema, &sample, brief, &json);
		assert_int_equal(doc_parse_json(json.data, json.length, &doc_limits_request, &arena, &doc, NULL), 0);
		problems_init(&problems, &arena, "");
		problems.message = true; /* for the field that people may not write */
		assert_int_equal(schema_read(&sample_schema, doc, &back, &problems), 0);
		assert_full(&back);
	}
}

static void test_brief_json(void **state)
{
	cleanup_strbuf struct strbuf json = { 0 };
	struct sample sample;

	schema_defaults(&sample_schema, &sample);
	schema_write_json(&sample_schema, &sample, true, &json);
	assert_string_equal(json.data, "{\"memory\":\"0MiB\"}");
	sample.memory = 1;
	sample.text = "\"\\\n\t\x7f\xc2\x85\xe2\x80\xa8\xe2\x80\xaa\xe2\x80\xa9";
	sample.inner.count = 3;
	strbuf_reset(&json);
	schema_write_json(&sample_schema, &sample, true, &json);
	assert_string_equal(
		json.data,
		"{\"memory\":\"1MiB\",\"text\":\"\\\"\\\\\\n\\u0009\\u007f\\u0085\\u2028\xe2\x80\xaa\\u2029\",\"inner\":{\"count\":3}}");
	schema_defaults(&sample_schema, &sample);
	strbuf_reset(&json);
	schema_write_json(&sample_schema, &sample, false, &json);
	assert_string_equal(json.data,
			    "{\"flag\":true,\"integer\":7,\"memory\":\"0MiB\",\"token\":\"0\",\"text\":\"hello\",\"colour\":\"green\","
			    "\"inner\":{\"count\":1,\"name\":\"\"},\"list\":[],\"words\":[],\"colours\":[],\"numbers\":[],\"map\":{},"
			    "\"bytes\":\"\",\"computed\":0}");
}

static void encode_full(struct arena *arena, struct strbuf *bytes)
{
	struct sample sample;

	assert_string_equal(read_yaml(arena, full_text, &sample), "");
	sample.secret = "kept";
	schema_encode(&sample_schema, &sample, bytes);
}

static void test_binary_reads_back(void **state)
{
	cleanup_arena struct arena arena = { 0 };
	cleanup_strbuf struct strbuf bytes = { 0 }, again = { 0 };
	struct sample back;
	struct err err;

	encode_full(&arena, &bytes);
	assert_int_equal(schema_decode(&sample_schema, bytes.data, bytes.length, &arena, &back, &err), 0);
	assert_full(&back);
	assert_string_equal(back.secret, "kept");
	schema_encode(&sample_schema, &back, &again);
	assert_int_equal(bytes.length, again.length);
	assert_memory_equal(bytes.data, again.data, bytes.length);
	schema_defaults(&sample_schema, &back);
	strbuf_reset(&again);
	schema_encode(&sample_schema, &back, &again);
	assert_int_equal(again.length, 2);
}

static void test_integers_of_all_sizes(void **state)
{
	static const int64_t values[] = { 0,	     1,	 23,  24,  255,	 256,  65535,  65536,  UINT32_MAX, INT64_C(1) << 32,
					  INT64_MAX, -1, -24, -25, -256, -257, -65536, -65537, INT64_MIN };

	for (size_t i = 0; i < ARRAY_COUNT(values); i++) {
		cleanup_arena struct arena arena = { 0 };
		cleanup_strbuf struct strbuf bytes = { 0 };
		struct sample sample, back;

		schema_defaults(&sample_schema, &sample);
		sample.integer = values[i];
		schema_encode(&sample_schema, &sample, &bytes);
		assert_int_equal(schema_decode(&sample_schema, bytes.data, bytes.length, &arena, &back, NULL), 0);
		assert_true(back.integer == values[i]);
	}
}

static void test_binary_skips_what_it_does_not_know(void **state)
{
	/* {99: [1, {2: "x"}], 100: 1.5, 101: tag 1 (h'00'), 102: indefinite text, 103: null, 104: [_ -1], 2: 9} */
	static const uint8_t bytes[] = { 0xa7, 0x18, 99,   0x82, 1,   0xa1, 2,	  0x61, 'x',  0x18, 100,  0xfb, 0x3f, 0xf8, 0,
					 0,    0,    0,	   0,	 0,   0x18, 101,  0xc1, 0x41, 0,    0x18, 102,	0x7f, 0x61, 'a',
					 0x61, 'b',  0xff, 0x18, 103, 0xf6, 0x18, 104,	0x9f, 0x20, 0xff, 2,	9 };
	cleanup_arena struct arena arena = { 0 };
	struct sample sample;
	struct err err = { "" };

	assert_int_equal(schema_decode(&sample_schema, bytes, sizeof(bytes), &arena, &sample, &err), 0);
	assert_int_equal(sample.integer, 9);
	assert_string_equal(sample.text, "hello");
}

static void test_binary_refuses(void **state)
{
	static const struct {
		const char *bytes;
		size_t length;
		const char *message;
	} cases[] = {
		{ "", 0, "the bytes end too early" },
		{ "\x01", 1, "expected a map" },
		{ "\xa0\x00", 2, "more bytes than the value has" },
		{ "\xa1\x02\x61\x78", 4, "expected a 64-bit whole number" },
		{ "\xa1\x02\x1b\xff\xff\xff\xff\xff\xff\xff\xff", 11, "expected a 64-bit whole number" },
		{ "\xa1\x07\x03", 3, "expected the number of a word" },
		{ "\xa1\x01\x01", 3, "expected true or false" },
		{ "\xa1\x06\x62\x61\x00", 5, "expected a text without zero bytes" },
		{ "\xa1\x06\x7b\xff\xff\xff\xff\xff\xff\xff\xff", 11, "the bytes end too early" },
		{ "\xa1\x0a\x9b\x00\x00\x00\x00\x7f\xff\xff\xff", 11, "expected an array that the bytes can hold" },
		{ "\xa1\x0a\x82\xa0", 4, "expected an array that the bytes can hold" },
		{ "\xa1\x0d\x82\x01", 4, "expected an array that the bytes can hold" },
		{ "\xa2\x02\x01\x02\x01", 5, "a field that is there twice" },
		{ "\xa1\x00\x01", 3, "expected the number of a field" },
		{ "\xa1\x20\x01", 3, "expected the number of a field" },
		{ "\xa1\x18\x63\xff", 4, "a break where a value was expected" },
		{ "\xa1\x18\x63\xbb\x7f\xff\xff\xff\xff\xff\xff\xff", 12, "a count that the bytes cannot hold" },
		{ "\xa1\x18\x63\x1c", 4, "no CBOR item" },
		{ "\xbf\x02\x01", 3, "the bytes end too early" },
	};

	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		cleanup_arena struct arena arena = { 0 };
		struct sample sample;
		struct err err = { "" };

		assert_int_equal(schema_decode(&sample_schema, cases[i].bytes, cases[i].length, &arena, &sample, &err), -EINVAL);
		assert_int_equal(strncmp(err.text, "sample: byte ", 13), 0);
		if (!strstr(err.text, cases[i].message))
			fail_msg("%zu: \"%s\"", i, err.text);
	}
}

static void test_binary_deep_skip_is_refused(void **state)
{
	uint8_t bytes[4096] = { 0xa1, 0x18, 99 };
	cleanup_arena struct arena arena = { 0 };
	struct sample sample;
	struct err err = { "" };

	memset(bytes + 3, 0x81, sizeof(bytes) - 3);
	assert_int_equal(schema_decode(&sample_schema, bytes, sizeof(bytes), &arena, &sample, &err), -EINVAL);
	assert_non_null(strstr(err.text, "nested too deep"));
	memset(bytes + 3, 0xc1, sizeof(bytes) - 3);
	assert_int_equal(schema_decode(&sample_schema, bytes, sizeof(bytes), &arena, &sample, &err), -EINVAL);
	assert_non_null(strstr(err.text, "nested too deep"));
}

/* No prefix of a value is one, and no byte flipped makes the reader step outside (with the sanitizers). */
static void test_binary_torn_and_flipped(void **state)
{
	cleanup_arena struct arena arena = { 0 };
	cleanup_strbuf struct strbuf bytes = { 0 };
	struct rng rng;

	encode_full(&arena, &bytes);
	for (size_t length = 0; length < bytes.length; length++) {
		cleanup_free char *exact = mem_dup(bytes.data, length);
		struct sample sample;

		assert_int_equal(schema_decode(&sample_schema, exact, length, &arena, &sample, NULL), -EINVAL);
	}
	rng_init(&rng, 11);
	for (int i = 0; i < 20000; i++) {
		cleanup_free char *exact = mem_dup(bytes.data, bytes.length);
		struct sample sample;

		arena_reset(&arena);
		exact[rng_below(&rng, bytes.length)] = (char)rng_next(&rng);
		exact[rng_below(&rng, bytes.length)] = (char)rng_next(&rng);
		schema_decode(&sample_schema, exact, bytes.length, &arena, &sample, NULL);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reads_each_kind),
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_every_problem_at_once),
		cmocka_unit_test(test_problems_are_bounded),
		cmocka_unit_test(test_messages_between_programs),
		cmocka_unit_test(test_checked_default),
		cmocka_unit_test(test_requests_are_strict),
		cmocka_unit_test(test_json_reads_back),
		cmocka_unit_test(test_brief_json),
		cmocka_unit_test(test_binary_reads_back),
		cmocka_unit_test(test_integers_of_all_sizes),
		cmocka_unit_test(test_binary_skips_what_it_does_not_know),
		cmocka_unit_test(test_binary_refuses),
		cmocka_unit_test(test_binary_deep_skip_is_refused),
		cmocka_unit_test(test_binary_torn_and_flipped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
