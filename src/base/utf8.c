#include "base/utf8.h"

#include <stdbool.h>

unsigned utf8_read(const char *text, uint32_t *ret_point)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	unsigned char first = (unsigned char)text[0];
	unsigned length = first < 0x80 ? 1 : first >> 5 == 6 ? 2 : first >> 4 == 14 ? 3 : first >> 3 == 30 ? 4 : 0;
	uint32_t point = length == 1 ? first : first & (0xffu >> (length + 1));

	for (unsigned i = 1; i < length; i++) {
		unsigned char next = (unsigned char)text[i];

		if (next >> 6 != 2)
			return 0;
		point = point << 6 | (next & 63u);
	}
	if (length > 1 && (point < least[length] || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff)))
		return 0;
	*ret_point = point;
	return length;
}

size_t utf8_cut(const char *text, size_t length)
{
	for (size_t back = 0; back < 4 && length; back++, length--)
		if ((unsigned char)text[length] >> 6 != 2)
			break;
	return length;
}

void utf8_clean(char *text)
{
	while (*text) {
		uint32_t point;
		unsigned length = utf8_read(text, &point);
		bool bad = !length || point < 0x20 || (point >= 0x7f && point < 0xa0);

		if (!length)
			length = 1;
		for (unsigned i = 0; bad && i < length; i++)
			text[i] = '?';
		text += length;
	}
}
