/* SPDX-License-Identifier: GPL-2.0 */
/* Little-endian integers at any address: entries in the log are not aligned. */
#ifndef CNS_FSM_BYTES_H
#define CNS_FSM_BYTES_H

#include <linux/types.h>
#include <linux/string.h>
#include <asm/byteorder.h>

static inline u16 fsm_get16(const u8 *p)
{
	__le16 v;

	memcpy(&v, p, sizeof(v));
	return le16_to_cpu(v);
}

static inline u32 fsm_get32(const u8 *p)
{
	__le32 v;

	memcpy(&v, p, sizeof(v));
	return le32_to_cpu(v);
}

static inline u64 fsm_get64(const u8 *p)
{
	__le64 v;

	memcpy(&v, p, sizeof(v));
	return le64_to_cpu(v);
}

/* The puts return the place behind what they wrote. */
static inline u8 *fsm_put16(u8 *p, u16 n)
{
	__le16 v = cpu_to_le16(n);

	memcpy(p, &v, sizeof(v));
	return p + sizeof(v);
}

static inline u8 *fsm_put32(u8 *p, u32 n)
{
	__le32 v = cpu_to_le32(n);

	memcpy(p, &v, sizeof(v));
	return p + sizeof(v);
}

static inline u8 *fsm_put64(u8 *p, u64 n)
{
	__le64 v = cpu_to_le64(n);

	memcpy(p, &v, sizeof(v));
	return p + sizeof(v);
}

/* Names are padded with zeros to whole words, in commands and in snapshots. */
static inline u32 fsm_padded(u32 len)
{
	return (len + 7) & ~7u;
}

static inline u8 *fsm_put_name(u8 *p, const char *name, u32 len)
{
	if (len & 7)
		fsm_put64(p + (len & ~7u), 0);
	memcpy(p, name, len);
	return p + fsm_padded(len);
}

/* Is what lies behind a name of @len bytes at @p zero up to the next word? */
static inline bool fsm_name_padded(const u8 *p, u32 len)
{
	u8 rest = 0;

	for (; len & 7; len++)
		rest |= p[len];
	return !rest;
}

/* Is what lies behind the first zero of @len bytes at @p zero, too? */
static inline bool fsm_text_padded(const char *p, u32 len)
{
	u32 i;

	for (i = 1; i < len; i++)
		if (p[i] && !p[i - 1])
			return false;
	return true;
}

#endif
