/* SPDX-License-Identifier: BSD-2-Clause */
/* The device registry (kernel/device.h), over what the platform found. */
#include "kernel/device.h"

#include <stdbool.h>
#include <stdint.h>

#include "kernel/log.h"
#include "kernel/page.h"
#include "kernel/thread.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

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
    static const char *const names[] = {
        [PV_NET] = "net", [PV_BLK] = "blk", [PV_CONSOLE] = "console", [PV_RNG] = "rng"};
    static uint32_t reported[COUNT_OF(names)]; /* a bit a device */
    uint32_t bit = 1u << index % PV_DEVICES_MAX;
    unsigned state = upcalls_mask();
    bool first = true;

    for (unsigned i = 0; i < COUNT_OF(names); i++) {
        if (__builtin_strcmp(names[i], class_name) == 0) {
            first = (reported[i] & bit) == 0;
            reported[i] |= bit;
        }
    }
    upcalls_restore(state);
    if (first)
        log_line("%s%u out of service: %s", class_name, index, reason);
}
