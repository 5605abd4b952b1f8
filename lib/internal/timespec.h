/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From POSIX's timespecs to the kernel's nanoseconds and deadlines. Sums saturate at NO_DEADLINE,
 * so a wait of centuries is a wait without a deadline.
 */
#ifndef INTERNAL_TIMESPEC_H
#define INTERNAL_TIMESPEC_H

#include <errno.h>
#include <stdint.h>
#include <time.h>

#include "kernel/clock.h"
#include "kernel/thread.h"

#define NS_PER_S UINT64_C(1000000000)
#define NS_PER_MS UINT64_C(1000000)
#define NS_PER_US UINT64_C(1000)

/* A duration, or a point in time after 1970. 0, or -EINVAL for fields out of range; a negative
 * number of seconds gives 0 nanoseconds. */
static inline int timespec_to_ns(const struct timespec *time, uint64_t *ns)
{
    if (time->tv_nsec < 0 || time->tv_nsec >= (long)NS_PER_S)
        return -EINVAL;
    if (time->tv_sec < 0)
        *ns = 0;
    else if ((uint64_t)time->tv_sec >= NO_DEADLINE / NS_PER_S)
        *ns = NO_DEADLINE;
    else
        *ns = (uint64_t)time->tv_sec * NS_PER_S + (uint64_t)time->tv_nsec;
    return 0;
}

static inline struct timespec timespec_from_ns(uint64_t ns)
{
    return (struct timespec){.tv_sec = (time_t)(ns / NS_PER_S), .tv_nsec = (long)(ns % NS_PER_S)};
}

/* The deadline that lies a duration ahead. */
static inline uint64_t deadline_in(uint64_t duration_ns)
{
    uint64_t now = clock_now_ns();
    return duration_ns < NO_DEADLINE - now ? now + duration_ns : NO_DEADLINE;
}

/* The deadline of an absolute time on a clock; -EINVAL as above or for a clock that cannot be
 * waited for. A later change of the wall clock does not move it. */
static inline int deadline_at(clockid_t clock, const struct timespec *time, uint64_t *deadline_ns)
{
    uint64_t ns;
    int result = timespec_to_ns(time, &ns);
    if (result < 0)
        return result;
    if (clock == CLOCK_MONOTONIC) {
        *deadline_ns = ns;
        return 0;
    }
    if (clock != CLOCK_REALTIME)
        return -EINVAL;
    uint64_t wall = clock_wall_ns();
    *deadline_ns = ns == NO_DEADLINE ? NO_DEADLINE : deadline_in(ns > wall ? ns - wall : 0);
    return 0;
}

#endif
