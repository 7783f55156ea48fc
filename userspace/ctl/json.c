// SPDX-License-Identifier: GPL-2.0
#include <inttypes.h>

#include "json.h"
#include "text.h"

void json_begin(struct json *j, FILE *out)
{
	j->out = out;
	j->comma = false;
	j->depth = 0;
}

static void put_quoted(FILE *out, const char *s)
{
	fputc('"', out);
	while (*s) {
		size_t n = utf8_length(s);
		unsigned char c = (unsigned char)*s;

		if (!n)
			fputs("\\ufffd", out);
		else if (c == '"' || c == '\\')
			fprintf(out, "\\%c", c);
		else if (c < 0x20 || c == 0x7f)
			fprintf(out, "\\u%04x", c);
		else
			fwrite(s, 1, n, out);
		s += n ? n : 1;
	}
	fputc('"', out);
}

static void item(struct json *j, const char *key)
{
	if (j->comma)
		fputs(", ", j->out);
	j->comma = true;
	if (key)
		fprintf(j->out, "\"%s\": ", key);
}

static void opening(struct json *j, const char *key, char open, char close)
{
	item(j, key);
	fputc(open, j->out);
	if (j->depth < (int)sizeof(j->closing))
		j->closing[j->depth] = close;
	j->depth++;
	j->comma = false;
}

void json_object(struct json *j, const char *key)
{
	opening(j, key, '{', '}');
}

void json_array(struct json *j, const char *key)
{
	opening(j, key, '[', ']');
}

void json_end(struct json *j)
{
	j->depth--;
	fputc(j->closing[j->depth], j->out);
	j->comma = true;
}

void json_string(struct json *j, const char *key, const char *value)
{
	if (!value) {
		json_null(j, key);
		return;
	}
	item(j, key);
	put_quoted(j->out, value);
}

void json_u64(struct json *j, const char *key, uint64_t value)
{
	item(j, key);
	fprintf(j->out, "%" PRIu64, value);
}

void json_bool(struct json *j, const char *key, bool value)
{
	item(j, key);
	fputs(value ? "true" : "false", j->out);
}

void json_null(struct json *j, const char *key)
{
	item(j, key);
	fputs("null", j->out);
}

void json_hex(struct json *j, const char *key, const uint8_t *bytes, size_t n)
{
	size_t i;

	item(j, key);
	fputc('"', j->out);
	for (i = 0; i < n; i++)
		fprintf(j->out, "%02x", bytes[i]);
	fputc('"', j->out);
}

void json_finish(struct json *j)
{
	fputc('\n', j->out);
	fflush(j->out);
}
