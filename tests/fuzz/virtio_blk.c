/* SPDX-License-Identifier: BSD-2-Clause */
/* sources: pvabi/virtio/blk.c pvabi/virtio/blk_request.c pvabi/virtio/attach.c */
/* sources: pvabi/virtio/virtqueue.c */
/* sources: tests/unit/support/device.c */
/*
 * Fuzzes the block frontend: configuration, requests and everything the device writes come from the
 * input. What must hold: limits that the kernel can work with, each cookie back at most once, and a
 * fault that is final and told to the device once.
 */
#include "pvabi/virtio/blk.h"

#include "tests/fuzz/blk_requests.h"

static const struct pv_blk_ops *const ops = &virtio_blk_ops;

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

static void check_limits(const struct pv_blk *blk)
{
    require(blk->segments_max >= 1 && blk->requests_max >= 1 && blk->sectors_max >= 1);
    require(3u * blk->requests_max <= 64u);
    require(blk->block_bytes >= 512 && (blk->block_bytes & (blk->block_bytes - 1u)) == 0);
    require(blk->sector_count <= UINT64_MAX / PV_SECTOR_BYTES);
}

static void act(struct device *device, struct pv_blk *blk, struct bytes *bytes)
{
    struct device_queue *queue = &device->queues[0];
    unsigned choice = next8(bytes) % (BLK_CALLS + 2u);
    uint16_t head;

    switch (choice) {
    case BLK_CALLS: /* answers like an honest device, with a status of the input's */
        if (device_next(queue, &head) && head < queue->size) {
            unsigned length = 1;

            while (length < queue->size && device_desc(queue, head, length))
                length++;
            if (!blk->fault && device_desc(queue, head, length - 1u)->bytes == 1u)
                *(uint8_t *)device_buffer(queue, head, length - 1u) = next8(bytes) % 4u;
            device_use(queue, head, 1);
        }
        break;
    case BLK_CALLS + 1u:
        device->config[next8(bytes) % DEVICE_CONFIG_BYTES] = next8(bytes);
        device->restless = next8(bytes) > 250u;
        break;
    default:
        blk_call(ops, blk, bytes, choice);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    struct bytes bytes = {input, size};
    struct device device;
    struct pv_blk *blk;
    void *memory;
    bool scribbles;

    memset(blk_busy, 0, sizeof(blk_busy));
    hostile_open(&device, PV_BLK, 1, &bytes);
    scribbles = next8(&bytes) & 1u;
    memory = hostile_memory(ops->memory_bytes(&device.pv));
    if (ops->attach(&device.pv, memory, &blk) == 0)
        check_limits(blk);
    while (bytes.left > 0) {
        const char *fault = blk->fault;

        /* Scribbling over descriptors would have the test itself follow them: either, or. */
        if (scribbles && device.queues[0].size && next8(&bytes) % 2u)
            hostile_queue_act(&device.queues[0], &bytes);
        else if (!scribbles && device.driver_ok)
            act(&device, blk, &bytes);
        else {
            blk_submit_any(ops, blk, &bytes);
            ops->kick(blk);
            blk_take_all(ops, blk);
            ops->ask(blk);
        }
        require(!fault || blk->fault == fault);
        require(device.failed == (blk->fault ? 1u : 0u));
    }
    device_close(&device);
    free(memory);
    return 0;
}
