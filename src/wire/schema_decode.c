/* The binary form back to a struct, over libcbor's streaming decoder, which checks each length against what
 * is left of the bytes.
 *
 * Bounds: an array is only made for a count that the bytes left can hold; nesting follows the schema, or
 * DEPTH_MAX in what is skipped. The limits of what people may write are not asked for again: they were
 * when it was written, and may have changed since.
 */
#include <assert.h>
#include <cbor.h>
#include <string.h>

#include "wire/schema_field.h"

#define DEPTH_MAX 32

enum item_type {
	ITEM_NONE, /* no such item is decoded */
	ITEM_UNSIGNED,
	ITEM_NEGATIVE, /* -1 - number */
	ITEM_TEXT,
	ITEM_BYTES,
	ITEM_ARRAY,
	ITEM_MAP,
	ITEM_ENDLESS_ARRAY,
	ITEM_ENDLESS_MAP,
	ITEM_ENDLESS_STRING,
	ITEM_BREAK,
	ITEM_BOOL,
	ITEM_TAG,
	ITEM_OTHER,
};

struct item {
	enum item_type type;
	uint64_t number; /* or the count of an array or map */
	const uint8_t *data;
	size_t length;
};

struct decoder {
	const uint8_t *data;
	size_t length;
	size_t offset;
	struct arena *arena;
	struct err *err;
};

static int decode_struct(struct decoder *decoder, const struct schema *schema, void *value);

static void set_item(void *context, enum item_type type, uint64_t number)
{
	*(struct item *)context = (struct item){ .type = type, .number = number };
}

static void on_uint8(void *context, uint8_t number)
{
	set_item(context, ITEM_UNSIGNED, number);
}

static void on_uint16(void *context, uint16_t number)
{
	set_item(context, ITEM_UNSIGNED, number);
}

static void on_uint32(void *context, uint32_t number)
{
	set_item(context, ITEM_UNSIGNED, number);
}

static void on_uint64(void *context, uint64_t number)
{
	set_item(context, ITEM_UNSIGNED, number);
}

static void on_negint8(void *context, uint8_t number)
{
	set_item(context, ITEM_NEGATIVE, number);
}

static void on_negint16(void *context, uint16_t number)
{
	set_item(context, ITEM_NEGATIVE, number);
}

static void on_negint32(void *context, uint32_t number)
{
	set_item(context, ITEM_NEGATIVE, number);
}

static void on_negint64(void *context, uint64_t number)
{
	set_item(context, ITEM_NEGATIVE, number);
}

static void on_bytes(void *context, cbor_data data, size_t length)
{
	*(struct item *)context = (struct item){ .type = ITEM_BYTES, .data = data, .length = length };
}

static void on_text(void *context, cbor_data data, size_t length)
{
	*(struct item *)context = (struct item){ .type = ITEM_TEXT, .data = data, .length = length };
}

static void on_endless_string(void *context)
{
	set_item(context, ITEM_ENDLESS_STRING, 0);
}

static void on_array(void *context, size_t count)
{
	set_item(context, ITEM_ARRAY, count);
}

static void on_endless_array(void *context)
{
	set_item(context, ITEM_ENDLESS_ARRAY, 0);
}

static void on_map(void *context, size_t count)
{
	set_item(context, ITEM_MAP, count);
}

static void on_endless_map(void *context)
{
	set_item(context, ITEM_ENDLESS_MAP, 0);
}

static void on_break(void *context)
{
	set_item(context, ITEM_BREAK, 0);
}

static void on_bool(void *context, bool value)
{
	set_item(context, ITEM_BOOL, value);
}

static void on_tag(void *context, uint64_t tag)
{
	set_item(context, ITEM_TAG, tag);
}

static void on_float(void *context, float value)
{
	set_item(context, ITEM_OTHER, 0);
}

static void on_double(void *context, double value)
{
	set_item(context, ITEM_OTHER, 0);
}

static void on_other(void *context)
{
	set_item(context, ITEM_OTHER, 0);
}

static const struct cbor_callbacks callbacks = {
	.uint8 = on_uint8,
	.uint16 = on_uint16,
	.uint32 = on_uint32,
	.uint64 = on_uint64,
	.negint8 = on_negint8,
	.negint16 = on_negint16,
	.negint32 = on_negint32,
	.negint64 = on_negint64,
	.byte_string = on_bytes,
	.byte_string_start = on_endless_string,
	.string = on_text,
	.string_start = on_endless_string,
	.array_start = on_array,
	.indef_array_start = on_endless_array,
	.map_start = on_map,
	.indef_map_start = on_endless_map,
	.tag = on_tag,
	.float2 = on_float,
	.float4 = on_float,
	.float8 = on_double,
	.undefined = on_other,
	.null = on_other,
	.boolean = on_bool,
	.indef_break = on_break,
};

static int fail(struct decoder *decoder, const char *what)
{
	return err_set(decoder->err, -EINVAL, "byte %zu of %zu: %s", decoder->offset, decoder->length, what);
}

static int next_item(struct decoder *decoder, struct item *ret)
{
	struct cbor_decoder_result result;

	ret->type = ITEM_NONE;
	result = cbor_stream_decode(decoder->data + decoder->offset, decoder->length - decoder->offset, &callbacks, ret);
	if (result.status != CBOR_DECODER_FINISHED || ret->type == ITEM_NONE || result.read > decoder->length - decoder->offset)
		return fail(decoder, result.status == CBOR_DECODER_NEDATA ? "the bytes end too early" : "no CBOR item");
	decoder->offset += result.read;
	return 0;
}

static int skip_content(struct decoder *decoder, const struct item *item, unsigned depth);

static int skip_value(struct decoder *decoder, unsigned depth)
{
	struct item item;
	int code = next_item(decoder, &item);

	return code < 0 ? code : skip_content(decoder, &item, depth);
}

/* Skips what belongs to an item whose head was read. Each step takes at least a byte, so it ends. */
static int skip_content(struct decoder *decoder, const struct item *item, unsigned depth)
{
	uint64_t count = item->number;
	struct item inner;
	int code = 0;

	if (depth > DEPTH_MAX)
		return fail(decoder, "nested too deep");
	switch (item->type) {
	case ITEM_BREAK:
		return fail(decoder, "a break where a value was expected");
	case ITEM_MAP:
	case ITEM_ARRAY:
		if (count > decoder->length)
			return fail(decoder, "a count that the bytes cannot hold");
		for (count *= item->type == ITEM_MAP ? 2 : 1; code == 0 && count; count--)
			code = skip_value(decoder, depth + 1);
		return code;
	case ITEM_TAG:
		return skip_value(decoder, depth + 1);
	case ITEM_ENDLESS_MAP:
	case ITEM_ENDLESS_ARRAY:
	case ITEM_ENDLESS_STRING:
		for (;;) {
			code = next_item(decoder, &inner);
			if (code < 0 || inner.type == ITEM_BREAK)
				return code;
			code = skip_content(decoder, &inner, depth + 1);
			if (code < 0)
				return code;
		}
	default:
		return 0;
	}
}

static int decode_number(struct decoder *decoder, const struct item *item, int64_t *ret)
{
	if ((item->type != ITEM_UNSIGNED && item->type != ITEM_NEGATIVE) || item->number > INT64_MAX)
		return fail(decoder, "expected a 64-bit whole number");
	*ret = item->type == ITEM_UNSIGNED ? (int64_t)item->number : -1 - (int64_t)item->number;
	return 0;
}

static int decode_scalar(struct decoder *decoder, const struct field *field, enum field_kind kind, void *value)
{
	struct item item;
	int code = next_item(decoder, &item);

	if (code < 0)
		return code;
	switch (kind) {
	case FIELD_BOOL:
		if (item.type != ITEM_BOOL)
			return fail(decoder, "expected true or false");
		*(bool *)value = item.number != 0;
		return 0;
	case FIELD_INTEGER:
	case FIELD_QUANTITY:
		return decode_number(decoder, &item, value);
	case FIELD_ID:
	case FIELD_U64:
		if (item.type != ITEM_UNSIGNED)
			return fail(decoder, "expected a whole number");
		*(uint64_t *)value = item.number;
		return 0;
	case FIELD_ENUM:
		if (item.type != ITEM_UNSIGNED || item.number >= field->table->count)
			return fail(decoder, "expected the number of a word");
		*(int *)value = (int)item.number;
		return 0;
	case FIELD_STRING:
		if (item.type != ITEM_TEXT || memchr(item.data, 0, item.length))
			return fail(decoder, "expected a text without zero bytes");
		*(const char **)value = arena_strndup(decoder->arena, (const char *)item.data, item.length);
		return 0;
	default:
		assert(kind == FIELD_BYTES);
		if (item.type != ITEM_BYTES)
			return fail(decoder, "expected bytes");
		*(struct bytes *)value = (struct bytes){ arena_dup(decoder->arena, item.data, item.length), item.length };
		return 0;
	}
}

static int decode_list(struct decoder *decoder, const struct field *field, void *base)
{
	bool is_map = field->kind == FIELD_MAP;
	size_t size = is_map ? field->schema->size : element_size(field);
	struct item item;
	char *array;
	int code;

	code = next_item(decoder, &item);
	if (code < 0)
		return code;
	if (item.type != ITEM_ARRAY || item.number > decoder->length - decoder->offset)
		return fail(decoder, "expected an array that the bytes can hold");
	array = item.number ? arena_array(decoder->arena, (size_t)item.number, size) : NULL;
	for (size_t i = 0; i < item.number; i++) {
		if (is_map || field->element == FIELD_OBJECT)
			code = decode_struct(decoder, field->schema, array + i * size);
		else
			code = decode_scalar(decoder, field, field->element, array + i * size);
		if (code < 0)
			return code;
	}
	*(void **)((char *)base + field->offset) = array;
	*(size_t *)((char *)base + field->count_offset) = (size_t)item.number;
	return 0;
}

static int decode_field(struct decoder *decoder, const struct field *field, void *base)
{
	void *value = (char *)base + field->offset;
	void *pointed;
	int code;

	if (field->flags & FIELD_PRESENCE)
		*(bool *)((char *)base + field->present_offset) = true;
	switch (field->kind) {
	case FIELD_OBJECT:
		return decode_struct(decoder, field->schema, value);
	case FIELD_POINTER:
		pointed = arena_alloc(decoder->arena, field->schema->size);
		code = decode_struct(decoder, field->schema, pointed);
		*(void **)value = pointed;
		return code;
	case FIELD_LIST:
	case FIELD_MAP:
		return decode_list(decoder, field, base);
	default:
		return decode_scalar(decoder, field, field->kind, value);
	}
}

/* The field of a number, searched from `start` on and round; field_count when there is none. */
static size_t field_find(const struct schema *schema, uint64_t number, size_t start)
{
	size_t count = schema->field_count;

	for (size_t n = 0; n < count; n++) {
		size_t i = start + n < count ? start + n : start + n - count;

		if (schema->fields[i].number == number)
			return i;
	}
	return count;
}

static int decode_entry(struct decoder *decoder, const struct schema *schema, const struct item *key, uint64_t *seen, size_t *start,
			void *value)
{
	size_t i;

	if (key->type != ITEM_UNSIGNED || !key->number)
		return fail(decoder, "expected the number of a field");
	i = field_find(schema, key->number, *start);
	if (i == schema->field_count)
		return skip_value(decoder, 0);
	if (*seen >> i & 1)
		return fail(decoder, "a field that is there twice");
	*seen |= UINT64_C(1) << i;
	*start = i + 1;
	return decode_field(decoder, &schema->fields[i], value);
}

static int decode_struct(struct decoder *decoder, const struct schema *schema, void *value)
{
	struct item item;
	uint64_t left, seen = 0;
	size_t start = 0;
	int code;

	assert(schema->field_count <= SCHEMA_FIELDS_MAX);
	schema_defaults(schema, value);
	code = next_item(decoder, &item);
	if (code < 0)
		return code;
	if (item.type != ITEM_MAP && item.type != ITEM_ENDLESS_MAP)
		return fail(decoder, "expected a map");
	left = item.type == ITEM_MAP ? item.number : UINT64_MAX;
	for (; left; left--) {
		code = next_item(decoder, &item);
		if (code < 0)
			return code;
		if (item.type == ITEM_BREAK && left > UINT64_MAX / 2)
			return 0;
		code = decode_entry(decoder, schema, &item, &seen, &start, value);
		if (code < 0)
			return code;
	}
	return 0;
}

int schema_decode(const struct schema *schema, const void *data, size_t length, struct arena *arena, void *value, struct err *err)
{
	struct decoder decoder = { .data = length ? data : "", .length = length, .arena = arena, .err = err };
	int code = decode_struct(&decoder, schema, value);

	if (code < 0)
		return err_prefix(err, code, "%s", schema->name);
	if (decoder.offset != length)
		return err_prefix(err, fail(&decoder, "more bytes than the value has"), "%s", schema->name);
	return 0;
}
