// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * Operations as structs: how they are filled, and what they tell when they have
 * ended. The blocking calls are made of this, too.
 */
#include <errno.h>
#include <string.h>

#include "consensus_ring.h"
#include "lib.h"

int consensus_build_add(struct consensus_counter_add *op, const struct consensus_fence *fence,
			const char *name, uint64_t delta, uint64_t timeout_ns)
{
	int ret;

	memset(op, 0, sizeof(*op));
	op->delta = delta;
	ret = lib_put_name(op->name, name);
	return ret ? ret : lib_put_op(&op->op, fence, timeout_ns);
}

int consensus_build_read(struct consensus_counter_read *op, const struct consensus_fence *fence,
			 const char *name, enum consensus_consistency how, uint64_t index,
			 uint64_t timeout_ns)
{
	int ret;

	memset(op, 0, sizeof(*op));
	ret = lib_put_strength(&op->op, how, index);
	if (!ret)
		ret = lib_put_name(op->name, name);
	return ret ? ret : lib_put_op(&op->op, fence, timeout_ns);
}

int consensus_build_acquire(struct consensus_lock_acquire *op, const struct consensus_fence *fence,
			    const char *name, uint32_t flags, uint64_t cookie,
			    uint64_t timeout_ns)
{
	int ret;

	memset(op, 0, sizeof(*op));
	op->op.flags = flags;
	op->cookie = cookie;
	ret = lib_put_name(op->name, name);
	return ret ? ret : lib_put_op(&op->op, fence, timeout_ns);
}

int consensus_build_release(struct consensus_lock_release *op, const char *name, uint64_t token,
			    uint64_t ticket, uint64_t timeout_ns)
{
	int ret;

	memset(op, 0, sizeof(*op));
	op->token = token;
	op->ticket = ticket;
	ret = lib_put_name(op->name, name);
	return ret ? ret : lib_put_op(&op->op, NULL, timeout_ns);
}

int consensus_build_check(struct consensus_lock_check *op, const char *name, uint64_t token,
			  enum consensus_consistency how, uint64_t index, uint64_t timeout_ns)
{
	int ret;

	memset(op, 0, sizeof(*op));
	op->token = token;
	ret = lib_put_strength(&op->op, how, index);
	if (!ret)
		ret = lib_put_name(op->name, name);
	return ret ? ret : lib_put_op(&op->op, NULL, timeout_ns);
}

int consensus_add_result(const struct consensus_counter_add *op, struct consensus_result *result)
{
	if (op->op.status)
		return op->op.status;
	result->value = op->value;
	result->index = op->op.index;
	result->version = op->op.index;
	return 0;
}

int consensus_read_result(const struct consensus_counter_read *op, struct consensus_result *result)
{
	if (op->op.status && op->op.status != -ENOENT)
		return op->op.status;
	result->value = op->value;
	result->index = op->op.index;
	result->version = op->version;
	return op->op.status;
}

int consensus_acquire_result(const struct consensus_lock_acquire *op,
			     struct consensus_grant *grant)
{
	if (op->op.status)
		return op->op.status;
	grant->token = op->token;
	grant->ticket = op->ticket;
	grant->index = op->op.index;
	grant->lease_ns = op->lease_ns;
	grant->info = op->info;
	return 0;
}
