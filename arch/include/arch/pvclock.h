/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The one clock format: the pvclock page that the native monitor, KVM and Xen publish, and its
 * reader. The other side may write at any time; the version tells.
 */
#ifndef ARCH_PVCLOCK_H
#define ARCH_PVCLOCK_H

#include <stdint.h>

struct pvclock {
    volatile uint32_t version; /* odd while an update is in progress */
    uint32_t reserved0;
    volatile uint64_t tsc_timestamp;
    volatile uint64_t system_time_ns;
    volatile uint32_t tsc_to_system_mul;
    volatile int8_t tsc_shift;
    volatile uint8_t flags;
    uint8_t reserved1[2];
    volatile uint32_t wall_version;
    volatile uint32_t wall_sec;
    volatile uint32_t wall_nsec;
    volatile uint32_t wall_sec_high;
};
_Static_assert(sizeof(struct pvclock) == 48, "pvclock");

/* A clock that is set going only when someone asks for the time has odd versions until then. Called
 * by a reader that finds one, from wherever it reads; NULL: it just waits. Set before any reading. */
extern void (*pvclock_late)(void);

uint64_t pvclock_read_ns(const struct pvclock *clock);
/* How long so many cycles take, in nanoseconds, by parameters that nobody is changing. */
uint64_t pvclock_scale(const struct pvclock *clock, uint64_t cycles);
/* Wall time at system time 0, in nanoseconds since 1970; 0: unknown. */
uint64_t pvclock_wall_ns(const struct pvclock *clock);

#endif
