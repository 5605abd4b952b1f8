/* SPDX-License-Identifier: BSD-2-Clause */
/* The waiting that poll, select and their relatives share (posix/poll.c). */
#ifndef INTERNAL_POLL_WAIT_H
#define INTERNAL_POLL_WAIT_H

#include <poll.h>
#include <stdint.h>

#include "timespec.h"

/* Waits until one of the descriptors is ready or the deadline has passed (0: only looks). Returns
 * how many have revents, -EINVAL, -ENOMEM. */
int poll_wait(struct pollfd *fds, unsigned long count, uint64_t deadline_ns);

/* The deadline of a time-out: unchanged for NULL, 0 for none at all; -EINVAL when it is malformed
 * or negative. */
static inline int poll_deadline(const struct timespec *timeout, uint64_t *deadline_ns)
{
    uint64_t ns;
    if (!timeout)
        return 0;
    if (timeout->tv_sec < 0 || timespec_to_ns(timeout, &ns) < 0)
        return -EINVAL;
    *deadline_ns = ns == 0 ? 0 : deadline_in(ns);
    return 0;
}

#endif
