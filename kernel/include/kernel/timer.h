/* SPDX-License-Identifier: BSD-2-Clause */
/* Timers at nanosecond resolution. Callbacks run with upcalls masked and must be short. */
#ifndef KERNEL_TIMER_H
#define KERNEL_TIMER_H

#include <stdbool.h>
#include <stdint.h>

/* All-zero is unarmed. Belongs to the caller, who cancels it before the memory goes. */
struct timer {
    uint64_t deadline_ns;
    void (*expire)(struct timer *timer);
    void *context;
    struct timer *child, *sibling, *prev; /* a pairing heap's links */
    bool armed;
};

/* Arms or re-arms. */
void timer_arm(struct timer *timer, uint64_t deadline_ns, void (*expire)(struct timer *timer));
void timer_cancel(struct timer *timer);
/* The earliest deadline, or NO_DEADLINE. */
uint64_t timer_next_deadline(void);
/* Runs what has expired. Called by the kernel's event loop with upcalls masked. */
void timer_expire(uint64_t now_ns);

#endif
