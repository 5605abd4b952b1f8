/* SPDX-License-Identifier: BSD-2-Clause */
/* The virtio block frontend against a device that the test plays, honest and hostile. */
/* sources: pvabi/virtio/blk.c pvabi/virtio/blk_request.c pvabi/virtio/attach.c */
/* sources: pvabi/virtio/virtqueue.c */
/* sources: tests/unit/support/device.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

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

static struct virtio_blk_config *config_of(struct bed *bed)
{
    return (struct virtio_blk_config *)(void *)bed->device.config;
}

static void bed_prepare(struct bed *bed, uint64_t features)
{
    memset(bed, 0, sizeof(*bed));
    device_open(&bed->device, PV_BLK, features, 1, SIZE);
    bed->queue = &bed->device.queues[0];
    *config_of(bed) = (struct virtio_blk_config){
        .capacity = 1000, .seg_max = 6, .blk_size = 512, .max_discard_sectors = 64};
}

static int bed_attach(struct bed *bed)
{
    size_t bytes = ops->memory_bytes(&bed->device.pv);

    assert_int_equal(bytes % 4096u, 0);
    assert_int_equal(posix_memalign(&bed->memory, 4096, bytes), 0);
    memset(bed->memory, 0, bytes);
    return ops->attach(&bed->device.pv, bed->memory, &bed->blk);
}

static void bed_open(struct bed *bed, uint64_t features)
{
    bed_prepare(bed, features);
    assert_int_equal(bed_attach(bed), 0);
}

static void bed_close(struct bed *bed)
{
    device_close(&bed->device);
    free(bed->memory);
}

static int submit(struct bed *bed, enum pv_blk_operation operation, uint64_t sector,
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
static uint16_t read_and_see(struct bed *bed, void *cookie)
{
    struct pv_segment segments[2] = {{bed->data[0], 512}, {bed->data[1], 1024}};
    uint16_t head;

    assert_int_equal(submit(bed, PV_BLK_READ, 7, segments, 2, cookie), 0);
    ops->kick(bed->blk);
    assert_true(device_next(bed->queue, &head));
    return head;
}

/* Writes the status byte (the chain's last) and gives the chain back. */
static void answer(struct bed *bed, uint16_t head, uint8_t status, uint32_t bytes)
{
    *(uint8_t *)device_buffer(bed->queue, head,
                              device_chain_length(bed->queue, head) - 1u) = status;
    device_use(bed->queue, head, bytes);
}

static void expect_fault(struct bed *bed, const char *words)
{
    struct pv_segment segment = {bed->data[0], 512};
    unsigned notified = bed->queue->notified;
    void *cookie;
    int result;

    assert_int_equal(ops->take(bed->blk, &cookie, &result), -EIO);
    assert_non_null(bed->blk->fault);
    assert_non_null(strstr(bed->blk->fault, words));
    assert_int_equal(bed->device.failed, 1);
    assert_int_equal(submit(bed, PV_BLK_READ, 0, &segment, 1, bed), -EIO);
    assert_int_equal(ops->take(bed->blk, &cookie, &result), -EIO);
    assert_true(ops->ask(bed->blk));
    ops->kick(bed->blk);
    ops->refresh(bed->blk);
    assert_int_equal(bed->queue->notified, notified);
    assert_int_equal(bed->device.failed, 1);
    bed_close(bed);
}

/* ---- an honest device --------------------------------------------------------------------- */

static void test_attach(void **state)
{
    struct bed bed;

    (void)state;
    bed_open(&bed, ALL | VIRTIO_BLK_F_RO | 1ull << 40);
    assert_true(bed.device.begun && bed.device.driver_ok);
    assert_int_equal(bed.device.accepted, ALL | VIRTIO_BLK_F_RO);
    assert_int_equal(bed.blk->event, 10);
    assert_int_equal(bed.blk->sector_count, 1000);
    assert_true(bed.blk->read_only && bed.blk->can_flush);
    assert_false(bed.blk->can_discard); /* read-only */
    assert_int_equal(bed.blk->segments_max, 6);
    assert_int_equal(bed.blk->requests_max, SIZE / 3u);
    assert_int_equal(bed.blk->block_bytes, 512);
    bed_close(&bed);
}

static void test_attach_plain(void **state)
{
    struct bed bed;

    (void)state;
    bed_open(&bed, 0); /* a legacy device without any feature */
    assert_int_equal(bed.blk->segments_max, 1);
    assert_false(bed.blk->read_only || bed.blk->can_flush || bed.blk->can_discard);
    bed_close(&bed);
}

static void test_attach_own_rings(void **state)
{
    struct bed bed;
    uint16_t head;
    void *cookie;
    int result;

    (void)state;
    bed_prepare(&bed, ALL);
    bed.device.driver_rings = true;
    assert_int_equal(bed_attach(&bed), 0);
    head = read_and_see(&bed, &bed);
    answer(&bed, head, VIRTIO_BLK_S_OK, 1537);
    assert_int_equal(ops->take(bed.blk, &cookie, &result), 1);
    bed_close(&bed);
}

static void test_read(void **state)
{
    struct bed bed;
    const struct virtio_blk_header *header;
    uint16_t head;
    void *cookie = NULL;
    int result = 1;

    (void)state;
    bed_open(&bed, ALL);
    head = read_and_see(&bed, &bed);
    assert_int_equal(bed.queue->notified, 1);
    assert_int_equal(device_chain_length(bed.queue, head), 4);
    assert_int_equal(device_desc(bed.queue, head, 0)->bytes, 16);
    assert_false(device_desc(bed.queue, head, 0)->flags & VIRTQ_DESC_WRITE);
    for (unsigned i = 1; i < 4; i++)
        assert_true(device_desc(bed.queue, head, i)->flags & VIRTQ_DESC_WRITE);
    assert_int_equal(device_desc(bed.queue, head, 2)->bytes, 1024);
    assert_int_equal(device_desc(bed.queue, head, 3)->bytes, 1);
    header = device_buffer(bed.queue, head, 0);
    assert_int_equal(header->type, VIRTIO_BLK_T_IN);
    assert_int_equal(header->sector, 7);
    assert_int_equal(ops->take(bed.blk, &cookie, &result), 0);
    answer(&bed, head, VIRTIO_BLK_S_OK, 1537);
    assert_int_equal(ops->take(bed.blk, &cookie, &result), 1);
    assert_ptr_equal(cookie, &bed);
    assert_int_equal(result, 0);
    bed_close(&bed);
}

static void test_write_flush_discard(void **state)
{
    struct bed bed;
    struct pv_segment segment = {bed.data[0], 4096};
    const struct virtio_blk_header *header;
    const struct virtio_blk_discard *discard;
    uint16_t head;

    (void)state;
    bed_open(&bed, ALL);
    assert_int_equal(submit(&bed, PV_BLK_WRITE, 992, &segment, 1, &bed), 0);
    assert_int_equal(submit(&bed, PV_BLK_FLUSH, 5, NULL, 0, &bed), 0);
    assert_int_equal(submit(&bed, PV_BLK_DISCARD, 3, NULL, 0, &bed), 0);
    ops->kick(bed.blk);
    assert_int_equal(bed.queue->notified, 1);

    assert_true(device_next(bed.queue, &head));
    header = device_buffer(bed.queue, head, 0);
    assert_int_equal(header->type, VIRTIO_BLK_T_OUT);
    assert_int_equal(header->sector, 992);
    assert_false(device_desc(bed.queue, head, 1)->flags & VIRTQ_DESC_WRITE);
    assert_true(device_desc(bed.queue, head, 2)->flags & VIRTQ_DESC_WRITE);

    assert_true(device_next(bed.queue, &head));
    header = device_buffer(bed.queue, head, 0);
    assert_int_equal(header->type, VIRTIO_BLK_T_FLUSH);
    assert_int_equal(header->sector, 0);
    assert_int_equal(device_chain_length(bed.queue, head), 2);

    assert_true(device_next(bed.queue, &head));
    header = device_buffer(bed.queue, head, 0);
    assert_int_equal(header->type, VIRTIO_BLK_T_DISCARD);
    assert_int_equal(device_desc(bed.queue, head, 1)->bytes, sizeof(*discard));
    discard = device_buffer(bed.queue, head, 1);
    assert_int_equal(discard->sector, 3);
    assert_int_equal(discard->sector_count, 8);
    bed_close(&bed);
}

static void test_results(void **state)
{
    static const int results[] = {0, -EIO, -EOPNOTSUPP};

    (void)state;
    for (uint8_t status = 0; status < 3; status++) {
        struct bed bed;
        void *cookie;
        int result = 1;

        bed_open(&bed, ALL);
        answer(&bed, read_and_see(&bed, &bed), status, 1);
        assert_int_equal(ops->take(bed.blk, &cookie, &result), 1);
        assert_int_equal(result, results[status]);
        assert_null(bed.blk->fault);
        bed_close(&bed);
    }
}

static void test_malformed_requests(void **state)
{
    struct bed bed;
    struct pv_segment good = {bed.data[0], 512}, odd = {bed.data[0], 513}, none = {bed.data[0], 0};
    struct pv_segment many[7];
    uint16_t head;

    (void)state;
    bed_open(&bed, ALL);
    for (unsigned i = 0; i < 7; i++)
        many[i] = good;
    assert_int_equal(submit(&bed, PV_BLK_READ, 0, &odd, 1, &bed), -EINVAL);
    assert_int_equal(submit(&bed, PV_BLK_READ, 0, &none, 1, &bed), -EINVAL);
    assert_int_equal(submit(&bed, PV_BLK_READ, 0, &good, 0, &bed), -EINVAL);
    assert_int_equal(submit(&bed, PV_BLK_READ, 0, many, 7, &bed), -EINVAL);
    assert_int_equal(submit(&bed, PV_BLK_READ, 0, many, 6, &bed), 0);
    assert_int_equal(submit(&bed, PV_BLK_READ, 1000, &good, 1, &bed), -EINVAL);
    assert_int_equal(submit(&bed, PV_BLK_READ, UINT64_MAX, &good, 1, &bed), -EINVAL);
    assert_int_equal(submit(&bed, PV_BLK_READ, 999, &good, 1, NULL), -EINVAL);
    assert_int_equal(submit(&bed, PV_BLK_READ, 999, &good, 1, &bed), 0);
    assert_int_equal(submit(&bed, PV_BLK_DISCARD, 993, NULL, 0, &bed), -EINVAL);
    assert_int_equal(submit(&bed, (enum pv_blk_operation)9, 0, &good, 1, &bed), -EINVAL);
    ops->kick(bed.blk);
    assert_true(device_next(bed.queue, &head));
    assert_true(device_next(bed.queue, &head));
    assert_false(device_next(bed.queue, &head));
    bed_close(&bed);

    bed_open(&bed, VIRTIO_BLK_F_RO);
    assert_int_equal(submit(&bed, PV_BLK_WRITE, 0, &good, 1, &bed), -EINVAL);
    assert_int_equal(submit(&bed, PV_BLK_FLUSH, 0, NULL, 0, &bed), -EINVAL);
    assert_int_equal(submit(&bed, PV_BLK_DISCARD, 0, NULL, 0, &bed), -EINVAL);
    bed_close(&bed);
}

static void test_full(void **state)
{
    struct bed bed;
    struct pv_segment segments[6];
    void *cookie;
    int result;

    (void)state;
    bed_open(&bed, ALL);
    for (unsigned i = 0; i < 6; i++)
        segments[i] = (struct pv_segment){bed.data[0], 512};
    for (unsigned i = 0; i < bed.blk->requests_max; i++)
        assert_int_equal(submit(&bed, PV_BLK_WRITE, 0, segments, 1, &bed), 0);
    assert_int_equal(submit(&bed, PV_BLK_WRITE, 0, segments, 1, &bed), -EAGAIN);
    bed_close(&bed);

    bed_open(&bed, ALL);
    for (unsigned i = 0; i < SIZE / 8u; i++)
        assert_int_equal(submit(&bed, PV_BLK_WRITE, 0, segments, 6, &bed), 0);
    assert_int_equal(submit(&bed, PV_BLK_WRITE, 0, segments, 6, &bed), -EAGAIN);
    assert_int_equal(submit(&bed, PV_BLK_FLUSH, 0, NULL, 0, &bed), -EAGAIN);
    ops->kick(bed.blk);
    answer(&bed, 0, VIRTIO_BLK_S_OK, 1);
    assert_int_equal(ops->take(bed.blk, &cookie, &result), 1);
    assert_int_equal(submit(&bed, PV_BLK_WRITE, 0, segments, 6, &bed), 0);
    bed_close(&bed);
}

static void test_refresh(void **state)
{
    struct bed bed;

    (void)state;
    bed_open(&bed, ALL);
    config_of(&bed)->capacity = 2000;
    bed.device.generation++;
    ops->refresh(bed.blk);
    assert_int_equal(bed.blk->sector_count, 2000);
    bed_close(&bed);
}

/* A device that owes something is told again, in case that it has missed the doorbell. */
static void test_lost_doorbell(void **state)
{
    struct bed bed;
    unsigned notified;

    (void)state;
    bed_open(&bed, ALL);
    ops->refresh(bed.blk);
    assert_int_equal(bed.queue->notified, 0);
    assert_int_equal(submit(&bed, PV_BLK_FLUSH, 0, NULL, 0, &bed), 0);
    ops->kick(bed.blk);
    notified = bed.queue->notified;
    ops->refresh(bed.blk);
    assert_int_equal(bed.queue->notified, notified + 1);
    bed_close(&bed);
}

static void test_size_max(void **state)
{
    struct bed bed;

    (void)state;
    bed_prepare(&bed, ALL | VIRTIO_BLK_F_SIZE_MAX);
    config_of(&bed)->size_max = 4096;
    assert_int_equal(bed_attach(&bed), 0);
    assert_int_equal(bed.blk->sectors_max, 8);
    bed_close(&bed);
}

/* ---- a hostile device --------------------------------------------------------------------- */

static void expect_refused(struct bed *bed, const char *words)
{
    assert_int_equal(bed_attach(bed), -EIO);
    assert_false(bed->device.driver_ok);
    expect_fault(bed, words);
}

static void test_refused(void **state)
{
    struct bed bed;

    (void)state;
    bed_prepare(&bed, ALL);
    bed.device.refuses = true;
    expect_refused(&bed, "negotiation");
    bed_prepare(&bed, ALL);
    bed.device.breaks_set_up = true;
    expect_refused(&bed, "set-up");
    bed_prepare(&bed, ALL);
    bed.device.restless = true;
    expect_refused(&bed, "come to rest");
    bed_prepare(&bed, ALL);
    config_of(&bed)->capacity = UINT64_MAX / 512u + 1u;
    expect_refused(&bed, "capacity");
    bed_prepare(&bed, ALL);
    config_of(&bed)->blk_size = 513;
    expect_refused(&bed, "block size");
    bed_prepare(&bed, ALL);
    config_of(&bed)->blk_size = 0;
    expect_refused(&bed, "block size");
    bed_prepare(&bed, ALL | VIRTIO_BLK_F_SIZE_MAX);
    config_of(&bed)->size_max = 511;
    expect_refused(&bed, "segments");
}

static void test_queue_missing_or_tiny(void **state)
{
    struct bed bed;

    (void)state;
    bed_prepare(&bed, ALL);
    device_queue_close(bed.queue);
    expect_refused(&bed, "queue");
    bed_prepare(&bed, ALL);
    device_queue_close(bed.queue);
    device_queue_open(bed.queue, 2);
    expect_refused(&bed, "queue");
}

static void test_extreme_limits(void **state)
{
    struct bed bed;

    (void)state;
    bed_prepare(&bed, ALL | VIRTIO_BLK_F_SIZE_MAX);
    memset(bed.device.config, 0xff, sizeof(bed.device.config));
    config_of(&bed)->capacity = 8;
    config_of(&bed)->blk_size = 512;
    assert_int_equal(bed_attach(&bed), 0);
    assert_in_range(bed.blk->segments_max, 1, SIZE - 2u);
    assert_in_range(bed.blk->requests_max, 1, SIZE);
    assert_in_range(bed.blk->sectors_max, 1, 1u << 22);
    bed_close(&bed);

    bed_prepare(&bed, ALL); /* the ring is shorter than what the device takes */
    device_queue_close(bed.queue);
    device_queue_open(bed.queue, 4);
    assert_int_equal(bed_attach(&bed), 0);
    assert_int_equal(bed.blk->segments_max, 2);
    assert_int_equal(bed.blk->requests_max, 1);
    bed_close(&bed);

    bed_prepare(&bed, ALL);
    config_of(&bed)->seg_max = 0;
    config_of(&bed)->max_discard_sectors = 0;
    assert_int_equal(bed_attach(&bed), 0);
    assert_int_equal(bed.blk->segments_max, 1);
    assert_false(bed.blk->can_discard);
    bed_close(&bed);
}

static void test_status_unwritten(void **state)
{
    struct bed bed;

    (void)state;
    bed_open(&bed, ALL);
    device_use(bed.queue, read_and_see(&bed, &bed), 1537);
    expect_fault(&bed, "status");
}

static void test_status_unknown(void **state)
{
    struct bed bed;

    (void)state;
    bed_open(&bed, ALL);
    answer(&bed, read_and_see(&bed, &bed), 3, 1537);
    expect_fault(&bed, "status");
}

static void test_ring_abuse(void **state)
{
    struct bed bed;
    uint16_t head;
    void *cookie;
    int result;

    (void)state;
    bed_open(&bed, ALL);
    answer(&bed, read_and_see(&bed, &bed), VIRTIO_BLK_S_OK, 1538);
    expect_fault(&bed, "used length");

    bed_open(&bed, ALL);
    read_and_see(&bed, &bed);
    device_use(bed.queue, 0x1000, 0);
    expect_fault(&bed, "used id");

    bed_open(&bed, ALL);
    head = read_and_see(&bed, &bed);
    read_and_see(&bed, &bed);
    answer(&bed, head, VIRTIO_BLK_S_OK, 0);
    device_use(bed.queue, head, 0);
    assert_int_equal(ops->take(bed.blk, &cookie, &result), 1);
    expect_fault(&bed, "used id");
}

static void test_refresh_hostile(void **state)
{
    struct bed bed;

    (void)state;
    bed_open(&bed, ALL);
    bed.device.restless = true;
    ops->refresh(bed.blk);
    expect_fault(&bed, "come to rest");
    bed_open(&bed, ALL);
    config_of(&bed)->capacity = UINT64_MAX;
    ops->refresh(bed.blk);
    expect_fault(&bed, "capacity");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_attach),
        cmocka_unit_test(test_attach_plain),
        cmocka_unit_test(test_attach_own_rings),
        cmocka_unit_test(test_read),
        cmocka_unit_test(test_write_flush_discard),
        cmocka_unit_test(test_results),
        cmocka_unit_test(test_malformed_requests),
        cmocka_unit_test(test_full),
        cmocka_unit_test(test_refresh),
        cmocka_unit_test(test_lost_doorbell),
        cmocka_unit_test(test_size_max),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_queue_missing_or_tiny),
        cmocka_unit_test(test_extreme_limits),
        cmocka_unit_test(test_status_unwritten),
        cmocka_unit_test(test_status_unknown),
        cmocka_unit_test(test_ring_abuse),
        cmocka_unit_test(test_refresh_hostile),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
