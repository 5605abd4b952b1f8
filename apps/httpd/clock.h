/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The time, read once per turn of the event loop, with the texts that need it rendered once a
 * second. server.c updates it; everybody reads it.
 */
#ifndef HTTPD_CLOCK_H
#define HTTPD_CLOCK_H

#include "date.h"

struct httpd_clock {
    int64_t mono_ms; /* monotonic, for time-outs */
    int64_t wall_s;  /* seconds since 1970, for dates */
    char http_date[HTTP_DATE_LEN];
    char log_date[LOG_DATE_LEN];
};

extern struct httpd_clock clock_now;

/* Reads the clocks into clock_now. */
void clock_update(void);

#endif
