/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * epoll, source-compatible with Linux's: a set of descriptors that reports the ready ones in time
 * proportional to their number.
 */
#ifndef _SYS_EPOLL_H
#define _SYS_EPOLL_H

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <sys/cdefs.h>
#include <time.h>

#define EPOLLIN POLLIN
#define EPOLLPRI POLLPRI
#define EPOLLOUT POLLOUT
#define EPOLLERR POLLERR /* always reported */
#define EPOLLHUP POLLHUP /* always reported */
#define EPOLLRDNORM POLLRDNORM
#define EPOLLRDBAND POLLRDBAND
#define EPOLLWRNORM POLLWRNORM
#define EPOLLWRBAND POLLWRBAND
#define EPOLLRDHUP POLLRDHUP
#define EPOLLEXCLUSIVE (1u << 28) /* accepted; every waiter is woken all the same */
#define EPOLLWAKEUP (1u << 29)    /* accepted, without effect */
#define EPOLLONESHOT (1u << 30)   /* reported once, then off until EPOLL_CTL_MOD */
#define EPOLLET (1u << 31)        /* reported once for each time it becomes ready */

#define EPOLL_CTL_ADD 1
#define EPOLL_CTL_DEL 2
#define EPOLL_CTL_MOD 3

#define EPOLL_CLOEXEC O_CLOEXEC

typedef union epoll_data {
    void *ptr;
    int fd;
    uint32_t u32;
    uint64_t u64;
} epoll_data_t;

struct epoll_event {
    uint32_t events;
    epoll_data_t data;
};

__BEGIN_DECLS

/* A descriptor, or -1: EINVAL, EMFILE, ENOMEM. */
int epoll_create1(int flags);
int epoll_create(int size);
/* 0, or -1: EBADF, EEXIST, ENOENT, EINVAL, ENOMEM; EPERM for a file that is always ready. */
int epoll_ctl(int epoll_fd, int operation, int fd, struct epoll_event *event);
/* How many events were stored, 0 after timeout_ms milliseconds (-1: none), or -1: EBADF, EINVAL. */
int epoll_wait(int epoll_fd, struct epoll_event *events, int most, int timeout_ms);
int epoll_pwait(int epoll_fd, struct epoll_event *events, int most, int timeout_ms,
                const sigset_t *mask);

__END_DECLS

#endif
