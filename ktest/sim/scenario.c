// SPDX-License-Identifier: GPL-2.0
/*
 * Runs transcripts: commands, a line ----, what they print, an empty line.
 * Lines that begin with # are kept. One TAP line a file; --rewrite writes what
 * was printed back into the file, to be reviewed as a difference.
 */
#include "ctl.h"

enum { TEXT_MAX = 1 << 20 };

struct text {
	char *at;
	size_t len;
};

static char *slurp(const char *path)
{
	FILE *f = fopen(path, "r");
	char *buf = xcalloc(1, TEXT_MAX);

	if (!f) {
		perror(path);
		exit(2);
	}
	buf[fread(buf, 1, TEXT_MAX - 1, f)] = 0;
	fclose(f);
	return buf;
}

/* One line without its end; NULL behind the last. */
static char *next_line(char **at)
{
	char *line = *at, *end;

	if (!*line)
		return NULL;
	end = strchr(line, '\n');
	if (end) {
		*end = 0;
		*at = end + 1;
	} else {
		*at = line + strlen(line);
	}
	return line;
}

/* What the commands printed, asked for anew for each block. */
static void run_block(struct ctl *c, FILE *out, char **lines, int n)
{
	int i;

	c->w.out = out;
	for (i = 0; i < n; i++)
		ctl_exec(c, lines[i]);
}

static void replay(char *text, FILE *out)
{
	struct ctl *c = xcalloc(1, sizeof(*c));
	char *at = text, *line, *commands[64];
	int n = 0;

	ctl_init(c, out);
	while ((line = next_line(&at))) {
		if (!strcmp(line, "----")) {
			fprintf(out, "----\n");
			run_block(c, out, commands, n);
			fprintf(out, "\n");
			n = 0;
			/* What was printed before ends at an empty line. */
			while ((line = next_line(&at)) && *line)
				;
			continue;
		}
		fprintf(out, "%s\n", line);
		if (*line && *line != '#' && n < 64)
			commands[n++] = line;
	}
	ctl_free(c);
	free(c);
}

static void show_difference(const char *want, const char *got)
{
	int line = 1;

	while (*want && *want == *got) {
		line += *want == '\n';
		want++;
		got++;
	}
	printf("# line %d: expected: %.*s\n", line, (int)strcspn(want, "\n"),
	       want);
	printf("#          but got: %.*s\n", (int)strcspn(got, "\n"), got);
}

static int run_file(const char *path, int number, bool rewrite)
{
	char *want = slurp(path), *copy = strdup(want), *got = NULL;
	const char *name = strrchr(path, '/');
	size_t len;
	FILE *f = open_memstream(&got, &len);
	int bad;

	printf("# %s\n", path);
	fflush(stdout);
	replay(copy, f);
	fclose(f);
	bad = strcmp(want, got);
	if (bad && rewrite) {
		f = fopen(path, "w");
		if (!f || fputs(got, f) < 0 || fclose(f)) {
			perror(path);
			exit(2);
		}
		bad = 0;
	}
	if (bad)
		show_difference(want, got);
	printf("%sok %d - scenario %s\n", bad ? "not " : "", number,
	       name ? name + 1 : path);
	free(want);
	free(copy);
	free(got);
	return !!bad;
}

int main(int argc, char **argv)
{
	bool rewrite = argc > 1 && !strcmp(argv[1], "--rewrite");
	int i, bad = 0, n = 0;

	if (argc < 2 + rewrite || !strcmp(argv[1], "--help")) {
		printf("usage: scenario [--rewrite] FILE...\n\n%s", ctl_help);
		return 2;
	}
	for (i = 1 + rewrite; i < argc; i++)
		bad += run_file(argv[i], ++n, rewrite);
	printf("1..%d\n", n);
	return !!bad;
}
