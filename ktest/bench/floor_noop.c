// SPDX-License-Identifier: GPL-2.0
/*
 * The floor of io_uring: an asynchronous no-op, U.
 *
 * A command is taken, and completed from softirq by task work, as one that waits
 * for a datagram must be. Nothing is copied, nothing is sent, nothing else is done.
 *
 *   issue ---> list ......> tasklet ---> task work ---> CQE
 *
 * The tasklet is left to its thread: what is issued together is completed together,
 * like operations that one datagram completes.
 */
#include <linux/fs.h>
#include <linux/interrupt.h>
#include <linux/llist.h>
#include <linux/miscdevice.h>
#include <linux/module.h>

#include "../../kmod/compat.h"
#include "floor.h"

/**
 * struct noop - what a command has while it is under way, in its own 32 bytes
 * @list: the others
 * @cmd: whose
 */
struct noop {
	struct llist_node list;
	struct io_uring_cmd *cmd;
};

static_assert(sizeof(struct noop) <= sizeof_field(struct io_uring_cmd, pdu));

static LLIST_HEAD(noop_pending);

CNS_URING_TASK_WORK(noop_done, cmd, flags)
{
	cns_uring_done(cmd, 0, 0, false, flags);
}

static void noop_complete(struct tasklet_struct *tasklet)
{
	struct llist_node *all = llist_reverse_order(llist_del_all(&noop_pending));
	struct noop *n, *next;

	llist_for_each_entry_safe(n, next, all, list)
		io_uring_cmd_complete_in_task(n->cmd, noop_done);
}

static DECLARE_TASKLET(noop_tasklet, noop_complete);

static int noop_uring_cmd(struct io_uring_cmd *cmd, unsigned int flags)
{
	struct noop *n = (struct noop *)cmd->pdu;

	if (cmd->cmd_op != FLOOR_NOOP)
		return -ENOTTY;
	n->cmd = cmd;
	if (llist_add(&n->list, &noop_pending))
		tasklet_schedule(&noop_tasklet);
	return -EIOCBQUEUED;
}

static const struct file_operations noop_fops = {
	.owner = THIS_MODULE,
	.uring_cmd = noop_uring_cmd,
};

static struct miscdevice noop_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "floor-noop",
	.fops = &noop_fops,
	.mode = 0600,
};

static int __init noop_init(void)
{
	return misc_register(&noop_device);
}

/* A command holds its file, and that this module: none is under way. */
static void __exit noop_exit(void)
{
	misc_deregister(&noop_device);
	tasklet_kill(&noop_tasklet);
}

module_init(noop_init);
module_exit(noop_exit);
MODULE_DESCRIPTION("An asynchronous no-op by io_uring, to measure against");
MODULE_LICENSE("GPL");
