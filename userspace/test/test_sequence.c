// SPDX-License-Identifier: GPL-2.0
/*
 * Sequences: how ranges are cut up, with a counter in place of the device. (What the
 * device does with many of them, a VM test shows.)
 */
#include <errno.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "consensus_sequence.h"
#include "tap.h"
#include "fake/hook.h"

static uint64_t counter;
static int calls, answer;
static uint64_t delta, timeout;

static int count(int fd, unsigned long number, void *argument)
{
	struct consensus_counter_add *a = argument;

	calls++;
	if (fd != 77 || number != CONSENSUS_IOC_COUNTER_ADD || strcmp(a->name, "s"))
		return -ENOTTY;
	delta = a->delta;
	timeout = a->op.timeout_ns;
	if (answer)
		return answer;
	if (counter + a->delta < counter)
		return -EOVERFLOW;
	counter += a->delta;
	a->value = counter;
	return 0;
}

static void arguments(void)
{
	struct consensus_sequence *s;
	char name[CONSENSUS_NAME_SIZE + 1];

	ok(consensus_sequence_new(&s, 77, "s", 0) == -EINVAL &&
	   consensus_sequence_new(&s, 77, "s", (1ULL << 32) + 1) == -EINVAL &&
	   consensus_sequence_new(&s, 77, "", 1) == -EINVAL, "EINVAL");
	memset(name, 'x', CONSENSUS_NAME_SIZE);
	name[CONSENSUS_NAME_SIZE] = 0;
	ok(consensus_sequence_new(&s, 77, name, 1) == -ENAMETOOLONG, "ENAMETOOLONG");
	ok(!consensus_sequence_new(&s, 77, name + 1, 1ULL << 32), "the longest, the largest");
	consensus_sequence_free(s);
	consensus_sequence_free(NULL);
	ok(!calls, "nothing of that goes to the kernel");
}

/* In a child, whether or not there are some left. */
static bool refused_in_child(struct consensus_sequence *s)
{
	uint64_t value = 0;
	int status = -1;
	pid_t pid = fork();

	if (!pid)
		_exit(consensus_sequence_next(s, 0, &value) != -ECHILD || value ||
		      consensus_sequence_left(s));
	return waitpid(pid, &status, 0) == pid && !status;
}

static void ranges(void)
{
	struct consensus_sequence *s;
	uint64_t value = 0, i;
	bool good = true;

	counter = 0;
	calls = 0;
	if (!ok(!consensus_sequence_new(&s, 77, "s", 10), "a range of 10"))
		return;
	ok(!consensus_sequence_left(s) && !calls, "nothing is reserved yet");
	for (i = 1; i <= 25; i++) {
		good &= !consensus_sequence_next(s, 5, &value) && value == i;
		good &= consensus_sequence_left(s) == (30 - i) % 10;
	}
	ok(good && calls == 3 && delta == 10 && timeout == 5, "25 numbers, three calls");
	counter = 1000;
	for (i = 0; i < 5; i++)
		good &= !consensus_sequence_next(s, 0, &value) && value == 26 + i;
	ok(good && !consensus_sequence_next(s, 0, &value) && value == 1001,
	   "another owner was between");
	ok(refused_in_child(s) && consensus_sequence_left(s) == 9, "ECHILD, with numbers left");
	for (i = 0; i < 9; i++)
		consensus_sequence_next(s, 0, &value);
	ok(refused_in_child(s) && value == 1010, "and with none");
	answer = -ENOTRECOVERABLE;
	counter += 10;
	ok(consensus_sequence_next(s, 0, &value) == -ENOTRECOVERABLE && value == 1010 &&
	   !consensus_sequence_left(s), "an unknown outcome gives no number");
	answer = 0;
	ok(!consensus_sequence_next(s, 0, &value) && value == 1021, "and that range is lost");
	consensus_sequence_free(s);
}

static void at_the_end(void)
{
	struct consensus_sequence *s;
	uint64_t value = 0, i;
	bool good = true;

	counter = ~0ULL - 10;
	if (consensus_sequence_new(&s, 77, "s", 10))
		return;
	for (i = 0; i < 10; i++)
		good &= !consensus_sequence_next(s, 0, &value) && value == ~0ULL - 9 + i;
	ok(good && value == ~0ULL, "up to 2^64 - 1");
	ok(consensus_sequence_next(s, 0, &value) == -EOVERFLOW &&
	   consensus_sequence_next(s, 0, &value) == -EOVERFLOW && value == ~0ULL,
	   "and not from 0 on");
	consensus_sequence_free(s);
}

void test_sequence(void)
{
	hook_ioctl = count;
	arguments();
	ranges();
	at_the_end();
	hook_ioctl = NULL;
}
