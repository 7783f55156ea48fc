/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The lists of state.h: circular, so that the last is the first's prev, and that
 * whoever has the first has both ends. An empty one is NULL.
 */
#ifndef CNS_FSM_RING_H
#define CNS_FSM_RING_H

#include "state.h"

/* @link: before the names of its links, which are next and prev. */
#define FSM_RING(ring, type, link)					\
static inline void ring##_append(struct type **first, struct type *it)	\
{									\
	struct type *head = *first;					\
									\
	if (!head) {							\
		it->link##next = it;					\
		it->link##prev = it;					\
		*first = it;						\
		return;							\
	}								\
	it->link##next = head;						\
	it->link##prev = head->link##prev;				\
	head->link##prev->link##next = it;				\
	head->link##prev = it;						\
}									\
									\
static inline void ring##_remove(struct type **first, struct type *it)	\
{									\
	if (it->link##next == it) {					\
		*first = NULL;						\
		return;							\
	}								\
	it->link##next->link##prev = it->link##prev;			\
	it->link##prev->link##next = it->link##next;			\
	if (*first == it)						\
		*first = it->link##next;				\
}

FSM_RING(lock_claims, fsm_claim, /* as they are */)
FSM_RING(own_claims, fsm_claim, own_)
FSM_RING(handles, fsm_handle, /* as they are */)
FSM_RING(graves, fsm_grave, /* as they are */)
FSM_RING(died, fsm_object, /* as they are */)

#endif
