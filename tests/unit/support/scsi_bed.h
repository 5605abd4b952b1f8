/* SPDX-License-Identifier: BSD-2-Clause */
/* sources: pvabi/virtio/scsi.c pvabi/virtio/scsi_command.c pvabi/virtio/scsi_disk.c */
/* sources: pvabi/virtio/blk_request.c pvabi/virtio/attach.c pvabi/virtio/virtqueue.c */
/* sources: tests/unit/support/device.c tests/unit/support/scsi_target.c tests/unit/support/clock.c */
/*
 * The virtio SCSI frontend attached to disks that the test plays (scsi_target.h). For cmocka tests,
 * which include it once.
 */
#ifndef TESTS_SCSI_BED_H
#define TESTS_SCSI_BED_H

#include <stdlib.h>
#include <string.h>

#include "pvabi/errno.h"
#include "pvabi/virtio/scsi.h"
#include "tests/unit/support/scsi_target.h"

#define SIZE 64u
#define ALL (VIRTIO_F_VERSION_1 | VIRTIO_F_EVENT_IDX | VIRTIO_SCSI_F_HOTPLUG | VIRTIO_SCSI_F_CHANGE)

static const struct pv_blk_ops *const ops = &virtio_scsi_ops;

struct bed {
    struct scsi_target target;
    struct scsi_target_disk *disks;
    struct pv_blk *blk;
    void *memory;
    uint8_t data[4][8192];
};

static inline struct virtio_scsi_config *config_of(struct bed *bed)
{
    return (struct virtio_scsi_config *)(void *)bed->target.device.config;
}

static inline struct bed *bed_prepare(uint64_t features)
{
    struct bed *bed = calloc(1, sizeof(*bed));

    assert_non_null(bed);
    scsi_target_open(&bed->target, features, SIZE);
    bed->disks = bed->target.disks;
    return bed;
}

static inline int bed_attach(struct bed *bed)
{
    size_t bytes = ops->memory_bytes(&bed->target.device.pv);

    assert_int_equal(bytes % 4096u, 0);
    assert_int_equal(posix_memalign(&bed->memory, 4096, bytes), 0);
    memset(bed->memory, 0, bytes);
    return ops->attach(&bed->target.device.pv, bed->memory, &bed->blk);
}

static inline struct bed *bed_open(uint64_t features)
{
    struct bed *bed = bed_prepare(features);

    assert_int_equal(bed_attach(bed), 0);
    assert_non_null(bed->blk);
    assert_null(bed->blk->fault);
    return bed;
}

static inline void bed_close(struct bed *bed)
{
    scsi_target_close(&bed->target);
    free(bed->memory);
    free(bed);
}

static inline int submit(struct pv_blk *blk, enum pv_blk_operation operation, uint64_t sector,
                         void *data, uint32_t bytes, void *cookie)
{
    struct pv_segment segment = {data, bytes};
    struct pv_blk_request request = {.operation = operation,
                                     .sector = sector,
                                     .sector_count = bytes / PV_SECTOR_BYTES,
                                     .segments = &segment,
                                     .segment_count = 1,
                                     .cookie = cookie};

    return ops->submit(blk, &request);
}

/* A request from its beginning to its end. */
static inline int run(struct pv_blk *blk, enum pv_blk_operation operation, uint64_t sector,
                      void *data, uint32_t bytes)
{
    void *cookie = NULL;
    int result = 1, got = submit(blk, operation, sector, data, bytes, &result);

    if (got < 0)
        return got;
    ops->kick(blk);
    for (unsigned i = 0; i < 100000u && (got = ops->take(blk, &cookie, &result)) == 0; i++)
        ;
    if (got < 0)
        return got;
    assert_int_equal(got, 1);
    assert_ptr_equal(cookie, &result);
    return result;
}

static inline int read_one(struct bed *bed)
{
    return run(bed->blk, PV_BLK_READ, 0, bed->data[0], 512);
}

#endif
