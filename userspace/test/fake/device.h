/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The names that ld --wrap gives.
 */
#ifndef TEST_FAKE_DEVICE_H
#define TEST_FAKE_DEVICE_H

int __real_open(const char *path, int flags, ...);
int __real_ioctl(int fd, unsigned long number, ...);
int __wrap_open(const char *path, int flags, ...);
int __wrap_ioctl(int fd, unsigned long number, ...);

#endif
