/* SPDX-License-Identifier: BSD-2-Clause */
/* sources: pvabi/virtio/blk.c pvabi/virtio/blk_request.c pvabi/virtio/attach.c */
/* sources: pvabi/virtio/virtqueue.c tests/unit/support/device.c */
/*
 * The virtio block frontend attached to a device that the test plays (device.h). For cmocka tests, which
 * include it once.
 */
#ifndef TESTS_BLK_BED_H
#define TESTS_BLK_BED_H

#include <stdlib.h>
#include <string.h>

#include "pvabi/errno.h"
#include "pvabi/virtio/blk.h"
#include "tests/unit/support/device.h"

#define SIZE 16u
#define ALL                                                                                \
    (VIRTIO_F_VERSION_1 | VIRTIO_F_EVENT_IDX | VIRTIO_BLK_F_SEG_MAX | VIRTIO_BLK_F_FLUSH | \
     VIRTIO_BLK_F_DISCARD | VIRTIO_BLK_F_BLK_SIZE)

static const struct pv_blk_ops *const ops = &virtio_blk_ops;

struct bed {
    struct device device;
    struct device_queue *queue;
    struct pv_blk *blk;
    void *memory;
    uint8_t data[4][4096];
};

static inline struct virtio_blk_config *config_of(struct bed *bed)
{
    return (struct virtio_blk_config *)(void *)bed->device.config;
}

static inline void bed_prepare(struct bed *bed, uint64_t features)
{
    memset(bed, 0, sizeof(*bed));
    device_open(&bed->device, PV_BLK, features, 1, SIZE);
    bed->queue = &bed->device.queues[0];
    *config_of(bed) = (struct virtio_blk_config){
        .capacity = 1000, .seg_max = 6, .blk_size = 512, .max_discard_sectors = 64};
}

static inline int bed_attach(struct bed *bed)
{
    size_t bytes = ops->memory_bytes(&bed->device.pv);

    assert_int_equal(bytes % 4096u, 0);
    assert_int_equal(posix_memalign(&bed->memory, 4096, bytes), 0);
    memset(bed->memory, 0, bytes);
    return ops->attach(&bed->device.pv, bed->memory, &bed->blk);
}

static inline void bed_open(struct bed *bed, uint64_t features)
{
    bed_prepare(bed, features);
    assert_int_equal(bed_attach(bed), 0);
}

static inline void bed_close(struct bed *bed)
{
    device_close(&bed->device);
    free(bed->memory);
}

static inline int submit(struct bed *bed, enum pv_blk_operation operation, uint64_t sector,
                         const struct pv_segment *segments, unsigned count, void *cookie)
{
    struct pv_blk_request request = {.operation = operation,
                                     .sector = sector,
                                     .sector_count = 8,
                                     .segments = segments,
                                     .segment_count = count,
                                     .cookie = cookie};

    return ops->submit(bed->blk, &request);
}

/* A read of two segments, as far as the device sees it. */
static inline uint16_t read_and_see(struct bed *bed, void *cookie)
{
    struct pv_segment segments[2] = {{bed->data[0], 512}, {bed->data[1], 1024}};
    uint16_t head;

    assert_int_equal(submit(bed, PV_BLK_READ, 7, segments, 2, cookie), 0);
    ops->kick(bed->blk);
    assert_true(device_next(bed->queue, &head));
    return head;
}

/* Writes the status byte (the chain's last) and gives the chain back. */
static inline void answer(struct bed *bed, uint16_t head, uint8_t status, uint32_t bytes)
{
    *(uint8_t *)device_buffer(bed->queue, head,
                              device_chain_length(bed->queue, head) - 1u) = status;
    device_use(bed->queue, head, bytes);
}

#endif
