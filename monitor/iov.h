/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Scattered buffers: copying, and cutting pieces off. Used by the backends.
 */
#ifndef MONITOR_IOV_H
#define MONITOR_IOV_H

#include <stddef.h>
#include <sys/uio.h>

size_t iov_bytes(const struct iovec *segments, unsigned count);

/* Copies up to `bytes` bytes out of or into the start of the segments; returns how many. */
size_t iov_read(const struct iovec *segments, unsigned count, void *to, size_t bytes);
size_t iov_write(const struct iovec *segments, unsigned count, const void *from, size_t bytes);
void iov_zero(const struct iovec *segments, unsigned count);

/* Removes `bytes` bytes from the front and moves *segments on, or keeps only the first `bytes`;
 * both return how many segments are left. */
unsigned iov_skip(struct iovec **segments, unsigned count, size_t bytes);
unsigned iov_trim(struct iovec *segments, unsigned count, size_t bytes);

#endif
