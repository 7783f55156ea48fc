// SPDX-License-Identifier: GPL-2.0
/*
 * A counter in shared memory in place of /dev/consensus, to test the recorder and
 * the bench without a kernel: linked in with --wrap=ioctl. Its locks are always
 * free. FAKE names what it does wrong:
 *
 *	(unset)	nothing
 *	twice	every 50th addition hands out its value again, and grant its token
 *	stale	every 50th linearizable read is answered from long ago
 *	lies	every 50th addition takes effect and reports EHOSTUNREACH
 *	keeps	every 50th release is refused
 *	unknown	every 10th addition reports ENOTRECOVERABLE, half of them took effect
 */
#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include <linux/consensus.h>

enum { LAG = 64 };

static struct fake {
	pthread_mutex_t lock;
	__u64 index;
	unsigned int adds, reads, grants, releases;
	__u64 token;
	__u64 old_value[LAG], old_index[LAG];	/* by index modulo LAG */
} *fake;

__attribute__((constructor)) static void fake_begin(void)
{
	pthread_mutexattr_t attr;

	fake = mmap(NULL, sizeof(*fake), PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
	pthread_mutex_init(&fake->lock, &attr);
}

static bool does(const char *what)
{
	const char *fault = getenv("FAKE");

	return fault && !strcmp(fault, what);
}

static int fail(struct consensus_op *op, int err)
{
	op->status = -err;
	errno = err;
	return -1;
}

static __u64 value(void)
{
	return fake->old_value[fake->index % LAG];
}

/* A caller may be killed anywhere: the last store is what makes it happen. */
static void apply(__u64 after)
{
	__u64 at = fake->index + 1;

	fake->old_value[at % LAG] = after;
	fake->old_index[at % LAG] = at;
	__atomic_store_n(&fake->index, at, __ATOMIC_RELEASE);
}

static int fake_add(struct consensus_counter_add *arg)
{
	unsigned int n = ++fake->adds;
	bool again = does("twice") && n % 50 == 0 && fake->index;

	if (does("unknown") && n % 10 == 0) {
		if (n % 20 == 0)
			apply(value() + arg->delta);
		return fail(&arg->op, ENOTRECOVERABLE);
	}
	apply(again ? value() : value() + arg->delta);
	if (does("lies") && n % 50 == 0)
		return fail(&arg->op, EHOSTUNREACH);
	arg->value = value();
	arg->op.index = fake->index;
	return 0;
}

static int fake_read(struct consensus_counter_read *arg)
{
	__u64 at = fake->index;

	if (does("stale") && !arg->op.flags && ++fake->reads % 50 == 0 && at >= LAG)
		at -= LAG - 1;
	if ((arg->op.flags & CONSENSUS_READ_LOCAL) && at >= LAG)
		at -= at % (LAG - 1);
	if ((arg->op.flags & CONSENSUS_READ_INDEX) && at < arg->op.index)
		return fail(&arg->op, ETIMEDOUT);
	arg->op.index = at;
	if (!at)
		return fail(&arg->op, ENOENT);
	arg->value = fake->old_value[at % LAG];
	arg->version = fake->old_index[at % LAG];
	return 0;
}

static int fake_acquire(struct consensus_lock_acquire *arg)
{
	bool again = does("twice") && ++fake->grants % 50 == 0;

	apply(value());
	if (!again)
		fake->token = fake->index;
	arg->token = fake->token;
	arg->ticket = fake->index;
	arg->lease_ns = 10000000000ull;
	arg->op.index = again ? fake->token : fake->index;
	return 0;
}

static int fake_release(struct consensus_lock_release *arg)
{
	if (!arg->token || (does("keeps") && ++fake->releases % 50 == 0))
		return fail(&arg->op, EPERM);
	apply(value());
	arg->op.index = fake->index;
	return 0;
}

static int fake_call(unsigned long cmd, void *arg)
{
	switch (cmd) {
	case CONSENSUS_IOC_COUNTER_ADD:
		return fake_add(arg);
	case CONSENSUS_IOC_COUNTER_READ:
		return fake_read(arg);
	case CONSENSUS_IOC_LOCK_ACQUIRE:
		return fake_acquire(arg);
	case CONSENSUS_IOC_LOCK_RELEASE:
		return fake_release(arg);
	}
	errno = ENOTTY;
	return -1;
}

/* Time passes on both sides of the moment at which the operation happens. */
int __wrap_ioctl(int fd, unsigned long cmd, ...)
{
	struct timespec a_little = { 0, 20000 };
	void *arg;
	va_list ap;
	int ret;

	(void)fd;
	va_start(ap, cmd);
	arg = va_arg(ap, void *);
	va_end(ap);
	nanosleep(&a_little, NULL);
	if (pthread_mutex_lock(&fake->lock) == EOWNERDEAD)
		pthread_mutex_consistent(&fake->lock);
	ret = fake_call(cmd, arg);
	pthread_mutex_unlock(&fake->lock);
	nanosleep(&a_little, NULL);
	return ret;
}
