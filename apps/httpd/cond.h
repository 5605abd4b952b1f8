/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Conditional and range requests (RFC 9110, 13 and 14): what a request's fields say about a file
 * whose validators are known. Pure functions; called by response.c.
 */
#ifndef HTTPD_COND_H
#define HTTPD_COND_H

#include "request.h"

/* What identifies one version of a file: a strong entity tag with its quotes, and its time. */
struct validators {
    struct str etag;
    int64_t mtime_s;
};

/*
 * Judges the If-* fields in the order of RFC 9110, 13.2.2. Returns 0 (go on), 304 or 412.
 * now_s is the wall clock, for dates with two-digit years.
 */
int cond_check(const struct http_request *req, const struct validators *v, int64_t now_s);

enum range_kind { RANGE_WHOLE, RANGE_PART, RANGE_OUTSIDE };

/*
 * Judges Range and If-Range for a file of size bytes. RANGE_PART sets the first byte and the
 * count (at least 1); RANGE_OUTSIDE is to be answered with 416; everything that is no valid
 * single range of bytes is RANGE_WHOLE.
 */
enum range_kind cond_range(const struct http_request *req, const struct validators *v,
                           uint64_t size, int64_t now_s, uint64_t *first, uint64_t *count);

#endif
