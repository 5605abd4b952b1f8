/* SPDX-License-Identifier: BSD-2-Clause */
/* sources: pvabi/virtio/scsi.c pvabi/virtio/scsi_command.c pvabi/virtio/scsi_disk.c */
/* sources: pvabi/virtio/blk_request.c pvabi/virtio/attach.c pvabi/virtio/virtqueue.c */
/* sources: tests/unit/support/device.c */
/*
 * Fuzzes the SCSI frontend: configuration, requests, every response with its data, events and what
 * the device writes into rings come from the input. What must hold: disks that the kernel can work
 * with, each cookie back at most once, and a fault that is final and told to the device once.
 */
#include "pvabi/virtio/scsi.h"

#include "arch/pvclock.h"
#include "pvabi/virtio/scsi_wire.h"
#include "tests/fuzz/blk_requests.h"

static const struct pv_blk_ops *const ops = &virtio_scsi_ops;
static uint64_t now_ns;

const struct pvclock *pv_clock;

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

/* A look at the clock takes a second, so that nothing is waited for for long. */
uint64_t pvclock_read_ns(const struct pvclock *clock)
{
    (void)clock;
    return now_ns += 1000000000;
}

/* Fills what the device may write of a chain: honest numbers mostly, so that an attach gets
 * somewhere, and otherwise the input's. */
static void chain_fill(struct device_queue *queue, uint16_t head, struct bytes *bytes)
{
    uint8_t form = next8(bytes);

    for (unsigned n = 1; n < queue->size; n++) {
        struct virtq_desc *desc = device_desc(queue, head, n);
        uint8_t *to;

        if (!desc)
            return;
        to = device_buffer(queue, head, n);
        if (!(desc->flags & VIRTQ_DESC_WRITE))
            continue;
        for (unsigned i = 0; i < 40u && i < desc->bytes; i++)
            to[i] = form & 1u ? next8(bytes) : 0;
        if (desc->bytes == sizeof(struct virtio_scsi_response)) {
            to[11] = form & 2u ? next8(bytes) : 0; /* response */
            to[10] = form & 4u ? next8(bytes) : 0; /* status */
        } else if (!(form & 8u)) {
            scsi_put(to + 4, 4, 512); /* a block size or a list's length */
        }
    }
}

static void answer(struct device *device, struct bytes *bytes)
{
    struct device_queue *queue = &device->queues[VIRTIO_SCSI_REQUESTS];
    uint16_t head;

    while (device_next(queue, &head) && head < queue->size) {
        uint8_t form = next8(bytes);

        if (form > 250u)
            continue; /* never answered */
        chain_fill(queue, head, bytes);
        device_use(queue, form > 245u ? next8(bytes) : head, form & 1u ? 0 : next8(bytes) + 12u);
    }
    device_avail_event_set(queue, queue->avail_next);
}

static void on_notify(struct device *device, unsigned queue)
{
    if (queue == VIRTIO_SCSI_REQUESTS)
        answer(device, device->context);
}

static void check_disks(const struct pv_blk *first)
{
    unsigned count = 0;

    for (const struct pv_blk *blk = first; blk; blk = blk->next) {
        require(++count <= PV_DEVICES_MAX);
        require(blk->segments_max >= 1 && blk->requests_max >= 1);
        require(blk->requests_max == first->requests_max && blk->event == first->event);
        require(3u * blk->requests_max <= 64u);
        if (blk->fault)
            continue;
        require(blk->block_bytes >= 512 && (blk->block_bytes & (blk->block_bytes - 1u)) == 0);
        require(blk->sectors_max >= blk->block_bytes / PV_SECTOR_BYTES);
        require(blk->sector_count <= UINT64_MAX / PV_SECTOR_BYTES);
    }
}

static void act(struct device *device, struct pv_blk *blk, struct bytes *bytes, unsigned acts)
{
    struct device_queue *events = &device->queues[VIRTIO_SCSI_EVENTS];
    unsigned choice = next8(bytes) % acts;
    uint16_t head;

    if (choice < BLK_CALLS) {
        blk_call(ops, blk, bytes, choice);
    } else if (device->driver_ok && device_next(events, &head) && head < events->size) {
        for (unsigned i = 0; i < sizeof(struct virtio_scsi_event); i++)
            ((uint8_t *)device_buffer(events, head, 0))[i] = i == 3 ? 0 : next8(bytes) % 5u;
        device_use(events, head, sizeof(struct virtio_scsi_event));
    }
}

static struct pv_blk *disk_pick(struct pv_blk *first, unsigned number)
{
    for (; number > 0 && first->next; number--)
        first = first->next;
    return first;
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    struct bytes bytes = {input, size};
    struct device device;
    struct pv_blk *first;
    void *memory;
    bool scribbles;

    memset(blk_busy, 0, sizeof(blk_busy));
    hostile_open(&device, PV_BLK, 3, &bytes);
    device.on_notify = on_notify;
    device.context = &bytes;
    if (next8(&bytes) % 8u) { /* otherwise hardly anything gets beyond the configuration */
        struct virtio_scsi_config config = {.seg_max = next8(&bytes),
                                            .max_sectors = next16(&bytes),
                                            .cmd_per_lun = next8(&bytes),
                                            .sense_size = VIRTIO_SCSI_SENSE_BYTES,
                                            .cdb_size = VIRTIO_SCSI_CDB_BYTES,
                                            .max_target = next8(&bytes) % 24u};

        memcpy(device.config, &config, sizeof(config));
        device.config_bytes = sizeof(config);
    }
    memory = hostile_memory(ops->memory_bytes(&device.pv));
    if (ops->attach(&device.pv, memory, &first) == 0)
        check_disks(first);
    /* Scribbling over descriptors would have the test itself follow them: either, or. */
    scribbles = next8(&bytes) & 1u;
    if (scribbles)
        device.on_notify = NULL;
    while (bytes.left > 0 && first) {
        struct pv_blk *blk = disk_pick(first, next8(&bytes));
        const char *fault = blk->fault;

        if (scribbles && next8(&bytes) % 2u && device.driver_ok)
            hostile_queue_act(&device.queues[next8(&bytes) % 3u], &bytes);
        else
            act(&device, blk, &bytes, scribbles ? 5u : 6u);
        require(!fault || blk->fault == fault);
        require(device.failed <= 1u);
    }
    device_close(&device);
    free(memory);
    return 0;
}
