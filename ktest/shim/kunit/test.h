/* SPDX-License-Identifier: GPL-2.0 */
/*
 * KUnit's names over plain stdio, so that one suite file runs in the kernel
 * and here under sanitizers. Output is TAP; an assertion leaves its case.
 *
 * A program is one or several suite files and shim_kunit.c.
 */
#ifndef SHIM_KUNIT_TEST_H
#define SHIM_KUNIT_TEST_H

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <linux/types.h>
#include <linux/kernel.h>

struct kunit {
	void *priv;
	int failed;
	const char *skipped;
	jmp_buf out;
	void *mem;	/* chain of kunit_kzalloc() */
};

struct kunit_case {
	void (*run_case)(struct kunit *test);
	const char *name;
};

struct kunit_suite {
	const char name[256];
	int (*init)(struct kunit *test);
	void (*exit)(struct kunit *test);
	struct kunit_case *test_cases;
};

void shim_kunit_register(struct kunit_suite *s);
void *shim_kunit_alloc(struct kunit *test, size_t n);

#define KUNIT_CASE(f) { .run_case = f, .name = #f }
#define kunit_test_suite(s) \
	static void __attribute__((__constructor__)) shim_add_##s(void) \
	{ shim_kunit_register(&s); }
#define kunit_test_suites(...) \
	static void __attribute__((__constructor__)) shim_add_suites(void) \
	{ struct kunit_suite *all[] = { __VA_ARGS__ }; \
	  for (size_t i = 0; i < ARRAY_SIZE(all); i++) \
		shim_kunit_register(all[i]); }

#define GFP_KERNEL 0
#define kunit_kzalloc(t, n, gfp) ((void)(gfp), shim_kunit_alloc(t, n))
#define kunit_kmalloc kunit_kzalloc
#define kunit_info(t, fmt, ...) ((void)(t), printf("# " fmt "\n", ##__VA_ARGS__))
#define kunit_skip(t, fmt) do { (t)->skipped = fmt; longjmp((t)->out, 1); } while (0)

#define SHIM_FAIL(t, fatal, fmt, ...) do { \
	(t)->failed++; \
	printf("# %s:%d: " fmt "\n", __FILE__, __LINE__, ##__VA_ARGS__); \
	if (fatal) \
		longjmp((t)->out, 1); \
} while (0)

#define KUNIT_FAIL(t, fmt, ...) SHIM_FAIL(t, 0, fmt, ##__VA_ARGS__)

/* Each side is evaluated once, as KUnit does; literals are int, hence the pragma. */
#define SHIM_CMP(t, fatal, l, op, r) do { \
	_Pragma("GCC diagnostic push") \
	_Pragma("GCC diagnostic ignored \"-Wsign-compare\"") \
	_Pragma("GCC diagnostic ignored \"-Wshadow\"") \
	__auto_type _l = (l); __auto_type _r = (r); \
	if (!(_l op _r)) \
		SHIM_FAIL(t, fatal, "%s (%lld) %s %s (%lld) does not hold", \
			  #l, (long long)_l, #op, #r, (long long)_r); \
	_Pragma("GCC diagnostic pop") \
} while (0)
#define SHIM_STR(t, fatal, l, r) do { \
	const char *_l = (l), *_r = (r); \
	if (strcmp(_l, _r)) \
		SHIM_FAIL(t, fatal, "'%s' is not '%s'", _l, _r); \
} while (0)
#define SHIM_TRUE(t, fatal, c, want) do { \
	if ((!!(c)) != (want)) \
		SHIM_FAIL(t, fatal, "%s is %s", #c, want ? "false" : "true"); \
} while (0)

#define KUNIT_EXPECT_EQ(t, l, r) SHIM_CMP(t, 0, l, ==, r)
#define KUNIT_EXPECT_NE(t, l, r) SHIM_CMP(t, 0, l, !=, r)
#define KUNIT_EXPECT_LT(t, l, r) SHIM_CMP(t, 0, l, <, r)
#define KUNIT_EXPECT_LE(t, l, r) SHIM_CMP(t, 0, l, <=, r)
#define KUNIT_EXPECT_GT(t, l, r) SHIM_CMP(t, 0, l, >, r)
#define KUNIT_EXPECT_GE(t, l, r) SHIM_CMP(t, 0, l, >=, r)
#define KUNIT_ASSERT_EQ(t, l, r) SHIM_CMP(t, 1, l, ==, r)
#define KUNIT_ASSERT_NE(t, l, r) SHIM_CMP(t, 1, l, !=, r)
#define KUNIT_ASSERT_LT(t, l, r) SHIM_CMP(t, 1, l, <, r)
#define KUNIT_ASSERT_LE(t, l, r) SHIM_CMP(t, 1, l, <=, r)
#define KUNIT_ASSERT_GT(t, l, r) SHIM_CMP(t, 1, l, >, r)
#define KUNIT_ASSERT_GE(t, l, r) SHIM_CMP(t, 1, l, >=, r)
#define KUNIT_EXPECT_TRUE(t, c) SHIM_TRUE(t, 0, c, 1)
#define KUNIT_EXPECT_FALSE(t, c) SHIM_TRUE(t, 0, c, 0)
#define KUNIT_ASSERT_TRUE(t, c) SHIM_TRUE(t, 1, c, 1)
#define KUNIT_ASSERT_FALSE(t, c) SHIM_TRUE(t, 1, c, 0)
#define KUNIT_EXPECT_STREQ(t, l, r) SHIM_STR(t, 0, l, r)
#define KUNIT_EXPECT_PTR_EQ(t, l, r) SHIM_TRUE(t, 0, (l) == (r), 1)
#define KUNIT_EXPECT_NULL(t, p) SHIM_TRUE(t, 0, (p) == NULL, 1)
#define KUNIT_EXPECT_NOT_NULL(t, p) SHIM_TRUE(t, 0, (p) != NULL, 1)
#define KUNIT_ASSERT_NOT_NULL(t, p) SHIM_TRUE(t, 1, (p) != NULL, 1)
#define KUNIT_EXPECT_TRUE_MSG(t, c, fmt, ...) do { \
	if (!(c)) \
		SHIM_FAIL(t, 0, "%s: " fmt, #c, ##__VA_ARGS__); } while (0)
#define KUNIT_EXPECT_EQ_MSG(t, l, r, fmt, ...) do { \
	if (!((l) == (r))) \
		SHIM_FAIL(t, 0, "%s != %s: " fmt, #l, #r, ##__VA_ARGS__); } while (0)

#define MODULE_LICENSE(x)
#define MODULE_DESCRIPTION(x)

#endif
