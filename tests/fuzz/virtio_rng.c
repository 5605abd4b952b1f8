/* SPDX-License-Identifier: BSD-2-Clause */
/* sources: pvabi/virtio/rng.c pvabi/virtio/attach.c pvabi/virtio/virtqueue.c */
/* sources: tests/unit/support/device.c */
/*
 * Fuzzes the entropy frontend: what the device offers and writes comes from the input. What must
 * hold: no more bytes than were posted, no more buffers back than went out, and a final fault.
 */
#include "pvabi/virtio/rng.h"

#include "tests/unit/support/hostile.h"

static const struct pv_rng_ops *const ops = &virtio_rng_ops;
static uint8_t data[64];

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

static void drive(struct pv_rng *rng, unsigned *posted)
{
    void *buffer;
    uint32_t bytes;

    if (ops->post(rng, data, sizeof(data)) == 0)
        ++*posted;
    ops->kick(rng);
    while (ops->take(rng, &buffer, &bytes) == 1) {
        require(buffer == data && bytes <= sizeof(data) && *posted > 0);
        --*posted;
    }
    ops->ask(rng);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    struct bytes bytes = {input, size};
    struct device device;
    struct pv_rng *rng;
    unsigned posted = 0;
    void *memory;

    hostile_open(&device, PV_RNG, 1, &bytes);
    memory = hostile_memory(ops->memory_bytes(&device.pv));
    ops->attach(&device.pv, memory, &rng);
    while (bytes.left > 0) {
        const char *fault = rng->fault;

        if (next8(&bytes) % 2u && device.queues[0].size)
            hostile_queue_act(&device.queues[0], &bytes);
        else
            drive(rng, &posted);
        require(!fault || rng->fault == fault);
        require(device.failed == (rng->fault ? 1u : 0u));
    }
    device_close(&device);
    free(memory);
    return 0;
}
