// SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
/*
 * Operations of the cluster beside reads and writes, in one io_uring of one's own.
 *
 *	ring-beside-io NAME INPUT JOURNAL
 *
 * Appends INPUT to a JOURNAL to which others append at the same time, from whichever machine:
 * the counter NAME is its size, and whoever adds to it owns those bytes. Whoever dies leaves
 * a hole, but nobody writes over another. Made with liburing; or see consensus_queue_new().
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include <liburing.h>

#include <consensus_ring.h>

#define BLOCKS 16
#define SIZE 512

/* What an operation uses stays where it is until that is completed. */
static struct consensus_counter_add adds[BLOCKS];
static char data[BLOCKS][SIZE];
static struct io_uring ring;
static int handle, input, journal;

/* Begins all, and waits for all. user_data is the result that is wanted: of a command 0. */
static int finish(int begun)
{
	struct io_uring_cqe *cqe;
	int ret, first = 0;

	do {
		ret = io_uring_submit_and_wait(&ring, 1);
		while (!io_uring_peek_cqe(&ring, &cqe)) {
			if (cqe->user_data == 0) {
				first = first ?: consensus_status(cqe);
			} else if (cqe->res != (int)cqe->user_data && !first) {
				errno = cqe->res < 0 ? -cqe->res : EIO;
				perror("ring-beside-io: a block");
				first = 1; /* told */
			}
			io_uring_cqe_seen(&ring, cqe);
			begun--;
		}
	} while (begun && (ret >= 0 || ret == -EINTR));
	return begun ? ret : first;
}

/* The next blocks, as many as there is room for. Returns 0 or an error. */
static int append(const char *name, off_t at, off_t left)
{
	struct io_uring_sqe *sqe;
	int ret, i, n;

	for (n = 0; n < BLOCKS && left > 0; n++, at += SIZE, left -= SIZE) {
		ret = consensus_build_add(&adds[n], NULL, name, left < SIZE ? left : SIZE, 0);
		if (ret)
			return ret;
		sqe = io_uring_get_sqe(&ring);
		consensus_prep_add(sqe, handle, &adds[n]);
		io_uring_sqe_set_data64(sqe, 0);
		sqe = io_uring_get_sqe(&ring);
		io_uring_prep_read(sqe, input, data[n], adds[n].delta, at);
		io_uring_sqe_set_data64(sqe, adds[n].delta);
	}
	ret = finish(2 * n);
	for (i = 0; i < n && !ret; i++) {
		sqe = io_uring_get_sqe(&ring);
		io_uring_prep_write(sqe, journal, data[i], adds[i].delta,
				    adds[i].value - adds[i].delta);
		io_uring_sqe_set_data64(sqe, adds[i].delta);
	}
	return ret ? ret : finish(n);
}

int main(int argc, char **argv)
{
	off_t at = 0, size;
	int ret;

	if (argc != 4)
		return fprintf(stderr, "usage: ring-beside-io NAME INPUT JOURNAL\n"), 2;
	input = open(argv[2], O_RDONLY | O_CLOEXEC);
	size = input < 0 ? -1 : lseek(input, 0, SEEK_END);
	journal = size < 0 ? -1 : open(argv[3], O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	if (journal < 0)
		return perror("ring-beside-io"), 1;
	handle = consensus_open(O_RDWR);
	ret = handle < 0 ? handle : io_uring_queue_init(2 * BLOCKS, &ring, 0);
	for (; at < size && !ret; at += BLOCKS * SIZE)
		ret = append(argv[1], at, size - at);
	ret = ret ?: fsync(journal) ? perror("ring-beside-io: fsync"), 1 : 0;
	if (ret < 0)
		fprintf(stderr, "ring-beside-io: %s\n", consensus_strerror(ret));
	return ret ? 1 : 0;
}
