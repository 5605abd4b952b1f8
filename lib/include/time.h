/* SPDX-License-Identifier: BSD-2-Clause */
/* newlib's <time.h> and what C11, POSIX and common use add to it. */
#ifndef _CORACLE_TIME_H
#define _CORACLE_TIME_H

#include_next <time.h>

/* Time that the virtual CPU ran, idle time excluded. */
#ifndef CLOCK_PROCESS_CPUTIME_ID
#define CLOCK_PROCESS_CPUTIME_ID (2)
#endif

#define TIME_UTC 1

__BEGIN_DECLS

/* C11, 7.27.2.5: returns base, or 0 for a base other than TIME_UTC. */
int timespec_get(struct timespec *time, int base);
/* mktime for UTC, whatever TZ says; normalizes *time. */
time_t timegm(struct tm *time);

__END_DECLS

#endif
