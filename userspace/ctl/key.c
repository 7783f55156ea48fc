// SPDX-License-Identifier: GPL-2.0
/*
 * The cluster key: 64 hexadecimal digits in a file that only its owner reads.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config.h"
#include "ctl.h"

/* Room for the digits and a few characters of white space. */
enum { KEY_TEXT = 80 };

static int check_owner(int fd, const char *path, char error[CONFIG_ERROR])
{
	struct stat st;

	if (fstat(fd, &st)) {
		snprintf(error, CONFIG_ERROR, "key file %s: %s", path, strerror(errno));
		return -1;
	}
	if (!S_ISREG(st.st_mode)) {
		snprintf(error, CONFIG_ERROR, "key file %s: not a regular file", path);
		return -1;
	}
	if (st.st_uid && st.st_uid != geteuid()) {
		snprintf(error, CONFIG_ERROR, "key file %s belongs to user %u: whoever owns it knows the key. chown root %s",
			 path, st.st_uid, path);
		return -1;
	}
	if (st.st_mode & 077) {
		snprintf(error, CONFIG_ERROR, "key file %s is open to group or others (mode %04o): chmod 600 %s, and if others may have read it, make a new key (consensusctl keygen) for all nodes",
			 path, st.st_mode & 07777, path);
		return -1;
	}
	return 0;
}

static int read_text(int fd, const char *path, char text[KEY_TEXT],
		     char error[CONFIG_ERROR])
{
	ssize_t n = read(fd, text, KEY_TEXT - 1);

	if (n < 0) {
		snprintf(error, CONFIG_ERROR, "key file %s: %s", path, strerror(errno));
		return -1;
	}
	text[n] = '\0';
	return 0;
}

int key_read(const char *path, uint8_t key[KEY_SIZE], char error[CONFIG_ERROR])
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	char text[KEY_TEXT];
	int ret;

	if (fd < 0) {
		snprintf(error, CONFIG_ERROR, "key file %s: %s%s", path, strerror(errno),
			 errno == ENOENT ? ": make one with consensusctl keygen, for all nodes" : "");
		return -1;
	}
	ret = check_owner(fd, path, error);
	if (!ret)
		ret = read_text(fd, path, text, error);
	close(fd);
	if (!ret && !parse_key(text, key)) {
		snprintf(error, CONFIG_ERROR, "key file %s: must hold 64 hexadecimal digits (256 bits) and nothing else",
			 path);
		ret = -1;
	}
	explicit_bzero(text, sizeof(text));
	return ret;
}

static int write_key(int fd)
{
	uint8_t key[KEY_SIZE];
	char text[2 * KEY_SIZE + 2];
	int i, ret = -1;

	if (getrandom(key, sizeof(key), 0) != sizeof(key))
		return -1;
	for (i = 0; i < KEY_SIZE; i++)
		snprintf(text + 2 * i, 3, "%02x", key[i]);
	text[2 * KEY_SIZE] = '\n';
	if (write(fd, text, 2 * KEY_SIZE + 1) == 2 * KEY_SIZE + 1)
		ret = fsync(fd);
	explicit_bzero(key, sizeof(key));
	explicit_bzero(text, sizeof(text));
	return ret;
}

int run_keygen(const struct options *o)
{
	const char *path = o->args[0];
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	int error;

	if (fd < 0 && errno == EEXIST)
		return fail(o, CTL_ERROR, EEXIST, "%s exists; a key is never overwritten: remove it first if no node needs it any more",
			    path);
	if (fd < 0)
		return fail(o, CTL_ERROR, errno, "%s: %s", path, strerror(errno));
	if (write_key(fd)) {
		error = errno;
		unlink(path);
		close(fd);
		return fail(o, CTL_ERROR, error, "%s: %s", path, strerror(error));
	}
	close(fd);
	remark(o, "%s holds a new key: copy it to all nodes of the cluster, readable by root alone",
	       path);
	return CTL_OK;
}
