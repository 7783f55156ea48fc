// SPDX-License-Identifier: GPL-2.0
/* Runs the registered suites; prints TAP; exit status 1 if a case failed. */
#include <kunit/test.h>

enum { SUITES_MAX = 64 };

static struct kunit_suite *suites[SUITES_MAX];
static int n_suites;

struct chunk {
	struct chunk *next;
	unsigned char bytes[] __aligned(16);
};

void shim_kunit_register(struct kunit_suite *s)
{
	if (n_suites == SUITES_MAX)
		abort();
	suites[n_suites++] = s;
}

void *shim_kunit_alloc(struct kunit *test, size_t n)
{
	struct chunk *c = calloc(1, sizeof(*c) + n);

	if (!c)
		return NULL;
	c->next = test->mem;
	test->mem = c;
	return c->bytes;
}

static void drop_memory(struct kunit *test)
{
	struct chunk *c;

	while ((c = test->mem)) {
		test->mem = c->next;
		free(c);
	}
}

static int run_case(struct kunit_suite *s, struct kunit_case *c, int n)
{
	struct kunit test = { 0 };

	if (!setjmp(test.out) && (!s->init || !s->init(&test)))
		c->run_case(&test);
	if (s->exit && !setjmp(test.out))
		s->exit(&test);
	drop_memory(&test);
	printf("%sok %d - %s: %s%s%s\n", test.failed ? "not " : "", n, s->name,
	       c->name, test.skipped ? " # SKIP " : "",
	       test.skipped ? test.skipped : "");
	fflush(stdout);
	return !!test.failed;
}

int main(void)
{
	int i, n = 0, failed = 0;
	struct kunit_case *c;

	for (i = 0; i < n_suites; i++)
		for (c = suites[i]->test_cases; c->run_case; c++)
			failed += run_case(suites[i], c, ++n);
	printf("1..%d\n", n);
	return failed || !n;
}
