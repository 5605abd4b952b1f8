/* SPDX-License-Identifier: BSD-2-Clause */
/* The frontends' clock for tests (clock.h). */
#include "tests/unit/support/clock.h"

#include <stddef.h>

#include "arch/pvclock.h"
#include "pvabi/pv.h"

const struct pvclock *pv_clock;
uint64_t clock_now_ns;
uint64_t clock_step_ns = 1000000;
void (*clock_on_look)(void);

uint64_t pvclock_read_ns(const struct pvclock *clock)
{
    (void)clock;
    clock_now_ns += clock_step_ns;
    if (clock_on_look != NULL)
        clock_on_look();
    return clock_now_ns;
}
