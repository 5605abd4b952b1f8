/* SPDX-License-Identifier: BSD-2-Clause */
/* Sets of signals: one bit each, as in newlib's sigset_t. Pure; any context. */
#include <errno.h>
#include <signal.h>

#include "file.h"

static bool in_range(int number)
{
    return number > 0 && number < NSIG;
}

int sigemptyset(sigset_t *set)
{
    *set = 0;
    return 0;
}

int sigfillset(sigset_t *set)
{
    *set = ~(sigset_t)1;
    return 0;
}

int sigaddset(sigset_t *set, int number)
{
    if (!in_range(number))
        return (int)errno_result(-EINVAL);
    *set |= (sigset_t)1 << number;
    return 0;
}

int sigdelset(sigset_t *set, int number)
{
    if (!in_range(number))
        return (int)errno_result(-EINVAL);
    *set &= ~((sigset_t)1 << number);
    return 0;
}

int sigismember(const sigset_t *set, int number)
{
    if (!in_range(number))
        return (int)errno_result(-EINVAL);
    return (*set >> number) & 1;
}
