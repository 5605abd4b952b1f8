/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * poll and ppoll, and the waiting behind select. Each descriptor's file is held for the time of the
 * call; a waiter stands on its queue while the thread sleeps.
 *
 * Why no wake-up is lost:
 *   1. every waiter is on its queue before the files are asked for the last time before sleeping;
 *   2. a file that becomes ready after it was asked therefore finds the waiter and unparks us;
 *   3. an unpark that comes before errand_park makes that park return at once.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "fd.h"
#include "kernel/errand.h"
#include "poll_wait.h"
#include "timespec.h"

#define ON_STACK 16u

/* One descriptor that is waited for. */
struct watch {
    struct file *file; /* NULL: descriptor negative or not open */
    struct waiter waiter;
};

static void watch_wake(struct waiter *waiter)
{
    thread_unpark(waiter->context);
}

/* Fills revents; returns how many descriptors have some. */
static int scan(struct pollfd *fds, nfds_t count, struct watch *watches)
{
    int ready = 0;
    for (nfds_t i = 0; i < count; i++) {
        struct file *file = watches[i].file;
        if (!file) {
            fds[i].revents = fds[i].fd >= 0 ? POLLNVAL : 0;
        } else {
            short all = file->ops->poll ? file->ops->poll(file)
                                        : POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM;
            fds[i].revents = all & (fds[i].events | POLLERR | POLLHUP);
        }
        ready += fds[i].revents != 0;
    }
    return ready;
}

static void watches_enqueue(struct watch *watches, nfds_t count)
{
    for (nfds_t i = 0; i < count; i++) {
        if (!watches[i].file)
            continue;
        watches[i].waiter = (struct waiter){.wake = watch_wake, .context = thread_self()};
        waitq_add(&watches[i].file->ready, &watches[i].waiter);
    }
}

static int wait_ready(struct pollfd *fds, nfds_t count, struct watch *watches, uint64_t deadline_ns)
{
    int ready = scan(fds, count, watches);
    if (ready > 0 || deadline_ns == 0)
        return ready;
    watches_enqueue(watches, count);
    while ((ready = scan(fds, count, watches)) == 0)
        if (errand_park(deadline_ns) == -ETIMEDOUT) {
            ready = scan(fds, count, watches);
            break;
        }
    for (nfds_t i = 0; i < count; i++)
        waitq_remove(&watches[i].waiter);
    return ready;
}

int poll_wait(struct pollfd *fds, unsigned long count, uint64_t deadline_ns)
{
    struct watch few[ON_STACK], *watches = few;
    if (count > FD_MAX)
        return -EINVAL;
    if (count > ON_STACK)
        watches = malloc(count * sizeof *watches);
    if (!watches)
        return -ENOMEM;
    for (nfds_t i = 0; i < count; i++)
        watches[i] = (struct watch){.file = fds[i].fd >= 0 ? fd_file(fds[i].fd) : NULL};
    int ready = wait_ready(fds, count, watches, deadline_ns);
    for (nfds_t i = 0; i < count; i++)
        if (watches[i].file)
            file_put(watches[i].file);
    if (watches != few)
        free(watches);
    return ready;
}

int poll(struct pollfd *fds, nfds_t count, int timeout_ms)
{
    uint64_t deadline = NO_DEADLINE;
    if (timeout_ms >= 0)
        deadline = timeout_ms == 0 ? 0 : deadline_in((uint64_t)timeout_ms * NS_PER_MS);
    return (int)errno_result(poll_wait(fds, count, deadline));
}

/* The mask changes nothing here: no signal interrupts a wait. */
int ppoll(struct pollfd *fds, nfds_t count, const struct timespec *timeout, const sigset_t *mask)
{
    (void)mask;
    uint64_t deadline = NO_DEADLINE;
    int result = poll_deadline(timeout, &deadline);
    if (result == 0)
        result = poll_wait(fds, count, deadline);
    return (int)errno_result(result);
}
