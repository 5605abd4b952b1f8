/* SPDX-License-Identifier: BSD-2-Clause */
/* poll and ppoll (POSIX.1-2024, <poll.h>). */
#ifndef _POLL_H
#define _POLL_H

#include <signal.h>
#include <sys/cdefs.h>
#include <time.h>

#define POLLIN 0x0001
#define POLLPRI 0x0002
#define POLLOUT 0x0004
#define POLLERR 0x0008  /* in revents only */
#define POLLHUP 0x0010  /* in revents only */
#define POLLNVAL 0x0020 /* in revents only */
#define POLLRDNORM 0x0040
#define POLLRDBAND 0x0080
#define POLLWRNORM 0x0100
#define POLLWRBAND 0x0200
#define POLLRDHUP 0x2000 /* the peer has shut down its sending side */

typedef unsigned long nfds_t;

struct pollfd {
    int fd; /* negative: passed over */
    short events;
    short revents;
};

__BEGIN_DECLS

/* Waits until a descriptor is ready or timeout_ms milliseconds have passed (-1: for ever). Returns
 * how many descriptors have revents, 0 after the time-out, or -1 with errno EINVAL or ENOMEM. */
int poll(struct pollfd *fds, nfds_t count, int timeout_ms);
/* The same with nanoseconds (NULL: for ever) and a signal mask for the time of the call. */
int ppoll(struct pollfd *fds, nfds_t count, const struct timespec *timeout, const sigset_t *mask);

__END_DECLS

#endif
