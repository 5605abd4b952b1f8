/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An io_uring of the host's kernel for reading and writing files that are open, and for nothing
 * else: the kernel is told so before the ring is used, because what a ring does passes by
 * the system-call filter. Not for more than one thread. For the block backend.
 *
 *     uring_open(&ring, entries, files, file_count)       before the sandbox closes
 *     uring_read(&ring, 0, segments, count, offset, cookie); ... as many as there are entries
 *     uring_submit(&ring);
 *     ring.fd is readable: while (uring_take(&ring, &cookie, &result)) ...
 */
#ifndef MONITOR_URING_H
#define MONITOR_URING_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

struct uring {
    int fd; /* -1: not open */
    unsigned entries;
    unsigned queued; /* by uring_read and uring_write, and not yet submitted */
    /* Shared with the kernel: */
    uint32_t *submit_head, *submit_tail, *submit_slots;
    uint32_t *done_head, *done_tail;
    uint32_t submit_mask, done_mask;
    struct io_uring_sqe *submissions;
    struct io_uring_cqe *completions;
    void *rings; /* mapped */
    uint64_t rings_bytes, submissions_bytes;
};

/* 0, or negative errno where the host has no io_uring, or forbids it. */
int uring_open(struct uring *ring, unsigned entries, const int *files, unsigned file_count);
/* What was submitted must have been taken. */
void uring_close(struct uring *ring);

/* Queue one operation on files[file]. The segments must stay until it is done. The caller has never
 * more operations on their way than there are entries. */
void uring_read(struct uring *ring, unsigned file, const struct iovec *segments, unsigned count,
                uint64_t offset, void *cookie);
void uring_write(struct uring *ring, unsigned file, const struct iovec *segments, unsigned count,
                 uint64_t offset, void *cookie);

/* Hands over what was queued. False: the kernel cannot take all of it now; the next call tries. */
bool uring_submit(struct uring *ring);

/* True: an operation has ended, with a number of bytes or negative errno. */
bool uring_take(struct uring *ring, void **cookie, int *result);

/* Sleeps until something can be taken. */
void uring_wait(struct uring *ring);

#endif
