/* SPDX-License-Identifier: BSD-2-Clause */
/* like: tests/unit/support/blk_bed.h */
/* The virtio block frontend against a device that the test plays: a hostile one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/support/blk_bed.h"

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
        cmocka_unit_test(test_refused),         cmocka_unit_test(test_queue_missing_or_tiny),
        cmocka_unit_test(test_extreme_limits),  cmocka_unit_test(test_status_unwritten),
        cmocka_unit_test(test_status_unknown),  cmocka_unit_test(test_ring_abuse),
        cmocka_unit_test(test_refresh_hostile),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
