#include "cli/submission.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "base/id.h"
#include "cli/terminal.h"
#include "io/file.h"
#include "wire/files.h"

void submission_init(struct submission *submission)
{
	*submission = (struct submission){ 0 };
	arena_init(&submission->arena);
}

void submission_done(struct submission *submission)
{
	free(submission->demands);
	arena_done(&submission->arena);
	*submission = (struct submission){ 0 };
}

int submission_read(struct submission *submission, const char *path)
{
	cleanup_strbuf struct strbuf text = { 0 }, list = { 0 };
	struct problems problems;
	struct file file;
	struct err err = { "" };

	if (file_read(path, FILE_READ_MAX, &text, &err) < 0) {
		cli_complain("%s", err.text);
		return EXIT_FAILED;
	}
	problems_init(&problems, &submission->arena, strcmp(path, "-") == 0 ? "standard input" : path);
	if (file_read_text(strbuf_text(&text), text.length, &problems, &file) < 0) {
		problems_print(&problems, &list);
		fputs(strbuf_text(&list), stderr);
		return EXIT_FAILED;
	}
	if (file.kind != FILE_DEMANDS) {
		cli_complain("%s: holds a %s, expected demands", path, file_kind_to_string(file.kind));
		return EXIT_FAILED;
	}
	ARRAY_RESERVE(submission->demands, submission->capacity, submission->count + file.demand_count);
	if (file.demand_count)
		memcpy(&submission->demands[submission->count], file.demands, file.demand_count * sizeof(*file.demands));
	submission->count += file.demand_count;
	return EXIT_OK;
}

static void hex(const uint8_t *bytes, size_t count, char *ret_text)
{
	sodium_bin2hex(ret_text, 2 * count + 1, bytes, count);
}

void key_random(char ret_key[33])
{
	uint8_t bytes[16];

	randombytes_buf(bytes, sizeof(bytes));
	hex(bytes, sizeof(bytes), ret_key);
}

static void key_of_content(const struct strbuf *body, char ret_key[33])
{
	uint8_t bytes[16];

	crypto_generichash(bytes, sizeof(bytes), (const unsigned char *)strbuf_text(body), body->length, NULL, 0);
	hex(bytes, sizeof(bytes), ret_key);
}

/* Appends demands to a body until it is full; gives how many. */
static size_t fill_body(const struct submission *submission, size_t from, struct strbuf *body)
{
	size_t at = from;

	strbuf_puts(body, "{\"demands\":[");
	while (at < submission->count && at - from < BATCH_DEMANDS_MAX && (at == from || body->length < BATCH_BYTES_MAX)) {
		if (at > from)
			strbuf_putc(body, ',');
		schema_write_json(&demand_schema, &submission->demands[at++], true, body);
	}
	strbuf_puts(body, "]}");
	return at - from;
}

void submission_watch(const struct submission *submission, const json_t *ids, struct watch *watch)
{
	const json_t *first;
	size_t i;

	json_array_foreach(ids, i, first) {
		int64_t members = i < submission->count && submission->demands[i].array ? submission->demands[i].array->count : 1;
		char text[ID_TEXT_SIZE];
		uint64_t id;

		if (id_parse(json_string_value(first), &id) < 0)
			continue;
		for (int64_t m = 0; m < members; m++, id = id_next(id, 0, (unsigned)(id >> 13) & ID_PLATFORM_MAX))
			watch_add(watch, id_format(id, text));
	}
}

int submission_send(struct client *client, const struct submission *submission, const char *key, int64_t retry_us, json_t *ids,
		    bool *ret_repeated)
{
	size_t done = 0, batch = 0;

	*ret_repeated = false;
	if (sodium_init() < 0)
		return EXIT_FAILED;
	while (done < submission->count) {
		cleanup_strbuf struct strbuf body = { 0 };
		cleanup_free char *batch_key = NULL;
		char content_key[33];
		json_t *answer = NULL;
		size_t count = fill_body(submission, done, &body);
		int code;

		if (!key)
			key_of_content(&body, content_key);
		batch_key = mem_printf("%s-%zu", key ? key : content_key, batch++);
		code = client_call(client, &(struct client_request){ .method = "POST", .path = "/v1/demands/batch",
								     .body_text = strbuf_text(&body), .idempotency_key = batch_key,
								     .retry_us = retry_us }, &answer);
		if (code == EXIT_OK && json_array_size(json_object_get(answer, "ids")) != count) {
			cli_complain("the server took %zu of %zu demands", json_array_size(json_object_get(answer, "ids")), count);
			code = EXIT_FAILED;
		}
		if (code != EXIT_OK) {
			if (done)
				cli_complain("%zu of %zu demands were accepted before", done, submission->count);
			json_decref(answer);
			return code;
		}
		json_array_extend(ids, json_object_get(answer, "ids"));
		*ret_repeated = *ret_repeated || json_flag(answer, "repeated");
		json_decref(answer);
		done += count;
		if (done < submission->count)
			progress_show("%zu of %zu demands accepted", done, submission->count);
	}
	progress_clear();
	return EXIT_OK;
}
