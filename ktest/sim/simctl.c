// SPDX-License-Identifier: GPL-2.0
/* Commands from standard input, what they do on standard output. */
#include "ctl.h"

int main(int argc, char **argv)
{
	char line[512];
	struct ctl *c;

	if (argc > 1) {
		printf("usage: simctl < COMMANDS\n\n%s", ctl_help);
		return strcmp(argv[1], "--help") ? 2 : 0;
	}
	c = xcalloc(1, sizeof(*c));
	ctl_init(c, stdout);
	while (fgets(line, sizeof(line), stdin)) {
		ctl_exec(c, line);
		fflush(stdout);
	}
	ctl_free(c);
	free(c);
	return 0;
}
