/* SPDX-License-Identifier: BSD-2-Clause */
/* The time, see clock.h. Relies on clock_gettime. */
#include "clock.h"

#include <time.h>

/* The wall clock is asked again only so much later: what it is for has a resolution of a second. */
enum { WALL_STEP_MS = 10 };

struct httpd_clock clock_now = {.wall_s = INT64_MIN};

void clock_update(void)
{
    static int64_t wall_asked_ms = -WALL_STEP_MS;
    struct timespec ts = {0, 0};
    struct text out;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    clock_now.mono_ms = (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
    if (clock_now.mono_ms - wall_asked_ms < WALL_STEP_MS)
        return;
    wall_asked_ms = clock_now.mono_ms;
    clock_gettime(CLOCK_REALTIME, &ts);
    if (clock_now.wall_s == (int64_t)ts.tv_sec)
        return;
    clock_now.wall_s = (int64_t)ts.tv_sec;
    out = (struct text){clock_now.http_date, 0, sizeof(clock_now.http_date), false};
    date_put_http(&out, clock_now.wall_s);
    out = (struct text){clock_now.log_date, 0, sizeof(clock_now.log_date), false};
    date_put_log(&out, clock_now.wall_s);
}
