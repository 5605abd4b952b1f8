/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Entropy from a device of class PV_RNG (random_device.h). There is no handler for its event:
 * random.c looks at the queue before it hands numbers out, for as long as an answer is due.
 */
#include "random_device.h"

#include <stdint.h>

#include "arch/arch.h"
#include "kernel/device.h"
#include "kernel/metrics.h"
#include "pvabi/pv.h"

#define ENTROPY_BYTES 64u

static const struct pv_rng_ops *ops;
static struct pv_rng *rng;             /* NULL unless an answer is due */
static uint8_t entropy[ENTROPY_BYTES]; /* the device's from post to take; for ever if it fails */

void random_device_start(void)
{
    const struct pv_device *device = device_find(PV_RNG, 0);
    struct pv_rng *attached = NULL;
    void *memory;

    if (device == NULL || pv_rng_frontends[device->family] == NULL)
        return;
    ops = pv_rng_frontends[device->family];
    memory = device_memory(ops->memory_bytes(device));
    if (memory == NULL)
        return;
    if (ops->attach(device, memory, &attached) == 0 &&
        ops->post(attached, entropy, sizeof(entropy)) == 0) {
        ops->kick(attached);
        rng = attached;
    }
    if (attached->fault != NULL)
        device_out_of_service("rng", device->index, attached->fault);
}

size_t random_device_take(void *data, size_t bytes)
{
    struct pv_rng *asked = rng;
    uint32_t got;
    void *buffer;
    int result;

    if (asked == NULL)
        return 0;
    result = ops->take(asked, &buffer, &got);
    if (result == 0)
        return 0;
    rng = NULL;
    if (result < 0) {
        device_out_of_service("rng", 0, asked->fault);
        return 0;
    }
    if (got > bytes)
        got = (uint32_t)bytes;
    metrics.random_device_bytes += got;
    __builtin_memcpy(data, entropy, got);
    __builtin_memset(entropy, 0, sizeof(entropy));
    arch_barrier_compiler(); /* the erasing is not optimized away */
    return got;
}
