/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the server counts, and the /metrics page in OpenMetrics text 1.0 that shows it together
 * with the kernel's counters. One thread counts, so plain integers do.
 */
#ifndef HTTPD_METRICS_H
#define HTTPD_METRICS_H

#include <stddef.h>
#include <stdint.h>

struct file;

struct metrics {
    uint64_t requests[6]; /* by hundreds of their status; 0 is unused */
    uint64_t connections_accepted;
    uint64_t connections_active;
    uint64_t connections_rejected; /* accepted and closed at once, for want of memory */
    uint64_t connections_evicted;  /* idle ones closed to make room for new ones */
    uint64_t connections_timed_out;
    uint64_t accept_pauses; /* times that new connections had to wait in the backlog */
    uint64_t bytes_sent;
    uint64_t bytes_received;
    uint64_t parse_errors;
    uint64_t cache_hits, cache_misses;
    uint64_t log_lines_dropped;
};

extern struct metrics metrics;

#define METRICS_TYPE "application/openmetrics-text; version=1.0.0; charset=utf-8"

/* Renders the page as a file with one reference. NULL where memory is short. */
struct file *metrics_page(void);

#endif
