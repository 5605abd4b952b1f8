/* SPDX-License-Identifier: BSD-2-Clause */
/* like: tests/unit/support/blk_bed.h */
/* The virtio block frontend against a device that the test plays: an honest one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/support/blk_bed.h"

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
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
