// SPDX-License-Identifier: GPL-2.0
/*
 * Which sequence numbers were seen under a key: RFC 6479, "IPsec Anti-Replay
 * Algorithm without Bit Shifting". Numbers may overtake each other by up to
 * WIRE_WINDOW_BITS; what is older than that counts as seen.
 */
#include "layout.h"

static_assert((WIRE_WINDOW_WORDS & (WIRE_WINDOW_WORDS - 1)) == 0);
static_assert(WIRE_WINDOW_WORDS * 64 >= WIRE_WINDOW_BITS + 64);

void wire_window_init(struct wire_window *w)
{
	memset(w, 0, sizeof(*w));
}

/* Let @seq be the newest: the words between hold what nobody sent yet. */
static void advance(struct wire_window *w, u64 seq)
{
	u64 word = w->newest >> 6;
	u64 n = (seq >> 6) - word;

	/* A leap over the whole ring clears each word once, and no more. */
	if (n > WIRE_WINDOW_WORDS)
		n = WIRE_WINDOW_WORDS;
	for (word = seq >> 6; n; n--, word--)
		w->bits[word & (WIRE_WINDOW_WORDS - 1)] = 0;
	w->newest = seq;
}

/**
 * wire_window_take() - take a sequence number, once
 * @w: window of the key under which the datagram verified
 * @seq: its number; 0 is never sent
 *
 * Return: true if @seq is new, and from now on it is not; false if it was seen
 * or is too old to say.
 */
bool wire_window_take(struct wire_window *w, u64 seq)
{
	u64 *word = &w->bits[(seq >> 6) & (WIRE_WINDOW_WORDS - 1)];
	u64 bit = 1ULL << (seq & 63);

	if (!seq)
		return false;
	if (seq > w->newest)
		advance(w, seq);
	else if (w->newest - seq >= WIRE_WINDOW_BITS || *word & bit)
		return false;
	*word |= bit;
	return true;
}
