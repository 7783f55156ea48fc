// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "consensus_ring.h"
#include "lib.h"

int consensus_lock_acquire(int fd, const char *name, uint32_t flags, uint64_t cookie,
			   uint64_t timeout_ns, struct consensus_grant *grant)
{
	struct consensus_lock_acquire acquire;
	int ret = consensus_build_acquire(&acquire, NULL, name, flags, cookie, timeout_ns);

	if (ret)
		return ret;
	lib_operate(fd, CONSENSUS_IOC_LOCK_ACQUIRE, &acquire.op);
	return consensus_acquire_result(&acquire, grant);
}

int consensus_lock_release(int fd, const char *name, uint64_t token, uint64_t ticket,
			   uint64_t timeout_ns)
{
	struct consensus_lock_release release;
	int ret = consensus_build_release(&release, name, token, ticket, timeout_ns);

	return ret ? ret : lib_operate(fd, CONSENSUS_IOC_LOCK_RELEASE, &release.op);
}

int consensus_lock_check(int fd, const char *name, uint64_t token,
			 enum consensus_consistency how, uint64_t index,
			 uint64_t timeout_ns, uint64_t *seen)
{
	struct consensus_lock_check check;
	int ret = consensus_build_check(&check, name, token, how, index, timeout_ns);

	if (ret)
		return ret;
	ret = lib_operate(fd, CONSENSUS_IOC_LOCK_CHECK, &check.op);
	if (seen)
		*seen = ret && ret != -ESTALE ? 0 : check.op.index;
	return ret;
}

int consensus_lock_revoke(int fd, const char *name, uint64_t token,
			  uint64_t timeout_ns, uint64_t *count)
{
	struct consensus_lock_revoke revoke;
	int ret;

	memset(&revoke, 0, sizeof(revoke));
	ret = lib_put_name(revoke.name, name);
	if (ret)
		return ret;
	revoke.op.timeout_ns = timeout_ns;
	revoke.token = token;
	ret = lib_call(fd, CONSENSUS_IOC_LOCK_REVOKE, &revoke);
	if (!ret && count)
		*count = revoke.count;
	return ret;
}

int consensus_session_expire(int fd, uint64_t session, uint64_t timeout_ns)
{
	struct consensus_session_expire expire;

	memset(&expire, 0, sizeof(expire));
	expire.op.timeout_ns = timeout_ns;
	expire.session = session;
	return lib_call(fd, CONSENSUS_IOC_SESSION_EXPIRE, &expire);
}

/* A part of a list; its elements have @size bytes. */
static int list(int fd, unsigned long call, struct consensus_place *place,
		void *at, uint32_t size, uint32_t room)
{
	struct consensus_list list;
	int ret;

	if (place->cursor == CONSENSUS_LIST_END)
		return 0;
	memset(&list, 0, sizeof(list));
	list.size = size;
	list.cursor = place->cursor;
	list.buffer = (uint64_t)(uintptr_t)at;
	list.count = room;
	ret = lib_call(fd, call, &list);
	if (ret)
		return ret;
	place->cursor = list.cursor;
	place->index = list.index;
	return (int)list.count;
}

int consensus_lock_list(int fd, struct consensus_place *place,
			struct consensus_lock_info *at, uint32_t room)
{
	return list(fd, CONSENSUS_IOC_LOCK_LIST, place, at, sizeof(*at), room);
}

int consensus_session_list(int fd, struct consensus_place *place,
			   struct consensus_session_info *at, uint32_t room)
{
	return list(fd, CONSENSUS_IOC_SESSION_LIST, place, at, sizeof(*at), room);
}

int consensus_events(int fd, struct consensus_event *at, uint32_t room)
{
	ssize_t got = read(fd, at, room * sizeof(*at));

	return got < 0 ? -errno : (int)((size_t)got / sizeof(*at));
}
