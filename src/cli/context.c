#include "cli/context.h"

#include <ctype.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/strbuf.h"
#include "io/file.h"

#define CONTEXT_FILE_MAX 65536
#define TOKEN_FILE_MAX 4096

char *context_path(void)
{
	const char *path = getenv("WEIR_CONTEXT");
	const char *config = getenv("XDG_CONFIG_HOME");
	const char *home = getenv("HOME");

	if (path && *path)
		return mem_strdup(path);
	if (config && *config)
		return mem_printf("%s/weir/context.json", config);
	return home && *home ? mem_printf("%s/.config/weir/context.json", home) : NULL;
}

void context_done(struct context *context)
{
	free(context->path);
	free(context->server);
	free(context->token);
	free(context->ca_file);
	*context = (struct context){ 0 };
}

/* One header's worth of text: what surrounds it is cut off, and nothing in it can end the line. */
static int clean_token(const char *text, const char *from, char **ret, struct err *err)
{
	const char *begin = text + strspn(text, " \t\r\n");
	size_t length = strcspn(begin, " \t\r\n");

	if (length == 0)
		return err_set(err, -EINVAL, "%s holds no token", from);
	if (begin[length + strspn(begin + length, " \t\r\n")])
		return err_set(err, -EINVAL, "%s holds more than one word, expected a token", from);
	for (size_t i = 0; i < length; i++)
		if (!isgraph((unsigned char)begin[i]))
			return err_set(err, -EINVAL, "%s holds something that is no token", from);
	*ret = mem_strndup(begin, length);
	return 0;
}

static int read_token(const char *path, char **ret, struct err *err)
{
	cleanup_strbuf struct strbuf text = { 0 };
	int code = file_read(path, TOKEN_FILE_MAX, &text, err);

	return code < 0 ? code : clean_token(strbuf_text(&text), path, ret, err);
}

/* What the context file says; absent keys are NULL. Strings live as long as *ret_json. */
struct stored {
	const char *server, *token_file, *ca_file;
};

static int read_stored(const char *path, json_t **ret_json, struct stored *ret, struct err *err)
{
	cleanup_strbuf struct strbuf text = { 0 };
	json_error_t fault;
	json_t *json;
	int code = path ? file_read(path, CONTEXT_FILE_MAX, &text, err) : -ENOENT;

	if (code < 0)
		return code;
	json = json_loadb(strbuf_text(&text), text.length, JSON_REJECT_DUPLICATES, &fault);
	if (!json)
		return err_set(err, -EINVAL, "%s:%d:%d: %s", path, fault.line, fault.column, fault.text);
	if (!json_is_object(json)) {
		json_decref(json);
		return err_set(err, -EINVAL, "%s: expected an object with server, token_file, ca_file", path);
	}
	ret->server = json_string_value(json_object_get(json, "server"));
	ret->token_file = json_string_value(json_object_get(json, "token_file"));
	ret->ca_file = json_string_value(json_object_get(json, "ca_file"));
	*ret_json = json;
	return 0;
}

static char *beside(const char *context_file, const char *path)
{
	const char *slash = strrchr(context_file, '/');

	if (path[0] == '/' || !slash)
		return mem_strdup(path);
	return mem_printf("%.*s/%s", (int)(slash - context_file), context_file, path);
}

static int set_server(struct context *context, const char *server, const char *from, struct err *err)
{
	size_t length = strlen(server);

	if (strncmp(server, "http://", 7) != 0 && strncmp(server, "https://", 8) != 0)
		return err_set(err, -EINVAL, "the server '%s' (from %s): expected a URL such as %s", server, from, CONTEXT_SERVER_DEFAULT);
	while (length > 0 && server[length - 1] == '/')
		length--;
	context->server = mem_strndup(server, length);
	context->server_from = from;
	return 0;
}

static int find_token(struct context *context, const struct context_options *options, const char *stored_file, struct err *err)
{
	const char *token = getenv("WEIR_TOKEN");
	const char *token_file = getenv("WEIR_TOKEN_FILE");

	if (options->token_file) {
		context->token_from = "--token-file";
		return read_token(options->token_file, &context->token, err);
	}
	if (token && *token) {
		context->token_from = "WEIR_TOKEN";
		return clean_token(token, "WEIR_TOKEN", &context->token, err);
	}
	if (token_file && *token_file) {
		context->token_from = "WEIR_TOKEN_FILE";
		return read_token(token_file, &context->token, err);
	}
	if (stored_file) {
		cleanup_free char *path = beside(context->path, stored_file);

		context->token_from = "the context file";
		return read_token(path, &context->token, err);
	}
	context->token_from = "nowhere";
	return 0;
}

static int find_all(struct context *context, const struct context_options *options, const struct stored *stored, struct err *err)
{
	const char *server = getenv("WEIR_SERVER");
	const char *ca_file = getenv("WEIR_CA_FILE");
	bool own;
	int code;

	if (options->server)
		code = set_server(context, options->server, "--server", err);
	else if (server && *server)
		code = set_server(context, server, "WEIR_SERVER", err);
	else if (stored->server)
		code = set_server(context, stored->server, "the context file", err);
	else
		code = set_server(context, CONTEXT_SERVER_DEFAULT, "the default", err);
	if (code < 0)
		return code;
	own = stored->server && strncmp(stored->server, context->server, strlen(context->server)) == 0 &&
	      strspn(stored->server + strlen(context->server), "/") == strlen(stored->server + strlen(context->server));
	if (options->ca_file)
		context->ca_file = mem_strdup(options->ca_file);
	else if (ca_file && *ca_file)
		context->ca_file = mem_strdup(ca_file);
	else if (own && stored->ca_file)
		context->ca_file = beside(context->path, stored->ca_file);
	return find_token(context, options, own ? stored->token_file : NULL, err);
}

int context_find(const struct context_options *options, struct context *ret, struct err *err)
{
	struct context context = { .path = context_path() };
	struct stored stored = { 0 };
	json_t *json = NULL;
	bool needed = !options->server || !options->token_file; /* else a broken file should not be in the way */
	int code = needed ? read_stored(context.path, &json, &stored, err) : 0;
	const char *named = getenv("WEIR_CONTEXT");

	if (code == -ENOENT && !(named && *named))
		code = 0; /* nobody said that there was one */
	if (code == 0)
		code = find_all(&context, options, &stored, err);
	json_decref(json);
	if (code < 0) {
		context_done(&context);
		return code;
	}
	*ret = context;
	return 0;
}

int context_check(const struct context_options *options, struct err *err)
{
	struct context context = { 0 };
	int code = set_server(&context, options->server, "--server", err);

	if (code == 0 && options->token_file)
		code = read_token(options->token_file, &context.token, err);
	context_done(&context);
	return code;
}

int context_write(const char *path, const char *server, const char *token_file, const char *ca_file, struct err *err)
{
	json_t *json = json_pack("{s:s, s:s*, s:s*}", "server", server, "token_file", token_file, "ca_file", ca_file);
	cleanup_free char *text = json ? json_dumps(json, JSON_INDENT(2)) : NULL;
	cleanup_free char *folder = mem_strdup(path);
	char *slash = strrchr(folder, '/');
	int code = 0;

	json_decref(json);
	if (!text)
		return err_set(err, -EINVAL, "the context holds text that is no UTF-8");
	if (slash && slash != folder) {
		*slash = 0;
		code = folder_make(folder, 0700, err);
	}
	return code < 0 ? code : file_write(path, text, strlen(text), 0600, err);
}
