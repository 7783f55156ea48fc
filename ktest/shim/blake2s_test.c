// SPDX-License-Identifier: GPL-2.0
/* The userspace BLAKE2s against RFC 7693: appendix B and appendix E. */
#include <kunit/test.h>
#include <crypto/blake2s.h>

static void blake2s_of_abc(struct kunit *test)
{
	/* Appendix B */
	static const u8 want[32] = {
		0x50, 0x8c, 0x5e, 0x8c, 0x32, 0x7c, 0x14, 0xe2,
		0xe1, 0xa7, 0x2b, 0xa3, 0x4e, 0xeb, 0x45, 0x2f,
		0x37, 0x45, 0x8b, 0x20, 0x9e, 0xd6, 0x3a, 0x29,
		0x4d, 0x99, 0x9b, 0x4c, 0x86, 0x67, 0x59, 0x82,
	};
	u8 out[32];

	blake2s(out, (const u8 *)"abc", NULL, 32, 3, 0);
	KUNIT_EXPECT_EQ(test, memcmp(out, want, 32), 0);
}

/* Appendix E: a deterministic sequence that looks random */
static void sequence(u8 *out, size_t len, u32 seed)
{
	u32 a = 0xdead4bad * seed, b = 1, t;
	size_t i;

	for (i = 0; i < len; i++) {
		t = a + b;
		a = b;
		b = t;
		out[i] = (u8)(t >> 24);
	}
}

/*
 * Appendix E: a hash over the hashes of six lengths of input, four of output,
 * each without and with a key.
 */
static void blake2s_self_test_of_the_rfc(struct kunit *test)
{
	static const u8 want[32] = {
		0x6a, 0x41, 0x1f, 0x08, 0xce, 0x25, 0xad, 0xcd,
		0xfb, 0x02, 0xab, 0xa6, 0x41, 0x45, 0x1c, 0xec,
		0x53, 0xc5, 0x98, 0xb2, 0x4f, 0x4f, 0xc7, 0x87,
		0xfb, 0xdc, 0x88, 0x79, 0x7f, 0x4c, 0x1d, 0xfe,
	};
	static const size_t md_len[4] = { 16, 20, 28, 32 };
	static const size_t in_len[6] = { 0, 3, 64, 65, 255, 1024 };
	static u8 all[4 * 6 * 2 * 32];
	u8 in[1024], key[32], out[32];
	size_t i, j, at = 0;

	for (i = 0; i < 4; i++) {
		for (j = 0; j < 6; j++) {
			sequence(in, in_len[j], (u32)in_len[j]);
			blake2s(all + at, in, NULL, md_len[i], in_len[j], 0);
			at += md_len[i];
			sequence(key, md_len[i], (u32)md_len[i]);
			blake2s(all + at, in, key, md_len[i], in_len[j],
				md_len[i]);
			at += md_len[i];
		}
	}
	blake2s(out, all, NULL, 32, at, 0);
	KUNIT_EXPECT_EQ(test, memcmp(out, want, 32), 0);
}

static struct kunit_case blake2s_cases[] = {
	KUNIT_CASE(blake2s_of_abc),
	KUNIT_CASE(blake2s_self_test_of_the_rfc),
	{}
};

static struct kunit_suite blake2s_suite = {
	.name = "shim-blake2s",
	.test_cases = blake2s_cases,
};

kunit_test_suite(blake2s_suite);
