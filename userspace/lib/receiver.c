// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * Receivers: a ring of what arrived, from the next message to be delivered on. Which
 * empty places are void, two numbers say: all up to .voided are, and up to .seal.number
 * all are closed to messages of grants below .seal.token.
 */
#include <errno.h>
#include <stdlib.h>

#include "consensus_sequence.h"

enum { ROOM_MAX = 1 << 20 };

struct slot {
	uint64_t token;
	void *message;		/* NULL: has not arrived */
};

/**
 * struct consensus_receiver - see consensus_sequence.h
 * @next: the first number that is neither delivered nor void
 * @high: the highest that arrived
 * @voided: up to it what has not arrived is void
 * @seal: the one with the highest token
 * @room: slots, a power of two; @next + @room - 1 is the last number that has one
 * @slots: of number n at n mod @room
 */
struct consensus_receiver {
	uint64_t next;
	uint64_t high;
	uint64_t voided;
	struct consensus_stamp seal;
	unsigned int room;
	struct slot slots[];
};

int consensus_receiver_new(struct consensus_receiver **receiver, uint64_t next,
			   unsigned int room)
{
	struct consensus_receiver *r;

	if (!next || !room || room > ROOM_MAX || (room & (room - 1)))
		return -EINVAL;
	r = calloc(1, sizeof(*r) + room * sizeof(r->slots[0]));
	if (!r)
		return -ENOMEM;
	r->next = next;
	r->room = room;
	*receiver = r;
	return 0;
}

void consensus_receiver_free(struct consensus_receiver *receiver)
{
	free(receiver);
}

static const struct slot *slot_of(const struct consensus_receiver *r, uint64_t number)
{
	return &r->slots[number & (r->room - 1)];
}

static bool has_slot(const struct consensus_receiver *r, uint64_t number)
{
	return number >= r->next && number - r->next < r->room;
}

static bool arrived(const struct consensus_receiver *r, uint64_t number)
{
	return has_slot(r, number) && slot_of(r, number)->message;
}

/* Whatever is void is passed over at once. */
static void pass(struct consensus_receiver *r)
{
	while (r->next <= r->voided && !slot_of(r, r->next)->message)
		r->next++;
}

int consensus_receiver_put(struct consensus_receiver *receiver,
			   const struct consensus_stamp *stamp, void *message)
{
	uint64_t number = stamp->number;
	struct slot *slot;

	if (!number || !stamp->token || !message)
		return -EINVAL;
	if (number < receiver->next || arrived(receiver, number))
		return -EEXIST;
	if (number <= receiver->voided ||
	    (number <= receiver->seal.number && stamp->token < receiver->seal.token))
		return -ESTALE;
	if (!has_slot(receiver, number))
		return -ENOSPC;
	slot = &receiver->slots[number & (receiver->room - 1)];
	slot->token = stamp->token;
	slot->message = message;
	if (number > receiver->high)
		receiver->high = number;
	return 0;
}

void *consensus_receiver_get(const struct consensus_receiver *receiver, uint64_t number,
			     struct consensus_stamp *stamp)
{
	if (!arrived(receiver, number))
		return NULL;
	if (stamp) {
		stamp->number = number;
		stamp->token = slot_of(receiver, number)->token;
	}
	return slot_of(receiver, number)->message;
}

void *consensus_receiver_next(struct consensus_receiver *receiver,
			      struct consensus_stamp *stamp)
{
	void *message = consensus_receiver_get(receiver, receiver->next, stamp);

	if (!message)
		return NULL;
	receiver->slots[receiver->next & (receiver->room - 1)].message = NULL;
	receiver->next++;
	pass(receiver);
	return message;
}

uint64_t consensus_receiver_position(const struct consensus_receiver *receiver)
{
	return receiver->next;
}

bool consensus_receiver_missing(const struct consensus_receiver *receiver, uint64_t *first,
				uint64_t *last)
{
	uint64_t n = receiver->next;

	while (n < receiver->high && (n <= receiver->voided || arrived(receiver, n)))
		n++;
	if (n >= receiver->high)
		return false;
	*first = n;
	while (!arrived(receiver, n + 1))
		n++;
	*last = n;
	return true;
}

int consensus_receiver_seal(struct consensus_receiver *receiver,
			    const struct consensus_stamp *stamp)
{
	if (!stamp->token)
		return -EINVAL;
	if (stamp->token < receiver->seal.token)
		return -ESTALE;
	receiver->seal.token = stamp->token;
	if (stamp->number > receiver->seal.number)
		receiver->seal.number = stamp->number;
	return 0;
}

int consensus_receiver_void(struct consensus_receiver *receiver,
			    const struct consensus_stamp *stamp)
{
	int ret = 0;

	if (!stamp->token)
		return -EINVAL;
	/*
	 * Whoever has not sealed has not answered, or has forgotten its answer in a crash:
	 * nobody would send it what it had then.
	 */
	if (stamp->token != receiver->seal.token)
		return -ESTALE;
	if (stamp->number < receiver->next || stamp->number <= receiver->voided)
		return 0;
	/* What is further ahead may be there for others, and could not be put here yet. */
	if (has_slot(receiver, stamp->number)) {
		receiver->voided = stamp->number;
	} else {
		receiver->voided = receiver->next + receiver->room - 1;
		ret = -ENOSPC;
	}
	pass(receiver);
	return ret;
}
