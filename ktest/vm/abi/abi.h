/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The parts of ct-abi. Each is given a handle, or opens its own.
 */
#ifndef ABI_H
#define ABI_H

/**
 * struct hooks - shell commands that change the world
 * @up: from "node not started" to "a cluster with a leader"
 * @cut: this node loses the quorum
 * @heal: and gets it back; a leader may come later
 */
struct hooks {
	const char *up, *cut, *heal;
};

void test_not_started(const struct hooks *h);	/* leaves it started */
void test_arguments(int fd);			/* arguments.c */
void test_names(int fd);			/* names.c */
void test_memory(int fd);			/* memory.c */
void test_gone(int fd);				/* gone.c */
void test_file(int fd);				/* file.c */
void test_race(int fd, unsigned int seconds);	/* race.c */
void test_waits(int fd, const struct hooks *h);	/* waits.c */

#endif
