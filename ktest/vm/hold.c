// SPDX-License-Identifier: GPL-2.0
/*
 * Holds a handle of one network namespace from a process of another, and adds
 * to a counter through it until that fails; linked statically.
 *
 *	ct-hold NETNS-PATH NAME
 *
 * Prints a dot on the first result. Exits 0 if the end was ESHUTDOWN and a
 * second call says so too: the node is gone, for good. Else 1.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/consensus.h>

static void die(const char *what)
{
	perror(what);
	_exit(1);
}

static void enter(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || setns(fd, CLONE_NEWNET))
		die(path);
	close(fd);
}

/* Return: 0 or an errno. */
static int add(int handle, const char *name)
{
	struct consensus_counter_add arg = {
		.op.timeout_ns = CONSENSUS_NO_TIMEOUT,
		.delta = 1,
	};

	strncpy(arg.name, name, sizeof(arg.name) - 1);
	return ioctl(handle, CONSENSUS_IOC_COUNTER_ADD, &arg) ? errno : 0;
}

int main(int argc, char **argv)
{
	int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	unsigned long long done = 0;
	int handle, err, again;

	if (argc != 3 || home < 0)
		return 2;
	enter(argv[1]);
	handle = open("/dev/consensus", O_RDWR | O_CLOEXEC);
	if (handle < 0)
		die("/dev/consensus");
	if (setns(home, CLONE_NEWNET))
		die("the way home");
	while (!(err = add(handle, argv[2])))
		if (!done++)
			(void)!write(1, ".\n", 2);
	again = add(handle, argv[2]);
	printf("%llu results, then %s, then %s\n", done, strerrorname_np(err),
	       strerrorname_np(again));
	/* what was under way when the node died may have an unknown outcome */
	return !(again == ESHUTDOWN && (err == ESHUTDOWN || err == ENOTRECOVERABLE));
}
