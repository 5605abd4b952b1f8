/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Clocks: wall time, monotonic time, time that the CPU ran. Reading one costs no hypercall.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <sys/time.h>
#include <sys/times.h>
#include <time.h>

#include "file.h"
#include "kernel/metrics.h"
#include "timespec.h"

static uint64_t cpu_time_ns(void)
{
    return clock_now_ns() - metrics.idle_ns;
}

static int clock_read(clockid_t clock, uint64_t *ns)
{
    switch (clock) {
    case CLOCK_REALTIME:
    case CLOCK_REALTIME_COARSE:
        *ns = clock_wall_ns();
        return 0;
    case CLOCK_MONOTONIC:
    case CLOCK_MONOTONIC_RAW:
    case CLOCK_MONOTONIC_COARSE:
    case CLOCK_BOOTTIME:
        *ns = clock_now_ns();
        return 0;
    case CLOCK_PROCESS_CPUTIME_ID:
        *ns = cpu_time_ns();
        return 0;
    default:
        return -EINVAL;
    }
}

int clock_gettime(clockid_t clock, struct timespec *time)
{
    uint64_t ns;
    int result = clock_read(clock, &ns);
    if (result == 0)
        *time = timespec_from_ns(ns);
    return (int)errno_result(result);
}

int clock_getres(clockid_t clock, struct timespec *resolution)
{
    uint64_t ns;
    int result = clock_read(clock, &ns);
    if (result == 0 && resolution)
        *resolution = (struct timespec){.tv_nsec = 1};
    return (int)errno_result(result);
}

int clock_settime(clockid_t clock, const struct timespec *time)
{
    uint64_t ns;
    int result = timespec_to_ns(time, &ns);
    if (result == 0 && (clock != CLOCK_REALTIME || time->tv_sec < 0))
        result = -EINVAL;
    if (result == 0)
        clock_wall_set(ns);
    return (int)errno_result(result);
}

int gettimeofday(struct timeval *restrict time, void *restrict zone)
{
    (void)zone;
    uint64_t ns = clock_wall_ns();
    time->tv_sec = (time_t)(ns / NS_PER_S);
    time->tv_usec = (suseconds_t)(ns % NS_PER_S / NS_PER_US);
    return 0;
}

int settimeofday(const struct timeval *time, const struct timezone *zone)
{
    (void)zone;
    struct timespec precise = {.tv_sec = time->tv_sec, .tv_nsec = time->tv_usec * 1000};
    return clock_settime(CLOCK_REALTIME, &precise);
}

int timespec_get(struct timespec *time, int base)
{
    if (base != TIME_UTC)
        return 0;
    *time = timespec_from_ns(clock_wall_ns());
    return base;
}

clock_t clock(void)
{
    return (clock_t)(cpu_time_ns() / (NS_PER_S / CLOCKS_PER_SEC));
}

/* In the unit that sysconf(_SC_CLK_TCK) names, which is CLOCKS_PER_SEC. */
clock_t times(struct tms *times)
{
    *times = (struct tms){.tms_utime = clock()};
    return (clock_t)(clock_now_ns() / (NS_PER_S / CLOCKS_PER_SEC));
}
