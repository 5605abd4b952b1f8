/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One console that carries the guest's three channels, taken apart again. Pure code: bytes in, runs
 * of bytes out. A guest under Xen writes to standard output at first; 0x10 and one of these bytes
 * after it change that:
 *
 *     0x01, 0x02, 0x03    what follows is standard output, standard error, the log
 *     0x04                no output: the guest wants up to 1024 bytes of standard input
 *     0x10                one byte 0x10 of the same channel
 *
 * Any other byte after 0x10 is dropped with it.
 */
#ifndef MONITOR_LAUNCH_SPLIT_H
#define MONITOR_LAUNCH_SPLIT_H

#include <stdbool.h>
#include <stddef.h>

#define LAUNCH_SPLIT_ESCAPE 0x10
#define LAUNCH_SPLIT_ASK 0x04

struct launch_split {
    unsigned channel; /* 0 standard output, 1 standard error, 2 the log */
    bool escaped;
    unsigned asked; /* how often input was wanted; the caller counts it down */
};

/*
 * Takes the next run of at most `count` bytes that belong to one channel: returns how many of
 * `bytes` are used up (at least one, unless count is 0). The run is *run_count bytes at *run, and
 * belongs to split->channel as it is after the call; it may be empty.
 */
size_t launch_split_next(struct launch_split *split, const char *bytes, size_t count,
                         const char **run, size_t *run_count);

#endif
