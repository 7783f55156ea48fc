// SPDX-License-Identifier: GPL-2.0
/*
 * Lists of locks and of sessions, as this node has applied them: collected as the
 * owner, some at a time, so that a long list holds nobody up.
 */
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "handle.h"

/* Cells that are looked at in one call as the owner, for those that are claims. */
#define CNS_LIST_LOOK	(16 * CNS_LIST_STEP)

/**
 * struct cns_listing - a step of making a list
 * @cursor: where it is
 * @want: elements at most
 * @n: elements made
 * @index: of the state
 * @locks: elements
 * @sessions: elements
 */
struct cns_listing {
	u32 cursor;
	u32 want;
	u32 n;
	u64 index;
	union {
		struct consensus_lock_info *locks;
		struct consensus_session_info *sessions;
	};
};

static u64 cns_list_index(const struct cns_node *n)
{
	struct fsm_stats st;

	fsm_stats(n->fsm, &st);
	return st.applied;
}

static void cns_list_lock(struct consensus_lock_info *i,
			  const struct fsm_claim_view *v)
{
	*i = (struct consensus_lock_info){
		.token = v->token,
		.ticket = v->ticket,
		.index = v->index,
		.since = v->since,
		.session = v->session,
		.handle = v->handle,
		.pid = v->program.pid,
		.uid = v->program.uid,
		.flags = (v->shared ? CONSENSUS_INFO_SHARED : 0) |
			 (v->dead ? CONSENSUS_INFO_DYING : 0),
	};
	memcpy(i->name, v->name, v->name_len);
	if (v->node)
		memcpy(i->node, v->node, v->node_len);
	memcpy(i->comm, v->program.comm, sizeof(i->comm));
	/* What a member sent is shown by tools as a string. */
	i->comm[sizeof(i->comm) - 1] = '\0';
}

static void cns_list_locks_step(struct cns_node *n, void *arg)
{
	struct cns_listing *l = arg;
	struct fsm_claim_view v;
	unsigned int look = CNS_LIST_LOOK;

	l->index = cns_list_index(n);
	while (l->n < l->want && l->cursor != U32_MAX) {
		u32 from = l->cursor;

		if (fsm_claim_next(n->fsm, &l->cursor, look, &v))
			cns_list_lock(&l->locks[l->n++], &v);
		if (l->cursor == U32_MAX || l->cursor - from >= look)
			break;
		look -= l->cursor - from;
	}
}

static void cns_list_session(struct consensus_session_info *i,
			     const struct fsm_session_view *v)
{
	__be64 id[2] = { cpu_to_be64(v->node.hi), cpu_to_be64(v->node.lo) };

	BUILD_BUG_ON(sizeof(id) != sizeof(i->incarnation));
	*i = (struct consensus_session_info){
		.boot_counter = v->boot_counter,
		.boot_nonce = v->boot_nonce,
		.id = v->id,
		.ordinal = v->ordinal,
		.ttl_ms = v->ttl_ms,
		.handles = v->handles,
	};
	memcpy(i->node, v->name, v->name_len);
	memcpy(i->incarnation, id, sizeof(id));
}

static void cns_list_sessions_step(struct cns_node *n, void *arg)
{
	struct cns_listing *l = arg;
	struct fsm_session_view v;

	l->index = cns_list_index(n);
	while (l->n < l->want) {
		if (!fsm_session_next(n->fsm, &l->cursor, &v)) {
			l->cursor = U32_MAX;
			break;
		}
		cns_list_session(&l->sessions[l->n++], &v);
	}
}

/* Elements of @size to the caller's buffer, until it is full or that was all. */
static int cns_list(struct cns_node *n, struct consensus_list *a, size_t size,
		    void (*step)(struct cns_node *n, void *arg))
{
	struct cns_listing l = { .cursor = a->cursor };
	void __user *to = u64_to_user_ptr(a->buffer);
	u32 did = 0;
	int err = 0;

	l.locks = kvmalloc_array(CNS_LIST_STEP, size, GFP_KERNEL_ACCOUNT);
	if (!l.locks)
		return -ENOMEM;
	while (did < a->count && l.cursor != U32_MAX) {
		l.n = 0;
		l.want = min_t(u32, a->count - did, CNS_LIST_STEP);
		cns_node_call(n, step, &l);
		if (copy_to_user(to + did * size, l.locks, l.n * size)) {
			err = -EFAULT;
			break;
		}
		did += l.n;
		if (fatal_signal_pending(current)) {
			err = -EINTR;
			break;
		}
		cond_resched();
	}
	kvfree(l.locks);
	a->count = did;
	a->cursor = l.cursor == U32_MAX ? U64_MAX : l.cursor;
	a->index = l.index;
	return err;
}

static int cns_list_of(struct cns_handle *h, struct consensus_list *a,
		       size_t size,
		       void (*step)(struct cns_node *n, void *arg))
{
	struct cns_node *n;
	int err;

	if (a->flags || a->zero || a->size != size || !a->count ||
	    a->count > CNS_LIST_MAX)
		return -EINVAL;
	if (a->cursor == U64_MAX) {
		a->count = 0;
		return 0;
	}
	if (a->cursor >= U32_MAX)
		return -EINVAL;
	n = cns_node_get(h->ns);
	if (!n)
		return cns_handle_alive(h) ? -ENOTCONN : -ESHUTDOWN;
	err = cns_list(n, a, size, step);
	cns_node_put(n);
	return err;
}

/**
 * cns_list_locks() - LOCK_LIST
 * @h: handle
 * @a: see the uapi
 *
 * Return: 0; -EINVAL, -ENOMEM, -EFAULT, -EINTR, -ENOTCONN, -ESHUTDOWN. May sleep.
 */
int cns_list_locks(struct cns_handle *h, struct consensus_list *a)
{
	return cns_list_of(h, a, sizeof(struct consensus_lock_info),
			   cns_list_locks_step);
}

/**
 * cns_list_sessions() - SESSION_LIST
 * @h: handle
 * @a: see the uapi
 *
 * Return: as cns_list_locks().
 */
int cns_list_sessions(struct cns_handle *h, struct consensus_list *a)
{
	return cns_list_of(h, a, sizeof(struct consensus_session_info),
			   cns_list_sessions_step);
}
