/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The guest's clock page (struct pvn_clock): system time is CLOCK_MONOTONIC counted from the VM's
 * start, read by the guest from its time-stamp counter. Used by the vCPU's thread only.
 */
#ifndef MONITOR_CLOCK_H
#define MONITOR_CLOCK_H

#include <stdint.h>

#include "pvabi/native.h"

struct clock {
    struct pvn_clock *page;
    uint64_t start_ns; /* CLOCK_MONOTONIC at system time 0 */
    uint64_t refreshed_ns;
    uint64_t wall_ns; /* published: wall time at system time 0 */
    uint32_t nominal_mul;
    int8_t shift;
};

/* nanoseconds = ((tsc << shift) * mul) >> 32; shift may be negative. */
void clock_scale(uint32_t tsc_khz, uint32_t *mul, int8_t *shift);

void clock_start(struct clock *clock, struct pvn_clock *page, uint32_t tsc_khz);

/* Follows CLOCK_MONOTONIC and a wall clock that was set, at most every few milliseconds; never
 * backwards for the guest. */
void clock_refresh(struct clock *clock);

/* The CLOCK_MONOTONIC time of a system time; PVN_NO_DEADLINE, and what lies too far, UINT64_MAX. */
uint64_t clock_to_monotonic(const struct clock *clock, uint64_t system_ns);

#endif
