/* SPDX-License-Identifier: BSD-2-Clause */
/* The Xen block frontend against an honest backend that the test plays. */
/* like: tests/unit/support/xen_blk_bed.h */
#include "tests/unit/support/xen_blk_bed.h"

static const struct pv_blk_ops *const ops = &xen_blk_ops;

static void test_attach(void **state)
{
    (void)state;
    bed_open();
    assert_int_equal(bed.blk->sector_count, 4096);
    assert_int_equal(bed.blk->block_bytes, 512);
    assert_true(bed.blk->can_flush && bed.blk->can_discard && !bed.blk->read_only);
    assert_int_equal(bed.blk->sectors_max, 256);
    assert_int_equal(bed.blk->event, xen_machine.channels[bed.port].event);
    assert_string_equal(xen_store_get(XEN_HOME XEN_BLK_PATH "/protocol"), "x86_64-abi");
    assert_int_equal(xen_store_number(XEN_HOME XEN_BLK_PATH "/ring-page-order"), 2);
    assert_int_equal(bed.blk->requests_max, 128);
    assert_string_equal(xen_store_get(XEN_HOME XEN_BLK_PATH "/feature-persistent"), "1");
}

static void test_attach_plain(void **state)
{
    (void)state;
    xen_store_put(XEN_BLK_BACKEND, "feature-max-indirect-segments", NULL);
    xen_store_put(XEN_BLK_BACKEND, "feature-flush-cache", NULL);
    xen_store_put(XEN_BLK_BACKEND, "feature-discard", NULL);
    xen_store_put(XEN_BLK_BACKEND, "sector-size", "4096");
    xen_store_put(XEN_BLK_BACKEND, "info", "4");
    bed_open();
    assert_int_equal(bed.blk->sectors_max, 88);
    assert_int_equal(bed.blk->block_bytes, 4096);
    assert_true(bed.blk->read_only && !bed.blk->can_flush && !bed.blk->can_discard);
    assert_int_equal(bed_submit(PV_BLK_WRITE, 0, bed.data, 512, &bed), -EINVAL);
    assert_int_equal(bed_submit(PV_BLK_FLUSH, 0, NULL, 0, &bed), -EINVAL);
    assert_int_equal(bed_submit(PV_BLK_DISCARD, 0, NULL, 0, &bed), -EINVAL);
}

/* Any length, at any alignment, direct and indirect. */
static void test_write_and_read(void **state)
{
    static const uint32_t sectors[] = {1, 7, 8, 9, 88, 89, 255, 256};
    void *cookie;

    (void)state;
    bed_open();
    for (unsigned i = 0; i < sizeof(sectors) / sizeof(sectors[0]); i++) {
        uint32_t bytes = sectors[i] * PV_SECTOR_BYTES;
        uint8_t *odd = bed.data + i; /* not aligned */

        bed_fill(odd, bytes, i);
        memset(bed_disk, 0xee, sizeof(bed_disk));
        assert_int_equal(bed_submit(PV_BLK_WRITE, 3, odd, bytes, &bed), 0);
        assert_int_equal(bed_take(&cookie), 1);
        ops->kick(bed.blk);
        assert_int_equal(xen_machine.channels[bed.port].sent, 2u * i + 1u);
        assert_int_equal(back_serve(), 1);
        assert_int_equal(bed_take(&cookie), 0);
        assert_ptr_equal(cookie, &bed);
        assert_memory_equal(bed_disk + 3u * PV_SECTOR_BYTES, odd, bytes);
        assert_int_equal(bed_disk[3u * PV_SECTOR_BYTES + bytes], 0xee);

        memset(bed.data, 0, DATA_BYTES);
        assert_int_equal(bed_submit(PV_BLK_READ, 3, odd, bytes, &bed), 0);
        ops->kick(bed.blk);
        assert_int_equal(back_serve(), 1);
        assert_int_equal(bed_take(&cookie), 0);
        assert_memory_equal(bed_disk + 3u * PV_SECTOR_BYTES, odd, bytes);
        assert_int_equal(odd[bytes], 0);
    }
}

static void test_segments(void **state)
{
    struct pv_segment segments[8];
    struct pv_blk_request request = {
        .operation = PV_BLK_WRITE, .segments = segments, .segment_count = 8, .cookie = &bed};
    uint8_t *parts[8];
    void *cookie;

    (void)state;
    bed_open();
    for (unsigned i = 0; i < 8; i++) {
        uint32_t bytes = (i * 3u + 1u) * PV_SECTOR_BYTES;

        parts[i] = malloc(bytes);
        bed_fill(parts[i], bytes, i);
        segments[i] = (struct pv_segment){parts[i], bytes};
    }
    assert_int_equal(ops->submit(bed.blk, &request), 0);
    ops->kick(bed.blk);
    assert_int_equal(back_serve(), 1);
    assert_int_equal(bed_take(&cookie), 0);
    for (unsigned i = 0, at = 0; i < 8; at += segments[i++].bytes) {
        assert_memory_equal(bed_disk + at, parts[i], segments[i].bytes);
        memset(parts[i], 0, segments[i].bytes);
    }
    request.operation = PV_BLK_READ;
    assert_int_equal(ops->submit(bed.blk, &request), 0);
    ops->kick(bed.blk);
    assert_int_equal(back_serve(), 1);
    assert_int_equal(bed_take(&cookie), 0);
    for (unsigned i = 0, at = 0; i < 8; at += segments[i++].bytes) {
        assert_memory_equal(bed_disk + at, parts[i], segments[i].bytes);
        free(parts[i]);
    }
}

static void test_flush_and_discard(void **state)
{
    void *cookie;

    (void)state;
    bed_open();
    memset(bed_disk, 1, sizeof(bed_disk));
    assert_int_equal(bed_submit(PV_BLK_DISCARD, 16, NULL, 0, &bed), 0);
    assert_int_equal(bed_submit(PV_BLK_FLUSH, 0, NULL, 0, &bed), 0);
    ops->kick(bed.blk);
    assert_int_equal(back_serve(), 2);
    assert_int_equal(bed_take(&cookie), 0);
    assert_int_equal(bed_take(&cookie), 0);
    assert_int_equal(bed_disk[16u * PV_SECTOR_BYTES - 1u], 1);
    assert_int_equal(bed_disk[16u * PV_SECTOR_BYTES], 0);
    assert_int_equal(bed_disk[24u * PV_SECTOR_BYTES - 1u], 0);
    assert_int_equal(bed_disk[24u * PV_SECTOR_BYTES], 1);
}

static void test_malformed_requests(void **state)
{
    (void)state;
    bed_open();
    assert_int_equal(bed_submit(PV_BLK_READ, 0, bed.data, 0, &bed), -EINVAL);
    assert_int_equal(bed_submit(PV_BLK_READ, 0, bed.data, 513, &bed), -EINVAL);
    assert_int_equal(bed_submit(PV_BLK_READ, 0, bed.data, 257u * 512u, &bed), -EINVAL);
    assert_int_equal(bed_submit(PV_BLK_READ, 4096, bed.data, 512, &bed), -EINVAL);
    assert_int_equal(bed_submit(PV_BLK_READ, UINT64_MAX, bed.data, 512, &bed), -EINVAL);
    assert_int_equal(bed_submit(PV_BLK_READ, 0, bed.data, 512, NULL), -EINVAL);
    assert_int_equal(bed_submit((enum pv_blk_operation)9, 0, bed.data, 512, &bed), -EINVAL);
    assert_int_equal(bed_submit(PV_BLK_READ, 4095, bed.data, 512, &bed), 0);
}

/* As many small requests as the ring holds; fewer large ones, as the pool holds. Then again. */
static void test_full(void **state)
{
    static const uint32_t sizes[] = {512, 128u * 1024u, 40u * 1024u, 512};
    static const unsigned fit[] = {128, 4, 13, 128};
    void *cookie;

    (void)state;
    bed_open();
    for (unsigned i = 0; i < 4; i++) {
        unsigned count = 0;

        while (bed_submit(PV_BLK_READ, 0, bed.data, sizes[i], &bed) == 0)
            count++;
        assert_int_equal(bed_submit(PV_BLK_READ, 0, bed.data, sizes[i], &bed), -EAGAIN);
        assert_int_equal(count, fit[i]);
        ops->kick(bed.blk);
        assert_int_equal(back_serve(), count);
        for (unsigned j = 0; j < count; j++)
            assert_int_equal(bed_take(&cookie), 0);
        assert_int_equal(bed_take(&cookie), 1);
    }
}

static void test_events(void **state)
{
    void *cookie;

    (void)state;
    bed_open();
    assert_int_equal(bed_submit(PV_BLK_FLUSH, 0, NULL, 0, &bed), 0);
    ops->kick(bed.blk);
    assert_false(ops->ask(bed.blk));
    assert_int_equal(bed.back.sring->rsp_event, 1);
    back_serve();
    assert_true(xen_backend_send(bed.port));
    assert_true(xen_event_taken(bed.blk->event));
    assert_true(ops->ask(bed.blk));
    assert_int_equal(bed_take(&cookie), 0);
    assert_false(xen_backend_send(bed.port)); /* masked until we ask */
    assert_false(ops->ask(bed.blk));
    assert_true(xen_event_taken(bed.blk->event)); /* what came meanwhile is not lost */
}

static void test_grows(void **state)
{
    (void)state;
    bed_open();
    xen_store_put(XEN_BLK_BACKEND, "sectors", "9999");
    ops->refresh(bed.blk);
    assert_int_equal(bed.blk->sector_count, 9999);
    xen_store_put(XEN_BLK_BACKEND, "sectors", "99999999999999999999");
    ops->refresh(bed.blk);
    assert_int_equal(bed.blk->sector_count, 9999);
    xen_store_put(XEN_BLK_BACKEND, "sectors", "9999999999999999999");
    ops->refresh(bed.blk);
    bed_expect_fault("capacity");
}

static void test_statuses(void **state)
{
    union blkif_sring_entry entry;
    void *cookie;

    (void)state;
    bed_open();
    memset(bed.data, 0x55, 512);
    assert_int_equal(bed_submit(PV_BLK_READ, 0, bed.data, 512, &bed), 0);
    ops->kick(bed.blk);
    assert_true(back_next(&entry));
    back_answer(entry.req.id, BLKIF_OP_READ, BLKIF_RSP_ERROR);
    assert_int_equal(bed_take(&cookie), -EIO);
    assert_ptr_equal(cookie, &bed);
    assert_int_equal(bed.data[0], 0x55);
    assert_int_equal(bed_submit(PV_BLK_FLUSH, 0, NULL, 0, &bed), 0);
    ops->kick(bed.blk);
    assert_true(back_next(&entry));
    back_answer(entry.req.id, BLKIF_OP_FLUSH_DISKCACHE, BLKIF_RSP_EOPNOTSUPP);
    assert_int_equal(bed_take(&cookie), -EOPNOTSUPP);
    assert_null(bed.blk->fault);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_attach),
        TEST(test_attach_plain),
        TEST(test_write_and_read),
        TEST(test_segments),
        TEST(test_flush_and_discard),
        TEST(test_malformed_requests),
        TEST(test_full),
        TEST(test_events),
        TEST(test_grows),
        TEST(test_statuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
