/* SPDX-License-Identifier: BSD-2-Clause */
/* The device registry (kernel/device.h), over what the platform found. */
#include "kernel/device.h"

#include <stdint.h>

#include "kernel/log.h"
#include "kernel/page.h"
#include "kernel/thread.h"

const struct pv_device *device_find(enum pv_class class, unsigned index)
{
    unsigned count;
    const struct pv_device *devices = pv_devices(&count);

    for (unsigned i = 0; i < count; i++) {
        if (devices[i].class == class && devices[i].index == index)
            return &devices[i];
    }
    return NULL;
}

unsigned device_count(enum pv_class class)
{
    unsigned count, found = 0;
    const struct pv_device *devices = pv_devices(&count);

    for (unsigned i = 0; i < count; i++)
        found += devices[i].class == class;
    return found;
}

void *device_memory(size_t bytes)
{
    return page_alloc_zeroed((bytes + PAGE_BYTES - 1) / PAGE_BYTES);
}

void device_out_of_service(const char *class_name, unsigned index, const char *reason)
{
    static uint32_t reported[26]; /* by the name's first letter, a bit a device */
    unsigned letter = (unsigned)(class_name[0] - 'a') % 26;
    uint32_t bit = 1u << index % 32;
    unsigned state = upcalls_mask();
    bool first = (reported[letter] & bit) == 0;

    reported[letter] |= bit;
    upcalls_restore(state);
    if (first)
        log_line("%s%u out of service: %s", class_name, index, reason);
}
