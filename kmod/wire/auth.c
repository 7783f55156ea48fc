// SPDX-License-Identifier: GPL-2.0
/*
 * Who sent it: SipHash-2-4 (Aumasson, Bernstein, 2012) over the datagram, under
 * a key that both boots and the direction are part of (pitfall 74): nothing
 * that was recorded before a restart verifies after it, and nothing reflected
 * to its sender verifies at all.
 */
#include "layout.h"

/* Everything behind the MAC, in one run, where it lies. */
static u64 mac_of(const u8 *buf, u32 len, const siphash_key_t *key)
{
	const u32 skip = offsetof(struct wire_header, magic);

	return siphash(buf + skip, len - skip, key);
}

/**
 * wire_verify() - is it authentic?
 * @buf: datagram; not written to
 * @len: its length, checked by wire_peek()
 * @key: of the pair, in the direction from sender to receiver
 *
 * Return: true if the MAC is right. The comparison takes the same time
 * wherever the first wrong byte is.
 */
bool wire_verify(const u8 *buf, u32 len, const siphash_key_t *key)
{
	if (len < WIRE_HEADER)
		return false;
	return !(mac_of(buf, len, key) ^ wire_get64(buf));
}

/**
 * wire_seal() - number and sign a datagram
 * @buf: datagram as one of the encoders left it
 * @len: its length
 * @sequence: never used before under @key
 * @key: of the pair, in the direction from us to the receiver
 */
void wire_seal(u8 *buf, u32 len, u64 sequence, const siphash_key_t *key)
{
	wire_put64(buf + offsetof(struct wire_header, sequence), sequence);
	wire_put64(buf, mac_of(buf, len, key));
}

/*
 * One cluster key serves several purposes, kept apart by a label of fixed
 * length in front of what is hashed, so that no two inputs are ever the same.
 */
enum { LABEL = 24 };

static const char pair_label[LABEL] = "consensus pair 1";
static const char hello_label[LABEL] = "consensus hello 1";

static void derive(siphash_key_t *k, const u8 key[WIRE_CLUSTER_KEY],
		   const u8 *in, size_t len)
{
	u8 out[16];

	wire_blake2s(out, in, len, key);
	k->key[0] = wire_get64(out);
	k->key[1] = wire_get64(out + 8);
}

static u8 *put_end(u8 *p, struct raft_id id, struct wire_boot boot)
{
	p = wire_put64(p, id.hi);
	p = wire_put64(p, id.lo);
	p = wire_put64(p, boot.counter);
	return wire_put64(p, boot.nonce);
}

/**
 * wire_pair_key() - the key of one direction between two boots
 * @k: the key
 * @key: cluster key
 * @from: sender's incarnation
 * @from_boot: sender's boot
 * @to: receiver's incarnation
 * @to_boot: receiver's boot
 */
void wire_pair_key(siphash_key_t *k, const u8 key[WIRE_CLUSTER_KEY],
		   struct raft_id from, struct wire_boot from_boot,
		   struct raft_id to, struct wire_boot to_boot)
{
	u8 in[LABEL + 2 * 32];
	u8 *p = in + LABEL;

	memcpy(in, pair_label, LABEL);
	p = put_end(p, from, from_boot);
	put_end(p, to, to_boot);
	derive(k, key, in, sizeof(in));
}

/**
 * wire_hello_key() - the key of hellos, which go before any pair's key
 * @k: the key
 * @key: cluster key
 */
void wire_hello_key(siphash_key_t *k, const u8 key[WIRE_CLUSTER_KEY])
{
	derive(k, key, (const u8 *)hello_label, LABEL);
}
