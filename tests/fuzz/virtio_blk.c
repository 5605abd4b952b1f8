/* SPDX-License-Identifier: BSD-2-Clause */
/* sources: pvabi/virtio/blk.c pvabi/virtio/attach.c pvabi/virtio/virtqueue.c */
/* sources: tests/unit/support/device.c */
/*
 * Fuzzes the block frontend: configuration, requests and everything the device writes come from the
 * input. What must hold: limits that the kernel can work with, each cookie back at most once, and a
 * fault that is final and told to the device once.
 */
#include "pvabi/virtio/blk.h"

#include "tests/unit/support/hostile.h"

#define REQUESTS 64u

static const struct pv_blk_ops *const ops = &virtio_blk_ops;
static uint8_t data[8192];

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

static void check_limits(const struct pv_blk *blk)
{
    require(blk->segments_max >= 1 && blk->requests_max >= 1 && blk->sectors_max >= 1);
    require((blk->segments_max + 2u) * blk->requests_max <= 64u);
    require(blk->block_bytes >= 512 && (blk->block_bytes & (blk->block_bytes - 1u)) == 0);
    require(blk->sector_count <= UINT64_MAX / PV_SECTOR_BYTES);
}

static void submit(struct pv_blk *blk, bool *busy, struct bytes *bytes)
{
    struct pv_segment segments[16];
    struct pv_blk_request request = {.operation = next8(bytes) % 5u,
                                     .sector = next8(bytes),
                                     .sector_count = next8(bytes),
                                     .segments = segments,
                                     .segment_count = next8(bytes) % 17u};
    unsigned slot = 0;

    while (slot < REQUESTS && busy[slot])
        slot++;
    if (slot == REQUESTS)
        return;
    for (unsigned i = 0; i < request.segment_count; i++)
        segments[i] = (struct pv_segment){data, (next8(bytes) % 17u) * 512u};
    request.cookie = &busy[slot];
    if (ops->submit(blk, &request) == 0) {
        require(request.segment_count <= blk->segments_max || request.operation == PV_BLK_FLUSH ||
                request.operation == PV_BLK_DISCARD);
        busy[slot] = true;
    }
}

static void take(struct pv_blk *blk, bool *busy)
{
    void *cookie = NULL;
    int result;

    while (ops->take(blk, &cookie, &result) == 1) {
        bool *slot = cookie;

        require(slot >= busy && slot < busy + REQUESTS && *slot && result <= 0);
        *slot = false;
    }
}

static void act(struct device *device, struct pv_blk *blk, bool *busy, struct bytes *bytes)
{
    struct device_queue *queue = &device->queues[0];
    uint16_t head;

    switch (next8(bytes) % 7u) {
    case 0:
        submit(blk, busy, bytes);
        break;
    case 1:
        ops->kick(blk);
        break;
    case 2:
        take(blk, busy);
        break;
    case 3:
        ops->ask(blk);
        break;
    case 4:
        ops->refresh(blk);
        break;
    case 5: /* answers like an honest device, with a status of the input's */
        if (device_next(queue, &head) && head < queue->size) {
            unsigned length = 1;

            while (length < queue->size && device_desc(queue, head, length))
                length++;
            if (!blk->fault && device_desc(queue, head, length - 1u)->bytes == 1u)
                *(uint8_t *)device_buffer(queue, head, length - 1u) = next8(bytes) % 4u;
            device_use(queue, head, 1);
        }
        break;
    default:
        device->config[next8(bytes) % DEVICE_CONFIG_BYTES] = next8(bytes);
        device->restless = next8(bytes) > 250u;
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    struct bytes bytes = {input, size};
    bool busy[REQUESTS] = {false};
    struct device device;
    struct pv_blk *blk;
    void *memory;
    bool scribbles;

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
            act(&device, blk, busy, &bytes);
        else {
            submit(blk, busy, &bytes);
            ops->kick(blk);
            take(blk, busy);
            ops->ask(blk);
        }
        require(!fault || blk->fault == fault);
        require(device.failed == (blk->fault ? 1u : 0u));
    }
    device_close(&device);
    free(memory);
    return 0;
}
