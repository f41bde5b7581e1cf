/* weir submit: the demands of files, all accepted or, batch by batch, none. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/shown.h"
#include "cli/submission.h"
#include "cli/watch.h"

#define RETRY_DEFAULT_US 30000000
#define POLL_EVERY_US 200000
#define LIST_MAX 50 /* demands named one by one after they were accepted */

static const char *const usage[] = { "submit [OPTION]... FILE..." };
static const char *const examples[] = {
	"weir submit examples/demands/*.yaml",      "every sample",
	"weir submit --wait job.yaml && echo done", "come back when it has ended as it should",
};
static const struct cli_help help = {
	.usage = usage, .usage_count = ARRAY_COUNT(usage), .examples = examples, .example_count = ARRAY_COUNT(examples),
	.purpose = "Submits the demands of files. Every file is checked first; with a problem in any nothing is submitted. While the server "
		   "can't be reached it tries again; a demand is never accepted twice by that.",
	.after = "With --wait the exit status is 0 only if each demand ended as its 'expect' says, or succeeded where\n"
		 "it says nothing. '-' as FILE reads standard input.",
	.arguments_min = 1, .arguments_max = -1, .arguments_expected = "at least one file",
};

struct submit {
	struct context_options context;
	const char *key;
	int64_t retry_us, timeout_us;
	bool wait, json;
};

static void tell_ended(const struct watched *watched)
{
	const char *state = watched_state(watched);
	bool colours = terminal_colours(stdout), expected = watched_as_expected(watched);

	progress_clear();
	printf("%s  %s  %s%s%s%s%s\n", watched->id, json_text(watched->demand, "name"), colours ? style_begin(style_of_state(state)) : "",
	       state, colours ? style_end(style_of_state(state)) : "", expected ? "" : ", expected ", expected ? "" : watched_expected(watched));
	if (!expected)
		printf("      %s\n", json_text(watched->demand, "reason"));
	fflush(stdout);
}

static int print_verdicts(const struct watch *watch, bool json)
{
	json_t *items = json_array(), *page;
	size_t wrong = 0;

	for (size_t i = 0; i < watch->count; i++) {
		const struct watched *watched = &watch->list[i];

		wrong += !watched_as_expected(watched);
		if (!json && watched->demand && !state_has_ended(watched_state(watched)))
			tell_ended(watched);
		json_array_append_new(items, json_pack("{s:s, s:s, s:s, s:s, s:b}", "id", watched->id, "name",
						       json_text(watched->demand, "name"), "state", watched_state(watched), "expect",
						       watched_expected(watched), "as_expected", watched_as_expected(watched)));
	}
	page = json_pack("{s:o}", "items", items);
	if (json)
		json_print(page);
	else
		printf("%zu of %zu as expected\n", watch->count - wrong, watch->count);
	json_decref(page);
	return wrong ? EXIT_FAILED : EXIT_OK;
}

static int wait_for_all(struct client *client, const struct submit *submit, const struct submission *submission, const json_t *ids)
{
	cleanup_watch struct watch watch = { 0 };
	int64_t begun_us = shown_now_us();

	submission_watch(submission, ids, &watch);
	for (;;) {
		int code = watch_poll(client, &watch, true);

		if (code != EXIT_OK && (code != EXIT_UNREACHABLE || shown_now_us() - begun_us > submit->retry_us))
			return watch_poll(client, &watch, false);
		for (size_t i = 0; i < watch.count && !submit->json; i++)
			if (watch.list[i].changed && state_has_ended(watched_state(&watch.list[i])))
				tell_ended(&watch.list[i]);
		if (code == EXIT_OK && watch_is_over(client, &watch))
			break;
		if (submit->timeout_us > 0 && shown_now_us() - begun_us > submit->timeout_us) {
			progress_clear();
			cli_complain("not all have ended in time; what was submitted goes on");
			print_verdicts(&watch, submit->json);
			return EXIT_FAILED;
		}
		progress_show("%zu of %zu have ended", watch_count_ended(&watch), watch.count);
		usleep(POLL_EVERY_US);
	}
	progress_clear();
	return print_verdicts(&watch, submit->json);
}

static void tell_accepted(const struct submission *submission, const json_t *ids, bool repeated)
{
	const json_t *id;
	size_t i;

	json_array_foreach(ids, i, id) {
		if (i == LIST_MAX && submission->count > LIST_MAX + 1) {
			printf("… and %zu more\n", submission->count - LIST_MAX);
			break;
		}
		printf("%s  %s", json_string_value(id), submission->demands[i].name);
		if (submission->demands[i].array)
			printf(": %lld members, %s.0 to %s.%lld", (long long)submission->demands[i].array->count,
			       submission->demands[i].name, submission->demands[i].name, (long long)submission->demands[i].array->count - 1);
		putchar('\n');
	}
	if (repeated)
		printf("They were submitted before, under the same key; nothing was submitted twice.\n");
	fflush(stdout);
}

static int submit_all(const struct submit *submit, const struct texts *paths)
{
	cleanup_submission struct submission submission;
	cleanup(client_free) struct client *client = NULL;
	json_t *ids = json_array(), *answer;
	bool repeated = false;
	char key[33];
	int code = EXIT_OK;

	submission_init(&submission);
	for (size_t i = 0; i < paths->count; i++) {
		int read = submission_read(&submission, paths->items[i]);

		code = read != EXIT_OK ? read : code;
	}
	key_random(key);
	if (code == EXIT_OK)
		code = client_open(&submit->context, &client);
	if (code == EXIT_OK)
		code = submission_send(client, &submission, submit->key ? submit->key : key, submit->retry_us, ids, &repeated);
	if (code == EXIT_OK && submit->json && !submit->wait) {
		answer = json_pack("{s:O, s:b}", "ids", ids, "repeated", repeated);
		json_print(answer);
		json_decref(answer);
	} else if (code == EXIT_OK && !submit->json) {
		tell_accepted(&submission, ids, repeated);
	}
	if (code == EXIT_OK && submit->wait)
		code = wait_for_all(client, submit, &submission, ids);
	json_decref(ids);
	return code;
}

int cmd_submit(int argc, char **argv)
{
	struct submit submit = { .retry_us = RETRY_DEFAULT_US };
	const struct cli_option options[] = {
		CLI_FLAG("wait", 'w', &submit.wait, "come back once all have ended, or are where they are expected to stay"),
		CLI_QUANTITY("timeout", 0, &submit.timeout_us, "TIME", UNIT_DURATION,
			     "with --wait: give up waiting after this time, such as 10m"),
		CLI_TEXT("key", 0, &submit.key, "KEY", "idempotency key: what was submitted under it before is not submitted again"),
		CLI_QUANTITY("retry-for", 0, &submit.retry_us, "TIME", UNIT_DURATION,
			     "try again as long while the server can't be reached (default 30s)"),
		CLIENT_JSON(&submit.json),
		CLIENT_OPTIONS(&submit.context),
	};
	cleanup_arguments struct cli_arguments arguments = { 0 };
	int code = cli_parse(argc, argv, &help, options, ARRAY_COUNT(options), &arguments);

	if (code >= 0)
		return code;
	if (submit.key && strlen(submit.key) > 100)
		return cli_usage_error("--key: expected at most 100 bytes");
	return submit_all(&submit, &arguments.words);
}
