/* SPDX-License-Identifier: BSD-2-Clause */
/* select and pselect, over the waiting of poll. */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/select.h>

#include "file.h"
#include "poll_wait.h"

#define ON_STACK 16u

/* The same masks as elsewhere: hang-up and error end a wait for reading, error one for writing. */
#define READ_EVENTS (POLLIN | POLLRDNORM)
#define READ_READY (READ_EVENTS | POLLHUP | POLLERR)
#define WRITE_EVENTS (POLLOUT | POLLWRNORM)
#define WRITE_READY (WRITE_EVENTS | POLLERR)

static bool in_set(int fd, fd_set *set)
{
    return set && FD_ISSET(fd, set);
}

static short events_of(int fd, fd_set *reads, fd_set *writes, fd_set *exceptions)
{
    return (short)((in_set(fd, reads) ? READ_EVENTS : 0) | (in_set(fd, writes) ? WRITE_EVENTS : 0) |
                   (in_set(fd, exceptions) ? POLLPRI : 0));
}

static bool wanted(int fd, fd_set *reads, fd_set *writes, fd_set *exceptions)
{
    return in_set(fd, reads) || in_set(fd, writes) || in_set(fd, exceptions);
}

/* Leaves a descriptor's bit set when it was and holds; counts it. */
static int bit_keep(int fd, fd_set *set, bool holds)
{
    if (!in_set(fd, set))
        return 0;
    if (!holds)
        FD_CLR(fd, set);
    return holds;
}

static int sets_update(const struct pollfd *fds, unsigned count, fd_set *reads, fd_set *writes,
                       fd_set *exceptions)
{
    int bits = 0;
    for (unsigned i = 0; i < count; i++) {
        if (fds[i].revents & POLLNVAL)
            return -EBADF;
        bits += bit_keep(fds[i].fd, reads, fds[i].revents & READ_READY);
        bits += bit_keep(fds[i].fd, writes, fds[i].revents & WRITE_READY);
        bits += bit_keep(fds[i].fd, exceptions, fds[i].revents & POLLPRI);
    }
    return bits;
}

static int select_until(int limit, fd_set *reads, fd_set *writes, fd_set *exceptions,
                        uint64_t deadline_ns)
{
    struct pollfd few[ON_STACK], *fds = few;
    unsigned count = 0;
    if (limit < 0 || limit > FD_SETSIZE)
        return -EINVAL;
    for (int fd = 0; fd < limit; fd++)
        count += wanted(fd, reads, writes, exceptions);
    if (count > ON_STACK)
        fds = malloc(count * sizeof *fds);
    if (!fds)
        return -ENOMEM;
    count = 0;
    for (int fd = 0; fd < limit; fd++)
        if (wanted(fd, reads, writes, exceptions))
            fds[count++] = (struct pollfd){fd, events_of(fd, reads, writes, exceptions), 0};
    int result = poll_wait(fds, count, deadline_ns);
    if (result >= 0)
        result = sets_update(fds, count, reads, writes, exceptions);
    if (fds != few)
        free(fds);
    return result;
}

int pselect(int limit, fd_set *reads, fd_set *writes, fd_set *exceptions,
            const struct timespec *timeout, const sigset_t *mask)
{
    (void)mask; /* no signal interrupts a wait */
    uint64_t deadline = NO_DEADLINE;
    int result = poll_deadline(timeout, &deadline);
    if (result == 0)
        result = select_until(limit, reads, writes, exceptions, deadline);
    return (int)errno_result(result);
}

int select(int limit, fd_set *reads, fd_set *writes, fd_set *exceptions, struct timeval *timeout)
{
    struct timespec precise;
    if (!timeout)
        return pselect(limit, reads, writes, exceptions, NULL, NULL);
    /* Microseconds beyond a second are accepted, as elsewhere. */
    if (timeout->tv_sec < 0 || timeout->tv_usec < 0)
        return (int)errno_result(-EINVAL);
    precise.tv_sec = timeout->tv_sec + timeout->tv_usec / 1000000;
    precise.tv_nsec = timeout->tv_usec % 1000000 * 1000;
    return pselect(limit, reads, writes, exceptions, &precise, NULL);
}
