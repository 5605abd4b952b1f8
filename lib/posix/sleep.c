/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sleeping for a duration or until a time. Nothing interrupts a sleep, so nothing is ever left
 * over.
 */
#include <errno.h>
#include <time.h>
#include <unistd.h>

#include "file.h"
#include "timespec.h"

int nanosleep(const struct timespec *duration, struct timespec *remaining)
{
    int result = clock_nanosleep(CLOCK_MONOTONIC, 0, duration, remaining);
    return (int)errno_result(-result);
}

/* Returns the error itself, as POSIX has it. */
int clock_nanosleep(clockid_t clock, int flags, const struct timespec *time,
                    struct timespec *remaining)
{
    uint64_t deadline;
    int result;
    if (flags & TIMER_ABSTIME) {
        result = deadline_at(clock, time, &deadline);
    } else {
        uint64_t ns;
        result = time->tv_sec < 0 ? -EINVAL : timespec_to_ns(time, &ns);
        if (result == 0 && clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC)
            result = -EINVAL;
        if (result == 0)
            deadline = deadline_in(ns);
    }
    if (result < 0)
        return -result;
    thread_sleep_until(deadline);
    if (remaining && !(flags & TIMER_ABSTIME))
        *remaining = (struct timespec){0};
    return 0;
}

unsigned sleep(unsigned seconds)
{
    thread_sleep_until(deadline_in(seconds * NS_PER_S));
    return 0;
}

int usleep(useconds_t microseconds)
{
    thread_sleep_until(deadline_in(microseconds * NS_PER_US));
    return 0;
}
