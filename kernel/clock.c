/* SPDX-License-Identifier: BSD-2-Clause */
/* Time from the platform's clock page. Any context. */
#include "kernel/clock.h"

#include "arch/pvclock.h"
#include "pvabi/pv.h"

/* What clock_wall_set changed, modulo 2^64. */
static uint64_t wall_offset_ns;

uint64_t clock_now_ns(void)
{
    static uint64_t latest_ns;
    uint64_t now_ns = pvclock_read_ns(pv_clock);

    /* The host's parameters may change, and a restored VM meets another host's. An upcall between
     * the reading and the writing can only put an older reading here. */
    if (now_ns < latest_ns)
        return latest_ns;
    latest_ns = now_ns;
    return now_ns;
}

uint64_t clock_wall_ns(void)
{
    return pvclock_wall_ns(pv_clock) + wall_offset_ns + clock_now_ns();
}

void clock_wall_set(uint64_t wall_ns)
{
    wall_offset_ns = wall_ns - pvclock_wall_ns(pv_clock) - clock_now_ns();
}
