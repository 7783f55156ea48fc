/* SPDX-License-Identifier: GPL-2.0 */
/* Nothing: only kunit_kzalloc() is used by suites. */
