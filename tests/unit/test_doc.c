/* YAML and JSON to the document tree: types, places, refusals, limits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/strbuf.h"
#include "wire/doc.h"

typedef int parse_function(const char *, size_t, const struct doc_limits *, struct arena *, struct doc **, struct err *);

static struct doc *parse(parse_function *function, struct arena *arena, const char *text)
{
	struct err err = { "" };
	struct doc *doc = NULL;

	if (function(text, strlen(text), &doc_limits_file, arena, &doc, &err) < 0)
		fail_msg("%s", err.text);
	return doc;
}

static void assert_refused(parse_function *function, const char *text, size_t length, const struct doc_limits *limits, const char *message)
{
	cleanup_arena struct arena arena = { 0 };
	struct doc *doc = (struct doc *)&arena;
	struct err err = { "" };
	int code = function(text, length, limits, &arena, &doc, &err);

	assert_true(code == -EINVAL || code == -E2BIG);
	assert_ptr_equal(doc, &arena); /* outputs stay as they were */
	if (strncmp(err.text, message, strlen(message)))
		fail_msg("\"%s\" is not \"%s\"", err.text, message);
}

static void test_yaml_types(void **state)
{
	cleanup_arena struct arena arena = { 0 };
	struct doc *doc = parse(doc_parse_yaml, &arena,
				"a: 12\nb: -3.50\nc: true\nd: \"12\"\ne:\nf: text # comment\ng: [1, 2e3]\nh: {x: ~}\ni: |\n  two\n  lines\n"
				"j: no\nk: 99999999999999999999\nl: 2026-01-31\nm: 1.2.3\nn: '~'\np: 0x10\n");
	const struct doc *value;

	assert_int_equal(doc->kind, DOC_MAP);
	assert_int_equal(doc->count, 15);
	assert_int_equal(doc_get(doc, "a")->kind, DOC_INTEGER);
	assert_int_equal(doc_get(doc, "a")->integer, 12);
	assert_string_equal(doc_get(doc, "a")->text, "12");
	assert_int_equal(doc_get(doc, "b")->kind, DOC_DECIMAL);
	assert_string_equal(doc_get(doc, "b")->text, "-3.50");
	assert_int_equal(doc_get(doc, "c")->kind, DOC_BOOL);
	assert_true(doc_get(doc, "c")->boolean);
	assert_int_equal(doc_get(doc, "d")->kind, DOC_STRING);
	assert_int_equal(doc_get(doc, "e")->kind, DOC_NULL);
	assert_string_equal(doc_get(doc, "f")->text, "text");
	value = doc_get(doc, "g");
	assert_int_equal(value->kind, DOC_LIST);
	assert_int_equal(value->count, 2);
	assert_int_equal(value->values[1].kind, DOC_DECIMAL);
	assert_int_equal(value->values[1].line, 7);
	assert_int_equal(value->values[1].column, 8);
	assert_int_equal(doc_get(doc_get(doc, "h"), "x")->kind, DOC_NULL);
	assert_string_equal(doc_get(doc, "i")->text, "two\nlines\n");
	assert_string_equal(doc_get(doc, "j")->text, "no");
	assert_int_equal(doc_get(doc, "j")->kind, DOC_STRING);
	assert_int_equal(doc_get(doc, "k")->kind, DOC_DECIMAL);
	assert_int_equal(doc_get(doc, "l")->kind, DOC_STRING);
	assert_int_equal(doc_get(doc, "m")->kind, DOC_STRING);
	assert_int_equal(doc_get(doc, "n")->kind, DOC_STRING);
	assert_int_equal(doc_get(doc, "p")->kind, DOC_STRING);
	assert_null(doc_get(doc, "z"));
	assert_null(doc_get(value, "z"));
	assert_null(doc_get(NULL, "z"));
	assert_int_equal(doc->places[6].line, 7);
	assert_int_equal(doc->places[6].column, 1);
}

static void test_yaml_refuses(void **state)
{
	static const char *const cases[][2] = {
		{ "", "1:1: the text is empty" },
		{ "# only a comment\n", "1:1: the text is empty" },
		{ "a: 1\nb: 2\na: 3\n", "3:1: the key \"a\" is there twice" },
		{ "a: &x 1\nb: *x\n", "1:4: an anchor or tag" },
		{ "a: *x\n", "1:4: an alias" },
		{ "a: !!str 1\n", "1:4: an anchor or tag" },
		{ "a: &x [1]\n", "1:4: an anchor or tag" },
		{ "&k a: 1\n", "1:1: an anchor or tag" },
		{ "a: 1\n---\nb: 2\n", "2:1: a second document" },
		{ "[a, b]: 1\n", "1:1: a list or map as a key" },
		{ "a: [1, 2\n", "2:1: not valid YAML" },
		{ "a: 1\n b: 2\n", "2:3: not valid YAML" },
		{ "a: \"\\0\"\n", "1:4: a text with a zero byte" },
		{ "a: \xff\n", "1:4: not valid YAML" },
		{ "a: \x01\n", "1:4: not valid YAML" },
		{ "<<: *x\n", "1:5: an alias" },
	};

	for (size_t i = 0; i < ARRAY_COUNT(cases); i++)
		assert_refused(doc_parse_yaml, cases[i][0], strlen(cases[i][0]), &doc_limits_file, cases[i][1]);
}

static void test_many_keys_twice(void **state)
{
	cleanup_strbuf struct strbuf text = { 0 };

	for (int i = 0; i < 1000; i++)
		strbuf_printf(&text, "key%d: %d\n", i, i);
	strbuf_puts(&text, "key500: 1\nkey3: 2\n");
	assert_refused(doc_parse_yaml, text.data, text.length, &doc_limits_file, "1001:1: the key \"key500\" is there twice");
}

static void test_json_types(void **state)
{
	cleanup_arena struct arena arena = { 0 };
	struct doc *doc = parse(
		doc_parse_json, &arena,
		"\xef\xbb\xbf{\"a\": 12, \"b\": -3.50, \"c\": [true, null, \"\\ud83d\\ude00\"], \"d\": {}, \"e\": 0.1, \"f\": 1e22}");

	assert_int_equal(doc->count, 6);
	assert_string_equal(doc->keys[0], "a");
	assert_int_equal(doc_get(doc, "a")->integer, 12);
	assert_int_equal(doc_get(doc, "a")->line, 0);
	assert_string_equal(doc_get(doc, "b")->text, "-3.5");
	assert_true(doc_get(doc, "c")->values[0].boolean);
	assert_int_equal(doc_get(doc, "c")->values[1].kind, DOC_NULL);
	assert_string_equal(doc_get(doc, "c")->values[2].text, "\xf0\x9f\x98\x80");
	assert_int_equal(doc_get(doc, "d")->kind, DOC_MAP);
	assert_string_equal(doc_get(doc, "e")->text, "0.1");
	assert_string_equal(doc_get(doc, "f")->text, "1e+22");
	assert_null(doc->places);
}

static void test_json_refuses(void **state)
{
	static const char *const cases[][2] = {
		{ "", "1:1: not valid JSON" },
		{ "{\"a\": 1,\n \"a\": 2}", "2:" },
		{ "{\"a\": 99999999999999999999}", "1:" },
		{ "{\"a\": 1} x", "1:" },
		{ "[1,\n2", "2:1: not valid JSON" },
		{ "{\"a\": \"\\u0000\"}", "1:" },
		{ "{\"\\u0000\": 1}", "1:" },
		{ "[\"\xff\"]", "1:" },
		{ "[1e999]", "1:" },
		{ "nul", "1:" },
		{ "{'a': 1}", "1:" },
	};

	for (size_t i = 0; i < ARRAY_COUNT(cases); i++)
		assert_refused(doc_parse_json, cases[i][0], strlen(cases[i][0]), &doc_limits_request, cases[i][1]);
}

static void test_limits(void **state)
{
	const struct doc_limits limits = { .bytes_max = 60, .depth_max = 3, .values_max = 8 };
	parse_function *const functions[] = { doc_parse_yaml, doc_parse_json };
	char longer[61];

	memset(longer, ' ', sizeof(longer));
	for (size_t i = 0; i < ARRAY_COUNT(functions); i++) {
		cleanup_arena struct arena arena = { 0 };
		struct doc *doc;

		assert_refused(functions[i], longer, sizeof(longer), &limits, "1:1: 61 bytes are too many");
		assert_refused(functions[i], "[1,\n  [[[]]]]", 13, &limits, "2:5: lists and maps are nested too deep");
		assert_refused(functions[i], "[1, 2, 3, 4, 5, 6, 7, 8]", 24, &limits, "1:");
		assert_int_equal(functions[i]("[1, [[2]], 4, 5, \"[,[,[,{\"]", 28 - 1, &limits, &arena, &doc, NULL), 0);
		assert_int_equal(functions[i]("[1, 2, 3, 4, 5, 6, 7]", 21, &limits, &arena, &doc, NULL), 0);
	}
}

/* A small text must not become a huge tree, nor take long to be refused. */
static void test_deep_texts_are_refused_early(void **state)
{
	size_t length = 1u << 20;
	char *text = mem_alloc(length);

	memset(text, '[', length);
	assert_refused(doc_parse_json, text, length, &doc_limits_file, "1:33: lists and maps are nested too deep");
	assert_refused(doc_parse_yaml, text, length, &doc_limits_file, "1:33: lists and maps are nested too deep");
	memset(text, '{', length);
	assert_refused(doc_parse_yaml, text, length, &doc_limits_file, "1:");
	memset(text, '-', length);
	for (size_t i = 1; i < length; i += 2)
		text[i] = ' ';
	assert_refused(doc_parse_yaml, text, length, &doc_limits_file, "1:65: lists and maps are nested too deep");
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_yaml_types),
		cmocka_unit_test(test_yaml_refuses),
		cmocka_unit_test(test_many_keys_twice),
		cmocka_unit_test(test_json_types),
		cmocka_unit_test(test_json_refuses),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_deep_texts_are_refused_early),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
