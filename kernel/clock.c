/* SPDX-License-Identifier: BSD-2-Clause */
/* Time from the platform's clock page. Any context. */
#include "kernel/clock.h"

#include "arch/arch.h"
#include "arch/pvclock.h"
#include "pvabi/pv.h"

#define RECENT_CYCLES (1u << 18)

static uint64_t latest_ns;
static uint64_t recent_cycles; /* since then it has been read */

/* What clock_wall_set changed, modulo 2^64. */
static uint64_t wall_offset_ns;

/* The VM may be restored between the readings, which then do not belong together. */
static uint64_t system_now_ns(void)
{
    uint64_t offset_ns, now_ns;

    do {
        offset_ns = pv_clock_offset_ns;
        now_ns = pvclock_read_ns(pv_clock) + offset_ns;
    } while (offset_ns != pv_clock_offset_ns);
    return now_ns;
}

uint64_t clock_now_ns(void)
{
    uint64_t now_ns = system_now_ns();

    /* The host's parameters may change. An upcall between the reading and the writing can only put
     * an older reading here. */
    if (now_ns < latest_ns)
        return latest_ns;
    latest_ns = now_ns;
    return now_ns;
}

/* Only here is the counter read once more, which takes a fifth of a switch between threads. An upcall
 * before the writing of recent_cycles finds it old, and one after it the time new. */
uint64_t clock_recent_ns(void)
{
    uint64_t cycles = arch_cycles();

    if (cycles - recent_cycles >= RECENT_CYCLES) {
        (void)clock_now_ns();
        recent_cycles = cycles;
    }
    return latest_ns;
}

/* pv_clock's two halves belong together: the wall clock's knows no offset. */
static uint64_t host_wall_ns(void)
{
    return pvclock_wall_ns(pv_clock) + clock_now_ns() - pv_clock_offset_ns;
}

uint64_t clock_wall_ns(void)
{
    return host_wall_ns() + wall_offset_ns;
}

void clock_wall_set(uint64_t wall_ns)
{
    wall_offset_ns = wall_ns - host_wall_ns();
}
