// SPDX-License-Identifier: GPL-2.0
/*
 * Namespaces: each network namespace has a place for one node. Handles hold a
 * reference to that place, never to the namespace; when the namespace goes, its
 * node ends, waiters wake with ESHUTDOWN, and the place waits for its handles.
 */
#include <linux/slab.h>
#include <net/net_namespace.h>
#include <net/netns/generic.h>

#include "node.h"

static unsigned int cns_net_id;

struct cns_ns *cns_ns_of(struct net *net)
{
	return *(struct cns_ns **)net_generic(net, cns_net_id);
}

struct cns_ns *cns_ns_get(struct cns_ns *ns)
{
	kref_get(&ns->ref);
	return ns;
}

static void cns_ns_release(struct kref *ref)
{
	struct cns_ns *ns = container_of(ref, struct cns_ns, ref);

	mutex_destroy(&ns->control);
	kfree(ns);
}

void cns_ns_put(struct cns_ns *ns)
{
	kref_put(&ns->ref, cns_ns_release);
}

static int __net_init cns_net_init(struct net *net)
{
	struct cns_ns **place = net_generic(net, cns_net_id);
	struct cns_ns *ns = kzalloc(sizeof(*ns), GFP_KERNEL);

	if (!ns)
		return -ENOMEM;
	kref_init(&ns->ref);
	mutex_init(&ns->control);
	atomic64_set(&ns->next_handle, 0);
	spin_lock_init(&ns->list_lock);
	INIT_LIST_HEAD(&ns->list);
	ns->net = net;
	*place = ns;
	return 0;
}

/* Devices and routes still exist here; later they must not be held any more. */
static void __net_exit cns_net_pre_exit(struct net *net)
{
	struct cns_ns *ns = cns_ns_of(net);
	struct cns_node *n;

	mutex_lock(&ns->control);
	WRITE_ONCE(ns->dead, true);
	ns->net = NULL;
	n = rcu_replace_pointer(ns->node, NULL,
				lockdep_is_held(&ns->control));
	if (n)
		cns_node_stop(n, -ESHUTDOWN);
	mutex_unlock(&ns->control);
	cns_detach_end(ns);
	cns_handles_wake(ns);
}

static void __net_exit cns_net_exit(struct net *net)
{
	cns_ns_put(cns_ns_of(net));
}

static struct pernet_operations cns_net_ops = {
	.init = cns_net_init,
	.pre_exit = cns_net_pre_exit,
	.exit = cns_net_exit,
	.id = &cns_net_id,
	.size = sizeof(struct cns_ns *),
};

int cns_ns_init(void)
{
	return register_pernet_subsys(&cns_net_ops);
}

void cns_ns_exit(void)
{
	unregister_pernet_subsys(&cns_net_ops);
}
