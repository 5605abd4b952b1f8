/* SPDX-License-Identifier: BSD-2-Clause */
/* Console for threads: output by channel, input where the host offers any. */
#ifndef KERNEL_CONSOLE_H
#define KERNEL_CONSOLE_H

#include <stdbool.h>
#include <stddef.h>

#include "kernel/sync.h"
#include "pvabi/pv.h"

/* Writes everything, or returns how much was written before a failure, or a negative errno. */
long console_write(enum pv_channel channel, const void *data, size_t bytes);
/* Reads at least one byte; 0 at the end of input (also without a console device); -EAGAIN when it
 * would have to wait and `wait` is false. */
long console_read(void *data, size_t bytes, bool wait);
/* Is there input (or its end)? Attaches the device at first use. */
bool console_readable(void);
struct waitq *console_waitq(void);

#endif
