/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the backends share. Runs on the loop's thread, except backend_complain.
 */
#include "backend.h"

#include <stdarg.h>
#include <stdio.h>

#include "say.h"
#include "vring.h"

void backend_publish(struct device *device, unsigned queue)
{
    struct vring *ring = device->rings[queue];

    if (vring_publish(ring))
        board_raise_event(device->board, ring->event);
}

bool backend_begin(struct device *device, uint64_t *features)
{
    /* Acquire: the features were written before the status, and are read after it. */
    uint32_t status = __atomic_load_n(&device->control->status, __ATOMIC_ACQUIRE);
    uint64_t accepted = __atomic_load_n(&device->control->features, __ATOMIC_RELAXED);

    if ((status & PVN_DEVICE_DRIVER_OK) == 0) {
        device_fail(device, "a doorbell before the driver was ready");
        return false;
    }
    if ((accepted & ~device->features) != 0) {
        device_fail(device, "the driver accepted features that were not offered: 0x%llx",
                    (unsigned long long)(accepted & ~device->features));
        return false;
    }
    for (unsigned i = 0; i < device->queue_count; i++)
        vring_begin(device->rings[i], accepted);
    *features = accepted;
    return true;
}

void backend_fail_ring(struct device *device, unsigned queue)
{
    const struct vring *ring = device->rings[queue];

    device_fail(device, "queue %u: %s", queue, ring->fault);
}

void backend_complain(const char *option, const char *value, const char *format, ...)
{
    char text[512];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    say("%s %s: %s", option, value, text);
}
