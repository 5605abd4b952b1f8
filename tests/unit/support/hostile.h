/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For the fuzz targets of the virtio rings: a device that does whatever the fuzzer's input says to
 * everything it shares with the driver.
 */
#ifndef TESTS_HOSTILE_H
#define TESTS_HOSTILE_H

#include <stdlib.h>
#include <string.h>

#include "tests/unit/support/bytes.h"
#include "tests/unit/support/device.h"

/* One act of the device on one queue. The first two are what an honest one does. */
static inline void hostile_queue_act(struct device_queue *queue, struct bytes *bytes)
{
    uint8_t *parts[] = {(uint8_t *)queue->desc, (uint8_t *)queue->avail, (uint8_t *)queue->used};
    const size_t sizes[] = {VIRTQ_DESC_BYTES(queue->size), VIRTQ_AVAIL_BYTES(queue->size),
                            VIRTQ_USED_BYTES(queue->size)};
    uint8_t act = next8(bytes);
    uint16_t head;
    unsigned part;

    switch (act % 7u) {
    case 0:
    case 1:
        /* The ring may hold anything by now: a head beyond it is taken as it is. */
        if (device_next(queue, &head))
            device_use(queue, head, act < 128 ? 0 : next8(bytes));
        break;
    case 2:
        device_use(queue, next8(bytes) % (queue->size + 1u), next8(bytes));
        break;
    case 3:
        head = next16(bytes);
        device_use(queue, head, next32(bytes));
        break;
    case 4:
        queue->used->idx = (uint16_t)(queue->used->idx + (int8_t)next8(bytes));
        break;
    case 5:
        part = next8(bytes) % 3u;
        parts[part][next16(bytes) % sizes[part]] = next8(bytes);
        break;
    default:
        device_avail_event_set(queue, next16(bytes));
        queue->used->flags = act & 8u;
        break;
    }
}

/* A device whose features, queue sizes and configuration the input chooses. */
static inline void hostile_open(struct device *device, enum pv_class class, unsigned queue_count,
                                struct bytes *bytes)
{
    uint64_t features = next32(bytes);

    features |= (uint64_t)next8(bytes) << 32;
    device_open(device, class, features, 0, 0);
    for (unsigned i = 0; i < queue_count; i++) {
        uint8_t order = next8(bytes) % 7u; /* missing, or 2 to 64 descriptors */

        if (order)
            device_queue_open(&device->queues[i], (uint16_t)(1u << order));
    }
    device->driver_rings = next8(bytes) & 1u;
    device->config_bytes = next8(bytes) % (DEVICE_CONFIG_BYTES + 1u);
    for (unsigned i = 0; i < device->config_bytes; i++)
        device->config[i] = next8(bytes);
}

/* Page-aligned memory for an attach, of exactly the size asked for. */
static inline void *hostile_memory(size_t bytes)
{
    void *memory = NULL;

    require(bytes % 4096u == 0 && posix_memalign(&memory, 4096, bytes) == 0);
    return memset(memory, 0, bytes);
}

#endif
