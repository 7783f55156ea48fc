/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The parts of ct-order: three members of one order. Each sends and receives; messages go
 * by UDP, once, and what is lost is found when somebody voids.
 */
#ifndef ORDER_H
#define ORDER_H

#include <stdbool.h>
#include <stdint.h>

#include <consensus_sequence.h>

enum {
	MEMBERS = 3,
	NUMBERS = 8192,
	ROOM = 128,		/* of a receiver, and messages in a packet */
	AHEAD = 40,		/* of its own position a member does not send further */
};

/* Where a member is to die. */
enum death {
	LIVES,
	UNSENT,			/* it has a number, and nobody the message */
	HALF_SENT,		/* one other has it */
	ASKING,			/* while it voids, in round 1 */
	GIVING,			/* and in round 2 */
	LATE,			/* it lives, but loses its grant before it sends */
	DEATHS,
};

struct entry {
	uint64_t number, message;
};

/**
 * struct disk - what a member does not forget; the parent sees it
 * @die: enum death; it does so once
 * @generation: of its process
 * @n: entries of @log
 * @log: what it delivered, in that order; the last entry says where it stands
 * @ended: of this generation: messages that were ended well
 * @n_ended: of these
 * @voids: rounds that it went through to the end
 * @position: see consensus_receiver_position()
 * @late: a message that it has a number for and has not sent
 * @odd: an answer that should not be: an errno, and in which call
 */
struct disk {
	_Atomic uint64_t die, generation, n, n_ended, voids, position, late, odd;
	struct entry log[NUMBERS];
	struct entry ended[NUMBERS];
};

/**
 * struct order_shared - what all see
 * @stop: nobody sends any more, and member 0 voids to the end
 * @settled: it has
 * @quit: all end
 */
struct order_shared {
	_Atomic uint64_t stop, settled, quit;
	struct disk disks[MEMBERS];
};

enum kind {
	SEND,			/* a message: .stamp, .messages[0] */
	ASK,			/* round 1, from .base on */
	HAVE,			/* what the answer is, from .base on; 0: has not */
	GIVE,			/* round 2, from .base on */
	MORE,			/* it stands at .base, and V is further on */
	DONE,			/* it is through */
	STALE,			/* somebody else began later */
};

struct packet {
	uint32_t kind, from;
	struct consensus_stamp stamp;
	uint64_t base;
	uint64_t messages[ROOM];
};

/**
 * struct voiding - a voider, and where it stands
 * @on: it is one
 * @stamp: V
 * @giving: round 2
 * @base: what each member was asked last, or where it stands
 * @done: which are done with this round
 * @found: the messages that somebody has
 * @sent_at: when all were asked last
 */
struct voiding {
	bool on;
	struct consensus_stamp stamp;
	bool giving;
	uint64_t base[MEMBERS];
	bool done[MEMBERS];
	uint64_t found[NUMBERS];
	uint64_t sent_at;
};

/**
 * struct member - a process
 * @index: which
 * @socket: its
 * @out: it came back, and has not sealed since
 * @arrived: messages, by number
 * @stuck_since: a gap is there since; 0: none
 * @serial: of its last message, in this generation
 * @late: what it will send when its number is void
 */
struct member {
	int index;
	int socket;
	struct disk *disk;
	struct consensus_sender *sender;
	struct consensus_receiver *receiver;
	bool out;
	uint64_t arrived[NUMBERS];
	uint64_t stuck_since, serial;
	struct packet late;
	struct voiding voiding;
};

extern struct order_shared *order;

/* order.c */
void member_odd(struct member *m, int call, int error);
void member_die(struct member *m, enum death here);
void member_deliver(struct member *m);
uint64_t member_has(const struct member *m, uint64_t number);

/* order_net.c */
void net_open(struct member *m);
void net_send(struct member *m, int to, const struct packet *p);
/* The next packet, waited for at most @ms; it stands still for nothing else. */
bool net_receive(struct member *m, struct packet *p, int ms);

/* order_void.c */
void void_begin(struct member *m);
void void_drive(struct member *m);
void void_receive(struct member *m, const struct packet *p);

#endif
