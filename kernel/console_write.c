/* SPDX-License-Identifier: BSD-2-Clause */
/* Output to the console's channels. Relies on pv->write; any context. */
#include "kernel/console.h"
#include "kernel/metrics.h"

long console_write(enum pv_channel channel, const void *data, size_t bytes)
{
    long written = pv->write(channel, data, bytes);

    if (written > 0)
        metrics.console_bytes += (uint64_t)written;
    return written;
}
