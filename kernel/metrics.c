/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Prints all counters as OpenMetrics text (openmetrics.io, 1.0). Relies on the other parts of the
 * kernel for values; called by whoever offers /proc/metrics.
 */
#include "kernel/metrics.h"

#include <stdarg.h>
#include <stdbool.h>

#include "kernel/clock.h"
#include "kernel/log.h"
#include "kernel/page.h"
#include "kernel/thread.h"
#include "pvabi/pv.h"

#define NS_PER_SEC 1000000000ull
#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

struct metrics metrics = {.threads_live = 1};

static uint64_t memory_total(void)
{
    return page_total() * (uint64_t)PAGE_BYTES;
}

static uint64_t memory_in_use(void)
{
    return page_in_use() * (uint64_t)PAGE_BYTES;
}

static uint64_t memory_peak(void)
{
    return page_in_use_peak() * (uint64_t)PAGE_BYTES;
}

#define COUNTER(NAME, HELP, VALUE)                                                       \
    {                                                                                    \
        .name = "coracle_" NAME, .help = HELP, .kind = METRIC_COUNTER, .value = &(VALUE) \
    }
#define COUNTER_NS(NAME, HELP, VALUE)                                                     \
    {                                                                                     \
        .name = "coracle_" NAME, .help = HELP, .kind = METRIC_COUNTER, .value = &(VALUE), \
        .unit_ns = 1                                                                      \
    }
#define GAUGE(NAME, HELP, READ)                                                     \
    {                                                                               \
        .name = "coracle_" NAME, .help = HELP, .kind = METRIC_GAUGE, .read = (READ) \
    }

static const struct metric kernel_metrics[] = {
    {.name = "coracle_uptime_seconds",
     .help = "Time since the VM started.",
     .kind = METRIC_GAUGE,
     .read = clock_now_ns,
     .unit_ns = 1},
    COUNTER("hypercalls", "Hypercalls, doorbells included.", pv_counters.hypercalls),
    COUNTER("doorbells", "Queues kicked.", pv_counters.doorbells),
    COUNTER("waits", "Sleeps in the hypervisor.", pv_counters.waits),
    COUNTER("upcalls", "Upcalls entered.", pv_counters.upcalls),
    COUNTER("events", "Events handled.", metrics.events),
    COUNTER("polls", "Sleeps saved because the event came while it was looked for.", metrics.polls),
    COUNTER_NS("idle_seconds", "Time without a thread to run.", metrics.idle_ns),
    COUNTER("context_switches", "Switches from one thread to another.", metrics.context_switches),
    COUNTER("preemptions", "Threads that used up their time slice.", metrics.preemptions),
    COUNTER("wakeups", "Parked threads that were woken.", metrics.wakeups),
    COUNTER_NS("runqueue_wait_seconds", "Time that runnable threads waited for the CPU.",
               metrics.runqueue_wait_ns),
    COUNTER("timers_expired", "Timers that expired.", metrics.timers_expired),
    COUNTER("threads_created", "Threads started.", metrics.threads_created),
    {.name = "coracle_threads",
     .help = "Threads of the program alive.",
     .kind = METRIC_GAUGE,
     .value = &metrics.threads_live},
    GAUGE("memory_total_bytes", "Memory that the page allocator manages.", memory_total),
    GAUGE("memory_in_use_bytes", "Memory handed out.", memory_in_use),
    GAUGE("memory_peak_bytes", "The most memory that was ever handed out.", memory_peak),
    COUNTER("blk_reads", "Block read requests.", metrics.blk_requests[PV_BLK_READ]),
    COUNTER("blk_writes", "Block write requests.", metrics.blk_requests[PV_BLK_WRITE]),
    COUNTER("blk_flushes", "Block flush requests.", metrics.blk_requests[PV_BLK_FLUSH]),
    COUNTER("blk_discards", "Block discard requests.", metrics.blk_requests[PV_BLK_DISCARD]),
    COUNTER("blk_read_bytes", "Bytes read from block devices.", metrics.blk_bytes_read),
    COUNTER("blk_written_bytes", "Bytes written to block devices.", metrics.blk_bytes_written),
    COUNTER_NS("blk_latency_seconds", "Time from request to completion, summed.",
               metrics.blk_latency_ns),
    COUNTER("blk_errors", "Block requests that failed.", metrics.blk_errors),
    COUNTER("console_bytes", "Bytes written to standard output and error.", metrics.console_bytes),
    COUNTER("random_device_bytes", "Bytes of a random number device mixed into the pool.",
            metrics.random_device_bytes),
};

static struct metric_table kernel_table = {kernel_metrics, COUNT_OF(kernel_metrics), NULL};

/* Registered ones follow the kernel's own. */
void metrics_register(struct metric_table *table)
{
    unsigned state = upcalls_mask();
    struct metric_table **link = &kernel_table.next;

    while (*link != NULL)
        link = &(*link)->next;
    table->next = NULL;
    *link = table;
    upcalls_restore(state);
}

struct output {
    char *at;
    size_t bytes, length;
};

static void put(struct output *out, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void put(struct output *out, const char *format, ...)
{
    size_t used = out->length < out->bytes ? out->length : out->bytes;
    va_list arguments;

    va_start(arguments, format);
    out->length += (size_t)format_line_v(out->bytes > 0 ? out->at + used : NULL, out->bytes - used,
                                         format, arguments);
    va_end(arguments);
}

static bool ends_with(const char *name, const char *suffix)
{
    size_t length = __builtin_strlen(name), suffix_length = __builtin_strlen(suffix);

    return length > suffix_length &&
           __builtin_memcmp(name + length - suffix_length, suffix, suffix_length) == 0;
}

static void put_metric(struct output *out, const struct metric *metric)
{
    uint64_t value = metric->value != NULL ? *metric->value : metric->read();
    bool counter = metric->kind == METRIC_COUNTER;

    put(out, "# TYPE %s %s\n", metric->name, counter ? "counter" : "gauge");
    /* A unit is the last part of the name, or there is none. */
    if (metric->unit_ns && ends_with(metric->name, "_seconds"))
        put(out, "# UNIT %s seconds\n", metric->name);
    else if (ends_with(metric->name, "_bytes"))
        put(out, "# UNIT %s bytes\n", metric->name);
    put(out, "# HELP %s %s\n", metric->name, metric->help);
    if (metric->unit_ns)
        put(out, "%s%s %lu.%09lu\n", metric->name, counter ? "_total" : "",
            (unsigned long)(value / NS_PER_SEC), (unsigned long)(value % NS_PER_SEC));
    else
        put(out, "%s%s %lu\n", metric->name, counter ? "_total" : "", (unsigned long)value);
}

size_t metrics_format(char *out, size_t bytes)
{
    struct output output = {.at = out, .bytes = bytes};

    for (const struct metric_table *table = &kernel_table; table != NULL; table = table->next) {
        for (unsigned i = 0; i < table->count; i++)
            put_metric(&output, &table->metrics[i]);
    }
    return output.length;
}
