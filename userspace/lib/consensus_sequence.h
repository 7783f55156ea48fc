/* SPDX-License-Identifier: LGPL-2.1-or-later OR MIT */
/*
 * libconsensus: sequences handed out locally, and one order for messages of many.
 */
#ifndef LIBCONSENSUS_CONSENSUS_SEQUENCE_H
#define LIBCONSENSUS_CONSENSUS_SEQUENCE_H

#include <stdbool.h>

#include <consensus.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ----------------------------------------------------------------- sequences */

/**
 * struct consensus_sequence - unique numbers from a counter, reserved in ranges
 *
 * A range of n numbers costs one increment, so a number costs 1/n of one. What that
 * costs: numbers of different owners are not in the order in which they were handed
 * out (within one owner they rise); those of a range that is not used up, because a
 * program ends, are never handed out by anybody: there are gaps. Whoever needs
 * neither uses consensus_counter_inc(). For one thread at a time.
 */
struct consensus_sequence;

/**
 * consensus_sequence_new() - nothing is reserved yet
 * @sequence: out
 * @fd: a handle, stays the caller's
 * @name: of the counter
 * @range: how many numbers to reserve at a time, 1 to 2^32
 *
 * Return: 0; -EINVAL; -ENAMETOOLONG; -ENOMEM.
 */
int consensus_sequence_new(struct consensus_sequence **sequence, int fd, const char *name,
			   uint64_t range);
/* What is left of a range is lost. NULL: nothing. */
void consensus_sequence_free(struct consensus_sequence *sequence);

/**
 * consensus_sequence_next() - a number that nobody else gets
 * @sequence: a sequence
 * @timeout_ns: for the reservation, if one is due
 * @value: out
 *
 * Blocks only if a range is used up. After -ENOTRECOVERABLE the range that may have
 * been reserved is lost; the next call reserves another.
 *
 * Return: as consensus_counter_add(). In a child after fork(): -ECHILD, as parent and
 * child would hand out the same numbers.
 */
int consensus_sequence_next(struct consensus_sequence *sequence, uint64_t timeout_ns,
			    uint64_t *value);

/* consensus_sequence_left() - how many more come without a reservation */
uint64_t consensus_sequence_left(const struct consensus_sequence *sequence);

/* --------------------------------------------------------------------- order */

/*
 * Total-order broadcast (Defago, Schiper, Urban, "Total order broadcast and multicast
 * algorithms", ACM CSUR 36(4) 2004: a fixed sequencer). The cluster is the sequencer:
 * a message gets its number by an increment under the sender's grant, travels by
 * whatever way the program has (multicast, sockets, a file), and every receiver puts
 * what arrives into the one order. The library has the numbers, the order and the
 * proof that a number is void; transport, and sending again what a receiver misses,
 * are the program's.
 *
 * A number whose sender died before it had sent would hold up everybody. So senders
 * send under a shared lock, which they keep from before they take a number until the
 * message is with all receivers (or in a store that all can read), and whoever
 * misses a number takes that lock exclusively: then no sender is under way, whatever
 * was taken and is not to be found will not come any more, and messages of older
 * grants with numbers up to the counter's are refused by every receiver that knows.
 */

/* struct consensus_sender - numbers for messages. For one thread at a time. */
struct consensus_sender;

/**
 * consensus_sender_new() - a sender into the order @name
 * @sender: out
 * @name: of the order: at most 59 bytes; its counter is NAME.seq, its lock NAME.send
 *
 * Return: 0; -EINVAL, -ENAMETOOLONG, -ENOMEM; errors of consensus_open().
 */
int consensus_sender_new(struct consensus_sender **sender, const char *name);
void consensus_sender_free(struct consensus_sender *sender);

/* What goes with a message. */
struct consensus_stamp {
	uint64_t number;	/* 1, 2, 3, ... without gaps */
	uint64_t token;		/* of the grant under which it was taken */
};

/**
 * consensus_sender_begin() - a number for a message
 * @sender: one that has none under way (-EBUSY)
 * @timeout_ns: 0: the node's default
 * @stamp: out, to be sent with it
 *
 * Takes the shared lock first, if it has not got it. Then send, and call
 * consensus_sender_end() when all receivers have it.
 *
 * Return: 0; -ENOTRECOVERABLE a number may have been taken that is nobody's: it is to
 * be voided; else as consensus_lock_acquire() and consensus_counter_add().
 */
int consensus_sender_begin(struct consensus_sender *sender, uint64_t timeout_ns,
			   struct consensus_stamp *stamp);

/**
 * consensus_sender_end() - the message is with all
 * @sender: a sender
 *
 * Gives the lock up if somebody waits to void numbers.
 *
 * Return: 0; -EKEYEXPIRED, -EKEYREVOKED the grant was lost meanwhile: the number may
 * have been voided, and the message is delivered by all receivers or by none.
 */
int consensus_sender_end(struct consensus_sender *sender);

/**
 * consensus_sender_void() - which numbers will never come?
 * @sender: one that has nothing under way
 * @timeout_ns: how long to wait until no sender is
 * @stamp: out: no message with a number up to .number and a token below .token comes
 *	any more, but from those who have it
 *
 * The caller asks all receivers (and its store) for what they miss, and only then
 * tells all of them the stamp, for consensus_receiver_void().
 *
 * Return: as consensus_lock_acquire().
 */
int consensus_sender_void(struct consensus_sender *sender, uint64_t timeout_ns,
			  struct consensus_stamp *stamp);

/**
 * struct consensus_receiver - what arrived, put into order
 *
 * Holds pointers to the program's messages, not the messages. No system calls. For
 * one thread at a time.
 */
struct consensus_receiver;

/**
 * consensus_receiver_new() - nothing has arrived
 * @receiver: out
 * @next: the first number to be delivered, at least 1
 * @room: how far beyond the next one a message may be, a power of two up to 2^20
 *
 * Return: 0; -EINVAL; -ENOMEM.
 */
int consensus_receiver_new(struct consensus_receiver **receiver, uint64_t next,
			   unsigned int room);
void consensus_receiver_free(struct consensus_receiver *receiver);

/**
 * consensus_receiver_put() - a message arrived
 * @receiver: a receiver
 * @stamp: that came with it
 * @message: not NULL; stays until it is delivered
 *
 * Return: 0; -EEXIST it is there, or was delivered; -ESTALE its number was voided;
 * -ENOSPC it is too far ahead: take what is ready, ask for what is missing, and put it
 * again; -EINVAL.
 */
int consensus_receiver_put(struct consensus_receiver *receiver,
			   const struct consensus_stamp *stamp, void *message);

/**
 * consensus_receiver_next() - the next message of the order
 * @receiver: a receiver
 * @stamp: out, or NULL
 *
 * Return: the message; NULL: it has not arrived. Numbers that are void are passed over.
 */
void *consensus_receiver_next(struct consensus_receiver *receiver,
			      struct consensus_stamp *stamp);

/**
 * consensus_receiver_missing() - what holds up messages that have arrived
 * @receiver: a receiver
 * @first: out
 * @last: out: the first gap's end
 *
 * Return: true if there is a gap before something that arrived.
 */
bool consensus_receiver_missing(const struct consensus_receiver *receiver, uint64_t *first,
				 uint64_t *last);

/**
 * consensus_receiver_void() - what has not arrived up to a number never will
 * @receiver: a receiver
 * @stamp: of consensus_sender_void(), after all who may have messages were asked
 *
 * Return: 0; -ENOSPC .number is further ahead than there is room: take what is ready.
 */
int consensus_receiver_void(struct consensus_receiver *receiver,
			    const struct consensus_stamp *stamp);

#ifdef __cplusplus
}
#endif

#endif
