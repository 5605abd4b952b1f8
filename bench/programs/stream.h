/* SPDX-License-Identifier: BSD-2-Clause */
/* What bench/programs/stream.c and iperf.c share of moving bytes over connections. */
#ifndef BENCH_STREAM_H
#define BENCH_STREAM_H

#include <stdbool.h>
#include <stddef.h>

double now_seconds(void);

/* All bytes; false when the connection ends or fails before. */
bool read_all(int fd, void *data, size_t bytes);
bool write_all(int fd, const void *data, size_t bytes);

#endif
