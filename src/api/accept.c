/* Content negotiation (RFC 9110, 12.5.1), as far as it matters here: a list of media ranges, where q=0 takes
 * one out. Weights between others are ignored: each route has at most two types to choose from. */
#include <string.h>
#include <strings.h>

#include "api/call.h"

/* Whether the range text[0..length) covers the type. */
static bool range_covers(const char *text, size_t length, const char *type, bool exactly)
{
	size_t major = strcspn(type, "/") + 1;

	if (length == strlen(type) && !strncasecmp(text, type, length))
		return true;
	if (exactly)
		return false;
	if (length == 3 && !strncmp(text, "*/*", 3))
		return true;
	return length == major + 1 && text[length - 1] == '*' && !strncasecmp(text, type, major);
}

static bool weight_is_zero(const char *parameters, size_t length)
{
	const char *end = parameters + length;

	for (const char *q = parameters; q + 2 < end; q++) {
		if ((q[0] != 'q' && q[0] != 'Q') || q[1] != '=')
			continue;
		for (q += 2; q < end && (*q == '0' || *q == '.'); q++)
			;
		return q == end || *q == ' ' || *q == ';';
	}
	return false;
}

bool call_accepts(const struct call *call, const char *type, bool exactly)
{
	const char *text = http_request_header(call->request, "Accept");

	if (!text || !*text)
		return !exactly;
	while (*text) {
		size_t entry = strcspn(text, ",");
		size_t range;

		while (entry && (*text == ' ' || *text == '\t')) {
			text++;
			entry--;
		}
		range = strcspn(text, ",; \t");
		if (range_covers(text, range, type, exactly) && !weight_is_zero(text + range, entry - range))
			return true;
		text += entry + (text[entry] == ',');
	}
	return false;
}
