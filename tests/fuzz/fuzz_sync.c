/* Any bytes as what an agent says: refused with a sentence, or answered, and the state stays whole. Messages
 * are parted by zero bytes, so that one input is a conversation. */
#include <stdlib.h>
#include <string.h>

#include "platform_seed.h"

static void say(struct platform *platform, const char *text, size_t length)
{
	struct arena arena = { 0 };
	struct strbuf json = { 0 };
	struct problems problems;
	struct sync_request request;
	struct sync_reply reply;
	struct event_list list;
	struct err err = { "" };
	struct doc *doc;
	int code;

	problems_init(&problems, &arena, "");
	problems.message = true;
	event_list_init(&list, &arena);
	if (doc_parse_json(text, length, &doc_limits_request, &arena, &doc, &err) == 0 &&
	    schema_read(&sync_request_schema, doc, &request, &problems) == 0) {
		code = decide_sync(platform, SEED_NOW_US + 1, &request, &list, &err);
		if (code < 0 && !*err.text)
			abort();
		for (size_t i = 0; code == 0 && i < list.count; i++)
			platform_apply(platform, &list.events[i]);
		if (code == 0) {
			platform_observe_sync(platform, SEED_NOW_US + 1, &request);
			platform_sync_reply(platform, &request, &arena, &reply);
			schema_write_json(&sync_reply_schema, &reply, true, &json);
		}
	}
	strbuf_done(&json);
	arena_done(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct platform *platform = seed_platform();

	while (size > 0) {
		const uint8_t *end = memchr(data, 0, size);
		size_t length = end ? (size_t)(end - data) : size;

		say(platform, (const char *)data, length);
		length += end ? 1 : 0;
		data += length;
		size -= length;
	}
	seed_check(platform);
	platform_free(platform);
	return 0;
}
