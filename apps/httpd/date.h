/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Dates as HTTP and the access log write them. Times are seconds since 1970, UTC. Pure functions
 * of our own, because the C library's depend on locale and time zone.
 */
#ifndef HTTPD_DATE_H
#define HTTPD_DATE_H

#include "text.h"

enum { HTTP_DATE_LEN = 29, LOG_DATE_LEN = 26 };

/* Appends "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110, 5.6.7). */
void date_put_http(struct text *out, int64_t time_s);
/* Appends "06/Nov/1994:08:49:37 +0000". */
void date_put_log(struct text *out, int64_t time_s);

/*
 * Reads a date in any of the three forms of RFC 9110, 5.6.7. now_s decides the century of
 * two-digit years. False where it is not a date.
 */
bool date_parse(struct str s, int64_t now_s, int64_t *time_s);

#endif
