/* A struct to its binary form: CBOR (RFC 8949), an indefinite map from field number to value.
 *
 * Indefinite maps, because what is left out is only known once it was looked at, and counting first would
 * look twice. Lists are definite arrays; a MAP is an array of its entries' structs.
 */
#include <assert.h>
#include <cbor.h>
#include <string.h>

#include "wire/schema_field.h"

#define HEAD_MAX 9 /* bytes of a CBOR item without its content */
#define MAP_BEGIN ((char)0xbf)
#define BREAK ((char)0xff)

static void encode_struct(const struct schema *schema, const void *value, struct strbuf *out);

static void advance(struct strbuf *out, size_t written)
{
	assert(written);
	out->length += written;
	out->data[out->length] = 0;
}

static void encode_unsigned(struct strbuf *out, uint64_t value)
{
	advance(out, cbor_encode_uint(value, (unsigned char *)strbuf_reserve(out, HEAD_MAX), HEAD_MAX));
}

static void encode_integer(struct strbuf *out, int64_t value)
{
	if (value >= 0)
		encode_unsigned(out, (uint64_t)value);
	else
		advance(out, cbor_encode_negint((uint64_t)(-1 - value), (unsigned char *)strbuf_reserve(out, HEAD_MAX), HEAD_MAX));
}

static void encode_scalar(const struct field *field, enum field_kind kind, const void *value, struct strbuf *out)
{
	const struct bytes *bytes = value;
	const char *text;
	size_t length;
	int word;

	switch (kind) {
	case FIELD_BOOL:
		advance(out, cbor_encode_bool(*(const bool *)value, (unsigned char *)strbuf_reserve(out, HEAD_MAX), HEAD_MAX));
		break;
	case FIELD_INTEGER:
	case FIELD_QUANTITY:
		encode_integer(out, *(const int64_t *)value);
		break;
	case FIELD_ID:
	case FIELD_U64:
		encode_unsigned(out, *(const uint64_t *)value);
		break;
	case FIELD_ENUM:
		word = *(const int *)value;
		assert(word >= 0 && (size_t)word < field->table->count); /* else the log could not be read back */
		encode_unsigned(out, (uint64_t)word);
		break;
	case FIELD_STRING:
		text = *(const char *const *)value ? *(const char *const *)value : "";
		length = strlen(text);
		advance(out, cbor_encode_string_start(length, (unsigned char *)strbuf_reserve(out, HEAD_MAX), HEAD_MAX));
		strbuf_add(out, text, length);
		break;
	case FIELD_BYTES:
		advance(out, cbor_encode_bytestring_start(bytes->length, (unsigned char *)strbuf_reserve(out, HEAD_MAX), HEAD_MAX));
		strbuf_add(out, bytes->data, bytes->length);
		break;
	default:
		assert(!"a scalar");
	}
}

static void encode_list(const struct field *field, const void *base, struct strbuf *out)
{
	const char *array = *(const char *const *)((const char *)base + field->offset);
	size_t count = *(const size_t *)((const char *)base + field->count_offset);
	bool is_map = field->kind == FIELD_MAP;
	size_t size = is_map ? field->schema->size : element_size(field);

	advance(out, cbor_encode_array_start(count, (unsigned char *)strbuf_reserve(out, HEAD_MAX), HEAD_MAX));
	for (size_t i = 0; i < count; i++) {
		if (is_map || field->element == FIELD_OBJECT)
			encode_struct(field->schema, array + i * size, out);
		else
			encode_scalar(field, field->element, array + i * size, out);
	}
}

static void encode_field(const struct field *field, const void *base, struct strbuf *out)
{
	const void *value = (const char *)base + field->offset;

	switch (field->kind) {
	case FIELD_OBJECT:
		encode_struct(field->schema, value, out);
		break;
	case FIELD_POINTER:
		encode_struct(field->schema, *(const void *const *)value, out);
		break;
	case FIELD_LIST:
	case FIELD_MAP:
		encode_list(field, base, out);
		break;
	default:
		encode_scalar(field, field->kind, value, out);
	}
}

static void encode_struct(const struct schema *schema, const void *value, struct strbuf *out)
{
	strbuf_putc(out, MAP_BEGIN);
	for (size_t i = 0; i < schema->field_count; i++) {
		const struct field *field = &schema->fields[i];
		size_t before = out->length, content;

		if (!field->number || (field->kind != FIELD_OBJECT && field_is_default(field, value)))
			continue;
		encode_unsigned(out, field->number);
		content = out->length;
		encode_field(field, value, out);
		if (field->kind == FIELD_OBJECT && out->length == content + 2) {
			out->length = before; /* an empty map: nothing in it differs from its default */
			out->data[before] = 0;
		}
	}
	strbuf_putc(out, BREAK);
}

void schema_encode(const struct schema *schema, const void *value, struct strbuf *out)
{
	encode_struct(schema, value, out);
}
