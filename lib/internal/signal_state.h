/* SPDX-License-Identifier: BSD-2-Clause */
/* What posix/signal.c and posix/signal_wait.c share. */
#ifndef INTERNAL_SIGNAL_STATE_H
#define INTERNAL_SIGNAL_STATE_H

#include <signal.h>

#include "kernel/sync.h"

struct signal_state {
    struct mutex lock; /* guards the rest */
    struct waitq waiters;
    sigset_t pending;
};

extern struct signal_state signal_state;
extern _Thread_local sigset_t signal_blocked;

static inline sigset_t signal_bit(int number)
{
    return (sigset_t)1 << number;
}

/* Takes the lowest pending signal of a set, or 0. With the lock held. */
int signal_take(sigset_t wanted);
/* Does what the signal's action says. */
void signal_deliver(int number);

#endif
