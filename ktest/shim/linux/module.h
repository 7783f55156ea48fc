/* SPDX-License-Identifier: GPL-2.0 */
/* Nothing: suites include it for MODULE_LICENSE(), which kunit/test.h has. */
