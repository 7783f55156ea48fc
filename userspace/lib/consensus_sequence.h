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

CONSENSUS_EXPORT_BEGIN

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
 * been reserved is lost; the next call reserves another. The first number of all is 1,
 * the last 2^64 - 1; -EOVERFLOW: fewer are left than a range has.
 *
 * Return: as consensus_counter_add(). In a child after fork(): -ECHILD, as parent and
 * child would hand out the same numbers. (So would a copy of a virtual machine.)
 */
int consensus_sequence_next(struct consensus_sequence *sequence, uint64_t timeout_ns,
			    uint64_t *value);

/* consensus_sequence_left() - how many more come without a reservation; 0 in a child */
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
 * take numbers under a shared lock, by increments that are fenced by it, and whoever
 * misses a number takes that lock exclusively: then no number up to the counter's can
 * be taken any more under a grant of before. But what those senders have sent may still
 * be on its way, or be sent by one that does not know that its grant has ended. If one
 * receiver took it, and another was told that it is void, they would not agree. So to
 * void numbers takes two rounds, as in any agreement:
 *
 *   1. consensus_sender_void() gives a stamp V. Every receiver is told it, calls
 *	consensus_receiver_seal(), and answers then (not before) which messages with
 *	numbers up to V.number it has, delivered ones too: from here on it takes no
 *	others of older grants.
 *   2. When *all* have answered, every receiver is sent what it misses and any other
 *	has, with its number and the token V.token, and when it has put all of that, it
 *	calls consensus_receiver_void(): what is nowhere is void.
 *
 * If a receiver answers -ESTALE, somebody who began later does the same: stop. If who
 * does it dies, another begins at 1; what was done stays right.
 *
 *   All receivers are those that are known after consensus_sender_void() returned and
 *   may have delivered a message. One that cannot be asked is waited for, or given up
 *   for good, with all that it has. Delivered messages are kept until all have them.
 *
 *   One that is new, or comes back after a crash, is made known to all who void, and has
 *   its position (and the state that belongs to it) by itself or from another. Then it
 *   voids by itself, which gives it what it misses. Until it has sealed with that stamp
 *   it takes no message and answers nobody: it does not know what it had promised.
 *
 * What that gives. All members deliver the same messages in the same order, each
 * once, those of one sender in the order in which it sent them, and none before one
 * that its sender had delivered when it took the number. What it does not: that others
 * deliver what a receiver delivered that is given up after it alone had the message
 * (uniform agreement); whoever needs that delivers what a majority, or a store, has.
 * Nor that a receiver notices what is missing at the end, behind which nothing comes:
 * the counter, or the other receivers, tell. After a restore of the cluster from a
 * backup numbers may come again: begin an order of another name.
 */

/* struct consensus_sender - numbers for messages. For one thread at a time. */
struct consensus_sender;

/**
 * consensus_sender_new() - a sender into the order @name
 * @sender: out
 * @name: of the order: at most 58 bytes; its counter is NAME.seq, its lock NAME.send,
 *	and nobody else uses these
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
 * @timeout_ns: to give the lock to those who wait to void numbers, for the lock, and for
 *	the number, each; 0: the node's default
 * @stamp: out, to be sent with it
 *
 * Takes the shared lock first, if it has not got it, or has lost it; behind those who
 * wait to void numbers. Then send, and call consensus_sender_end() when the message is
 * where a round 1 finds it: with receivers (the sender's own may be one of them), or in
 * a store that is asked, too. As long as one of those has it, it is not voided.
 *
 * Return: 0; -ENOTRECOVERABLE a number may have been taken that is nobody's: it is to
 * be voided; -ECHILD; else as consensus_lock_acquire() and
 * consensus_counter_add_fenced().
 */
int consensus_sender_begin(struct consensus_sender *sender, uint64_t timeout_ns,
			   struct consensus_stamp *stamp);

/**
 * consensus_sender_end() - the message is on its way
 * @sender: a sender
 *
 * Gives the lock up if somebody waits to void numbers; may be called for that alone,
 * with nothing under way. A sender that stays idle must do so: see
 * consensus_sender_fd(). Not to be put off for a receiver that came back after a crash,
 * as that one voids first. Blocks only if it gives the lock up, for a second at
 * the most.
 *
 * Return: 0; -EKEYEXPIRED, -EKEYREVOKED the grant was lost meanwhile: if nobody had the
 * message in time, the number is voided; all deliver it or none does; -ECHILD; other
 * errors: the node cannot tell, and it may have been lost.
 */
int consensus_sender_end(struct consensus_sender *sender);

/*
 * consensus_sender_fd() - to poll() while idle, or while a message is under way for long:
 * POLLIN, call consensus_sender_end(), as somebody may wait to void numbers. Not to be
 * read.
 */
int consensus_sender_fd(const struct consensus_sender *sender);

/**
 * consensus_sender_void() - which numbers will never come?
 * @sender: one that has nothing under way (-EBUSY)
 * @timeout_ns: how long to wait until no sender is
 * @stamp: out: no number up to .number is taken any more by a grant whose token is
 *	below .token
 *
 * Holds the lock exclusively meanwhile, and nothing when it returns. The caller goes
 * through both rounds above then. .number 0: there is nothing to be voided.
 *
 * Return: as consensus_lock_acquire() and consensus_counter_read_fenced(); -ECHILD.
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
 * Return: 0; -EEXIST it is there, or was delivered or passed over; -ESTALE it is void,
 * or comes too late for a seal; -ENOSPC it is too far ahead: take what is ready, ask
 * for what is missing, and put it again; -EINVAL number or token is 0, or no message.
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
 * consensus_receiver_get() - a message that arrived and is not delivered, to be sent again
 * @receiver: a receiver
 * @number: its number
 * @stamp: out, or NULL
 *
 * Return: the message, which stays there; NULL: it is not there.
 */
void *consensus_receiver_get(const struct consensus_receiver *receiver, uint64_t number,
			     struct consensus_stamp *stamp);

/*
 * consensus_receiver_position() - the next number to be delivered: all below are
 * delivered or void, and it is not void, as far as was told
 */
uint64_t consensus_receiver_position(const struct consensus_receiver *receiver);

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
 * consensus_receiver_seal() - round 1: what comes too late
 * @receiver: a receiver
 * @stamp: of consensus_sender_void()
 *
 * What has not arrived up to .number is not taken any more, unless its token is at
 * least .token.
 *
 * Return: 0; -ESTALE there is a seal with a higher token; -EINVAL.
 */
int consensus_receiver_seal(struct consensus_receiver *receiver,
			    const struct consensus_stamp *stamp);

/**
 * consensus_receiver_void() - round 2: what has not arrived up to a number never will
 * @receiver: one that has put all that others have up to .number, as far as there was
 *	room
 * @stamp: with which it was sealed, after round 1
 *
 * Return: 0; -ESTALE that is not its seal: there is one with a higher token, or it came
 * back after it had answered, and has lost what it had then; -ENOSPC .number is further
 * ahead than there is room: what is void as far as there is, is void now; take what is
 * ready, put what others have behind it, and call again; -EINVAL.
 */
int consensus_receiver_void(struct consensus_receiver *receiver,
			    const struct consensus_stamp *stamp);

CONSENSUS_EXPORT_END

#ifdef __cplusplus
}
#endif

#endif
