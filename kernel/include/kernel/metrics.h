/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Counters for monitoring. The kernel's own live in `metrics` and are plain increments; other
 * layers register a table. metrics_format prints all as OpenMetrics text (without the final "#
 * EOF").
 */
#ifndef KERNEL_METRICS_H
#define KERNEL_METRICS_H

#include <stddef.h>
#include <stdint.h>

struct metrics {
    uint64_t context_switches;
    uint64_t preemptions;
    uint64_t wakeups;
    uint64_t events;
    uint64_t timers_expired;
    uint64_t threads_created;
    uint64_t threads_live; /* without system threads (thread.h) */
    uint64_t idle_ns;
    uint64_t polls;            /* sleeps saved because the event came while it was looked for */
    uint64_t runqueue_wait_ns; /* between becoming runnable and running, summed */
    uint64_t blk_requests[4];  /* by pv_blk_operation */
    uint64_t blk_bytes_read, blk_bytes_written;
    uint64_t blk_latency_ns; /* summed; with blk_requests gives the mean */
    uint64_t blk_errors;
    uint64_t console_bytes;
    uint64_t random_device_bytes;
};
extern struct metrics metrics;

enum metric_kind { METRIC_COUNTER, METRIC_GAUGE };

struct metric {
    const char *name; /* "coracle_net_rx_packets", without "_total" */
    const char *help;
    enum metric_kind kind;
    const uint64_t *value; /* or, when NULL: */
    uint64_t (*read)(void);
    uint8_t unit_ns; /* value is nanoseconds and is printed as seconds */
};

struct metric_table {
    const struct metric *metrics;
    unsigned count;
    struct metric_table *next;
};

void metrics_register(struct metric_table *table);
/* Writes into `out` like snprintf: returns the full length. */
size_t metrics_format(char *out, size_t bytes);

#endif
