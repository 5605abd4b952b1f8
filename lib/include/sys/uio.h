/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads and writes of several pieces (POSIX.1-2024, <sys/uio.h>). */
#ifndef _SYS_UIO_H
#define _SYS_UIO_H

#include <stddef.h>
#include <sys/cdefs.h>
#include <sys/types.h>

#ifndef IOV_MAX
#define IOV_MAX 1024
#endif
#define UIO_MAXIOV IOV_MAX

struct iovec {
    void *iov_base;
    size_t iov_len;
};

__BEGIN_DECLS

/* Bytes transferred, or -1: EINVAL for a count outside 1 to IOV_MAX or a sum beyond SSIZE_MAX. */
ssize_t readv(int fd, const struct iovec *pieces, int count);
ssize_t writev(int fd, const struct iovec *pieces, int count);
ssize_t preadv(int fd, const struct iovec *pieces, int count, off_t offset);
ssize_t pwritev(int fd, const struct iovec *pieces, int count, off_t offset);

__END_DECLS

#endif
