// SPDX-License-Identifier: GPL-2.0
/*
 * Pointers. The rule that is checked: EFAULT means that nothing happened; so
 * the kernel must find out before it acts whether it can write the result.
 * Memory that goes while a call runs: gone.c.
 */
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "abi.h"
#include "ct.h"

static size_t page;

static void wild(int fd, void *p, const char *what)
{
	is_errno(call(fd, CONSENSUS_IOC_COUNTER_ADD, p), EFAULT, "add: %s: EFAULT", what);
	is_errno(call(fd, CONSENSUS_IOC_COUNTER_READ, p), EFAULT, "read: %s: EFAULT", what);
	is_errno(call(fd, CONSENSUS_IOC_FEATURES, p), EFAULT, "features: %s: EFAULT", what);
}

static void pointers(int fd)
{
	char *none = mmap(NULL, page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	wild(fd, NULL, "null");
	wild(fd, (void *)1, "address 1");
	wild(fd, (void *)-1L, "the last address");
	wild(fd, (void *)-4096L, "the last page");
	wild(fd, none, "memory without rights");
	munmap(none, page);
	wild(fd, none, "unmapped memory");
	if (sizeof(void *) == 8) {
		wild(fd, (void *)(uintptr_t)0xffff888000000000ULL, "the kernel's memory");
		wild(fd, (void *)(uintptr_t)0x0000800000000000ULL, "a non-canonical address");
		wild(fd, (void *)(uintptr_t)(0x0000800000000000ULL - 4096), "the end of user space");
	} else {
		wild(fd, (void *)(uintptr_t)0xc0000000UL, "where a kernel may begin");
	}
}

static void edges(int fd)
{
	struct consensus_counter_add *a = at_edge(sizeof(*a));
	struct consensus_counter_read *r = at_edge(sizeof(*r));
	struct consensus_features *f = at_edge(sizeof(*f));

	*a = good_add("abi-edge");
	is_errno(call(fd, CONSENSUS_IOC_COUNTER_ADD, a), 0, "add: just before the end of memory");
	*r = good_read("abi-edge", 0);
	is_errno(call(fd, CONSENSUS_IOC_COUNTER_READ, r), 0, "read: just before the end of memory");
	ok(r->value == a->value, "and the results are whole");
	memset(f, 0, sizeof(*f));
	is_errno(call(fd, CONSENSUS_IOC_FEATURES, f), 0, "features: just before the end of memory");
	is_errno(call(fd, CONSENSUS_IOC_COUNTER_ADD, (char *)a + 1), EFAULT, "add: one byte beyond the end: EFAULT");
	is_errno(call(fd, CONSENSUS_IOC_COUNTER_READ, (char *)r + 1), EFAULT, "read: one byte beyond the end: EFAULT");
	is_errno(call(fd, CONSENSUS_IOC_FEATURES, (char *)f + 1), EFAULT, "features: one byte beyond the end: EFAULT");
	wild(fd, (char *)a + sizeof(*a) - 1, "all but a byte beyond the end");
}

/* Any address will do, also an odd one. */
static void unaligned(int fd)
{
	char bytes[sizeof(struct consensus_counter_add) + 8];
	struct consensus_counter_add a = good_add("abi-odd");
	size_t at = offsetof(struct consensus_counter_add, value);
	uint64_t begin = value_of(fd, "abi-odd"), value;
	bool all = true;
	uint64_t i;

	for (i = 1; i < 8; i++) {
		memcpy(bytes + i, &a, sizeof(a));
		all &= !call(fd, CONSENSUS_IOC_COUNTER_ADD, bytes + i);
		memcpy(&value, bytes + i + at, sizeof(value));
		all &= value == begin + i;
	}
	ok(all, "add: at odd addresses");
}

/* Of an add whose struct lies across two pages: @at bytes in the first. */
static void across(int fd, size_t at, int first, int second, const char *what)
{
	char *p = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct consensus_counter_add *a = (void *)(p + page - at);
	uint64_t before = value_of(fd, "abi-fault");

	*a = good_add("abi-fault");
	mprotect(p, page, first);
	mprotect(p + page, page, second);
	is_errno(call(fd, CONSENSUS_IOC_COUNTER_ADD, a), EFAULT, "add: %s: EFAULT", what);
	ok(value_of(fd, "abi-fault") == before, "and nothing happened: %s", what);
	munmap(p, 2 * page);
}

static void read_only(int fd)
{
	size_t value = offsetof(struct consensus_counter_add, value);
	struct consensus_counter_read *r;
	struct consensus_features *f;
	char *p = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	across(fd, sizeof(struct consensus_counter_add), PROT_READ, PROT_READ, "read-only memory");
	across(fd, 4, PROT_READ | PROT_WRITE, PROT_READ, "all but the flags read-only");
	across(fd, 64, PROT_READ | PROT_WRITE, PROT_READ, "the name and the value read-only");
	across(fd, value, PROT_READ | PROT_WRITE, PROT_READ, "only the value read-only");
	across(fd, value + 4, PROT_READ | PROT_WRITE, PROT_READ, "half of the value read-only");
	across(fd, value, PROT_READ, PROT_READ | PROT_WRITE, "only the value writable");
	across(fd, 16, PROT_READ, PROT_READ | PROT_WRITE, "the status read-only");
	across(fd, value, PROT_READ | PROT_WRITE, PROT_NONE, "the value without rights");
	r = (void *)p;
	*r = good_read("abi-edge", 0);
	mprotect(p, page, PROT_READ);
	is_errno(call(fd, CONSENSUS_IOC_COUNTER_READ, r), EFAULT, "read: read-only memory: EFAULT");
	mprotect(p, page, PROT_READ | PROT_WRITE);
	f = (void *)p;
	memset(f, 0, sizeof(*f));
	mprotect(p, page, PROT_READ);
	is_errno(call(fd, CONSENSUS_IOC_FEATURES, f), EFAULT, "features: read-only memory: EFAULT");
	munmap(p, page);
}

void test_memory(int fd)
{
	page = (size_t)sysconf(_SC_PAGESIZE);
	pointers(fd);
	edges(fd);
	unaligned(fd);
	read_only(fd);
}
