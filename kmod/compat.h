/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Every difference between the kernels that we support, written as the newest
 * kernel's name, implemented for older ones. Supported: 6.1, 6.12, 7.2.
 */
#ifndef CNS_COMPAT_H
#define CNS_COMPAT_H

#include <linux/blkdev.h>
#include <linux/fs.h>
#include <linux/hrtimer.h>
#include <linux/in6.h>
#include <linux/io_uring.h>
#include <linux/timer.h>
#include <linux/uio.h>
#include <linux/version.h>
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 8, 0)
#include <linux/io_uring/cmd.h>
#endif
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
#include <linux/unaligned.h>
#else
#include <asm/unaligned.h>
#endif
#include <crypto/blake2s.h>
#include <net/udp_tunnel.h>

/* Keyed BLAKE2s; the order of arguments changed with the same types (7.0). */
static inline void cns_blake2s(u8 *out, size_t outlen, const u8 *in,
			       size_t inlen, const u8 *key, size_t keylen)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 0, 0)
	blake2s(key, keylen, in, inlen, out, outlen);
#else
	blake2s(out, in, key, outlen, inlen, keylen);
#endif
}

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 13, 0)
static inline void hrtimer_setup(struct hrtimer *timer,
				 enum hrtimer_restart (*fn)(struct hrtimer *),
				 clockid_t clock, enum hrtimer_mode mode)
{
	hrtimer_init(timer, clock, mode);
	timer->function = fn;
}
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 2, 0)
#define timer_delete_sync(timer) del_timer_sync(timer)
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 16, 0)
#define timer_container_of(var, timer, field) from_timer(var, timer, field)
#endif

/* Tunnel helpers take a struct sock and per-packet flags from 7.0 on. */
static inline void cns_setup_udp_tunnel(struct net *net, struct socket *sock,
					struct udp_tunnel_sock_cfg *cfg)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 0, 0)
	setup_udp_tunnel_sock(net, sock->sk, cfg);
#else
	setup_udp_tunnel_sock(net, sock, cfg);
#endif
}

static inline void cns_udp_tunnel_release(struct socket *sock)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 0, 0)
	udp_tunnel_sock_release(sock->sk);
#else
	udp_tunnel_sock_release(sock);
#endif
}

static inline void cns_udp_xmit4(struct rtable *rt, struct sock *sk,
				 struct sk_buff *skb, __be32 src, __be32 dst,
				 __be16 sport, __be16 dport)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 0, 0)
	udp_tunnel_xmit_skb(rt, sk, skb, src, dst, 0, 64, 0, sport, dport,
			    false, false, 0);
#else
	udp_tunnel_xmit_skb(rt, sk, skb, src, dst, 0, 64, 0, sport, dport,
			    false, false);
#endif
}

static inline void cns_udp_xmit6(struct dst_entry *dst, struct sock *sk,
				 struct sk_buff *skb, struct in6_addr *src,
				 struct in6_addr *to, __be16 sport,
				 __be16 dport)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 0, 0)
	udp_tunnel6_xmit_skb(dst, sk, skb, NULL, src, to, 0, 64, 0, sport,
			     dport, false, 0);
#else
	udp_tunnel6_xmit_skb(dst, sk, skb, NULL, src, to, 0, 64, 0, sport,
			     dport, false);
#endif
}

/*
 * Write durably, protected against freezing of the file system: from 6.8 on
 * vfs_iter_write() does that by itself.
 */
static inline ssize_t cns_iter_write(struct file *file, struct iov_iter *iter,
				     loff_t *pos)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 8, 0)
	return vfs_iter_write(file, iter, pos, RWF_DSYNC);
#else
	ssize_t did;

	file_start_write(file);
	did = vfs_iter_write(file, iter, pos, RWF_DSYNC);
	file_end_write(file);
	return did;
#endif
}

/*
 * An exclusive claim on a block device. 6.1 counts it by an opening of its own,
 * later kernels by an open file. Returns the claim or an ERR_PTR.
 */
static inline void *cns_bdev_claim(dev_t dev, void *holder)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 9, 0)
	return bdev_file_open_by_dev(dev, BLK_OPEN_READ | BLK_OPEN_WRITE,
				     holder, NULL);
#else
	return blkdev_get_by_dev(dev, FMODE_READ | FMODE_WRITE | FMODE_EXCL,
				 holder);
#endif
}

static inline void cns_bdev_release(void *claim)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 9, 0)
	bdev_fput(claim);
#else
	blkdev_put(claim, FMODE_READ | FMODE_WRITE | FMODE_EXCL);
#endif
}

/* Commands can be cancelled from 6.7 on, when their ring goes. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 7, 0)
#define IO_URING_F_CANCEL 0
static inline void io_uring_cmd_mark_cancelable(struct io_uring_cmd *cmd,
						unsigned int flags)
{
}
#endif

/* The bytes of the SQE that are the command's own: at least 16. */
static inline const void *cns_uring_data(struct io_uring_cmd *cmd)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 0, 0)
	return io_uring_sqe_cmd(cmd->sqe, struct consensus_uring);
#elif LINUX_VERSION_CODE >= KERNEL_VERSION(6, 5, 0)
	return io_uring_sqe_cmd(cmd->sqe);
#else
	return cmd->cmd;
#endif
}

/* A completion; @value is told where it is @wide. */
static inline void cns_uring_done(struct io_uring_cmd *cmd, s32 res, u64 value,
				  bool wide, unsigned int flags)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 0, 0)
	if (wide)
		io_uring_cmd_done32(cmd, res, value, flags);
	else
		io_uring_cmd_done(cmd, res, flags);
#else
	io_uring_cmd_done(cmd, res, value, flags);
#endif
}

/* What io_uring_cmd_complete_in_task() runs: a function of a command and flags. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 0, 0)
#define CNS_URING_TASK_WORK(name, cmd, flags)				\
	static void name##_of(struct io_uring_cmd *cmd, unsigned int flags); \
	static void name(struct io_tw_req req, io_tw_token_t tw)	\
	{								\
		name##_of(io_uring_cmd_from_tw(req),			\
			  IO_URING_CMD_TASK_WORK_ISSUE_FLAGS);		\
	}								\
	static void name##_of(struct io_uring_cmd *cmd, unsigned int flags)
#else
#define CNS_URING_TASK_WORK(name, cmd, flags)				\
	static void name(struct io_uring_cmd *cmd, unsigned int flags)
#endif

#endif
