/* SPDX-License-Identifier: GPL-2.0 */
/* The system's own: <errno.h> includes this name for its numbers. */
#include_next <linux/errno.h>
