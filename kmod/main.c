// SPDX-License-Identifier: GPL-2.0
/*
 * The module: doors are opened last and shut first.
 */
#include <linux/module.h>
#include <linux/workqueue.h>

#include "op.h"

static int __init cns_init(void)
{
	int err;

	cns_wq = alloc_workqueue("consensus", WQ_UNBOUND | WQ_MEM_RECLAIM, 0);
	if (!cns_wq)
		return -ENOMEM;
	err = cns_keep_module_init();
	if (err)
		goto wq;
	err = cns_request_init();
	if (err)
		goto keep;
	err = cns_lock_init();
	if (err)
		goto requests;
	err = cns_op_module_init();
	if (err)
		goto locks;
	err = cns_ns_init();
	if (err)
		goto ops;
	err = cns_control_init();
	if (err)
		goto ns;
	err = cns_device_init();
	if (err)
		goto control;
	return 0;

control:
	cns_control_exit();
ns:
	cns_ns_exit();
ops:
	cns_op_module_exit();
locks:
	cns_lock_exit();
requests:
	cns_request_exit();
keep:
	cns_keep_module_exit();
wq:
	destroy_workqueue(cns_wq);
	return err;
}

static void __exit cns_exit(void)
{
	cns_device_exit();
	cns_control_exit();
	cns_ns_exit();
	cns_keep_module_exit();
	cns_detach_exit();
	/* Nodes are freed by work that is queued by RCU. */
	rcu_barrier();
	destroy_workqueue(cns_wq);
	cns_op_module_exit();
	cns_lock_exit();
	cns_request_exit();
}

module_init(cns_init);
module_exit(cns_exit);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Replicated counters and locks by Raft, in the kernel");
