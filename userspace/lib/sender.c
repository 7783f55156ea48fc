// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * Senders: numbers for messages, and which of them will not come. The protocol is in
 * consensus_sequence.h.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guard.h"
#include "consensus_sequence.h"

/* How long consensus_sender_end() waits for the cluster; the handle is reset then. */
static const uint64_t end_ns = 1000000000;

/**
 * struct consensus_sender - see consensus_sequence.h
 * @guard: on the lock NAME.send: shared to send, exclusive to void
 * @busy: a number was taken, and its message is under way
 * @token: of the grant under which
 * @counter: NAME.seq
 */
struct consensus_sender {
	struct consensus_guard *guard;
	bool busy;
	uint64_t token;
	char counter[CONSENSUS_NAME_SIZE];
};

/* NAME and what is behind it, if there is room. */
static int put_names(const char *name, char lock[CONSENSUS_NAME_SIZE],
		     char counter[CONSENSUS_NAME_SIZE])
{
	int len;

	if (!*name)
		return -EINVAL;
	len = snprintf(lock, CONSENSUS_NAME_SIZE, "%s.send", name);
	if (len < 0 || len >= CONSENSUS_NAME_SIZE)
		return -ENAMETOOLONG;
	snprintf(counter, CONSENSUS_NAME_SIZE, "%s.seq", name);
	return 0;
}

int consensus_sender_new(struct consensus_sender **sender, const char *name)
{
	struct consensus_sender *s = calloc(1, sizeof(*s));
	char lock[CONSENSUS_NAME_SIZE];
	int ret;

	if (!s)
		return -ENOMEM;
	ret = put_names(name, lock, s->counter);
	if (!ret)
		ret = consensus_guard_new(&s->guard, lock, CONSENSUS_LOCK_SHARED);
	if (ret) {
		free(s);
		return ret;
	}
	*sender = s;
	return 0;
}

void consensus_sender_free(struct consensus_sender *sender)
{
	if (!sender)
		return;
	consensus_guard_free(sender->guard);
	free(sender);
}

int consensus_sender_fd(const struct consensus_sender *sender)
{
	return consensus_guard_fd(sender->guard);
}

/* Its grant goes back, if it has one; whatever the answer, it counts no more. */
static void give_back(struct consensus_sender *sender, uint64_t timeout_ns)
{
	struct consensus_guard *guard = sender->guard;

	if (guard->state == LIB_GUARD_FREE)
		return;
	if (consensus_guard_release(guard, timeout_ns))
		lib_guard_drop(guard);
}

static void give_back_if_wanted(struct consensus_sender *sender, uint64_t timeout_ns)
{
	lib_guard_listen(sender->guard);
	if (sender->guard->state == LIB_GUARD_HELD && sender->guard->wanted)
		give_back(sender, timeout_ns);
}

/* A grant that holds: the one that there is, or another. */
static int take(struct consensus_sender *sender, uint32_t flags, uint64_t timeout_ns,
		struct consensus_fence *fence)
{
	struct consensus_guard *guard = sender->guard;
	int ret = consensus_guard_fence(guard, fence);

	if (ret != -EPERM && !lib_is_loss(ret))
		return ret;
	guard->flags = flags;
	ret = consensus_guard_acquire(guard, timeout_ns);
	return ret ? ret : consensus_guard_fence(guard, fence);
}

/* A number under the shared grant. A loss, and -ESTALE: none was taken. */
static int number(struct consensus_sender *sender, uint64_t timeout_ns,
		  struct consensus_stamp *stamp)
{
	struct consensus_result result;
	struct consensus_fence fence;
	int ret;

	ret = take(sender, CONSENSUS_LOCK_SHARED, timeout_ns, &fence);
	if (ret)
		return ret;
	ret = consensus_counter_add_fenced(sender->guard->fd, &fence, sender->counter, 1,
					   timeout_ns, &result);
	/* The cluster knows more than this node does yet. */
	if (ret == -ESTALE)
		lib_guard_lose(sender->guard, -EKEYREVOKED);
	if (ret)
		return ret;
	stamp->number = result.value;
	stamp->token = fence.token;
	return 0;
}

int consensus_sender_begin(struct consensus_sender *sender, uint64_t timeout_ns,
			   struct consensus_stamp *stamp)
{
	int ret = lib_guard_mine(sender->guard);

	if (ret)
		return ret;
	if (sender->busy)
		return -EBUSY;
	/* Who voids goes first, or would wait for ever for those who send all the time. */
	give_back_if_wanted(sender, timeout_ns);
	ret = number(sender, timeout_ns, stamp);
	/* A grant of before may be lost: once more, under another. */
	if (ret == -ESTALE || lib_is_loss(ret))
		ret = number(sender, timeout_ns, stamp);
	if (ret)
		return ret;
	sender->busy = true;
	sender->token = stamp->token;
	return 0;
}

int consensus_sender_end(struct consensus_sender *sender)
{
	int ret = lib_guard_mine(sender->guard);

	if (ret)
		return ret;
	if (sender->busy)
		ret = consensus_guard_check(sender->guard);
	sender->busy = false;
	give_back_if_wanted(sender, end_ns);
	return ret;
}

/* What was taken under grants before this one, which is the only one. */
static int last_number(struct consensus_sender *sender, uint64_t timeout_ns,
		       struct consensus_stamp *stamp)
{
	struct consensus_result result;
	struct consensus_fence fence;
	int ret;

	ret = take(sender, 0, timeout_ns, &fence);
	if (ret)
		return ret;
	ret = consensus_counter_read_fenced(sender->guard->fd, &fence, sender->counter,
					    CONSENSUS_LINEARIZABLE, 0, timeout_ns, &result);
	if (ret && ret != -ENOENT)
		return ret;
	stamp->number = ret ? 0 : result.value;
	stamp->token = fence.token;
	return 0;
}

int consensus_sender_void(struct consensus_sender *sender, uint64_t timeout_ns,
			  struct consensus_stamp *stamp)
{
	int ret = lib_guard_mine(sender->guard);

	if (ret)
		return ret;
	if (sender->busy)
		return -EBUSY;
	give_back(sender, timeout_ns);
	ret = last_number(sender, timeout_ns, stamp);
	/* The stamp says what it says for good: nobody has to wait for what follows. */
	if (sender->guard->state != LIB_GUARD_FREE)
		lib_guard_drop(sender->guard);
	return ret;
}
