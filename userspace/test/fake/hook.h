/* SPDX-License-Identifier: GPL-2.0 */
/*
 * For tests of what the library does with its arguments and with answers: ioctl() of the
 * device goes to a function of the test. Linked in with --wrap=ioctl.
 */
#ifndef FAKE_HOOK_H
#define FAKE_HOOK_H

#include <stdbool.h>

/* Like ioctl() of the device, but 0 or a negative errno. NULL: the real one. */
extern int (*hook_ioctl)(int fd, unsigned long number, void *argument);
/* getpid() is 1, as for a child and its parent that are each the first of a PID namespace. */
extern bool hook_first;

#endif
