#include "cli/input.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "cli/cli.h"

/* Reads at most one byte more than a file may have. */
static int read_whole(const char *path, struct strbuf *text)
{
	int fd = strcmp(path, "-") == 0 ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
	char buffer[65536];
	ssize_t got;
	int code = 0;

	if (fd < 0)
		return -errno;
	while (text->length <= doc_limits_file.bytes_max) {
		got = read(fd, buffer, sizeof(buffer));
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			code = -errno;
		if (got <= 0)
			break;
		strbuf_add(text, buffer, (size_t)got);
	}
	if (fd != STDIN_FILENO)
		close(fd);
	return code;
}

int input_read(const char *path, struct arena *arena, struct input *ret)
{
	cleanup_strbuf struct strbuf text = { 0 };
	struct doc *doc = NULL;
	int code;

	*ret = (struct input){ .path = path, .shown = strcmp(path, "-") == 0 ? "<stdin>" : path };
	problems_init(&ret->problems, arena, ret->shown);
	code = read_whole(path, &text);
	if (code < 0) {
		problems_add(&ret->problems, NULL, "", "can't be read: %s", strerror(-code));
		return code;
	}
	code = file_read_text(strbuf_text(&text), text.length, &ret->problems, &ret->file);
	if (code < 0)
		return code;
	ret->read = true;
	/* The same text again for the places; JSON is a subset. */
	if (doc_parse_yaml(strbuf_text(&text), text.length, &doc_limits_file, arena, &doc, NULL) == 0)
		ret->doc = doc;
	return 0;
}

int input_read_kind(const char *path, enum file_kind kind, struct arena *arena, struct input *ret)
{
	cleanup_strbuf struct strbuf text = { 0 };

	if (input_read(path, arena, ret) < 0) {
		problems_print(&ret->problems, &text);
		fputs(strbuf_text(&text), stderr);
		return EXIT_FAILED;
	}
	if (ret->file.kind != kind) {
		cli_complain("%s holds %s where %s was expected", ret->shown, file_kind_to_string(ret->file.kind), file_kind_to_string(kind));
		return EXIT_FAILED;
	}
	return EXIT_OK;
}
