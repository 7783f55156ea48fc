// SPDX-License-Identifier: GPL-2.0
/*
 * Rings, structs, handles, threads, processes, nodes and namespaces end with hundreds of
 * commands under way. TAP on standard output.
 *
 *	ct-teardown [--cut COMMAND --heal COMMAND [--closed-only]] [--full]
 *		[--down COMMAND --up COMMAND] [--other NETNS --destroy COMMAND] [--slow TIMES]
 *
 * --cut takes the quorum away from the node here, --heal gives it back; --closed-only: then
 * only what concerns rings that are closed. --full: the node's queue. --down stops the node
 * here. --destroy deletes NETNS, in which another node is; there must be a quorum without
 * it. --slow: how many times slower than usual elections are.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "teardown.h"

struct world world = { .slow = 1 };

/* From 6.7 on kernels tell of rings that are closed. */
static bool kernel_cancels(void)
{
	struct utsname u;
	int major, minor;

	if (uname(&u) || sscanf(u.release, "%d.%d", &major, &minor) != 2)
		bail("what kernel is this?");
	return major > 6 || (major == 6 && minor >= 7);
}

static void await_no_quorum(void)
{
	int fd = open_device(O_RDWR);
	uint64_t until = now_ns() + 60 * SEC;
	int error;

	/* The first one that ends so tells that its leader is gone. */
	do {
		struct consensus_counter_read r = good_read("teardown", 0);

		r.op.timeout_ns = SEC / 5;
		error = call(fd, CONSENSUS_IOC_COUNTER_READ, &r);
	} while (error != EHOSTUNREACH && now_ns() < until);
	if (error != EHOSTUNREACH)
		bail("the quorum does not go: %s", strerrorname_np(error));
	close(fd);
}

static void without_quorum(bool closed_only)
{
	hook(world.hooks.cut);
	await_no_quorum();
	test_cancel();
	test_withdraw();
	test_ring_closed();
	if (!closed_only) {
		test_unmapped();
		test_handle_closed();
		test_fork();
		test_exec();
	}
	test_exits();
	test_unload();
	/* this one heals */
	test_thread_exit();
}

static void with_quorum(void)
{
	test_reset();
	test_heartbeat();
	test_down();
}

static const struct option options[] = {
	{ "cut", required_argument, NULL, 'c' },
	{ "heal", required_argument, NULL, 'h' },
	{ "down", required_argument, NULL, 'd' },
	{ "up", required_argument, NULL, 'u' },
	{ "other", required_argument, NULL, 'o' },
	{ "destroy", required_argument, NULL, 'D' },
	{ "slow", required_argument, NULL, 's' },
	{ "closed-only", no_argument, NULL, 'C' },
	{ "full", no_argument, NULL, 'f' },
	{ "nothing", no_argument, NULL, 'n' },
	{ }
};

int main(int argc, char **argv)
{
	bool closed_only = false, full = false;
	struct hooks *h = &world.hooks;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'n':
			return 0;	/* what test_exec() executes */
		case 'C':
			closed_only = true;
			break;
		case 'f':
			full = true;
			break;
		case 's':
			world.slow = (unsigned int)atoi(optarg);
			break;
		case '?':
			return 2;
		default:
			*(c == 'c' ? &h->cut : c == 'h' ? &h->heal : c == 'd' ? &h->down :
			  c == 'u' ? &h->up : c == 'o' ? &h->other : &h->destroy) = optarg;
		}
	}
	if (!h->cut != !h->heal || !h->down != !h->up || !h->other != !h->destroy || !world.slow)
		return 2;
	world.cancels = kernel_cancels();
	world.users = users();
	if (h->cut)
		without_quorum(closed_only);
	if (full)
		test_full();
	if (h->down)
		with_quorum();
	if (h->destroy)
		test_destroy();
	return tap_end();
}
