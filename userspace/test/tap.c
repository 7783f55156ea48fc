// SPDX-License-Identifier: GPL-2.0
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "ctl.h"
#include "tap.h"

static int run, failed;

/* The tool's table, which fail() and options.c refer to; no verb runs here. */
const struct verb verbs[] = { { .name = NULL } };

bool ok(bool passed, const char *name, ...)
{
	va_list args;

	run++;
	failed += !passed;
	printf("%sok %d - ", passed ? "" : "not ", run);
	va_start(args, name);
	vprintf(name, args);
	va_end(args);
	putchar('\n');
	return passed;
}

bool same(const char *got, const char *wanted, const char *name)
{
	if (ok(!strcmp(got, wanted), "%s", name))
		return true;
	printf("# got    %s\n# wanted %s\n", got, wanted);
	return false;
}

bool holds(const char *text, const char *part, const char *name)
{
	if (ok(strstr(text, part), "%s", name))
		return true;
	printf("# in '%s' there is no '%s'\n", text, part);
	return false;
}

int tap_end(void)
{
	printf("1..%d\n", run);
	return failed ? 1 : 0;
}

int main(void)
{
	static void (*const tests[])(void) = { TESTS };
	size_t i;

	for (i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
		tests[i]();
	return tap_end();
}
