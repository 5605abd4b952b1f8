/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Waiting for signals: sigwait and its relatives take one that is pending; pause and sigsuspend end
 * after a handler ran in the waiting thread.
 */
#include <errno.h>
#include <unistd.h>

#include "file.h"
#include "signal_state.h"
#include "timespec.h"

/* Waits for one of the set: its number, or -ETIMEDOUT. */
static int signal_wait_for(sigset_t wanted, uint64_t deadline_ns)
{
    int number, result = 0;
    mutex_lock(&signal_state.lock);
    while ((number = signal_take(wanted)) == 0 && result == 0)
        result = waitq_wait(&signal_state.waiters, &signal_state.lock, deadline_ns);
    mutex_unlock(&signal_state.lock);
    return number ? number : result;
}

int sigwait(const sigset_t *set, int *number)
{
    *number = signal_wait_for(*set, NO_DEADLINE);
    return 0;
}

int sigtimedwait(const sigset_t *set, siginfo_t *info, const struct timespec *timeout)
{
    uint64_t ns, deadline = NO_DEADLINE;
    if (timeout) {
        if (timespec_to_ns(timeout, &ns) < 0)
            return (int)errno_result(-EINVAL);
        deadline = deadline_in(ns);
    }
    int number = signal_wait_for(*set, deadline);
    if (number < 0)
        return (int)errno_result(-EAGAIN);
    if (info)
        *info = (siginfo_t){.si_signo = number, .si_code = SI_USER, .si_pid = getpid()};
    return number;
}

int sigwaitinfo(const sigset_t *set, siginfo_t *info)
{
    return sigtimedwait(set, info, NULL);
}

int sigsuspend(const sigset_t *mask)
{
    sigset_t before = signal_blocked;
    signal_blocked = *mask;
    signal_deliver(signal_wait_for(~signal_blocked, NO_DEADLINE));
    signal_blocked = before;
    return (int)errno_result(-EINTR);
}

int pause(void)
{
    sigset_t mask = signal_blocked;
    return sigsuspend(&mask);
}

int sigpending(sigset_t *set)
{
    *set = signal_state.pending;
    return 0;
}
