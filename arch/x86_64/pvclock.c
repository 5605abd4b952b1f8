/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads the pvclock page (arch/pvclock.h). The other side may rewrite it at any moment; a reading
 * counts when the version was even and the same before and after. Called by the kernel's clock.
 */
#include "arch/pvclock.h"

#include "arch/arch.h"

#define NS_PER_SEC 1000000000ull

void (*pvclock_late)(void);

/* The other side is writing, or waits for a first reading. */
static void wait_for_writer(void)
{
    if (pvclock_late != NULL)
        pvclock_late();
    arch_pause();
}

static uint64_t scale(uint64_t cycles, uint32_t multiplier, int shift)
{
    if (shift <= -64 || shift >= 64)
        return 0;
    cycles = shift < 0 ? cycles >> -shift : cycles << shift;
    return (uint64_t)(((unsigned __int128)cycles * multiplier) >> 32);
}

uint64_t pvclock_scale(const struct pvclock *clock, uint64_t cycles)
{
    return scale(cycles, clock->tsc_to_system_mul, clock->tsc_shift);
}

uint64_t pvclock_read_ns(const struct pvclock *clock)
{
    uint64_t stamp, base;
    int64_t cycles;
    uint32_t version, multiplier;
    int shift;

    for (;;) {
        version = clock->version;
        arch_barrier_read(); /* the version before what it covers */
        stamp = clock->tsc_timestamp;
        base = clock->system_time_ns;
        multiplier = clock->tsc_to_system_mul;
        shift = clock->tsc_shift;
        /* After the stamp that it is compared with: by their difference, as the stamp may be from
         * before the guest's counter began at 0. */
        cycles = (int64_t)(arch_cycles_ordered() - stamp);
        arch_barrier_read(); /* what the version covers before its second reading */
        if ((version & 1) == 0 && clock->version == version)
            break;
        wait_for_writer();
    }
    return base + (cycles > 0 ? scale((uint64_t)cycles, multiplier, shift) : 0);
}

uint64_t pvclock_wall_ns(const struct pvclock *clock)
{
    uint64_t seconds, nanoseconds;
    uint32_t version;

    for (;;) {
        version = clock->wall_version;
        arch_barrier_read(); /* as above */
        seconds = (uint64_t)clock->wall_sec_high << 32 | clock->wall_sec;
        nanoseconds = clock->wall_nsec;
        arch_barrier_read();
        if ((version & 1) == 0 && clock->wall_version == version)
            return seconds * NS_PER_SEC + nanoseconds;
        wait_for_writer();
    }
}
