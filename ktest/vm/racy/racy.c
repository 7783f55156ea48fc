// SPDX-License-Identifier: GPL-2.0
/*
 * A data race on purpose: what the kcsan kernel has to complain about (selftest). Two
 * threads add to a counter, neither by an atomic nor under a lock, for some seconds.
 */
#include <linux/err.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/sched.h>

enum { RACY_SECONDS = 5, RACY_TURN = 1000 };

static unsigned long racy_count;

static noinline void racy_add(void)
{
	racy_count++;
}

static void racy_turns(void)
{
	unsigned long until = jiffies + RACY_SECONDS * HZ;
	unsigned int i;

	while (time_before(jiffies, until)) {
		for (i = 0; i < RACY_TURN; i++)
			racy_add();
		cond_resched();
	}
}

static int racy_thread(void *arg)
{
	racy_turns();
	/* Until it is told to: its code is the module's. */
	while (!kthread_should_stop())
		schedule_timeout_interruptible(HZ / 10);
	return 0;
}

static int __init racy_init(void)
{
	struct task_struct *task = kthread_run(racy_thread, NULL, "racy");

	if (IS_ERR(task))
		return PTR_ERR(task);
	racy_turns();
	kthread_stop(task);
	return 0;
}

static void __exit racy_exit(void)
{
}

module_init(racy_init);
module_exit(racy_exit);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("A data race on purpose");
